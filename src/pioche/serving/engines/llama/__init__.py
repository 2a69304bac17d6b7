"""GGUF files on llama.cpp, through `xllamacpp`: several requests at a time, each as a stream that can be stopped.

`server.py` is llama.cpp; each task (`talks.py`, `texts.py`, `rows.py`) says what it is asked, and what the answer looks like.
"""

from collections.abc import Callable
from pathlib import Path

from pioche.errors import InvalidInput
from pioche.serving.engines import Listener
from pioche.serving.engines.llama import rows, talks, texts
from pioche.serving.engines.llama.server import EMBEDDING, RERANK, Server
from pioche.serving.engines.llama.work import LlamaWork
from pioche.serving.spec import Ask, Spec

_Prepare = Callable[[Server, Ask], LlamaWork]
_WRITING: dict[str, _Prepare] = {"chat": talks.chat, "completion": talks.complete, "text-generation": texts.generate}
_EMBEDDING: dict[str, _Prepare] = {"feature-extraction": rows.extract, "sentence-similarity": rows.compare}
_RANKING: dict[str, _Prepare] = {"rerank": rows.rank, RERANK: rows.rank}


def load(spec: Spec, folder: Path) -> "Llama":
    tasks = _EMBEDDING if spec.task in EMBEDDING else _RANKING if spec.task == RERANK else _WRITING
    return Llama(Server(spec, folder), tasks)


class Llama:
    """An engine (`pioche.serving.engines.ParallelEngine`)."""

    def __init__(self, server: Server, tasks: dict[str, _Prepare]) -> None:
        self._server = server
        self._tasks = tasks

    @property
    def lanes(self) -> int:
        return self._server.lanes

    def prepare(self, ask: Ask) -> LlamaWork:
        prepare = self._tasks.get(ask.task)
        if prepare is None:
            raise InvalidInput("task", f"{ask.task} is not one of {', '.join(self._tasks)}")
        return prepare(self._server, ask)

    def answer(self, work: LlamaWork, listener: Listener) -> object:
        return work.run(listener)

    def close(self) -> None:
        self._server.close()
