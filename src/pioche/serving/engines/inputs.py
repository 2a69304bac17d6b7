"""Inputs and parameters of requests, checked: what is wrong is told with the name of the field."""

import re
from typing import TypeVar

import msgspec

from pioche.errors import InvalidInput

Wanted = TypeVar("Wanted")

_AT = re.compile(r" - at `\$(.*)`\Z")
_UNKNOWN = re.compile(r"Object contains unknown field `(.*?)`(?: - at .*)?\Z")


class Parameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The base of each task's parameters: an unknown one is an error, never ignored."""


def read(value: object, wanted: type[Wanted], field: str) -> Wanted:
    """`value` as `wanted`. Raises InvalidInput."""
    try:
        return msgspec.convert(value, wanted)
    except msgspec.ValidationError as error:
        raise _refusal(str(error), field) from None


def read_parameters(values: dict[str, object], wanted: type[Wanted]) -> Wanted:
    """Those that are null count as not given: clients send them so."""
    return read({name: value for name, value in values.items() if value is not None}, wanted, "parameters")


def texts(value: object) -> list[str]:
    """A text or several, of which none is empty-handed. Raises InvalidInput."""
    found = [value] if isinstance(value, str) else read(value, list[str], "inputs")
    if not found:
        raise InvalidInput("inputs", "at least one text is needed")
    return found


def _refusal(message: str, field: str) -> InvalidInput:
    if unknown := _UNKNOWN.match(message):
        return InvalidInput(f"{field}.{unknown[1]}", "this task has no such field")
    at = _AT.search(message)
    return InvalidInput(field + (at[1] if at else ""), _AT.sub("", message))
