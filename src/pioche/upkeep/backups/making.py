"""One backup: the rows of one moment, then every file that they name and that is not at the destination yet."""

import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from pioche.db import instance, migrate
from pioche.db.engine import Database
from pioche.errors import Corrupt, Unavailable
from pioche.git.snapshot import Ref
from pioche.git.store import GitStore
from pioche.jobs import leases
from pioche.storage.blobs import BlobStore, blob_key, xorb_key
from pioche.storage.disk import translated
from pioche.upkeep import rows
from pioche.upkeep.backups import copying, generations, packs, pruning
from pioche.upkeep.backups.copying import File, Wanted
from pioche.upkeep.backups.generations import Damaged, Generation, Kept, Table
from pioche.upkeep.backups.known import Known
from pioche.upkeep.backups.places import Place
from pioche.upkeep.progress import SILENT, Progress, each

LEFT_OUT = frozenset({"leases", "uploads", "quarantine", "sessions", "sign_in_failures"})
"""What means nothing without the processes, the unfinished files and the browsers of this moment."""

FOLDERS = ("blobs", "xet/xorbs", "xet/shards", "git")
"""Where files lie, in a hub and in a backup."""


@dataclass(frozen=True, slots=True)
class Source:
    """The hub that is backed up. `scratch` is on the file system of the git objects, and ours alone."""

    database: Database
    blobs: BlobStore
    git: GitStore
    scratch: Path


@dataclass(frozen=True, slots=True)
class Made:
    """What came of it. `copied` files were new at the destination; `pruned` generations are gone."""

    id: str
    generation: Generation
    copied_count: int
    copied_bytes: int
    pruned: list[str]


def make(source: Source, place: Place, *, keep: int = 0, wait_seconds: float = 0, progress: Progress = SILENT) -> Made:
    """A new generation in `place`; with `keep`, only so many remain. Damaged files are told of in the generation.

    May be run again after it was killed: what was copied counts. Raises Busy while collection or another backup runs for
    longer than `wait_seconds`.
    """
    progress.begin("Waiting for collection to be off", None)
    with leases.held(source.database, leases.COLLECTION, "backup", wait_seconds=wait_seconds) as lease:
        place.prepare()
        generations.claim(place, instance.identity(source.database))
        for folder in (source.scratch, place.scratch):  # which may be inside it
            _empty(folder)
        with Known(source.scratch / "known.db") as known:
            run = _Run(source, place, known, progress)
            generation = run.generation(run.tables())
        lease.check()  # had it run out, what was copied might have holes
        generation_id = generations.save(place, generation)
        pruned = pruning.prune(place, keep, source.scratch, progress=progress) if keep else []
        _remove(source.scratch)
    return Made(generation_id, generation, run.copied_count, run.copied_bytes, pruned)


