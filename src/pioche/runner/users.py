"""Users of processes' own, which exist nowhere but in the kernel: only root can give them."""

import os
import stat
import sys
from pathlib import Path

from pioche.runner.mounts import PACKAGE
from pioche.runner.spec import Level

_FIRST = 1_900_000_000
"""Numbers that neither distributions nor systemd give to anybody (systemd.io/UIDS-GIDS)."""
_FIRST_MAPPED = 100_000
"""In a container, which has but some numbers."""
_PROCESSES_MAX = 4_194_304  # the largest process id of Linux


def can_change(level: Level) -> bool:
    """Whether processes get a user of their own. Where the file system is the machine's, that user has to reach Python."""
    if os.getuid():
        return False
    return level >= Level.NAMESPACES or all(is_open(path) for path in (Path(sys.executable), PACKAGE))


def own(keeper: int) -> int:
    """A number that no other live process has: made from that of its keeper."""
    first, count = _mapped()
    if first <= _FIRST and first + count > _FIRST + _PROCESSES_MAX:
        return _FIRST + keeper
    return _FIRST_MAPPED + keeper if first + count > _FIRST_MAPPED + _PROCESSES_MAX else 20_000 + keeper % 40_000


def give(folder: Path, user: int) -> None:
    """A folder and all in it, to a user. Links are not followed."""
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            os.lchown(Path(place) / name, user, user)
    os.lchown(folder, user, user)


def is_open(path: Path) -> bool:
    """Whether everybody may go there."""
    places = (path.resolve(), *path.resolve().parents, *path.parents)
    return all(_may_pass(place.stat()) for place in places)


def _may_pass(place: os.stat_result) -> bool:
    """A folder need not be listed to be passed."""
    needed = 0o001 if stat.S_ISDIR(place.st_mode) else 0o005
    return place.st_mode & needed == needed


def _mapped() -> tuple[int, int]:
    try:
        first, _, count = map(int, Path("/proc/self/uid_map").read_text().splitlines()[0].split())
    except (OSError, IndexError, ValueError):
        return 0, 0
    return first, count
