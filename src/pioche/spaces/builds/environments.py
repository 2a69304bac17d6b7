"""Environments that were built, on this disk: shared by all Spaces that ask for the same, and removed when there is no room.

    FOLDER/kept/<key>/environment/   what apps see at /environment; never written again
    FOLDER/kept/<key>/about.json
    FOLDER/asked/<hash>              the key of the environment that answered what was asked
    FOLDER/files/ab/<sha256>[x]      every file of every environment once: they are hard links to these
    FOLDER/compiled/ab/<hash>        bytecode, by the source and the version of Python that it is of
    FOLDER/locks/<hash>              held by who builds
    FOLDER/index/                    what was fetched from the package index
    FOLDER/*.part                    being made; left over by a process that died

It is a cache: all of it can be deleted while no app runs. Who uses an environment holds a lock on its folder.
"""

import errno
import fcntl
import hashlib
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from pioche.errors import NotBuilt
from pioche.spaces.spec import Stage
from pioche.storage.disk import translated

INSIDE = Path("/environment")
"""Where an app finds its environment."""

_PART = ".part"
_LEFT_OVER_S = 86_400
_CANNOT_LINK = frozenset((errno.EXDEV, errno.EPERM, errno.EMLINK))
_FILE, _PROGRAM, _FOLDER = 0o444, 0o555, 0o755
_ENTRIES_MAX = 500_000


class About(msgspec.Struct):
    """What an environment is: for who starts an app in it, and for who looks."""

    python: str
    """The interpreter outside."""
    prefix: str
    version: str
    lock: str = ""


@dataclass(frozen=True)
class Environment:
    """One that is held: it stays as long as its lease."""

    key: str
    place: Path
    about: About

    @property
    def read_only(self) -> dict[Path, Path]:
        """For `runner.spec.Spec.read_only`: itself, and the Python that it is an environment of."""
        prefix = Path(self.about.prefix)
        is_of_the_system = prefix == Path("/usr")  # every sandbox has that
        return {self.place: INSIDE} | ({} if is_of_the_system else {prefix: prefix})

    @property
    def python(self) -> str:
        return str(INSIDE / "bin" / "python")

    @property
    def path(self) -> str:
        """The value of PATH for what runs in it."""
        return f"{INSIDE / 'bin'}:/usr/local/bin:/usr/bin:/bin"


