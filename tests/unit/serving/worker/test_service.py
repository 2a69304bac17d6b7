"""What a worker answers when its engine fails: before the first piece with a status, afterwards in the words of the stream."""

import asyncio
import json
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest

from pioche.errors import EngineFailed
from pioche.serving.engines import Listener
from pioche.serving.spec import Ask, EngineName, Spec
from pioche.serving.worker.http import Reply, Request
from pioche.serving.worker.service import Service

SPEC = Spec(repo="ada/model", commit="0" * 40, engine=EngineName.LLAMA, task="text-generation", files=("m.gguf",))


@dataclass
class Work:
    told: int
    streams: bool


class Breaking:
    """Tells so many pieces as it is asked for, and breaks."""

    lanes = 1

    def prepare(self, ask: Ask) -> Work:
        assert isinstance(ask.inputs, int)
        return Work(ask.inputs, streams=True)

    def answer(self, work: Work, listener: Listener) -> object:
        for number in range(work.told):
            listener.tell(b"data: %d\n\n" % number)
        raise EngineFailed("out of paper")

    def close(self) -> None: ...


async def answer(ask: Ask, trace: str = "") -> Reply | list[bytes]:
    async with Service(SPEC, Breaking()) as service:
        found = await service.answer(Request("POST", "/infer", msgspec.json.encode(ask), trace))
        return found if isinstance(found, Reply) else [piece async for piece in found.pieces]


@pytest.mark.parametrize(
    ("task", "said"),
    [
        ("text-generation", {"error": "out of paper", "error_type": "generation"}),
        ("chat", {"error": {"message": "out of paper", "type": "server_error", "param": None, "code": None}}),
    ],
)
def test_a_stream_that_breaks_says_so_in_its_own_words(task: str, said: dict[str, Any]) -> None:
    pieces = asyncio.run(answer(Ask(task, 1)))
    assert isinstance(pieces, list)
    assert pieces[0] == b"data: 0\n\n"
    assert json.loads(pieces[1].removeprefix(b"data: ")) == said


def test_a_failure_before_the_first_piece_has_a_status_and_is_in_the_log_with_its_trace(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for trace, line in (("00-ab-cd-01", "out of paper (trace 00-ab-cd-01)\n"), ("", "")):
        reply = asyncio.run(answer(Ask("chat", 0), trace))
        assert isinstance(reply, Reply)
        assert (reply.status, json.loads(reply.body)["error"]) == (EngineFailed.status, "out of paper")
        assert capsys.readouterr().err == line
