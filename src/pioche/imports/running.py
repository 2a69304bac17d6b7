"""The job that imports one repo: which refs there are, their history as one pack, large files, and the transaction at the end.

It can be broken off anywhere. History is fetched anew by each attempt, large files that came are there. What may pass (the
other side does not answer, the disk is full) is tried again, ever later, and fails for good when it does so several times
without anything having come; what will not pass fails at once, with a sentence that says what to mend.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from pioche.accounts.callers import Caller
from pioche.config import Config
from pioche.db import schema
from pioche.errors import Corrupt, Failure, HubError, RepoNotFound, Unavailable
from pioche.imports import registry, taking
from pioche.imports.large import LargeFiles, Shelf
from pioche.imports.registry import Import, Imports, Phase, Progress
from pioche.imports.remote import Remote
from pioche.imports.sources import Credentials, lfs_url
from pioche.imports.taking import Taking
from pioche.observe import log
from pioche.outbound.streams import Streams
from pioche.repos.access import Access, Action, Repo
from pioche.repos.refs import RefChange
from pioche.storage.disk import Room

FAILURES_MAX = 6
"""Attempts one after another in which nothing came."""
_TELL_SECONDS = 1.0
_KEEP_SECONDS = 600.0
"""How often it is said that what came is needed still: else collection and sweeping would take it for a leftover."""

_accounts = schema.accounts


class Cancelled(Exception):
    """Somebody cancelled the import, or deleted the repo."""


@dataclass(frozen=True, slots=True)
class Limits:
    """In bytes: of the history as one pack, of a file kept in git, of a large file."""

    pack_bytes: int
    file_bytes: int
    large_bytes: int

    @classmethod
    def of(cls, config: Config) -> "Limits":
        return cls(config.push_bytes_max, config.regular_file_bytes_max, config.lfs_file_bytes_max)


class ImportRepo:
    """The key is the row id of the repo that is being made."""

    kind = registry.RUN
    attempts_max = 50  # of processes that die; failures are counted in the row
    every_seconds: int | None = None

    def __init__(
        self, access: Access, imports: Imports, streams: Streams, incoming: Path, room: Room, limits: Limits
    ) -> None:
        self._access = access
        self._imports = imports
        self._streams = streams
        self._incoming = incoming
        self._room = room
        self._limits = limits

    def run(self, key: str, payload: dict[str, Any]) -> None:
        """Raises what may pass, to be run again."""
        found = self._imports.find(int(key))
        if found is None or not found.is_under_way:
            return
        secret = ""
        try:
            caller = self._caller(found)
            repo = self._repo(caller, found)
            credentials = self._imports.credentials(repo)
            secret = credentials.token
            self._import(_Attempt(found, repo, caller, credentials, _Told(self._imports, repo, self._room)))
        except Cancelled:
            return
        except HubError as error:
            if isinstance(error, Failure) and not isinstance(error, Corrupt):
                self._failed(found, error, secret)
                raise type(error)(_without(secret, error.message)) from None
            self._imports.fail(found.repo_id, _without(secret, error.message))
            log.info("import failed", repo=found.repo_id, reason=_without(secret, error.message)[:300])

    def _failed(self, found: Import, error: Failure, secret: str) -> None:
        """For a reason that may pass."""
        now = self._imports.find(found.repo_id)
        failures = (now.failures if now is not None else 0) + 1
        if failures >= FAILURES_MAX:
            self._imports.fail(found.repo_id, _without(secret, error.message))
        else:
            self._imports.waits(found.repo_id, _without(secret, error.message), failures)

    def _caller(self, found: Import) -> Caller:
        """Who began it, with the rights that they have now. Raises RepoNotFound when they are gone or suspended."""
        columns = _accounts.c.id, _accounts.c.name, _accounts.c.is_admin, _accounts.c.suspended_at
        with self._access.stores.database.read() as connection:
            row = connection.execute(sa.select(*columns).where(_accounts.c.id == found.user_id)).first()
        if row is None or row.suspended_at is not None:
            raise RepoNotFound
        return Caller(row.id, row.name, may_write=True, is_admin=bool(row.is_admin))

    def _repo(self, caller: Caller, found: Import) -> Repo:
        opened = self._access.open_all_sync(caller, [found.repo_id], Action.WRITE)
        if not opened:
            raise RepoNotFound
        return opened[0]

    # --- one attempt ---

    def _import(self, attempt: "_Attempt") -> None:
        source, told = attempt.found.source, attempt.told
        told.phase(Phase.REFS)
        remote = Remote(self._streams, source.url, attempt.credentials.header)
        advertised = remote.advertised()
        plan = taking.plan(advertised, source.revision)
        took = Taking(attempt.repo, plan, file_bytes_max=self._limits.file_bytes)
        try:
            told.phase(Phase.HISTORY)
            wants = list(dict.fromkeys(plan.wants.values()))
            remote.fetch(wants, advertised.version, took.pack, self._limits.pack_bytes, told.came)
            took.index(self._limits.pack_bytes)
            self._fetch_large(attempt, took, remote.url)
            told.last_phase()
            took.examine()
            self._finish(attempt, took)
        finally:
            took.close()

    def _fetch_large(self, attempt: "_Attempt", took: Taking, url: str) -> None:
        told, limits = attempt.told, self._limits
        shelf = Shelf(attempt.repo, attempt.caller.user_id, self._incoming, self._room, limits.large_bytes)
        header = attempt.credentials.header if _same_host(url, attempt.found.source.url) else ""
        large = LargeFiles(self._streams, lfs_url(url), header, shelf)
        every = {one.pointer.sha256: one for one in took.large_files()}
        missing = large.missing(list(every.values()))
        sizes = sum(one.pointer.size for one in every.values())
        left = sum(one.pointer.size for one in missing)
        told.phase(Phase.FILES, files=len(every), size=sizes, files_done=len(every) - len(missing), done=sizes - left)
        attempt.repo.stores.quotas.expect(
            attempt.repo.id, attempt.caller.user_id, [one.pointer.size for one in missing]
        )

        def keep() -> None:
            large.missing(list(every.values()))
            took.touch()

        told.keep = keep
        for _ in large.fetch(missing, told.came):
            told.file_done()
        if large.missing(list(every.values())):
            raise Unavailable(
                "Large files were removed from the repo while it was being imported: they are fetched again"
            )

    def _finish(self, attempt: "_Attempt", took: Taking) -> None:
        def also(connection: sa.Connection) -> tuple[RefChange, ...]:
            if not registry.finish(connection, attempt.repo, attempt.caller, took.notes):
                raise Cancelled
            return ()

        took.finish(attempt.caller, also)
        log.info("import done", repo=attempt.repo.id, source=attempt.found.source.shown)


@dataclass(frozen=True, slots=True)
class _Attempt:
    found: Import
    repo: Repo
    caller: Caller
    credentials: Credentials
    told: "_Told"


class _Told:
    """Tells the row how far it is, once a second, and hears from it whether it is still wanted."""

    def __init__(self, imports: Imports, repo: Repo, room: Room) -> None:
        self._imports = imports
        self._repo = repo
        self._room = room
        self._now = Progress(Phase.REFS)
        self._told_at = float("-inf")
        self._has_gone_on = False
        self._kept_at = time.monotonic()
        self.keep: Callable[[], None] = _nothing
        """Called every few minutes."""

    def phase(self, phase: Phase, *, files: int = 0, size: int = 0, files_done: int = 0, done: int = 0) -> None:
        """Raises Cancelled."""
        self._now = Progress(phase, files_done, files, done, size)
        self._tell()

    def last_phase(self) -> None:
        """All is here; what came stays told. Raises Cancelled."""
        self._now = replace(self._now, phase=Phase.TAKING)
        self._tell()

    def came(self, count: int) -> None:
        """Raises Cancelled, OutOfSpace."""
        self._now = replace(self._now, bytes_done=self._now.bytes_done + count)
        if time.monotonic() - self._told_at >= _TELL_SECONDS:
            self._room.check()
            self._tell()
            self._repo.stores.quotas.flush()
        if time.monotonic() - self._kept_at >= _KEEP_SECONDS:
            self._kept_at = time.monotonic()
            self.keep()

    def file_done(self) -> None:
        """One large file is here for good."""
        self._now = replace(self._now, files_done=self._now.files_done + 1)
        if not self._has_gone_on:
            self._imports.went_on(self._repo.id)
            self._has_gone_on = True

    def _tell(self) -> None:
        self._told_at = time.monotonic()
        if not self._imports.tell(self._repo.id, self._now):
            raise Cancelled


def _nothing() -> None:
    pass


def _same_host(url: str, other: str) -> bool:
    return url.split("/", 3)[:3] == other.split("/", 3)[:3]


def _without(secret: str, text: str) -> str:
    """Whatever the other side said, the token is not told on."""
    return log.blacken(text.replace(secret, "…") if secret else text)
