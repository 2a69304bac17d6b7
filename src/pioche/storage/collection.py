"""How what is taken in and what is removed keep out of each other's way (scenario A5).

Whoever makes stored bytes reachable (an upload, a copy, a commit) calls `keep_out` first thing in its transaction; whoever
removes rows that lead to bytes calls `enter`. On PostgreSQL these are a shared and an exclusive advisory lock, held to the
end of the transaction; on SQLite there is one writer anyway. So what one of them has looked at, under the lock, stays so
until it has committed.

Removed bytes go in three steps, each of which may be the last before a crash: `condemn` puts a row into `quarantine` in
the transaction that removes the last row leading to them; `lay_away` moves them to `quarantine/<key>`; `destroy` deletes
them, a second grace period later. An upload of the same bytes that comes meanwhile calls `claim`, which brings them back.
"""

from collections.abc import Iterable

import sqlalchemy as sa

from pioche.db import schema
from pioche.db.dialect import upsert
from pioche.db.engine import Database
from pioche.db.instance import now_ms
from pioche.errors import Unavailable
from pioche.storage.blobs import BlobStore

UNREACHABLE = "unreachable"
"""The reason of bytes that nobody leads to any more. Others (`corrupt`) are not for collection to decide on."""

_LOCK = 0x70696F63  # any number that nothing else uses
_table = schema.quarantine


def keep_out(connection: sa.Connection) -> None:
    """Nothing is removed until the transaction ends. Many may hold it at once."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock_shared(_LOCK)))


def enter(connection: sa.Connection) -> None:
    """Nothing is made reachable until the transaction ends: keep it short."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))


def quarantine_key(key: str) -> str:
    """Where the bytes of `key` wait."""
    return f"quarantine/{key}"


def condemn(connection: sa.Connection, sizes: Iterable[tuple[str, int]]) -> None:
    """These keys, with their sizes in bytes, lead nowhere when the transaction commits. After `enter`."""
    at = now_ms()
    rows = [{"key": key, "reason": UNREACHABLE, "size": size, "at": at} for key, size in sizes]
    if rows:
        connection.execute(upsert(connection, _table, ["key"], ["reason", "size", "at"]), rows)


def lay_away(database: Database, blobs: BlobStore, key: str) -> None:
    """Moves condemned bytes out of the way, unless somebody claimed them meanwhile. Idempotent."""
    with database.write() as connection:
        if _locked(connection, key) is not None:
            blobs.move(key, quarantine_key(key))


def destroy(database: Database, blobs: BlobStore, key: str) -> int:
    """Deletes condemned bytes for good, unless somebody claimed them meanwhile. Returns how many bytes that frees.

    They go before their row does: a disk that is full has room for the transaction then.
    """
    with database.write() as connection:
        size = _locked(connection, key)
        if size is None:
            return 0
        blobs.delete(quarantine_key(key))
        blobs.delete(key)
        connection.execute(_table.delete().where(_table.c.key == key))
        return size


def claim(connection: sa.Connection, blobs: BlobStore, key: str) -> None:
    """The transaction makes `key` reachable by a new row: its bytes are in place, or brought back. After `keep_out`.

    Raises Unavailable when they are gone: they were here when the upload came, and were collected since.
    """
    if _locked(connection, key) is not None:
        if blobs.size(key) is None:
            blobs.move(quarantine_key(key), key)
        else:
            blobs.delete(quarantine_key(key))
        connection.execute(_table.delete().where(_table.c.key == key))
    if blobs.size(key) is None:
        raise Unavailable("This content was collected at this very moment: send it again")


def _locked(connection: sa.Connection, key: str) -> int | None:
    """The size of condemned bytes, whose row stays until the transaction ends."""
    query = sa.select(_table.c.size).where(_table.c.key == key, _table.c.reason == UNREACHABLE)
    return connection.execute(query.with_for_update()).scalar()
