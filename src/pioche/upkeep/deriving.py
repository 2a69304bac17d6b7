"""Jobs that derive what repos tell of themselves, and the command that does it for all: after an upgrade, say.

A migration that changes what facts are puts the row `facts.place` into the table `instance`: then all repos are gone through
in the background, a slice at a time, and the row says how far. When all are done it is removed. That may take hours on a
large hub, and nobody waits for it: so it works a third of the time, on one thread of the jobs process, in slices after which
other jobs come first; a repo whose facts are right already takes no lock. `pioche doctor` and the log say how far it is.
"""

import time
from collections.abc import Callable, Iterator
from typing import Any

import sqlalchemy as sa

from pioche.accounts.callers import Caller
from pioche.db import schema
from pioche.db.engine import Database
from pioche.errors import Corrupt, Unavailable
from pioche.git.objects import ObjectMissing
from pioche.jobs import queue
from pioche.names import LISTED
from pioche.observe import log
from pioche.repos import scanning
from pioche.repos.access import Access, Action, Repo
from pioche.repos.facts import headers, records, whole
from pioche.upkeep.progress import SILENT, Progress, each

PLACE = "facts.place"
_BATCH = 50
_SLICE_SECONDS = 1.0
_REST = 2
"""How many times as long as it worked it rests after a slice."""
_TOLD_EVERY = 20_000

_repos, _instance = schema.repos, schema.instance


class OfRepo:
    """A job on one repo, whose row id is the key: `work` says whether it could be done, `missed` why it could not."""

    attempts_max = 5
    every_seconds: int | None = None

    def __init__(self, kind: str, access: Access, work: Callable[[Repo], bool], missed: str) -> None:
        self.kind = kind
        self._access = access
        self._work = work
        self._missed = missed

    def run(self, key: str, payload: dict[str, Any]) -> None:
        """Raises Unavailable, to be tried again."""
        for repo in _opened(self._access, [int(key)]):
            if not self._work(repo):
                raise Unavailable(self._missed)


def read_headers(access: Access) -> OfRepo:
    """The job that reads the headers of a repo's weights and the imports of its pickles."""
    return OfRepo(records.READ_HEADERS, access, _read, "A file of weights could not be read")


def look_at_files(access: Access) -> OfRepo:
    """The job that looks at all files of a repo."""
    return OfRepo(records.DERIVE, access, whole.derive, "The branch moved while it was looked at")


class DeriveAll:
    """Derives the facts of all repos when an upgrade wants it (see the module), in the order of their rows."""

    kind = "facts.upgrade"
    attempts_max = 3
    every_seconds: int | None = 60

    def __init__(self, database: Database, access: Access) -> None:
        self._database = database
        self._access = access

    def run(self, key: str, payload: dict[str, Any]) -> None:
        """A slice; what is left is the next job's, after a rest."""
        began = time.monotonic()
        place = first = place_of(self._database)
        while place is not None:
            place = self._step(place)
            if time.monotonic() - began > _SLICE_SECONDS:
                break
        if first is not None:
            _tell(self._database, first, place)
        if place is not None:
            rest_ms = round((time.monotonic() - began) * 1000 * _REST)
            with self._database.write() as connection:
                queue.enqueue(connection, self.kind, delay_ms=rest_ms)

    def _step(self, place: int) -> int | None:
        """A batch; returns where the next one begins, None when there is none."""
        ids = _ids_after(self._database, place)
        for repo in _opened(self._access, ids):
            _derive(repo)
        here = _instance.c.key == PLACE
        with self._database.write() as connection:
            if ids:
                connection.execute(_instance.update().where(here).values(value=str(ids[-1])))
            else:
                connection.execute(_instance.delete().where(here))
        return ids[-1] if ids else None


def place_of(database: Database) -> int | None:
    """Up to which row all repos are done; None when there is nothing to do."""
    query = sa.select(_instance.c.value).where(_instance.c.key == PLACE)
    with database.read() as connection:
        found = connection.execute(query).scalar()
    return int(found) if found is not None else None


def share_done(database: Database, place: int) -> float:
    """How much of the work lies behind the row `place`, 0 to 1: by the rows, without counting them."""
    with database.read() as connection:
        last = connection.execute(sa.select(sa.func.max(_repos.c.id))).scalar() or 0
    return min(1.0, place / last) if last else 1.0


def _tell(database: Database, before: int, place: int | None) -> None:
    """At the beginning, at the end, and now and then."""
    if place is None:
        log.info("facts derived anew", share=1.0)
    elif before == 0 or before // _TOLD_EVERY != place // _TOLD_EVERY:
        log.info("facts are derived anew", share=round(share_done(database, place), 3))


def derive_all(database: Database, access: Access, *, progress: Progress = SILENT, headers_too: bool = False) -> int:
    """Derives the facts of every repo anew and returns how many; `headers_too` reads the weights' headers at once, instead
    of leaving them to jobs. What was done stays done when it is broken off."""
    query = (
        sa.select(sa.func.count()).select_from(_repos).where(_repos.c.type.in_(LISTED), _repos.c.deleted_at.is_(None))
    )
    with database.read() as connection:
        total = int(connection.execute(query).scalar_one())
    progress.begin("Deriving facts", total)
    count = 0
    for repo in each(progress, _all(database, access)):
        count += _derive(repo)
        if headers_too:
            _read(repo)
    return count


def derive(repo: Repo) -> bool:
    """One repo, headers and all. False when it could not be done: its objects are damaged, or it is being written to."""
    if not _derive(repo):
        return False
    return _read(repo)


def _read(repo: Repo) -> bool:
    """False when something could not be read."""
    are_read = headers.read_missing(repo)
    return scanning.scan_missing(repo) and are_read


def _all(database: Database, access: Access) -> Iterator[Repo]:
    place = 0
    while ids := _ids_after(database, place):
        yield from _opened(access, ids)
        place = ids[-1]


def _derive(repo: Repo) -> bool:
    """One that is damaged must not keep the others from it: fsck tells of it."""
    try:
        return whole.derive(repo)
    except (Corrupt, ObjectMissing) as error:
        log.fault("facts not derived", error, repo_id=repo.id)
        return False


def _ids_after(database: Database, place: int) -> list[int]:
    query = sa.select(_repos.c.id).where(_repos.c.id > place, _repos.c.type.in_(LISTED), _repos.c.deleted_at.is_(None))
    with database.read() as connection:
        return list(connection.execute(query.order_by(_repos.c.id).limit(_BATCH)).scalars())


def _opened(access: Access, ids: list[int]) -> list[Repo]:
    return access.open_all_sync(Caller.operator(), ids, Action.READ)
