"""vLLM, which cannot run here: a fake of its server stands in for it (`tests/fake_vllm`)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pioche.errors import EngineFailed, InvalidInput, NotOffered
from pioche.serving import engines, needs, targets
from pioche.serving.choice import Choice
from pioche.serving.engines.vllm import Vllm
from pioche.serving.spec import Ask, EngineName, Spec
from tests import writers
from tests.hearing import Hearing

FAKE = Path(__file__).parents[3] / "fake_vllm"
SPEC = Spec(
    repo="ada/model", commit="0" * 40, engine=EngineName.VLLM, task="text-generation", files=("model.safetensors",)
)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.syspath_prepend(str(FAKE))
    monkeypatch.setenv("PYTHONPATH", str(FAKE))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def engine(fake: None, tmp_path: Path) -> Iterator[Vllm]:
    pytest.importorskip("safetensors")
    folder = tmp_path / "model"
    folder.mkdir()
    writers.checkpoint(folder)
    loaded = engines.load(SPEC, folder)
    assert isinstance(loaded, Vllm)
    yield loaded
    loaded.close()


def ask(engine: Vllm, task: str, inputs: object, hearing: Hearing | None = None, **parameters: object) -> Any:
    return engine.answer(engine.prepare(Ask(task, inputs, parameters)), hearing or Hearing())


def test_a_chat_whole_and_in_pieces(engine: Vllm) -> None:
    body = {"messages": [{"role": "user", "content": "stuvw"}], "temperature": 0}
    whole = ask(engine, "chat", body)
    assert whole["choices"][0]["message"]["content"] == "xyz"
    assert (whole["model"], whole["usage"]["completion_tokens"]) == ("ada/model", 3)
    hearing = Hearing()
    ask(engine, "chat", {**body, "stream": True}, hearing)
    told = [choice["delta"].get("content") for event in hearing.events for choice in event["choices"]]
    assert "".join(piece or "" for piece in told) == "xyz"
    assert hearing.events[-1]["choices"][0]["finish_reason"] == "stop"


def test_completions_have_their_likelihoods_and_usage(engine: Vllm) -> None:
    found = ask(engine, "completion", {"prompt": "uvw", "max_tokens": 2, "temperature": 0})
    assert (found["choices"][0]["text"], found["choices"][0]["finish_reason"]) == ("xy", "length")
    assert found["usage"]["completion_tokens"] == 2


def test_text_generation_has_tokens_with_their_numbers(engine: Vllm) -> None:
    hearing = Hearing()
    ask(engine, "text-generation", "uvw", hearing, stream=True, max_new_tokens=2)
    tokens = [event["token"] for event in hearing.events]
    assert [(one["id"], one["text"], one["logprob"]) for one in tokens] == [
        (3 + ord(letter), letter, -0.5) for letter in "xy"
    ]
    assert hearing.events[-1]["generated_text"] == "xy"
    assert hearing.events[-1]["details"]["finish_reason"] == "length"
    (stopped,) = ask(engine, "text-generation", "stu", details=True, stop=["x"])
    assert (stopped["generated_text"], stopped["details"]["finish_reason"]) == ("vw", "stop_sequence")


def test_what_it_refuses_is_refused_and_what_it_has_no_word_for(engine: Vllm) -> None:
    with pytest.raises(InvalidInput, match=r"temperature must be in"):
        ask(engine, "chat", {"messages": [{"role": "user", "content": "a"}], "temperature": 3})
    with pytest.raises(InvalidInput) as refused:
        ask(engine, "text-generation", "a", typical_p=0.5)
    assert refused.value.field == "parameters.typical_p"


def test_one_that_ends_in_the_middle_fails(engine: Vllm) -> None:
    with pytest.raises(EngineFailed, match="vLLM"):
        ask(engine, "chat", {"messages": [{"role": "user", "content": "Qa"}]})


def test_who_leaves_ends_the_request(engine: Vllm) -> None:
    hearing = Hearing(patience=1)
    ask(engine, "completion", {"prompt": "a", "max_tokens": 20, "stream": True}, hearing)
    assert len(hearing.pieces) <= 3


def test_a_model_that_it_cannot_load_fails(fake: None, tmp_path: Path) -> None:
    pytest.importorskip("safetensors")
    folder = tmp_path / "model"
    folder.mkdir()
    writers.checkpoint(folder)
    (folder / "broken").touch()
    with pytest.raises(EngineFailed, match="vLLM ended with code 1"):
        engines.load(SPEC, folder)


def test_without_it_there_is_a_word_about_it(tmp_path: Path) -> None:
    with pytest.raises(NotOffered, match=r"no vllm.*pioche\[vllm\]"):
        engines.load(SPEC, tmp_path)


def test_it_is_chosen_where_it_can_run(fake: None, monkeypatch: pytest.MonkeyPatch) -> None:
    torch = Choice(EngineName.TRANSFORMERS, ("model.safetensors",))
    assert targets.on_this_machine("text-generation", torch).engine is EngineName.TRANSFORMERS
    monkeypatch.setattr(needs, "devices", lambda: (Path("/dev/nvidia0"),))
    assert targets.on_this_machine("text-generation", torch).engine is EngineName.VLLM
    assert targets.on_this_machine("fill-mask", torch).engine is EngineName.TRANSFORMERS
