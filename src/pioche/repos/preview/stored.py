"""Where the bytes of a file come from that is looked into."""

from pioche.repos import files
from pioche.repos.access import Repo
from pioche.repos.files import Entry
from pioche.repos.preview.spans import Span, of_bytes

_BYTES_MAX = 64 * 2**20
_READS_MAX = 50_000


def span(repo: Repo, entry: Entry) -> Span:
    """Of a file, however it is kept. Raises Corrupt, EntryNotFound where its bytes are not there."""
    if entry.sha256 is None:
        return of_bytes(files.read_blob(repo, entry.oid), bytes_max=_BYTES_MAX, reads_max=_READS_MAX)
    content = files.content(repo, entry)
    contents = repo.stores.contents

    def fetch(start: int, end: int) -> bytes:
        return b"".join(contents.read(content, start, end))

    return Span(fetch, content.size, bytes_max=_BYTES_MAX, reads_max=_READS_MAX)
