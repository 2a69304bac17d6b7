"""Entries (files and folders of a revision) and their bytes.

The tip of the default branch is read from the table `entries`; every other commit from git, and remembered: what a
commit holds never changes.
"""

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

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


@dataclass(frozen=True, slots=True)
class Entry:
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
            return Located(resolved, _entry(row[2:]))
    raise EntryNotFound(commit=resolved.commit)


def _entry(row: Row) -> Entry:
    path, mode, oid, size, sha256, pointer_size, xet_hash, last_commit = row
    return Entry(path, mode, oid, size, sha256, pointer_size, xet_hash, last_commit)


_memory: OrderedDict[tuple[str, Oid, str], Entry] = OrderedDict()


def _remembered(repo: Repo, commit: Oid, path: str) -> Entry:
    key = (repo.uid, commit, path)
    found = _memory.get(key)
    if found is None:
        tree = repo.objects.commit(commit).tree
        git_entry = repo.objects.find(tree, path) if path else TreeEntry(MODE_TREE, "", tree)
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


# --- many files -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Page:
    """Some entries, and the path after which the next page begins (None at the end)."""

    entries: list[Entry]
    next_after: str | None


def list_folder(repo: Repo, revision: Revision, folder: str, *, after: str = "", limit: int = 1000) -> Page:
    """What is directly in a folder, folders first. `after` is `next_after` of the page before.

    Raises EntryNotFound when there is no such folder.
    """
    rows = _folder_of_tip(repo, folder) if revision.is_tip else _folder_of_commit(repo, revision.commit, folder)
    if not rows and folder:
        raise _no_folder(revision, folder)
    rows.sort(key=lambda entry: (not entry.is_folder, entry.path.encode(errors="surrogateescape")))
    start = 0
    if after:
        start = next((number + 1 for number, entry in enumerate(rows) if entry.path == after), len(rows))
    page = rows[start : start + limit]
    if not revision.is_tip:
        page = describe(repo, [(entry.path, TreeEntry(entry.mode, "", entry.oid)) for entry in page])
    return Page(page, page[-1].path if start + limit < len(rows) else None)


def _folder_of_tip(repo: Repo, folder: str) -> list[Entry]:
    table = schema.entries
    with repo.database.read() as connection:
        query = sa.select(*_ENTRY_COLUMNS).where(table.c.repo_id == repo.id, table.c.parent == folder)
        return [_entry(tuple(row)) for row in connection.execute(query)]


_ENTRY_COLUMNS = [
    schema.entries.c[name]
    for name in ("path", "mode", "oid", "size", "sha256", "pointer_size", "xet_hash", "last_commit")
]


def _folder_of_commit(repo: Repo, commit: Oid, folder: str) -> list[Entry]:
    objects = repo.objects
    tree = objects.commit(commit).tree
    if folder:
        found = objects.find(tree, folder)
        if found is None or not found.is_tree:
            return []
        tree = found.oid
    prefix = f"{folder}/" if folder else ""
    return [Entry(prefix + entry.name, entry.mode, entry.oid, 0) for entry in objects.tree(tree)]


def list_all(repo: Repo, revision: Revision, folder: str = "", *, after: str = "", limit: int = 1000) -> Page:
    """Everything below a folder, each folder before what is in it, in byte order. Raises EntryNotFound."""
    if revision.is_tip:
        entries = _all_of_tip(repo, folder, after, limit + 1)
    else:
        entries = _all_of_commit(repo, revision, folder, after, limit + 1)
    if not entries and folder and not after:
        raise _no_folder(revision, folder)
    more = len(entries) > limit
    return Page(entries[:limit], entries[limit - 1].path if more else None)


