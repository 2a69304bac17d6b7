"""The files of a revision on this disk, as one read-only folder: all that a worker gets to see.

    FOLDER/<repo uid>-<commit>-<files>/     whole from the moment it has this name
    FOLDER/*.part                           being made; left over by a process that died

Large files are hard links to the hub's own copy where that may be read by everybody and lies on the same disk, copies
otherwise (clones that share their bytes, where the file system can do so). It is a cache: a folder that nobody uses can be
deleted at any time, and those used last longest ago go first when there is no room. Who uses one holds a lock on it.
"""

import errno
import fcntl
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from pioche.errors import EntryNotFound, OutOfSpace
from pioche.names import Oid
from pioche.repos import files, listing
from pioche.repos.access import Repo
from pioche.repos.files import Entry
from pioche.repos.revisions import Revision
from pioche.storage.disk import OpenFile, translated

_PART = ".part"
_LEFT_OVER_SECONDS = 86_400
_FICLONE = 0x40049409  # linux/fs.h
_READABLE = 0o444
_CANNOT_LINK = frozenset((errno.EXDEV, errno.ENOENT, errno.EPERM, errno.EMLINK))


class Snapshots:
    """Those of one machine, in `folder`: at most `bytes_max` together, as far as they are not in use."""

    def __init__(self, folder: Path, bytes_max: int) -> None:
        self._folder = folder
        self._bytes_max = bytes_max

    @contextmanager
    def lease(self, repo: Repo, revision: Revision, paths: Sequence[str]) -> Iterator[Path]:
        """A folder of exactly these files; it stays at least until the block is left, or this process dies.

        Raises EntryNotFound for one that the revision lacks, Corrupt, OutOfSpace, Unavailable.
        """
        entries = _entries(repo, revision, paths)
        place = self._folder / _name(repo.uid, revision.commit, paths)
        while True:
            if not place.exists():
                self._make_room(sum(entry.size for entry in entries))
                self._make(repo, entries, place)
            if (lock := _hold(place)) is not None:
                break
        try:
            with translated():
                os.utime(place)
            yield place
        finally:
            os.close(lock)

    @contextmanager
    def derived(self, repo: Repo, commit: Oid, kind: str) -> Iterator[Path | None]:
        """The folder that was made out of a commit (`keep`), held as by `lease`; None when there is none."""
        place = self._folder / f"{repo.uid}-{commit}-{kind}"
        lock = _hold(place)
        try:
            if lock is not None:
                with translated():
                    os.utime(place)
            yield place if lock is not None else None
        finally:
            if lock is not None:
                os.close(lock)

    @contextmanager
    def keep(self, repo: Repo, commit: Oid, kind: str, size: int) -> Iterator[Path]:
        """A folder to fill with files of about `size` bytes; `derived` finds it once the block has ended well.

        Raises OutOfSpace."""
        self._make_room(size)
        with translated():
            self._folder.mkdir(parents=True, exist_ok=True)
            part = Path(tempfile.mkdtemp(_PART, dir=self._folder))
        try:
            yield part
            with translated():
                part.chmod(0o755)
                with suppress(FileExistsError):
                    _rename(part, self._folder / f"{repo.uid}-{commit}-{kind}")
        finally:
            shutil.rmtree(part, ignore_errors=True)

    def _make(self, repo: Repo, entries: Iterable[Entry], place: Path) -> None:
        with translated():
            self._folder.mkdir(parents=True, exist_ok=True)
            part = Path(tempfile.mkdtemp(_PART, dir=self._folder))
        try:
            for entry in entries:
                _put(repo, entry, part / entry.path)
            with translated():
                part.chmod(0o755)
                with suppress(FileExistsError):
                    _rename(part, place)
        finally:
            shutil.rmtree(part, ignore_errors=True)

    def _make_room(self, size: int) -> None:
        """Raises OutOfSpace when the files alone are more than all snapshots may be."""
        if size > self._bytes_max:
            raise OutOfSpace(
                f"The files of this model are larger than the {self._bytes_max} bytes that this hub keeps for serving"
            )
        if not self._folder.is_dir():
            return
        kept = [(used_at, path) for path in self._folder.iterdir() if (used_at := _used_at(path)) is not None]
        for used_at, path in kept:
            if path.suffix == _PART and used_at < time.time() - _LEFT_OVER_SECONDS:
                shutil.rmtree(path, ignore_errors=True)
        oldest_first = sorted((used_at, path) for used_at, path in kept if path.suffix != _PART)
        sizes = {path: _size(path) for _, path in oldest_first}
        total = sum(sizes.values()) + size
        for _, path in oldest_first:
            if total > self._bytes_max and _remove(path):
                total -= sizes[path]


