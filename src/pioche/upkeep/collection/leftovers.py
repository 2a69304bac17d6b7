"""What lies in the store and leads nowhere: files that no row knows, raw shards of files that are gone, and what was in
quarantine for long enough."""

import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import sqlalchemy as sa

from pioche.db import schema
from pioche.errors import HubError
from pioche.storage import ballast, collection, incoming
from pioche.storage.blobs import Stored
from pioche.storage.xet import shards
from pioche.storage.xet.hashing import to_text
from pioche.upkeep.collection.context import BATCH, Context
from pioche.upkeep.collection.report import Reason
from pioche.upkeep.progress import each

_quarantine, _contents, _xorbs, _files = schema.quarantine, schema.contents, schema.xorbs, schema.xet_files
_UNTOUCHED_SECONDS = 3600.0
_ROOM_BYTES_MIN = 64 * 2**20


def make_room(data_dir: Path) -> None:
    """Before anything else on a disk that is full, without a row written: removing rows takes some room. What goes is
    made again: the ballast, and the files of the cache."""
    if shutil.disk_usage(data_dir).free < _ROOM_BYTES_MIN:
        ballast.drop(data_dir)
        shutil.rmtree(data_dir / "cache" / "files", ignore_errors=True)


def sweep_incoming(run: Context, data_dir: Path) -> None:
    """What broken-off uploads left."""
    if not run.options.dry_run:
        incoming.sweep(run.database, data_dir, untouched_seconds=_UNTOUCHED_SECONDS)


def collect_quarantine(run: Context) -> None:
    """Deletes for good what waited for its grace, and puts away what a crash left in its place."""
    condemned = _quarantine.c.reason == collection.UNREACHABLE
    with run.database.read() as connection:
        rows = connection.execute(sa.select(_quarantine).where(condemned).order_by(_quarantine.c.key)).all()
    run.progress.begin("quarantine", len(rows))
    for row in each(run.progress, rows):
        if row.at < run.times.quarantined_before:
            done = row.size if run.options.dry_run else collection.destroy(run.database, run.blobs, row.key)
            run.report.freed += done
            continue
        run.report.waiting += row.size
        if not run.options.dry_run:
            collection.lay_away(run.database, run.blobs, row.key)


# --- files that no row knows ----------------------------------------------------------------------------------------


def collect_orphans(run: Context) -> None:
    """What an upload put in place before its row could be written, and nobody sent again."""
    for prefix in ("blobs", "xet/xorbs"):
        run.progress.begin(f"files in {prefix}")
        for found in _batched(each(run.progress, run.blobs.list(prefix))):
            _collect_orphans(run, [one for one in found if one.modified_at < run.times.young_after])


def _batched(found: Iterable[Stored]) -> Iterator[list[Stored]]:
    batch = list[Stored]()
    for one in found:
        batch.append(one)
        if len(batch) == BATCH:
            yield batch
            batch = []
    yield batch


def _collect_orphans(run: Context, found: Sequence[Stored]) -> None:
    with run.database.read() as connection:
        orphans = _unknown(connection, found)
    if orphans and not run.options.dry_run:
        with run.database.write() as connection:
            collection.enter(connection)
            run.before_removal()
            orphans = _unknown(connection, orphans)
            collection.condemn(connection, [(one.key, one.size) for one in orphans])
    for one in orphans:
        run.report.add(Reason.ORPHAN, one.size)
        if not run.options.dry_run:
            run.put_away(one.key, one.size, "")


def _unknown(connection: sa.Connection, found: Sequence[Stored]) -> list[Stored]:
    names = [one.key.rpartition("/")[2] for one in found]
    keys = [one.key for one in found]
    blobs = sa.select(_contents.c.sha256).where(_contents.c.sha256.in_(names), _contents.c.kind == "blob")
    xorbs = sa.select(_xorbs.c.hash).where(_xorbs.c.hash.in_(names))
    known = {*connection.execute(blobs).scalars(), *connection.execute(xorbs).scalars()}
    condemned = set(connection.execute(sa.select(_quarantine.c.key).where(_quarantine.c.key.in_(keys))).scalars())
    return [one for one, name in zip(found, names, strict=True) if name not in known and one.key not in condemned]


# --- raw shards -----------------------------------------------------------------------------------------------------


def collect_shards(run: Context) -> None:
    """A raw shard is kept for as long as one of its files is: files could be made again from it."""
    run.progress.begin("shards")
    for one in each(run.progress, run.blobs.list("xet/shards")):
        if one.modified_at < run.times.young_after and not _has_file(run, one):
            run.report.add(Reason.ORPHAN, one.size)
            if not run.options.dry_run:
                run.before_removal()
                run.blobs.delete(one.key)
                run.report.freed += one.size


def _has_file(run: Context, one: Stored) -> bool:
    """True also of what cannot be read: that is for fsck to judge."""
    try:
        shard = shards.parse(b"".join(run.blobs.read(one.key)))
    except HubError:
        return True
    names = [to_text(entry.hash) for entry in shard.files]
    with run.database.read() as connection:
        for start in range(0, len(names), BATCH):
            batch = names[start : start + BATCH]
            found = connection.execute(sa.select(_files.c.hash).where(_files.c.hash.in_(batch))).scalars()
            if any(name not in run.gone.files for name in found):
                return True
    return False
