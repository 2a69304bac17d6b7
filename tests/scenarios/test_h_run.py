"""H-RUN: what a process in a sandbox tries, at every level that this machine has, of a hub that is root's and of one that is not.

Each attempt is a program that runs inside (`tests/sandboxed.py` is the hub around it). An attempt that succeeds at a level that
promises otherwise is a hole.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from pioche import app
from pioche.config import Config
from pioche.errors import ConfigError, SandboxTooWeak, StartFailed
from pioche.runner.sandbox import Sandbox
from pioche.runner.spec import Level, Spec
from tests.locked import WHO, Here, standing
from tests.sandboxed import Attempt

_MIB = 2**20

_ATTACKS = r"""
import ctypes, json, os, socket, sys
hub, data, other, port, path, abstract = json.loads(sys.argv[2])
own = sys.argv[3]
libc = ctypes.CDLL(None, use_errno=True)
found = {}

def attempt(name, work):
    try:
        found[name] = repr(work())[:100]
    except Exception as error:
        found[name] = f"refused: {type(error).__name__}"

def call(number, *arguments):
    if libc.syscall(number, *arguments) < 0:
        raise OSError(ctypes.get_errno(), "syscall")

def connect(family, address, kind=socket.SOCK_STREAM):
    with socket.socket(family, kind) as wire:
        wire.settimeout(2)
        wire.connect(address)

attempt("reads its own", lambda: open(own + "/weights").read())
attempt("writes its own", lambda: open(own + "/weights", "w"))
attempt("adds to its own", lambda: open(own + "/more", "w"))
attempt("reads the database", lambda: open(data + "/pioche.db").read())
attempt("lists the data folder", lambda: os.listdir(data))
attempt("writes the data folder", lambda: open(data + "/new", "w"))
attempt("reads another model", lambda: open(other + "/weights").read())
attempt("reads shadow", lambda: open("/etc/shadow").read())
attempt("writes to the root", lambda: open("/new", "w"))
attempt("writes its scratch", lambda: open(os.environ["HOME"] + "/new", "w").write("x"))
attempt("reads the hub's environment", lambda: open(f"/proc/{hub}/environ").read())
attempt("reads the hub's memory", lambda: open(f"/proc/{hub}/mem", "rb"))
attempt("sees processes", lambda: sum(name.isdigit() for name in os.listdir("/proc")))
attempt("signals the hub", lambda: os.kill(hub, 0))
attempt("calls the hub", lambda: connect(socket.AF_INET, ("127.0.0.1", port)))
attempt("calls the world", lambda: connect(socket.AF_INET, ("192.0.2.1", 80)))
attempt("sends a datagram", lambda: connect(socket.AF_INET, ("192.0.2.1", 53), socket.SOCK_DGRAM))
attempt("opens a raw socket", lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1))
attempt("opens a packet socket", lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW))
attempt("calls a socket of the hub", lambda: connect(socket.AF_UNIX, path))
attempt("calls an abstract socket", lambda: connect(socket.AF_UNIX, "\0" + abstract))
attempt("makes a socket", lambda: socket.socketpair())
if os.uname().machine == "x86_64":
    attempt("mounts", lambda: call(165, b"none", os.environ["HOME"].encode(), b"tmpfs", 0, None))
    attempt("makes a name space", lambda: call(272, 0x10000000))
    attempt("traces the hub", lambda: call(101, 16, hub, 0, 0))
    attempt("loads into the kernel", lambda: call(321, 0, 0, 0))
    attempt("uses io_uring", lambda: call(425, 1, 0))
    attempt("uses the other numbers", lambda: call(0x40000000 + 39))
attempt("becomes root", lambda: os.setuid(0) if os.getuid() else 1 / 0)
found["environment"] = dict(os.environ)
found["descriptors"] = sorted(os.listdir("/proc/self/fd"), key=int)[:-1]
found["status"] = dict(line.split(":\t", 1) for line in open("/proc/self/status").read().splitlines())
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def levels() -> dict[str, list[Level]]:
    return {}


@pytest.fixture(
    scope="module",
    params=[(name, level) for name in WHO for level in Level],
    ids=lambda param: f"{param[0]}-{param[1].word}",
)
def here(request: pytest.FixtureRequest, levels: dict[str, list[Level]]) -> Iterator[Here]:
    with standing(*request.param, levels) as found:
        yield found


