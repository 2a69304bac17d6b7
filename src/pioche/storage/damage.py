"""When stored bytes turn out to be wrong: they are set aside, and what needs them says so until they are back.

A file of which no good bytes are left keeps its row and its links with the kind `lost`: reading it is Corrupt, an upload
of the same bytes is asked for again and makes it whole. Nothing is deleted here: what is set aside lies under
`quarantine/<key>`, and a file's terms stay, so that a xorb that comes back from a backup mends what needed it.
"""

from collections.abc import Iterable

import sqlalchemy as sa

from pioche.db import schema
from pioche.db.dialect import upsert
from pioche.db.engine import Database
from pioche.db.instance import now_ms
from pioche.storage.blobs import BlobStore, blob_key, xorb_key
from pioche.storage.collection import quarantine_key
from pioche.storage.contents import LOST

_BATCH = 500


def set_aside(database: Database, blobs: BlobStore, key: str) -> None:
    """Moves corrupt bytes out of the way, so that good ones can take their place. Nothing happens when they are gone."""
    size = blobs.size(key)
    if size is None:
        return
    blobs.move(key, quarantine_key(key))
    with database.write() as connection:
        row = upsert(connection, schema.quarantine, ("key",), ("reason", "size", "at"))
        connection.execute(row.values(key=key, reason="corrupt", size=size, at=now_ms()))


def lose_blob(database: Database, blobs: BlobStore, sha256: str) -> None:
    """The bytes of a file that was kept whole are gone. Nothing happens when they have come back meanwhile."""
    table = schema.contents
    with database.write() as connection:
        if blobs.size(blob_key(sha256)) is None:
            here = table.c.sha256 == sha256, table.c.kind == "blob"
            connection.execute(table.update().where(*here).values(kind=LOST))


def lose_xorb(database: Database, blobs: BlobStore, hash_text: str) -> list[str]:
    """A xorb's bytes are gone: clients are not told of it any more, and files that need it are lost.

    A file that is also kept whole is served whole only, from here on. Returns the sha256 of the files that are lost.
    """
    files = _files_with(database, hash_text)
    with database.write() as connection:
        if blobs.size(xorb_key(hash_text)) is not None:
            return []
        lost = list(_lose_files(connection, files))
        _forget_twins(connection, files)
        _raise_epochs(connection, hash_text)
        for table in (schema.repo_xorbs, schema.xorbs):  # its chunks and uploads go with its row
            connection.execute(table.delete().where(table.c.hash == hash_text))
    return lost


def _files_with(database: Database, hash_text: str) -> list[str]:
    """The Xet hashes of the files whose terms name the xorb."""
    table = schema.xet_file_xorbs
    with database.read() as connection:
        return list(connection.execute(sa.select(table.c.file).where(table.c.xorb == hash_text)).scalars())


def _lose_files(connection: sa.Connection, files: list[str]) -> Iterable[str]:
    table = schema.contents
    for batch in _batches(files):
        needing = table.c.xet_hash.in_(batch), table.c.kind == "xet"
        yield from connection.execute(sa.select(table.c.sha256).where(*needing)).scalars()
        connection.execute(table.update().where(*needing).values(kind=LOST))


def _forget_twins(connection: sa.Connection, files: list[str]) -> None:
    """Files kept whole that also had terms over the xorb: Xet clients would ask for what is gone."""
    contents, entries, files_table = schema.contents, schema.entries, schema.xet_files
    in_bucket = sa.exists().where(schema.bucket_files.c.xet_hash == contents.c.xet_hash)
    for batch in _batches(files):
        whole = contents.c.xet_hash.in_(batch), contents.c.kind == "blob", ~in_bucket
        rows = connection.execute(sa.select(contents.c.sha256, contents.c.xet_hash).where(*whole)).all()
        for row in rows:
            connection.execute(entries.update().where(entries.c.sha256 == row.sha256).values(xet_hash=None))
            connection.execute(contents.update().where(contents.c.sha256 == row.sha256).values(xet_hash=None))
            connection.execute(files_table.delete().where(files_table.c.hash == row.xet_hash))


def _raise_epochs(connection: sa.Connection, hash_text: str) -> None:
    """Clients remember xorbs under a repo's Xet address and cannot recover when one is gone: the address changes."""
    repos, links = schema.repos, schema.repo_xorbs
    holders = sa.select(links.c.repo_id).where(links.c.hash == hash_text)
    connection.execute(repos.update().where(repos.c.id.in_(holders)).values(epoch=repos.c.epoch + 1))


def _batches(names: list[str]) -> Iterable[list[str]]:
    for start in range(0, len(names), _BATCH):
        yield names[start : start + _BATCH]
