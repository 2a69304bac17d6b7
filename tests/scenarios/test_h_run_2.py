"""H-RUN-2: what a package tries while it is built for a Space, at every sandbox level in which such code may run.

The attacks are in the back end of an sdist, which the installer runs to build it. What it found out it writes into the module that
it installs, so that it can be read afterwards.
"""

import ast
import json
import os
import secrets
import socket
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from pioche.errors import NotBuilt, SandboxTooWeak
from pioche.runner import groups
from pioche.runner.spec import LEAST_FOR_CODE, Level
from pioche.spaces.builds.environments import Environment
from pioche.spaces.builds.workshop import Caps
from tests import building
from tests.building import Yard, plan
from tests.sandboxed import marked

pytest.importorskip("uv")

_MIB = 2**20
_CAPS = Caps(seconds=60, memory_bytes=512 * _MIB, disk_bytes=256 * _MIB, download_bytes=64 * _MIB, processes=64)

_ATTACKS = r"""
import json, os, socket, urllib.error, urllib.request
hub, folder, port, path = json.loads(%r)
found = {}

def attempt(name, work):
    try:
        found[name] = repr(work())[:100]
    except Exception as error:
        found[name] = f"refused: {type(error).__name__}"

def connect(family, address, kind=socket.SOCK_STREAM):
    with socket.socket(family, kind) as wire:
        wire.settimeout(2)
        wire.connect(address)

def ask(address):
    return urllib.request.build_opener(urllib.request.ProxyHandler({})).open(address, timeout=5).read()

def tunnel():
    with socket.create_connection(("127.0.0.1", 8010), 5) as wire:
        wire.sendall(b"CONNECT 192.0.2.1:443 HTTP/1.1\r\nHost: 192.0.2.1:443\r\n\r\n")
        answer = wire.recv(100)
        if b" 200 " not in answer:
            raise OSError(answer)

attempt("reads the database", lambda: open(folder + "/pioche.db").read())
attempt("lists the data folder", lambda: os.listdir(folder))
attempt("lists environments", lambda: os.listdir(folder + "/environments"))
attempt("reads shadow", lambda: open("/etc/shadow").read())
attempt("writes to the root", lambda: open("/new", "w"))
attempt("writes its orders", lambda: open("/given/requirements.in", "w"))
attempt("replaces the installer", lambda: open("/tools/uv", "wb"))
attempt("reads the hub's environment", lambda: open(f"/proc/{hub}/environ").read())
attempt("signals the hub", lambda: os.kill(hub, 0))
attempt("calls the hub", lambda: connect(socket.AF_INET, ("127.0.0.1", port)))
attempt("calls the world", lambda: connect(socket.AF_INET, ("192.0.2.1", 80)))
attempt("sends a datagram", lambda: connect(socket.AF_INET, ("192.0.2.1", 53), socket.SOCK_DGRAM))
attempt("asks a resolver", lambda: socket.getaddrinfo("host.example", 80))
attempt("calls a socket of the hub", lambda: connect(socket.AF_UNIX, path))
attempt("opens a raw socket", lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1))
attempt("tunnels through the index", tunnel)
attempt("asks the index for another host", lambda: ask("http://127.0.0.1:8010/http://192.0.2.1/"))
attempt("asks the index for a file", lambda: ask("http://127.0.0.1:8010/files/good/..%%2f..%%2fpioche.db"))
attempt("asks the index for a folder", lambda: ask("http://127.0.0.1:8010/simple/..%%2f/"))
attempt("asks the index for a package", lambda: ask("http://127.0.0.1:8010/simple/good/"))
found["environment"] = dict(os.environ)
open("module.py", "a").write("found = " + repr(found))
"""


@pytest.fixture(params=[level for level in Level if level >= LEAST_FOR_CODE], ids=lambda level: level.word)
def yard(request: pytest.FixtureRequest) -> Iterator[Yard]:
    level: Level = request.param
    if level not in building.levels():
        pytest.skip(f"this machine has no level {level.word}")
    with building.yard(level) as made:
        made.packages.wheel("good", "1.0")
        yield made
        assert not list((made.folder / "environments").glob("*.part"))
        assert not list((made.folder / "sandboxes").iterdir())
        ours = groups.name(made.folder / "sandboxes" / "x").removesuffix("x")
        assert [name for name, _ in groups.leftovers() if name.startswith(ours)] == []


def _refused(yard: Yard, *requirements: str, caps: Caps = _CAPS) -> NotBuilt:
    with pytest.raises(NotBuilt) as refused, yard.builder(caps).environment(plan(*requirements), yard.lines.append):
        pass
    assert refused.value.stage == "BUILD_ERROR"
    assert not list((yard.folder / "environments" / "kept").glob("*"))
    return refused.value


