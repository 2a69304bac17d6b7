"""Where people can be written to: addresses that they proved to read, by a link that was sent there.

What is proved is an address, not an account: as soon as the account has another one, whoever changed it, nothing is proved.
Besides the link that proves it, nothing is sent to an address that nobody proved to read.
"""

import secrets
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from pioche.accounts.account import COLUMNS, Account, from_row
from pioche.accounts.callers import Caller, barred_from_afar, token_hash
from pioche.db import schema
from pioche.db.dialect import upsert
from pioche.db.engine import Database
from pioche.db.instance import now_ms
from pioche.errors import Forbidden
from pioche.events import Event
from pioche.jobs import outbox

HOURS: Final = 24
"""How long a link is good for."""
_HOUR_MS: Final = 3_600_000
_SECRET_BYTES: Final = 24

_table, _accounts, _service = schema.mail_addresses, schema.accounts, schema.service_accounts
_IS_PROVED = (_table.c.address == _accounts.c.email) & _table.c.verified_at.is_not(None)


@dataclass(frozen=True, slots=True)
class Reader:
    """Somebody who can be written to now."""

    user_id: int
    name: str
    is_admin: bool
    address: str
    language: str | None


def readers(connection: sa.Connection, users: list[int]) -> list[Reader]:
    """Of these users, those who proved their address: no service accounts, and nobody who is suspended."""
    columns = (_accounts.c.id, _accounts.c.name, _accounts.c.is_admin, _accounts.c.email, _accounts.c.language)
    query = sa.select(*columns).join_from(_accounts, _table, _table.c.user_id == _accounts.c.id)
    is_person = _accounts.c.id.not_in(sa.select(_service.c.user_id))
    query = query.where(_accounts.c.id.in_(users), _accounts.c.suspended_at.is_(None), _IS_PROVED, is_person)
    return [Reader(row.id, row.name, bool(row.is_admin), row.email, row.language) for row in connection.execute(query)]


def reader(database: Database, user_id: int) -> Reader | None:
    """None when they cannot be written to."""
    with database.read() as connection:
        return next(iter(readers(connection, [user_id])), None)


def owner(database: Database, asked: str) -> Reader | None:
    """Who is called so, or proved to read this address: of several the one who was first."""
    is_it = sa.func.lower(_accounts.c.email) == asked.lower() if "@" in asked else _accounts.c.name_key == asked.lower()
    query = sa.select(_accounts.c.id).where(is_it, _accounts.c.kind == "user").order_by(_accounts.c.id)
    with database.read() as connection:
        found = readers(connection, list(connection.execute(query).scalars()))
    return min(found, key=lambda one: one.user_id, default=None)


def is_proved(database: Database, user: Account) -> bool:
    """Whether they read the address that their account has now."""
    query = sa.select(_table.c.user_id).join_from(_table, _accounts).where(_accounts.c.id == user.id, _IS_PROVED)
    with database.read() as connection:
        return connection.execute(query).first() is not None


def caller(database: Database, one: Reader, *, may_write: bool = False) -> Caller:
    """As who they count for what is sent to them: somebody who is not there, so that organisations with networks of their own
    show them nothing, and those that demand a sign-in only for some hours after one."""
    barred = barred_from_afar(database, one.user_id)
    return Caller(one.user_id, one.name, may_write=may_write, is_admin=one.is_admin, barred=barred)


# --- the link -------------------------------------------------------------------------------------------------------


def link(database: Database, user_id: int) -> tuple[Account, str] | None:
    """Whose address is to be proved, and what the link holds, which is nowhere else; one before it counts no more. None when
    there is nothing to prove any more."""
    secret = secrets.token_urlsafe(_SECRET_BYTES)
    with database.write() as connection:
        user = _user(connection, user_id)
        if user is None or user.email is None or user.is_suspended or _is_proved(connection, user):
            return None
        row = {"user_id": user.id, "address": user.email, "asked": user.email, "hash": token_hash(secret)}
        row |= {"expires_at": now_ms() + HOURS * _HOUR_MS}
        connection.execute(upsert(connection, _table, ("user_id",), ("asked", "hash", "expires_at")), row)
    return user, secret


def find(database: Database, secret: str) -> Account:
    """Whose address a link proves. Raises Forbidden, the same for every reason."""
    with database.read() as connection:
        return _bearer(connection, secret)


def prove(database: Database, secret: str) -> Account:
    """The link counts once. Raises Forbidden."""
    with database.write() as connection:
        user = _bearer(connection, secret)
        here = _table.update().where(_table.c.user_id == user.id, _table.c.hash == token_hash(secret))
        values = {"address": user.email, "verified_at": now_ms(), "hash": None, "expires_at": None, "asked": None}
        if not connection.execute(here.values(values)).rowcount:  # of two at once
            raise _gone()
        outbox.append(connection, Event("user.prove_address", actor_id=user.id, payload={"name": user.name}))
        return user


def left(connection: sa.Connection, user: Account) -> str | None:
    """The address that they proved to read before they took another one; told once."""
    query = sa.select(_table.c.address).where(_table.c.user_id == user.id, _table.c.verified_at.is_not(None))
    before: str | None = connection.execute(query.with_for_update()).scalar()
    if before is None or before == user.email:
        return None
    connection.execute(_table.update().where(_table.c.user_id == user.id).values(verified_at=None))
    return before


def is_to_be_asked(connection: sa.Connection, user: Account) -> bool:
    """Whether they have an address that nobody proved to read, and that no link was sent to."""
    if user.email is None or _is_proved(connection, user):
        return False
    asked = sa.select(_table.c.asked).where(_table.c.user_id == user.id, _table.c.expires_at > now_ms())
    return connection.execute(asked).scalar() != user.email


def _is_proved(connection: sa.Connection, user: Account) -> bool:
    here = (_table.c.user_id == user.id) & (_table.c.address == user.email) & _table.c.verified_at.is_not(None)
    return connection.execute(sa.select(_table.c.user_id).where(here)).first() is not None


def _user(connection: sa.Connection, user_id: int) -> Account | None:
    row = connection.execute(sa.select(*COLUMNS).where(_accounts.c.id == user_id)).first()
    return None if row is None else from_row(row)


def _bearer(connection: sa.Connection, secret: str) -> Account:
    counts = (_table.c.hash == token_hash(secret)) & (_table.c.expires_at > now_ms())
    query = sa.select(*COLUMNS).join_from(_accounts, _table, _table.c.user_id == _accounts.c.id)
    is_same = (_table.c.asked == _accounts.c.email) & _accounts.c.suspended_at.is_(None)
    row = connection.execute(query.where(counts, is_same)).first()
    if row is None:
        raise _gone()
    return from_row(row)


def _gone() -> Forbidden:
    return Forbidden("This link counts no more: ask for a new one in your settings")
