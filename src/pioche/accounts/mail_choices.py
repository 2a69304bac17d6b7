"""How often somebody is sent what they are told of, and how they end it without signing in: by a key that stands in each such
letter. The key does nothing else, so that it may lie in mailboxes for years."""

import datetime
import secrets
from enum import StrEnum
from typing import Final

import sqlalchemy as sa

from pioche.db import schema
from pioche.db.dialect import insert_if_absent, upsert
from pioche.db.engine import Database
from pioche.db.instance import now_ms
from pioche.errors import BadRequest, Forbidden

_KEY_BYTES: Final = 24
_DIGEST_HOUR: Final = 6
"""Of the day (UTC), when those who want one letter a day get it."""

_ACCOUNT: Final = "account"
_table, _refusals, _accounts = schema.mail_choices, schema.mail_refusals, schema.accounts


class Frequency(StrEnum):
    """How often."""

    IMMEDIATE = "immediate"
    DAILY = "daily"
    OFF = "off"

    @classmethod
    def parse(cls, text: str) -> "Frequency":
        """Raises BadRequest."""
        try:
            return cls(text)
        except ValueError:
            raise BadRequest(f"{text[:40]!r} is not one of {', '.join(cls)}") from None

    def delay_ms(self) -> int:
        """How long what happens now waits to be sent."""
        if self is not Frequency.DAILY:
            return 0
        now = datetime.datetime.fromtimestamp(now_ms() / 1000, datetime.UTC)
        due = now.replace(hour=_DIGEST_HOUR, minute=0, second=0, microsecond=0)
        if due <= now:
            due += datetime.timedelta(days=1)
        return int((due - now).total_seconds() * 1000)


def frequency(database: Database, user_id: int) -> Frequency:
    """At once, unless they said otherwise."""
    with database.read() as connection:
        return frequencies(connection, [user_id])[user_id]


def frequencies(connection: sa.Connection, users: list[int]) -> dict[int, Frequency]:
    """Of each of these users."""
    rows = connection.execute(sa.select(_table.c.user_id, _table.c.frequency).where(_table.c.user_id.in_(users)))
    said = {row.user_id: Frequency(row.frequency) for row in rows}
    return {user: said.get(user, Frequency.IMMEDIATE) for user in users}


def wants_account(connection: sa.Connection, user_id: int) -> bool:
    """Whether they are written of what happens to their account (`accounts.noticing`): until they refuse it, or all such mail."""
    said = (_refusals.c.user_id == user_id) & (_refusals.c.reason == _ACCOUNT)
    if connection.execute(sa.select(_refusals.c.kind).where(said)).first() is not None:
        return False
    return frequencies(connection, [user_id])[user_id] is not Frequency.OFF


def is_account_refused(database: Database, user_id: int) -> bool:
    """Whether they said that they want no letters about their account."""
    said = (_refusals.c.user_id == user_id) & (_refusals.c.reason == _ACCOUNT)
    with database.read() as connection:
        return connection.execute(sa.select(_refusals.c.kind).where(said)).first() is not None


def refuse_account(database: Database, user_id: int, *, is_refused: bool) -> None:
    """From now on."""
    row = {"user_id": user_id, "reason": _ACCOUNT, "kind": _ACCOUNT}
    said = (_refusals.c.user_id == user_id) & (_refusals.c.reason == _ACCOUNT)
    with database.write() as connection:
        if is_refused:
            connection.execute(insert_if_absent(connection, _refusals).values(row))
        else:
            connection.execute(_refusals.delete().where(said))


def choose(database: Database, user_id: int, wanted: Frequency) -> None:
    """From now on."""
    row = {"user_id": user_id, "frequency": wanted.value, "unsubscribe": secrets.token_urlsafe(_KEY_BYTES)}
    with database.write() as connection:
        connection.execute(upsert(connection, _table, ("user_id",), ("frequency",)), row)


def key(database: Database, user_id: int) -> str:
    """What links that end their letters hold: the same in all of them."""
    row = {"user_id": user_id, "frequency": Frequency.IMMEDIATE.value, "unsubscribe": secrets.token_urlsafe(_KEY_BYTES)}
    select = sa.select(_table.c.unsubscribe).where(_table.c.user_id == user_id)
    with database.read() as connection:
        found: str | None = connection.execute(select).scalar()
    if found is not None:
        return found
    with database.write() as connection:
        connection.execute(insert_if_absent(connection, _table).values(row))
        return str(connection.execute(select).scalar_one())


def bearer(database: Database, held: str) -> tuple[str, Frequency]:
    """Whose key it is, and how often they are sent something now. Raises Forbidden."""
    query = sa.select(_accounts.c.name, _table.c.frequency).join_from(_table, _accounts)
    with database.read() as connection:
        row = connection.execute(query.where(_table.c.unsubscribe == held)).first() if held.isprintable() else None
    if row is None:
        raise Forbidden("This link ends no letters: it was not copied whole, or the account is gone")
    return row.name, Frequency(row.frequency)


def end(database: Database, held: str) -> None:
    """Nothing more is sent to them of what they are told of. Raises Forbidden."""
    bearer(database, held)
    with database.write() as connection:
        off = _table.update().where(_table.c.unsubscribe == held)
        connection.execute(off.values(frequency=Frequency.OFF.value))
