"""A Parquet file: its columns from the footer, and its first rows, as Arrow reads them.

Only workers read (`preview.worker`): what a file makes of the library's memory and time ends there (reliability.md D-FMT).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from pioche.repos.preview.spans import Span, Unreadable

ROWS_SHOWN = 20
COLUMNS_SHOWN = 60
_FOOTER_ITEMS_MAX = 200_000
_FOOTER_TEXT_MAX = 8 * 2**20
_READ_AHEAD = 64 * 1024
_VALUE_CHARACTERS_MAX = 300
_LIST_ITEMS_SHOWN = 50
_METADATA_SHOWN = 50
_METADATA_CHARACTERS_MAX = 1000


@dataclass(frozen=True, slots=True)
class Column:
    """`path` with dots; `is_list`: a row may have many values."""

    path: str
    type: str
    is_optional: bool
    is_list: bool


@dataclass(slots=True)
class Columns:
    """`columns` are those with values, of which one of `names`, a column of the table, may hold several. `rows` are texts, a
    cell for each of `names`; None is null. `problem` says why there are none."""

    count: int
    row_groups: int
    columns: list[Column]
    names: list[tuple[str, str]] = field(default_factory=list)
    rows: list[list[str | None]] = field(default_factory=list)
    problem: str = ""
    created_by: str = ""
    metadata: list[tuple[str, str]] = field(default_factory=list)


def read(span: Span) -> Columns:
    """Raises Unreadable."""
    # Here and not above: pages know the shapes of this module, and only workers are to hold the library.
    from pyarrow import ArrowException, parquet

    try:  # a ValueError where a text is none
        file = parquet.ParquetFile(
            span,
            buffer_size=_READ_AHEAD,
            pre_buffer=False,
            thrift_string_size_limit=_FOOTER_TEXT_MAX,
            thrift_container_size_limit=_FOOTER_ITEMS_MAX,
        )
        found = _described(file)
    except (ArrowException, OSError, ValueError) as error:
        raise Unreadable(_said(error)) from None
    try:
        found.names, found.rows = _first_rows(file)
    except (ArrowException, OSError, ValueError, Unreadable) as error:
        found.problem = _said(error)
    return found


def _described(file: Any) -> Columns:
    footer = file.metadata
    leaves = [footer.schema.column(place) for place in range(len(footer.schema))]
    columns = [
        Column(leaf.path[:300], _type(leaf), leaf.max_definition_level > 0, leaf.max_repetition_level > 0)
        for leaf in leaves
    ]
    pairs = [
        (key.decode(errors="replace")[:200], value.decode(errors="replace")[:_METADATA_CHARACTERS_MAX])
        for key, value in list((footer.metadata or {}).items())[:_METADATA_SHOWN]
        if key != b"ARROW:schema"  # the same again, for machines
    ]
    return Columns(
        footer.num_rows,
        footer.num_row_groups,
        columns,
        created_by=(footer.created_by or "")[:200],
        metadata=pairs,
    )


def _first_rows(file: Any) -> tuple[list[tuple[str, str]], list[list[str | None]]]:
    if not file.metadata.num_row_groups:
        return [], []
    names = file.schema_arrow.names[:COLUMNS_SHOWN]
    batches = file.iter_batches(ROWS_SHOWN, row_groups=[0], columns=names, use_threads=False)
    batch = next(iter(batches), None)
    if batch is None:
        return [], []
    columns = [list(_cells(column)) for column in batch.columns]
    shown = [(one.name[:300], str(one.type)[:100]) for one in batch.schema]
    return shown, [list(row) for row in zip(*columns, strict=True)]


def _cells(column: Any) -> Iterable[str | None]:
    from pyarrow import ArrowNotImplementedError, string, types

    kind = column.type
    if not types.is_nested(kind) and not types.is_binary(kind) and not types.is_large_binary(kind):
        try:  # Arrow writes dates and decimals of any size, which Python's own types do not hold
            column = column.cast(string())
        except ArrowNotImplementedError:
            return [_shown(str(scalar)) for scalar in column]
    return [_shown(scalar.as_py()) for scalar in column]


def _type(leaf: Any) -> str:
    logical = leaf.logical_type.type.lower()
    return str(leaf.physical_type.lower() if logical in ("none", "int") else logical)


def _shown(value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, list | tuple):
        more = ", …]" if len(value) > _LIST_ITEMS_SHOWN else "]"
        text = "[" + ", ".join(_shown(one) or "null" for one in value[:_LIST_ITEMS_SHOWN]) + more
    elif isinstance(value, dict):
        text = "{" + ", ".join(f"{name}: {_shown(one) or 'null'}" for name, one in value.items()) + "}"
    elif isinstance(value, bytes):
        text = f"‹{len(value):,} bytes›"
    else:
        text = str(value)
    return text if len(text) <= _VALUE_CHARACTERS_MAX else text[:_VALUE_CHARACTERS_MAX] + "…"


def _said(error: Exception) -> str:
    """In a line: Arrow names its own sources after it."""
    return (str(error).splitlines() or ["it is no Parquet file"])[0][:200]
