"""What stands before a worker on another machine (`pioche.serving.cluster.front`), without Ray: who it answers, and with what."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pioche.serving import choice
from pioche.serving.cluster.front import Front
from pioche.serving.cluster.orders import Order, Told, told_decoder
from pioche.serving.spec import Spec
from tests import encoders

TASK = "text-classification"
FILES = encoders.classifier({"good": [0, 4], "bad": [4, 0]}, ["NEGATIVE", "POSITIVE"])
ASKED = json.dumps({"task": TASK, "inputs": "good"}).encode()
Message = dict[str, Any]


@pytest.fixture
def order(tmp_path: Path) -> Order:
    for above in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        above.chmod(0o711)  # the worker may be another user
    for path, data in FILES.items():
        (tmp_path / "model" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "model" / path).write_bytes(data)
    chosen = choice.choose(TASK, FILES)
    spec = Spec(repo="ada/model", commit="0" * 40, engine=chosen.engine, task=TASK, files=chosen.files)
    model, hub = str(tmp_path / "model"), str(tmp_path / "hub")
    return Order(spec=spec, snapshot=model, memory_bytes=2**30, secret="s3cret", sandbox="limits", hidden=hub)


async def asked(front: Front, path: str, body: bytes = b"", secret: str = "s3cret") -> tuple[int, bool, bytes]:
    """The status, whether it is marked as the worker's, and the body."""
    sent = list[Message]()
    here = asyncio.Event()

    async def receive() -> Message:
        if not here.is_set():
            here.set()
            return {"type": "http.request", "body": body}
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: Any) -> None:
        sent.append(dict(message))

    scope = {"type": "http", "method": "POST" if body else "GET", "path": f"/pioche-1{path}"}
    await front(scope | {"headers": [(b"x-pioche-secret", secret.encode())]}, receive, send)
    is_marked = any(name == b"x-pioche-worker" for name, _ in sent[0]["headers"])
    return sent[0]["status"], is_marked, b"".join(message["body"] for message in sent[1:])


def lived(front: Front, story: Callable[[Front], Awaitable[None]]) -> None:
    async def telling() -> None:
        try:
            await story(front)
        finally:
            await asked(front, "/end", b"0.0")

    asyncio.run(telling())


async def about(front: Front) -> Told:
    return told_decoder.decode((await asked(front, "/about"))[2])


def test_it_answers_the_hub_that_it_was_made_for_and_nobody_else(order: Order) -> None:
    async def story(front: Front) -> None:
        for secret in ("", "other"):
            assert await asked(front, "/infer", ASKED, secret) == (403, False, b"")
            assert await asked(front, "/end", b"0.0", secret) == (403, False, b"")
        status, is_marked, body = await asked(front, "/infer", ASKED)
        assert (status, is_marked, json.loads(body)[0][0]["label"]) == (200, True, "POSITIVE")
        told = await about(front)
        assert told.stats is not None
        assert (told.stats.requests, told.ended, told.refused) == (1, None, None)
        await asked(front, "/end", b"5.0")
        assert (await about(front)).ended is not None
        assert await asked(front, "/infer", ASKED) == (502, False, b"")

    lived(Front(order), story)


def test_a_node_that_does_not_see_the_files_says_so(order: Order) -> None:
    order = msgspec.structs.replace(order, snapshot="/absent")

    async def story(front: Front) -> None:
        told = await about(front)
        assert told.refused is not None
        assert "This node does not see /absent" in told.refused.message

    lived(Front(order), story)
