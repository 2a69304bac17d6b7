"""Keeping an index true: it is built from the rows, then reads events as they are written (decision 15).

An event only says which repo to look at again; what it is now is read from the tables. So it does not matter when one is
seen twice, or before the horizon of its transaction (`jobs.outbox`): events beyond it are acted on at once, and once more.
"""

from collections.abc import Callable
from typing import Any

import msgspec
import sqlalchemy as sa

from pioche.db import schema
from pioche.db.engine import Database
from pioche.search import rows
from pioche.search.index import Index

_events = schema.events
_AT_ONCE = 500
_TOLD_EVERY = 20_000
REPOS = "repos"
"""In the payload of an event that is about several repos: their row ids. Their numbers changed (downloads, trending)."""

_SQLITE = sa.select(_events.c.id, _events.c.txid, _events.c.repo_id, _events.c.payload, sa.literal(2**62))
_POSTGRES = sa.select(
    _events.c.id,
    _events.c.txid,
    _events.c.repo_id,
    _events.c.payload,
    sa.literal_column("pg_snapshot_xmin(pg_current_snapshot())::text::bigint", sa.BigInteger),
)


class Follower:
    """`build` once, then `catch_up` again and again. For one thread at a time."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._position = (-1, 0)
        self._seen = set[int]()
        self._version: int | None = None

    def build(self, told: Callable[[int], None] = lambda _count: None) -> Index:
        """Reads everything; events from before that moment on are still to come. `told` hears how many repos it has."""
        self._position, self._seen = self._end(), set()
        with self._database.read() as connection:
            largest = connection.execute(sa.select(sa.func.max(schema.repos.c.id))).scalar() or 0
        index = Index(largest)
        for count, row in enumerate(rows.load(self._database), start=1):
            index.put(row)
            if count % _TOLD_EVERY == 0:
                told(count)
        index.seal()
        return index

    def catch_up(self, index: Index, *, most: int = _AT_ONCE) -> bool:
        """Acts on events that came, on `most` of them at most; whether there may be more."""
        if not self._is_news():
            return False
        found = self._next(most)
        repo_ids = {repo_id for repo_id, _ in found if repo_id is not None}
        several = {repo_id for _, payload in found for repo_id in _repos_of(payload)}
        present = {row.id: row for row in rows.of(self._database, sorted(repo_ids | several))}
        for repo_id in sorted(repo_ids):
            index.replace(repo_id, present.get(repo_id))
        for repo_id in sorted(several - repo_ids):
            if (row := present.get(repo_id)) is not None:
                index.renumber(row)
        return len(found) == most

    def _is_news(self) -> bool:
        """On SQLite nothing need be asked for when nothing was committed."""
        if not self._database.is_sqlite:
            return True
        version = self._database.data_version()
        if version == self._version:
            return False
        self._version = version
        return True

    def _next(self, most: int) -> list[tuple[int | None, str]]:
        txid, event_id = self._position
        after = sa.tuple_(_events.c.txid, _events.c.id) > sa.tuple_(sa.literal(txid), sa.literal(event_id))
        query = (_SQLITE if self._database.is_sqlite else _POSTGRES).where(after)
        query = query.order_by(_events.c.txid, _events.c.id).limit(most + len(self._seen))
        with self._database.read() as connection:
            events = [tuple(event) for event in connection.execute(query)]
        found = [(event[2], event[3]) for event in events if event[0] not in self._seen]
        self._seen.update(event[0] for event in events)
        for event_id, txid, _, _, horizon in events:
            if txid >= horizon:
                break
            self._position = (txid, event_id)
            self._seen.discard(event_id)
        if len(found) >= most:
            self._version = None
        return found

    def _end(self) -> tuple[int, int]:
        """The last event below the horizon: everything before it is in the tables."""
        query = (_SQLITE if self._database.is_sqlite else _POSTGRES).order_by(_events.c.txid.desc(), _events.c.id.desc())
        if not self._database.is_sqlite:
            query = query.where(_events.c.txid < _POSTGRES.selected_columns[4])
        with self._database.read() as connection:
            last = connection.execute(query.limit(1)).first()
        return (-1, 0) if last is None else (last.txid, last.id)


def _repos_of(payload: str) -> list[int]:
    if f'"{REPOS}"' not in payload:
        return []
    found: Any = msgspec.json.decode(payload).get(REPOS)
    return [one for one in found if isinstance(one, int)] if isinstance(found, list) else []
