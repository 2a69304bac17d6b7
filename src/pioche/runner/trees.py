"""A process and all that it started, as the kernel tells in /proc. The standard library alone."""

import os
import signal
import time
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_PROC = Path("/proc")


def below(process: int) -> list[int]:
    """The processes that descend from one, nearest first. Those that ended meanwhile are left out."""
    found = list[int]()
    waiting = [process]
    while waiting:
        children = [child for parent in waiting for child in _children(parent)]
        found += children
        waiting = children
    return found


def _children(process: int) -> list[int]:
    found = list[int]()
    try:
        for thread in os.listdir(_PROC / str(process) / "task"):
            found += map(int, (_PROC / str(process) / "task" / thread / "children").read_text().split())
    except OSError:  # it ended
        pass
    return found


def number_inside(process: int) -> int:
    """What a process is called in its own name space; 0 when it has ended."""
    try:
        lines = (_PROC / str(process) / "status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[-1]) for line in lines if line.startswith("NSpid:")), process)


def memory(processes: list[int]) -> int:
    """Bytes of memory that are theirs: not the files that they mapped, which the kernel can drop; what a process shares with
    the one that it was forked from counts in each."""
    return sum(_status(process, "RssAnon", "RssShmem") for process in processes)


def memory_shared_once(processes: list[int]) -> int:
    """The same, where shared memory is divided among those that share it: exact, and a hundred times as dear."""
    return sum(_proportional(process) for process in processes)


def cpu_seconds(processes: list[int]) -> float:
    """Of them, and of those of their children that have ended."""
    return sum(_ticks(process) for process in processes) / _TICKS


def threads_of_user(user: int) -> int:
    """How many threads a user has on this machine, as far as can be seen."""
    return sum(_threads(int(name), user) for name in os.listdir(_PROC) if name.isdigit())


def signal_all(processes: list[int], number: signal.Signals) -> None:
    for process in processes:
        try:
            os.kill(process, number)
        except (ProcessLookupError, PermissionError):  # it ended; or it changed its user, which none of ours can
            continue


def end(process: int) -> None:
    """Kills all that descends from `process`, which is their reaper, and buries them."""
    while doomed := below(process):
        signal_all(doomed, signal.SIGSTOP)  # so that none forks while others are being killed
        signal_all(below(process), signal.SIGKILL)
        bury()
        time.sleep(0.005)


def bury() -> dict[int, int]:
    """Takes note of children that ended: their process ids, and what `waitpid` says of each."""
    ended = dict[int, int]()
    while True:
        try:
            process, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return ended
        if not process:
            return ended
        ended[process] = status


def _status(process: int, *fields: str) -> int:
    try:
        lines = (_PROC / str(process) / "status").read_text().splitlines()
    except OSError:
        return 0
    return sum(1024 * int(line.split()[1]) for line in lines if line.partition(":")[0] in fields)


def _proportional(process: int) -> int:
    try:
        lines = (_PROC / str(process) / "smaps_rollup").read_text().splitlines()
    except OSError:  # not ours to see: what it has alone and with others
        return _status(process, "RssAnon", "RssShmem")
    return sum(1024 * int(line.split()[1]) for line in lines if line.startswith(("Pss_Anon:", "Pss_Shmem:")))


def _threads(process: int, user: int) -> int:
    try:
        if (_PROC / str(process)).stat().st_uid != user:
            return 0
        return len(os.listdir(_PROC / str(process) / "task"))
    except OSError:
        return 0


def _ticks(process: int) -> int:
    try:
        after_name = (_PROC / str(process) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return sum(map(int, after_name[11:15]))
