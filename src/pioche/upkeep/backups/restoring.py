"""A backup back into an empty hub: files first, each proved; all rows last, in one transaction.

Until then the hub does not start (`upkeep.preparing`). A restore that was killed goes on where it stopped when it is run again.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path, PurePath

import sqlalchemy as sa

from pioche.db import instance, migrate, schema
from pioche.db.engine import Database
from pioche.errors import Conflict, Corrupt, NotFound
from pioche.git.store import GitStore
from pioche.storage.blobs import BlobStore
from pioche.storage.disk import sync_file, sync_folder, translated
from pioche.upkeep import rows
from pioche.upkeep.backups import copying, generations
from pioche.upkeep.backups.copying import Wanted
from pioche.upkeep.backups.generations import Damaged, Generation, Kept
from pioche.upkeep.backups.places import Place
from pioche.upkeep.preparing import MARK
from pioche.upkeep.progress import SILENT, Progress, each

_RESTORED = "restored"  # in `instance`: the generation that these rows are from


@dataclass(frozen=True, slots=True)
class Target:
    """The hub that is restored: prepared folders, an empty database, nobody at work."""

    database: Database
    blobs: BlobStore
    git: GitStore
    data_dir: Path

    @property
    def scratch(self) -> Path:
        return self.data_dir / "incoming"


@dataclass(frozen=True, slots=True)
class Restored:
    """`damaged` are files that the backup does not have whole, or that it said were missing when it was made."""

    id: str
    generation: Generation
    epoch: int
    copied_count: int
    copied_bytes: int
    damaged: list[Damaged]


def restore(target: Target, place: Place, generation_id: str | None = None, *, progress: Progress = SILENT) -> Restored:
    """The newest generation, or the one that is named. Raises NotFound, Conflict when the target is in use, Corrupt when
    the backup's own lists or rows are."""
    chosen = generation_id or _newest(place.store)
    generation = generations.load(place.store, chosen)
    if generation.revision not in migrate.revisions():
        raise Conflict(f"The backup was made by a newer Pioche ({generation.version}): restore it with that version")
    _claim(target, chosen)
    run = _Run(target, place, progress)
    run.files(generation)
    epoch = _filled(target.database, chosen) or run.rows(generation, chosen)
    with translated():
        (target.data_dir / MARK).unlink()
        sync_folder(target.data_dir)
    damaged = [*generation.damaged, *run.damaged]
    return Restored(chosen, generation, epoch, run.copied_count, run.copied_bytes, damaged)


def _newest(store: BlobStore) -> str:
    found = generations.ids(store)
    if not found:
        raise NotFound("There is no finished backup there")
    return found[-1]


# --- is the target empty? --------------------------------------------------------------------------------------------


def _claim(target: Target, generation_id: str) -> None:
    """Nothing is in the target but what an earlier try of the same restore has put there. Raises Conflict."""
    mark = target.data_dir / MARK
    with translated():
        if mark.exists():
            if (begun := mark.read_text()) != generation_id:
                raise Conflict(f"The restore of {begun} was begun here: run it again to its end, or empty the folder")
            return
        if (found := _in_use(target)) is not None:
            raise Conflict(f"{found} is not empty: restore into an empty folder and an empty database")
        mark.write_text(generation_id)
        sync_file(mark)
        sync_folder(target.data_dir)


def _in_use(target: Target) -> str | None:
    with target.database.read() as connection:
        if not rows.is_empty(connection):
            return "The database"
    if any(target.git.root.iterdir()):
        return "The folder of git objects"
    for folder in ("blobs", "xet"):
        if next(target.blobs.list(folder), None) is not None:
            return "The store of large files"
    return None


