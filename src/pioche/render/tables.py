"""The first rows of a CSV, TSV, JSON or JSON-lines file, as texts."""

import csv
import io
import json
from collections.abc import Iterable

from pioche.render.escaping import decode
from pioche.render.results import Problem, Table

_COLUMNS_MAX = 200
_CELL_CHARACTERS_MAX = 500
_FIELD_CHARACTERS_MAX = 1_000_000
_SNIFFED = 4096

SUFFIXES = ("csv", "tsv", "json", "jsonl", "ndjson")


def table(source: bytes, name: str, *, is_whole: bool, rows_max: int) -> Table:
    suffix = name.rpartition(".")[2].lower()
    text = decode(source)
    if not is_whole and suffix != "json":
        text = text[: text.rfind("\n") + 1]  # the last line may be half a line
    try:
        if suffix in ("csv", "tsv"):
            return _separated(text, "\t" if suffix == "tsv" else _separator(text), is_whole, rows_max)
        return _objects(text, suffix, is_whole, rows_max)
    except (csv.Error, ValueError, RecursionError):
        return Table([], [], problem=Problem.UNREADABLE)


def _separator(text: str) -> str:
    """Commas, or what the first line has more of: in French files semicolons."""
    first = text[:_SNIFFED].partition("\n")[0]
    return max(",;\t|", key=lambda mark: (first.count(mark), mark == ","))


def _separated(text: str, separator: str, is_whole: bool, rows_max: int) -> Table:
    csv.field_size_limit(_FIELD_CHARACTERS_MAX)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    columns = next(reader, [])
    rows = list[list[str]]()
    for row in reader:
        if len(rows) == rows_max:
            return _cut(columns, rows, is_whole=False)
        if row:
            rows.append(row)
    return _cut(columns, rows, is_whole=is_whole)


def _cut(columns: list[str], rows: list[list[str]], *, is_whole: bool) -> Table:
    """Rows of one length, cells that can be shown."""
    width = min(_COLUMNS_MAX, max([len(columns), *(len(row) for row in rows)], default=0))
    names = [*columns, *[""] * width][:width]
    cells = [[_shown(cell) for cell in [*row, *[""] * width][:width]] for row in rows]
    return Table([_shown(name) for name in names], cells, is_whole)


def _objects(text: str, suffix: str, is_whole: bool, rows_max: int) -> Table:
    if suffix == "json":
        found = json.loads(text)
        values: list[object] = found if isinstance(found, list) else []
        if not values:
            raise ValueError("not a list")
    else:
        texts = [line for line in text.splitlines() if line.strip()]
        values = [json.loads(line) for line in texts[: rows_max + 1]]
    return _of_values(values[:rows_max], is_whole=is_whole and len(values) <= rows_max)


def _of_values(values: Iterable[object], *, is_whole: bool) -> Table:
    rows = [value for value in values if isinstance(value, dict)]
    if not rows:
        raise ValueError("no objects")
    columns = list(dict.fromkeys(str(name) for row in rows for name in row))[:_COLUMNS_MAX]
    cells = [[_text(row.get(name)) for name in columns] for row in rows]
    return Table([_shown(name) for name in columns], cells, is_whole)


def _text(value: object) -> str:
    if value is None:
        return ""
    return _shown(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def _shown(text: str) -> str:
    text = text.replace("\x00", "\ufffd")
    return text if len(text) <= _CELL_CHARACTERS_MAX else text[:_CELL_CHARACTERS_MAX] + "…"
