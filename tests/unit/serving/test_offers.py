"""Which models lists say can be asked."""

from collections.abc import Collection

import pytest

from pioche.config import Config
from pioche.serving import offers

ENCODER = ("onnx/model.onnx", "config.json", "tokenizer.json", "README.md", "onnx")


@pytest.mark.parametrize(
    ("task", "paths", "expected"),
    [
        ("text-classification", ENCODER, True),
        ("text-generation", ("q/model-Q4_K_M.gguf",), True),
        ("text-classification", ("onnx/model.onnx",), False),
        ("text-generation", ENCODER, False),
        ("no-such-task", ENCODER, False),
        ("text-generation", (), False),
    ],
)
def test_files_and_task_decide(task: str, paths: Collection[str], expected: bool) -> None:
    serves = offers.of(Config(inference_socket="/run/inference.sock"))
    assert serves is not None
    assert serves(task, paths) is expected


def test_a_hub_that_serves_no_models_offers_none() -> None:
    assert offers.of(Config(inference_socket="")) is None
