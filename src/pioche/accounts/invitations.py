"""Invitations: links by which somebody may make one account, where not everybody may (setting `sign_up`)."""

import secrets
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from pioche.accounts.account import parse_email
from pioche.accounts.callers import token_hash
from pioche.db import schema
from pioche.db.engine import Database
from pioche.db.instance import now_ms
from pioche.errors import Forbidden, NotFound

_SECRET_BYTES = 24
_DAY_MS = 86_400_000
_KEPT_DAYS = 30

_invitations = schema.invitations


@dataclass(frozen=True, slots=True)
class Invitation:
    """What is known of an invitation: not what its link holds. Times are Unix milliseconds."""

    id: int
    email: str | None
    is_admin: bool
    created_at: int
    expires_at: int
    used_at: int | None


class Invitations:
    """Those of the whole hub."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(
        self, *, days: int, email: str | None = None, is_admin: bool = False, creator_id: int | None = None
    ) -> tuple[str, Invitation]:
        """What the link holds, for the only time, and what is kept of it. Raises BadRequest."""
        secret, now = secrets.token_urlsafe(_SECRET_BYTES), now_ms()
        row = {
            "hash": token_hash(secret),
            "email": parse_email(email),
            "is_admin": is_admin,
            "creator_id": creator_id,
            "created_at": now,
            "expires_at": now + days * _DAY_MS,
        }
        with self._database.write() as connection:
            id_ = connection.execute(_invitations.insert().values(row).returning(_invitations.c.id)).scalar_one()
            found = connection.execute(sa.select(*_COLUMNS).where(_invitations.c.id == id_)).one()
        return secret, _invitation(found)

    def open(self) -> list[Invitation]:
        """Those that may still be used, oldest first."""
        waiting = sa.select(*_COLUMNS).where(_invitations.c.used_at.is_(None), _invitations.c.expires_at > now_ms())
        with self._database.read() as connection:
            return [_invitation(row) for row in connection.execute(waiting.order_by(_invitations.c.id))]

    def find(self, secret: str) -> Invitation:
        """Raises Forbidden for what is no invitation, used, or past its time: the same for each."""
        with self._database.read() as connection:
            return find(connection, secret)

    def withdraw(self, id_: int) -> None:
        """Raises NotFound for one that is not open."""
        with self._database.write() as connection:
            gone = _invitations.delete().where(_invitations.c.id == id_, _invitations.c.used_at.is_(None))
            if not connection.execute(gone).rowcount:
                raise NotFound("There is no such invitation, or it was used: see `pioche user invitations`")


def find(connection: sa.Connection, secret: str) -> Invitation:
    """As `Invitations.find`, in the caller's transaction."""
    row = connection.execute(sa.select(*_COLUMNS).where(_invitations.c.hash == token_hash(secret))).first()
    if row is None or row.used_at is not None or row.expires_at <= now_ms():
        raise Forbidden("This invitation is not valid any more: ask for a new one")
    return _invitation(row)


def use(connection: sa.Connection, id_: int, user_id: int) -> None:
    """In the transaction that makes the account: of two at once, one gets it. Raises Forbidden."""
    used = _invitations.update().where(_invitations.c.id == id_, _invitations.c.used_at.is_(None))
    if not connection.execute(used.values(used_at=now_ms(), used_by_id=user_id)).rowcount:
        raise Forbidden("This invitation is not valid any more: ask for a new one")


def sweep(database: Database) -> int:
    """Removes those that ended a month ago. Returns how many."""
    with database.write() as connection:
        long_gone = _invitations.c.expires_at < now_ms() - _KEPT_DAYS * _DAY_MS
        return connection.execute(_invitations.delete().where(long_gone)).rowcount


_COLUMNS = tuple(_invitations.c[name] for name in Invitation.__dataclass_fields__)


def _invitation(row: sa.Row[Any]) -> Invitation:
    return Invitation(**row._asdict())
