"""H-RUN-1: what a hostile Space tries, point by point, at every level present that code of strangers may run at.

The attacks that any process in a sandbox may try, at every level, are in `test_h_run.py`, whose tests of this story carry its name:
name spaces of the kernel's, signals, links, floods of log lines, stopping, hubs that are killed. Here it is an app: it serves a
port, and may call the hub.
"""

import contextlib
import http.server
import json
import os
import re
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pioche.errors import SandboxTooWeak
from pioche.runner.sandbox import Sandbox
from pioche.runner.spec import LEAST_FOR_CODE, Address, Level, Spec
from tests.locked import WHO, Here, standing
from tests.sandboxed import Outcome

_MIB = 2**20
_PORT = 7860

_NEIGHBOUR = f"""
import socket
listener = socket.create_server(("127.0.0.1", {_PORT}))
open("/scratch/theirs", "w").write("theirs")
print("here", flush=True)
while True:
    listener.accept()
"""

_ATTACKS = r"""
import ctypes, glob, http.client, json, os, socket, struct, sys, urllib.request
hub, data, space, database, allowed, hostname, lan = json.loads(sys.argv[2])
door, neighbour = sys.argv[3], int(sys.argv[4])
libc = ctypes.CDLL(None, use_errno=True)
found = {}

def attempt(name, work):
    try:
        found[name] = repr(work())[:1000]
    except Exception as error:
        found[name] = f"refused: {type(error).__name__} {getattr(error, 'code', '')}".strip()

def call(number, *arguments):
    if libc.syscall(number, *arguments) < 0:
        raise OSError(ctypes.get_errno(), "syscall")

def connect(address, family=socket.AF_INET, kind=socket.SOCK_STREAM):
    with socket.socket(family, kind) as wire:
        wire.settimeout(2)
        wire.connect(address)
        return "connected"

def tunnel(host, port):
    wire = http.client.HTTPConnection(os.environ["HTTPS_PROXY"].removeprefix("http://"), timeout=20)
    wire.set_tunnel(host, port)
    wire.connect()
    return "connected"

def get(url):
    with urllib.request.urlopen(url, timeout=20) as answer:
        return answer.read().decode()

def write(folder):
    with open(folder + "/written", "w") as file:
        file.write("x")

attempt("serves its port", lambda: socket.create_server(("127.0.0.1", 7860)).close())
attempt("writes its scratch", lambda: write("/scratch"))
attempt("calls the hub", lambda: get(f"http://127.0.0.1:{allowed}/"))
attempt("users", lambda: open("/etc/passwd").read())
attempt("lists data", lambda: os.listdir(data))
attempt("reads the database", lambda: open(data + "/pioche.db").read())
attempt("lists the other Space's files", lambda: os.listdir(space))
attempt("reads the other Space's files", lambda: open(space + "/app.py").read())
attempt("lists the other Space's run", lambda: os.listdir(os.path.dirname(door)))
attempt("knocks at the other Space's door", lambda: connect(door, socket.AF_UNIX))
attempt("reads the other Space's scratch", lambda: open(os.path.join("/proc", str(neighbour), "root", "scratch", "theirs")).read())
attempt("signals the other Space", lambda: os.kill(neighbour, 0))
attempt("signals the hub", lambda: os.kill(hub, 0))
attempt("calls the other Space", lambda: connect(("127.0.0.1", 7860)))
found["environments"] = ""
for place in glob.glob("/proc/[0-9]*/environ"):
    try:
        found["environments"] += open(place, errors="replace").read()
    except OSError:
        pass
for name, host, port in (("the database", "127.0.0.1", database), ("the database by name", hostname, database),
        ("the machine's own tokens", "169.254.169.254", 80), ("the LAN", lan, 445), ("the LAN's router", "192.168.0.1", 80),
        ("the world", "192.0.2.1", 443)):
    attempt(f"calls {name}", lambda: connect((host, port)))
    attempt(f"calls {name} by the proxy", lambda: tunnel(host, port))
    attempt(f"asks {name} by the proxy", lambda: get(f"http://{host}:{port}/latest/meta-data/"))
attempt("calls the world by version 6", lambda: connect(("2001:db8::1", 443), socket.AF_INET6))
attempt("calls neighbours of the link", lambda: connect(("fe80::1%lo", 443), socket.AF_INET6))
attempt("asks a resolver", lambda: connect(("192.0.2.53", 53), kind=socket.SOCK_DGRAM))
attempt("asks for a name", lambda: socket.getaddrinfo("metadata.google.internal", 80))
for name, family, kind, protocol in (("raw", socket.AF_INET, socket.SOCK_RAW, 1),
        ("packet", socket.AF_PACKET, socket.SOCK_RAW, 768),
        ("netfilter", socket.AF_NETLINK, socket.SOCK_RAW, 12), ("vsock", 40, socket.SOCK_STREAM, 0), ("alg", 38, 5, 0)):
    attempt(f"opens a socket: {name}", lambda: socket.socket(family, kind, protocol).close())
attempt("mounts", lambda: libc.mount(b"none", b"/scratch", b"tmpfs", 0, None) and 1 / 0)
attempt("makes a root of its own", lambda: os.chroot("/scratch"))
attempt("becomes root", lambda: os.setuid(0))
numbers = {"x86_64": (101, 310, 438, 272, 308, 321, 175), "aarch64": (117, 270, 438, 97, 268, 280, 105)}.get(os.uname().machine, ())
names = ("traces", "reads memory", "takes descriptors", "makes a name space", "enters one", "loads a program", "loads a module")
for name, number in zip(names, numbers):
    attempt(name, lambda: call(number, 16, 1, 0, 0, 0, 0))
for folder in ("/", "/etc", "/usr", "/usr/bin", "/home", "/root", "/var", "/var/tmp", "/opt", "/proc", "/proc/sys/kernel", "/sys",
        "/dev", "/boot", "/run", "/sockets", os.path.dirname(os.__file__), data, space):
    attempt(f"writes to {folder}", lambda: write(folder))
attempt("writes to its own code", lambda: write("/app"))
for path in ("/proc/sysrq-trigger", "/proc/sys/kernel/core_pattern", "/proc/1/mem", "/dev/mem", "/dev/kmsg"):
    attempt(f"opens {path}", lambda: open(path, "r+b").write(b"x"))
for pair in found.items():
    print(json.dumps(pair))
"""


