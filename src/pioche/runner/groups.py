"""Control groups: the kernel counts the memory and the processes of a tree. The standard library alone.

Version 2, where a part of the hierarchy is ours to write (a unit of systemd with `Delegate=`), and version 1 on machines that
still have it.
"""

import errno
import hashlib
import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")
_PREFIX = "pioche-"
_REMOVED_S = 2.0
_PERIOD_US = 100_000


@dataclass(frozen=True)
class Group:
    """`places` are its folders: one in version 2, one for each controller in version 1."""

    places: tuple[Path, ...]
    is_unified: bool

    def join(self) -> None:
        """Puts this process into it. Raises OSError."""
        for place in self.places:
            (place / "cgroup.procs").write_text("0")

    def processes(self) -> list[int]:
        return [int(word) for word in _read(self.places[0] / "cgroup.procs").split()]

    def memory(self) -> int:
        """Bytes, without files that the kernel keeps for as long as nobody needs the room."""
        name = "memory.current" if self.is_unified else "memory.usage_in_bytes"
        key = "inactive_file" if self.is_unified else "total_inactive_file"
        used = int(_read(self.places[0] / name) or 0)
        return max(0, used - _of(self.places[0] / "memory.stat", key))

    def kills(self) -> int:
        """How many processes the kernel killed because they wanted more memory."""
        return _of(self.places[0] / ("memory.events" if self.is_unified else "memory.oom_control"), "oom_kill")

    def end(self) -> None:
        """Kills what is left in it and removes it."""
        until = time.monotonic() + _REMOVED_S
        if (all_at_once := self.places[0] / "cgroup.kill").exists():
            with suppress(OSError):
                all_at_once.write_text("1")
        while time.monotonic() < until:
            for process in self.processes():
                try:
                    os.kill(process, signal.SIGKILL)
                except ProcessLookupError:
                    continue
            for place in self.places:
                _remove(place)
            if not any(place.exists() for place in self.places):
                return
            time.sleep(0.01)


def name(home: Path) -> str:
    """What the group of a run is called: other hubs of this machine have theirs in the same place."""
    return f"{hashlib.sha256(os.fsencode(home.parent)).hexdigest()[:8]}-{home.name}"


def make(name: str, memory_bytes: int, processes: int, cores: float | None = None) -> Group:
    """A new one with these limits; that of `cores` where there is a controller for it. Raises OSError: there is nowhere that this
    process may make one."""
    failure = OSError(errno.ENOENT, "no control group can be made here")
    for is_unified, parents in _homes():
        group = Group(tuple(parent / f"{_PREFIX}{name}" for parent in parents), is_unified)
        try:
            _fill(group, memory_bytes, processes)
            _share(group, cores)
            return group
        except OSError as error:
            failure = error
            group.end()
    raise failure


def leftovers() -> Iterator[tuple[str, Group]]:
    """The groups of this kind that there are, with their names."""
    for is_unified, parents in _homes():
        for name in sorted({found.name for parent in parents for found in parent.glob(f"{_PREFIX}*")}):
            group = Group(tuple(parent / name for parent in parents), is_unified)
            yield name.removeprefix(_PREFIX), group


def _homes() -> Iterator[tuple[bool, tuple[Path, ...]]]:
    """Where groups could be made: beside our own or below it."""
    lines = [line.split(":", 2) for line in _own().splitlines()]
    own = {controller: path for _, controllers, path in lines for controller in controllers.split(",")}
    if (_ROOT / "cgroup.controllers").exists() and "" in own:
        here = _ROOT / own[""].lstrip("/")
        for parent in (here, here.parent):
            if parent.is_relative_to(_ROOT) and "memory" in _read(parent / "cgroup.subtree_control").split():
                yield True, (parent,)
    if (_ROOT / "memory").is_dir() and "memory" in own and "pids" in own:
        memory, pids, cpu = (_ROOT / name / own.get(name, "").lstrip("/") for name in ("memory", "pids", "cpu"))
        yield False, (memory, pids, *([cpu] if "cpu" in own and os.access(cpu, os.W_OK) else []))


def _own() -> str:
    return _read(Path("/proc/self/cgroup"))


def _fill(group: Group, memory_bytes: int, processes: int) -> None:
    for place in group.places:
        place.mkdir(exist_ok=True)
    if group.is_unified:
        limits = {"memory.max": memory_bytes, "memory.swap.max": 0, "pids.max": processes}
    else:
        limits = {"memory.limit_in_bytes": memory_bytes, "memory.memsw.limit_in_bytes": memory_bytes}
        (group.places[1] / "pids.max").write_text(str(processes))
    for name, most in limits.items():
        place = group.places[0] / name
        if place.exists() or ("swap" not in name and "memsw" not in name):  # a kernel may not count swap
            place.write_text(str(most))


def _share(group: Group, cores: float | None) -> None:
    if cores is None:
        return
    time_us = max(1000, round(cores * _PERIOD_US))
    for place in group.places:
        if (place / "cpu.max").exists():
            (place / "cpu.max").write_text(f"{time_us} {_PERIOD_US}")
        elif (place / "cpu.cfs_quota_us").exists():
            (place / "cpu.cfs_period_us").write_text(str(_PERIOD_US))
            (place / "cpu.cfs_quota_us").write_text(str(time_us))


def _of(path: Path, key: str) -> int:
    for line in _read(path).splitlines():
        name, _, value = line.partition(" ")
        if name == key:
            return int(value)
    return 0


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def _remove(place: Path) -> None:
    try:
        place.rmdir()
    except OSError:  # somebody is still dying in it, or it is gone
        return
