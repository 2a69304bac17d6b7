"""Counting downloads, each once (docs/reference/downloads.md).

A web process counts in memory and writes every ten seconds; the loss of what was not written is accepted. Which requests
count is decided when writing, when it is known what library a model is of.
"""

import hashlib
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from pioche.db import instance, schema
from pioche.db.engine import Database
from pioche.events import Event
from pioche.jobs import outbox
from pioche.names import RepoType
from pioche.repos import query_files
from pioche.repos.access import Repo

DAY_MS = 86_400_000
WINDOW_DAYS = 30
DATASET_WINDOW_MS = 5 * 60_000
_PAIR_SECONDS = 60.0
_REMEMBERED_MAX = 100_000
_BATCH = 400

_repos, _facts, _days, _readers = schema.repos, schema.facts, schema.downloads, schema.dataset_readers

Reader = int | str
"""A user's row, or the address of whom no token names."""


class Download(NamedTuple):
    """What may count: a file of a model, or anything of a dataset (then `path` is empty)."""

    repo_id: int
    path: str


def of_file(repo: Repo, path: str) -> Download | None:
    """What a request for the file may count as; None: nothing."""
    if repo.repo_id.type in (RepoType.DATASET, RepoType.KERNEL):
        return Download(repo.id, "")
    if repo.repo_id.type is RepoType.MODEL and query_files.may_count(path):
        return Download(repo.id, path)
    return None