@pytest.fixture(scope="module")
def tried(here: Here) -> dict[str, Any]:
    """What came of the attacks."""
    data, models = here.make("data"), here.make("models")
    (data / "pioche.db").write_text("secret")
    for model in ("a", "b"):
        (models / model).mkdir()
        (models / model / "weights").write_text(f"of {model}")
    for path in (data, data / "pioche.db", models / "b"):
        os.chown(path, here.who.user, here.who.user)
        path.chmod(0o700)
    with _listening(here) as (port, path, abstract):
        hub = os.getpid()
        facts = json.dumps([hub, str(data), str(models / "b"), port, path, abstract])
        outcome = here.attempt(
            _ATTACKS, arguments=[facts, "/model"], read_only={str(models / "a"): "/model"}, limits={"processes": 16}
        )
    assert outcome.ending["code"] == 0, outcome.log
    found: dict[str, Any] = json.loads(outcome.log.splitlines()[-2])
    return found


@contextlib.contextmanager
def _listening(here: Here) -> Iterator[tuple[int, str, str]]:
    """The hub's own doors: a port, a socket in a folder, an abstract socket."""
    path, abstract = str(here.folder / "hub.socket"), f"sandbox-{os.getpid()}-{time.time_ns()}"
    with contextlib.ExitStack() as stack:
        tcp = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        for address in (path, "\0" + abstract):
            wire = stack.enter_context(socket.socket(socket.AF_UNIX))
            wire.bind(address)
            wire.listen()
        os.chown(path, here.who.user, here.who.user)
        yield tcp.getsockname()[1], path, abstract


def _refused(tried: dict[str, Any], *names: str) -> None:
    assert {name: tried[name] for name in names if name in tried and not tried[name].startswith("refused")} == {}


def test_h_run_3_it_reads_its_model_and_writes_its_scratch_folder(tried: dict[str, Any]) -> None:
    assert tried["reads its own"] == "'of a'"
    assert tried["writes its scratch"] == "1"
    assert not tried["makes a socket"].startswith("refused")


def test_h_run_1_it_has_nothing_of_the_hubs_environment_files_and_rights(tried: dict[str, Any]) -> None:
    assert set(tried["environment"]) <= {"PATH", "HOME", "TMPDIR", "LANG", "PYTHONPATH", "LC_CTYPE", "PWD"}
    assert tried["descriptors"] == ["0", "1", "2"]
    assert tried["status"]["NoNewPrivs"] == "1"
    assert int(tried["status"]["CapEff"], 16) == int(tried["status"]["CapPrm"], 16) == 0
    _refused(tried, "becomes root")


def test_h_run_1_the_kernel_is_out_of_reach(tried: dict[str, Any]) -> None:
    assert tried["status"]["Seccomp"] == "2"
    _refused(
        tried, "mounts", "makes a name space", "traces the hub", "loads into the kernel", "uses io_uring",
        "uses the other numbers", "opens a raw socket", "opens a packet socket",
    )  # fmt: skip


def test_h_run_1_it_has_no_network(tried: dict[str, Any]) -> None:
    _refused(tried, "calls the hub", "calls the world", "sends a datagram")


def test_h_run_5_it_sees_no_file_of_the_hub_and_of_others(here: Here, tried: dict[str, Any]) -> None:
    if here.level < Level.FILTERS:
        pytest.skip("the weakest level hides nothing, and says so")
    _refused(
        tried, "reads the database", "lists the data folder", "writes the data folder", "reads another model", "reads shadow",
        "writes to the root", "writes its own", "adds to its own",
    )  # fmt: skip


def test_h_run_1_it_neither_sees_nor_signals_other_processes(here: Here, tried: dict[str, Any]) -> None:
    if here.level < Level.FILTERS:
        pytest.skip("the weakest level hides nothing, and says so")
    _refused(
        tried, "reads the hub's environment", "reads the hub's memory", "signals the hub", "calls an abstract socket"
    )
    if here.level >= Level.NAMESPACES:
        assert int(tried["sees processes"]) <= 2  # bwrap's first process, and itself
        _refused(tried, "calls a socket of the hub")


def test_h_run_1_a_fork_bomb_is_small_and_ends_with_its_process(here: Here) -> None:
    script = """
import os, time
count = 0
for _ in range(2000):
    try:
        child = os.fork()
    except OSError:
        break
    if not child:
        os.setsid()
        time.sleep(60)
        os._exit(0)
    count += 1
print("children", count, flush=True)
"""
    outcome = here.attempt(script, limits={"processes": 24})
    assert outcome.left == [], outcome
    if "more than" not in outcome.ending["reason"]:
        assert int(outcome.log.splitlines()[0].split()[1]) <= 32


