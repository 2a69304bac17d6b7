"""The ways into and out of a process that has no network: a port that it serves, and addresses that it may call."""

import contextlib
import http.server
import io
import os
import socket
import socketserver
import ssl
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pioche.errors import SandboxTooWeak, StartFailed
from pioche.networks import OF_SANDBOXES
from pioche.runner import sockets
from pioche.runner.running import Running
from pioche.runner.sandbox import Sandbox
from pioche.runner.spec import NEEDED_FOR_WAYS, Address, Level, Limits, Spec
from tests.letterbox import make_certificate

_PORT = 7860
_PATIENCE_S = 30.0
_ECHO = f"""
import socketserver, sys
class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        while piece := self.request.recv(65536):
            self.request.sendall(piece)
        self.request.sendall(b" and all of it")
socketserver.ThreadingTCPServer.request_queue_size = 1024
with socketserver.ThreadingTCPServer(("127.0.0.1", {_PORT}), Echo) as server:
    print("here", flush=True)
    server.serve_forever()
"""


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    found = Sandbox(tmp_path_factory.mktemp("ways") / "runs")
    if found.demand() < NEEDED_FOR_WAYS:
        pytest.skip("this machine has no level namespaces")
    return found


@contextlib.contextmanager
def _serving(sandbox: Sandbox, script: str, limits: Limits | None = None) -> Iterator[Running]:
    spec = Spec(command=(sys.executable, "-c", script), serves_port=_PORT, limits=limits or Limits(), remote_code=True)
    with sandbox.start(spec) as running:
        assert next(running.log.follow(patience=_PATIENCE_S)).text == "here", running.log.text
        yield running


def test_a_port_inside_is_reached_from_outside_and_by_nobody_else(sandbox: Sandbox) -> None:
    with _serving(sandbox, _ECHO) as running:
        with sockets.dial(running.door) as wire:
            wire.sendall(b"hello")
            assert wire.recv(100) == b"hello"
            wire.shutdown(socket.SHUT_WR)  # half of it is closed
            assert wire.recv(100) == b" and all of it"
            assert wire.recv(100) == b""
        with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.1", _PORT), 2):
            pass
    with pytest.raises(ConnectionRefusedError):
        sockets.dial(running.door)


def test_while_nobody_listens_it_is_refused(sandbox: Sandbox) -> None:
    with _serving(sandbox, 'print("here", flush=True); input() if 0 else __import__("time").sleep(60)') as running:
        for _ in range(100):
            with pytest.raises(ConnectionRefusedError):
                sockets.dial(running.door)


def test_other_ports_of_it_are_reached_by_their_number(sandbox: Sandbox) -> None:
    script = """
import socket
first, second = (socket.create_server(("127.0.0.1", port)) for port in (65535, 80 + 8000))
print("here", flush=True)
for listener in (first, second):
    listener.accept()[0].sendall(b"%d" % listener.getsockname()[1])
"""
    with _serving(sandbox, script) as running:
        for port in (65535, 8080):
            with sockets.dial(running.door, port) as wire:
                assert wire.recv(10) == b"%d" % port
        with pytest.raises(ConnectionRefusedError):
            sockets.dial(running.door)


def test_who_knocks_and_asks_nothing_holds_nobody_up(sandbox: Sandbox) -> None:
    with _serving(sandbox, _ECHO) as running, contextlib.ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(sockets.connect(running.door.parent, running.door.name))
        stack.enter_context(sockets.dial(running.door))
        wire = stack.enter_context(sockets.connect(running.door.parent, running.door.name))
        wire.sendall(b"x" * 20)
        stack.enter_context(sockets.dial(running.door))


def test_a_thousand_idle_connections_take_nothing_of_what_stands_between(sandbox: Sandbox) -> None:
    script = f"""
import os, select, socket
listener = socket.create_server(("127.0.0.1", {_PORT}), backlog=1024)
print("here", flush=True)
held = []
while len(held) < 1000:
    held.append(listener.accept()[0])
for one in held:
    one.sendall(b"all")
held[0].recv(1)
"""
    with contextlib.ExitStack() as stack, _serving(sandbox, script, Limits(open_files=2048)) as running:
        held = [stack.enter_context(sockets.dial(running.door)) for _ in range(1000)]
        assert held[-1].recv(3) == b"all"
        held[0].sendall(b"x")
        assert running.wait(_PATIENCE_S).is_clean


