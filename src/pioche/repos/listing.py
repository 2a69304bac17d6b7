"""Many entries at once: folders, whole trees, given paths; in pages that follow one another by path.

The table `entries` answers while it describes the revision asked for. When the branch has moved on between the look at
the ref and the look at the rows, git answers instead: a listing is always about one commit.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import starmap

import msgspec
import sqlalchemy as sa

from pioche.db import schema
from pioche.db.engine import Lookup
from pioche.errors import EntryNotFound
from pioche.git.objects import MODE_TREE, TreeEntry
from pioche.names import DEFAULT_REF, Oid
from pioche.repos.access import Repo
from pioche.repos.files import ENTRY_COLUMNS, Entry, describe
from pioche.repos.revisions import Revision

_BATCH = 500
_EVERYTHING = 2**31

_entries = schema.entries
_is_folder = _entries.c.mode == MODE_TREE


@dataclass(frozen=True, slots=True)
class Page:
    """Some entries, and what to give as `after` for those that follow (None at the end)."""

    entries: list[Entry]
    next_after: str | None


def folder(repo: Repo, revision: Revision, path: str, *, after: str = "", limit: int = 1000) -> Page:
    """What is directly in a folder, folders first. Raises EntryNotFound when there is no such folder."""
    if at_once := _folder_at_tip(repo, revision, path, after, limit + 1):
        return _page(at_once, limit)
    with _table(repo, revision) as connection:
        if connection is not None:
            found = _folder_rows(connection, repo, path, after, limit + 1)
            if not found and not after:
                _check_folder(connection, repo, revision, path)
            return _page(found, limit)
    level = sorted(_folder_in_git(repo, revision, path), key=_folder_key)
    start = (not after.endswith("/"), after.rstrip("/").encode(errors="surrogateescape")) if after else (False, b"")
    page = [entry for entry in level if _folder_key(entry) > start][: limit + 1]
    return _page(describe(repo, page), limit)


def everything(repo: Repo, revision: Revision, path: str = "", *, after: str = "", limit: int = _EVERYTHING) -> Page:
    """All that is below a folder, each folder before what is in it, in byte order. Raises EntryNotFound."""
    if at_once := _below_at_tip(repo, revision, path, after, limit + 1):
        return _page(at_once, limit, marks_folders=False)
    with _table(repo, revision) as connection:
        if connection is not None:
            query = _select(repo).where(_below(path), _entries.c.path > after).order_by(_entries.c.path)
            found = _rows(connection, query.limit(limit + 1))
            if not found and not after:
                _check_folder(connection, repo, revision, path)
            return _page(found, limit, marks_folders=False)
    walked = sorted(_walk(repo, _tree(repo, revision, path), path), key=_path_key)
    start = after.encode(errors="surrogateescape")
    page = [pair for pair in walked if _path_key(pair) > start][: limit + 1]
    return _page(describe(repo, page), limit, marks_folders=False)


def at_paths(repo: Repo, revision: Revision, paths: list[str]) -> list[Entry]:
    """Those of `paths` that exist, in the order asked; absent ones are left out, as on the public Hub."""
    wanted = [path for path in dict.fromkeys(path.strip("/") for path in paths) if path and "\x00" not in path]
    with _table(repo, revision) as connection:
        if connection is not None:
            found = dict[str, Entry]()
            for start in range(0, len(wanted), _BATCH):
                query = _select(repo).where(_entries.c.path.in_(wanted[start : start + _BATCH]))
                found.update((entry.path, entry) for entry in _rows(connection, query))
            return [found[path] for path in wanted if path in found]
    objects, root = repo.objects, _tree(repo, revision, "")
    return describe(repo, [(path, entry) for path in wanted if (entry := objects.find(root, path)) is not None])


def total_size(repo: Repo, revision: Revision, path: str = "") -> int:
    """Bytes of all files below a folder. Raises EntryNotFound."""
    with _table(repo, revision) as connection:
        if connection is not None:
            _check_folder(connection, repo, revision, path)
            total = sa.select(sa.func.coalesce(sa.func.sum(_entries.c.size), 0))
            return int(connection.execute(total.where(_entries.c.repo_id == repo.id, _below(path))).scalar_one())
    return sum(entry.size for entry in everything(repo, revision, path).entries)


def with_last_commits(repo: Repo, revision: Revision, entries: list[Entry]) -> list[Entry]:
    """Fills `last_commit` where it is not known from the table, by a walk through history."""
    unknown = {entry.path for entry in entries if not entry.last_commit}
    if not unknown:
        return entries
    found = repo.objects.last_commits(revision.commit, unknown)
    return [
        entry if entry.last_commit else msgspec.structs.replace(entry, last_commit=found[entry.path])
        for entry in entries
    ]


# --- from the table, in one statement -------------------------------------------------------------------------------

# What is found is of this commit, whatever happens meanwhile; nothing found says nothing: look closer. On SQLite only,
# where a page is read in a third of the time that SQLAlchemy takes for it.
_COLUMNS = ", ".join(f"e.{column.name}" for column in ENTRY_COLUMNS)
_AT_TIP = f"""
    SELECT {_COLUMNS} FROM refs f JOIN entries e ON e.repo_id = f.repo_id
    WHERE f.repo_id = :repo AND f.name = '{DEFAULT_REF}' AND f."commit" = :commit
