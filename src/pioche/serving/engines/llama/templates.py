"""Chat templates are programs of strangers (H-RUN-4): one that does not end, or grows without one, is refused before llama.cpp
renders it, which has no limits of its own.

It is rendered here as Jinja's immutable sandbox does, whose dialect is nearly the same: what fails for another reason says nothing.
"""

import threading
import time
from typing import Any

from jinja2 import TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from pioche.errors import EngineFailed

_SECONDS_MAX = 2.0
"""Of a processor, for two messages: usual ones take a thousandth."""
_CHARACTERS_MAX = 2**20
_LOOK_SECONDS = 0.005
_MESSAGES = ({"role": "user", "content": "a"}, {"role": "assistant", "content": "b"})
_OF_THE_TEMPLATE = (TemplateError, ValueError, TypeError, KeyError, AttributeError, ArithmeticError, LookupError)


class _TooLarge(Exception):
    """More text than any conversation has."""


class _Environment(ImmutableSandboxedEnvironment):
    intercepted_binops = frozenset(("*", "**", "+"))

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        sizes = [len(side) if isinstance(side, str | list | tuple) else 1 for side in (left, right)]
        times = [side for side in (left, right) if isinstance(side, int)] if operator == "*" else []
        if operator == "**" or sum(sizes) * max((1, *times)) > _CHARACTERS_MAX:
            raise _TooLarge
        return super().call_binop(context, operator, left, right)


def check(template: str) -> None:
    """Raises EngineFailed for one that takes more than is reasonable."""
    faults = list[Exception]()
    rendering = threading.Thread(target=_render, args=(template, faults), daemon=True)
    began = time.process_time()
    rendering.start()
    while rendering.is_alive():
        rendering.join(_LOOK_SECONDS)
        if time.process_time() - began > _SECONDS_MAX:
            # The thread goes on until this process ends, which it does for this reason.
            raise EngineFailed(f"The chat template does not end within {_SECONDS_MAX:.0f} seconds")
    if faults:
        raise EngineFailed("The chat template asks for more than is reasonable")


def _render(template: str, faults: list[Exception]) -> None:
    environment = _Environment(trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"])
    try:
        written = 0
        for piece in environment.from_string(template).generate(
            messages=_MESSAGES, add_generation_prompt=True, bos_token="", eos_token=""
        ):
            written += len(piece)
            if written > _CHARACTERS_MAX:
                raise _TooLarge
    except (_TooLarge, OverflowError, MemoryError, RecursionError) as error:
        faults.append(error)
    except _OF_THE_TEMPLATE:
        return  # of a dialect that is not Jinja's, or of messages that it does not take: llama.cpp will say
