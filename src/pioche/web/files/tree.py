"""A folder of a revision, and finding a file by a part of its name."""

from collections import OrderedDict
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from pioche.errors import EntryNotFound
from pioche.git.objects import Commit
from pioche.http import cursors
from pioche.http.messages import Request, Response
from pioche.i18n import formats
from pioche.names import Oid
from pioche.repos import files, listing, revisions, scanning, trails
from pioche.repos.access import Repo
from pioche.repos.files import Entry
from pioche.repos.preview.pickles import Import
from pioche.repos.revisions import Revision
from pioche.web import layout
from pioche.web.files import frame
from pioche.web.files.frame import Frame

_PAGE = 1000
_WALKED_MAX = 500
"""Away from the tip the last commit of each file takes a walk through history: only a short one is taken for a page."""
_FOUND_MAX = 50
_PATHS_KEPT = 4
_SIZES_KEPT = 10_000


@dataclass(frozen=True, slots=True)
class _Folder:
    entries: list[Entry]
    next_after: str | None
    commits: dict[Oid, Commit]
    latest: Commit
    commit_count: int
    size: int | None
    contributors: list[tuple[str, int]]
    imports: dict[str, list[Import]]


async def tree(request: Request) -> Response:
    """GET /{repo}/tree/{rev}[/{path}][?after=]. A file is shown as a file."""
    path = request.params.get("path", "").strip("/")
    revision = await revisions.resolve(request.repo, request.params["rev"])
    page = await frame.frame(request, revision, path)
    after = cursors.decode(request.query.get("after"))
    try:
        folder = await request.run(_folder, request.repo, revision, path, after)
    except EntryNotFound:
        entry = await request.run(files.locate_sync, request.repo, revision.text, path)
        if entry.entry.is_folder:
            raise
        return frame.see_other(page.at.blob(revision.text, path))
    return await request.run(_show, request, page, folder, after)


def _show(request: Request, page: Frame, folder: _Folder, after: str) -> Response:
    """In one go in a thread: a folder of a thousand files takes its time."""
    names = [entry.path.rpartition("/")[2] for entry in folder.entries]
    rows = [
        (entry, name, quote(name, safe="", errors="surrogateescape"))
        for entry, name in zip(folder.entries, names, strict=True)
    ]
    layout.speak(request)
    sizes = {size: formats.size(size) for size in {entry.size for entry in folder.entries}}
    cursor = cursors.encode(folder.next_after)
    values: dict[str, Any] = {"folder": folder, "rows": rows, "sizes": sizes, "after": after, "next_cursor": cursor}
    return frame.drawn(request, "tree.html", page, **values)


def _folder(repo: Repo, revision: Revision, path: str, after: str) -> _Folder:
    found = listing.folder(repo, revision, path, after=after, limit=_PAGE)
    entries = found.entries
    objects = repo.objects
    count = objects.count(revision.commit)
    if count <= _WALKED_MAX:
        entries = listing.with_last_commits(repo, revision, entries)
    commits = {oid: objects.commit(oid) for oid in {entry.last_commit for entry in entries} if oid}
    latest = objects.commit(revision.commit)
    if path:
        latest = trails.last_commit(repo, revision, files.locate_sync(repo, revision.commit, path).entry)
    is_first = not path and not after
    return _Folder(
        entries=entries,
        next_after=found.next_after,
        commits=commits,
        latest=latest,
        commit_count=count,
        size=_total_size(repo, revision, path),
        contributors=trails.contributors(repo, revision) if is_first else [],
        imports=scanning.imports_of(repo, entries),
    )


_sizes = OrderedDict[tuple[str, Oid, str], int]()


def _total_size(repo: Repo, revision: Revision, path: str) -> int | None:
    """Of what is at the tip; elsewhere it would take a walk. Remembered: what a commit holds never changes."""
    if not revision.is_tip:
        return None
    key = (repo.uid, revision.commit, path)
    found = _sizes.get(key)
    if found is None:
        found = _sizes[key] = listing.total_size(repo, revision, path)
        while len(_sizes) > _SIZES_KEPT:
            _sizes.popitem(last=False)
    return found


# --- find a file ------------------------------------------------------------------------------------------------------


async def find(request: Request) -> Response:
    """GET /{repo}/find/{rev}[?q=]: the files whose path has the letters of `q` in this order, the closest first."""
    revision = await revisions.resolve(request.repo, request.params["rev"])
    page = await frame.frame(request, revision)
    asked = (request.query.get("q") or "")[:200]
    found = await request.run(_find, request.repo, revision, asked)
    return await frame.show(request, "find.html", page, asked=asked, found=found)


def _find(repo: Repo, revision: Revision, asked: str) -> list[str]:
    paths = _paths(repo, revision)
    letters = "".join(asked.lower().split())
    if not letters:
        return list(paths[:_FOUND_MAX])
    scored = [(score, path) for path in paths if (score := _score(letters, path)) is not None]
    return [path for _, path in sorted(scored)[:_FOUND_MAX]]


def _score(letters: str, path: str) -> tuple[int, int, int] | None:
    """The smaller the closer: letters together in the name, then together in the path, then apart. None: not at all."""
    lower = path.lower()
    in_name = lower.rpartition("/")[2].find(letters)
    if in_name >= 0:
        return 0, in_name, len(path)
    place = lower.find(letters)
    if place >= 0:
        return 1, place, len(path)
    at = first = -1
    for letter in letters:
        at = lower.find(letter, at + 1)
        if at < 0:
            return None
        first = at if first < 0 else first
    return 2, at - first, len(path)


def _paths(repo: Repo, revision: Revision) -> tuple[str, ...]:
    return _paths_of(_Commit(repo, revision))


@dataclass(frozen=True, slots=True, eq=False)
class _Commit:
    """Equal where the commit is: what it holds never changes."""

    repo: Repo
    revision: Revision

    def __hash__(self) -> int:
        return hash((self.repo.uid, self.revision.commit))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Commit) and hash(self) == hash(other)


@lru_cache(maxsize=_PATHS_KEPT)
def _paths_of(commit: _Commit) -> tuple[str, ...]:
    entries = listing.everything(commit.repo, commit.revision).entries
    return tuple(entry.path for entry in entries if not entry.is_folder)
