"""The metadata block of a README: read safely, never believed.

YAML from strangers: no aliases (a 300-byte bomb expands to gigabytes), no tags, capped size and depth, and scalars kept as
written, since YAML 1.1 would turn `license: no` into False (reliability.md section 3).
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

import msgspec
import yaml

from pioche.errors import BadCard

_BLOCK = re.compile(r"---[ \t]*\r?\n(.*?)(?:\r?\n)?^---[ \t]*\r?$", re.DOTALL | re.MULTILINE)
_OPENING = re.compile(r"---[ \t]*\r?\n")
_LINE = re.compile(r"\(line (\d{1,9})\)")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_BLOCK_BYTES_MAX = 64 * 1024
_DEPTH_MAX = 32
_INTEGER = re.compile(r"[-+]?(?:0|[1-9]\d{0,15})\Z")
_DECIMAL = re.compile(r"[-+]?(?:\d+\.\d*|\.\d+|\d+(?=[eE]))(?:[eE][-+]?\d+)?\Z")
_WORDS = {"true": True, "True": True, "false": False, "False": False, "null": None, "Null": None, "~": None, "": None}

EMPTY_WARNING = "empty or missing yaml metadata in repo card"

# The same events, twenty times faster; PyYAML's wheels have it, a build without libyaml does not.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Json = dict[str, object]


class _HasLine(Protocol):
    """A position in YAML; the C and the Python loader have a class each."""

    line: int


@dataclass(frozen=True, slots=True)
class Card:
    """`data` is the metadata; `warnings` are what a person should know and the hub can live with."""

    data: Json
    warnings: list[str] = field(default_factory=list)
    lines: dict[str, int] = field(default_factory=dict)
    """Where in the file each field of the first level begins; its line 1 is the `---`."""

    @classmethod
    def empty(cls) -> "Card":
        return cls({}, [EMPTY_WARNING])

    def as_json(self) -> str:
        return msgspec.json.encode(self.data).decode()


def read(readme: bytes) -> Card:
    """The card of a README that is already stored: what cannot be read is a warning, never a failure."""
    try:
        return parse(readme.decode("utf-8", "replace"))
    except BadCard as error:
        return Card({}, [error.message])


def parse(readme: str) -> Card:
    """Raises BadCard, naming the line, for metadata that cannot be read."""
    block = _block(readme)
    if block is None:
        return Card.empty()
    if len(block.encode(errors="replace")) > _BLOCK_BYTES_MAX:
        raise BadCard(f"The metadata block may have at most {_BLOCK_BYTES_MAX} bytes")
    lines: dict[str, int] = {}
    data = _load(block, lines)
    if data is None:
        return Card.empty()
    if not isinstance(data, dict):
        raise BadCard("The metadata block must be a mapping of names to values")
    _check_fields(data, lines)
    return Card(data, lines=lines)


def load(text: str) -> object:
    """A whole YAML file, read as safely as metadata. Raises BadCard."""
    if len(text.encode(errors="replace")) > _BLOCK_BYTES_MAX:
        raise BadCard(f"The file may have at most {_BLOCK_BYTES_MAX} bytes")
    try:
        return _load(text, {})
    except BadCard as error:  # lines are counted as in a README, where the block begins on the second
        raise BadCard(_LINE.sub(lambda found: f"(line {int(found[1]) - 1})", error.message)) from None


def span(readme: str) -> tuple[int, int] | None:
    """From where to where the metadata stand in the text, without the lines `---`; None when there is no block."""
    text = readme.removeprefix("\ufeff").lstrip()
    match = _BLOCK.match(text[: 2 * _BLOCK_BYTES_MAX])
    before = len(readme) - len(text)
    return None if match is None else (before + match.start(1), before + match.end(1))


def _block(readme: str) -> str | None:
    """What stands between the first two `---` lines. Only the beginning is searched: a README may have ten million bytes."""
    text = readme.removeprefix("\ufeff").lstrip()
    head = text[: 2 * _BLOCK_BYTES_MAX]
    match = _BLOCK.match(head)
    if match is None:
        return head if len(text) > len(head) and _OPENING.match(head) and "\n---" in text else None
    return match[1]


def _load(block: str, lines: dict[str, int]) -> object:
    """`lines` is filled with where the fields of the first level begin."""
    try:
        return _document(yaml.parse(block, Loader=_LOADER), lines)
    except yaml.MarkedYAMLError as error:
        where = _line(error.problem_mark)
        raise BadCard(f"The metadata is not valid YAML{where}: {error.problem or error.context}") from None
    except (yaml.YAMLError, ValueError) as error:  # ValueError: an escape for a character that there is not
        raise BadCard(f"The metadata is not valid YAML: {str(error)[:200]}") from None


def _line(mark: _HasLine | None) -> str:
    """Where in the file; its line 1 is the `---`."""
    return f" (line {mark.line + 2})" if mark is not None else ""


def _document(events: Iterator[yaml.Event], lines: dict[str, int]) -> object:
    """Values straight from the events: the library's composer would expand aliases and recurse without limit."""
    found: object = None
    for event in events:
        if isinstance(event, yaml.NodeEvent):
            at_top = isinstance(event, yaml.MappingStartEvent)
            found = _mapping(events, 1, lines) if at_top else _value(events, event, 0)
        elif isinstance(event, yaml.DocumentEndEvent):
            break
    for event in events:
        if not isinstance(event, yaml.StreamEndEvent):
            raise BadCard(f"The metadata must be one YAML document{_line(event.start_mark)}")
    return found


