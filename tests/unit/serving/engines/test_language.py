"""Language models: the same questions to llama.cpp and to torch, and the same answers, which one can foretell."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pioche.errors import InvalidInput
from pioche.serving import choice, engines
from pioche.serving.spec import Ask, EngineName, Spec
from tests import writers
from tests.hearing import CHAT, Hearing, ask, chat, streamed


def seeing(address: str) -> dict[str, Any]:
    """A chat with a picture."""
    return {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": address}}]}]}


def load(folder: Path, kind: EngineName) -> Any:
    if kind is EngineName.LLAMA:
        (folder / "model.gguf").write_bytes(writers.writer())
    else:
        writers.checkpoint(folder)
    chosen = choice.choose("text-generation", [path.name for path in folder.iterdir()])
    assert chosen.engine is kind
    spec = Spec(repo="ada/model", commit="0" * 40, engine=kind, task="text-generation", files=chosen.files, threads=1)
    return engines.load(spec, folder)


@pytest.fixture(scope="module", params=[EngineName.LLAMA, EngineName.TRANSFORMERS])
def writer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    for package in ("xllamacpp",) if request.param is EngineName.LLAMA else ("torch", "transformers"):
        pytest.importorskip(package)
    engine = load(tmp_path_factory.mktemp("writer"), request.param)
    yield engine
    engine.close()


def test_a_chat_follows_the_template_of_the_file_and_counts_tokens(writer: Any) -> None:
    answer = chat(writer, messages=[{"role": "developer", "content": "v"}, {"role": "user", "content": "w"}])
    assert (answer["object"], answer["model"]) == ("chat.completion", "ada/model")
    (choice,) = answer["choices"]
    assert choice == {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "xyz"}}
    assert answer["usage"] == {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}


def test_a_chat_comes_in_pieces_with_its_usage_last_where_it_is_asked_for(writer: Any) -> None:
    body = {"messages": CHAT, "temperature": 0, "max_tokens": 3, "stream": True}
    pieces = streamed(writer, "chat", body)
    assert {piece["object"] for piece in pieces} == {"chat.completion.chunk"}
    assert "".join(piece["choices"][0]["delta"].get("content") or "" for piece in pieces) == "def"
    assert pieces[-1]["choices"][0]["finish_reason"] == "length"
    last = streamed(writer, "chat", {**body, "stream_options": {"include_usage": True}})[-1]
    assert (last["choices"], last["usage"]["completion_tokens"]) == ([], 3)


def test_a_stream_says_that_it_is_done(writer: Any) -> None:
    hearing = Hearing()
    ask(writer, "chat", {"messages": CHAT, "max_tokens": 1, "stream": True}, hearing)
    assert hearing.pieces[-1] == b"data: [DONE]\n\n"


def test_stop_words_probabilities_and_seeds(writer: Any) -> None:
    assert chat(writer, stop=["f"])["choices"][0]["message"]["content"] == "de"
    (found,) = chat(writer, max_tokens=1, logprobs=True, top_logprobs=2)["choices"][0]["logprobs"]["content"]
    assert (found["token"], len(found["top_logprobs"])) == ("d", 2)
    warm = [chat(writer, temperature=5, seed=7, max_tokens=8)["choices"][0]["message"] for _ in range(2)]
    assert warm[0] == warm[1]


def test_texts_are_completed_one_or_several(writer: Any) -> None:
    answer = ask(writer, "completion", {"prompt": ["x", "a"], "temperature": 0, "max_tokens": 3})
    assert [(one["text"], one["finish_reason"]) for one in answer["choices"]] == [("yz", "stop"), ("bcd", "length")]
    assert (answer["object"], answer["usage"]["completion_tokens"]) == ("text_completion", 6)


def test_text_generation_answers_as_the_task_api(writer: Any) -> None:
    assert ask(writer, "text-generation", "w") == [{"generated_text": "xyz"}]
    (full,) = ask(writer, "text-generation", "a", max_new_tokens=2, return_full_text=True, details=True)
    assert full["generated_text"] == "abc"
    assert (full["details"]["finish_reason"], full["details"]["generated_tokens"]) == ("length", 2)
    assert [token["text"] for token in full["details"]["tokens"]] == ["b", "c"]


def test_text_generation_streams_tokens_and_ends_with_the_whole(writer: Any) -> None:
    found = streamed(writer, "text-generation", "a", max_new_tokens=3, stream=True)
    assert [(one["index"], one["token"]["text"]) for one in found] == [(1, "b"), (2, "c"), (3, "d")]
    assert [one["generated_text"] for one in found] == [None, None, "bcd"]
    ending = {"finish_reason": "length", "generated_tokens": 3, "seed": None, "input_length": 2}
    assert [one["details"] for one in found] == [None, None, ending]


@pytest.mark.parametrize(("stop", "text", "reason"), [((), "xyz", "eos_token"), (("z",), "xy", "stop_sequence")])
def test_what_ended_a_text_is_told_whole_and_in_pieces(
    writer: Any, stop: tuple[str, ...], text: str, reason: str
) -> None:
    (whole,) = ask(writer, "text-generation", "w", stop=stop, details=True)
    last = streamed(writer, "text-generation", "w", stop=stop, stream=True)[-1]
    for one in (whole, last):
        assert (one["generated_text"], one["details"]["finish_reason"]) == (text, reason)
    assert whole["details"]["tokens"][-1] == last["token"]
    assert (last["token"]["text"], last["token"]["special"]) == ("", not stop)


def test_a_text_tells_the_likeliest_tokens_where_they_are_asked_for(writer: Any) -> None:
    wanted = {"max_new_tokens": 2, "top_n_tokens": 3}
    (whole,) = ask(writer, "text-generation", "a", details=True, **wanted)
    found = whole["details"]["top_tokens"]
    assert [(len(one), one[0]["text"]) for one in found] == [(3, "b"), (3, "c")]
    assert [one["top_tokens"] for one in streamed(writer, "text-generation", "a", stream=True, **wanted)] == found


def test_who_leaves_is_written_for_no_longer(writer: Any) -> None:
    hearing = Hearing(patience=2)
    ask(writer, "completion", {"prompt": "\x01", "stream": True, "max_tokens": 80}, hearing)
    assert len(hearing.pieces) == 3  # and the end


def test_requests_of_all_lanes_and_more_at_once_answer_as_alone(writer: Any) -> None:
    found: dict[str, str] = {}

    def one(letter: str) -> None:
        answer = ask(writer, "completion", {"prompt": letter, "temperature": 0, "max_tokens": 10})
        found[letter] = answer["choices"][0]["text"]

    threads = [threading.Thread(target=one, args=(letter,)) for letter in "abcdefgh"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    alphabet = "abcdefghijklmnopqrstuvwxyz"
    assert found == {letter: alphabet[place + 1 : place + 11] for place, letter in enumerate("abcdefgh")}


@pytest.mark.parametrize(
    ("task", "inputs", "field"),
    [
        ("chat", "hello", "inputs"),
        ("chat", {}, "inputs"),
        ("chat", {"messages": []}, "inputs.messages"),
        ("chat", {"messages": [{"role": "robot", "content": "x"}]}, "inputs.messages[0].role"),
        (
            "chat",
            {"messages": [{"role": "user", "content": [{"type": "video_url"}]}]},
            "inputs.messages[0].content[0].type",
        ),
        ("chat", seeing("data:image/png;base64,eA=="), "inputs.messages[0].content[0]"),
        ("chat", seeing("https://x.org/y.png"), "inputs.messages[0].content[0].image_url.url"),
        ("chat", {"messages": CHAT, "temperature": "hot"}, "inputs.temperature"),
        ("chat", {"messages": CHAT, "temperature": -1}, "inputs.temperature"),
        ("chat", {"messages": CHAT, "n": 2}, "inputs.n"),
        ("chat", {"messages": CHAT, "best": 1}, "inputs.best"),
        ("chat", {"messages": CHAT, "tool_choice": "required"}, "inputs.tool_choice"),
        ("chat", {"messages": CHAT, "response_format": {"type": "xml"}}, "inputs.response_format.type"),
        ("completion", {"prompt": []}, "inputs.prompt"),
        ("completion", {"prompt": "x", "max_tokens": 0}, "inputs.max_tokens"),
        ("text-generation", ["a"], "inputs"),
        ("feature-extraction", "a", "task"),
    ],
)
def test_what_is_wrong_is_named(writer: Any, task: str, inputs: object, field: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        writer.prepare(Ask(task, inputs))
    assert refusal.value.field == field


@pytest.mark.parametrize("name", ["temperature", "top_p", "best_of", "max_new_tokens", "frobnicate"])
def test_parameters_of_text_generation_are_checked(writer: Any, name: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        writer.prepare(Ask("text-generation", "a", {name: -3}))
    assert refusal.value.field == f"parameters.{name}"


@pytest.mark.parametrize("stream", [False, True])
def test_a_text_that_the_model_cannot_hold_says_how_long_it_is(writer: Any, stream: bool) -> None:
    with pytest.raises(InvalidInput, match=f"200 tokens are more than the {writers.CONTEXT}") as refusal:
        ask(writer, "chat", {"messages": [{"role": "user", "content": "a" * 199}], "stream": stream})
    assert refusal.value.field == "inputs"
