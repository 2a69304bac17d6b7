"""What a process and all that it started have written: bytes and files, looked at from outside. The standard library alone.

The kernel keeps no account of a folder. So the folder is walked once a second, and sooner when its file system has lost as much
room as is half of what the folder may still get: then a fast writer passes its limit by what it writes in a tenth of a second.
"""

import os
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass

_WALK_S = 1.0
_STEP_BYTES = 2**20
_STEP_FILES = 100
_FEW = 3
"""Processes that are tried until one lets its file systems be seen: others may have ended."""


@dataclass(frozen=True)
class Taken:
    size: int = 0
    files: int = 0


class Watch:
    """Of a folder of the disk, and of file systems in memory that only the command has."""

    def __init__(self, folder: str | None, in_memory: tuple[str, ...], most: Taken) -> None:
        """The file systems bound their own bytes: `most` is what `folder` may hold, and its files are what each may."""
        self._folder, self._in_memory, self._most = folder, in_memory, most
        self._taken, self._free = Taken(), Taken()
        self._next, self._not_before = 0.0, 0.0

    def problem(self, processes: list[int]) -> str:
        """In words, what was too much; or nothing. `processes` are the command's own."""
        if any(files > self._most.files for files in self._files_in_memory(processes)):
            return self._words_of_files()
        if self._folder is None or not self._is_due(self._folder):
            return ""
        began = time.monotonic()
        self._free, self._taken = _free(self._folder), _sum(_found(self._folder, processes), self._most)
        ended = time.monotonic()
        self._next, self._not_before = ended + _WALK_S, ended + ended - began  # at most half of a core's time
        if self._taken.size > self._most.size:
            return f"killed: wrote more than {self._most.size / 2**20:.0f} MiB into its scratch folder"
        return self._words_of_files() if self._taken.files > self._most.files else ""

    def _words_of_files(self) -> str:
        return f"killed: made more than {self._most.files} files"

    def _is_due(self, folder: str) -> bool:
        now = time.monotonic()
        if now < self._not_before or now >= self._next:
            return now >= self._next
        free = _free(folder)
        step = max(_STEP_BYTES, (self._most.size - self._taken.size) // 2)
        files = max(_STEP_FILES, (self._most.files - self._taken.files) // 2)
        return self._free.size - free.size > step or self._free.files - free.files > files

    def _files_in_memory(self, processes: list[int]) -> list[int]:
        for process in processes[:_FEW]:
            try:
                found = [os.statvfs(f"/proc/{process}/root{place}") for place in self._in_memory]
            except OSError:  # it has ended
                continue
            return [one.f_files - one.f_ffree for one in found]
        return []


def _free(folder: str) -> Taken:
    found = os.statvfs(folder)
    return Taken(found.f_bavail * found.f_frsize, found.f_favail)


def _sum(found: Iterator[tuple[int, int]], most: Taken) -> Taken:
    """Of files, each once whatever names it has; no further than to `most`."""
    size, seen = 0, set[int]()
    for inode, taken in found:
        if inode not in seen:
            seen.add(inode)
            size += taken
            if size > most.size or len(seen) > most.files:
                break
    return Taken(size, len(seen))


def _found(folder: str, processes: list[int]) -> Iterator[tuple[int, int]]:
    """Inodes and the bytes that each takes. Links are not followed."""
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            try:
                found = os.lstat(f"{place}/{name}")
            except OSError:  # it went meanwhile
                continue
            yield found.st_ino, found.st_blocks * 512 if stat.S_ISREG(found.st_mode) else 4096
    device = os.stat(folder).st_dev
    for process in processes:
        yield from _open_without_name(process, device)
        yield from _mapped_without_name(process, f"{os.major(device):02x}:{os.minor(device):02x}")


def _open_without_name(process: int, device: int) -> Iterator[tuple[int, int]]:
    try:
        names = os.listdir(f"/proc/{process}/fd")
    except OSError:  # it has ended, or lets nobody look
        return
    for name in names:
        try:
            found = os.stat(f"/proc/{process}/fd/{name}")
        except OSError:
            continue
        if found.st_dev == device and not found.st_nlink and stat.S_ISREG(found.st_mode):
            yield found.st_ino, found.st_blocks * 512


def _mapped_without_name(process: int, device: str) -> Iterator[tuple[int, int]]:
    """As much of them as is mapped."""
    try:
        with open(f"/proc/{process}/maps", errors="replace") as lines:
            for line in lines:
                words = line.split(maxsplit=5)
                if words[3] == device and line.endswith("(deleted)\n"):
                    first, _, last = words[0].partition("-")
                    yield int(words[4]), int(last, 16) - int(first, 16)
    except (OSError, IndexError):
        return
