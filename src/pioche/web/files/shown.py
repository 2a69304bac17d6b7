"""What a page shows of a file: its text, its rows, its members, its picture; or why it shows less."""

import base64
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup, escape

from pioche.repos import files
from pioche.repos.access import Repo
from pioche.repos.files import Entry
from pioche.repos.preview import archives, arrays, images, kinds, pickles, spans, tables
from pioche.repos.preview.kinds import Kind
from pioche.repos.preview.spans import Span, Unreadable

_LINES_MAX = 20_000
_SVG_BYTES_MAX = 512 * 1024


@dataclass(frozen=True, slots=True)
class Asked:
    """`plain`: the text itself, where there is something better. `member`: of an archive."""

    plain: bool = False
    member: str | None = None


@dataclass(frozen=True, slots=True)
class Shown:
    """`view` names the part of the template; `values` are what it needs. `problem` says why there is less than expected.

    `text_lines` counts the lines of a text that is shown whole. `has_plain`: there is a text to switch to.
    """

    kind: Kind
    view: str
    values: dict[str, Any] = field(default_factory=dict)
    problem: str = ""
    text_lines: int | None = None
    has_plain: bool = False
    is_text: bool = False


def read(repo: Repo, entry: Entry, asked: Asked) -> Shown:
    """Reads no more of the file than is shown. Raises Corrupt, EntryNotFound where the bytes are not there."""
    span = spans.of_entry(repo, entry)
    head = span.at(0, min(kinds.HEAD_BYTES, entry.size))
    kind = kinds.of(entry.path, head)
    if asked.plain and kinds.is_text(head):
        return _text(kind, span, entry)
    try:
        return _VIEWS[kind](kind, span, entry, asked)
    except Unreadable as error:
        less = _text(kind, span, entry) if kinds.is_text(head) else _binary(kind, span, entry, asked)
        return Shown(kind, less.view, less.values, str(error), less.text_lines, is_text=less.is_text)


def text_of(repo: Repo, entry: Entry) -> str | None:
    """The whole text of a file that can be edited in a page; None for what is too large, or no text."""
    if entry.sha256 is not None or entry.size > kinds.TEXT_BYTES_MAX:
        return None
    data = files.read_blob(repo, entry.oid)
    try:
        return None if b"\0" in data else data.decode()
    except UnicodeDecodeError:
        return None


# --- text -------------------------------------------------------------------------------------------------------------


def _text(kind: Kind, span: Span, entry: Entry) -> Shown:
    if entry.size > kinds.TEXT_BYTES_MAX:
        return Shown(kind, "too_large", {"most": kinds.TEXT_BYTES_MAX}, is_text=True)
    text = span.at(0, entry.size).decode("utf-8", "replace")
    lines = highlighted(text, entry.path)
    if len(lines) > _LINES_MAX:
        return Shown(kind, "too_large", {"most": kinds.TEXT_BYTES_MAX}, is_text=True)
    return Shown(kind, "code", {"lines": lines}, text_lines=len(lines), is_text=True)


def highlighted(text: str, _name: str) -> list[Markup]:
    """The lines of a text, as git counts them."""
    lines = text.replace("\r\n", "\n").split("\n")
    return [escape(line) for line in (lines[:-1] if not lines[-1] else lines)]


def _plain(kind: Kind, span: Span, entry: Entry, _asked: Asked) -> Shown:
    return _text(kind, span, entry)


def _table(kind: Kind, span: Span, entry: Entry, _asked: Asked) -> Shown:
    head = span.at(0, min(tables.HEAD_BYTES, entry.size))
    table = tables.read(head, entry.path, is_whole=len(head) == entry.size)
    return Shown(kind, "table", {"table": table}, has_plain=entry.size <= kinds.TEXT_BYTES_MAX, is_text=True)


# --- pictures, sound --------------------------------------------------------------------------------------------------


def _image(kind: Kind, span: Span, entry: Entry, _asked: Asked) -> Shown:
    return Shown(kind, "image", {"pixels": images.size(span.at(0, min(images.HEAD_BYTES, entry.size)))})


def _svg(kind: Kind, span: Span, entry: Entry, _asked: Asked) -> Shown:
    """As an image inside the page: there nothing in it runs or loads. Its own address shows it as text (F-RAW)."""
    if entry.size > _SVG_BYTES_MAX:
        return _text(kind, span, entry)
    data = base64.b64encode(span.at(0, entry.size)).decode()
    return Shown(kind, "svg", {"source": f"data:image/svg+xml;base64,{data}"}, has_plain=True, is_text=True)


def _media(kind: Kind, _span: Span, _entry: Entry, _asked: Asked) -> Shown:
    return Shown(kind, kind.value)


# --- what has an inside ------------------------------------------------------------------------------------------------


def _archive(kind: Kind, span: Span, entry: Entry, asked: Asked) -> Shown:
    if asked.member is None:
        return Shown(kind, "archive", {"listing": archives.listing(span, entry.path)})
    data = archives.head(span, entry.path, asked.member)
    member: dict[str, Any] = {"name": asked.member, "is_cut": len(data) >= archives.MEMBER_BYTES_MAX}
    if kinds.is_text(data):
        return Shown(kind, "member", member | {"lines": highlighted(data.decode("utf-8", "replace"), asked.member)})
    return Shown(kind, "member", member | {"rows": kinds.hex_rows(data)})


def _arrays(kind: Kind, span: Span, entry: Entry, _asked: Asked) -> Shown:
    return Shown(kind, "arrays", {"arrays": arrays.read(span, entry.path)})


def _pickle(kind: Kind, span: Span, _entry: Entry, _asked: Asked) -> Shown:
    imports, is_whole = pickles.read(span)
    return Shown(kind, "pickle", {"imports": imports, "is_whole": is_whole})


def _binary(kind: Kind, span: Span, entry: Entry, _asked: Asked) -> Shown:
    return Shown(kind, "binary", {"rows": kinds.hex_rows(span.at(0, min(512, entry.size)))})


_VIEWS = {
    **dict.fromkeys((Kind.MARKDOWN, Kind.NOTEBOOK, Kind.JSON, Kind.TEXT), _plain),
    Kind.TABLE: _table,
    Kind.IMAGE: _image,
    Kind.SVG: _svg,
    **dict.fromkeys((Kind.AUDIO, Kind.VIDEO, Kind.PDF), _media),
    Kind.ARCHIVE: _archive,
    Kind.ARRAYS: _arrays,
    Kind.PICKLE: _pickle,
    **dict.fromkeys((Kind.SAFETENSORS, Kind.GGUF, Kind.PARQUET, Kind.BINARY), _binary),
}
