"""A repo's own `handler.py`, as the public Hub's Inference Endpoints run it:

    class EndpointHandler:
        def __init__(self, path=""): ...        # path: the folder with the files of the repo
        def __call__(self, data): ...           # data: the body, {"inputs": ..., "parameters": {...}, ...}; gives a list or a dict

A stranger wrote it: the process that it runs in has its files, a scratch folder, and nothing else (`Spec.code`). One request at a
time. What it raises is told by its kind and its words: a ValueError is about the request (400), everything else is its own (500).
"""

import importlib.util
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from pioche.errors import EngineFailed, InvalidInput, NotOffered
from pioche.serving.engines import Listener, media
from pioche.serving.spec import Ask, Spec

_CLASS = "EndpointHandler"
_WORDS_MAX = 500
_FOLDERS = re.compile(r"(?<![\w/:.])/(?:[^\s/'\":,]+/)+")
"""Of a path from the root: where things lie on a machine is nobody's business."""


@dataclass(frozen=True, slots=True)
class Work:
    """A request that was understood."""

    data: dict[str, object]
    streams: bool = False


def load(spec: Spec, folder: Path) -> "Handler":
    """Raises EngineFailed, with what the code raised."""
    sys.path.append(str(folder))  # for its other modules
    try:
        return Handler(_made(folder / spec.files[0], folder))
    except ModuleNotFoundError as error:
        raise EngineFailed(
            f"{spec.files[0]} needs the package {error.name}, which this hub does not have; requirements.txt is not installed"
        ) from None
    except EngineFailed:
        raise
    except Exception as error:  # noqa: BLE001 - a stranger's code raises what it likes, and its words are the reason
        raise EngineFailed(f"{spec.files[0]} could not be loaded: {_words(error)}") from None


class Handler:
    """An engine (`pioche.serving.engines.ParallelEngine`)."""

    lanes = 1

    def __init__(self, call: Callable[[dict[str, object]], object]) -> None:
        self._call = call

    def prepare(self, ask: Ask) -> Work:
        inputs = _opened(ask) if ask.media else ask.inputs
        return Work({**ask.beside, "inputs": inputs, "parameters": ask.parameters})

    def answer(self, work: Work, _listener: Listener) -> object:
        try:
            found = self._call(work.data)
        except ValueError as error:
            raise InvalidInput("inputs", _words(error)) from None
        except Exception as error:  # noqa: BLE001 - as above
            raise EngineFailed(f"The handler failed: {_words(error)}") from None
        return _as_json(found)

    def close(self) -> None:
        del self._call


def _made(file: Path, folder: Path) -> Callable[[dict[str, object]], object]:
    found = importlib.util.spec_from_file_location("handler", file)
    if found is None or found.loader is None:
        raise EngineFailed(f"{file.name} is no Python")
    module = importlib.util.module_from_spec(found)
    sys.modules["handler"] = module
    found.loader.exec_module(module)
    make = getattr(module, _CLASS, None)
    if make is None:
        raise EngineFailed(f"{file.name} has no class {_CLASS}")
    made = make(str(folder))
    if not callable(made):
        raise EngineFailed(f"{_CLASS} in {file.name} has no __call__")
    return made  # type: ignore[no-any-return]  # what it gives is looked at


def _opened(ask: Ask) -> object:
    """A body that was no JSON: a picture, as Pillow has it; the bytes of anything else. Raises InvalidInput, NotOffered."""
    if not ask.media.startswith("image/"):
        return media.decoded(ask.inputs)
    try:
        from pioche.serving.engines import pictures
    except ModuleNotFoundError as error:
        raise NotOffered(f"This hub has no {error.name}, which opens pictures: install pioche[transformers]") from None
    return pictures.decoded(ask.inputs)


def _as_json(found: object) -> msgspec.Raw:
    """With numbers of numpy and torch as lists, and pictures as PNG in base64."""
    try:
        return msgspec.Raw(msgspec.json.encode(found, enc_hook=_plain))
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise EngineFailed(f"The handler gave what is no JSON: {_words(error)}") from None


def _plain(value: Any) -> object:
    pillow = sys.modules.get("PIL.Image")
    if pillow is not None and isinstance(value, pillow.Image):
        from pioche.serving.engines import pictures

        return pictures.encoded(value)
    if callable(getattr(value, "tolist", None)):
        return value.tolist()
    raise TypeError(f"an object of the class {type(value).__name__}")


def _words(error: BaseException) -> str:
    """Its class and what it says, in one line, without folders of the machine; never where it was raised."""
    said = _FOLDERS.sub("", " ".join(str(error).split()))[:_WORDS_MAX]
    return f"{type(error).__name__}: {said}" if said else type(error).__name__
