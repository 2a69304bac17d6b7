"""Moving a hub's bytes to another store and its rows to another database (scenario J3).

Bytes move while the hub runs, as often as one likes: each time what is new. The last time, and for rows, nobody may be at
work: what is written afterwards would stay behind. Nothing is removed where it was, so that one can go back.
"""

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import sqlalchemy as sa

from pioche.db import instance, migrate, schema
from pioche.db.engine import Database
from pioche.errors import Conflict, Corrupt
from pioche.jobs import leases
from pioche.storage.blobs import BlobStore, blob_key, xorb_key
from pioche.upkeep import rows
from pioche.upkeep.backups import copying
from pioche.upkeep.backups.copying import Wanted
from pioche.upkeep.backups.generations import Damaged, Kept
from pioche.upkeep.backups.places import Place
from pioche.upkeep.progress import SILENT, Progress, each

_PAGE = 1000
_NOT_COMPARED = {"events": ("txid",)}  # the engine's own, see rows.Filling
_LEFT_OUT = frozenset({"leases"})
_UNLIKE = _LEFT_OUT | {"event_cursors"}  # with events, cursors are put in an order of the database's own


# --- bytes -----------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class MovedBytes:
    """`total` files are named by rows or lie there; `copied` of them were not in the new store; `damaged` are in neither."""

    total_count: int = 0
    copied_count: int = 0
    copied_bytes: int = 0
    damaged: list[Damaged] = field(default_factory=list)

    def add(self, result: Kept | Damaged, *, is_new: bool) -> None:
        """One more file."""
        self.total_count += 1
        if isinstance(result, Damaged):
            self.damaged.append(result)
        elif is_new:
            self.copied_count += 1
            self.copied_bytes += result.size


def move_bytes(database: Database, source: BlobStore, to: Place, *, progress: Progress = SILENT) -> MovedBytes:
    """Every stored file to `to`, where it has the same key; at the end each is read there and proved once more.

    May be run again after it was killed. Raises Busy while collection or a backup runs.
    """
    moved = MovedBytes()
    with leases.held(database, leases.COLLECTION, "moving the storage") as lease:
        to.prepare()
        for title, step in (("Files copied", _copied), ("Files compared", _compared)):
            progress.begin(title, None if step is _copied else moved.total_count)
            found = each(progress, _stored(database, source))
            moved.total_count, moved.damaged = 0, []
            for result, is_new in copying.at_once(partial(step, to=to), found):
                moved.add(result, is_new=is_new)
            lease.check()
    return moved


def _stored(database: Database, source: BlobStore) -> Iterator[Wanted]:
    contents, xorbs = schema.contents, schema.xorbs
    blobs = sa.select(contents.c.sha256, contents.c.size).where(contents.c.kind == "blob")
    for name, size in _pages(database, blobs, contents.c.sha256):
        yield Wanted(blob_key(name), size, source)
    for name, size in _pages(database, sa.select(xorbs.c.hash, xorbs.c.size), xorbs.c.hash):
        yield Wanted(xorb_key(name), size, source)
    for folder in ("xet/shards", "quarantine"):
        for stored in source.list(folder):
            yield Wanted(stored.key, stored.size, source)


def _pages(database: Database, query: "sa.Select[Any]", key: "sa.Column[str]") -> Iterator[tuple[str, int]]:
    """Rows in the order of their key, a page at a time: no snapshot is held while terabytes move."""
    last = ""
    while True:
        with database.read() as connection:
            page = [(row[0], row[1]) for row in connection.execute(query.where(key > last).order_by(key).limit(_PAGE))]
        if not page:
            return
        yield from page
        last, _ = page[-1]


Step = tuple[Kept | Damaged, bool]


def _copied(wanted: Wanted, to: Place) -> Step:
    if (size := to.store.size(wanted.key)) == wanted.size:
        return Kept(wanted.key, wanted.size, ""), False
    if size is not None:
        to.store.delete(wanted.key)
    result = copying.copy_or_tell(wanted, to)
    return result, isinstance(result, Kept)


def _compared(wanted: Wanted, to: Place) -> Step:
    """What came since, or is not right there, is copied again."""
    with suppress(Corrupt):
        return copying.reread(wanted.key, wanted.size, to), False
    to.store.delete(wanted.key)
    return _copied(wanted, to)


# --- rows ------------------------------------------------------------------------------------------------------------


def move_rows(source: Database, target: Database, *, progress: Progress = SILENT) -> int:
    """All rows into an empty database, in one transaction; then both are compared. Returns how many there are.

    Done already, it only compares. Raises Conflict when the target has other rows, Corrupt when they differ.
    """
    with leases.held(source, leases.COLLECTION, "moving the database") as lease:
        identity = instance.identity(source)
        if not _is_filled(target, identity):
            _fill(source, target, progress)
        total = _compare(source, target, progress)
        lease.check()
    return total


def _is_filled(target: Database, identity: str) -> bool:
    with target.read() as connection:
        if rows.is_empty(connection):
            return False
        found = connection.execute(sa.select(schema.instance.c.value).filter_by(key="identity")).scalar()
    if found != identity:
        raise Conflict("The database to move to holds another hub: name an empty one")
    return True


def _fill(source: Database, target: Database, progress: Progress) -> None:
    with source.read() as out, target.write() as into:
        rows.keep_snapshot(out)
        tables = {str(table.name): table for table in rows.tables(left_out=_LEFT_OUT)}
        progress.begin("Rows copied", sum(rows.count(out, table) for table in tables.values()))
        filling = rows.Filling(into, migrate.current(out) or "")
        for name in filling.order(tables):
            columns = [str(column.name) for column in tables[name].columns]
            for count in filling.insert(name, columns, rows.lines(out, tables[name])):
                progress.advance(count)
        filling.finish(rows.sequences(out))


def _compare(source: Database, target: Database, progress: Progress) -> int:
    """By the text of every row, but for the marks that each database makes itself."""
    tables = rows.tables(left_out=_UNLIKE)
    progress.begin("Tables compared", len(tables))
    total = 0
    with source.read() as before, target.read() as after:
        for connection in (before, after):
            rows.keep_snapshot(connection)
        for table in each(progress, tables):
            found = _digest(before, table)
            if _digest(after, table) != found:
                raise Corrupt(
                    f"The rows of {table.name} differ: the hub was at work after they were moved. Go on with the database"
                    " that has the newer ones, or empty the other and run this again"
                )
            total += found[0]
    return total


def _digest(connection: sa.Connection, table: sa.Table) -> tuple[int, str]:
    digest, count = hashlib.sha256(), 0
    for line in rows.lines(connection, table, without=_NOT_COMPARED.get(table.name, ())):
        digest.update(line + b"\n")
        count += 1
    return count, digest.hexdigest()
