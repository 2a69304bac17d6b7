"""Bytes from one store into another. Nothing gets its name there that is not what its name says."""

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

from pioche.errors import BadRequest, ContentMismatch, Corrupt, TooLarge
from pioche.storage.blobs import BlobStore, HasPaths
from pioche.storage.disk import sync_file, translate, translated
from pioche.storage.drafts import Draft
from pioche.storage.xet.hashing import from_text
from pioche.storage.xet.xorbs import verify
from pioche.upkeep.backups.generations import Damaged, Kept
from pioche.upkeep.backups.places import Place

T = TypeVar("T")
R = TypeVar("R")

_THREADS = 4
_AHEAD = 4 * _THREADS
_PIECE = 2**20
_GIT_CHECKSUM_BYTES = 20


class Readable(Protocol):
    """What `copy` reads from; a store of blobs is one."""

    def read(self, key: str) -> Iterator[bytes]: ...


@dataclass(frozen=True, slots=True)
class Wanted:
    """A key to be copied: its size, as rows or listings say, and where it is read."""

    key: str
    size: int
    source: "Readable | BlobStore"


class File:
    """One local file as a source, whatever the key."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self, key: str) -> Iterator[bytes]:
        with translated(), self._path.open("rb") as file:
            while piece := file.read(_PIECE):
                yield piece


def copy(wanted: Wanted, to: Place, *, sha256: str | None = None) -> Kept:
    """Durable in `to` when this returns. Raises Corrupt when the bytes are not there, too few, or not those of `sha256`
    or of the key's own hash."""
    with _proved(wanted, to.scratch, sha256) as (draft, kept):
        if to.private:
            with translated():
                draft.chmod(0o600)
        to.store.put(wanted.key, draft)
    return kept


def fetch(wanted: Wanted, path: Path, *, sha256: str) -> None:
    """As `copy`, into a local file that nobody may change."""
    with _proved(wanted, path.parent, sha256) as (draft, _), translated():
        draft.chmod(0o444)
        sync_file(draft)
        draft.replace(path)


def reread(key: str, size: int, place: Place) -> Kept:
    """What lies there already. Raises Corrupt as `copy` does."""
    if isinstance(place.store, HasPaths):
        return _proved_file(key, size, place.store.path(key))
    with _proved(Wanted(key, size, place.store), place.scratch, None) as (_, kept):
        return kept


def _proved_file(key: str, size: int, path: Path) -> Kept:
    try:
        with path.open("rb") as file:
            actual = hashlib.file_digest(file, "sha256").hexdigest()
            found = file.tell()
    except FileNotFoundError:
        raise Corrupt("It is missing") from None
    except OSError as error:
        raise translate(error) from error
    if found != size:
        raise Corrupt(f"It has {found} bytes where {size} are expected")
    prove(key, path, actual)
    return Kept(key, size, actual)


@contextmanager
def _proved(wanted: Wanted, scratch: Path, sha256: str | None) -> Iterator[tuple[Path, Kept]]:
    try:
        with Draft(scratch, size=wanted.size) as draft:
            for piece in wanted.source.read(wanted.key):
                draft.write([piece])
            actual = draft.finish()
            if sha256 is not None and actual != sha256:
                raise Corrupt("Its bytes have changed")
            prove(wanted.key, draft.path, actual)
            yield draft.path, Kept(wanted.key, wanted.size, actual)
    except ContentMismatch as error:
        raise Corrupt(error.message) from None


def copy_or_tell(wanted: Wanted, to: Place) -> Kept | Damaged:
    """As `copy`; bytes that are damaged or missing are told of, and are not there."""
    try:
        return copy(wanted, to)
    except Corrupt as error:
        return Damaged(wanted.key, error.message)


def prove(key: str, path: Path, sha256: str) -> None:
    """Raises Corrupt unless the bytes of `path`, whose sha256 is given, are what `key` says by its own hash."""
    name = key.rpartition("/")[2]
    if key.startswith(("blobs/", "xet/shards/")):
        is_true = name == sha256
    elif key.startswith("xet/xorbs/"):
        is_true = _is_xorb(path, name)
    elif key.startswith("git/"):
        is_true = _has_git_checksum(path)
    else:
        is_true = True  # named by its own sha256, which is in the description of the generation
    if not is_true:
        raise Corrupt("Its bytes are not what its name says")


def _is_xorb(path: Path, name: str) -> bool:
    try:
        with translated(), path.open("rb") as body:
            verify(iter(partial(body.read, _PIECE), b""), from_text(name))
    except (BadRequest, ContentMismatch, TooLarge):
        return False
    return True


def _has_git_checksum(path: Path) -> bool:
    """Packs and their indexes end in the SHA-1 of all that stands before (gitformat-pack)."""
    digest = hashlib.sha1(usedforsecurity=False)
    with translated(), path.open("rb") as file:
        left = path.stat().st_size - _GIT_CHECKSUM_BYTES
        while left > 0 and (piece := file.read(min(_PIECE, left))):
            digest.update(piece)
            left -= len(piece)
        return file.read() == digest.digest()


def at_once(function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    """What `function` gives for each item, in order, a few at a time: a store answers several sooner than one."""
    running: deque[Future[R]] = deque()
    with ThreadPoolExecutor(_THREADS) as pool:
        for item in items:
            running.append(pool.submit(function, item))
            if len(running) == _AHEAD:
                yield running.popleft().result()
        while running:
            yield running.popleft().result()
