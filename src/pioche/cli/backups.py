"""`pioche backup` and `pioche restore`."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any

from cyclopts import Parameter

from pioche import app, config
from pioche.cli import output
from pioche.cli.options import DEFAULT, Options
from pioche.cli.progress import bars
from pioche.config import Config, prepare_data_dir
from pioche.db import instance
from pioche.db.engine import Database
from pioche.processes import lock
from pioche.storage.blobs import BlobStore
from pioche.upkeep.backups import generations, making, restoring
from pioche.upkeep.backups.generations import Damaged
from pioche.upkeep.diagnosis.hub import BACKUP_NOTE
from pioche.upkeep.fsck.examination import examine
from pioche.upkeep.fsck.scene import Scene

_FLAG = Parameter(negative=())


def backup(
    destination: str,
    /,
    *,
    keep: int = 0,
    wait: int = 60,
    list: Annotated[bool, _FLAG] = False,
    options: Options = DEFAULT,
) -> int:
    """Back the hub up while it runs: its rows of one moment, and every file that they name.

    Files that are at the destination already are not copied again. Ends with status 1 when stored files are damaged or
    missing: the backup is made, and says which.

    Parameters
    ----------
    destination
        A folder, or an object store as storage_url names one.
    keep
        Remove the oldest backups there, so that this many remain; 0 keeps all.
    wait
        How many seconds to wait while collection or another backup is at work.
    list
        Only list the backups that are there.
    """
    settings = options.config()
    place = app.backup_place(settings, destination)
    if list:
        _show_list(place.store, json=options.json)
        return 0
    with opened(settings) as database, bars() as progress:
        made = making.make(
            app.backup_source(settings, database), place, keep=keep, wait_seconds=wait, progress=progress
        )
        instance.note(database, BACKUP_NOTE, f"{instance.now_ms()} {made.id}")
    found = made.generation
    done = {
        "id": made.id,
        "files": found.file_count,
        "bytes": found.file_bytes,
        "copied_files": made.copied_count,
        "copied_bytes": made.copied_bytes,
        "pruned": made.pruned,
    }
    text = (
        f"Backup {made.id}: {found.file_count} files, {size(found.file_bytes)}; {size(made.copied_bytes)} of them new."
    )
    return _tell(done, text, found.damaged, json=options.json)


def restore(source: str, /, *, backup: str | None = None, options: Options = DEFAULT) -> int:
    """Restore a backup into an empty data folder and an empty database. Run it again when it was interrupted.

    Every byte is checked on the way, and at the end that nothing is missing. The hub must not run. Ends with status 1 when
    the backup has damaged files, or the hub is not whole.

    Parameters
    ----------
    source
        Where the backups are: a folder, or an object store as storage_url names one.
    backup
        The id of one that is not the newest.
    """
    settings = config.load({"data_dir": options.data_dir})
    prepare_data_dir(settings)
    with lock.held(settings), opened(settings) as database, bars() as progress:
        target, place = app.restore_target(settings, database), app.backup_place(settings, source)
        restored = restoring.restore(target, place, backup, progress=progress)
        report = examine(Scene(settings, database, target.blobs), deep=False, repair=False, progress=progress)
    found = restored.generation
    done = {
        "id": restored.id,
        "created_at": found.created_at,
        "files": found.file_count,
        "bytes": found.file_bytes,
        "copied_files": restored.copied_count,
        "copied_bytes": restored.copied_bytes,
        "epoch": restored.epoch,
        "whole": report.is_whole,
    }
    text = f"Restored the hub as it was at {found.created_at}: {found.file_count} files, {size(found.file_bytes)}."
    if not report.is_whole:
        text += "\nNot everything that it promises is there: pioche fsck says what, and what can be done."
    code = _tell(done, text, restored.damaged, json=options.json)
    return code if report.is_whole else 1


@contextmanager
def opened(settings: Config) -> Iterator[Database]:
    """The database of `settings`, in whatever state it is."""
    database = Database(settings)
    try:
        yield database
    finally:
        database.close()


def size(count: int) -> str:
    """Bytes as people read them."""
    number, units = float(count), ("B", "KiB", "MiB", "GiB", "TiB")
    place = min(max(0, count.bit_length() - 1) // 10, len(units) - 1)
    return f"{count} B" if place == 0 else f"{number / 1024**place:.1f} {units[place]}"


def _show_list(store: BlobStore, *, json: bool) -> None:
    rows = []
    for generation_id in generations.ids(store):
        found = generations.load(store, generation_id)
        counts = {"files": found.file_count, "bytes": found.file_bytes, "damaged": len(found.damaged)}
        rows.append({"id": generation_id, "created_at": found.created_at, "version": found.version, **counts})
    output.table(rows, ["id", "files", "bytes", "damaged", "version"], json=json)


def _tell(done: dict[str, Any], text: str, damaged: Sequence[Damaged], *, json: bool) -> int:
    """The result; status 1 when files are damaged, which are named."""
    lines = [text, *(f"damaged: {each.key}: {each.why}" for each in damaged)]
    if damaged:
        lines.append(f"{len(damaged)} files are damaged or missing: run pioche fsck.")
    output.show(
        {**done, "damaged": [{"key": each.key, "why": each.why} for each in damaged]}, "\n".join(lines), json=json
    )
    return 1 if damaged else 0
