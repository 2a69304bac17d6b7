"""What happened to somebody's own account, for them to see on the bell: a browser that was never here, another password, a token
that was made or ends soon. Written by `accounts.noticing`; nobody refuses it, since whoever came in would.

Rows go after a while: the log of changes keeps what they are about.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from pioche.db import schema
from pioche.db.dialect import insert_if_absent
from pioche.db.engine import Database
from pioche.db.instance import now_ms

LISTED_MAX = 50
_UNREAD = "unread"
_KEPT_MS = 180 * 86_400_000
_KEY = "account"

_table, _accounts = schema.account_notices, schema.accounts


@dataclass(frozen=True, slots=True)
class Notice:
    """`detail` says which: a device, a token's name. `actor` is somebody else who did it; empty for oneself and for commands."""

    id: int
    kind: str
    detail: str
    actor: str
    status: str
    at: int

    @property
    def key(self) -> str:
        """What names it in forms, beside the keys of `community.notifications`."""
        return f"{_KEY}-{self.id}"


def write(
    connection: sa.Connection,
    user_id: int,
    kind: str,
    key: str,
    *,
    detail: str = "",
    actor_id: int | None = None,
    at: int | None = None,
) -> int | None:
    """Its id; None for what was told before."""
    row = {
        "user_id": user_id,
        "key": key,
        "kind": kind,
        "detail": detail,
        "actor_id": actor_id,
        "status": _UNREAD,
        "at": at or now_ms(),
    }
    fresh = insert_if_absent(connection, _table).values(row).returning(_table.c.id)
    written: int | None = connection.execute(fresh).scalar()
    return written


def of(database: Database, user_id: int, status: str | None = None) -> list[Notice]:
    """The latest first; `status` None: what is not done."""
    shown = _table.c.status != "done" if status is None else _table.c.status == status
    query = _select().where(_table.c.user_id == user_id, shown).order_by(_table.c.at.desc(), _table.c.id.desc())
    with database.read() as connection:
        return [_notice(row) for row in connection.execute(query.limit(LISTED_MAX))]


def get(connection: sa.Connection, id_: int) -> tuple[int, Notice] | None:
    """Whose, and what; None when it is gone."""
    row = connection.execute(_select().where(_table.c.id == id_)).first()
    return None if row is None else (row.user_id, _notice(row))


def count(database: Database, user_id: int) -> int:
    """How many are unread, of those that are listed."""
    few = sa.select(_table.c.id).where(_table.c.user_id == user_id, _table.c.status == _UNREAD).limit(LISTED_MAX)
    with database.read() as connection:
        return int(connection.execute(sa.select(sa.func.count()).select_from(few.subquery())).scalar_one())


def mark(database: Database, user_id: int, keys: Sequence[str], status: str) -> list[str]:
    """Those that are named by `keys`, of the user's own. Returns the keys that are of something else."""
    named = {key: key.removeprefix(f"{_KEY}-") for key in keys if key.startswith(f"{_KEY}-")}
    ids = [int(text) for text in named.values() if text.isascii() and text.isdigit() and len(text) < 19]
    if ids:
        with database.write() as connection:
            mine = (_table.c.user_id == user_id) & _table.c.id.in_(ids)
            connection.execute(_table.update().where(mine).values(status=status))
    return [key for key in keys if key not in named]


def mark_all(database: Database, user_id: int, shown: str | None, status: str) -> None:
    """All that `of` lists, and those behind them."""
    before = _table.c.status != "done" if shown is None else _table.c.status == shown
    with database.write() as connection:
        connection.execute(_table.update().where(_table.c.user_id == user_id, before).values(status=status))


def sweep(database: Database) -> None:
    """Removes what is half a year old."""
    with database.write() as connection:
        connection.execute(_table.delete().where(_table.c.at < now_ms() - _KEPT_MS))


def _select() -> "sa.Select[Any]":
    columns = (
        *(_table.c[name] for name in ("id", "user_id", "kind", "detail", "status", "at")),
        _accounts.c.name.label("actor"),
    )
    return sa.select(*columns).select_from(_table.outerjoin(_accounts, _accounts.c.id == _table.c.actor_id))


def _notice(row: "sa.Row[Any]") -> Notice:
    return Notice(row.id, row.kind, row.detail, row.actor or "", row.status, row.at)
