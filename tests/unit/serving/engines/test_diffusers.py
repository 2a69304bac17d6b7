"""Pictures out of texts and out of pictures, on a pipeline with weights at random (issue 6 item 3)."""

import base64
import io
import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("diffusers")

from PIL import Image

from pioche.errors import EngineFailed, InvalidInput  # after what may be absent
from pioche.serving import choice, engines
from pioche.serving.engines.media import Media
from pioche.serving.spec import Ask, EngineName, Spec
from tests import checkpoints

FEW = {"num_inference_steps": 2}


class Hearing:
    """Leaves after so many looks."""

    def __init__(self, patience: int = 10**6) -> None:
        self._patience = patience
        self.looks = 0

    @property
    def has_left(self) -> bool:
        self.looks += 1
        return self.looks >= self._patience

    def tell(self, piece: bytes) -> None:
        raise AssertionError(piece)


def load(folder: Path, task: str = "text-to-image") -> Any:
    chosen = choice.choose(task, [str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()])
    assert chosen.engine is EngineName.DIFFUSERS
    return engines.load(Spec(repo="a/b", commit="0" * 40, engine=chosen.engine, task=task, files=chosen.files), folder)


def ask(engine: Any, inputs: object, task: str = "text-to-image", hearing: Any = None, **parameters: object) -> Any:
    return engine.answer(engine.prepare(Ask(task, inputs, parameters)), hearing or Hearing())


def size(found: object) -> tuple[int, int]:
    assert isinstance(found, Media)
    assert found.content_type == "image/png"
    return Image.open(io.BytesIO(found.content)).size


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("painter")
    checkpoints.painter(folder)
    return folder


@pytest.fixture(scope="module")
def painter(folder: Path) -> Any:
    return load(folder)


def test_a_picture_is_drawn_from_a_text_the_same_for_the_same_seed(painter: Any) -> None:
    found = [ask(painter, "a cat", seed=seed, width=24, height=16, **FEW) for seed in (3, 3, 4)]
    assert [size(one) for one in found] == [(24, 16)] * 3
    assert found[0] == found[1] != found[2]


def test_a_picture_is_drawn_from_a_picture(folder: Path) -> None:
    engine = load(folder, "image-to-image")
    picture = checkpoints.picture(50, 40)
    assert size(ask(engine, picture, "image-to-image", prompt="a dog", num_inference_steps=4)) == (48, 40)
    target = {"width": 16, "height": 16}
    assert size(ask(engine, picture, "image-to-image", prompt="a dog", target_size=target, strength=0.5)) == (16, 16)
    with pytest.raises(InvalidInput) as refused:
        ask(engine, base64.b64encode(b"no picture").decode(), "image-to-image")
    assert refused.value.field == "inputs"


def test_who_leaves_is_drawn_for_no_longer(painter: Any) -> None:
    hearing = Hearing(patience=2)
    with pytest.raises(EngineFailed):
        ask(painter, "a cat", hearing=hearing, num_inference_steps=50, width=16, height=16)
    assert hearing.looks == 2


@pytest.mark.parametrize(
    ("inputs", "parameters", "field"),
    [
        (7, {}, "inputs"),
        ("", {}, "inputs"),
        ("a" * 5001, {}, "inputs"),
        ("a", {"width": 4096}, "parameters.width"),
        ("a", {"width": 12}, "parameters.width"),
        ("a", {"width": 2048, "height": 2048}, "parameters.width"),
        ("a", {"num_inference_steps": 1000}, "parameters.num_inference_steps"),
        ("a", {"guidance_scale": "much"}, "parameters.guidance_scale"),
        ("a", {"scheduler": "ddim"}, "parameters.scheduler"),
    ],
)
def test_what_is_wrong_is_named(painter: Any, inputs: object, parameters: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        painter.prepare(Ask("text-to-image", inputs, parameters))
    assert refused.value.field == field


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ({"unet": ["os", "system"]}, "wants unet from os"),
        ({"unet": ["mine", "Network"]}, "code of a repo"),
        ({"_class_name": ["pipeline", "Mine"]}, "names no pipeline"),
        ({"_class_name": "UNet2DModel"}, "names no pipeline"),
        ({"_class_name": "utils"}, "names no pipeline"),
    ],
)
def test_h_run_4_an_index_that_names_other_code_is_refused(
    folder: Path, tmp_path: Path, part: object, said: str
) -> None:
    index = json.loads((folder / "model_index.json").read_text())
    assert isinstance(part, dict)
    (tmp_path / "model_index.json").write_text(json.dumps(index | part))
    (tmp_path / "unet").mkdir()
    (tmp_path / "unet" / "diffusion_pytorch_model.safetensors").write_bytes(b"x")
    with pytest.raises(EngineFailed, match=said):
        load(tmp_path)


def test_weights_that_cannot_be_read_are_refused(folder: Path, tmp_path: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            copy = tmp_path / path.relative_to(folder)
            copy.parent.mkdir(exist_ok=True)
            copy.write_bytes(b"x" if path.suffix == ".safetensors" else path.read_bytes())
    with pytest.raises(EngineFailed, match="cannot be loaded"):
        load(tmp_path)