def test_who_does_not_read_holds_up_who_writes(sandbox: Sandbox) -> None:
    script = f"""
import socket
listener = socket.create_server(("127.0.0.1", {_PORT}))
print("here", flush=True)
wire, _ = listener.accept()
wire.settimeout(0.5)
sent = 0
try:
    while sent < 2**30:
        sent += wire.send(bytes(2**16))
except TimeoutError:
    print("held up", flush=True)
"""
    with _serving(sandbox, script) as running, sockets.dial(running.door):
        assert running.wait(_PATIENCE_S).is_clean
        assert "held up" in running.log.text


def test_the_process_at_the_door_is_out_of_reach_of_the_command(sandbox: Sandbox) -> None:
    """What it made is what the hub gets: nobody puts a socket of theirs in its place, or holds the same descriptor."""
    script = """
import os
def tried(work):
    try:
        return work()
    except OSError as error:
        return type(error).__name__
others = [name for name in os.listdir("/proc") if name.isdigit() and int(name) not in (1, os.getpid())]
print("here", flush=True)
print("others", len(others))
for name in others:
    print(tried(lambda: os.listdir(f"/proc/{name}/fd")), tried(lambda: open(f"/proc/{name}/mem", "rb")))
print("own", sorted(os.listdir("/proc/self/fd"), key=int)[:-1])
"""
    with _serving(sandbox, script) as running:
        assert running.wait(_PATIENCE_S).is_clean
        words = running.log.text.splitlines()
    assert words[1:4] == ["others 1", "PermissionError PermissionError", "own ['0', '1', '2']"]


def test_it_ends_with_the_command_and_not_before_it(sandbox: Sandbox) -> None:
    script = f"""
import signal, socket, sys
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
listener = socket.create_server(("127.0.0.1", {_PORT}))
print("here", flush=True)
signal.sigwait([signal.SIGTERM])
print("asked", flush=True)
with listener.accept()[0] as wire:
    wire.sendall(b"bye")
sys.exit(3)
"""
    with _serving(sandbox, script) as running:
        running.terminate(_PATIENCE_S)
        lines = running.log.follow(patience=_PATIENCE_S)
        assert any(line.text == "asked" for line in lines)
        with sockets.dial(running.door) as wire:
            assert wire.recv(3) == b"bye"
        assert running.wait(_PATIENCE_S).code == 3


def test_there_are_no_ways_without_a_network_of_its_own(tmp_path: Path) -> None:
    weak = Sandbox(tmp_path / "runs", most=Level.FILTERS)
    if weak.find_out().level is None:
        pytest.skip("this machine has no sandbox")
    for spec in (
        Spec(command=("true",), serves_port=80),
        Spec(command=("true",), reaches=(Address("a.example", 443),)),
    ):
        with pytest.raises(SandboxTooWeak, match="takes level namespaces"):
            weak.start(spec)


# --- the way out ------------------------------------------------------------------------------------------------------


