"""Keeping an index true: it is built from the rows, then reads events as they are written (decision 15).

An event only says which repo to look at again; what it is now is read from the tables. So it does not matter when one is
seen before the horizon of its transaction (`jobs.outbox`): it is acted on at once, and remembered until the horizon has
passed it.
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

_COLUMNS = (_events.c.id, _events.c.txid, _events.c.repo_id, _events.c.payload)
_HORIZON = sa.literal_column("pg_snapshot_xmin(pg_current_snapshot())::text::bigint", sa.BigInteger)
_NO_HORIZON = sa.literal(2**62, sa.BigInteger)
"""SQLite has one writer: what there is has been committed in order."""


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
        """Acts on events that came, on about `most` of them at most; whether there may be more.

        Raises Unavailable and its like; then nothing was passed over.
        """
        version = self._database.data_version() if self._database.is_sqlite else None
        if version is not None and version == self._version:
            return False
        events = self._next(most)
        found = [event for event in events if event.id not in self._seen]
        repo_ids = {event.repo_id for event in found if event.repo_id is not None}
        several = {repo_id for event in found for repo_id in _repos_of(event.payload)} - repo_ids
        present = {row.id: row for row in rows.of(self._database, sorted(repo_ids | several))}
        for repo_id in sorted(repo_ids):
            index.replace(repo_id, present.get(repo_id))
        for repo_id in sorted(several & present.keys()):
            index.renumber(present[repo_id])
        self._pass(events)
        has_more = len(found) >= most
        self._version = None if has_more else version
        return has_more

    def _next(self, most: int) -> "list[sa.Row[Any]]":
        after = sa.tuple_(_events.c.txid, _events.c.id) > sa.tuple_(*map(sa.literal, self._position))
        query = sa.select(*_COLUMNS, self._horizon.label("horizon")).where(after)
        query = query.order_by(_events.c.txid, _events.c.id).limit(most + len(self._seen))
        with self._database.read() as connection:
            return list(connection.execute(query).all())

    def _pass(self, events: "list[sa.Row[Any]]") -> None:
        """Those below the horizon will not be read again; of those beyond it, it is noted that they were acted on."""
        for event in events:
            if event.txid < event.horizon:
                self._position = event.txid, event.id
                self._seen.discard(event.id)
            else:
                self._seen.add(event.id)

    @property
    def _horizon(self) -> sa.ColumnElement[int]:
        return _NO_HORIZON if self._database.is_sqlite else _HORIZON

    def _end(self) -> tuple[int, int]:
        """The last event below the horizon: everything before it is in the tables."""
        query = sa.select(_events.c.txid, _events.c.id).where(_events.c.txid < self._horizon)
        with self._database.read() as connection:
            last = connection.execute(query.order_by(_events.c.txid.desc(), _events.c.id.desc()).limit(1)).first()
        return (-1, 0) if last is None else (last.txid, last.id)


def _repos_of(payload: str) -> list[int]:
    if f'"{REPOS}"' not in payload:
        return []
    found: Any = msgspec.json.decode(payload).get(REPOS)
    return [one for one in found if isinstance(one, int)] if isinstance(found, list) else []
