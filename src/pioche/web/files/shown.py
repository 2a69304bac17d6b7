"""What a page shows of a file: its text, its rows, its members, its picture; or why it shows less."""

import base64
from dataclasses import dataclass, field
from typing import Any, Protocol

from pioche.render.jobs import Links
from pioche.render.renderer import Renderer, Source
from pioche.repos import files
from pioche.repos.access import Repo
from pioche.repos.files import Entry
from pioche.repos.preview import archives, arrays, images, kinds, pickles, spans, weights
from pioche.repos.preview.kinds import Kind
from pioche.repos.preview.spans import Span, Unreadable
from pioche.web.files import json_tree

_LINES_MAX = 20_000
_SVG_BYTES_MAX = 512 * 1024
_NOTEBOOK_BYTES_MAX = 8 * 2**20
_TABLE_HEAD_BYTES = 512 * 1024


@dataclass(frozen=True, slots=True)
class Asked:
    """`plain`: the text itself, where there is something better. `folds`: JSON as a tree. `member`: of an archive."""

    plain: bool = False
    folds: bool = False
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


@dataclass(frozen=True, slots=True)
class File:
    """What is to be shown, and with what. Relative addresses in it lead to where `links` says."""

    kind: Kind
    span: Span
    entry: Entry
    asked: Asked
    renderer: Renderer
    links: Links

    @property
    def id(self) -> str:
        """Names the bytes for good."""
        return self.entry.sha256 or self.entry.oid

    def whole(self) -> bytes:
        return self.span.at(0, self.entry.size)

    def source(self) -> Source:
        return Source(self.id, self.whole)


class _View(Protocol):
    def __call__(self, file: File) -> Shown: ...


def read(repo: Repo, entry: Entry, asked: Asked, renderer: Renderer, links: Links) -> Shown:
    """Reads no more of the file than is shown. Raises Corrupt, EntryNotFound where the bytes are not there."""
    span = spans.of_entry(repo, entry)
    head = span.at(0, min(kinds.HEAD_BYTES, entry.size))
    file = File(kinds.of(entry.path, head), span, entry, asked, renderer, links)
    if asked.plain and kinds.is_text(head):
        return _text(file)
    try:
        return _VIEWS[file.kind](file)
    except Unreadable as error:
        less = _text(file) if kinds.is_text(head) else _binary(file)
        return Shown(file.kind, less.view, less.values, str(error), less.text_lines, is_text=less.is_text)


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


def _text(file: File) -> Shown:
    too_large = Shown(file.kind, "too_large", {"most": kinds.TEXT_BYTES_MAX}, is_text=True)
    if file.entry.size > kinds.TEXT_BYTES_MAX:
        return too_large
    code = file.renderer.code(file.source(), file.entry.path)
    if len(code.lines) > _LINES_MAX:
        return too_large
    values = {"lines": code.lines, "language": code.language}
    return Shown(file.kind, "code", values, text_lines=len(code.lines), is_text=True)


def _json(file: File) -> Shown:
    if not file.asked.folds or file.entry.size > json_tree.BYTES_MAX:
        return _text(file)
    return Shown(file.kind, "json", {"tree": json_tree.tree(file.whole())}, is_text=True)


def _markdown(file: File) -> Shown:
    if file.entry.size > kinds.TEXT_BYTES_MAX:
        return _text(file)
    values = {"html": file.renderer.markdown(file.source(), file.links).html}
    return Shown(file.kind, "rendered", values, has_plain=True, is_text=True)


def _notebook(file: File) -> Shown:
    if file.entry.size > _NOTEBOOK_BYTES_MAX:
        return _text(file)
    found = file.renderer.notebook(file.source(), file.links)
    if found.problem is not None:
        raise Unreadable(f"as a notebook it is {found.problem.value.replace('_', ' ')}")
    has_plain = file.entry.size <= kinds.TEXT_BYTES_MAX
    return Shown(file.kind, "rendered", {"html": found.html}, has_plain=has_plain, is_text=True)


def _table(file: File) -> Shown:
    head = file.span.at(0, min(_TABLE_HEAD_BYTES, file.entry.size))
    is_whole = len(head) == file.entry.size
    table = file.renderer.table(Source(file.id, lambda: head), file.entry.path, is_whole=is_whole)
    if table.problem is not None:
        raise Unreadable(f"as a table it is {table.problem.value.replace('_', ' ')}")
    has_plain = file.entry.size <= kinds.TEXT_BYTES_MAX
    return Shown(file.kind, "table", {"table": table}, has_plain=has_plain, is_text=True)


# --- pictures, sound --------------------------------------------------------------------------------------------------


def _image(file: File) -> Shown:
    head = file.span.at(0, min(images.HEAD_BYTES, file.entry.size))
    return Shown(file.kind, "image", {"pixels": images.size(head)})


def _svg(file: File) -> Shown:
    """As an image inside the page: there nothing in it runs or loads. Its own address shows it as text (F-RAW)."""
    if file.entry.size > _SVG_BYTES_MAX:
        return _text(file)
    data = base64.b64encode(file.whole()).decode()
    return Shown(file.kind, "svg", {"source": f"data:image/svg+xml;base64,{data}"}, has_plain=True, is_text=True)


def _media(file: File) -> Shown:
    return Shown(file.kind, file.kind.value)


# --- what has an inside ------------------------------------------------------------------------------------------------


def _archive(file: File) -> Shown:
    member = file.asked.member
    if member is None:
        return Shown(file.kind, "archive", {"listing": archives.listing(file.span, file.entry.path)})
    data = archives.head(file.span, file.entry.path, member)
    values: dict[str, Any] = {"name": member, "is_cut": len(data) >= archives.MEMBER_BYTES_MAX}
    if kinds.is_text(data[: kinds.HEAD_BYTES]):
        values["lines"] = file.renderer.code(Source.of(data), member).lines
    else:
        values["rows"] = kinds.hex_rows(data)
    return Shown(file.kind, "member", values)


def _weights(file: File) -> Shown:
    found = weights.read(file.span, is_gguf=file.kind is Kind.GGUF)
    return Shown(file.kind, "weights", {"weights": found})


def _arrays(file: File) -> Shown:
    return Shown(file.kind, "arrays", {"arrays": arrays.read(file.span, file.entry.path)})


def _pickle(file: File) -> Shown:
    imports, is_whole = pickles.read(file.span)
    return Shown(file.kind, "pickle", {"imports": imports, "is_whole": is_whole})


def _binary(file: File) -> Shown:
    return Shown(file.kind, "binary", {"rows": kinds.hex_rows(file.span.at(0, min(512, file.entry.size)))})


_VIEWS: dict[Kind, _View] = {
    Kind.MARKDOWN: _markdown,
    Kind.NOTEBOOK: _notebook,
    Kind.TABLE: _table,
    Kind.JSON: _json,
    Kind.TEXT: _text,
    Kind.IMAGE: _image,
    Kind.SVG: _svg,
    **dict.fromkeys((Kind.AUDIO, Kind.VIDEO, Kind.PDF), _media),
    Kind.ARCHIVE: _archive,
    **dict.fromkeys((Kind.SAFETENSORS, Kind.GGUF), _weights),
    Kind.ARRAYS: _arrays,
    Kind.PICKLE: _pickle,
    **dict.fromkeys((Kind.PARQUET, Kind.BINARY), _binary),
}