@pytest.fixture(scope="module")
def levels() -> dict[str, list[Level]]:
    return {}


@pytest.fixture(
    scope="module",
    params=[(name, level) for name in WHO for level in Level if level >= LEAST_FOR_CODE],
    ids=lambda param: f"{param[0]}-{param[1].word}",
)
def here(request: pytest.FixtureRequest, levels: dict[str, list[Level]]) -> Iterator[Here]:
    with standing(*request.param, levels) as found:
        yield found


class _Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"the hub")

    def log_message(self, *_: object) -> None:
        return


@contextlib.contextmanager
def _hub() -> Iterator[int]:
    with http.server.HTTPServer(("127.0.0.1", 0), _Page) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def _run(here: Here, script: str, **given: Any) -> Outcome:
    return here.attempt(script, remote_code=True, **given)


@pytest.fixture(scope="module")
def outcome(here: Here) -> Outcome:
    """Of the attacks, of which each is tried once."""
    data, space, app = here.make("data"), here.make("other"), here.make("app")
    (data / "pioche.db").write_text("secret")
    for folder in (space, app):
        (folder / "app.py").write_text("code")
    for path in (data, space):
        path.chmod(0o700)
    lan = next(
        (address[4][0] for address in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)), "10.0.0.1"
    )
    with _hub() as allowed, socket.create_server(("127.0.0.1", 0)) as database:
        facts = [os.getpid(), str(data), str(space), database.getsockname()[1], allowed, socket.gethostname(), lan]
        tried = _run(
            here, _ATTACKS, arguments=[json.dumps(facts)], read_only={str(app): "/app"}, serves_port=_PORT,
            reaches=[("127.0.0.1", allowed)], neighbour=_NEIGHBOUR,
        )  # fmt: skip
    assert tried.ending["code"] == 0, tried.log
    return tried


@pytest.fixture(scope="module")
def tried(outcome: Outcome) -> dict[str, str]:
    return dict(json.loads(line) for line in outcome.log.splitlines() if line.startswith('["'))


def _refused(tried: dict[str, str], *names: str) -> None:
    """Every attempt whose name begins so; each beginning has some."""
    assert {name for name in names if not any(key.startswith(name) for key in tried)} == set()
    assert {key: said for key, said in tried.items() if key.startswith(names) and not said.startswith("refused")} == {}


def test_h_run_1_what_a_space_needs_it_has(tried: dict[str, str]) -> None:
    assert not tried["serves its port"].startswith("refused")
    assert not tried["writes its scratch"].startswith("refused")
    assert tried["calls the hub"] == "'the hub'"


def test_h_run_1_users_of_the_machine_and_data_of_the_hub_are_not_there(tried: dict[str, str]) -> None:
    assert tried["users"].count(":") == 6  # itself
    assert tried["users"].startswith("'user:")
    _refused(tried, "lists data", "reads the database")


def test_h_run_1_other_spaces_are_not_there(tried: dict[str, str]) -> None:
    _refused(
        tried, "lists the other Space's", "reads the other Space's", "knocks at the other Space's", "signals the other Space",
        "calls the other Space",
    )  # fmt: skip


