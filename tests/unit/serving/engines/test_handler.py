"""A repo's own handler.py, by the contract of the public Hub's Inference Endpoints (issue 6 item 3). It needs no library."""

import base64
import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from pioche.errors import EngineFailed, HubError, InvalidInput
from pioche.serving import engines
from pioche.serving.engines.handler import Handler
from pioche.serving.spec import Ask, EngineName, Spec


class Nobody:
    has_left = False

    def tell(self, piece: bytes) -> None:
        raise AssertionError("nothing streams here")


@pytest.fixture(autouse=True)
def _path(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A worker is a process of its own; these share one."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield
    for name in ("handler", "words"):
        sys.modules.pop(name, None)


def opened(folder: Path, **files: str) -> Handler:
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)
    spec = Spec(
        repo="ada/model", commit="0" * 40, engine=EngineName.HANDLER, task="custom", files=("handler.py",), code=True, whole=True
    )  # fmt: skip
    engine = engines.load(spec, folder)
    assert isinstance(engine, Handler)
    return engine


def ask(engine: Handler, *given: object, **more: object) -> object:
    answer = engine.answer(engine.prepare(Ask("custom", *given, **more)), Nobody())  # type: ignore[arg-type]
    return json.loads(msgspec.json.encode(answer))


ECHO = """
import os
from words import GREETING
class EndpointHandler:
    def __init__(self, path=""):
        self.files = sorted(name for name in os.listdir(path) if name.endswith(".py"))
    def __call__(self, data):
        return [{"greeting": GREETING, "files": self.files, "data": data}]
"""


def test_it_is_given_the_folder_and_the_whole_body(tmp_path: Path) -> None:
    engine = opened(tmp_path, handler=ECHO, words="GREETING = 'hello'")
    found = ask(engine, ["a", "b"], {"top_k": 2}, beside={"date": "today"})
    data = {"date": "today", "inputs": ["a", "b"], "parameters": {"top_k": 2}}
    assert found == [{"greeting": "hello", "files": ["handler.py", "words.py"], "data": data}]


def made(call: str) -> str:
    return f"""
class EndpointHandler:
    def __init__(self, path=''):
        self.path = path
    def __call__(self, data):
        {call}
"""


@pytest.mark.parametrize(
    ("call", "kind", "said"),
    [
        ("raise ValueError('  of no\\n use')", InvalidInput, "ValueError: of no use"),
        ("raise KeyError('parameters')", EngineFailed, "The handler failed: KeyError: 'parameters'"),
        ("open(self.path + '/absent')", EngineFailed, "No such file or directory: 'absent'"),
        ("return object()", EngineFailed, "no JSON: TypeError: an object of the class object"),
        ("return [data for data in [data] if not data.setdefault('x', data)]or data", EngineFailed, "RecursionError"),
        ("raise RuntimeError", EngineFailed, "The handler failed: RuntimeError"),
    ],
)
def test_what_it_raises_is_told_without_where(tmp_path: Path, call: str, kind: type[HubError], said: str) -> None:
    with pytest.raises(kind) as refused:
        ask(opened(tmp_path, handler=made(call)), "x")
    assert said in refused.value.message
    assert str(tmp_path) not in refused.value.message
    assert len(refused.value.message) < 700


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import no_such_package", "handler.py needs the package no_such_package, which this hub does not have"),
        ("class Handler: pass", "handler.py has no class EndpointHandler"),
        ("class EndpointHandler:\n    def __init__(self, path=''): pass", "has no __call__"),
        ("class EndpointHandler:\n    def __init__(self): pass", "could not be loaded: TypeError"),
        ("def (", "could not be loaded: SyntaxError"),
    ],
)
def test_one_that_cannot_be_loaded_says_why(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(EngineFailed) as refused:
        opened(tmp_path, handler=text)
    assert said in refused.value.message
    assert str(tmp_path) not in refused.value.message


def test_numbers_of_numpy_are_lists(tmp_path: Path) -> None:
    call = "import numpy; return {'rows': numpy.eye(2), 'one': numpy.float32(0.5)}"
    assert ask(opened(tmp_path, handler=made(call)), "x") == {"rows": [[1, 0], [0, 1]], "one": 0.5}


def test_a_sound_comes_as_its_bytes(tmp_path: Path) -> None:
    engine = opened(tmp_path, handler=made("return [type(data['inputs']).__name__, len(data['inputs'])]"))
    assert ask(engine, base64.b64encode(b"sound").decode(), media="audio/flac") == ["bytes", 5]
    with pytest.raises(InvalidInput, match="base64"):
        ask(engine, "?", media="audio/flac")


def _picture() -> str:
    from PIL import Image

    file = io.BytesIO()
    Image.new("L", (2, 2)).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def test_a_picture_comes_as_pillow_has_it_and_goes_as_png(tmp_path: Path) -> None:
    pytest.importorskip("PIL")
    call = "return {'size': data['inputs'].size, 'mode': data['inputs'].mode, 'same': data['inputs']}"
    found = ask(opened(tmp_path, handler=made(call)), _picture(), media="image/png")
    assert isinstance(found, dict)
    assert (found["size"], found["mode"]) == ([2, 2], "RGB")
    assert base64.b64decode(found["same"]).startswith(b"\x89PNG")
    with pytest.raises(InvalidInput, match="picture"):
        ask(opened(tmp_path, handler=made(call)), base64.b64encode(b"no").decode(), media="image/png")
