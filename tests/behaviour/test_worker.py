"""A worker as a process of its own: it answers on its socket, says why it cannot, and ends when it is told to."""

import http.client
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pioche.serving import choice
from pioche.serving.spec import Spec
from pioche.serving.worker.process import CANNOT_LOAD
from tests import encoders, writers

FILES = encoders.classifier({"good": [0, 4], "bad": [4, 0]}, ["NEGATIVE", "POSITIVE"])


WRITER = {"model.gguf": writers.writer()}


def command(folder: Path, files: encoders.Files = FILES, task: str = "text-classification") -> list[str]:
    for path, data in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    chosen = choice.choose(task, files)
    spec = Spec(repo="ada/model", commit="0" * 40, engine=chosen.engine, task=task, files=chosen.files)
    words = (str(folder), str(folder / "http"), msgspec.json.encode(spec).decode())
    return [sys.executable, "-m", "pioche.serving.worker", *words]


class Connection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("worker", timeout=30)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(str(self._path))

    def ask(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        self.request(method, path, None if body is None else json.dumps(body))
        answer = self.getresponse()
        return answer.status, json.loads(answer.read())


def listens(path: Path) -> bool:
    """The file is there a moment before anybody answers at it."""
    with socket.socket(socket.AF_UNIX) as attempt:
        return attempt.connect_ex(str(path)) == 0


@contextmanager
def working(
    folder: Path, files: encoders.Files = FILES, task: str = "text-classification"
) -> Iterator[tuple[subprocess.Popen[bytes], Connection]]:
    process = subprocess.Popen(command(folder, files, task))
    try:
        while not listens(folder / "http"):
            assert process.poll() is None
            time.sleep(0.02)
        connection = Connection(folder / "http")
        yield process, connection
        connection.close()
    finally:
        process.kill()
        process.wait()


def test_a_worker_answers_and_ends_when_told(tmp_path: Path) -> None:
    with working(tmp_path) as (process, connection):
        assert connection.ask("GET", "/health") == (
            200,
            {"repo": "ada/model", "commit": "0" * 40, "task": "text-classification"},
        )
        status, answer = connection.ask("POST", "/infer", {"task": "text-classification", "inputs": "good"})
        assert (status, answer[0][0]["label"]) == (200, "POSITIVE")
        assert connection.ask("GET", "/stats")[1]["requests"] == 1
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "field"),
    [
        ("POST", "/infer", {"task": "text-classification", "inputs": 3}, 400, "inputs"),
        ("POST", "/infer", {"task": "text-to-video", "inputs": "x"}, 400, "task"),
        ("POST", "/infer", {"inputs": "x"}, 400, "body"),
        ("POST", "/infer", [], 400, "body"),
        ("GET", "/infer", None, 405, ""),
        ("GET", "/nowhere", None, 404, ""),
    ],
)
def test_what_is_refused_says_why_and_the_worker_lives_on(
    worker: Connection, method: str, path: str, body: object, status: int, field: str
) -> None:
    found, refusal = worker.ask(method, path, body)
    assert (found, refusal["field"]) == (status, field)
    assert refusal["error"]
    assert worker.ask("GET", "/health")[0] == 200


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    with working(tmp_path_factory.mktemp("worker")) as (_, connection):
        yield connection


def test_a_model_that_cannot_be_loaded_says_so_in_one_line(tmp_path: Path) -> None:
    broken = {**FILES, "onnx/model.onnx": b"not a network"}
    done = subprocess.run(command(tmp_path, broken), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == CANNOT_LOAD
    assert "weights cannot be loaded" in done.stderr.splitlines()[-1]


def test_a_worker_loads_nothing_of_the_hub() -> None:
    """It runs beside a stranger's files: no database, no repos, no settings are in its process."""
    loaded = "pioche.serving.worker.__main__, pioche.serving.engines.onnx, pioche.serving.engines.llama"
    code = f"import sys, {loaded}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    ours = {
        name for name in done.stdout.split() if name.startswith("pioche.") and not name.startswith("pioche.serving")
    }
    assert ours == {"pioche.errors"}
    assert not {"sqlalchemy", "pygit2", "torch"} & set(done.stdout.split())


CHAT = {"messages": [{"role": "user", "content": "a"}], "temperature": 0}


@pytest.fixture(scope="module")
def writer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    with working(tmp_path_factory.mktemp("writer"), WRITER, "text-generation") as (_, connection):
        yield connection


def test_a_worker_streams_and_then_answers_the_next_request(writer: Connection) -> None:
    asked = {"task": "chat", "inputs": {**CHAT, "max_tokens": 4, "stream": True}}
    writer.request("POST", "/infer", json.dumps(asked))
    answer = writer.getresponse()
    assert answer.headers["content-type"] == "text/event-stream"
    *events, last = answer.read().decode().removesuffix("\n\n").split("\n\n")
    deltas = [json.loads(event.removeprefix("data: "))["choices"][0]["delta"] for event in events]
    assert "".join(delta.get("content") or "" for delta in deltas) == "bcde"
    assert last == "data: [DONE]"
    status, whole = writer.ask("POST", "/infer", {"task": "chat", "inputs": {**CHAT, "max_tokens": 2}})
    assert (status, whole["choices"][0]["message"]["content"]) == (200, "bc")


def test_a_stream_that_cannot_begin_has_the_status_of_its_refusal(writer: Connection) -> None:
    long = {"messages": [{"role": "user", "content": "a" * 500}], "stream": True}
    status, refusal = writer.ask("POST", "/infer", {"task": "chat", "inputs": long})
    assert (status, refusal["field"]) == (400, "inputs")
    assert "501 tokens" in refusal["error"]


def test_who_leaves_a_stream_frees_its_lane(tmp_path: Path) -> None:
    """H-RUN: nobody computes for a client that is gone."""
    endless = {"prompt": "a", "stream": True, "logit_bias": {"2": -100}, "max_tokens": 60_000}
    files = {"model.gguf": writers.writer(context=100_000)}
    with working(tmp_path, files, "text-generation") as (_, connection):
        for _ in range(8):  # more than there are lanes
            connection.request("POST", "/infer", json.dumps({"task": "completion", "inputs": endless}))
            assert connection.getresponse().read(100).startswith(b"data: ")
            connection.close()
        status, answer = connection.ask("POST", "/infer", {"task": "text-generation", "inputs": "w"})
        assert (status, answer) == (200, [{"generated_text": "xyz"}])
