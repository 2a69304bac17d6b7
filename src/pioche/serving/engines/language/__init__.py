"""Language models, whatever runs them: what they are asked, and what the answers look like.

`Writer` is what an engine gives: llama.cpp is one (`engines/llama`), torch another (`engines/transformers/writer.py`). Each is
given bodies that `talks` (chats and completions as OpenAI has them) and `texts` (text-generation as TGI has it) have checked, and
tells the pieces of an answer in one form, llama.cpp's: so the same request has the same answer from both.
"""

from collections.abc import Callable, Mapping
from typing import Any, Generic, Protocol, TypeVar

from pioche.errors import InvalidInput
from pioche.serving.engines import Listener
from pioche.serving.engines.language.work import LanguageWork
from pioche.serving.spec import Ask

Json = dict[str, Any]
Event = Callable[[Json], bool]
"""Is given what comes, and says whether somebody still waits for more."""


class Writer(Protocol):
    """`chat` and `complete` may be called by several threads at once. They raise InvalidInput, EngineFailed."""

    @property
    def has_chat_template(self) -> bool: ...

    @property
    def sees(self) -> bool:
        """Whether pictures may be in a chat."""
        ...

    @property
    def end_token(self) -> int: ...

    def chat(self, body: Json, event: Event) -> None: ...

    def complete(self, body: Json, event: Event) -> None: ...


class Runner(Protocol):
    @property
    def lanes(self) -> int:
        """How many requests it runs at once, at most."""
        ...

    def close(self) -> None: ...


Server = TypeVar("Server", bound=Runner)


class Language(Generic[Server]):
    """An engine (`pioche.serving.engines.ParallelEngine`), whose requests are understood by one of `tasks`."""

    def __init__(self, server: Server, tasks: Mapping[str, Callable[[Server, Ask], LanguageWork]]) -> None:
        self._server = server
        self._tasks = tasks

    @property
    def lanes(self) -> int:
        return self._server.lanes

    def prepare(self, ask: Ask) -> LanguageWork:
        prepare = self._tasks.get(ask.task)
        if prepare is None:
            raise InvalidInput("task", f"{ask.task} is not one of {', '.join(self._tasks)}")
        return prepare(self._server, ask)

    def answer(self, work: LanguageWork, listener: Listener) -> object:
        return work.run(listener)

    def close(self) -> None:
        self._server.close()
