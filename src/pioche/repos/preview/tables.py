"""The first rows of a table that is text: csv, tsv, JSON lines."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import msgspec

from pioche.repos.preview.spans import Unreadable

HEAD_BYTES = 512 * 1024
"""What is read of a file, however large it is."""
_ROWS_MAX = 100
_COLUMNS_MAX = 100
_CELL_CHARACTERS_MAX = 300


@dataclass(frozen=True, slots=True)
class Table:
    """`is_cut`: the file has more rows than these; `columns_cut` counts the columns left out."""

    header: list[str]
    rows: list[list[str]]
    is_cut: bool
    columns_cut: int = 0


def read(head: bytes, name: str, *, is_whole: bool) -> Table:
    """`head` are the first bytes of the file, `name` says which kind it is. Raises Unreadable."""
    if b"\0" in head:
        raise Unreadable("it holds NUL characters: it is not text")
    text = head.decode("utf-8-sig", "replace")
    if not is_whole:
        text = text[: text.rfind("\n") + 1] or text  # a line that is cut is not a row, unless it is all there is
    suffix = name.rpartition(".")[2].lower()
    rows = _json_lines(text) if suffix in ("jsonl", "ndjson") else _separated(text, suffix)
    return _table(rows, is_whole=is_whole)


def _table(rows: list[list[str]], *, is_whole: bool) -> Table:
    header, rows = (rows[0], rows[1:]) if rows else ([], [])
    width = max(map(len, [header, *rows]), default=0)
    shown = [[*row, *[""] * (width - len(row))][:_COLUMNS_MAX] for row in [header, *rows][: _ROWS_MAX + 1]]
    is_cut = len(rows) > _ROWS_MAX or not is_whole
    return Table(shown[0], shown[1:], is_cut, max(width - _COLUMNS_MAX, 0))


def _separated(text: str, suffix: str) -> list[list[str]]:
    first = text.partition("\n")[0]
    separator = "\t" if suffix == "tsv" else max(",;\t|", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        return [[_cell(cell) for cell in row[: _COLUMNS_MAX * 10]] for row in islice(reader, _ROWS_MAX + 2) if row]
    except csv.Error as error:  # a field of more than 128 KiB, most of the time
        raise Unreadable(str(error)) from None


def _json_lines(text: str) -> list[list[str]]:
    """The columns are the names that the rows have, in the order in which they appear."""
    rows = list(islice(_objects(text), _ROWS_MAX + 1))
    names = list(dict.fromkeys(name for row in rows for name in row))[: _COLUMNS_MAX * 10]
    return [[_cell(name) for name in names], *([_shown(row.get(name)) for name in names] for row in rows)]


def _objects(text: str) -> Iterator[dict[str, object]]:
    for line in text.split("\n"):
        if not line.strip():
            continue
        try:
            value = msgspec.json.decode(line)
        except (msgspec.DecodeError, RecursionError, UnicodeEncodeError) as error:
            raise Unreadable(f"a line is not JSON: {error}") from None
        yield value if isinstance(value, dict) else {"": value}


def _shown(value: object) -> str:
    if value is None:
        return ""
    return _cell(value if isinstance(value, str) else msgspec.json.encode(value).decode())


def _cell(text: str) -> str:
    return text if len(text) <= _CELL_CHARACTERS_MAX else text[:_CELL_CHARACTERS_MAX] + "…"
