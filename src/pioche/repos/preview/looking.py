"""A look into a file by a worker, which alone touches what the file says of itself: a bomb costs one process, once.

The worker asks for parts of the file as it needs them; nothing of it is unpacked or parsed in the process that serves pages.
"""

import msgspec

from pioche.errors import EntryNotFound
from pioche.render.renderer import Renderer
from pioche.render.results import Problem
from pioche.repos.preview.archives import Listing
from pioche.repos.preview.arrays import Array
from pioche.repos.preview.columns import Columns
from pioche.repos.preview.documents import Document
from pioche.repos.preview.graphs import Graph
from pioche.repos.preview.kinds import Kind
from pioche.repos.preview.pdfs import Pdf
from pioche.repos.preview.pickles import Import
from pioche.repos.preview.spans import Span, Unreadable
from pioche.repos.preview.weights import Weights

PARSES = "pioche.repos.preview.worker"
"""The program of the workers that look into files."""
_SECONDS = 8


class Look(msgspec.Struct, frozen=True):
    """`name` is the file's, without its folder; `member` one of an archive."""

    kind: Kind
    name: str
    size: int
    member: str | None = None


class Seen(msgspec.Struct, frozen=True):
    """What there is in a file: one of these, by its kind. `unreadable` says why there is nothing; `is_absent`: the archive has
    no such member; `is_whole`: the imports of a pickle are all that there are."""

    listing: Listing | None = None
    head: bytes | None = None
    arrays: list[Array] | None = None
    imports: list[Import] | None = None
    is_whole: bool = True
    weights: Weights | None = None
    columns: Columns | None = None
    graph: Graph | None = None
    pdf: Pdf | None = None
    document: Document | None = None
    unreadable: str = ""
    is_absent: bool = False


def look(renderer: Renderer, file_id: str, span: Span, wanted: Look) -> Seen:
    """`file_id` names the bytes for good. Raises Unreadable, EntryNotFound for a member that is not there."""
    seen = renderer.parse(file_id, wanted, Seen, span.direct, _SECONDS)
    if isinstance(seen, Problem):
        raise Unreadable(_SAID[seen])
    if seen.is_absent:
        raise EntryNotFound(f"{(wanted.member or '')[:200]!r} is not in this archive")
    if seen.unreadable:
        raise Unreadable(seen.unreadable)
    return seen


_SAID = {
    Problem.TOO_COSTLY: "looking into it took more time or memory than it may",
    Problem.BUSY: "the hub is busy: try again in a minute",
    Problem.TOO_LARGE: "it is too large",
    Problem.UNREADABLE: "it is not what its name says",
}
