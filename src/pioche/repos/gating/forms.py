"""What a gate asks, as the card at the tip of the default branch says it, and whether answers fit.

A card was written by strangers: a field may be of any shape. What cannot be asked is left out; every field that is asked has
to be answered, as on the public Hub.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any, Final

import msgspec

from pioche.i18n import territories

_FIELDS_MAX = 50
_OPTIONS_MAX = 300
_LABEL_CHARACTERS_MAX = 200
_TEXT_CHARACTERS_MAX = 2_000
_PROSE_CHARACTERS_MAX = 50_000

AGREEMENT: Final = "agreement"
"""The form's field with the version of the terms that was read (`Form.version`)."""
NOT_IN_EU: Final = "not_in_eu"
"""The form's field by which somebody says where they are not. This hub does not look people's addresses up."""
_RESERVED = frozenset((AGREEMENT, NOT_IN_EU, "csrf"))


class Kind(StrEnum):
    """Of a field, in the words of the card."""

    TEXT = "text"
    CHECKBOX = "checkbox"
    DATE = "date_picker"
    COUNTRY = "country"
    SELECT = "select"


class Problem(StrEnum):
    """What is wrong with an answer."""

    MISSING = "it has to be answered"
    TOO_LONG = "it is too long"
    NOT_PLAIN = "it has characters that cannot be shown"
    NO_DATE = "it is not a date, such as 2026-01-31"
    NO_OPTION = "it is none of the choices"
    EXCLUDED = "the authors do not give access in the European Union"


@dataclass(frozen=True, slots=True)
class Field:
    """`options`: value and label, of a `select`."""

    label: str
    kind: Kind
    options: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """Texts are Markdown (`prompt`, `description`) or plain; empty where the card has none."""

    heading: str = ""
    prompt: str = ""
    description: str = ""
    button: str = ""
    fields: tuple[Field, ...] = ()
    excludes_eu: bool = False

    @property
    def version(self) -> str:
        """Another one when anything that is agreed to has changed."""
        return hashlib.sha256(msgspec.json.encode(self)).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Checked:
    """`answers` by label, as they are kept; `problems` by label (or `NOT_IN_EU`)."""

    answers: dict[str, str] = field(default_factory=dict)
    problems: dict[str, Problem] = field(default_factory=dict)


def of_card(card: Mapping[str, Any]) -> Form:
    """From the metadata of a README."""
    return Form(
        heading=_text(card.get("extra_gated_heading"), 300),
        prompt=_text(card.get("extra_gated_prompt"), _PROSE_CHARACTERS_MAX),
        description=_text(card.get("extra_gated_description"), _PROSE_CHARACTERS_MAX),
        button=_text(card.get("extra_gated_button_content"), 100),
        fields=tuple(_fields(card.get("extra_gated_fields"))),
        excludes_eu=card.get("extra_gated_eu_disallowed") is True,
    )


def check(form: Form, sent: Mapping[str, str]) -> Checked:
    """`sent` by label, as a form sends it: a box that is not ticked is absent."""
    found = Checked()
    for asked in form.fields:
        answer = sent.get(asked.label, "").replace("\r\n", "\n").strip()
        problem = _problem(asked, answer) or _exclusion(form, asked, answer)
        if problem is not None:
            found.problems[asked.label] = problem
        else:
            found.answers[asked.label] = "true" if asked.kind is Kind.CHECKBOX else answer
    if form.excludes_eu and not _is_ticked(sent.get(NOT_IN_EU, "")):
        found.problems[NOT_IN_EU] = Problem.MISSING
    return found


def _problem(asked: Field, answer: str) -> Problem | None:
    if not answer or (asked.kind is Kind.CHECKBOX and not _is_ticked(answer)):
        return Problem.MISSING
    return _CHECKS[asked.kind](asked, answer)


def _of_text(_asked: Field, answer: str) -> Problem | None:
    if len(answer) > _TEXT_CHARACTERS_MAX:
        return Problem.TOO_LONG
    return None if answer.replace("\n", " ").replace("\t", " ").isprintable() else Problem.NOT_PLAIN


def _of_date(_asked: Field, answer: str) -> Problem | None:
    if len(answer) != len("2026-01-31"):  # other forms of ISO 8601 are read by Python, and by nobody else
        return Problem.NO_DATE
    try:
        date.fromisoformat(answer)
    except ValueError:
        return Problem.NO_DATE
    return None


def _of_country(_asked: Field, answer: str) -> Problem | None:
    return None if answer in territories.codes() else Problem.NO_OPTION


def _of_select(asked: Field, answer: str) -> Problem | None:
    return None if answer in dict(asked.options) else Problem.NO_OPTION


_CHECKS: Final[dict[Kind, Callable[[Field, str], Problem | None]]] = {
    Kind.TEXT: _of_text,
    Kind.CHECKBOX: lambda _asked, _answer: None,
    Kind.DATE: _of_date,
    Kind.COUNTRY: _of_country,
    Kind.SELECT: _of_select,
}


def _exclusion(form: Form, asked: Field, answer: str) -> Problem | None:
    excluded = form.excludes_eu and asked.kind is Kind.COUNTRY and answer in territories.EUROPEAN_UNION
    return Problem.EXCLUDED if excluded else None


def _is_ticked(answer: str) -> bool:
    return answer.lower() in ("on", "true", "yes", "1")


# --- what a card has ------------------------------------------------------------------------------------------------


def _fields(value: Any) -> Iterator[Field]:
    """By label, each a word for its kind or a mapping with `type`. What is of no kind that we know is asked as text."""
    if not isinstance(value, dict):
        return
    for name, said in list(value.items())[:_FIELDS_MAX]:
        # Forms drop `[]` at the end of a field's name.
        label = _text(name, _LABEL_CHARACTERS_MAX).removesuffix("[]")
        if not label or label in _RESERVED:
            continue
        word = said.get("type") if isinstance(said, dict) else said
        kind = Kind(word) if isinstance(word, str) and word in set(Kind) else Kind.TEXT
        options = tuple(_options(said)) if kind is Kind.SELECT else ()
        if kind is not Kind.SELECT or options:
            yield Field(label, kind, options)


def _options(said: Any) -> Iterator[tuple[str, str]]:
    found = said.get("options") if isinstance(said, dict) else None
    for option in found[:_OPTIONS_MAX] if isinstance(found, list) else ():
        if isinstance(option, dict):
            label = _text(option.get("label"), _LABEL_CHARACTERS_MAX)
            value = _text(option.get("value"), _LABEL_CHARACTERS_MAX) or label
        else:
            label = value = _text(option, _LABEL_CHARACTERS_MAX)
        if value:
            yield value, label or value


def _text(value: Any, most: int) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return str(value).strip()[:most].strip()
