"""Language models in safetensors on vLLM, where that and a graphics processor are there: many requests at once, in one batch.

vLLM is a server of its own. It runs inside of the worker, in the same sandbox, on a socket in the scratch folder; what it is asked
and what it answers stands in `words`. The shapes of answers are those of every language model (`engines/language`).
"""

from collections.abc import Callable
from pathlib import Path

from pioche.serving.engines.language import Language, talks, texts
from pioche.serving.engines.language.work import LanguageWork
from pioche.serving.engines.vllm.server import Server
from pioche.serving.spec import Ask, Spec

_TASKS: dict[str, Callable[[Server, Ask], LanguageWork]] = {
    "chat": talks.chat,
    "completion": talks.complete,
    "text-generation": texts.generate,
}


class Vllm(Language[Server]):
    """An engine (`pioche.serving.engines.ParallelEngine`)."""


def load(spec: Spec, folder: Path) -> Vllm:
    return Vllm(Server(spec, folder), _TASKS)