def _filled(database: Database, generation_id: str) -> int:
    """The epoch, when an earlier try ended after its rows were in; 0 otherwise."""
    with database.read() as connection:
        if rows.is_empty(connection):
            return 0
        found = connection.execute(sa.select(schema.instance.c.value).filter_by(key=_RESTORED)).scalar()
    if found != generation_id:
        raise Conflict("The database was filled by something else meanwhile: empty it")
    return instance.epoch(database)


# --- the work --------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Run:
    target: Target
    place: Place
    progress: Progress
    copied_count: int = 0
    copied_bytes: int = 0
    damaged: list[Damaged] = field(default_factory=list)

    def files(self, generation: Generation) -> None:
        """Those that are there already were proved before they got their names."""
        self.progress.begin("Files", generation.file_count)
        found = each(self.progress, generations.files(self.place.store, generation))
        for is_git, group in groupby(found, key=lambda kept: kept.key.startswith("git/")):
            if is_git:
                for folder, packs in groupby(group, key=lambda kept: kept.key.rpartition("/")[0]):
                    self._repo(folder, list(packs))
            else:
                for kept, result in copying.at_once(self._stored, group):
                    self._count(kept, result)

    def _stored(self, kept: Kept) -> tuple[Kept, Kept | Damaged | None]:
        """Runs in several threads. None: it was there."""
        if self.target.blobs.size(kept.key) == kept.size:
            return kept, None
        to = Place(self.target.blobs, self.target.scratch)
        try:
            return kept, copying.copy(self._wanted(kept), to, sha256=kept.sha256)
        except Corrupt as error:
            return kept, Damaged(kept.key, error.message)

    def _wanted(self, kept: Kept) -> Wanted:
        return Wanted(kept.key, kept.size, self.place.store)

    def _count(self, kept: Kept, result: Kept | Damaged | None) -> None:
        if isinstance(result, Damaged):
            self.damaged.append(result)
        elif result is not None:
            self.copied_count += 1
            self.copied_bytes += kept.size

    def _repo(self, folder: str, packs: list[Kept]) -> None:
        """The packs of one repo: into a folder beside it, then all at once into their place, which makes the repo."""
        uid = PurePath(folder).parts[2].removesuffix(".git")
        missing = [kept for kept in packs if not self._is_there(uid, kept)]
        if not missing and self.target.git.exists(uid):
            return
        with _drafts(self.target.scratch / f"restoring-{uid}") as drafts:
            for kept in missing:
                self._count(kept, self._fetched(kept, drafts))
            self.target.git.adopt(uid, sorted(drafts.glob("*.pack")))

    def _fetched(self, kept: Kept, drafts: Path) -> Kept | Damaged:
        try:
            copying.fetch(self._wanted(kept), drafts / PurePath(kept.key).name, sha256=kept.sha256)
        except Corrupt as error:
            return Damaged(kept.key, error.message)
        return kept

    def _is_there(self, uid: str, kept: Kept) -> bool:
        path = self.target.git.path(uid) / "objects" / "pack" / PurePath(kept.key).name
        with suppress(FileNotFoundError):
            return path.stat().st_size == kept.size
        return False

    def rows(self, generation: Generation, generation_id: str) -> int:
        """Everything in one transaction; returns the new epoch."""
        tables = {table.name: table for table in generation.tables}
        self.progress.begin("Rows", sum(table.rows for table in generation.tables))
        with self.target.database.write() as connection:
            filling = rows.Filling(connection, generation.revision)
            for name in filling.order(tables):
                found = generations.lines(self.place.store, tables[name].parts)
                for count in filling.insert(name, tables[name].columns, found):
                    self.progress.advance(count)
            filling.finish(generation.last_numbers)
            connection.execute(schema.instance.delete().where(schema.instance.c.key == _RESTORED))
            connection.execute(schema.instance.insert().values(key=_RESTORED, value=generation_id))
            return instance.raise_epoch(connection)


@contextmanager
def _drafts(folder: Path) -> Iterator[Path]:
    with translated():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        try:
            yield folder
        finally:
            shutil.rmtree(folder)