def test_h_run_1_a_memory_bomb_is_killed_and_told(here: Here) -> None:
    script = """
import os
os.fork()  # two halves are one whole
held = []
while True:
    try:
        held.append(bytearray(os.urandom(1) * (4 * 2**20)))
    except MemoryError:
        pass
"""
    outcome = here.attempt(script, limits={"memory_bytes": 96 * _MIB})
    assert outcome.ending["is_over_memory"]
    assert outcome.ending["reason"] == "killed: used more than 96 MiB of memory"
    assert outcome.left == []
    assert "96 MiB" in outcome.log


def test_h_run_1_a_disk_bomb_is_stopped(here: Here) -> None:
    script = """
import os, time
for number in range(400):
    try:
        with open(os.environ["HOME"] + f"/{number}", "wb") as file:
            file.write(bytes(2**20))
    except OSError as error:
        print("stopped:", error.strerror)
        break
    time.sleep(0.02)
"""
    limits = {"scratch_bytes": 8 * _MIB, "file_bytes": 2 * _MIB}
    outcome = here.attempt(script, limits=limits)
    assert "No space left" in outcome.log or "8 MiB into its scratch folder" in outcome.ending["reason"]
    kept = here.make("kept")
    outcome = here.attempt(script, limits=limits, writable=str(kept))
    assert outcome.ending["reason"] == "killed: wrote more than 8 MiB into its scratch folder"
    outcome = here.attempt('open("huge", "wb").write(bytes(3 * 2**20))', limits=limits, writable=str(here.make("one")))
    assert "File too large" in outcome.log


def test_h_run_1_a_flood_of_log_lines_is_bounded(here: Here) -> None:
    script = """
import sys
for number in range(20_000):
    print(number, "x" * 80)
sys.stdout.write("y" * 10**6)
print("\\nlast")
"""
    outcome = here.attempt(script)
    assert outcome.ending["code"] == 0
    kept = outcome.log.splitlines()
    assert len(kept) <= 2000
    assert max(map(len, kept)) <= 4200
    assert outcome.lines > 20_000  # what was dropped is counted
    assert kept[-2:] == ["last", "[ended with code 0]"]


def test_h_run_1_stopping_ends_the_whole_tree_whatever_it_ignores(here: Here) -> None:
    script = """
import os, signal, time
for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
    signal.signal(number, signal.SIG_IGN)
for _ in range(2):  # a daemon: orphaned, of another session
    if not os.fork():
        os.setsid()
        if os.fork():
            os._exit(0)
        os.closerange(0, 100)
        time.sleep(60)
print("here", flush=True)
os.closerange(0, 100)
time.sleep(60)
"""
    outcome = here.attempt(script, terminate=0.5)
    assert outcome.ending["reason"] == "ended: the hub asked for it"
    assert outcome.left == []


def test_h_run_1_a_process_that_is_asked_may_end_by_itself(here: Here) -> None:
    script = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
print("here", flush=True)
time.sleep(60)
"""
    outcome = here.attempt(script, terminate=20)
    assert (outcome.ending["code"], outcome.ending["reason"]) == (7, "ended with code 7")


def test_h_run_1_a_crash_is_told(here: Here) -> None:
    outcome = here.attempt("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
    assert outcome.ending["reason"] == "crashed with signal 11 (SIGSEGV)"
    assert outcome.ending["signal"] == 11


def test_h_run_1_links_in_the_shared_folder_lead_nowhere(here: Here) -> None:
    script = """
