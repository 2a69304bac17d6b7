"""Which engine serves a model, and what is said when none does."""

import pytest

from pioche.errors import NotServed
from pioche.serving import choice
from pioche.serving.spec import EngineName

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
        ("fill-mask", ["pytorch_model.bin", *BESIDE[:2]], "onnx/model.onnx or model.safetensors"),
        ("fill-mask", ["onnx/model.onnx", "config.json"], "tokenizer.json"),
        ("text-generation", BESIDE[:3], "model.safetensors and config.json, or a GGUF file"),
        ("automatic-speech-recognition", BESIDE[:3], "model.bin"),
        ("image-classification", BESIDE[:3], "model.safetensors and config.json"),
        ("text-generation", ["mmproj-F16.gguf", "x-00001-of-00002.gguf"], "GGUF"),
    ],
)
def test_what_is_missing_is_said(task: str | None, paths: list[str], named: str) -> None:
    with pytest.raises(NotServed, match=named):
        choice.choose(task, paths)


def test_a_language_model_runs_from_gguf_and_else_from_safetensors() -> None:
    assert choice.choose("text-generation", [*BESIDE, "model-Q8_0.gguf"]).engine is EngineName.LLAMA
    chosen = choice.choose("text-generation", [*BESIDE, "chat_template.jinja"])
    assert chosen.engine is EngineName.TRANSFORMERS
    assert chosen.files == ("model.safetensors", "chat_template.jinja", "config.json", "tokenizer.json")


def test_embeddings_serve_both_of_their_tasks() -> None:
    assert choice.served("sentence-similarity") == {"feature-extraction", "sentence-similarity"}
    assert choice.served("fill-mask") == {"fill-mask"}
    assert choice.served("text-generation") == {"text-generation", "chat", "completion"}
    assert choice.served("text-ranking") == {"text-ranking", "rerank"}


@pytest.mark.parametrize(
    ("paths", "chosen"),
    [
        (["m-F16.gguf", "m-Q8_0.gguf", "m-q4_k_m.gguf", "README.md"], ("m-q4_k_m.gguf",)),
        (["mmproj-Q4_K_M.gguf", "m.gguf"], ("m.gguf",)),
        (
            ["m-Q8_0-00002-of-00002.gguf", "m-Q8_0-00001-of-00002.gguf"],
            ("m-Q8_0-00001-of-00002.gguf", "m-Q8_0-00002-of-00002.gguf"),
        ),
        (["m-Q4_K_M-00001-of-00002.gguf", "m-Q8_0.gguf"], ("m-Q8_0.gguf",)),
    ],
)
def test_one_gguf_of_several_is_chosen_with_all_of_its_parts(paths: list[str], chosen: tuple[str, ...]) -> None:
    found = choice.choose("text-generation", paths)
    assert (found.engine, found.files) == (EngineName.LLAMA, chosen)


def test_embeddings_run_on_onnx_where_they_can() -> None:
    paths = [*BESIDE, "onnx/model.onnx", "m.gguf"]
    assert choice.choose("feature-extraction", paths).engine is EngineName.ONNX
    assert choice.choose("feature-extraction", ["m.gguf"]).engine is EngineName.LLAMA


@pytest.mark.parametrize(
    ("weights", "chosen"),
    [
        (["model.safetensors"], ("model.safetensors",)),
        (
            ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "model.safetensors.index.json"],
            ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "model.safetensors.index.json"),
        ),
    ],
)
def test_encoders_in_safetensors_alone_run_on_torch(weights: list[str], chosen: tuple[str, ...]) -> None:
    found = choice.choose("fill-mask", ["config.json", "tokenizer.json", *weights])
    assert (found.engine, found.files) == (EngineName.TRANSFORMERS, (*chosen, "config.json", "tokenizer.json"))


def test_h_run_3_code_is_used_only_where_it_is_allowed_and_there() -> None:
    paths = [*BESIDE, "handler.py", "train.py"]
    assert choice.code_in(paths) == "handler.py"
    assert choice.choose("fill-mask", paths).code is False
    handler = choice.choose(None, paths, code=True)
    assert (handler.engine, handler.files, handler.code, handler.whole) == (
        EngineName.HANDLER,
        ("handler.py",),
        True,
        True,
    )
    assert choice.choose("fill-mask", BESIDE, code=True).code is False


def test_h_run_3_pickles_and_python_beside_weights_are_code() -> None:
    pickle = ["pytorch_model.bin", *BESIDE[:2]]
    assert choice.code_in(pickle) == "pytorch_model.bin"
    assert choice.code_in([*pickle, "model.safetensors"]) == ""
    for task, engine in (("fill-mask", EngineName.TRANSFORMERS), ("image-classification", EngineName.PIPELINES)):
        chosen = choice.choose(task, pickle, code=True)
        assert (chosen.engine, chosen.files[0], chosen.code) == (engine, "pytorch_model.bin", True)
        own = choice.choose(task, [*BESIDE, "modeling_own.py", "layers/one.py"], code=True)
        assert own.code
        assert {"model.safetensors", "modeling_own.py", "layers/one.py"} <= set(own.files)
    shards = ["pytorch_model-00001-of-00001.bin", "pytorch_model.bin.index.json", *BESIDE[:2]]
    assert choice.choose("fill-mask", shards, code=True).files[0] == shards[0]
