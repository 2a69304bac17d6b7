"""Encoders written as ONNX answer as torch does, or are not used (decision 0049)."""

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
pytest.importorskip("onnx")

from pioche.errors import EngineFailed  # noqa: E402  # after what may be absent
from pioche.serving import choice, engines  # noqa: E402
from pioche.serving.controller import exports  # noqa: E402
from pioche.serving.engines import exporting  # noqa: E402
from pioche.serving.spec import Ask, EngineName, Spec  # noqa: E402
from tests.unit.serving.engines.test_transformers import made  # noqa: E402

KINDS = {
    "feature-extraction": ("BertModel", "ada saw paris"),
    "text-classification": ("BertForSequenceClassification", "good film"),
    "token-classification": ("BertForTokenClassification", "ada saw paris"),
    "fill-mask": ("BertForMaskedLM", "ada [MASK] paris"),
    "question-answering": ("BertForQuestionAnswering", {"question": "ada saw", "context": "good film paris"}),
}


def spec(folder: Path, task: str) -> Spec:
    chosen = choice.choose(task, [str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()])
    return Spec(repo="ada/model", commit="0" * 40, engine=chosen.engine, task=task, files=chosen.files)


def answer(wanted: Spec, folder: Path, inputs: object) -> object:
    engine = engines.load(wanted, folder)
    assert not isinstance(engine, engines.ParallelEngine)
    return engine.infer([engine.prepare(Ask(wanted.task, inputs))])[0]


def numbers(value: object) -> list[float]:
    if isinstance(value, dict):
        return [number for one in value.values() for number in numbers(one)]
    if isinstance(value, list):
        return [number for one in value for number in numbers(one)]
    return [float(value)] if isinstance(value, float) else []


@pytest.mark.parametrize("task", KINDS)
def test_what_is_exported_answers_the_same(tmp_path: Path, task: str) -> None:
    kind, inputs = KINDS[task]
    folder = made(tmp_path, kind, **({"id2label": {0: "PER", 1: "LOC"}} if "Token" in kind else {}))
    wanted = spec(folder, task)
    assert exports.can_be(wanted)
    exporting.export(wanted, folder, folder)  # beside the others, as the controller puts it
    instead = exports.exported(wanted)
    assert (instead.engine, instead.files[0]) == (EngineName.ONNX, exporting.FILE)
    ours, theirs = numbers(answer(instead, folder, inputs)), numbers(answer(wanted, folder, inputs))
    assert len(ours) == len(theirs) > 0
    assert np.allclose(ours, theirs, atol=1e-3)


def test_what_answers_otherwise_is_refused_with_its_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = made(tmp_path, "BertModel")
    wanted = spec(folder, "feature-extraction")
    write = exporting._write

    def written_otherwise(network: object, path: Path, *, is_new: bool) -> None:
        """As when dropout stays on, or a size was taken for a constant."""
        if is_new:
            raise RuntimeError("not this time")
        with torch.no_grad():
            next(network.model.parameters()).mul_(torch.rand(16))  # type: ignore[attr-defined]
        write(network, path, is_new=is_new)  # type: ignore[arg-type]

    monkeypatch.setattr(exporting, "_write", written_otherwise)
    with pytest.raises(EngineFailed, match=r"not exported: of \d+ tokens, last_hidden_state differs .*not this time"):
        exporting.export(wanted, folder, tmp_path)


def test_a_model_with_code_is_never_exported() -> None:
    wanted = Spec(
        repo="a/b", commit="0" * 40, engine=EngineName.TRANSFORMERS, task="fill-mask", files=("x",), code=True
    )
    assert not exports.can_be(wanted)