def _name(uid: str, commit: Oid, paths: Sequence[str]) -> str:
    chosen = hashlib.sha256("\0".join(paths).encode()).hexdigest()
    return f"{uid}-{commit}-{chosen[:12]}"


def _entries(repo: Repo, revision: Revision, paths: Sequence[str]) -> list[Entry]:
    found = {entry.path: entry for entry in listing.at_paths(repo, revision, list(paths)) if entry.is_file}
    for path in paths:
        if path not in found:
            raise EntryNotFound(f"There is no file {path}", commit=revision.commit)
    return [found[path] for path in paths]


def _put(repo: Repo, entry: Entry, target: Path) -> None:
    with translated():
        target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    if entry.sha256 is None:
        _write(target, [files.read_blob(repo, entry.oid)])
        return
    contents = repo.stores.contents
    content = files.content(repo, entry)
    opened = contents.open(content)
    if opened is None:
        _write(target, contents.read(content))
        return
    contents.verify(content, opened)
    if not _link(opened, target) and not _clone(opened, target):
        _write(target, contents.read(content))


def _link(opened: OpenFile, target: Path) -> bool:
    """By its descriptor: whoever deletes the file meanwhile takes nothing away."""
    if opened.status.st_mode & _READABLE != _READABLE:
        return False  # the worker is another user
    try:
        # Python asks for linkat(2), which alone follows the link in /proc, only when it is given a folder; no folder is looked at.
        os.link(f"/proc/self/fd/{opened.descriptor}", target, src_dir_fd=opened.descriptor, follow_symlinks=True)
    except OSError as error:
        if error.errno in _CANNOT_LINK:
            return False
        with translated():
            raise
    return True


def _clone(opened: OpenFile, target: Path) -> bool:
    with translated(), target.open("wb") as out:
        try:
            fcntl.ioctl(out, _FICLONE, opened.descriptor)
        except OSError:
            return False  # most file systems cannot, and say so in many ways
        os.fchmod(out.fileno(), _READABLE)
        return True


def _write(target: Path, pieces: Iterable[bytes]) -> None:
    with translated(), target.open("wb") as out:
        for piece in pieces:
            out.write(piece)
        os.fchmod(out.fileno(), _READABLE)


def _rename(part: Path, place: Path) -> None:
    """Raises FileExistsError when another process was faster."""
    try:
        part.rename(place)
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
            raise FileExistsError from error
        raise


def _hold(place: Path) -> int | None:
    """A descriptor that keeps the folder from being removed; None when it is gone already."""
    try:
        descriptor = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    if _is_at(descriptor, place):
        return descriptor
    os.close(descriptor)
    return None


def _remove(place: Path) -> bool:
    """False when somebody uses it."""
    try:
        descriptor = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if _is_at(descriptor, place):
            # Renamed first: who opened it before finds it gone once it has the lock, never half of it.
            part = place.rename(tempfile.mkdtemp(_PART, dir=place.parent))
            shutil.rmtree(part, ignore_errors=True)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


def _is_at(descriptor: int, place: Path) -> bool:
    """Whether the folder that was opened still has this name: it may have been removed since, and another made."""
    try:
        return os.path.samestat(os.fstat(descriptor), place.stat())
    except FileNotFoundError:
        return False


def _used_at(place: Path) -> float | None:
    """None when another process, or another thread, has removed it."""
    try:
        return place.stat().st_mtime
    except FileNotFoundError:
        return None


def _size(place: Path) -> int:
    """In bytes, of what is left of it: others may be removing it."""
    total = 0
    for folder, _, names in os.walk(place):
        for name in names:
            with suppress(FileNotFoundError):
                total += (Path(folder) / name).stat().st_size
    return total