"""
_IN_FOLDER = Lookup(
    f"""
    SELECT * FROM ({_AT_TIP} AND e.parent = :path AND e.mode = {MODE_TREE} AND e.path > :after_folder AND :folders
                   ORDER BY e.path LIMIT :limit)
    UNION ALL
    SELECT * FROM ({_AT_TIP} AND e.parent = :path AND e.mode <> {MODE_TREE} AND e.path > :after_file
                   ORDER BY e.path LIMIT :limit)
    """
)
_ALL = Lookup(f"{_AT_TIP} AND e.path > :after ORDER BY e.path LIMIT :limit")
_BELOW = Lookup(f"{_AT_TIP} AND e.path > :after AND e.path > :first AND e.path < :last ORDER BY e.path LIMIT :limit")


def _folder_at_tip(repo: Repo, revision: Revision, path: str, after: str, limit: int) -> list[Entry]:
    if not revision.is_tip or not repo.database.is_sqlite:
        return []
    is_folder = after.endswith("/")
    place = {"repo": repo.id, "commit": revision.commit, "path": path, "limit": limit}
    position = {
        "folders": not after or is_folder,
        "after_folder": after.rstrip("/"),
        "after_file": "" if is_folder else after,
    }
    return list(starmap(Entry, repo.database.fetch_all_sync(_IN_FOLDER, {**place, **position})[:limit]))


def _below_at_tip(repo: Repo, revision: Revision, path: str, after: str, limit: int) -> list[Entry]:
    if not revision.is_tip or not repo.database.is_sqlite:
        return []
    place: dict[str, object] = {"repo": repo.id, "commit": revision.commit, "after": after, "limit": limit}
    if path:
        place |= {"first": f"{path}/", "last": f"{path}0"}  # see _below
    return list(starmap(Entry, repo.database.fetch_all_sync(_BELOW if path else _ALL, place)))


# --- from the table -------------------------------------------------------------------------------------------------


@contextmanager
def _table(repo: Repo, revision: Revision) -> Iterator[sa.Connection | None]:
    """A snapshot in which the table describes the revision; None when it does not, or not any more."""
    if not revision.is_tip:
        yield None
        return
    refs = schema.refs
    query = sa.select(refs.c.commit).where(refs.c.repo_id == repo.id, refs.c.name == DEFAULT_REF)
    with repo.database.read() as connection:
        yield connection if connection.execute(query).scalar() == revision.commit else None


def _select(repo: Repo) -> sa.Select[tuple[object, ...]]:
    return sa.select(*ENTRY_COLUMNS).where(_entries.c.repo_id == repo.id)


def _rows(connection: sa.Connection, query: sa.Select[tuple[object, ...]]) -> list[Entry]:
    return list(starmap(Entry, connection.execute(query).all()))


def _below(path: str) -> sa.ColumnElement[bool]:
    # "0" is the character after "/": exactly the paths that begin with `path/`.
    return sa.true() if not path else (_entries.c.path > f"{path}/") & (_entries.c.path < f"{path}0")


def _folder_rows(connection: sa.Connection, repo: Repo, path: str, after: str, limit: int) -> list[Entry]:
    level = _select(repo).where(_entries.c.parent == path).order_by(_entries.c.path)
    found = list[Entry]()
    if not after or after.endswith("/"):
        found = _rows(connection, level.where(_is_folder, _entries.c.path > after.rstrip("/")).limit(limit))
    if len(found) < limit:
        start = "" if after.endswith("/") else after
        found += _rows(connection, level.where(~_is_folder, _entries.c.path > start).limit(limit - len(found)))
    return found


def _check_folder(connection: sa.Connection, repo: Repo, revision: Revision, path: str) -> None:
    """Folders have rows of their own; the root is always there."""
    query = sa.select(_entries.c.path).where(_entries.c.repo_id == repo.id, _entries.c.path == path, _is_folder)
    if path and connection.execute(query).first() is None:
        raise _no_folder(revision, path)


def _page(found: list[Entry], limit: int, *, marks_folders: bool = True) -> Page:
    """`found` has one more than the page when more follow."""
    if len(found) <= limit:
        return Page(found, None)
    last = found[limit - 1]
    return Page(found[:limit], f"{last.path}/" if marks_folders and last.is_folder else last.path)


# --- from git -------------------------------------------------------------------------------------------------------


def _tree(repo: Repo, revision: Revision, path: str) -> Oid:
    root = repo.objects.commit(revision.commit).tree
    found = repo.objects.find(root, path) if path else TreeEntry(MODE_TREE, "", root)
    if found is None or not found.is_tree:
        raise _no_folder(revision, path)
    return found.oid


def _folder_in_git(repo: Repo, revision: Revision, path: str) -> list[tuple[str, TreeEntry]]:
    prefix = f"{path}/" if path else ""
    return [(prefix + entry.name, entry) for entry in repo.objects.tree(_tree(repo, revision, path))]


def _walk(repo: Repo, tree: Oid, path: str) -> Iterator[tuple[str, TreeEntry]]:
    objects = repo.objects
    pending = [(f"{path}/" if path else "", tree)]
    while pending:
        prefix, oid = pending.pop()
        for entry in objects.tree(oid):
            yield prefix + entry.name, entry
            if entry.is_tree:
                pending.append((f"{prefix}{entry.name}/", entry.oid))


def _path_key(found: tuple[str, TreeEntry]) -> bytes:
    return found[0].encode(errors="surrogateescape")


def _folder_key(found: tuple[str, TreeEntry]) -> tuple[bool, bytes]:
    return not found[1].is_tree, _path_key(found)


def _no_folder(revision: Revision, path: str) -> EntryNotFound:
    return EntryNotFound(f'{path[:200]} does not exist on "{revision.text[:200]}"', commit=revision.commit)
