"""The process that looks into files: see `looking`; what bounds it is `render.bounded`."""

from collections.abc import Callable

from pioche.errors import EntryNotFound
from pioche.render import bounded
from pioche.repos.preview import archives, arrays, columns, documents, graphs, pdfs, pickles, weights
from pioche.repos.preview.kinds import Kind
from pioche.repos.preview.looking import Look, Seen
from pioche.repos.preview.spans import Span, Unreadable

_BYTES_MAX = {Kind.GRAPH: 24 * 2**20, Kind.PARQUET: 48 * 2**20, Kind.JSON: documents.BYTES_MAX}
_BYTES_MAX_ELSE = 8 * 2**20


def perform(look: Look, fetch: Callable[[int, int], bytes]) -> Seen:
    """What there is in the file that `fetch` reads."""
    is_graph = look.kind is Kind.GRAPH  # many small parts with weights between them
    span = Span(
        fetch,
        look.size,
        bytes_max=_BYTES_MAX.get(look.kind, _BYTES_MAX_ELSE),
        reads_max=2_000_000 if is_graph else 50_000,
        block=8 * 1024 if is_graph else 64 * 1024,
    )
    try:
        return _VIEWS[look.kind](span, look)
    except EntryNotFound:
        return Seen(is_absent=True)
    except Unreadable as error:
        return Seen(unreadable=str(error) or "it is cut short")


def _archive(span: Span, look: Look) -> Seen:
    if look.member is not None:
        return Seen(head=archives.head(span, look.name, look.member))
    return Seen(listing=archives.listing(span, look.name))


def _pickle(span: Span, _look: Look) -> Seen:
    imports, is_whole = pickles.read(span)
    return Seen(imports=imports, is_whole=is_whole)


_VIEWS: dict[Kind, Callable[[Span, Look], Seen]] = {
    Kind.ARCHIVE: _archive,
    Kind.PICKLE: _pickle,
    Kind.ARRAYS: lambda span, look: Seen(arrays=arrays.read(span, look.name)),
    Kind.SAFETENSORS: lambda span, _look: Seen(weights=weights.read(span, is_gguf=False)),
    Kind.GGUF: lambda span, _look: Seen(weights=weights.read(span, is_gguf=True)),
    Kind.PARQUET: lambda span, _look: Seen(columns=columns.read(span)),
    Kind.GRAPH: lambda span, _look: Seen(graph=graphs.read(span)),
    Kind.PDF: lambda span, _look: Seen(pdf=pdfs.read(span)),
    Kind.JSON: lambda span, look: Seen(document=documents.read(span, look.name)),
}


if __name__ == "__main__":
    bounded.serve(Look, perform)
