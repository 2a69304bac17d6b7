"""Reads everything that is stored, slowly, and finds what rotted before anybody asks for it (scenarios B3, B4).

A pass goes through the large files, the xorbs, the shards, the git objects and the database. It looks with the functions
of `pioche fsck --deep`, and does what `--repair` does with stored bytes that fail their hash: they are set aside, so that
the next upload of the same file mends it, and other copies of the same bytes take their place where there are any. Packs
of git objects and the database are only told of: what can be saved of them, `pioche fsck --repair` saves.

Where a pass stands is a note in the database: it goes on where it was, in whichever process.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial

import msgspec
import sqlalchemy as sa

from pioche.db import instance, schema
from pioche.db.engine import Database
from pioche.db.instance import now_ms
from pioche.errors import HubError
from pioche.git import checking
from pioche.jobs import leases
from pioche.observe import log, metrics
from pioche.upkeep.fsck import contents, database, git, kinds, xet_files, xorbs
from pioche.upkeep.fsck.findings import CannotMend, Problem
from pioche.upkeep.fsck.scene import Scene

NOTE = "scrub"
_FOUND_MAX = 1000
_TRIES_MAX = 3
_LONG_SECONDS = 10
_LOOKS_PER_SECOND = 30  # so that millions of small repos (1.5 ms of a core each) leave the processor to whoever asks
_SLEEP_SECONDS_MAX = 1.0
_LEASE = "scrub"


class Found(msgspec.Struct, frozen=True):
    """Damage: `kind` and `subject` are those of `pioche fsck`; `done` says what came of it."""

    kind: str
    subject: str
    detail: str
    done: str
    at: int


class Pass(msgspec.Struct, frozen=True):
    """One reading of everything. Times are Unix milliseconds; `finished_at` None: under way.

    `part` and `after` say where it stands. `tries` counts how often the next item was begun, if it takes long: one that
    never ends before the hub does is left out in the end, and counted in `skipped`.
    """

    started_at: int
    finished_at: int | None = None
    part: int = 0
    after: str = ""
    tries: int = 0
    items: int = 0
    bytes: int = 0
    skipped: int = 0
    found: tuple[Found, ...] = ()


class Notes(msgspec.Struct, frozen=True):
    """What is known of scrubbing: the pass under way, and the last one that was finished."""

    now: Pass | None = None
    last: Pass | None = None


def notes(hub_database: Database) -> Notes:
    """What the passes of this hub have found so far."""
    text = instance.noted(hub_database, NOTE)
    return msgspec.json.decode(text, type=Notes) if text else Notes()


_Following = Callable[[Scene, str], tuple[str, int] | None]


@dataclass(frozen=True, slots=True)
class _Part:
    """`following` gives the item behind a name, with its size in bytes where it may be large; `look` examines one."""

    following: _Following
    look: Callable[[Scene, str], Iterable[Problem]]
    is_bytes: bool
    """Whether what is damaged is set aside."""
    is_many: bool = True
    """Whether there may be millions: then they are looked at one by one at a limited rate, also where each is small."""


class Scrubber:
    """Works in slices. `period_ms` is how often a pass begins; `bytes_per_second` how fast it reads, and
    `looks_per_second` how fast it goes from one item to the next."""

    def __init__(
        self, scene: Scene, *, bytes_per_second: int, period_ms: int, looks_per_second: int = _LOOKS_PER_SECOND
    ) -> None:
        self._scene = replace(scene, pace=self._pace)
        self._rate = bytes_per_second
        self._looks_per_second = looks_per_second
        self._period_ms = period_ms
        self._read = 0
        self._looks = 0
        self._began = 0.0

    def run(self, *, seconds: float) -> bool:
        """Goes on for about so long, or to the end of the pass. True when more is to be done at once."""
        try:
            with leases.held(self._scene.database, _LEASE, "scrub"):
                return self._slice(seconds)
        except leases.Busy:
            return False  # another process is at it

    def _slice(self, seconds: float) -> bool:
        known = notes(self._scene.database)
        now = known.now
        if now is None:
            if known.last is not None and now_ms() < known.last.started_at + self._period_ms:
                return False
            now = Pass(started_at=now_ms())
            log.info("scrub began")
        self._began, self._read, self._looks = time.monotonic(), 0, 0
        while (after := self._step(now, known)) is not None:
            now = after
            if time.monotonic() >= self._began + seconds:
                self._save(now, known)
                return True
        self._finish(now)
        return False

    def _step(self, now: Pass, known: Notes) -> Pass | None:
        """The pass after one more item; None at its end."""
        if now.part == len(_PARTS):
            return None
        part = _PARTS[now.part]
        following = part.following(self._scene, now.after)
        if following is None:
            return msgspec.structs.replace(now, part=now.part + 1, after="", tries=0)
        name, size = following
        if now.tries >= _TRIES_MAX:
            log.warning("scrub left an item out", subject=name)
            return msgspec.structs.replace(now, after=name, tries=0, skipped=now.skipped + 1)
        if size > self._rate * _LONG_SECONDS:  # should the hub end meanwhile, the next one knows
            self._save(msgspec.structs.replace(now, tries=now.tries + 1), known)
        read_before = self._read
        self._looks += part.is_many
        self._pace(0)
        found = [self._settle(problem, part) for problem in self._twice(partial(part.look, self._scene, name))]
        done = msgspec.structs.replace(
            now,
            after=name,
            tries=0,
            items=now.items + 1,
            bytes=now.bytes + self._read - read_before,
            found=(*now.found, *found)[:_FOUND_MAX],
        )
        if found:
            self._save(done, known)
        return done

    def _twice(self, look: Callable[[], Iterable[Problem]]) -> list[Problem]:
        """What two looks find: what is collected or uploaded at this moment is not damage."""
        first = {problem.key for problem in look()}
        return [problem for problem in look() if problem.key in first] if first else []

    def _settle(self, problem: Problem, part: _Part) -> Found:
        done = "" if not part.is_bytes or problem.mend is None else self._mended(problem)
        metrics.damaged(problem.kind.code)
        log.warning("damage found", kind=problem.kind.code, subject=problem.subject, detail=problem.detail, done=done)
        return Found(problem.kind.code, problem.subject, problem.detail, done, now_ms())

    def _mended(self, problem: Problem) -> str:
        assert problem.mend is not None  # noqa: S101 - the caller looked
        try:
            with leases.held(self._scene.database, leases.COLLECTION, "scrub", wait_seconds=_LONG_SECONDS):
                return problem.mend()
        except CannotMend as reason:
            return f"Not repaired: {reason}"
        except HubError as error:
            return f"Not repaired: {error.message}"

    def _finish(self, now: Pass) -> None:
        ended = msgspec.structs.replace(now, finished_at=now_ms())
        self._save(None, Notes(last=ended))
        log.info("scrub ended", items=ended.items, bytes=ended.bytes, damaged=len(ended.found), skipped=ended.skipped)

    def _save(self, now: Pass | None, known: Notes) -> None:
        text = msgspec.json.encode(Notes(now, known.last)).decode()
        instance.note(self._scene.database, NOTE, text)

    def _pace(self, count: int) -> None:
        """Waits as long as reading so much at the allowed rate would have taken."""
        self._read += count
        metrics.scrubbed(count)
        allowed = max(self._read / self._rate, self._looks / self._looks_per_second)
        ahead = allowed - (time.monotonic() - self._began)
        while ahead > 0:
            time.sleep(min(ahead, _SLEEP_SECONDS_MAX))
            ahead -= _SLEEP_SECONDS_MAX


# --- what there is to read, in order --------------------------------------------------------------------------------


def _row(table: sa.Table, name: str, *conditions: "sa.ColumnElement[bool]") -> _Following:
    column = table.c[name]

    def following(scene: Scene, after: str) -> tuple[str, int] | None:
        query = sa.select(column, table.c.size).where(column > after, *conditions).order_by(column).limit(1)
        with scene.database.read() as connection:
            row = connection.execute(query).first()
        return None if row is None else (row[0], row[1])

    return following


def _repo(scene: Scene, after: str) -> tuple[str, int] | None:
    column = schema.repos.c.uid
    with scene.database.read() as connection:
        uid = connection.execute(sa.select(column).where(column > after).order_by(column).limit(1)).scalar()
    if uid is None:
        return None
    return uid, sum(pack.stat().st_size for pack in checking.packs(scene.stores.git.path(uid)))


def _shards(_scene: Scene, after: str) -> tuple[str, int] | None:
    """The first two digits of their names: a store lists them in no order."""
    number = int(after, 16) + 1 if after else 0
    return None if number > 255 else (f"{number:02x}", 0)


def _database(_scene: Scene, after: str) -> tuple[str, int] | None:
    return ("pages", 0) if not after else None


def _look_at_shards(scene: Scene, prefix: str) -> Iterable[Problem]:
    for name in xet_files.shard_names(scene, prefix):
        yield from xet_files.shard(scene, name)


def _look_at_git(scene: Scene, uid: str) -> Iterable[Problem]:
    """Packs, indexes and loose objects; whether all objects are there is for fsck."""
    with scene.database.read() as connection:
        number = connection.execute(sa.select(schema.repos.c.id).filter_by(uid=uid)).scalar()
    repo = scene.repo(number) if number is not None else None
    found = git.files(scene, repo, deep=True) if repo is not None else ()
    return [problem for problem in found if problem.kind is not kinds.GIT_LEFTOVER]


_PARTS: tuple[_Part, ...] = (
    _Part(_row(schema.contents, "sha256", schema.contents.c.kind == "blob"), contents.one, is_bytes=True),
    _Part(_row(schema.xorbs, "hash"), xorbs.one, is_bytes=True),
    _Part(_shards, _look_at_shards, is_bytes=True, is_many=False),
    _Part(_repo, _look_at_git, is_bytes=False),
    _Part(_database, lambda scene, _: database.pages(scene), is_bytes=False, is_many=False),
)