def test_h_run_1_no_environment_but_its_own_can_be_read(tried: dict[str, str]) -> None:
    assert "HOME=/scratch" in tried["environments"]
    assert "s3cret" not in tried["environments"]
    _refused(tried, "signals the hub")


def test_h_run_1_nobody_is_reached_but_the_hub(tried: dict[str, str], outcome: Outcome) -> None:
    _refused(
        tried, "calls the database", "asks the database", "calls the machine's own tokens", "asks the machine's own tokens",
        "calls the LAN", "asks the LAN", "calls the world", "asks the world", "calls neighbours of the link", "asks a resolver",
        "asks for a name",
    )  # fmt: skip
    assert tried["asks the machine's own tokens by the proxy"] == "refused: HTTPError 403"
    assert "[refused: a connection to 169.254.169.254:80, which it may not reach]" in outcome.log


def test_h_run_1_raw_sockets_mounts_and_looks_into_others_are_refused(tried: dict[str, str]) -> None:
    _refused(tried, "opens a socket", "mounts", "makes a root of its own", "becomes root", "opens /")
    if os.uname().machine in {"x86_64", "aarch64"}:
        _refused(
            tried, "traces", "reads memory", "takes descriptors", "makes a name space", "enters one", "loads a program",
            "loads a module",
        )  # fmt: skip


def test_h_run_1_nothing_is_written_outside_of_its_folder(tried: dict[str, str]) -> None:
    _refused(tried, "writes to ")


def test_h_run_1_a_fork_bomb_of_threads_and_processes_is_small(here: Here) -> None:
    script = """
import os, threading, time
def pause():
    time.sleep(60)
count = 0
try:
    while count < 3000:
        threading.Thread(target=pause, daemon=True).start()
        count += 1
except RuntimeError:
    pass
try:
    while count < 3000:
        if not os.fork():
            os.execvp("sleep", ["sleep", "60"])
        count += 1
except OSError:
    pass
print("count", count, flush=True)
os._exit(0)
"""
    outcome = _run(here, script, limits={"processes": 40}, serves_port=_PORT)
    assert outcome.left == []
    said = [line for line in outcome.log.splitlines() if line.startswith("count")]
    assert said == [] if "more than" in outcome.ending["reason"] else int(said[0].split()[1]) <= 50


@pytest.mark.parametrize("kind", ["touched", "shared", "nameless", "segments"])
def test_h_run_1_a_hundred_gigabytes_of_memory_are_not_there(here: Here, kind: str) -> None:
    """Memory, files in memory that have a name, files in memory that have none, and segments that nobody has attached."""
    taken = {
        "touched": "piece = mmap.mmap(-1, 2**22); piece.write(bytes(2**22)); held.append(piece)",
        "shared": "held.append(open(f'/dev/shm/{len(held)}', 'wb', 0)); held[-1].write(bytes(2**22))",
        "nameless": "held.append(os.memfd_create('x')); os.write(held[-1], bytes(2**22))",
        "segments": "held.append(ctypes.CDLL(None, use_errno=True).shmget(0, 2**22, 0o1600)); attach(held[-1])",
    }[kind]
    script = f"""
import ctypes, mmap, os
held = []
def attach(number):
    libc = ctypes.CDLL(None, use_errno=True)
    libc.shmat.restype = ctypes.c_void_p
    if number < 0:
        raise OSError(ctypes.get_errno(), "shmget")
    place = libc.shmat(number, None, 0)
    ctypes.memset(place, 1, 2**22)
    libc.shmdt(ctypes.c_void_p(place))
try:
    while len(held) < 25_000:
        {taken}
except (OSError, MemoryError) as error:
    print("stopped", len(held), error, flush=True)
"""
    outcome = _run(here, script, limits={"memory_bytes": 96 * _MIB, "scratch_bytes": 64 * _MIB})
    stopped = [int(line.split()[1]) for line in outcome.log.splitlines() if line.startswith("stopped")]
    assert outcome.ending["is_over_memory"] or stopped[0] <= 24, outcome


_FILLED = """
import os, sys
kind, folder = sys.argv[2:]
piece = bytes(2**20)
def fill():
    for number in range(100_000):
        path = f"{folder}/{number}"
        file = open(path, "wb", 0)
        if kind == "deleted":
            os.unlink(path)
            held.append(file)
        if kind == "allocated":
            os.posix_fallocate(file.fileno(), 0, 2**20)
        elif kind == "many":
            file.close()
        else:
            file.write(piece)
            if kind == "plain":
                file.close()
held = []
try:
    if kind == "sparse":
        os.truncate(os.open(folder + "/x", os.O_CREAT | os.O_RDWR), 100 * 2**30)
    fill()
except OSError as error:
    print("stopped", error, flush=True)
"""


