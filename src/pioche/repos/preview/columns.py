"""A Parquet file: its columns from the footer, its first rows from the first pages (https://parquet.apache.org/docs/file-format).

Our own reading, with limits (reliability.md D-FMT): a page that says it is larger than the limit is not unpacked, a count that
is larger than what can be shown is never a length of anything.
"""

import time
from dataclasses import dataclass, field

from pioche.repos.preview import thrift
from pioche.repos.preview.pages import Leaf, NotShown, first_values
from pioche.repos.preview.spans import Span, Unreadable
from pioche.repos.preview.thrift import Struct

ROWS_SHOWN = 20
COLUMNS_SHOWN = 60
_FOOTER_BYTES_MAX = 8 * 2**20
_COLUMNS_MAX = 20_000
_DEPTH_MAX = 60
_VALUE_CHARACTERS_MAX = 300
_SECONDS = 4.0  # of the processor, for values; the worker may take twice that
_METADATA_SHOWN = 50
_METADATA_CHARACTERS_MAX = 1000

_PHYSICAL = ("boolean", "int32", "int64", "int96", "float", "double", "binary", "fixed")
_LOGICAL = {1: "string", 2: "map", 3: "list", 4: "enum", 5: "decimal", 6: "date", 7: "time", 8: "timestamp", 10: "int",
            11: "null", 12: "json", 13: "bson", 14: "uuid", 15: "float16"}  # fmt: skip
_CONVERTED = {0: "string", 4: "enum", 5: "decimal", 6: "date", 9: "timestamp", 10: "timestamp", 19: "json", 20: "bson"}


@dataclass(frozen=True, slots=True)
class Column:
    """`path` with dots; `is_list`: a row may have many values. `problem` says why none are shown."""

    path: str
    type: str
    is_optional: bool
    is_list: bool
    problem: str = ""


@dataclass(slots=True)
class Columns:
    """`rows` are texts, a cell for each of the first COLUMNS_SHOWN columns; None is null."""

    count: int
    row_groups: int
    columns: list[Column]
    rows: list[list[str | None]]
    created_by: str = ""
    codecs: list[str] = field(default_factory=list)
    metadata: list[tuple[str, str]] = field(default_factory=list)


def read(span: Span) -> Columns:
    """Raises Unreadable."""
    footer = _footer(span)
    leaves = _leaves(footer)
    groups = footer.structs(4)
    rows, problems, codecs = _first_rows(span, leaves, groups)
    columns = [
        Column(leaf.path[:300], _type(leaf.element), leaf.definition_max > 0, leaf.repetition_max > 0, problem)
        for leaf, problem in zip(leaves, [*problems, *[""] * (len(leaves) - len(problems))], strict=True)
    ]
    metadata = [
        (pair.text(1)[:200], pair.text(2)[:_METADATA_CHARACTERS_MAX]) for pair in footer.structs(5)[:_METADATA_SHOWN]
    ]
    count = footer.number(3)
    return Columns(count, len(groups), columns, rows, footer.text(6)[:200], codecs, metadata)


def _footer(span: Span) -> Struct:
    tail = span.at(max(span.size - 8, 0), span.size)
    if tail[4:] == b"PARE":
        raise Unreadable("its footer is encrypted")
    if span.size < 12 or tail[4:] != b"PAR1":
        raise Unreadable("it does not end as a Parquet file")
    length = int.from_bytes(tail[:4], "little")
    if length > min(_FOOTER_BYTES_MAX, span.size - 12):
        raise Unreadable("its footer is longer than is read here")
    return thrift.read(span.at(span.size - 8 - length, span.size - 8))


def _leaves(footer: Struct) -> list[Leaf]:
    """The columns that have values: the schema is a tree, written from the root, each with how many it has below."""
    elements = footer.structs(2)
    if not elements or len(elements) > _COLUMNS_MAX:
        raise Unreadable("it has no columns, or more than are looked through")
    leaves = list[Leaf]()
    above: list[tuple[str, int, int, int]] = []  # path, definition, repetition, children left
    for place, element in enumerate(elements):
        path, definition, repetition = "", 0, 0
        if place:
            while above and above[-1][3] == 0:
                above.pop()
            if not above or len(above) > _DEPTH_MAX:
                raise Unreadable("its columns are not a tree, or nested too deep")
            parent = above[-1]
            above[-1] = (*parent[:3], parent[3] - 1)
            kind = element.number(3)
            name = element.text(4)
            path = f"{parent[0]}.{name}" if parent[0] else name
            definition, repetition = parent[1] + (kind != 0), parent[2] + (kind == 2)
        children = element.number(5)
        if children > 0:
            above.append((path, definition, repetition, children))
        elif place:
            leaves.append(Leaf(path, element, definition, repetition))
    return leaves


def _first_rows(
    span: Span, leaves: list[Leaf], groups: list[Struct]
) -> tuple[list[list[str | None]], list[str], list[str]]:
    """And why a column has none, and how they are packed."""
    if not groups:
        return [], [], []
    chunks = groups[0].structs(1)
    wanted = max(min(ROWS_SHOWN, groups[0].number(3)), 0)
    cells, problems, codecs = list[list[str | None]](), list[str](), dict[str, None]()
    end = time.process_time() + _SECONDS
    for leaf, chunk in zip(leaves[:COLUMNS_SHOWN], chunks, strict=False):
        try:
            if time.process_time() > end:
                raise NotShown("the columns before it took all the time that there is")
            values, codec = first_values(span, leaf, chunk, wanted)
            codecs[codec] = None
            cells.append([_shown(value) for value in values])
            problems.append("")
        except NotShown as error:
            cells.append([])
            problems.append(str(error))
    count = max((len(column) for column in cells), default=0)
    rows = [[column[place] if place < len(column) else None for column in cells] for place in range(count)]
    return rows, problems, list(codecs)


def _type(element: Struct) -> str:
    logical = element.struct(10)
    found = next((_LOGICAL[tag] for tag in logical.tags if tag in _LOGICAL), None) if logical else None
    found = found or (_CONVERTED.get(element.number(6)) if element.has(6) else None)
    physical = element.number(1)
    base = _PHYSICAL[physical] if 0 <= physical < len(_PHYSICAL) else "?"
    return base if found in (None, "int") else f"{found}"


def _shown(value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, list):
        text = "[" + ", ".join(_shown(one) or "null" for one in value[:50]) + (", …]" if len(value) > 50 else "]")
    elif isinstance(value, bytes):
        text = f"‹{len(value):,} bytes›"
    elif isinstance(value, bool):
        text = str(value).lower()
    else:
        text = str(value)
    return text if len(text) <= _VALUE_CHARACTERS_MAX else text[:_VALUE_CHARACTERS_MAX] + "…"
