"""What every backend of workers does alike (`pioche.serving.controller.fleet.Starter`): the same stories over each of them."""

import asyncio
import contextlib
import importlib.util
import json
import os
import signal
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pioche import app
from pioche.accounts.callers import Caller
from pioche.config import Config
from pioche.errors import EngineFailed, RepoNotFound
from pioche.repos.access import Repo
from pioche.serving.controller.fleet import Starter, Worker
from pioche.serving.messages import Wanted
from pioche.serving.targets import Targets
from pioche.serving.wire import Answer, Broken, Wire
from tests import encoders, writers
from tests.core import Core, main
from tests.databases import SqliteTemplate
from tests.rays import Ray

TASK = "text-classification"
FILES = encoders.classifier({"good": [0, 4], "bad": [4, 0]}, ["NEGATIVE", "POSITIVE"])
MEMORY = 2**30
ASKED = json.dumps({"task": TASK, "inputs": "good"}).encode()
Files = dict[str, bytes]


@pytest.fixture
def config(sqlite: SqliteTemplate, tmp_path: Path) -> Config:
    """One database is enough: no backend knows which it is."""
    for above in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        above.chmod(0o711)  # workers may be another user
    return sqlite.config(tmp_path / "data")


@pytest.fixture(scope="module")
def ray() -> Iterator[Ray]:
    if importlib.util.find_spec("ray") is None:  # not to be imported before it is prepared
        pytest.skip("the extra ray is not installed")
    with tempfile.TemporaryDirectory(prefix="ray-") as folder, Ray(Path(folder)) as ray:
        yield ray


@pytest.fixture(
    params=["local", pytest.param("ray", marks=[pytest.mark.long, pytest.mark.filterwarnings("ignore")])],
)
def starter(request: pytest.FixtureRequest, core: Core) -> Iterator[Starter]:
    config = core.hub.config
    if request.param == "ray":
        ray: Ray = request.getfixturevalue("ray")
        config = replace(config, inference_backend="ray", ray_address=ray.address, ray_url=ray.url)
    starter = app.build_starter(config, core.hub.access)
    yield starter
    starter.close()


@pytest.fixture
def publish(core: Core, repo: Repo, ada: Caller) -> Callable[[Files, str], Wanted]:
    def published(files: Files, task: str) -> Wanted:
        core.commit(repo, ada, {"README.md": f"---\npipeline_tag: {task}\n---\n".encode(), **files})
        target = Targets(1).find(repo, main(repo))
        return Wanted(target.spec, target.repo, target.size, 60)

    return published


@pytest.fixture
def wanted(publish: Callable[[Files, str], Wanted]) -> Wanted:
    return publish(dict(FILES), TASK)


def told(starter: Starter, wanted: Wanted, story: Callable[[Worker, Wire], Coroutine[Any, Any, None]]) -> None:
    """The story of one worker, that ends with it."""

    async def telling() -> None:
        worker = await starter.start(wanted, MEMORY)
        wire = Wire(worker.address, 1)
        try:
            await story(worker, wire)
        finally:
            wire.close()
            await worker.end(5.0)

    asyncio.run(telling())


def processes(wanted: Wanted) -> list[int]:
    """Those of its worker, wherever the backend started them on this machine."""
    found = list[int]()
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = place.read_bytes()
        except OSError:
            continue
        if b"pioche.serving.worker" in words and wanted.spec.commit.encode() in words:
            found.append(int(place.parent.name))
    return found


