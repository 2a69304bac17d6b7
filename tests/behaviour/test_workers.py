"""A worker in a sandbox, at every level that this machine has: it answers, sees its model alone, and its end says why."""

import http.client
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pioche.errors import EngineFailed
from pioche.runner.running import Running
from pioche.runner.sandbox import Sandbox
from pioche.runner.spec import Level, Limits
from pioche.serving import choice, workers
from pioche.serving.spec import Spec
from tests import encoders, writers

TASK = "text-classification"
FILES = encoders.classifier({"good": [0, 4], "bad": [4, 0]}, ["NEGATIVE", "POSITIVE"])


@pytest.fixture(params=Level, ids=lambda level: level.word)
def sandbox(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    folder = tmp_path_factory.mktemp("sandboxes")
    folder.parent.chmod(0o711)  # the worker may be another user
    sandbox = Sandbox(folder, most=request.param)
    if sandbox.find_out().level is not request.param:
        pytest.skip(f"this machine has no {request.param.word}")
    return sandbox


@contextmanager
def started(sandbox: Sandbox, files: encoders.Files, task: str = TASK) -> Iterator[Running]:
    own = Path(tempfile.mkdtemp(dir=sandbox.folder.parent))
    own.chmod(0o711)
    model, sockets = own / "model", own / "sockets"
    for folder in (model, sockets):
        folder.mkdir()
    for path, data in files.items():
        (model / path).parent.mkdir(exist_ok=True)
        (model / path).write_bytes(data)
    chosen = choice.choose(task, files)
    spec = Spec(repo="ada/model", commit="0" * 40, engine=chosen.engine, task=task, files=chosen.files)
    with workers.start(sandbox, spec, model, sockets, Limits(cpus=(0,))) as worker:
        yield worker


def test_it_answers(sandbox: Sandbox) -> None:
    with started(sandbox, FILES) as worker:
        workers.ready(worker, 60)
        asking = http.client.HTTPConnection("worker")
        asking.sock = workers.connect(worker)
        asking.request("POST", "/infer", json.dumps({"task": TASK, "inputs": "good"}))
        answer = asking.getresponse()
        assert json.loads(answer.read())[0][0]["label"] == "POSITIVE"
        asking.close()
        worker.terminate()
        assert worker.wait(60).is_clean


def test_a_model_that_cannot_be_loaded_says_why(sandbox: Sandbox) -> None:
    with (
        started(sandbox, {**FILES, "onnx/model.onnx": b"not a network"}) as worker,
        pytest.raises(EngineFailed, match="weights cannot be loaded"),
    ):
        workers.ready(worker, 60)


def test_a_language_model_writes(sandbox: Sandbox) -> None:
    """llama.cpp wants a server of its own, threads and a socket: no level may be in its way."""
    with started(sandbox, {"model.gguf": writers.writer()}, "text-generation") as worker:
        workers.ready(worker, 60)
        asking = http.client.HTTPConnection("worker")
        asking.sock = workers.connect(worker)
        body = {"prompt": "a", "temperature": 0, "max_tokens": 3, "stream": True}
        asking.request("POST", "/infer", json.dumps({"task": "completion", "inputs": body}))
        said = asking.getresponse().read()
        assert said.endswith(b"data: [DONE]\n\n")
        assert b'"text":"d"' in said
        asking.close()