class Downloads:
    """A buffer of the hub (`http.buffers`). `record` is for the event loop, `flush` for a thread."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._models = Counter[Download]()
        self._datasets: dict[tuple[int, Reader], int] = {}
        self._until: dict[tuple[int, Reader], float] = {}
        self._heads: dict[tuple[Download, Reader], list[float]] = {}

    def record(self, download: Download, reader: Reader, *, is_head: bool) -> None:
        """On every request that may count: costs a few dictionary entries."""
        now = time.monotonic()
        if not download.path:
            self._record_dataset(download.repo_id, reader, now)
        elif is_head:
            self._models[download] += 1
            if len(self._heads) < _REMEMBERED_MAX:
                self._heads.setdefault((download, reader), []).append(now)
        elif not self._was_announced(download, reader, now):
            self._models[download] += 1

    def _was_announced(self, download: Download, reader: Reader, now: float) -> bool:
        """Whether this GET follows a HEAD of the same reader, which was counted: clients ask for a file in two steps."""
        waiting = self._heads.get((download, reader))
        while waiting:
            if now - waiting.pop() <= _PAIR_SECONDS:
                return True
        return False

    def _record_dataset(self, repo_id: int, reader: Reader, now: float) -> None:
        if self._until.get((repo_id, reader), 0.0) <= now and len(self._until) < _REMEMBERED_MAX:
            self._until[repo_id, reader] = now + DATASET_WINDOW_MS / 1000
            self._datasets[repo_id, reader] = instance.now_ms()

    def flush(self) -> None:
        """Writes what was counted since the last time."""
        models, self._models = self._models, Counter()
        datasets, self._datasets = self._datasets, {}
        now = time.monotonic()
        self._heads = {key: at for key, at in list(self._heads.items()) if at and now - at[-1] <= _PAIR_SECONDS}
        self._until = {key: until for key, until in list(self._until.items()) if until > now}
        if not models and not datasets:
            return
        with self._database.write() as connection:
            # All at once and in order: another process may be writing the counts of the same repos.
            there = _existing(connection, {*(one.repo_id for one in models), *(repo_id for repo_id, _ in datasets)})
            counts = _of_models(connection, list(models.items()))
            windows = {key: at for key, at in datasets.items() if key[0] in there}
            counts.update(_of_datasets(connection, list(windows.items())))
            add(connection, counts)


def _of_models(connection: sa.Connection, counted: Iterable[tuple[Download, int]]) -> Counter[int]:
    """By repo: the requests for those files that count in a model of its library."""
    found = Counter[int]()
    by_repo: dict[int, list[tuple[str, int]]] = {}
    for download, count in counted:
        by_repo.setdefault(download.repo_id, []).append((download.path, count))
    libraries = _libraries(connection, list(by_repo))
    for repo_id, files in by_repo.items():
        library = libraries.get(repo_id)
        found[repo_id] += sum(count for path, count in files if query_files.counts(path, library))
    return found


def _libraries(connection: sa.Connection, repo_ids: list[int]) -> dict[int, str | None]:
    found: dict[int, str | None] = {}
    for start in range(0, len(repo_ids), _BATCH):
        here = _facts.c.repo_id.in_(repo_ids[start : start + _BATCH])
        rows = connection.execute(sa.select(_facts.c.repo_id, _facts.c.library_name).where(here))
        found.update({row.repo_id: row.library_name for row in rows})
    return found


def _of_datasets(connection: sa.Connection, asked: list[tuple[tuple[int, Reader], int]]) -> Counter[int]:
    """By repo: the readers whose five minutes begin; whether they do is between all processes decided here."""
    found = Counter[int]()
    if not asked:
        return found
    secret = _secret(connection)
    rows = [
        {"repo_id": repo_id, "reader": _disguised(reader, secret), "until": at + DATASET_WINDOW_MS}
        for (repo_id, reader), at in sorted(asked, key=lambda one: (one[0][0], str(one[0][1])))
    ]
    for start in range(0, len(rows), _BATCH):
        begun = connection.execute(_begin_windows(connection, rows[start : start + _BATCH]))
        for (repo_id,) in begun:
            found[repo_id] += 1
    return found


def _begin_windows(connection: sa.Connection, rows: list[dict[str, object]]) -> sa.sql.dml.ReturningInsert[int]:
    """Puts rows in or renews those that have ended, and returns the repos of these; a window that is open stays."""
    make = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    insert = make(_readers).values(rows)
    has_ended = _readers.c.until <= insert.excluded.until - DATASET_WINDOW_MS
    changed = {"until": insert.excluded.until}
    upsert = insert.on_conflict_do_update(index_elements=["repo_id", "reader"], set_=changed, where=has_ended)
    return upsert.returning(_readers.c.repo_id)


def _secret(connection: sa.Connection) -> bytes:
    keys = schema.signing_keys
    newest = sa.select(keys.c.secret).order_by(keys.c.created_at.desc()).limit(1)
    return bytes(connection.execute(newest).scalar_one())


def _disguised(reader: Reader, secret: bytes) -> bytes:
    """Tells readers apart for as long as a window is open, and tells nobody who they are."""
    return hashlib.blake2b(str(reader).encode(), key=secret[:64], digest_size=16, person=b"dataset readers").digest()


def _existing(connection: sa.Connection, repo_ids: Iterable[int]) -> set[int]:
    """Those that still have a row, which stays until the end of the transaction."""
    wanted, found = sorted(repo_ids), set[int]()
    for start in range(0, len(wanted), _BATCH):
        here = _repos.c.id.in_(wanted[start : start + _BATCH])
        select = sa.select(_repos.c.id).where(here).order_by(_repos.c.id)
        found.update(connection.execute(select.with_for_update(key_share=True)).scalars())
    return found


def add(connection: sa.Connection, counts: Mapping[int, int], *, at: int | None = None) -> None:
    """So many downloads more, of each repo (row), now or at that time (Unix milliseconds)."""
    day = (at or instance.now_ms()) // DAY_MS
    there = _existing(connection, counts)
    changed = [repo_id for repo_id in sorted(there) if counts[repo_id] > 0]
    rows = [{"repo": repo_id, "count": counts[repo_id]} for repo_id in changed]
    if not rows:
        return
    make = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    insert = make(_days).values(repo_id=sa.bindparam("repo"), day=day, count=sa.bindparam("count"))
    more = {"count": _days.c.count + insert.excluded.count}
    connection.execute(insert.on_conflict_do_update(index_elements=["repo_id", "day"], set_=more), rows)
    update = _repos.update().where(_repos.c.id == sa.bindparam("repo"))
    both = {name: _repos.c[name] + sa.bindparam("count") for name in ("downloads", "downloads_all")}
    connection.execute(update.values(both), rows)
    tell(connection, changed)


def tell(connection: sa.Connection, repo_ids: list[int]) -> None:
    """That their numbers are other ones: an event that the search index reads (`search.following`)."""
    for start in range(0, len(repo_ids), _BATCH):
        outbox.append(connection, Event("repo.numbers", payload={"repos": repo_ids[start : start + _BATCH]}))


def by_day(database: Database, repo_id: int, *, days: int = WINDOW_DAYS) -> list[int]:
    """How many there were on each of the last `days`, today last."""
    today = instance.now_ms() // DAY_MS
    first = today - days + 1
    select = sa.select(_days.c.day, _days.c.count).where(_days.c.repo_id == repo_id, _days.c.day >= first)
    with database.read() as connection:
        counts = {row[0]: row[1] for row in connection.execute(select)}
    return [counts.get(day, 0) for day in range(first, today + 1)]
