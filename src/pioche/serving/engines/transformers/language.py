"""Chats, completions and text-generation by a language model in safetensors."""

from collections.abc import Callable
from pathlib import Path

from pioche.serving.engines.language import Language, talks, texts
from pioche.serving.engines.language.work import LanguageWork
from pioche.serving.engines.transformers.writer import TorchWriter
from pioche.serving.spec import Ask, Spec

_TASKS: dict[str, Callable[[TorchWriter, Ask], LanguageWork]] = {
    "chat": talks.chat,
    "completion": talks.complete,
    "text-generation": texts.generate,
}


class Torch(Language[TorchWriter]):
    """An engine (`pioche.serving.engines.ParallelEngine`)."""


def load(spec: Spec, folder: Path) -> Torch:
    return Torch(TorchWriter(spec, folder), _TASKS)
