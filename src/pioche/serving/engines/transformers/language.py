"""Chats, completions and text-generation by a language model in safetensors."""

from collections.abc import Callable
from pathlib import Path

from pioche.serving.engines.language import Language, looking, talks, texts
from pioche.serving.engines.language.work import LanguageWork
from pioche.serving.engines.transformers.writer import SEEING, TorchWriter
from pioche.serving.spec import Ask, Spec

_TASKS: dict[str, Callable[[TorchWriter, Ask], LanguageWork]] = {
    "chat": talks.chat,
    "completion": talks.complete,
    "text-generation": texts.generate,
}
_SEEING_TASKS: dict[str, Callable[[TorchWriter, Ask], LanguageWork]] = {
    "chat": talks.chat,
    **dict.fromkeys(SEEING, looking.look),
}


class Torch(Language[TorchWriter]):
    """An engine (`pioche.serving.engines.ParallelEngine`)."""


def load(spec: Spec, folder: Path) -> Torch:
    return Torch(TorchWriter(spec, folder), _SEEING_TASKS if spec.task in SEEING else _TASKS)