def _all_of_tip(repo: Repo, folder: str, after: str, limit: int) -> list[Entry]:
    table = schema.entries
    query = sa.select(*_ENTRY_COLUMNS).where(table.c.repo_id == repo.id, table.c.path > after)
    if folder:
        # "0" is the character after "/": exactly the paths that begin with `folder/`.
        query = query.where(table.c.path > f"{folder}/", table.c.path < f"{folder}0")
    with repo.database.read() as connection:
        rows = connection.execute(query.order_by(table.c.path).limit(limit))
        return [_entry(tuple(row)) for row in rows]


def _all_of_commit(repo: Repo, revision: Revision, folder: str, after: str, limit: int) -> list[Entry]:
    objects = repo.objects
    tree = objects.commit(revision.commit).tree
    if folder:
        found = objects.find(tree, folder)
        if found is None or not found.is_tree:
            return []
        tree = found.oid
    everything = sorted(
        _walk(repo, tree, f"{folder}/" if folder else ""), key=lambda pair: pair[0].encode(errors="surrogateescape")
    )
    page = [pair for pair in everything if pair[0] > after][:limit]
    return describe(repo, page)


def _walk(repo: Repo, tree: Oid, prefix: str) -> Iterator[tuple[str, TreeEntry]]:
    for entry in repo.objects.tree(tree):
        yield prefix + entry.name, entry
        if entry.is_tree:
            yield from _walk(repo, entry.oid, f"{prefix}{entry.name}/")


def _no_folder(revision: Revision, folder: str) -> EntryNotFound:
    return EntryNotFound(f'{folder} does not exist on "{revision.text}"', commit=revision.commit)


def at_paths(repo: Repo, revision: Revision, paths: list[str]) -> list[Entry]:
    """Those of `paths` that exist, in the order asked."""
    found = list[Entry]()
    for path in dict.fromkeys(path.strip("/") for path in paths):
        try:
            found.append(locate_sync(repo, revision.commit, path).entry)
        except EntryNotFound:
            continue  # absent paths are left out, as on the Hub
    return found


def with_last_commits(repo: Repo, revision: Revision, entries: list[Entry]) -> list[Entry]:
    """Fills `last_commit` where it is not known from the table, by a walk through history."""
    unknown = {entry.path for entry in entries if not entry.last_commit}
    if not unknown:
        return entries
    found = repo.objects.last_commits(revision.commit, unknown)
    return [entry if entry.last_commit else replace(entry, last_commit=found[entry.path]) for entry in entries]


def total_size(repo: Repo, revision: Revision, folder: str = "") -> int:
    """Bytes of all files below a folder. Raises EntryNotFound."""
    if not revision.is_tip:
        return sum(entry.size for entry in list_all(repo, revision, folder, limit=2**31).entries)
    table = schema.entries
    query = sa.select(sa.func.coalesce(sa.func.sum(table.c.size), 0)).where(table.c.repo_id == repo.id)
    if folder:
        list_all(repo, revision, folder, limit=1)
        query = query.where(table.c.path > f"{folder}/", table.c.path < f"{folder}0")
    with repo.database.read() as connection:
        return int(connection.execute(query).scalar_one())


# --- bytes ----------------------------------------------------------------------------------------------------------


def read_blob(repo: Repo, oid: Oid) -> bytes:
    """A regular file's bytes, or a large file's pointer. Raises Corrupt when the object is gone."""
    try:
        return repo.objects.blob(oid)
    except ObjectMissing:
        raise Corrupt("A stored object is missing") from None


def content(repo: Repo, entry: Entry) -> Content:
    """Where a large file's bytes are. Raises Corrupt when its link is gone: the entry promised it."""
    assert entry.sha256 is not None, "only large files have contents"  # noqa: S101
    try:
        return repo.stores.contents.get(repo.id, entry.sha256)
    except ContentNotFound:
        raise Corrupt("The bytes of this file are missing") from None


def read_all(repo: Repo, entry: Entry) -> bytes:
    """The whole of a file in memory; for small ones."""
    if entry.sha256 is None:
        return read_blob(repo, entry.oid)
    return b"".join(repo.stores.contents.read(content(repo, entry)))
