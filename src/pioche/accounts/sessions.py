"""Sessions: who is signed in, in which browser. A row each; the cookie's value is a random secret of which a hash is kept.

A session ends when it is revoked (its row goes), at its time, when the password changes and when the user is suspended.
"""

import secrets
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from pioche.accounts.account import Account
from pioche.accounts.callers import token_hash
from pioche.accounts.devices import device_of
from pioche.db import schema
from pioche.db.engine import Database
from pioche.db.instance import now_ms
from pioche.errors import NotFound
from pioche.events import Event
from pioche.jobs import outbox

_SECRET_BYTES = 32
_OF_USER_MAX = 50
"""The one that was used longest ago makes room for another."""
_HOUR_MS = 3_600_000

_sessions = schema.sessions


@dataclass(frozen=True, slots=True)
class Session:
    """What is known of a session: not its secret, and no address. Times are Unix milliseconds."""

    id: int
    user_id: int
    device: str
    is_remembered: bool
    created_at: int
    last_used_at: int
    expires_at: int


class Sessions:
    """The sessions of all users."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def start(
        self, user: Account, *, user_agent: str = "", hours: int, is_remembered: bool = False
    ) -> tuple[str, Session]:
        """The cookie's value, for the only time, and what is kept of it. The session ends after `hours`.

        `is_remembered`: the browser keeps the cookie when it is closed.
        """
        secret, now = secrets.token_urlsafe(_SECRET_BYTES), now_ms()
        row = {
            "user_id": user.id,
            "hash": token_hash(secret),
            "device": device_of(user_agent),
            "is_remembered": is_remembered,
            "created_at": now,
            "last_used_at": now,
            "expires_at": now + hours * _HOUR_MS,
        }
        with self._database.write() as connection:
            _make_room(connection, user.id, now)
            id_ = connection.execute(_sessions.insert().values(row).returning(_sessions.c.id)).scalar_one()
            told = {"user": user.name, "id": id_, "device": row["device"]}
            outbox.append(connection, Event("session.start", actor_id=user.id, payload=told))
            found = connection.execute(sa.select(*_COLUMNS).where(_sessions.c.id == id_)).one()
        return secret, _session(found)

    def of(self, user_id: int) -> list[Session]:
        """Those that have not ended, the latest used first."""
        of_user = sa.select(*_COLUMNS).where(_sessions.c.user_id == user_id, _sessions.c.expires_at > now_ms())
        with self._database.read() as connection:
            rows = connection.execute(of_user.order_by(_sessions.c.last_used_at.desc(), _sessions.c.id.desc()))
            return [_session(row) for row in rows]

    def end(self, user_id: int, id_: int) -> None:
        """From now on its cookie is nobody's. Raises NotFound for one that is not the user's."""
        with self._database.write() as connection:
            ended = _sessions.delete().where(_sessions.c.id == id_, _sessions.c.user_id == user_id)
            if not connection.execute(ended).rowcount:
                raise NotFound("This session is not there any more")
            _tell_end(connection, user_id, [id_])

    def end_by_secret(self, secret: str) -> None:
        """As `end`, of the session that a cookie is of; nothing when there is none."""
        with self._database.write() as connection:
            ended = _sessions.delete().where(_sessions.c.hash == token_hash(secret))
            for row in connection.execute(ended.returning(_sessions.c.id, _sessions.c.user_id)).all():
                _tell_end(connection, row.user_id, [row.id])

    def end_others(self, user_id: int, kept_id: int | None) -> int:
        """Ends all of the user's sessions but one. Returns how many there were."""
        with self._database.write() as connection:
            return end_all(connection, user_id, but=kept_id)


def end_all(connection: sa.Connection, user_id: int, *, but: int | None = None) -> int:
    """In the caller's transaction: when a password changes, when a user is suspended. Returns how many there were."""
    ended = _sessions.delete().where(_sessions.c.user_id == user_id)
    if but is not None:
        ended = ended.where(_sessions.c.id != but)
    ids = list(connection.execute(ended.returning(_sessions.c.id)).scalars())
    if ids:
        _tell_end(connection, user_id, ids)
    return len(ids)


def sweep(database: Database) -> int:
    """Removes sessions that are past their time. Returns how many."""
    with database.write() as connection:
        return connection.execute(_sessions.delete().where(_sessions.c.expires_at <= now_ms())).rowcount


_COLUMNS = tuple(_sessions.c[name] for name in Session.__dataclass_fields__)


def _session(row: sa.Row[Any]) -> Session:
    return Session(**row._asdict())


def _make_room(connection: sa.Connection, user_id: int, now: int) -> None:
    connection.execute(_sessions.delete().where(_sessions.c.user_id == user_id, _sessions.c.expires_at <= now))
    latest = sa.select(_sessions.c.id).where(_sessions.c.user_id == user_id)
    kept = latest.order_by(_sessions.c.last_used_at.desc(), _sessions.c.id.desc()).limit(_OF_USER_MAX - 1)
    connection.execute(_sessions.delete().where(_sessions.c.user_id == user_id, _sessions.c.id.not_in(kept)))


def _tell_end(connection: sa.Connection, user_id: int, ids: list[int]) -> None:
    outbox.append(connection, Event("session.end", actor_id=user_id, payload={"ids": ids}))
