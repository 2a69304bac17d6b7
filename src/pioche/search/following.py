"""Keeping an index true: it is built from the rows, then reads events as they are written (decision 17).

An event only says which repo to look at again; what it is now is read from the tables. So it does not matter when one is
seen before the horizon of its transaction (`jobs.outbox`): it is acted on at once, and remembered until the horizon has
passed it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
import sqlalchemy as sa

from pioche.db import schema
from pioche.db.engine import Database
from pioche.errors import Failure
from pioche.search import rows
from pioche.search.index import Index
from pioche.search.providing import Serves

_events = schema.events
_AT_ONCE = 500
_TOLD_EVERY = 20_000
REPOS = "repos"
"""In the payload of an event that is about several repos: their row ids. Their numbers changed (downloads, trending)."""

_COLUMNS = (_events.c.id, _events.c.txid, _events.c.repo_id, _events.c.payload)
_HORIZON = sa.literal_column("pg_snapshot_xmin(pg_current_snapshot())::text::bigint", sa.BigInteger)
_NO_HORIZON = sa.literal(2**62, sa.BigInteger)
"""SQLite has one writer: what there is has been committed in order."""

Position = tuple[int, int]
"""(txid, id) of an event."""


@dataclass(frozen=True, slots=True)
class News:
    """Row ids of repos to look at again; of `several` only numbers changed. `has_more`: ask again at once."""

    repos: list[int]
    several: list[int]
    has_more: bool


_NO_NEWS = News([], [], has_more=False)


class Stream:
    """Reads events from a position on, each once. `take` what is new, act on it, then `passed`. For one thread at a time."""

    def __init__(self, database: Database, position: Position) -> None:
        self._database = database
        self.position = position
        """Everything up to here was acted on: where another stream may begin."""
        self._seen = set[int]()
        self._version: int | None = None
        self._taken: list[sa.Row[Any]] = []

    def take(self, most: int = _AT_ONCE) -> News:
        """About `most` events. On SQLite it costs microseconds when nothing was committed. Raises Unavailable and its like."""
        version = self._database.data_version() if self._database.is_sqlite else None
        if version is not None and version == self._version:
            return _NO_NEWS
        after = sa.tuple_(_events.c.txid, _events.c.id) > sa.tuple_(*map(sa.literal, self.position))
        query = sa.select(*_COLUMNS, _horizon(self._database).label("horizon")).where(after)
        query = query.order_by(_events.c.txid, _events.c.id).limit(most + len(self._seen))
        with self._database.read() as connection:
            self._taken = list(connection.execute(query).all())
        new = [event for event in self._taken if event.id not in self._seen]
        repos = {event.repo_id for event in new if event.repo_id is not None}
        several = {repo_id for event in new for repo_id in _repos_of(event.payload)} - repos
        has_more = len(new) >= most
        self._version = None if has_more else version
        return News(sorted(repos), sorted(several), has_more)

    def again(self) -> None:
        """What was taken could not be acted on: it is taken again."""
        self._taken, self._version = [], None

    def passed(self) -> None:
        """Events below the horizon will not be read again; of those beyond it, it is noted that they were acted on."""
        for event in self._taken:
            if event.txid < event.horizon:
                self.position = event.txid, event.id
                self._seen.discard(event.id)
            else:
                self._seen.add(event.id)
        self._taken = []


def end(database: Database) -> Position:
    """The last event below the horizon: everything before it is in the tables."""
    query = sa.select(_events.c.txid, _events.c.id).where(_events.c.txid < _horizon(database))
    with database.read() as connection:
        last = connection.execute(query.order_by(_events.c.txid.desc(), _events.c.id.desc()).limit(1)).first()
    return (-1, 0) if last is None else (last.txid, last.id)


class Follower:
    """`build` once, then `catch_up` again and again. For one thread at a time."""

    def __init__(self, database: Database, serves: Serves | None = None) -> None:
        self._database = database
        self._serves = serves
        self._stream = Stream(database, (-1, 0))

    def build(self, told: Callable[[int], None] = lambda _count: None) -> Index:
        """Reads everything; events from before that moment on are still to come. `told` hears how many repos it has."""
        self._stream = Stream(self._database, end(self._database))
        with self._database.read() as connection:
            largest = connection.execute(sa.select(sa.func.max(schema.repos.c.id))).scalar() or 0
        index = Index(largest)
        for count, row in enumerate(rows.load(self._database, self._serves), start=1):
            index.put(row)
            if count % _TOLD_EVERY == 0:
                told(count)
        index.seal()
        return index

    def catch_up(self, index: Index, *, most: int = _AT_ONCE) -> bool:
        """Acts on events that came, on about `most` of them at most; whether there may be more.

        Raises Unavailable and its like; then nothing was passed over.
        """
        news = self._stream.take(most)
        if not news.repos and not news.several:
            self._stream.passed()
            return news.has_more
        try:
            present = {row.id: row for row in rows.of(self._database, news.repos, self._serves)}
            numbers = {row.id: row for row in rows.of(self._database, news.several)}
        except Failure:
            self._stream.again()
            raise
        for repo_id in news.repos:
            index.replace(repo_id, present.get(repo_id))
        for repo_id in news.several:
            if repo_id in numbers:
                index.renumber(numbers[repo_id])
        self._stream.passed()
        return news.has_more


def _horizon(database: Database) -> sa.ColumnElement[int]:
    return _NO_HORIZON if database.is_sqlite else _HORIZON


def _repos_of(payload: str) -> list[int]:
    if f'"{REPOS}"' not in payload:
        return []
    found: Any = msgspec.json.decode(payload).get(REPOS)
    return [one for one in found if isinstance(one, int)] if isinstance(found, list) else []
