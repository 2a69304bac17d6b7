"""What rendering gives. Every `html` here is clean and may be put into a page as it is; everything else must be escaped."""

from enum import Enum

import msgspec


class Problem(Enum):
    """Why something is shown plainly, or not at all."""

    TOO_LARGE = "too_large"
    TOO_COSTLY = "too_costly"
    """It took more time or memory than it may; a bomb, or close to one."""
    UNREADABLE = "unreadable"
    """It is not what its name says."""
    BUSY = "busy"
    """Nobody had time; asking again may help. Never kept."""


class Heading(msgspec.Struct, frozen=True):
    """One line of a table of contents: `<a href="#{anchor}">`."""

    level: int
    text: str
    anchor: str


class Markdown(msgspec.Struct, frozen=True):
    html: str
    headings: list[Heading] = []
    problem: Problem | None = None


class Code(msgspec.Struct, frozen=True):
    """`lines` are clean HTML, one each, without newlines; `language` is a name for people, empty for plain text."""

    lines: list[str]
    language: str = ""
    problem: Problem | None = None


class Notebook(msgspec.Struct, frozen=True):
    html: str
    language: str = ""
    problem: Problem | None = None


class Table(msgspec.Struct, frozen=True):
    """The first rows, as plain text. `is_whole`: there are no others."""

    columns: list[str]
    rows: list[list[str]]
    is_whole: bool = True
    problem: Problem | None = None


class Folded(msgspec.Struct, frozen=True):
    """JSON as a tree of `<details>`."""

    html: str
    problem: Problem | None = None


class LineKind(Enum):
    SAME = "same"
    ADDED = "added"
    REMOVED = "removed"


class DiffLine(msgspec.Struct, frozen=True):
    """`html` has `<ins>` or `<del>` around the words that changed; the numbers count from 1."""

    kind: LineKind
    old: int | None
    new: int | None
    html: str


class Hunk(msgspec.Struct, frozen=True):
    old_start: int
    old_lines: int
    new_start: int
    new_lines: int
    lines: list[DiffLine]


class Diff(msgspec.Struct, frozen=True):
    """`is_cut`: there are more lines than are shown; `added` and `removed` count all of them."""

    hunks: list[Hunk]
    added: int = 0
    removed: int = 0
    is_binary: bool = False
    is_cut: bool = False
    problem: Problem | None = None
