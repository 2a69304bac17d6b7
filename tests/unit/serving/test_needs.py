"""What engines need of this machine."""

import pytest

from pioche.errors import NotOffered
from pioche.serving import needs
from pioche.serving.spec import OF_WORKERS, EngineName


def test_a_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    needs.check(EngineName.ONNX)
    monkeypatch.setattr(needs, "find_spec", lambda name: None if name == "onnxruntime" else object())
    with pytest.raises(NotOffered, match=r"no onnxruntime, .* install pioche\[inference\]"):
        needs.check(EngineName.ONNX)


def test_what_is_allowed_is_more_than_what_is_expected() -> None:
    expected = needs.memory(EngineName.ONNX, 100 * 2**20)
    assert 100 * 2**20 < expected < needs.memory_most(expected)


def test_each_engine_says_what_it_needs() -> None:
    for engine in OF_WORKERS:
        assert needs.memory(engine, 0) > 0
        assert isinstance(needs.missing(engine), list)
