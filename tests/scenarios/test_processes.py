"""A hub as a set of processes: it starts once, drains, survives the death of any of them and leaves none behind."""

import json
import os
import random
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from huggingface_hub import HfApi

from tests.hub import Hub
from tests.sender import Sender

_BODY = b'{"content": "---\\nlicense: mit\\n---\\n", "repoType": "model"}'


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """A hub of two web processes whose processes the tests may kill."""
    with Hub(tmp_path_factory.mktemp("processes"), {"WORKERS": "2"}) as hub:
        yield hub


def until(condition: object, *, seconds: float = 30) -> None:
    """Waits for `condition()` to be true."""
    assert callable(condition)
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def begin_request(hub: Hub) -> socket.socket:
    """A request whose body is only half there: in flight until `end_request`."""
    head = f"POST /api/validate-yaml HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(_BODY)}\r\n\r\n"
    connection = socket.create_connection(("127.0.0.1", hub.port), timeout=30)
    connection.sendall(head.encode() + _BODY[:10])
    time.sleep(0.3)  # it has to have arrived in a web process
    return connection


def end_request(connection: socket.socket) -> bytes:
    """The first line of the answer; empty when the connection was closed instead."""
    with connection:
        connection.sendall(_BODY[10:])
        return connection.makefile("rb").readline()


def test_says_where_it_is_in_one_line_and_gives_the_password_once(tmp_path: Path) -> None:
    with Hub(tmp_path) as hub:
        until(lambda: "ready" in hub.output())
        first = hub.output()
        assert len(re.findall(r"https?://", first)) == 1
        assert first.count("password") == 1
        hub.restart()
        until(lambda: hub.output().count("ready") == 2)
        later = [line for line in hub.output().removeprefix(first).splitlines() if not line.startswith("{")]  # the log
        assert later == [f"Pioche is ready at {hub.endpoint}"]


def test_port_0_takes_a_free_one_and_json_says_which(tmp_path: Path) -> None:
    hub = Hub(tmp_path)
    hub.data_dir.mkdir()
    command = ["serve", "--port", "0", "--workers", "1", "--json"]
    process = subprocess.Popen(
        [*hub.program, *command], env=hub.environment(), cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert set(json.loads(process.stdout.readline())) == {"administrator", "password"}
    url = json.loads(process.stdout.readline())["url"]
    assert re.fullmatch(r"http://localhost:\d+", url)
    assert not url.endswith(f":{hub.port}")
    process.terminate()
    assert process.communicate(timeout=30)[0] == b""
    assert process.returncode == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_j9_requests_in_flight_finish_before_it_ends(tmp_path: Path, number: signal.Signals) -> None:
    with Hub(tmp_path) as hub:
        in_flight = begin_request(hub)
        os.kill(hub.pid, number)
        until(lambda: not listens(hub.port))
        assert end_request(in_flight).startswith(b"HTTP/1.1 200")
        assert hub.wait() == 0


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_j9_draining_ends_when_its_time_is_up(tmp_path: Path) -> None:
    with Hub(tmp_path, {"DRAIN_SECONDS": "1"}) as hub, begin_request(hub):
        assert hub.stop() == 0


def test_j9_neither_scrub_nor_those_who_follow_a_thread_keep_it_from_ending(tmp_path: Path) -> None:
    """Both may go on for minutes, and nothing is lost when they are cut off."""
    with Hub(tmp_path, {"SCRUB_DAYS": "0"}) as hub, Sender(hub, hub.user("ada"), "ada/model") as ada:
        ada.create().raise_for_status()
        ada.lfs(random.Random(1).randbytes(100_000)).raise_for_status()
        thread = {"title": "A thread", "description": "to follow"}
        ada.http.post(f"/api/models/{ada.repo}/discussions", json=thread).raise_for_status()
        hub.stop()
    slowly = Hub(tmp_path, {"SCRUB_BYTES_PER_SECOND": "1000"})
    with slowly, httpx.Client(base_url=slowly.endpoint, headers=ada.account.bearer) as client:
        until(lambda: "scrub began" in slowly.output())
        with client.stream("GET", f"/api/models/{ada.repo}/discussions/1/events") as events:
            told = events.iter_lines()
            until(lambda: next(told).startswith("event: version"))
            assert slowly.stop() == 0
            assert "event: reconnect" in list(told)
        assert "killed while it drained" not in slowly.output()
        assert "scrub ended" not in slowly.output()


def test_a_killed_web_process_comes_back_and_the_other_goes_on(served: Hub) -> None:
    before = served.children()
    victim = next(pid for pid, name in before.items() if name == "web")
    os.kill(victim, signal.SIGKILL)
    until(lambda: victim not in served.children() and len(served.children()) == len(before))
    assert sorted(served.children().values()) == ["inference", "jobs", "search", "web", "web"]
    assert set(before) - {victim} < set(served.children())
    until(served.ready)


def test_a_killed_jobs_process_comes_back(served: Hub) -> None:
    victim = next(pid for pid, name in served.children().items() if name == "jobs")
    os.kill(victim, signal.SIGKILL)
    until(lambda: victim not in served.children() and "jobs" in served.children().values())


def test_a_killed_supervisor_leaves_no_process_and_the_next_one_starts(tmp_path: Path) -> None:
    with Hub(tmp_path) as hub:
        orphans = set(hub.children())
        assert len(orphans) == 4
        os.kill(hub.pid, signal.SIGKILL)
        hub.wait()
        until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in orphans))
        hub.start()
        assert hub.ready()