@pytest.mark.parametrize("kind", ["plain", "deleted", "allocated", "many", "sparse"])
@pytest.mark.parametrize("place", ["folder", "disk", "memory"])
def test_h_run_1_a_hundred_gigabytes_of_disk_are_not_there(here: Here, kind: str, place: str) -> None:
    """Bytes, bytes of files without a name, bytes that nobody wrote, many empty files, and one that is a hole."""
    limits = {"scratch_bytes": 16 * _MIB, "scratch_files": 300, "open_files": 4096, "memory_bytes": 512 * _MIB}
    writable = here.make(f"disk-{kind}") if place == "folder" else None
    outcome = _run(
        here, _FILLED, arguments=[kind, "/scratch"], limits=limits, writable=str(writable) if writable else None,
        is_scratch_on_disk=place == "disk",
    )  # fmt: skip
    is_stopped = "stopped [Errno" in outcome.log
    assert is_stopped or outcome.ending["reason"] in {
        "killed: wrote more than 16 MiB into its scratch folder", "killed: made more than 300 files",
        "killed: used more than 512 MiB of memory",
    }, outcome  # fmt: skip
    if writable:
        assert sum(path.lstat().st_blocks for path in writable.iterdir()) * 512 < 4096 * _MIB


def test_h_run_1_folders_that_it_closed_to_everybody_are_removed(here: Here) -> None:
    script = """
import os
os.makedirs("/scratch/a/b/c")
open("/scratch/a/b/c/file", "w").close()
os.symlink("/etc", "/scratch/a/link")
for place in ("/scratch/a/b/c", "/scratch/a/b", "/scratch/a", "/scratch"):
    os.chmod(place, 0)
"""
    assert _run(here, script, is_scratch_on_disk=True).ending["code"] == 0
    assert list((here.folder / "runs").iterdir()) == []


def test_h_run_1_temporary_files_in_memory_are_bounded_in_number(here: Here) -> None:
    for folder in ("/tmp", "/dev/shm"):
        outcome = _run(here, _FILLED, arguments=["many", folder], limits={"scratch_files": 300})
        assert outcome.ending["reason"] == "killed: made more than 300 files", outcome


def test_h_run_1_all_cores_are_not_its_own(here: Here) -> None:
    script = """
import os, time
for _ in range(3):
    if not os.fork():
        break
began = time.monotonic(), time.process_time()
while time.monotonic() < began[0] + 1.5:
    pass
print("used", (time.process_time() - began[1]) / (time.monotonic() - began[0]), len(os.sched_getaffinity(0)), flush=True)
time.sleep(0.5)
"""
    outcome = _run(here, script, limits={"cores": 0.5, "nice": 10})
    used = [line.split() for line in outcome.log.splitlines() if line.startswith("used")]
    assert len(used) == 4
    assert {cores for *_, cores in used} == {"1"}
    assert sum(float(share) for _, share, _ in used) < (0.8 if here.level == Level.FULL else 1.2)


def test_h_run_1_it_does_not_survive_being_stopped(here: Here) -> None:
    """Nor does the process at its door, nor daemons that ignore every signal that can be ignored."""
    script = """
import os, signal, time
for number in range(1, 32):
    if number not in (signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD):
        signal.signal(number, signal.SIG_IGN)
for _ in range(5):
    if not os.fork():
        os.setsid()
        if os.fork():
            os._exit(0)
        break
print("here", flush=True)
while True:
    try:
        if not os.fork():
            os.setsid()
        time.sleep(0.01)
    except OSError:
        pass
"""
    outcome = _run(here, script, serves_port=_PORT, terminate=0.5, limits={"processes": 60})
    assert outcome.ending["reason"] in {"ended: the hub asked for it", "killed: started more than 65 processes"}
    assert outcome.left == []
    assert outcome.seconds < 10


@pytest.mark.parametrize("level", [level for level in Level if level < LEAST_FOR_CODE])
def test_h_run_1_where_only_less_is_there_it_is_refused_and_told_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, level: Level
) -> None:
    monkeypatch.setattr(Sandbox, "_try", lambda self, tried: "" if tried <= level else f"{tried.word} does not work")
    weak = Sandbox(tmp_path / "runs")
    words = f"It needs a sandbox of level namespaces or better, and here is {level.word} (full: full does not work; namespaces: "
    with pytest.raises(SandboxTooWeak, match=re.escape(words)):
        weak.start(Spec(command=("true",), remote_code=True))
    with pytest.raises(SandboxTooWeak, match=f"takes level namespaces; here is {level.word}"):
        weak.start(Spec(command=("true",), serves_port=_PORT, reaches=(Address("127.0.0.1", 1),)))
    assert list((tmp_path / "runs").iterdir()) == []
