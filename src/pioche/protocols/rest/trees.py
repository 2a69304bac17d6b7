"""tree, paths-info, treesize: what files a revision holds."""

import msgspec

from pioche.errors import BadRequest, EntryNotFound
from pioche.http import cursors
from pioche.http.messages import Request, Response, cached_json, json_response, next_page
from pioche.names import Oid
from pioche.protocols.rest import shapes
from pioche.repos import files, listing, revisions, scanning
from pioche.repos.access import Repo
from pioche.repos.files import Entry
from pioche.repos.revisions import Revision

_PAGE = 1000
_PATHS_MAX = 10_000


async def tree(request: Request) -> Response:
    """GET /api/{type}s/{repo}/tree/{rev}[/{path}]. Pages follow by `Link`; directories first."""
    query = request.query
    revision = await revisions.resolve(request.repo, request.params["rev"])
    rows, after = await request.run(
        _tree,
        request.repo,
        revision,
        request.params.get("path", "").strip("/"),
        recursive=query.flag("recursive"),
        expand=query.flag("expand"),
        after=cursors.decode(query.get("cursor")),
        limit=max(1, query.number("limit", default=_PAGE, most=_PAGE)),
    )
    headers = next_page(request, cursors.encode(after))
    response = cached_json(request, rows, headers=[*headers, ("X-Repo-Commit", revision.commit)])
    request.remember(response)
    return response


def _tree(
    repo: Repo, revision: Revision, folder: str, *, recursive: bool, expand: bool, after: str, limit: int
) -> tuple[list[shapes.EntryRow], str | None]:
    list_ = listing.everything if recursive else listing.folder
    page = list_(repo, revision, folder, after=after, limit=limit)
    return _rows(repo, revision, page.entries, expand=expand), page.next_after


def _rows(repo: Repo, revision: Revision, entries: list[Entry], *, expand: bool) -> list[shapes.EntryRow]:
    if not expand:
        return [shapes.entry(entry, None) for entry in entries]
    entries = listing.with_last_commits(repo, revision, entries)
    commits = {oid: _commit(repo, oid) for oid in {entry.last_commit for entry in entries}}
    imports = scanning.imports_of(repo, entries)
    return [shapes.entry(entry, commits, imports.get(entry.path, ())) for entry in entries]


def _commit(repo: Repo, oid: Oid) -> msgspec.Raw:
    """Encoded: most entries of a page share a few."""
    found = repo.objects.commit(oid)
    shown = {"id": oid, "title": found.title, "date": shapes.date(found.author.at * 1000)}
    return msgspec.Raw(msgspec.json.encode(shown))


async def paths_info(request: Request) -> Response:
    """POST /api/{type}s/{repo}/paths-info/{rev}; absent paths are left out."""
    form = await request.form_or_json()
    paths = form.get("paths", [])
    if len(paths) > _PATHS_MAX:
        raise BadRequest(f'"paths" may have at most {_PATHS_MAX} items')
    revision = await revisions.resolve(request.repo, request.params["rev"])
    expand = (form.get("expand") or ["false"])[-1].lower() in ("true", "1")
    rows = await request.run(_paths_info, request.repo, revision, paths, expand=expand)
    return json_response(rows, headers=[("X-Repo-Commit", revision.commit)])


def _paths_info(repo: Repo, revision: Revision, paths: list[str], *, expand: bool) -> list[shapes.EntryRow]:
    return _rows(repo, revision, listing.at_paths(repo, revision, paths), expand=expand)


async def tree_size(request: Request) -> Response:
    """GET /api/{type}s/{repo}/treesize/{rev}[/{path}]."""
    folder = request.params.get("path", "").strip("/")
    revision = await revisions.resolve(request.repo, request.params["rev"])
    size = await request.run(_size, request.repo, revision, folder)
    return json_response({"path": f"/{folder}", "size": size})


def _size(repo: Repo, revision: Revision, path: str) -> int:
    """Of a folder, or of one file."""
    try:
        return listing.total_size(repo, revision, path)
    except EntryNotFound:
        return files.locate_sync(repo, revision.commit, path).entry.size
