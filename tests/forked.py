"""A zygote and what its forks try: the hub of the story in `tests/scenarios/test_h_run_forks.py`, and what runs inside.

As a program it needs the standard library and `pioche.runner` alone: an ordinary user runs it too.
"""

import contextlib
import json
import os
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

LOADED = time.monotonic()
"""When this module was loaded: a fork says what its zygote says."""


# --- inside -----------------------------------------------------------------------------------------------------------


def worker(listener: socket.socket, arguments: list[str]) -> None:
    """Answers one request after another with what came of it."""
    while True:
        connection, _ = listener.accept()
        with connection, connection.makefile("rw") as lines:
            asked = json.loads(lines.readline())
            print("asked", asked["what"], flush=True)
            lines.write(json.dumps(_DONE[asked["what"]](asked, arguments)) + "\n")


def _attack(asked: dict[str, Any], arguments: list[str]) -> dict[str, str]:
    tries: dict[str, Callable[[], object]] = {
        "reads its own": lambda: Path(arguments[0], "weights").read_text(),
        "writes its scratch": lambda: Path(os.environ["HOME"], "new").write_text("x"),
        "tells its zygote": lambda: LOADED,
        "tells its environment": lambda: sorted(os.environ),
        "reads another's": lambda: Path(asked["other"], "weights").read_text(),
        "lists snapshots": lambda: os.listdir(Path(asked["other"]).parent),
        "lists scratch folders": lambda: os.listdir(Path(os.environ["HOME"]).parent),
        "lists sockets": lambda: os.listdir("/sockets"),
        "makes a socket": lambda: socket.socket(socket.AF_UNIX).bind("/sockets/new"),
        "signals another": lambda: os.kill(asked["pid"], 0),
        "signals its zygote": lambda: os.kill(asked["zygote"], 0),
        "kills everybody": lambda: os.kill(-1, signal.SIGKILL),  # who is alive after it was not reached
        "reads another's memory": lambda: Path(f"/proc/{asked['pid']}/mem").read_bytes(),
        "reads another's environment": lambda: Path(f"/proc/{asked['pid']}/environ").read_bytes(),
        "lists another's files": lambda: os.listdir(f"/proc/{asked['pid']}/fd"),
        "opens an internet socket": lambda: socket.socket(socket.AF_INET),
        "calls the zygote": lambda: socket.socket(socket.AF_UNIX).connect("/sockets/zygote"),
    }
    return {name: _attempt(work) for name, work in tries.items()}


def _attempt(work: Callable[[], object]) -> str:
    try:
        return str(work())
    except OSError as error:
        return f"refused: {type(error).__name__}"


def _own(asked: dict[str, Any], arguments: list[str]) -> int:
    return os.getpid()


def _bomb(asked: dict[str, Any], arguments: list[str]) -> None:
    held = list[bytearray]()
    while True:
        with contextlib.suppress(MemoryError):  # a limit of the kernel's may come before its keeper
            held.append(bytearray(os.urandom(1) * 2**22))


_DONE: dict[str, Callable[[dict[str, Any], list[str]], object]] = {"attack": _attack, "pid": _own, "bomb": _bomb}


# --- the hub of the story ---------------------------------------------------------------------------------------------


def main() -> None:
    """Arguments: a folder, a level. Prints what came of it."""
    from pioche.runner.sandbox import Sandbox
    from pioche.runner.spec import Level, Limits
    from pioche.runner.zygotes import Zygote

    folder, level = Path(sys.argv[1]), Level(int(sys.argv[2]))
    snapshots = _snapshots(folder)
    path = {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[1] / "src"), str(folder / "snapshots")])}
    sandbox = Sandbox(folder / "runs", most=level)
    with Zygote(sandbox, folder / "snapshots", ("forked",), Limits(memory_bytes=2**30), path) as zygote:
        found = _story(zygote, snapshots)
        found["level"] = zygote.running.level
        found["left in runs"] = 0
    found["left in runs"] = len(list((folder / "runs").iterdir()))
    print(json.dumps(found))


def _snapshots(folder: Path) -> list[Path]:
    snapshots = [folder / "snapshots" / name for name in ("a", "b")]
    for snapshot in snapshots:
        snapshot.mkdir(parents=True)
        (snapshot / "weights").write_text(f"of {snapshot.name}")
    (folder / "snapshots" / "forked.py").write_text(Path(__file__).read_text())
    return snapshots


def _story(zygote: Any, snapshots: list[Path]) -> dict[str, Any]:
    from pioche.runner import trees
    from pioche.runner.spec import Fork, Limits

    def fork(snapshot: Path) -> Any:
        sockets = Path(tempfile.mkdtemp(dir=snapshot.parents[1]))
        limits = Limits(memory_bytes=2**26)
        return zygote.fork(
            Fork(
                function="forked:worker",
                arguments=(str(snapshot),),
                snapshot=snapshot,
                socket=sockets / "own",
                environment={"OWN": "1"},
                limits=limits,
            )
        )

    first, second = (fork(snapshot) for snapshot in snapshots)
    inner = {process: trees.number_inside(process) for process in trees.below(zygote.running.keeper)}
    other = ask(first, what="attack", other=str(snapshots[1]), pid=inner[second.pid], zygote=1)
    found: dict[str, Any] = {
        "attack": other,
        "pids": [ask(one, what="pid") == inner[one.pid] for one in (first, second)],
        "memory": first.memory(),
        "log": next(first.log.follow(patience=30)).text,
    }
    ask(first, what="bomb")
    found["bomb"] = first.wait(30).__dict__
    found["the other lives"] = ask(second, what="pid") == inner[second.pid]
    second.terminate(5)
    found["asked to end"] = second.wait(30).reason
    with fork(snapshots[0]) as third:
        found["again"] = ask(third, what="attack", other="", pid=1, zygote=1)["tells its zygote"]
    until = time.monotonic() + 30  # it looks for dead ones once a second
    while len(trees.below(zygote.running.keeper)) > 3 and time.monotonic() < until:
        time.sleep(0.1)
    found["processes left"] = len(trees.below(zygote.running.keeper))
    return found


def ask(running: Any, **asked: object) -> Any:
    with running.connect("") as wire, wire.makefile("rw") as lines:
        lines.write(json.dumps(asked) + "\n")
        lines.flush()
        try:
            answer = lines.readline()
        except ConnectionError:
            return None
        return json.loads(answer) if answer else None


if __name__ == "__main__":
    main()
