"""The three services of Xet, wired over one database and one store of bytes."""

from dataclasses import dataclass
from typing import Self

from pioche.db.engine import Database
from pioche.storage.blobs import BlobStore
from pioche.storage.quotas import UNLIMITED, Quotas
from pioche.storage.xet.dedup import XetDedup
from pioche.storage.xet.files import XetFiles
from pioche.storage.xet.uploads import XetUploads


@dataclass(frozen=True, slots=True)
class Xet:
    """`files` reads, `uploads` takes in, `dedup` answers what is here already."""

    files: XetFiles
    uploads: XetUploads
    dedup: XetDedup

    @classmethod
    def over(
        cls, database: Database, blobs: BlobStore, *, file_bytes_max: int, storage_quotas: Quotas = UNLIMITED
    ) -> Self:
        files = XetFiles(database, blobs)
        uploads = XetUploads(database, blobs, files, file_bytes_max=file_bytes_max, storage_quotas=storage_quotas)
        return cls(files, uploads, XetDedup(database, files.tables))
