"""Encoders in safetensors on torch: they answer as the library's own pipelines do, and what is not whole is refused."""

import json
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from pioche.errors import EngineFailed, InvalidInput  # noqa: E402  # after what may be absent
from pioche.serving import choice, engines  # noqa: E402
from pioche.serving.engines.encoders import Encoders  # noqa: E402
from pioche.serving.spec import Ask, EngineName, Spec  # noqa: E402
from tests import encoders  # noqa: E402

WORDS = {word: [0.0] for word in ("ada", "saw", "paris", "good", "film")}
LABELS = {0: "O", 1: "B-PER", 2: "B-LOC"}


def made(folder: Path, kind: str, **config: object) -> Path:
    """A checkpoint of one layer, with weights at random, and the tokenizer of the tests' other models."""
    files = encoders.embedder(WORDS)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).write_bytes(files[name])
    torch.manual_seed(7)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    vocabulary = len(encoders.SPECIAL) + len(WORDS)
    settings = transformers.BertConfig(
        vocab_size=vocabulary, max_position_embeddings=64, initializer_range=1.0, **sizes, **config
    )
    getattr(transformers, kind)(settings).save_pretrained(folder)
    return folder


def load(folder: Path, task: str) -> Encoders:
    paths = [str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()]
    chosen = choice.choose(task, paths)
    assert chosen.engine is EngineName.TRANSFORMERS
    engine = engines.load(
        Spec(repo="ada/model", commit="0" * 40, engine=chosen.engine, task=task, files=chosen.files), folder
    )
    assert isinstance(engine, Encoders)
    return engine


def ask(engine: Encoders, task: str, inputs: object, **parameters: object) -> Any:
    return engine.infer([engine.prepare(Ask(task, inputs, parameters))])[0]


def pipeline(task: str, folder: Path, **options: object) -> Any:
    return transformers.pipeline(task, model=str(folder), **options)


def close(ours: list[dict[str, Any]], theirs: list[dict[str, Any]], *names: str) -> bool:
    """The scores nearly, and all that is named."""
    assert [one["score"] for one in ours] == pytest.approx([float(one["score"]) for one in theirs], abs=1e-4)
    return [[one[name] for name in names] for one in ours] == [[one[name] for name in names] for one in theirs]


def test_text_classification_answers_as_the_pipeline(tmp_path: Path) -> None:
    folder = made(tmp_path, "BertForSequenceClassification", id2label=LABELS)
    theirs = pipeline("text-classification", folder, top_k=None)
    engine = load(folder, "text-classification")
    for text in ("good film", "ada saw paris"):
        assert close(ask(engine, "text-classification", text)[0], theirs([text])[0], "label")


def test_token_classification_answers_as_the_pipeline(tmp_path: Path) -> None:
    folder = made(tmp_path, "BertForTokenClassification", id2label=LABELS)
    text = "ada saw paris good film"
    found = ask(load(folder, "token-classification"), "token-classification", text, aggregation_strategy="simple")
    theirs = pipeline("token-classification", folder, aggregation_strategy="simple")(text)
    assert close(found, theirs, "entity_group", "word", "start", "end")


def test_fill_mask_answers_as_the_pipeline(tmp_path: Path) -> None:
    folder = made(tmp_path, "BertForMaskedLM")
    found = ask(load(folder, "fill-mask"), "fill-mask", "ada saw [MASK]")
    assert close(found, pipeline("fill-mask", folder)("ada saw [MASK]"), "token")


def test_questions_are_answered_from_the_text(tmp_path: Path) -> None:
    folder = made(tmp_path, "BertForQuestionAnswering")
    asked = {"question": "saw", "context": "ada saw paris"}
    found = ask(load(folder, "question-answering"), "question-answering", asked)
    assert found["answer"] == asked["context"][found["start"] : found["end"]] != ""


def test_sentences_are_pooled_as_their_repo_says(tmp_path: Path) -> None:
    folder = made(tmp_path, "BertModel")
    for name, data in encoders.embedder(WORDS).items():
        if name in ("modules.json", "1_Pooling/config.json"):
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_bytes(data)
    engine = load(folder, "sentence-similarity")
    row = ask(engine, "feature-extraction", "good film", normalize=False)
    each = pipeline("feature-extraction", folder)("good film")[0]
    assert row == pytest.approx([sum(column) / len(each) for column in zip(*each, strict=True)], abs=1e-4)
    same = {"source_sentence": "good", "sentences": ["good", "film"]}
    assert ask(engine, "sentence-similarity", same)[0] == pytest.approx(1, abs=1e-5)


def test_a_task_that_the_weights_were_not_made_for_is_refused(tmp_path: Path) -> None:
    """The library would make up the head at random, and answer."""
    with pytest.raises(EngineFailed, match=r"lack classifier\.bias"):
        load(made(tmp_path, "BertModel"), "text-classification")


def test_bad_input_names_the_field_as_on_onnx(tmp_path: Path) -> None:
    engine = load(made(tmp_path, "BertForSequenceClassification"), "text-classification")
    with pytest.raises(InvalidInput) as refusal:
        engine.prepare(Ask("text-classification", ["good", 3]))
    assert refusal.value.field == "inputs[1]"


@pytest.mark.parametrize("path", ["config.json", "model.safetensors"])
def test_files_that_cannot_be_read_are_refused(tmp_path: Path, path: str) -> None:
    folder = made(tmp_path, "BertForSequenceClassification")
    (folder / path).write_bytes(b"not this")
    with pytest.raises(EngineFailed):
        load(folder, "text-classification")


def test_code_of_the_repo_does_not_run(tmp_path: Path) -> None:
    folder = made(tmp_path, "BertForSequenceClassification")
    config = json.loads((folder / "config.json").read_bytes())
    config |= {
        "model_type": "own",
        "auto_map": {"AutoConfig": "own.Own", "AutoModelForSequenceClassification": "own.M"},
    }
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "own.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    with pytest.raises(EngineFailed):
        load(folder, "text-classification")
    assert not (tmp_path / "ran").exists()
