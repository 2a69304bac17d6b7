"""What a page shows of a file: its text, its rows, its members, its picture; or why it shows less."""

import base64
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from pioche.render.jobs import Links
from pioche.render.renderer import FOLDED_BYTES_MAX, Renderer, Source
from pioche.repos import files
from pioche.repos.access import Repo
from pioche.repos.files import Entry
from pioche.repos.preview import archives, documents, images, kinds, looking, stored
from pioche.repos.preview.kinds import Kind
from pioche.repos.preview.looking import Look, Seen
from pioche.repos.preview.spans import Span, Unreadable

_LINES_MAX = 20_000
_SVG_BYTES_MAX = 512 * 1024
_NOTEBOOK_BYTES_MAX = 8 * 2**20
_TABLE_HEAD_BYTES = 512 * 1024
_PDF_BYTES_MAX = 64 * 2**20
"""Its pages are fetched piece by piece, and drawn as they are looked at."""


@dataclass(frozen=True, slots=True)
class Asked:
    """`plain`: the text itself, where there is something better. `folds`: JSON as a tree. `member`: of an archive."""

    plain: bool = False
    folds: bool = False
    member: str | None = None


@dataclass(frozen=True, slots=True)
class Shown:
    """`view` names the part of the template; `values` are what it needs. `problem` says why there is less than expected.

    `text_lines` counts the lines of a text that is shown whole. `has_plain`: there is a text to switch to; `has_overview`: of
    JSON, more than the text and its tree.
    """

    kind: Kind
    view: str
    values: dict[str, Any] = field(default_factory=dict)
    problem: str = ""
    text_lines: int | None = None
    has_plain: bool = False
    is_text: bool = False
    has_overview: bool = False


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

    @property
    def name(self) -> str:
        return self.entry.path.rpartition("/")[2]

    def look(self, member: str | None = None) -> Seen:
        """What a worker finds in it. Raises Unreadable, EntryNotFound for a member that is not there."""
        return looking.look(self.renderer, self.id, self.span, Look(self.kind, self.name, self.entry.size, member))

    def whole(self) -> bytes:
        return self.span.at(0, self.entry.size)

    def source(self) -> Source:
        return Source(self.id, self.whole)


class _View(Protocol):
    def __call__(self, file: File) -> Shown: ...


def read(repo: Repo, entry: Entry, asked: Asked, renderer: Renderer, links: Links) -> Shown:
    """Reads no more of the file than is shown. Raises Corrupt, EntryNotFound where the bytes are not there."""
    span = stored.span(repo, entry)
    head = span.at(0, min(kinds.HEAD_BYTES, entry.size))
    file = File(kinds.of(entry.path, head), span, entry, asked, renderer, links)
    if asked.plain and kinds.is_text(head):
        return replace(_text(file), has_overview=file.kind is Kind.JSON and documents.is_known(file.name))
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
    has_overview = documents.is_known(file.name)
    if file.asked.folds:
        found = file.renderer.folded(file.source()) if file.entry.size <= FOLDED_BYTES_MAX else None
        if found is None or found.problem is not None:
            raise Unreadable(
                f"as a tree it is {found.problem.value if found and found.problem else 'too_large'}".replace("_", " ")
            )
        return Shown(file.kind, "json", {"tree": found.html}, is_text=True, has_overview=has_overview)
    if not has_overview:
        return _text(file)
    values = {"document": file.look().document}
    return Shown(file.kind, "document", values, is_text=True, has_overview=True)


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


def _pdf(file: File) -> Shown:
    """What it says of itself; its pages are drawn by a script of the page, which runs nothing of the file. The browser's own
    reader would need a frame with the hub's address (F-RAW, decision 19)."""
    return Shown(file.kind, "pdf", {"pdf": file.look().pdf, "may_be_drawn": file.entry.size <= _PDF_BYTES_MAX})


# --- what has an inside ------------------------------------------------------------------------------------------------


def _archive(file: File) -> Shown:
    member = file.asked.member
    if member is None:
        return Shown(file.kind, "archive", {"listing": file.look().listing})
    data = file.look(member).head or b""
    is_cut = len(data) >= archives.MEMBER_BYTES_MAX
    values: dict[str, Any] = {"name": member, "is_cut": is_cut}
    picture = images.media_type(data)
    if picture and not is_cut:
        values["picture"] = f"data:{picture};base64,{base64.b64encode(data).decode()}"
    elif kinds.is_text(data[: kinds.HEAD_BYTES]):
        values["lines"] = file.renderer.code(Source.of(data), member).lines
    else:
        values["rows"] = kinds.hex_rows(data)
    return Shown(file.kind, "member", values)


def _weights(file: File) -> Shown:
    return Shown(file.kind, "weights", {"weights": file.look().weights})


def _arrays(file: File) -> Shown:
    return Shown(file.kind, "arrays", {"arrays": file.look().arrays})


def _pickle(file: File) -> Shown:
    seen = file.look()
    return Shown(file.kind, "pickle", {"imports": seen.imports, "is_whole": seen.is_whole})


def _columns(file: File) -> Shown:
    return Shown(file.kind, "columns", {"columns": file.look().columns})


def _graph(file: File) -> Shown:
    return Shown(file.kind, "graph", {"graph": file.look().graph})


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
    **dict.fromkeys((Kind.AUDIO, Kind.VIDEO), _media),
    Kind.PDF: _pdf,
    Kind.ARCHIVE: _archive,
    **dict.fromkeys((Kind.SAFETENSORS, Kind.GGUF), _weights),
    Kind.ARRAYS: _arrays,
    Kind.PICKLE: _pickle,
    Kind.PARQUET: _columns,
    Kind.GRAPH: _graph,
    Kind.BINARY: _binary,
}
