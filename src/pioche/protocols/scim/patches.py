"""What PATCH says (RFC 7644 section 3.5.2), in the ways that directories say it: Entra writes `Replace` and `"False"`, and
names within values; Okta sends an object without a path."""

import re
from dataclasses import dataclass
from typing import Any

import msgspec

from pioche.errors import BadRequest

_OPERATIONS_MAX = 1000
_PATH = re.compile(
    r'(?:urn:ietf:params:scim:schemas:core:2\.0:(?:User|Group):)?([A-Za-z]+)(?:\[(\w+)\s+eq\s+"([^"]*)"\])?(?:\.([A-Za-z]+))?\Z',
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Change:
    """`op` is add, replace or remove; `attribute` in lower case. `chosen`: which of several values, as (name, value)."""

    op: str
    attribute: str
    chosen: tuple[str, str] | None
    sub: str
    value: Any


class _Operation(msgspec.Struct):
    op: str
    path: str | None = None
    value: Any = None


class Patch(msgspec.Struct):
    """The body."""

    Operations: list[_Operation]

    def changes(self) -> list[Change]:
        """One an attribute. Raises BadRequest."""
        if len(self.Operations) > _OPERATIONS_MAX:
            raise BadRequest(f"At most {_OPERATIONS_MAX} operations are taken at once")
        return [change for operation in self.Operations for change in _changes(operation)]


def _changes(operation: _Operation) -> list[Change]:
    op = operation.op.lower()
    if op not in ("add", "replace", "remove"):
        raise BadRequest(f"{operation.op[:40]!r} is not an operation: use add, replace or remove")
    if operation.path:
        return [_change(op, operation.path, operation.value)]
    if op == "remove" or not isinstance(operation.value, dict):
        raise BadRequest("An operation without a path adds or replaces the attributes of an object")
    return [_change(op, name, value) for name, value in operation.value.items()]


def _change(op: str, path: str, value: Any) -> Change:
    found = _PATH.match(path)
    if found is None:
        raise BadRequest(f"The path {path[:100]!r} cannot be read")
    attribute, key, wanted, sub = found.groups()
    chosen = (key.lower(), wanted) if key is not None else None
    return Change(op, attribute.lower(), chosen, (sub or "").lower(), value)
