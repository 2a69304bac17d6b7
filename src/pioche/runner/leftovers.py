"""What runs left behind that did not end as they should, such as when the machine stopped."""

import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pioche.runner import groups

_YOUNG_S = 60
"""A run that has no keeper yet is not a leftover."""


def sweep(folder: Path) -> int:
    """Removes the folders and control groups of runs in `folder` that have no keeper any more; how many they were."""
    gone = [home for home in folder.iterdir() if home.is_dir() and not home.is_symlink() and not _lives(home)]
    for home in gone:
        remove(home)
    living = {groups.name(home) for home in folder.iterdir()}
    ours = groups.name(folder / "x").removesuffix("x")
    for name, group in groups.leftovers():
        if name.startswith(ours) and name not in living:
            group.end()
    return len(gone)


@contextmanager
def claimed(folder: Path) -> Iterator[Path]:
    """A new folder that counts as a live run's until the block ends, which removes it."""
    folder.mkdir(mode=0o711)
    lock = os.open(folder / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder
    finally:
        os.close(lock)
        remove(folder)


def remove(home: Path) -> None:
    """A run's folder, also where it forbade folders of its own to everybody."""
    shutil.rmtree(home, ignore_errors=True)
    if home.exists():
        for place, folders, _ in os.walk(home):  # a folder is opened only after those above it
            for name in folders:
                if not os.path.islink(path := os.path.join(place, name)):
                    os.chmod(path, 0o700)
        shutil.rmtree(home, ignore_errors=True)


def _lives(home: Path) -> bool:
    """Its keeper holds the lock."""
    try:
        lock = os.open(home / "lock", os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return time.time() - home.stat().st_mtime < _YOUNG_S
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False
