"""What runs a model. An engine is made by `load`, in a worker, and used by one thread at a time (`prepare` by another).

A new engine is a name in `EngineName`, a module with a `load`, and a line in `_load`.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

from pioche.errors import NotOffered
from pioche.serving.spec import Ask, EngineName, Spec


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


def load(spec: Spec, folder: Path) -> Engine[Any]:
    """Ready to be asked. Raises NotOffered when the engine is not installed, EngineFailed when the files are no good."""
    try:
        return _load(spec, folder)
    except ModuleNotFoundError as error:
        raise NotOffered(
            f"This hub has no {error.name}, which the engine {spec.engine} needs: install pioche[inference]"
        ) from None


def _load(spec: Spec, folder: Path) -> Engine[Any]:
    match spec.engine:
        case EngineName.ONNX:
            from pioche.serving.engines import onnx

            return onnx.load(spec, folder)
