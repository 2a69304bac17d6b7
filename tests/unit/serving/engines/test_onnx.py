"""Encoders on ONNX Runtime: every task, answers that one can foretell, and what is refused with the name of the field."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from pioche.errors import EngineFailed, InvalidInput
from pioche.serving import choice, engines
from pioche.serving.engines.encoders import Encoders
from pioche.serving.spec import Ask, Spec
from tests import encoders

CLASSIFIER = encoders.classifier({"good": [0, 4], "bad": [4, 0], "film": [0, 0]}, ["NEGATIVE", "POSITIVE"])


def load(folder: Path, files: encoders.Files, task: str = "text-classification") -> Encoders:
    for path, data in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    chosen = choice.choose(task, files)
    engine = engines.load(
        Spec(repo="ada/model", commit="0" * 40, engine=chosen.engine, task=task, files=chosen.files), folder
    )
    assert isinstance(engine, Encoders)
    return engine


def ask(engine: Encoders, task: str, inputs: object, **parameters: object) -> Any:
    return engine.infer([engine.prepare(Ask(task, inputs, parameters))])[0]


def refused(engine: Encoders, task: str, inputs: object, **parameters: object) -> str:
    with pytest.raises(InvalidInput) as refusal:
        engine.prepare(Ask(task, inputs, parameters))
    return refusal.value.field


def test_text_classification_ranks_labels_in_a_list_for_each_text(tmp_path: Path) -> None:
    engine = load(tmp_path, CLASSIFIER)
    (ranked,) = ask(engine, "text-classification", "good film")
    assert [one["label"] for one in ranked] == ["POSITIVE", "NEGATIVE"]
    assert ranked[0]["score"] == pytest.approx(1 / (1 + math.exp(-4)), abs=1e-6)
    assert [row[0]["label"] for row in ask(engine, "text-classification", ["bad", "good"], top_k=1)] == [
        "NEGATIVE",
        "POSITIVE",
    ]
    (raw,) = ask(engine, "text-classification", "good good", function_to_apply="none")
    assert raw[0]["score"] == 8


def test_texts_of_all_lengths_in_one_batch_answer_as_alone(tmp_path: Path) -> None:
    engine = load(tmp_path, CLASSIFIER)
    texts = ["good " * (number % 40) + "bad " * (number % 7) for number in range(70)]
    together = ask(engine, "text-classification", texts)
    alone = [ask(engine, "text-classification", text)[0] for text in texts]
    for one, other in zip(together, alone, strict=True):
        assert [found["label"] for found in one] == [found["label"] for found in other]
        assert one[0]["score"] == pytest.approx(other[0]["score"], abs=1e-6)


def test_a_text_too_long_is_cut_off_where_the_network_ends(tmp_path: Path) -> None:
    (ranked,) = ask(
        load(tmp_path, CLASSIFIER), "text-classification", "good " * 62 + "bad " * 500, function_to_apply="none"
    )
    assert {one["label"]: one["score"] for one in ranked} == {"POSITIVE": 62 * 4, "NEGATIVE": 0}


def test_zero_shot_scores_each_label_by_what_the_text_entails(tmp_path: Path) -> None:
    table = {"sport": [0, 0, 3], "war": [2, 0, 0]}
    engine = load(tmp_path, encoders.classifier(table, ["contradiction", "neutral", "entailment"]))
    task = "zero-shot-classification"
    found = ask(engine, task, "a match", candidate_labels=["war", "sport"], hypothesis_template="it is {}")
    assert [one["label"] for one in found] == ["sport", "war"]
    assert sum(one["score"] for one in found) == pytest.approx(1)
    each = ask(
        engine, task, "a match", candidate_labels=["war", "sport"], hypothesis_template="it is {}", multi_label=True
    )
    assert {one["label"]: round(one["score"], 3) for one in each} == {"sport": 0.953, "war": 0.119}
    assert refused(engine, task, "a match") == "parameters"
    assert refused(engine, task, "a match", candidate_labels=[]) == "parameters.candidate_labels"


def test_zero_shot_needs_a_model_that_knows_entailment(tmp_path: Path) -> None:
    assert refused(load(tmp_path, CLASSIFIER), "zero-shot-classification", "x", candidate_labels=["a"]) == "task"


TAGS = ["O", "B-PER", "I-PER", "B-LOC"]
TAGGER = encoders.tagger(
    {"Ada": [0, 5, 0, 0], "Lovelace": [0, 0, 5, 0], "saw": [5, 0, 0, 0], "Paris": [0, 0, 0, 5]}, TAGS
)


@pytest.mark.parametrize("strategy", ["simple", "first", "average", "max"])
def test_token_classification_puts_neighbours_together(tmp_path: Path, strategy: str) -> None:
    engine = load(tmp_path, TAGGER, "token-classification")
    found = ask(engine, "token-classification", "Ada Lovelace saw Paris", aggregation_strategy=strategy)
    assert [(one["entity_group"], one["word"], one["start"], one["end"]) for one in found] == [
        ("PER", "Ada Lovelace", 0, 12),
        ("LOC", "Paris", 17, 22),
    ]
    assert 0.97 < found[0]["score"] < 1


def test_token_classification_without_aggregation_tells_tokens(tmp_path: Path) -> None:
    engine = load(tmp_path, TAGGER, "token-classification")
    found = ask(engine, "token-classification", "saw Ada Ada", aggregation_strategy="none")
    assert [(one["entity"], one["index"]) for one in found] == [("B-PER", 2), ("B-PER", 3)]
    assert len(ask(engine, "token-classification", "Ada Ada")) == 2  # B- begins another


def test_fill_mask_finds_the_likeliest_words(tmp_path: Path) -> None:
    words = len(encoders.SPECIAL)
    table = {"cat": [0.0] * (words + 2), "dog": [0.0] * (words + 2), "[MASK]": [0.0] * words + [2.0, 3.0]}
    engine = load(tmp_path, encoders.gap_filler(table), "fill-mask")
    found = ask(engine, "fill-mask", "cat [MASK]", top_k=2)
    assert [(one["token_str"], one["sequence"]) for one in found] == [("dog", "cat dog"), ("cat", "cat cat")]
    assert [one["token_str"] for one in ask(engine, "fill-mask", "[MASK]", targets=["cat"])] == ["cat"]
    assert len(ask(engine, "fill-mask", "[MASK] [MASK]")) == 2
    assert refused(engine, "fill-mask", "cat") == "inputs"
    assert refused(engine, "fill-mask", "[MASK]", targets=["whale"]) == "parameters.targets"


READER = encoders.reader({"Paris": [6, 2], "France": [1, 6], "of": [0, 0], "capital": [0, 0]})


def test_question_answering_finds_where_the_answer_stands(tmp_path: Path) -> None:
    engine = load(tmp_path, READER, "question-answering")
    asked = {"question": "capital of France", "context": "capital is Paris of France"}
    found = ask(engine, "question-answering", asked)
    assert (found["answer"], found["start"], found["end"]) == ("Paris of France", 11, 26)
    assert 0 < found["score"] <= 1
    assert ask(engine, "question-answering", asked, max_answer_len=1)["answer"] in ("Paris", "France")
    assert len(ask(engine, "question-answering", asked, top_k=2)) == 2


def test_question_answering_reads_a_long_text_in_windows(tmp_path: Path) -> None:
    engine = load(tmp_path, READER, "question-answering")
    context = "of " * 300 + "Paris France " + "of " * 300
    found = ask(engine, "question-answering", {"question": "capital", "context": context}, doc_stride=10)
    assert (found["answer"], found["start"]) == ("Paris France", 900)


def test_embeddings_are_pooled_and_scaled_as_the_repo_says(tmp_path: Path) -> None:
    engine = load(tmp_path, encoders.embedder({"left": [1, 0], "up": [0, 1]}), "sentence-similarity")
    row = ask(engine, "feature-extraction", "left")
    assert row == pytest.approx([1, 0])
    assert ask(engine, "feature-extraction", ["left up"])[0] == pytest.approx([math.sqrt(0.5)] * 2)
    assert ask(engine, "feature-extraction", "left", normalize=False) == pytest.approx([1 / 3, 0])
    sentences = {"source_sentence": "left", "sentences": ["left", "up", "left up"]}
    assert ask(engine, "sentence-similarity", sentences) == pytest.approx([1, 0, math.sqrt(0.5)])


def test_a_bare_encoder_gives_a_row_for_each_token(tmp_path: Path) -> None:
    engine = load(tmp_path, encoders.embedder({"left": [1, 0]}, pooled=False), "feature-extraction")
    assert ask(engine, "feature-extraction", "left") == [[[0, 0], [1, 0], [0, 0]]]


def test_a_pooling_that_we_lack_is_refused_not_guessed(tmp_path: Path) -> None:
    files = encoders.embedder({"left": [1, 0]})
    files["1_Pooling/config.json"] = b'{"pooling_mode_weightedmean_tokens": true}'
    with pytest.raises(EngineFailed, match="weightedmean"):
        ask(load(tmp_path, files, "sentence-similarity"), "feature-extraction", "left")


@pytest.mark.parametrize(
    ("inputs", "parameters", "field"),
    [
        (None, {}, "inputs"),
        ({"text": "x"}, {}, "inputs"),
        ([], {}, "inputs"),
        (["good", 3], {}, "inputs[1]"),
        ("good", {"top_k": "many"}, "parameters.top_k"),
        ("good", {"top_k": 0}, "parameters.top_k"),
        ("good", {"temperature": 1}, "parameters.temperature"),
        ("good", {"function_to_apply": "tanh"}, "parameters.function_to_apply"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, inputs: object, parameters: dict[str, object], field: str) -> None:
    assert refused(load(tmp_path, CLASSIFIER), "text-classification", inputs, **parameters) == field


@pytest.mark.parametrize("path", ["config.json", "tokenizer.json", "onnx/model.onnx"])
def test_files_that_cannot_be_read_say_which(tmp_path: Path, path: str) -> None:
    with pytest.raises(EngineFailed):
        load(tmp_path, {**CLASSIFIER, path: b"not this"})


def test_a_network_for_another_task_says_so(tmp_path: Path) -> None:
    engine = load(tmp_path, TAGGER)
    with pytest.raises(EngineFailed, match="is its task the right one"):
        ask(engine, "text-classification", "Ada")


def test_h_run_3_a_pattern_of_a_tokenizer_that_finds_no_end_costs_its_own_request(tmp_path: Path) -> None:
    tokenizer = json.loads(CLASSIFIER["tokenizer.json"])
    tokenizer["pre_tokenizer"] = {
        "type": "Split", "pattern": {"Regex": "(a+)+$"}, "behavior": "Isolated", "invert": False
    }  # fmt: skip
    engine = load(tmp_path, {**CLASSIFIER, "tokenizer.json": json.dumps(tokenizer).encode()})
    with pytest.raises(EngineFailed, match=r"The tokenizer failed: .*retry-limit"):
        engine.prepare(Ask("text-classification", "a" * 40 + "b"))
    assert ask(engine, "text-classification", "good")