@dataclass(slots=True)
class _Run:
    source: Source
    place: Place
    known: Known
    progress: Progress
    file_count: int = 0
    file_bytes: int = 0
    copied_count: int = 0
    copied_bytes: int = 0
    _damaged: list[Damaged] = field(default_factory=list)

    # --- rows ---

    def tables(self) -> Generation:
        """The rows of one moment, and no files yet."""
        with self.source.database.read() as connection:
            rows.keep_snapshot(connection)
            wanted = rows.tables(left_out=LEFT_OUT)
            self.progress.begin("Rows", len(wanted))
            found = list[Table]()
            for table in wanted:
                count = rows.count(connection, table)
                parts = list(generations.save_lines(self.place, "rows", rows.lines(connection, table)))
                found.append(Table(str(table.name), [str(column.name) for column in table.columns], count, parts))
                self.progress.advance()
            numbers = rows.sequences(connection)
            revision = migrate.current(connection) or ""
        identity = instance.identity(self.source.database)
        return Generation(identity, generations.now(), revision, found, numbers, [], 0, 0, [])

    # --- files ---

    def generation(self, tables: Generation) -> Generation:
        """`tables` with every file that they name, copied where it was not there."""
        self._look_what_is_there()
        lists = list(generations.save_lines(self.place, "lists", map(msgspec.json.encode, self._files(tables))))
        found = {"lists": lists, "file_count": self.file_count, "file_bytes": self.file_bytes}
        return msgspec.structs.replace(tables, **found, damaged=self._damaged)

    def _look_what_is_there(self) -> None:
        store = self.place.store
        self.progress.begin("What is there", None)
        for folder in FOLDERS:
            self.known.add_stored(store.list(folder))
        for generation_id in generations.ids(store):
            self.known.add_proved(generations.files(store, generations.load(store, generation_id)))
            self.progress.advance()

    def _files(self, tables: Generation) -> Iterator[Kept]:
        totals = {table.name: table.rows for table in tables.tables}
        found = (
            ("Large files", totals["contents"], self._blobs(tables)),
            ("Xorbs", totals["xorbs"], self._xorbs(tables)),
            ("Shards", None, self._shards()),
            ("Git objects", totals["repos"], self._packs(tables)),
        )
        for title, total, items in found:
            self.progress.begin(title, total)
            for result, is_new in copying.at_once(self._done, map(self._task, items)):
                if isinstance(result, Damaged):
                    self._damaged.append(result)
                    continue
                self.file_count += 1
                self.file_bytes += result.size
                self.copied_count += is_new
                self.copied_bytes += result.size * is_new
                yield result

    def _blobs(self, tables: Generation) -> Iterator[Wanted]:
        for row in each(self.progress, generations.rows(self.place.store, tables, "contents")):
            if row["kind"] == "blob":
                yield Wanted(blob_key(row["sha256"]), row["size"], self.source.blobs)

    def _xorbs(self, tables: Generation) -> Iterator[Wanted]:
        for row in each(self.progress, generations.rows(self.place.store, tables, "xorbs")):
            yield Wanted(xorb_key(row["hash"]), row["size"], self.source.blobs)

    def _shards(self) -> Iterator[Wanted]:
        """No row names them: all that are there."""
        for stored in each(self.progress, self.source.blobs.list("xet/shards")):
            yield Wanted(stored.key, stored.size, self.source.blobs)

    # --- git ---

    def _packs(self, tables: Generation) -> Iterator[Wanted | Damaged]:
        store = self.place.store
        holder = packs.Holder(self.source.git, self.source.scratch / "packs")
        repos = generations.rows(store, tables, "repos")
        for repo, refs in each(self.progress, packs.with_refs(repos, generations.rows(store, tables, "refs"))):
            yield from self._packs_of(holder, repo["uid"], refs)

    def _packs_of(self, holder: packs.Holder, uid: str, refs: list[Ref]) -> Iterator[Wanted | Damaged]:
        if not self.source.git.exists(uid):
            return  # nobody wrote to it: its first commit is computed
        folder = packs.key(self.source.git, uid)
        try:
            files = packs.of_repo(self.source.git, uid)
            if not all(self._is_proved(f"{folder}/{path.name}", path) for path in files):
                files = holder.hold(uid, refs)
            sizes = [path.stat().st_size for path in files]
        except (FileNotFoundError, Unavailable) as error:
            yield Damaged(folder, str(error))
            return
        for path, size in zip(files, sizes, strict=True):
            yield Wanted(f"{folder}/{path.name}", size, File(path))

    def _is_proved(self, key: str, path: Path) -> bool:
        found = self.known.find(key)
        return found is not None and found[1] is not None and found[0] == path.stat().st_size

    # --- one file ---

    def _task(self, item: Wanted | Damaged) -> "Kept | Damaged | _Task":
        """What is left to do for it."""
        if isinstance(item, Damaged):
            return item
        found = self.known.find(item.key)
        if found is not None and found[0] == item.size and found[1] is not None:
            return Kept(item.key, item.size, found[1])
        return _Task(item, present_size=None if found is None else found[0])

    def _done(self, task: "Kept | Damaged | _Task") -> tuple[Kept | Damaged, bool]:
        """Runs in several threads. Whether the file is new there."""
        if not isinstance(task, _Task):
            return task, False
        wanted, store = task.wanted, self.place.store
        if task.present_size == wanted.size:
            # A backup that was killed has copied it: it is read again.
            with suppress(Corrupt):
                return copying.reread(wanted.key, wanted.size, self.place), False
        if task.present_size is not None:
            store.delete(wanted.key)
        result = copying.copy_or_tell(wanted, self.place)
        return result, isinstance(result, Kept)


@dataclass(frozen=True, slots=True)
class _Task:
    """A file that is not there, or is there (`present_size`) and named by no generation."""

    wanted: Wanted
    present_size: int | None


def _empty(folder: Path) -> None:
    """What a process that was killed left behind goes; nobody else writes there."""
    _remove(folder)
    with translated():
        folder.mkdir(parents=True, mode=0o700)


def _remove(folder: Path) -> None:
    with translated(), suppress(FileNotFoundError):
        shutil.rmtree(folder)