def test_b8_a_second_hub_on_the_same_folder_is_refused(served: Hub) -> None:
    refused = served.command("serve", "--port", "0")
    assert refused.returncode == 2
    assert refused.stderr.splitlines() == [
        f"pioche: data_dir: {served.data_dir} is in use by another Pioche (process {served.pid})"
    ]


def test_b8_a_port_that_is_taken_is_refused(served: Hub, tmp_path: Path) -> None:
    other = Hub(tmp_path)
    other.data_dir.mkdir()
    refused = other.command("serve", "--port", str(served.port))
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.splitlines() == [f"pioche: port: {served.port} is in use by another program"]


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"COLOUR": "red"}, "PIOCHE_COLOUR"),
        ({"PORT": "many"}, "PIOCHE_PORT"),
        ({"HOST": "192.0.2.1"}, "host"),
        ({"TLS_CERT": "cert.pem"}, "tls_key"),
        ({"DATA_DIR": "/proc/no"}, "data_dir"),
    ],
)
def test_j5_a_mistake_in_the_settings_refuses_to_start_and_is_named(
    tmp_path: Path, settings: dict[str, str], named: str
) -> None:
    hub = Hub(tmp_path, settings)
    refused = hub.command("serve")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert len(refused.stderr.splitlines()) == 1
    assert refused.stderr.startswith(f"pioche: {named}: ")


def test_what_a_crash_left_incoming_is_gone_after_the_next_start(tmp_path: Path) -> None:
    with Hub(tmp_path) as hub:
        incoming = hub.data_dir / "incoming"
        hub.kill()
        (incoming / "draft-1").write_bytes(b"half")
        (incoming / "quarantine-1" / "objects").mkdir(parents=True)
        hub.start()
        assert [path.name for path in incoming.iterdir() if not path.name.startswith(".probe")] == []


def test_it_serves_https_itself(tmp_path: Path) -> None:
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-days", "1"]
    subprocess.run([*made, "-keyout", str(key), "-out", str(cert)], check=True, capture_output=True)
    hub = Hub(tmp_path, {"TLS_CERT": str(cert), "TLS_KEY": str(key)})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(cert))
        hub.endpoint = f"https://localhost:{hub.port}"
        with hub:
            until(lambda: f"Pioche is ready at {hub.endpoint}" in hub.output())


def test_the_figures_of_all_processes_are_added_up(tmp_path: Path) -> None:
    with Hub(tmp_path, {"WORKERS": "2"}) as hub:
        for _ in range(30):  # one connection each: the kernel spreads them
            request(hub.port, "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        line = b'pioche_requests_total{method="GET",route="/healthz",status="200"} 30.0'
        figures = "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        until(lambda: line in request(hub.port, figures))


def request(port: int, text: str) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(text.encode())
        return connection.makefile("rb").read()


def test_b7_without_descriptors_new_work_waits_and_nothing_is_lost(tmp_path: Path) -> None:
    hub = Hub(tmp_path)
    hub.program = ("prlimit", "--nofile=64", *hub.program)
    with hub:
        web = next(pid for pid, name in hub.children().items() if name == "web")
        request(hub.port, "GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        before = len(list(Path(f"/proc/{web}/fd").iterdir()))
        waiting = [socket.create_connection(("127.0.0.1", hub.port), timeout=30) for _ in range(150)]
        for connection in waiting:
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        for connection in waiting:  # each makes room for another
            assert connection.recv(65536).startswith(b"HTTP/1.1 200")
            connection.close()
        until(lambda: len(list(Path(f"/proc/{web}/fd").iterdir())) <= before)
        assert hub.ready()


def test_a_killed_index_process_comes_back_and_what_was_committed_meanwhile_is_found(served: Hub) -> None:
    ada = served.user(served.name("ada"))
    api = HfApi(served.endpoint, token=ada.token)
    victim = next(pid for pid, name in served.children().items() if name == "search")
    os.kill(victim, signal.SIGKILL)
    repo = f"{ada.name}/found-meanwhile"
    api.create_repo(repo)
    assert [model.id for model in api.list_models(author=ada.name)] == [repo]
    until(lambda: victim not in served.children() and "search" in served.children().values())
    until(lambda: [model.id for model in api.list_models(search="found-mean", author=ada.name)] == [repo])
