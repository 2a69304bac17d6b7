"""GGUF files on llama.cpp, through `xllamacpp`: several requests at a time, each as a stream that can be stopped.

`server.py` is llama.cpp; what it is asked is in `engines/language`, and in `rows.py` for texts as numbers.
"""

from collections.abc import Callable
from pathlib import Path

from pioche.serving.engines.language import Language, talks, texts
from pioche.serving.engines.language.work import LanguageWork
from pioche.serving.engines.llama import rows
from pioche.serving.engines.llama.server import EMBEDDING, RERANK, Server
from pioche.serving.spec import Ask, Spec

_Prepare = Callable[[Server, Ask], LanguageWork]
_WRITING: dict[str, _Prepare] = {"chat": talks.chat, "completion": talks.complete, "text-generation": texts.generate}
_EMBEDDING: dict[str, _Prepare] = {"feature-extraction": rows.extract, "sentence-similarity": rows.compare}
_RANKING: dict[str, _Prepare] = {"rerank": rows.rank, RERANK: rows.rank}


class Llama(Language[Server]):
    """An engine (`pioche.serving.engines.ParallelEngine`)."""


def load(spec: Spec, folder: Path) -> Llama:
    tasks = _EMBEDDING if spec.task in EMBEDDING else _RANKING if spec.task == RERANK else _WRITING
    return Llama(Server(spec, folder), tasks)
