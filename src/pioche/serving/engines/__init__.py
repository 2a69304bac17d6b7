"""What runs a model. An engine is made by `load`, in a worker.

Two kinds: an `Engine` is given batches, by one thread at a time (`prepare` by another); a `ParallelEngine` runs several requests
at once itself, each called by a thread of its own, and may tell an answer in pieces.

A new engine is a name in `EngineName`, a module with a `load`, and a line in `EXTRAS` and in `_load`.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar, runtime_checkable

from pioche.errors import NotOffered
from pioche.serving.spec import Ask, EngineName, Spec

EXTRAS = {
    EngineName.ONNX: "inference",
    EngineName.LLAMA: "llama",
    EngineName.TRANSFORMERS: "transformers",
    EngineName.WHISPER: "speech",
    EngineName.PIPELINES: "transformers",
    EngineName.DIFFUSERS: "diffusers",
    EngineName.HANDLER: "transformers",
    EngineName.VLLM: "vllm",
}
"""What to install, for the libraries of each."""


class Work(Protocol):
    """A request that an engine has understood. `size` is how much of a batch it takes: texts, for an encoder."""

    @property
    def size(self) -> int: ...


Understood = TypeVar("Understood", bound=Work)


class Engine(Protocol[Understood]):
    def prepare(self, ask: Ask) -> Understood:
        """All that can be done before others' requests are at stake. Raises InvalidInput, which names the field."""
        ...

    def infer(self, batch: Sequence[Understood]) -> list[object]:
        """An answer each, in the shape of the task API. Raises EngineFailed for the whole batch: the caller tries halves."""
        ...

    def close(self) -> None:
        """Gives back memory and devices. Nothing is asked afterwards."""
        ...


class Listener(Protocol):
    """Who waits for an answer."""

    @property
    def has_left(self) -> bool:
        """Then nobody hears any more of it: the engine stops as soon as it can."""
        ...

    def tell(self, piece: bytes) -> None:
        """The next piece of an answer that streams: a server-sent event."""
        ...


class Streamed(Protocol):
    """A request that an engine has understood, whose answer comes in pieces or whole."""

    @property
    def streams(self) -> bool: ...


Heard = TypeVar("Heard", bound=Streamed)


@runtime_checkable
class ParallelEngine(Protocol[Heard]):
    @property
    def lanes(self) -> int:
        """How many requests it runs at once, at most."""
        ...

    def prepare(self, ask: Ask) -> Heard:
        """As an Engine's, by any thread at any time."""
        ...

    def answer(self, work: Heard, listener: Listener) -> object:
        """The answer; of no meaning where the work streams. Raises InvalidInput, EngineFailed, before a first piece or after."""
        ...

    def close(self) -> None: ...


AnyEngine = Engine[Any] | ParallelEngine[Any]


def load(spec: Spec, folder: Path) -> AnyEngine:
    """Ready to be asked. Raises NotOffered when the engine is not installed, EngineFailed when the files are no good."""
    try:
        return _load(spec, folder)
    except ModuleNotFoundError as error:
        raise NotOffered(
            f"This hub has no {error.name}, which the engine {spec.engine} needs: install pioche[{EXTRAS[spec.engine]}]"
        ) from None


def _load(spec: Spec, folder: Path) -> AnyEngine:
    match spec.engine:
        case EngineName.ONNX:
            from pioche.serving.engines import onnx

            return onnx.load(spec, folder)
        case EngineName.LLAMA:
            from pioche.serving.engines import llama

            return llama.load(spec, folder)
        case EngineName.TRANSFORMERS:
            from pioche.serving.engines import transformers

            return transformers.load(spec, folder)
        case EngineName.WHISPER:
            from pioche.serving.engines import whisper

            return whisper.load(spec, folder)
        case EngineName.PIPELINES:
            from pioche.serving.engines import pipelines

            return pipelines.load(spec, folder)
        case EngineName.DIFFUSERS:
            from pioche.serving.engines import diffusers

            return diffusers.load(spec, folder)
        case EngineName.HANDLER:
            from pioche.serving.engines import handler

            return handler.load(spec, folder)
        case EngineName.VLLM:
            from pioche.serving.engines import vllm

            return vllm.load(spec, folder)
        case EngineName.EXTERNAL:
            raise AssertionError("no worker is started for it")
