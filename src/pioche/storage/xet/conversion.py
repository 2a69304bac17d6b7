"""From a whole file to chunks, where that saves: the same chunks and the same file hash that a client would have made.

A conversion changes nothing that can be seen from outside. Its order is the promise: xorbs are durable and have rows;
the file is read back out of them and has its sha256; only then one transaction says that the content is kept as chunks.
A crash before it leaves xorbs that nothing refers to, one after it a whole file that nothing refers to: collection takes
both, after their grace. The whole file is not touched here: who is reading it reads on.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from pioche.db import schema
from pioche.db.dialect import insert_rows
from pioche.db.engine import Database
from pioche.db.instance import now_ms
from pioche.errors import Corrupt, Unavailable
from pioche.names import Sha256
from pioche.storage import collection
from pioche.storage.blobs import BlobStore, blob_key
from pioche.storage.contents import insert_xorb_links
from pioche.storage.xet import chunking
from pioche.storage.xet.codec import Scheme, encode
from pioche.storage.xet.files import XetFiles
from pioche.storage.xet.hashing import HASH_BYTES, chunk_hash, to_text
from pioche.storage.xet.packing import Packing, Place
from pioche.storage.xet.reconstruction import parse_terms
from pioche.storage.xet.shards import CheckedFile
from pioche.storage.xet.uploads import XetUploads, file_row

BYTES_MIN = 1 << 20
"""What is smaller costs more rows than it could save bytes."""
SAVED_MIN = 0.05

_WINDOW_BYTES = 1 << 20
_WINDOWS = 32
_KNOWN_CHUNKS_MAX = 200_000  # about 12 GB of content, and 40 MB of memory
_KNOWN_FILES_MAX = 64
_SIBLINGS_MAX = 3

_contents, _links, _files = schema.contents, schema.repo_contents, schema.xet_files


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a sample says: the part of the file that need not be stored again, 0 to 1, and how the rest is best stored.

    `siblings` are whole files of the same repos that it shares chunks with: they have to be converted first.
    """

    saved: float
    scheme: Scheme
    siblings: tuple[Sha256, ...] = ()


