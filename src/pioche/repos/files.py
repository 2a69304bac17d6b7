"""One entry (a file or folder of a revision) and its bytes. Many at once: `pioche.repos.listing`.

The tip of the default branch is read from the table `entries`; every other commit from git, and remembered: what a
commit holds never changes.
"""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

import msgspec
import sqlalchemy as sa

from pioche.db import schema
from pioche.db.engine import Lookup, Row
from pioche.errors import ContentNotFound, Corrupt, EntryNotFound
from pioche.git.objects import MODE_GITLINK, MODE_TREE, ObjectMissing, TreeEntry
from pioche.names import Oid, Sha256
from pioche.repos import revisions
from pioche.repos.access import Repo
from pioche.repos.revisions import Revision
from pioche.storage.contents import Content

_REMEMBERED_MAX = 50_000
_BATCH = 500


class Entry(msgspec.Struct, frozen=True, gc=False):  # a dataclass takes five times as long to make
    """A file or folder. `size` is the real size; `oid` the git blob (of the pointer, for a large file) or tree.

    `sha256`, `pointer_size` are those of a large file; `xet_hash` is set when it is kept as chunks.
    `last_commit` is empty where nobody asked for it (see `history.last_commits`).
    """

    path: str
    mode: int
    oid: Oid
    size: int
    sha256: Sha256 | None = None
    pointer_size: int | None = None
    xet_hash: str | None = None
    last_commit: Oid = Oid("")

    @property
    def is_folder(self) -> bool:
        return self.mode == MODE_TREE

    @property
    def is_file(self) -> bool:
        """False for folders and submodules, which have no bytes."""
        return self.mode not in (MODE_TREE, MODE_GITLINK)


@dataclass(frozen=True, slots=True)
class Located:
    """An entry at a resolved revision."""

    revision: Revision
    entry: Entry

    @property
    def commit(self) -> Oid:
        return self.revision.commit


# --- one file: the hot path -----------------------------------------------------------------------------------------

# Resolves the revision and finds the file at the tip, in one go.
_LOCATE = Lookup(
    """
    SELECT r.name, r."commit", e.path, e.mode, e.oid, e.size, e.sha256, e.pointer_size, e.xet_hash, e.last_commit
    FROM refs r LEFT JOIN entries e ON r.name = 'refs/heads/main' AND e.repo_id = r.repo_id AND e.path = :path
    WHERE r.repo_id = :repo AND r.name IN (:first, :second, 'refs/heads/main')
    """
)


async def locate(repo: Repo, revision: str, path: str) -> Located:
    """The file or folder at `path`. Raises RevisionNotFound, EntryNotFound (which carries the commit)."""
    first, second = revisions.candidates(revision)
    rows = await repo.database.fetch_all(_LOCATE, {"repo": repo.id, "path": path, "first": first, "second": second})
    return _decide(repo, revision, path, rows)


def locate_sync(repo: Repo, revision: str, path: str) -> Located:
    """As `locate`, in a thread."""
    first, second = revisions.candidates(revision)
    rows = repo.database.fetch_all_sync(_LOCATE, {"repo": repo.id, "path": path, "first": first, "second": second})
    return _decide(repo, revision, path, rows)


def _decide(repo: Repo, text: str, path: str, rows: list[Row]) -> Located:
    resolved = revisions.decide(repo, text, [(row[0], row[1]) for row in rows])
    if not resolved.is_tip:
        return Located(resolved, _remembered(repo, resolved.commit, path))
    for row in rows:
        if row[2] is not None:
            return Located(resolved, from_row(row[2:]))
    raise EntryNotFound(commit=resolved.commit)


ENTRY_COLUMNS = [
    schema.entries.c[name]
    for name in ("path", "mode", "oid", "size", "sha256", "pointer_size", "xet_hash", "last_commit")
]


def from_row(row: Row) -> Entry:
    """From the columns ENTRY_COLUMNS."""
    path, mode, oid, size, sha256, pointer_size, xet_hash, last_commit = row
    return Entry(path, mode, oid, size, sha256, pointer_size, xet_hash, last_commit)


_memory: OrderedDict[tuple[str, Oid, str], Entry] = OrderedDict()


def _remembered(repo: Repo, commit: Oid, path: str) -> Entry:
    key = (repo.uid, commit, path)
    found = _memory.get(key)
    if found is None:
        tree = repo.objects.commit(commit).tree
        git_entry = repo.objects.find(tree, path)
        if git_entry is None:
            raise EntryNotFound(commit=commit)
        found = describe(repo, [(path, git_entry)])[0]
        _memory[key] = found
        while len(_memory) > _REMEMBERED_MAX:
            _memory.popitem(last=False)
    return found


def describe(repo: Repo, found: Iterable[tuple[str, TreeEntry]]) -> list[Entry]:
    """Entries with real sizes for what git's trees list."""
    found = list(found)
    pointers = _pointers(repo, [entry.oid for _, entry in found if not entry.is_tree])
    contents = repo.stores.contents.find(repo.id, list({sha256 for sha256, _, _ in pointers.values()}))
    return [_described(repo, path, entry, pointers, contents) for path, entry in found]


def _described(
    repo: Repo,
    path: str,
    entry: TreeEntry,
    pointers: dict[Oid, tuple[Sha256, int, int]],
    contents: dict[Sha256, Content],
) -> Entry:
    if entry.is_tree or entry.mode == MODE_GITLINK:
        return Entry(path, entry.mode, entry.oid, 0)
    if entry.oid not in pointers:
        return Entry(path, entry.mode, entry.oid, repo.objects.size(entry.oid))
    sha256, size, pointer_size = pointers[entry.oid]
    content = contents.get(sha256)
    return Entry(path, entry.mode, entry.oid, size, sha256, pointer_size, content.xet_hash if content else None)


def _pointers(repo: Repo, oids: list[Oid]) -> dict[Oid, tuple[Sha256, int, int]]:
    table = schema.pointers
    found = dict[Oid, tuple[Sha256, int, int]]()
    with repo.database.read() as connection:
        for start in range(0, len(oids), _BATCH):
            query = sa.select(table).where(table.c.repo_id == repo.id, table.c.oid.in_(oids[start : start + _BATCH]))
            for row in connection.execute(query):
                found[Oid(row.oid)] = (Sha256(row.sha256), row.size, row.pointer_size)
    return found


# --- bytes ----------------------------------------------------------------------------------------------------------


def read_blob(repo: Repo, oid: Oid) -> bytes:
    """A regular file's bytes, or a large file's pointer. Raises Corrupt when the object is gone."""
    try:
        return repo.objects.blob(oid)
    except ObjectMissing:
        raise Corrupt("A stored object is missing") from None


def content(repo: Repo, entry: Entry) -> Content:
    """Where a large file's bytes are. Raises as `absent` says when its link is gone."""
    assert entry.sha256 is not None, "only large files have contents"  # noqa: S101
    try:
        return repo.stores.contents.get(repo.id, entry.sha256)
    except ContentNotFound:
        raise absent(repo, entry.sha256) from None


def absent(repo: Repo, sha256: Sha256) -> EntryNotFound | Corrupt:
    """Why a large file that an entry names has no bytes: it was removed for good, or the entry promised too much."""
    if repo.stores.contents.was_removed(repo.id, sha256):
        return EntryNotFound("This large file was removed from the repo for good")
    return Corrupt("The bytes of this file are missing")


def read_all(repo: Repo, entry: Entry) -> bytes:
    """The whole of a file in memory; for small ones."""
    if entry.sha256 is None:
        return read_blob(repo, entry.oid)
    return b"".join(repo.stores.contents.read(content(repo, entry)))