async def until(is_so: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


def test_a_worker_answers_and_counts(starter: Starter, wanted: Wanted) -> None:
    async def story(worker: Worker, wire: Wire) -> None:
        for _ in range(2):
            answer = await wire.ask("/infer", ASKED)
            assert (answer.status, json.loads(answer.body)[0][0]["label"]) == (200, "POSITIVE")
        assert (await worker.stats()).requests == 2
        memory, seconds = await asyncio.to_thread(worker.usage)
        assert memory > 2**20
        assert seconds > 0
        assert worker.ended is None

    told(starter, wanted, story)


def test_what_a_model_refuses_comes_through(starter: Starter, wanted: Wanted) -> None:
    async def story(_worker: Worker, wire: Wire) -> None:
        answer = await wire.ask("/infer", json.dumps({"task": TASK, "inputs": 7}).encode())
        assert answer.status == 400
        assert json.loads(answer.body)["field"] == "inputs"

    told(starter, wanted, story)


def test_a_stream_comes_in_pieces_and_ends_when_the_listener_leaves(
    starter: Starter, publish: Callable[[Files, str], Wanted]
) -> None:
    async def story(worker: Worker, wire: Wire) -> None:
        whole = await _stream(wire, 3)
        assert whole.pieces is not None
        said = b"".join([piece async for piece in whole.pieces])
        assert said.count(b"data: ") > 3, said
        assert said.endswith(b"data: [DONE]\n\n")
        endless = await _stream(wire, 30_000)
        assert endless.pieces is not None
        await anext(endless.pieces)
        assert (await worker.stats()).running == 1
        await endless.pieces.aclose()
        deadline = time.monotonic() + 30
        while (await worker.stats()).running:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)

    told(starter, publish({"model.gguf": writers.writer(context=32_768)}, "text-generation"), story)


async def _stream(wire: Wire, tokens: int) -> Answer:
    """The end of a text is not to be written: it goes on for as many tokens as asked for."""
    asked = {"prompt": "a", "temperature": 0, "max_tokens": tokens, "stream": True, "logit_bias": {"2": -100}}
    return await wire.ask("/infer", json.dumps({"task": "completion", "inputs": asked}).encode())


def test_what_it_is_asked_is_answered_before_it_ends_and_nothing_is_left(starter: Starter, wanted: Wanted) -> None:
    async def story(worker: Worker, wire: Wire) -> None:
        assert processes(wanted)
        asking = [asyncio.create_task(wire.ask("/infer", ASKED)) for _ in range(8)]
        await asyncio.sleep(0)
        answers, _ = await asyncio.gather(asyncio.gather(*asking, return_exceptions=True), worker.end(10.0))
        for answer in answers:  # one that came too late was not begun: it may be asked of another
            assert isinstance(answer, Broken) or (isinstance(answer, Answer) and answer.status == 200)
        assert not processes(wanted)
        with pytest.raises(Broken):
            await wire.ask("/infer", ASKED)

    told(starter, wanted, story)


def test_one_that_crashed_is_noticed_and_what_it_wrote_is_there(starter: Starter, wanted: Wanted) -> None:
    async def story(worker: Worker, wire: Wire) -> None:
        for process in processes(wanted):
            with contextlib.suppress(ProcessLookupError):  # it ended with the one before
                os.kill(process, signal.SIGKILL)
        await until(lambda: not processes(wanted))
        with pytest.raises(Broken):
            await wire.ask("/infer", ASKED)
        deadline = time.monotonic() + 30
        while worker.ended is None:
            with pytest.raises(OSError):  # noqa: PT011 - of whatever kind
                await worker.stats()
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)
        assert "SIGKILL" in str(worker.ended)
        assert str(worker.ended) in worker.output()

    told(starter, wanted, story)


def test_a_model_that_cannot_be_loaded_says_why(starter: Starter, publish: Callable[[Files, str], Wanted]) -> None:
    broken = publish({**FILES, "onnx/model.onnx": b"not a network"}, TASK)
    with pytest.raises(EngineFailed, match="weights cannot be loaded"):
        asyncio.run(starter.start(broken, MEMORY))
    assert not processes(broken)


def test_a_repo_that_was_deleted_since_is_not_served(
    starter: Starter, core: Core, repo: Repo, ada: Caller, wanted: Wanted
) -> None:
    core.hub.catalog.delete(ada, repo)
    with pytest.raises(RepoNotFound):
        asyncio.run(starter.start(wanted, MEMORY))
