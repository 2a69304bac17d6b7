"""A form as it was sent, and what is wrong with it: shown again with every field that was filled in, passwords aside.

Each field has its message below it, and a summary above them takes the focus (`forms.html`).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeVar

from pioche.errors import BadRequest
from pioche.http.messages import Query

T = TypeVar("T")

DONE: Final = "done"
"""The query parameter that says, after a form was sent, what came of it."""


@dataclass(slots=True)
class Form:
    """`values` by field; `errors` by field, in the reader's language. `error` is about the form as a whole."""

    values: dict[str, str] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    error: str = ""

    @classmethod
    def of(cls, sent: Query, *names: str) -> "Form":
        """The fields of these names; those that were not sent are empty."""
        return cls({name: sent.get(name) or "" for name in names})

    @property
    def is_wrong(self) -> bool:
        return bool(self.errors or self.error)

    def check(self, name: str, parse: Callable[[str], T], message: str) -> T | None:
        """What `parse` makes of a field; `message` is shown below it when that raises BadRequest."""
        try:
            return parse(self.values[name])
        except BadRequest:
            self.errors[name] = message
            return None

    def __getitem__(self, name: str) -> str:
        return self.values.get(name, "")
