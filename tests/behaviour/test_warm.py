"""Workers that are forks of a process with their libraries loaded (`pioche.serving.controller.warm`).

The libraries are those of ONNX here, which every environment of the tests has; what is forked in earnest needs torch.
"""

import http.client
import json
import shutil
import socket
import struct
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pioche.errors import EngineFailed
from pioche.runner import landlock
from pioche.runner.running import Running, Watched
from pioche.runner.sandbox import Sandbox
from pioche.runner.spec import Level, Limits
from pioche.runner.zygotes import Forked
from pioche.serving import choice, workers
from pioche.serving.controller.warm import Warm
from pioche.serving.spec import EngineName, Spec
from tests import encoders

TASK = "text-classification"
FILES = encoders.classifier({"good": [0, 4], "bad": [4, 0]}, ["NEGATIVE", "POSITIVE"])
MODULES = ("pioche.serving.engines.onnx", "pioche.serving.worker.process")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Workers may be another user."""
    for above in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        above.chmod(0o711)
    return tmp_path


@contextmanager
def warmed(folder: Path, most: Level = Level.FULL, idle_seconds: float = 60) -> Iterator[Warm]:
    sandbox = Sandbox(folder / "sandboxes", most=most)
    if most >= Level.NAMESPACES and (sandbox.find_out().level or Level.LIMITS) < Level.NAMESPACES:
        pytest.skip("this machine has no name spaces")
    if most >= Level.NAMESPACES and not landlock.keeps_signals_in():
        pytest.skip("this machine has no Landlock that keeps signals in")
    warm = Warm(sandbox, folder / "files", 2**31, idle_seconds, engines=frozenset((EngineName.ONNX,)), modules=MODULES)
    yield warm
    warm.close()


@contextmanager
def started(warm: Warm, folder: Path, files: encoders.Files = FILES) -> Iterator[Watched]:
    snapshot, sockets = folder / "files" / "one", Path(tempfile.mkdtemp(dir=folder))
    sockets.chmod(0o711)
    for path, data in files.items():
        (snapshot / path).parent.mkdir(parents=True, exist_ok=True)
        (snapshot / path).write_bytes(data)
    chosen = choice.choose(TASK, files)
    spec = Spec(repo="ada/model", commit="0" * 40, engine=chosen.engine, task=TASK, files=chosen.files)
    with warm.started(spec, snapshot, sockets, Limits(cpus=(0,))) as worker:
        workers.ready(worker, 60)
        yield worker
    shutil.rmtree(snapshot)


def label(worker: Watched) -> object:
    asking = http.client.HTTPConnection("worker")
    asking.sock = workers.connect(worker)
    asking.request("POST", "/infer", json.dumps({"task": TASK, "inputs": "good"}))
    try:
        return json.loads(asking.getresponse().read())[0][0]["label"]
    finally:
        asking.close()


def test_a_fork_answers_and_ends_when_it_is_asked_to(folder: Path) -> None:
    with warmed(folder) as warm:
        for _ in range(2):
            with started(warm, folder) as worker:
                assert isinstance(worker, Forked)
                assert label(worker) == "POSITIVE"
                worker.terminate()
                assert worker.wait(60).reason in ("ended with code 0", "ended: the hub asked for it")


def test_whoever_leaves_without_an_answer_ends_nothing(folder: Path) -> None:
    with warmed(folder) as warm, started(warm, folder) as worker:
        for _ in range(20):
            with workers.connect(worker) as wire:
                wire.sendall(b"GET /stats HTTP/1.1\r\ncontent-length: 0\r\n\r\n" * 3)
                wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        assert label(worker) == "POSITIVE"
        assert worker.ending is None


def test_a_model_that_cannot_be_loaded_says_why(folder: Path) -> None:
    with (
        warmed(folder) as warm,
        pytest.raises(EngineFailed, match="weights cannot be loaded"),
        started(warm, folder, {**FILES, "onnx/model.onnx": b"not a network"}),
    ):
        raise AssertionError


def test_when_what_is_forked_has_died_another_is_made(folder: Path) -> None:
    with warmed(folder) as warm:
        with started(warm, folder) as worker:
            assert isinstance(worker, Forked)
            worker.parent.close()
            worker.wait(60)
        with started(warm, folder) as worker:
            assert isinstance(worker, Forked)
            assert label(worker) == "POSITIVE"


def test_it_ends_when_nothing_was_forked_for_a_while(folder: Path) -> None:
    with warmed(folder, idle_seconds=0.1) as warm:
        with started(warm, folder) as worker:
            assert isinstance(worker, Forked)
        worker.parent.wait(60)
        with started(warm, folder) as worker:
            assert label(worker) == "POSITIVE"


def test_where_forks_cannot_be_kept_apart_workers_have_processes_of_their_own(folder: Path) -> None:
    with warmed(folder, most=Level.FILTERS) as warm, started(warm, folder) as worker:
        assert isinstance(worker, Running)
        assert label(worker) == "POSITIVE"