class _Hub(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = f"{self.headers['Host']}{self.path}".encode() if self.path != "/big" else bytes(2**20)
        if self.path == "/who":
            body = str(self.client_address[0]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        return


class _Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 128


@pytest.fixture(scope="module")
def hub() -> Iterator[int]:
    with _Server(("127.0.0.1", 0), _Hub) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


_ASK = """
import http.client, os, socket, sys, urllib.request
def tried(work):
    try:
        return work()
    except OSError as error:
        return f"{type(error).__name__} {getattr(error, 'code', '')}".strip()
def get(url):
    with urllib.request.urlopen(url, timeout=20) as answer:
        return answer.read(200).decode()
def tunnel(host, port):
    wire = http.client.HTTPConnection(os.environ["HTTPS_PROXY"].removeprefix("http://"), timeout=20)
    wire.set_tunnel(host, port)
    wire.request("GET", "/tunnel")
    return wire.getresponse().read().decode()
def connect(host, port):
    socket.create_connection((host, port), 2)
    return "connected"
"""


def _asked(
    sandbox: Sandbox, reaches: tuple[Address, ...], script: str, limits: Limits | None = None
) -> tuple[list[str], Running]:
    spec = Spec(
        command=(sys.executable, "-c", _ASK + script), reaches=reaches, remote_code=True, limits=limits or Limits()
    )
    with sandbox.start(spec) as running:
        running.wait(_PATIENCE_S)
        return running.log.text.splitlines(), running


def test_it_reaches_what_it_was_given_and_the_log_names_what_it_was_not(sandbox: Sandbox, hub: int) -> None:
    name = socket.gethostname()
    script = f"""
print(tried(lambda: get("http://{name}:{hub}/by/proxy?x=1")))
print(tried(lambda: tunnel("{name}", {hub})))
print(tried(lambda: get("http://metadata.example/")))
for host, port in (("169.254.169.254", 80), ("{name}", 22), ("10.0.0.1", 443), ("127.0.0.1", {hub})):
    print(tried(lambda: tunnel(host, port)))
    print(tried(lambda: connect(host, port)))
"""
    words, running = _asked(sandbox, (Address(name, hub),), script)
    said = [line for line in words if line.startswith("[refused")]
    told = [line for line in words if not line.startswith("[")]
    assert told[:3] == [f"{name}:{hub}/by/proxy?x=1", f"{name}:{hub}/tunnel", "HTTPError 403"]
    assert all(word.startswith("OSError") for word in told[3::2]), told
    assert not any(word == "connected" for word in told)
    assert said == [
        f"[refused: a connection to {address}, which it may not reach]"
        for address in ("metadata.example:80", "169.254.169.254:80", f"{name}:22", "10.0.0.1:443", f"127.0.0.1:{hub}")
    ]
    assert running.traffic_bytes > 100


def test_what_lies_on_the_hubs_loopback_has_the_same_address_inside(sandbox: Sandbox, hub: int) -> None:
    script = f"""
print(tried(lambda: get("http://127.0.0.1:{hub}/straight")))
print(tried(lambda: get("http://localhost:{hub}/by/name")))
print(tried(lambda: connect("127.0.0.1", {hub + 1})))
"""
    words, _ = _asked(sandbox, (Address("127.0.0.1", hub),), script)
    assert words[:3] == [f"127.0.0.1:{hub}/straight", f"localhost:{hub}/by/name", "ConnectionRefusedError"]


def test_the_hub_knows_it_for_a_sandbox_and_no_proxy_of_the_machines(sandbox: Sandbox, hub: int) -> None:
    """It would be believed where it says that it comes from, and be shown figures, as if it were the machine itself."""
    name = socket.gethostname()
    script = f"""
print(tried(lambda: get("http://127.0.0.1:{hub}/who")))
print(tried(lambda: get("http://{name}:{hub}/who")))
print(tried(lambda: tunnel("::1", {hub})))
"""
    reaches = tuple(Address(host, hub) for host in ("127.0.0.1", name, "::1"))
    words, _ = _asked(sandbox, reaches, script)
    told = [line for line in words if not line.startswith("[")]
    assert told[0] == OF_SANDBOXES
    assert told[1] != "127.0.0.1"
    assert told[2] == "OSError"
    assert f"[[::1]:{hub} could not be reached: on this machine, 127.0.0.1 alone can be]" in words


def test_a_name_that_does_not_exist_and_a_host_that_is_away_are_told(sandbox: Sandbox) -> None:
    closed = socket.create_server(("127.0.0.1", 0))
    port = closed.getsockname()[1]
    closed.close()
    script = f"""
print(tried(lambda: get("http://absent.invalid/")))
print(tried(lambda: tunnel("localhost", {port})))
"""
    words, _ = _asked(sandbox, (Address("absent.invalid", 80), Address("localhost", port)), script)
    assert words.count("HTTPError 502") == 1
    assert any(line.startswith("[absent.invalid:80 could not be reached: ") for line in words), words
    assert f"[localhost:{port} could not be reached: Connection refused]" in words


def test_what_may_pass_is_bounded(sandbox: Sandbox, hub: int) -> None:
    script = f"""
for _ in range(20):
    print(tried(lambda: len(get("http://127.0.0.1:{hub}/big"))), flush=True)
"""
    words, running = _asked(sandbox, (Address("127.0.0.1", hub),), script, Limits(traffic_bytes=4 * 2**20))
    assert words[0] == "200"
    assert words[-2] in {"ConnectionRefusedError", "URLError"}
    assert "[no more connections: more than 4 MiB went out and in]" in words
    assert running.traffic_bytes < 5 * 2**20


def test_connections_are_bounded_and_who_waits_is_served_later(sandbox: Sandbox, hub: int) -> None:
    script = f"""
held = [socket.create_connection(("127.0.0.1", {hub})) for _ in range(80)]
for one in held:
    one.sendall(b"GET /x HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n")
answered = 0
for one in held[:64]:
    answered += bool(one.recv(1))
    one.close()
for one in held[64:]:
    answered += bool(one.recv(1))
print("answered", answered)
"""
    words, _ = _asked(sandbox, (Address("127.0.0.1", hub),), script)
    assert words[0] == "answered 80"


class _Index(_Hub):
    """A package index with one wheel."""

    def do_GET(self) -> None:
        name = "thing-1.0-py3-none-any.whl"
        body = _wheel() if self.path.endswith(".whl") else f'<a href="/files/{name}">{name}</a>'.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _wheel() -> bytes:
    parts = {
        "thing.py": "WORD = 'installed'\n",
        "thing-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: thing\nVersion: 1.0\n",
        "thing-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "thing-1.0.dist-info/RECORD": "",
    }
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
    return made.getvalue()


@contextlib.contextmanager
def _index(folder: Path, host: str, scheme: str) -> Iterator[int]:
    with _Server(("", 0), _Index) as server:
        if scheme == "https":
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(make_certificate(folder, host))
            server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(("tool", "scheme"), [("pip", "http"), ("pip", "https"), ("uv", "http"), ("uv", "https")])
def test_installers_work_through_it(sandbox: Sandbox, tmp_path: Path, tool: str, scheme: str) -> None:
    program = Path(sys.executable).with_name("uv")
    if tool == "uv" and not program.exists():
        pytest.skip("uv is not installed")
    command = (str(program), "pip") if tool == "uv" else (sys.executable, "-m", "pip")
    host = socket.gethostname()
    with _index(tmp_path, host, scheme) as port:
        trust = {"PIP_CERT": "/trust.pem"} if scheme == "https" else {"PIP_TRUSTED_HOST": host}
        trust["UV_INSECURE_HOST"] = f"{host}:{port}"  # a certificate that signed itself is none of a server's to it
        whole = (tmp_path / f"{host}.pem").read_text() if scheme == "https" else ""
        (tmp_path / "trust.pem").write_text(whole[whole.find("-----BEGIN CERT") :])
        (tmp_path / "trust.pem").chmod(0o644)
        script = "; ".join((
            "import subprocess, sys",
            f"words = [*{command!r}, 'install', '--no-deps', '--target', '/scratch/t', '--index-url', sys.argv[1], 'thing']",
            "subprocess.run(words)",
            "sys.path.insert(0, '/scratch/t')",
            "import thing",
            "print(thing.WORD)",
        ))  # fmt: skip
        spec = Spec(
            command=(sys.executable, "-c", script, f"{scheme}://{host}:{port}/simple"),
            read_only={tmp_path / "trust.pem": Path("/trust.pem")}, environment=trust, reaches=(Address(host, port),),
        )  # fmt: skip
        with sandbox.start(spec) as running:
            running.wait(_PATIENCE_S)
            assert "installed" in running.log.text.splitlines(), running.log.text


def test_a_port_that_only_root_has_is_no_way_out_and_that_is_told(sandbox: Sandbox) -> None:
    with pytest.raises(StartFailed, match=r"127\.0\.0\.1:80: Permission denied"):
        sandbox.start(Spec(command=("true",), reaches=(Address("127.0.0.1", 80),)))


def test_nothing_of_it_is_left(sandbox: Sandbox, hub: int) -> None:
    before = (threading.active_count(), len(os.listdir("/proc/self/fd")))
    for _ in range(3):
        spec = Spec(command=("true",), reaches=(Address("127.0.0.1", hub),), serves_port=_PORT)
        with sandbox.start(spec) as running:
            running.wait(_PATIENCE_S)
    deadline = time.monotonic() + _PATIENCE_S
    while (threading.active_count(), len(os.listdir("/proc/self/fd"))) > before and time.monotonic() < deadline:
        time.sleep(0.05)
    assert (threading.active_count(), len(os.listdir("/proc/self/fd"))) <= before