import os, socket, sys, time
os.chdir(sys.argv[2])
os.symlink(sys.argv[3], "link")
os.mkdir("folder")
open("file", "w").close()
os.mkfifo("pipe")
wire = socket.socket(socket.AF_UNIX)
wire.bind("http")
wire.listen()
os.symlink("http", "own")
print("here", flush=True)
connection, _ = wire.accept()
connection.sendall(b"hello")
"""
    sockets, path = here.make("sockets"), str(here.folder / "other.socket")
    with socket.socket(socket.AF_UNIX) as wire:
        wire.bind(path)
        os.chmod(path, 0o777)
        wire.listen()
        outcome = here.attempt(
            script, arguments=["/sockets", path], sockets=str(sockets),
            connect=["link", "folder", "file", "pipe", "absent", "own", "http"],
        )  # fmt: skip
    assert outcome.connected.pop("http") == "hello", outcome.log
    assert set(outcome.connected.values()) <= {"ConnectionRefusedError", "FileNotFoundError", "OSError"}


def test_h_run_1_a_hub_that_is_killed_leaves_nothing_running(here: Here) -> None:
    script = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
for _ in range(2):
    if not os.fork():
        os.setsid()
        if os.fork():
            os._exit(0)
        os.closerange(0, 100)
        time.sleep(120)
print("here", flush=True)
time.sleep(120)
"""
    runs = here.folder / "runs"
    attempt = Attempt(script=script, level=here.level, folder=str(runs), stay=True)
    with subprocess.Popen(
        here.who.command(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=here.who.environment(), cwd="/"
    ) as hub:
        assert hub.stdin is not None
        assert hub.stdout is not None
        hub.stdin.write(json.dumps(asdict(attempt)).encode())
        hub.stdin.close()
        processes = json.loads(hub.stdout.readline())
        assert len(processes) >= 4
        hub.kill()
    deadline = time.monotonic() + 20
    while any(os.path.exists(f"/proc/{process}") for process in processes):
        assert time.monotonic() < deadline, "something of it lives on"
        time.sleep(0.05)
    assert list(runs.iterdir()) != []
    here.who.levels(runs)  # the next hub sweeps
    assert list(runs.iterdir()) == []


def test_h_run_1_a_keeper_that_is_killed_takes_its_process_along(here: Here) -> None:
    if here.level < Level.NAMESPACES:
        script = 'import os, time; print("here", flush=True); time.sleep(60)'
    else:
        script = 'import os, time; os.fork(); print("here", flush=True); os.closerange(0, 100); time.sleep(60)'
    runs = here.folder / "runs"
    attempt = Attempt(script=script, level=here.level, folder=str(runs), stay=True)
    with subprocess.Popen(
        here.who.command(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=here.who.environment(), cwd="/"
    ) as hub:
        assert hub.stdin is not None
        assert hub.stdout is not None
        hub.stdin.write(json.dumps(asdict(attempt)).encode())
        hub.stdin.close()
        keeper, *processes = json.loads(hub.stdout.readline())
        os.kill(keeper, signal.SIGKILL)
        deadline = time.monotonic() + 20
        while any(os.path.exists(f"/proc/{process}") for process in processes):
            assert time.monotonic() < deadline, "something of it lives on"
            time.sleep(0.05)
        hub.kill()
    here.who.levels(runs)


def test_h_run_1_code_of_strangers_is_refused_where_the_sandbox_is_weak(tmp_path: Path) -> None:
    weak = Sandbox(tmp_path / "runs", most=Level.LIMITS)
    assert weak.demand() == Level.LIMITS
    with pytest.raises(SandboxTooWeak, match="namespaces or better, and here is limits"):
        weak.start(Spec(command=("true",), remote_code=True))
    with pytest.raises(SandboxTooWeak, match="filters or better"):
        Sandbox(tmp_path / "runs", least=Level.FILTERS, most=Level.LIMITS).start(Spec(command=("true",)))


def test_h_run_1_a_command_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(StartFailed, match="no-such-program: No such file"):
        Sandbox(tmp_path / "runs").start(Spec(command=("/no-such-program",)))
    assert list((tmp_path / "runs").iterdir()) == []


def test_h_run_1_what_it_takes_can_be_asked(tmp_path: Path) -> None:
    script = 'held = b"x" * 2**25; sum(range(10**6)); print("here", flush=True); input()'
    with Sandbox(tmp_path / "runs").start(Spec(command=(sys.executable, "-c", script))) as running:
        assert running.ending is None
        with pytest.raises(TimeoutError):
            running.wait(0.01)
        assert "EOFError" in "".join(line.text for line in running.log.follow())
        assert running.wait(20).code == 1
        assert running.cpu_seconds() > 0


def test_j5_a_hub_does_not_start_where_the_sandbox_that_was_asked_for_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Sandbox, "_try", lambda self, level: "" if level == Level.LIMITS else "not on this machine")
    with pytest.raises(
        ConfigError, match=r"sandbox: .*level filters or better, and here is limits \(full: not on this"
    ):
        app.prepare_start(Config(data_dir=tmp_path / "data", sandbox="filters"))
