"""The rows of imports: begun, under way, done, failed or cancelled. What pages, the API and the command line ask and change.

The state moves in one direction but by `retry`: waiting and running (the job is at it, or waits for its next attempt), then
done, failed or cancelled. In each of the last three there are no credentials any more.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Self

import msgspec
import sqlalchemy as sa

from pioche.accounts.callers import Caller
from pioche.db import instance, schema
from pioche.db.engine import Database
from pioche.db.instance import now_ms
from pioche.errors import Conflict, NotFound, TooManyRequests
from pioche.events import Event
from pioche.imports import sealing
from pioche.imports.sources import NOBODY, Credentials, Kind, Source
from pioche.jobs import outbox, queue
from pioche.names import RepoId, RepoType
from pioche.outbound.targets import Guard
from pioche.repos import refs
from pioche.repos.access import Repo
from pioche.repos.catalog import Catalog, NewRepo

RUN = "import.run"
"""The kind of the job; its key is the repo's row id."""
UNDER_WAY_MAX = 8
"""Imports of one user at a time."""
_BROKEN_OFF = "The import was broken off by a fault of this hub: try again, and tell its administrator"
_ERROR_CHARACTERS_MAX = 4000

_imports, _jobs, _repos = schema.imports, schema.jobs, schema.repos