class Environments:
    """Those of one machine, in `folder`: at most `bytes_max` together, as far as they are not in use."""

    def __init__(self, folder: Path, bytes_max: int) -> None:
        self.folder, self.bytes_max = folder, bytes_max

    @contextmanager
    def lease(self, key: str) -> Iterator[Environment | None]:
        """None when there is none of this key."""
        place = self.folder / "kept" / key
        lock = _hold(place)
        try:
            if lock is None:
                yield None
                return
            with translated():
                about = msgspec.json.decode((place / "about.json").read_bytes(), type=About)
                os.utime(place)
            yield Environment(key, place / "environment", about)
        finally:
            if lock is not None:
                os.close(lock)

    def answer(self, asked: str) -> str | None:
        """The key of what was built for the same question before."""
        try:
            return (self.folder / "asked" / asked).read_text()
        except FileNotFoundError:
            return None

    def remember(self, asked: str, key: str) -> None:
        with translated():
            (self.folder / "asked").mkdir(parents=True, exist_ok=True)
            part = self.folder / "asked" / f"{asked}.{os.getpid()}{_PART}"
            part.write_text(key)
            part.rename(self.folder / "asked" / asked)

    @contextmanager
    def alone(self, asked: str) -> Iterator[None]:
        """Waits while somebody else builds the same."""
        with translated():
            (self.folder / "locks").mkdir(parents=True, exist_ok=True)
            lock = os.open(self.folder / "locks" / asked, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    @contextmanager
    def staging(self) -> Iterator[Path]:
        """A folder on the same file system, gone when the block ends."""
        with translated():
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o711)
            part = Path(tempfile.mkdtemp(_PART, dir=self.folder))
            part.chmod(0o711)
        try:
            yield part
        finally:
            shutil.rmtree(part, ignore_errors=True)

    def keep(self, key: str, made: Path, about: About) -> None:
        """Takes a folder that is whole, and has the folder `environment`. Another that is there already stays."""
        place = self.folder / "kept" / key
        with translated():
            place.parent.mkdir(parents=True, exist_ok=True)
            (made / "about.json").write_bytes(msgspec.json.encode(about))
            made.chmod(_FOLDER)
            try:
                made.rename(place)
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                    raise

    # --- files ------------------------------------------------------------------------------------------------------

    def adopt(self, tree: Path, links: frozenset[str]) -> dict[str, str]:
        """Makes a tree that a build left ours: plain files, shared with those of other environments that are the same, and
        links that stay inside or lead to one of `links`. Everything else in it raises NotBuilt.

        The files that are not empty, with their sha256."""
        count, found = 0, dict[str, str]()
        for folder, folders, names in os.walk(tree):
            count += len(folders) + len(names)
            if count > _ENTRIES_MAX:
                raise NotBuilt(f"The environment has more than {_ENTRIES_MAX} files", stage=Stage.BUILD_ERROR)
            with translated():
                for name in (*folders, *names):
                    if sha256 := self._adopt(tree, Path(folder, name), links):
                        found[str(Path(folder, name).relative_to(tree))] = sha256
        with translated():
            _give(tree, _FOLDER)
        return found

    def _adopt(self, tree: Path, path: Path, links: frozenset[str]) -> str:
        found = path.lstat()
        if stat.S_ISLNK(found.st_mode):
            target = os.readlink(path)
            within = os.path.normpath(path.parent / target)
            if target not in links and (target.startswith("/") or not Path(within).is_relative_to(tree)):
                raise NotBuilt(
                    f"{path.name[:80]!r} in the environment is a link that leads out", stage=Stage.BUILD_ERROR
                )
            os.lchown(path, os.getuid(), os.getgid())
        elif stat.S_ISDIR(found.st_mode):
            _give(path, _FOLDER)
        elif stat.S_ISREG(found.st_mode):
            _give(path, _PROGRAM if found.st_mode & 0o100 else _FILE)
            return self._share(path, found)
        else:
            raise NotBuilt(f"{path.name[:80]!r} in the environment is no file", stage=Stage.BUILD_ERROR)
        return ""

    def _share(self, path: Path, found: os.stat_result) -> str:
        if not found.st_size:
            return ""  # costs nothing, and a file has but so many links
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        name = sha256 + ("x" if found.st_mode & 0o100 else "")
        _link(path, self.folder / "files" / name[:2] / name)
        return sha256

    def compiled(self, name: str) -> Path:
        """Where bytecode of this name is."""
        return self.folder / "compiled" / name[:2] / name

    def take_compiled(self, made: Path, name: str) -> None:
        """What was compiled in a sandbox, for this environment and others; what could not be compiled is not there."""
        if made.is_file() and not made.is_symlink():
            with translated():
                _give(made, _FILE)
                _link(made, self.compiled(name))

    def put_compiled(self, source: Path, minor: int, name: str) -> None:
        """Bytecode beside its source."""
        place = source.parent / "__pycache__" / f"{source.stem}.cpython-3{minor}.pyc"
        with translated():
            place.parent.mkdir(exist_ok=True)
            place.parent.chmod(_FOLDER)
            place.unlink(missing_ok=True)
            try:
                os.link(self.compiled(name), place)
            except FileNotFoundError:
                return
            except OSError as error:
                if error.errno not in _CANNOT_LINK:
                    raise
                shutil.copyfile(self.compiled(name), place)

    # --- room -------------------------------------------------------------------------------------------------------

    def make_room(self) -> None:
        """Removes what was used last longest ago and is not in use, until the rest is no more than it may be."""
        self._sweep_parts()
        kept = sorted((self.folder / "kept").glob("*"), key=_used_at)
        while self._swept() > self.bytes_max and kept:
            _remove(kept.pop(0))
        self._forget()

    def _swept(self) -> int:
        """Bytes of all environments, after what belongs to none of them is gone."""
        total = 0
        for kind in ("files", "compiled"):
            for path in (self.folder / kind).glob("*/*"):
                with suppress(FileNotFoundError):
                    found = path.stat()
                    if found.st_nlink == 1:
                        path.unlink()
                    else:
                        total += found.st_blocks * 512
        return total

    def _forget(self) -> None:
        for path in (self.folder / "asked").glob("*"):
            with suppress(FileNotFoundError):
                if not (self.folder / "kept" / path.read_text()).exists():
                    path.unlink()

    def _sweep_parts(self) -> None:
        for path in self.folder.glob(f"*{_PART}"):
            if _used_at(path) < time.time() - _LEFT_OVER_S:
                shutil.rmtree(path, ignore_errors=True)


def _link(path: Path, shared: Path) -> None:
    """Makes `path` the same file as `shared`, which it becomes where there is none yet."""
    shared.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(path, shared)
    except FileExistsError:
        _replace(path, shared)
    except OSError as error:
        if error.errno not in _CANNOT_LINK:
            raise


def _replace(path: Path, shared: Path) -> None:
    other = path.with_name(f"{path.name[:200]}{_PART}")
    try:
        os.link(shared, other)
        other.rename(path)
    except FileNotFoundError:  # removed at this moment: the next one shares it
        return
    except OSError as error:
        if error.errno not in _CANNOT_LINK:
            raise


def _give(path: Path, mode: int) -> None:
    """To the hub's own user, so that no process of a build could write to it any more."""
    os.chown(path, os.getuid(), os.getgid(), follow_symlinks=False)
    path.chmod(mode)


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
            part = place.rename(tempfile.mkdtemp(_PART, dir=place.parent.parent))
            shutil.rmtree(part, ignore_errors=True)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


def _is_at(descriptor: int, place: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), place.stat())
    except FileNotFoundError:
        return False


def _used_at(place: Path) -> float:
    try:
        return place.stat().st_mtime
    except FileNotFoundError:
        return 0.0
