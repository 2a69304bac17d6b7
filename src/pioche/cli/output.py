"""What commands print: text for people, JSON for scripts. Both go to standard output and hold the same."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

Row = Mapping[str, Any]
_WIDTH_MAX = 2000


def show(found: Row, text: str, *, json: bool) -> None:
    """One thing that was found or done."""
    if json:
        _print_json(found)
    else:
        _print(text)


def table(rows: Sequence[Row], columns: Sequence[str], *, json: bool) -> None:
    """Several: a JSON array of `rows`, or a table of the named columns."""
    if json:
        _print_json(rows)
        return
    shown = Table(*(name.replace("_", " ") for name in columns), box=None, pad_edge=False)
    for row in rows:
        shown.add_row(*(_cell(row[name]) for name in columns))
    # As wide as it needs to be: a terminal wraps what a table would cut, and ids are there to be copied.
    Console(highlight=False, markup=False, width=_WIDTH_MAX).print(shown)


def date(milliseconds: int | None) -> str | None:
    """A row's time as ISO 8601, in UTC, to the second."""
    if milliseconds is None:
        return None
    return f"{datetime.fromtimestamp(milliseconds / 1000, UTC):%Y-%m-%dT%H:%M:%SZ}"


def _cell(value: Any) -> str:
    match value:
        case None | False:
            return "-"
        case True:
            return "yes"
    return str(value)


def _print(text: str) -> None:
    # As it is: a token that is wrapped or coloured cannot be copied.
    Console(highlight=False, markup=False, soft_wrap=True).print(text)


def _print_json(found: Any) -> None:
    print(msgspec.json.encode(found).decode())