class State(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


UNDER_WAY = (State.WAITING, State.RUNNING)


class Phase(StrEnum):
    """What an import is at, in order."""

    REFS = "refs"
    HISTORY = "history"
    FILES = "files"
    TAKING = "taking"


@dataclass(frozen=True, slots=True)
class Progress:
    """`bytes_total` 0: nobody knows. Of the phase: bytes of history, then files and bytes of large files."""

    phase: Phase
    files_done: int = 0
    files_total: int = 0
    bytes_done: int = 0
    bytes_total: int = 0


@dataclass(frozen=True, slots=True)
class Import:
    """One row. `error` is why it failed, or why the last attempt did while it is still under way. Times are Unix
    milliseconds."""

    repo_id: int
    user_id: int | None
    source: Source
    private: bool
    state: State
    progress: Progress
    failures: int
    error: str
    notes: tuple[str, ...]
    has_credentials: bool
    created_at: int
    updated_at: int

    @classmethod
    def of(cls, row: "sa.Row[Any]") -> Self:
        done = (row.files_done, row.files_total, row.bytes_done, row.bytes_total)
        return cls(
            repo_id=row.repo_id,
            user_id=row.user_id,
            source=Source(Kind(row.kind), row.url, row.shown, row.revision),
            private=bool(row.private),
            state=State(row.state),
            progress=Progress(Phase(row.phase), *done),
            failures=row.failures,
            error=row.error or "",
            notes=tuple(msgspec.json.decode(row.notes, type=list[str])),
            has_credentials=row.sealed is not None,
            created_at=row.created_at,
            updated_at=row.updated_at,
        )

    @property
    def is_under_way(self) -> bool:
        return self.state in UNDER_WAY


@dataclass(frozen=True, slots=True)
class Wanted:
    """A repo to make from elsewhere."""

    new: NewRepo
    source: Source
    credentials: Credentials = NOBODY


class Imports:
    """All imports of one hub."""

    def __init__(self, database: Database, guard: Guard) -> None:
        self._database = database
        self._guard = guard

    def begin(self, catalog: Catalog, caller: Caller, wanted: Wanted) -> Repo:
        """Makes the repo, private and with its first commit alone, and puts the job in.

        Raises ForbiddenAddress, TooManyRequests, and what `Catalog.create` raises.
        """
        wanted.source.check(self._guard)
        self._check_count(caller)
        asked = wanted.new
        repo = catalog.create(caller, replace(asked, private=True))
        private = asked.private if asked.private is not None else self._default_of(repo)
        values = {
            "repo_id": repo.id,
            "user_id": caller.user_id,
            "kind": wanted.source.kind.value,
            "url": wanted.source.url,
            "shown": wanted.source.shown,
            "revision": wanted.source.revision,
            "private": private,
            **_fresh(self._sealed(repo, wanted.credentials)),
            "created_at": now_ms(),
        }
        with self._database.write() as connection:
            connection.execute(_imports.insert().values(values))
            queue.enqueue(connection, RUN, str(repo.id))
        return repo

    def _check_count(self, caller: Caller) -> None:
        mine = (_imports.c.user_id == caller.user_id) & _imports.c.state.in_(UNDER_WAY)
        with self._database.read() as connection:
            count = connection.execute(sa.select(sa.func.count()).select_from(_imports).where(mine)).scalar_one()
        if count >= UNDER_WAY_MAX:
            raise TooManyRequests(f"{count} imports of yours are under way: wait for one to end, or cancel one")

    def _default_of(self, repo: Repo) -> bool:
        query = sa.select(schema.accounts.c.private_by_default).where(schema.accounts.c.id == repo.namespace_id)
        with self._database.read() as connection:
            return bool(connection.execute(query).scalar())

    def _sealed(self, repo: Repo, credentials: Credentials) -> str | None:
        if not credentials.token:
            return None
        return sealing.seal(instance.signing_keys(self._database), credentials, repo.uid)

    def credentials(self, repo: Repo) -> Credentials:
        """Of an import that is under way. Raises BadRequest when they can no longer be read."""
        with self._database.read() as connection:
            sealed = connection.execute(sa.select(_imports.c.sealed).where(_imports.c.repo_id == repo.id)).scalar()
        return sealing.open_(instance.signing_keys(self._database), sealed, repo.uid) if sealed else NOBODY

    # --- looking ---

    def find(self, repo_id: int) -> Import | None:
        """By the repo's row id. None for a repo that was made here."""
        with self._database.read() as connection:
            row = connection.execute(sa.select(_imports).where(_imports.c.repo_id == repo_id)).first()
            if row is None:
                return None
            found = Import.of(row)
            if found.is_under_way and not _has_job(connection, repo_id):
                return _abandoned(found)
        return found

    def get(self, repo: Repo) -> Import:
        """Raises NotFound for a repo that was not imported."""
        found = self.find(repo.id)
        if found is None:
            raise NotFound("This repo was not imported from elsewhere")
        return found

    def of_user(self, user_id: int, *, limit: int = 100) -> list[tuple[RepoId, Import]]:
        """The last ones of a user, of repos that are there, newest first."""
        names = sa.select(_imports.c.repo_id, _repos.c.type, _repos.c.full_name).join(_repos)
        here = names.where(_imports.c.user_id == user_id, _repos.c.deleted_at.is_(None))
        with self._database.read() as connection:
            rows = connection.execute(here.order_by(_imports.c.created_at.desc()).limit(limit)).all()
        found = [(RepoId.parse(RepoType(row.type), row.full_name), self.find(row.repo_id)) for row in rows]
        return [(repo_id, one) for repo_id, one in found if one is not None]

    # --- changing ---

    def cancel(self, catalog: Catalog, caller: Caller, repo: Repo) -> None:
        """Stops it for good and deletes the repo, unless somebody wrote to it. Done already is done. Raises Conflict for an
        import that is done, NotFound."""
        self.get(repo)
        values = {"state": State.CANCELLED, "sealed": None, "updated_at": now_ms()}
        can = (_imports.c.repo_id == repo.id) & (_imports.c.state != State.DONE)
        with self._database.write() as connection:
            if connection.execute(_imports.update().where(can).values(values)).rowcount == 0:
                raise Conflict("This import is done: there is nothing to cancel")
        if [ref.target for ref in refs.all_refs(repo)] == [repo.genesis.commit]:
            catalog.delete(caller, repo)

    def retry(self, repo: Repo, credentials: Credentials = NOBODY) -> None:
        """Begins again what failed; large files that came are there. Raises Conflict, NotFound."""
        found = self.get(repo)
        if found.state is not State.FAILED:
            raise Conflict("Only an import that failed can be tried again")
        with self._database.write() as connection:
            fresh = _fresh(self._sealed(repo, credentials))
            connection.execute(_imports.update().where(_imports.c.repo_id == repo.id).values(fresh))
            queue.enqueue(connection, RUN, str(repo.id))

    # --- of the job ---

    def tell(self, repo_id: int, progress: Progress) -> bool:
        """How far it is. False when it was cancelled, or the repo is gone."""
        return self._while_under_way(
            repo_id,
            state=State.RUNNING,
            phase=progress.phase,
            files_done=progress.files_done,
            files_total=progress.files_total,
            bytes_done=progress.bytes_done,
            bytes_total=progress.bytes_total,
        )

    def went_on(self, repo_id: int) -> None:
        """Something came: failures are counted anew."""
        self._while_under_way(repo_id, failures=0, error=None)

    def waits(self, repo_id: int, error: str, failures: int) -> bool:
        """An attempt failed for a reason that may pass."""
        return self._while_under_way(
            repo_id, state=State.WAITING, error=error[:_ERROR_CHARACTERS_MAX], failures=failures
        )

    def fail(self, repo_id: int, error: str) -> None:
        """For good, until somebody tries again."""
        self._while_under_way(repo_id, state=State.FAILED, error=error[:_ERROR_CHARACTERS_MAX], sealed=None)

    def _while_under_way(self, repo_id: int, **values: object) -> bool:
        under_way = (_imports.c.repo_id == repo_id) & _imports.c.state.in_(UNDER_WAY)
        with self._database.write() as connection:
            changed = connection.execute(_imports.update().where(under_way).values(**values, updated_at=now_ms()))
            return changed.rowcount == 1


def finish(connection: sa.Connection, repo: Repo, caller: Caller, notes: Sequence[str]) -> bool:
    """In the transaction that gives the repo its refs: it is done, and becomes as visible as was asked for. False when it was
    cancelled meanwhile."""
    under_way = (_imports.c.repo_id == repo.id) & _imports.c.state.in_(UNDER_WAY)
    values = {"state": State.DONE, "sealed": None, "error": None, "notes": msgspec.json.encode(notes).decode()}
    ended = _imports.update().where(under_way).values(**values, updated_at=now_ms()).returning(_imports.c.private)
    private = connection.execute(ended).scalar()
    if private is None:
        return False
    if not private:
        connection.execute(_repos.update().where(_repos.c.id == repo.id).values(private=False))
        told = {"id": str(repo.repo_id), "private": False}
        outbox.append(connection, Event("repo.update_settings", repo.id, caller.user_id or None, told))
    return True


def _fresh(sealed: str | None) -> dict[str, object]:
    counts = dict.fromkeys(("files_done", "files_total", "bytes_done", "bytes_total", "failures"), 0)
    state = {"state": State.WAITING, "phase": Phase.REFS, "sealed": sealed, "error": None, "notes": "[]"}
    return {**counts, **state, "updated_at": now_ms()}


def _has_job(connection: sa.Connection, repo_id: int) -> bool:
    mine = (_jobs.c.kind == RUN) & (_jobs.c.key == str(repo_id)) & (_jobs.c.state != "failed")
    return connection.execute(sa.select(_jobs.c.id).where(mine)).first() is not None


def _abandoned(found: Import) -> Import:
    """Its job is gone: its last attempt took the process down each time."""
    return replace(found, state=State.FAILED, error=_BROKEN_OFF)
