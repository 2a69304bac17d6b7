"""Code and pickles that came with weights: whether the library may use them in this process, and what is said where it may not.

The library's own switch is no boundary (H-RUN-3): the sandbox is. It is off all the same wherever no owner allowed it.
"""

import pickle
from contextvars import ContextVar
from typing import Any

from pioche.serving.spec import Spec

RAISED = (ImportError, SyntaxError, NameError, AssertionError, ArithmeticError, EOFError, pickle.UnpicklingError)
"""What strangers' code and pickles raise beside what libraries do."""
_MESSAGE_MAX = 500
_ASKED_FOR = "trust_remote_code"
_NEEDED = (
    "This model needs code of its own, which runs only where an owner of the repo allowed it (Settings, Code of the model) and "
    "this hub offers it (the setting inference_code)"
)
_may = ContextVar("may", default=False)


def allow_for(spec: Spec) -> None:
    """For all that this process opens from now on."""
    _may.set(spec.code)


def trusted() -> bool:
    return _may.get()


def of_weights() -> dict[str, Any]:
    """Options of `from_pretrained`. What is unpickled is tensors and nothing else, also here: torch refuses the rest."""
    return {"use_safetensors": None if trusted() else True, "trust_remote_code": trusted(), "weights_only": True}


def reason(error: Exception) -> str:
    """In one line, for who reads why a model could not be loaded."""
    said = " ".join(str(error).split())
    return _NEEDED if _ASKED_FOR in said and not trusted() else said[:_MESSAGE_MAX]