def _value(events: Iterator[yaml.Event], event: yaml.Event, depth: int) -> object:
    if isinstance(event, yaml.ScalarEvent):
        text = _text(event)
        return text if event.style else _scalar(text)
    if isinstance(event, yaml.AliasEvent):
        raise BadCard(f"YAML aliases are not accepted in metadata{_line(event.start_mark)}")
    if depth == _DEPTH_MAX:
        raise BadCard(f"The metadata is nested more than {_DEPTH_MAX} levels deep")
    if isinstance(event, yaml.MappingStartEvent):
        return _mapping(events, depth + 1)
    found = list[object]()
    while not isinstance(item := next(events), yaml.SequenceEndEvent):
        found.append(_value(events, item, depth + 1))
    return found


def _mapping(events: Iterator[yaml.Event], depth: int, lines: dict[str, int] | None = None) -> Json:
    found: Json = {}
    while not isinstance(key := next(events), yaml.MappingEndEvent):
        name = _text(key) if isinstance(key, yaml.ScalarEvent) else ""
        if not name or name in found:
            raise BadCard(f"Duplicate or unreadable name {name[:100]!r}{_line(key.start_mark)}")
        if lines is not None and key.start_mark is not None:
            lines[name] = key.start_mark.line + 2
        found[name] = _value(events, next(events), depth)
    return found


def _text(event: yaml.ScalarEvent) -> str:
    text = str(event.value)
    if not text.isascii() and _SURROGATE.search(text):
        raise BadCard(f"The metadata has half a character{_line(event.start_mark)}: an escape of a lone surrogate")
    return text


def _scalar(text: str) -> object:
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.match(text):
        return int(text)
    if _DECIMAL.match(text) and math.isfinite(float(text)):
        return float(text)
    return text


# What the field must be, where a wrong shape would break a reader. Everything else is kept as written.
_LISTS_OF_TEXTS = ("tags", "language", "datasets", "metrics", "base_model", "license", "library_name", "pipeline_tag")


def _check_fields(data: Json, lines: dict[str, int]) -> None:
    for name in _LISTS_OF_TEXTS:
        value = data.get(name)
        items = value if isinstance(value, list) else [value]
        if any(isinstance(item, dict | list) for item in items):
            raise BadCard(f'"{name}" must be a string or a list of strings (line {lines.get(name, 0)})')
    if (index := data.get("model-index")) is not None:
        _check_model_index(index)


def _check_model_index(index: object) -> None:
    if not isinstance(index, list):
        raise BadCard('"model-index" must be an array')
    for position, model in enumerate(index):
        if not isinstance(model, dict) or not isinstance(model.get("results", []), list):
            raise BadCard(f'"model-index[{position}].results" must be an array')
        for number, result in enumerate(model.get("results", [])):
            where = f'"model-index[{position}].results[{number}]'
            for field_name in ("task", "dataset", "metrics"):
                if not isinstance(result, dict) or field_name not in result:
                    raise BadCard(f'{where}.{field_name}" is required')


def texts(data: Json, name: str) -> list[str]:
    """A field that is a text or a list of texts, as a list. Numbers are texts too; what else it holds is left out."""
    value = data.get(name)
    items = value if isinstance(value, list) else [value]
    return [str(item) for item in items if isinstance(item, str | int) and not isinstance(item, bool)]