class Converter:
    """Examines and converts whole files, one at a time; several processes may, each its own file."""

    def __init__(
        self, database: Database, blobs: BlobStore, files: XetFiles, uploads: XetUploads, scratch: Path
    ) -> None:
        """Xorbs are made in the folder `scratch`, on the file system of the store if that is a disk."""
        self._database = database
        self._blobs = blobs
        self._files = files
        self._uploads = uploads
        self._scratch = scratch

    def improve(self, sha256: Sha256) -> bool:
        """Converts a whole file if a sample says that this saves 5 % at least. True when it is kept as chunks now.

        Raises Unavailable and OutOfSpace: later it may go well; Corrupt when the stored bytes are not what they should be.
        """
        size = self._whole_size(sha256)
        if size is None or size < BYTES_MIN:
            return False
        estimate = self.examine(sha256, size)
        if estimate.saved < SAVED_MIN:
            return False
        for sibling in estimate.siblings:
            sibling_size = self._whole_size(sibling)
            if sibling_size is not None:
                self.convert(sibling, sibling_size, estimate.scheme)
        return self.convert(sha256, size, estimate.scheme)

    def _whole_size(self, sha256: Sha256) -> int | None:
        """None for what is kept as chunks already, is lost, or is gone."""
        with self._database.read() as connection:
            query = sa.select(_contents.c.size).where(_contents.c.sha256 == sha256, _contents.c.kind == "blob")
            return connection.execute(query).scalar()

    # --- would it save? ---

    def examine(self, sha256: Sha256, size: int) -> Estimate:
        """Reads 32 MiB of the file at most, and its siblings if it has any."""
        sample = list(self._sample(sha256, size))
        total = sum(map(len, sample)) or 1
        known = self._known(sha256)
        new = [data for data in sample if chunk_hash(data) not in known]
        scheme, packed = _best_scheme(new)
        saved = 1 - packed / total
        if saved >= SAVED_MIN:
            return Estimate(saved, scheme)
        names, siblings = {chunk_hash(data): len(data) for data in new}, list[Sha256]()
        for sibling in self._siblings(sha256, size):
            shared = names.keys() & {chunk_hash(data) for data in chunking.chunks(self._blobs.read(blob_key(sibling)))}
            if shared:
                siblings.append(sibling)
                saved += sum(names.pop(name) for name in shared) / total
        return Estimate(saved, scheme, tuple(siblings))

    def _sample(self, sha256: Sha256, size: int) -> Iterator[memoryview]:
        """Chunks as they will be: all of a small file; of a large one those that end in some windows, but for the first of
        each, which began before it."""
        if size <= _WINDOW_BYTES * _WINDOWS:
            yield from chunking.chunks(self._blobs.read(blob_key(sha256)))
            return
        for number in range(_WINDOWS):
            start = (size - _WINDOW_BYTES) * number // (_WINDOWS - 1)
            found = list(chunking.chunks(self._blobs.read(blob_key(sha256), start, start + _WINDOW_BYTES)))
            # The last of the file is whole, that of another window is cut off.
            yield from found[1 if start else 0 : None if number == _WINDOWS - 1 else -1]

    def _known(self, sha256: Sha256) -> Mapping[bytes, Place]:
        """The chunks of the newest files of the same repos."""
        mine = sa.select(_links.c.repo_id).where(_links.c.sha256 == sha256)
        query = (
            sa.select(_files.c.terms)
            .join(_contents, _contents.c.xet_hash == _files.c.hash)
            .join(_links, _links.c.sha256 == _contents.c.sha256)
            .where(_links.c.repo_id.in_(mine), _contents.c.kind == "xet")
            .order_by(_links.c.created_at.desc())
            .limit(_KNOWN_FILES_MAX)
        )
        with self._database.read() as connection:
            packed = [bytes(terms) for terms in connection.execute(query).scalars()]
        known, seen = dict[bytes, Place](), set[tuple[bytes, int, int]]()
        for term in (term for terms in packed for term in parse_terms(terms)):
            if (term.xorb, term.start, term.end) in seen or len(known) >= _KNOWN_CHUNKS_MAX:
                continue
            seen.add((term.xorb, term.start, term.end))
            hashes = self._files.tables(term.xorb).hashes(term.start, term.end)
            for index in range(term.end - term.start):
                name = hashes[HASH_BYTES * index : HASH_BYTES * (index + 1)]
                known.setdefault(name, (term.xorb, term.start + index))
        return known

    def _siblings(self, sha256: Sha256, size: int) -> Sequence[Sha256]:
        """Whole files of the same repos of about the same size: earlier or later versions, perhaps."""
        mine = sa.select(_links.c.repo_id).where(_links.c.sha256 == sha256)
        query = (
            sa.select(_contents.c.sha256)
            .join(_links, _links.c.sha256 == _contents.c.sha256)
            .where(_links.c.repo_id.in_(mine), _contents.c.kind == "blob", _contents.c.sha256 != sha256)
            .where(_contents.c.size.between(max(size // 2, BYTES_MIN), size * 2))
            .order_by(_links.c.created_at.desc())
            .limit(_SIBLINGS_MAX)
        )
        with self._database.read() as connection:
            return [Sha256(found) for found in dict.fromkeys(connection.execute(query).scalars())]

    # --- doing it ---

    def convert(self, sha256: Sha256, size: int, scheme: Scheme) -> bool:
        """Raises as `improve`. False when the content was collected, or converted by somebody else, meanwhile."""
        with Packing(self._uploads.keep_xorb, self._scratch, scheme, self._known(sha256)) as packing:
            for data in chunking.chunks(self._blobs.read(blob_key(sha256), once=True)):
                packing.add(data)
            file = packing.finish(sha256)
        if file.size != size:
            raise Corrupt(f"The whole file {sha256} has {file.size} bytes, not {size}")
        self._verify(file, sha256)
        return self._switch(file, sha256)

    def _verify(self, file: CheckedFile, sha256: Sha256) -> None:
        """Out of the store, as every reader will: what is wrong here was wrong in the whole file, or went wrong since."""
        if self._files.sha256(parse_terms(file.terms)) != sha256:
            raise Corrupt(f"The whole file {sha256} does not have its hash: it is left as it is")

    def _switch(self, file: CheckedFile, sha256: Sha256) -> bool:
        name, rows = to_text(file.hash), self._uploads.index_rows([file])
        entries = schema.entries
        with self._switching() as connection:
            kept = sa.select(_contents.c.kind).where(_contents.c.sha256 == sha256).with_for_update()
            if connection.execute(kept).scalar() != "blob":
                return False
            if connection.execute(sa.select(_files.c.hash).where(_files.c.hash == name)).first() is None:
                insert_rows(connection, _files, [file_row(file, now_ms())])
                for table, found in rows:
                    insert_rows(connection, table, found)
            mine = _contents.c.sha256 == sha256
            connection.execute(_contents.update().where(mine).values(kind="xet", xet_hash=name))
            for repo_id in (
                connection.execute(sa.select(_links.c.repo_id).where(_links.c.sha256 == sha256)).scalars().all()
            ):
                insert_xorb_links(connection, repo_id, [sha256])
                here = (entries.c.repo_id == repo_id) & (entries.c.sha256 == sha256)
                connection.execute(entries.update().where(here).values(xet_hash=name))
        return True

    @contextmanager
    def _switching(self) -> Iterator[sa.Connection]:
        try:
            with self._database.write() as connection:
                collection.keep_out(connection)
                yield connection
        except sa.exc.IntegrityError:
            raise Unavailable("A xorb that this file shares was collected meanwhile: convert it again") from None


def _best_scheme(sample: Sequence[memoryview]) -> tuple[Scheme, int]:
    """How these chunks are stored in the fewest bytes, and how many those are. Compressing has to be worth reading slower."""
    plain = sum(map(len, sample))
    packed = {
        scheme: sum(len(encode(data, scheme)[1]) for data in sample) for scheme in (Scheme.LZ4, Scheme.GROUPED_LZ4)
    }
    best = min(packed, key=lambda scheme: packed[scheme])
    return (best, packed[best]) if packed[best] < (1 - SAVED_MIN) * plain else (Scheme.NONE, plain)