def _module(environment: Environment, name: str) -> str:
    found = list(environment.place.glob(f"lib/python3.*/site-packages/{name}.py"))
    return found[0].read_text() if found else ""


def test_h_run_2_a_build_sees_nothing_of_the_hub_and_reaches_nobody_but_the_index(yard: Yard) -> None:
    data = yard.folder
    (data / "pioche.db").write_text("secret")
    path = str(data / "hub.socket")
    with socket.create_server(("127.0.0.1", 0)) as tcp, socket.socket(socket.AF_UNIX) as unix:
        unix.bind(path)
        os.chmod(path, 0o777)
        unix.listen()
        facts = json.dumps([os.getpid(), str(data), tcp.getsockname()[1], path])
        yard.packages.sdist("hostile", "1.0", _ATTACKS % facts)
        with yard.builder(_CAPS).environment(plan("hostile"), yard.lines.append) as environment:
            text = _module(environment, "hostile")
    found: dict[str, Any] = ast.literal_eval(text.rpartition("found = ")[2])
    inside = found.pop("environment")
    assert not found.pop("asks the index for a package").startswith("refused")
    assert {name: what for name, what in found.items() if not what.startswith("refused")} == {}
    assert not {name for name in inside if "SECRET" in name or "TOKEN" in name or name.startswith(("PIOCHE", "PIP_"))}
    assert not any(str(data) in value or yard.url in value for value in inside.values())


def test_h_run_2_a_fork_bomb_is_small_and_nothing_of_it_is_left(yard: Yard) -> None:
    mark = f"mark-{secrets.token_hex(8)}"
    yard.packages.sdist("forks", "1.0", f"""
import os, subprocess, sys
for _ in range(300):
    subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(120)", {mark!r}], start_new_session=True,
        stdin=-3, stdout=-3, stderr=-3)
""")  # fmt: skip
    assert "Resource temporarily unavailable" in _refused(yard, "forks").message
    assert marked(mark) == []


def test_h_run_2_a_daemon_ends_with_its_build(yard: Yard) -> None:
    mark = f"mark-{secrets.token_hex(8)}"
    yard.packages.sdist("daemon", "1.0", f"""
import subprocess, sys
subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(120)", {mark!r}], start_new_session=True,
    stdin=-3, stdout=-3, stderr=-3)
""")  # fmt: skip
    with yard.builder(_CAPS).environment(plan("daemon"), yard.lines.append):
        assert marked(mark) == []


def test_h_run_2_a_build_that_fills_the_disk_is_stopped(yard: Yard) -> None:
    yard.packages.sdist("filler", "1.0", """
import time
for number in range(2000):
    with open(f"/scratch/{number}", "wb") as file:
        file.write(bytes(2**20))
    time.sleep(0.01)
""")  # fmt: skip
    assert "wrote more than 64 MiB" in _refused(yard, "filler", caps=replace(_CAPS, disk_bytes=64 * _MIB)).message


def test_h_run_2_a_build_that_makes_too_many_files_is_stopped(yard: Yard) -> None:
    script = "import os, time\nfor number in range(4000): os.mknod(f'/scratch/{number}')\ntime.sleep(30)"
    yard.packages.sdist("many", "1.0", script)
    assert "2000 files" in _refused(yard, "many", caps=replace(_CAPS, files=2000)).message


def test_h_run_2_a_package_that_unpacks_to_too_much_is_stopped(yard: Yard) -> None:
    yard.packages.wheel("bomb", "1.0", {f"bomb{number}.py": b"#" * (4 * _MIB) for number in range(60)})
    error = _refused(yard, "bomb", caps=replace(_CAPS, disk_bytes=48 * _MIB))
    assert "wrote more than 48 MiB" in error.message


def test_h_run_2_a_build_that_takes_the_memory_is_stopped(yard: Yard) -> None:
    yard.packages.sdist("eater", "1.0", "held = []\nwhile True: held.append(bytearray(b'x') * (8 * 2**20))")
    error = _refused(yard, "eater", caps=replace(_CAPS, memory_bytes=192 * _MIB))
    assert "used more than 192 MiB of memory" in error.message or "MemoryError" in error.message


def test_h_run_2_a_build_that_never_ends_is_stopped(yard: Yard) -> None:
    yard.packages.sdist(
        "endless", "1.0", "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\ntime.sleep(300)"
    )
    assert "took more than 4 seconds" in _refused(yard, "endless", caps=replace(_CAPS, seconds=4)).message


def test_h_run_2_more_packages_than_may_be_are_not_sent(yard: Yard) -> None:
    yard.packages.wheel("huge", "1.0", {"huge.bin": os.urandom(3 * _MIB)})
    error = _refused(yard, "huge", caps=replace(_CAPS, download_bytes=2 * _MIB))
    assert "more than 2 MiB of packages" in error.message


