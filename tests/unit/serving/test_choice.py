"""Which engine serves a model, and what is said when none does."""

import pytest

from pioche.errors import NotServed
from pioche.serving import choice

BESIDE = ["config.json", "tokenizer.json", "README.md", "model.safetensors"]


def test_full_precision_comes_first_with_what_belongs_to_it() -> None:
    paths = [*BESIDE, "onnx/model_int8.onnx", "onnx/model.onnx", "onnx/model.onnx_data", "modules.json"]
    chosen = choice.choose("sentence-similarity", paths)
    assert chosen.files == ("onnx/model.onnx", "onnx/model.onnx_data", "config.json", "tokenizer.json", "modules.json")


def test_a_quantised_file_is_better_than_none() -> None:
    assert choice.choose("fill-mask", [*BESIDE, "onnx/model_int8.onnx"]).files[0] == "onnx/model_int8.onnx"


@pytest.mark.parametrize(
    ("task", "paths", "named"),
    [
        (None, BESIDE, "pipeline_tag"),
        ("text-to-video", BESIDE, "text-to-video"),
        ("fill-mask", BESIDE, "onnx/model.onnx"),
        ("fill-mask", ["onnx/model.onnx", "config.json"], "tokenizer.json"),
    ],
)
def test_what_is_missing_is_said(task: str | None, paths: list[str], named: str) -> None:
    with pytest.raises(NotServed, match=named):
        choice.choose(task, paths)


def test_embeddings_serve_both_of_their_tasks() -> None:
    assert choice.served("sentence-similarity") == {"feature-extraction", "sentence-similarity"}
    assert choice.served("fill-mask") == {"fill-mask"}
