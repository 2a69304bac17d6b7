"""H-RUN-3: what a checkpoint would have the library run is not run, unless an owner allowed it; a pickle gives tensors alone."""

import contextlib
import json
import os
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from pioche.errors import EngineFailed, NotServed  # noqa: E402  # after what may be absent
from pioche.serving import choice, engines  # noqa: E402
from pioche.serving.engines import own_code  # noqa: E402
from pioche.serving.spec import Ask, Spec  # noqa: E402
from tests.unit.serving.engines.test_transformers import made  # noqa: E402

TASK = "feature-extraction"


@pytest.fixture(autouse=True)
def _nothing_allowed() -> None:
    own_code.allow_for(spec((), code=False))


def spec(files: tuple[str, ...], *, code: bool) -> Spec:
    return Spec(
        repo="ada/model", commit="0" * 40, engine=engines.EngineName.TRANSFORMERS, task=TASK, files=files, code=code
    )


def load(folder: Path, *, code: bool) -> engines.AnyEngine:
    paths = [str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()]
    chosen = choice.choose(TASK, paths, code=code)
    return engines.load(spec(chosen.files, code=chosen.code), folder)


def pickled(folder: Path) -> Path:
    """Its weights as a pickle in place of safetensors."""
    made(folder, "BertModel")
    torch.save(transformers.BertModel.from_pretrained(folder).state_dict(), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    return folder


class Payload:
    def __init__(self, marker: Path) -> None:
        self.marker = str(marker)

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (self.marker,)


def settings(folder: Path, **more: object) -> None:
    config = json.loads((folder / "config.json").read_bytes())
    (folder / "config.json").write_text(json.dumps(config | more))


def test_h_run_3_pickled_weights_are_refused_with_what_to_do_and_opened_where_allowed(tmp_path: Path) -> None:
    folder = pickled(tmp_path)
    with pytest.raises(NotServed, match=r"model\.safetensors"):
        load(folder, code=False)
    engine = load(folder, code=True)
    assert not isinstance(engine, engines.ParallelEngine)
    assert len(engine.infer([engine.prepare(Ask(TASK, "ada saw paris"))])) == 1


def test_h_run_3_a_pickle_runs_nothing_even_where_allowed(tmp_path: Path) -> None:
    made(tmp_path, "BertModel")
    (tmp_path / "model.safetensors").unlink()
    marker = tmp_path / "marker"
    torch.save({"weights": Payload(marker)}, tmp_path / "pytorch_model.bin")
    with pytest.raises(EngineFailed, match="weights cannot be loaded"):
        load(tmp_path, code=True)
    assert not marker.exists()


def test_h_run_3_auto_map_runs_nothing_that_nobody_allowed(tmp_path: Path) -> None:
    made(tmp_path, "BertModel")
    marker = tmp_path / "marker"
    payload = f"import os\nos.mkdir({str(marker)!r})\n"
    (tmp_path / "modeling_own.py").write_text(payload)
    (tmp_path / "configuration_own.py").write_text(payload)
    settings(
        tmp_path, model_type="own", architectures=["OwnModel"],
        auto_map={"AutoConfig": "configuration_own.OwnConfig", "AutoModel": "modeling_own.OwnModel"},
    )  # fmt: skip
    with pytest.raises(EngineFailed, match="runs only where an owner of the repo allowed it"):
        load(tmp_path, code=False)
    assert not marker.exists()


@pytest.mark.parametrize(
    "more",
    [
        {"_attn_implementation_internal": "modeling_own"},
        {"_attn_implementation": "ada/kernel:attention"},
        {"custom_generate": "custom_generate"},
    ],
    ids=lambda more: next(iter(more)),
)
def test_h_run_3_no_field_of_a_configuration_runs_code(
    tmp_path: Path, more: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("socket.socket.connect", lambda *_: (_ for _ in ()).throw(OSError("no network here")))
    made(tmp_path, "BertModel")
    marker = tmp_path / "marker"
    (tmp_path / "custom_generate").mkdir()
    for name in ("modeling_own.py", "custom_generate/generate.py"):
        (tmp_path / name).write_text(f"import os\nos.mkdir({str(marker)!r})\ndef generate(model, **more): ...\n")
    settings(tmp_path, **more)
    with contextlib.suppress(EngineFailed):
        load(tmp_path, code=False)
    assert not marker.exists()