def test_h_run_2_a_flood_of_lines_is_bounded(yard: Yard) -> None:
    yard.packages.sdist("loud", "1.0", "import sys\nfor _ in range(60_000): print('x' * 60)\nsys.exit('the end of it')")
    _refused(yard, "loud")
    assert len(yard.lines) < 21_000


def test_h_run_2_secrets_are_not_in_the_log(yard: Yard) -> None:
    """The build is given none: these stand in what somebody committed, which is not what a reader of logs may see."""
    token, key = f"hf_{secrets.token_hex(17)}", f"-----BEGIN KEY-----\n{secrets.token_hex(24)}\n-----END KEY-----"
    yard.packages.sdist("teller", "1.0", f"import sys\nprint({token!r}, {key!r})\nsys.exit('no: ' + {token!r})")
    with pytest.raises(NotBuilt) as refused, yard.builder(_CAPS).environment(
        plan("teller"), yard.lines.append, secrets=[token, key]
    ):  # fmt: skip
        pass
    assert "***" in yard.log
    for told in (yard.log, refused.value.message):
        assert token not in told
        assert key.splitlines()[1] not in told


def test_h_run_2_a_package_changes_nothing_that_others_get(yard: Yard) -> None:
    """It claims to be what another Space asks for, and overwrites all that it can."""
    yard.packages.sdist("liar", "1.0", """
import os, subprocess, sys
script = '''
import os, time
for _ in range(400):
    for folder, _, names in os.walk("/scratch"):
        for name in names:
            try:
                if name == "good.py" or name == "lock.txt":
                    open(os.path.join(folder, name), "w").write("good==1.0\\\\n" if name == "lock.txt" else "stolen = 1")
            except OSError:
                pass
    time.sleep(0.02)
'''
subprocess.Popen([sys.executable, "-S", "-c", script], start_new_session=True, stdin=-3, stdout=-3, stderr=-3)
""")  # fmt: skip
    for _ in range(2):
        try:
            with yard.builder(_CAPS).environment(plan("liar", "good"), yard.lines.append, fresh=True):
                pass
        except NotBuilt:
            continue
    with yard.builder(_CAPS).environment(plan("good"), yard.lines.append) as environment:
        assert _module(environment, "good") == "version = '1.0'\n"


def test_h_run_2_a_command_that_builds_pages_is_locked_in_too(yard: Yard) -> None:
    (yard.folder / "pioche.db").write_text("secret")
    (yard.folder / "repo").mkdir()
    with socket.create_server(("127.0.0.1", 0)) as tcp:
        script = f"""
import json, os, socket
def attempt(work):
    try:
        return repr(work())
    except Exception as error:
        return "refused"
os.mkdir("dist")
json.dump([attempt(lambda: open({str(yard.folder / "pioche.db")!r}).read()),
    attempt(lambda: open("/proc/{os.getpid()}/environ").read()),
    attempt(lambda: socket.create_connection(("127.0.0.1", {tcp.getsockname()[1]}), 2)),
    attempt(lambda: socket.create_connection(("192.0.2.1", 80), 2))], open("dist/index.html", "w"))
"""
        (yard.folder / "repo" / "build.py").write_text(script)
        pages = replace(plan(), sdk="static", app_file="dist/index.html", build_command="python3 build.py")
        with yard.builder(_CAPS).site(pages, yard.folder / "repo", "name", yard.lines.append) as place:
            assert json.loads((place / "index.html").read_text()) == ["refused"] * 4


def test_h_run_2_links_that_lead_out_are_refused(yard: Yard) -> None:
    yard.packages.sdist("linker", "1.0", """
import os
if os.path.isdir("/scratch/environment/lib") and not os.path.lexists("/scratch/environment/shadow"):
    os.symlink("/etc/shadow", "/scratch/environment/shadow")
""")  # fmt: skip
    assert "a link that leads out" in _refused(yard, "linker").message


def test_h_run_2_what_is_kept_can_be_written_by_nobody(yard: Yard) -> None:
    yard.packages.sdist("plain", "1.0")
    with yard.builder(_CAPS).environment(plan("plain", "good"), yard.lines.append) as environment:
        for path in environment.place.rglob("*"):
            found = path.lstat()
            assert found.st_uid == os.getuid()
            assert path.is_symlink() or not found.st_mode & 0o7022, path


def test_h_run_2_without_a_sandbox_nothing_is_built() -> None:
    with building.yard(Level.LIMITS) as made:
        made.packages.wheel("good", "1.0")
        with pytest.raises(SandboxTooWeak), made.builder().environment(plan("good"), made.lines.append):
            pass


def test_h_run_2_an_index_that_does_not_answer_is_told(yard: Yard) -> None:
    error = _refused(replace(yard, url="http://127.0.0.1:9/simple/"), "good")
    assert "127.0.0.1:9 did not answer" in yard.log
    assert "did not answer" in error.message
