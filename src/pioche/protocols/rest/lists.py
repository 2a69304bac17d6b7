"""Listing repos. (The search engine is the Search issue; here: author, search, tags, sort, paging.)"""

from pioche.http.messages import Request, Response, cached_json, next_page
from pioche.names import VERSIONED, RepoType
from pioche.protocols.rest import shapes
from pioche.repos import info
from pioche.repos.info import RepoInfo

_PAGE = 1000

# What the short rows of the Hub have; `full` and `expand` add to it.
_SHORT = {
    RepoType.MODEL: {"_id", "id", "likes", "trendingScore", "private", "downloads", "tags", "createdAt", "modelId"}
    | {"pipeline_tag", "library_name"},
    RepoType.DATASET: {
        "_id",
        "id",
        "author",
        "sha",
        "lastModified",
        "private",
        "gated",
        "disabled",
        "tags",
        "downloads",
    }
    | {"likes", "trendingScore", "description", "createdAt"},
    RepoType.SPACE: {"_id", "id", "likes", "trendingScore", "private", "sdk", "tags", "createdAt"},
}


async def models(request: Request) -> Response:
    """GET /api/models."""
    return await _list(request, RepoType.MODEL)


async def datasets(request: Request) -> Response:
    """GET /api/datasets."""
    return await _list(request, RepoType.DATASET)


async def spaces(request: Request) -> Response:
    """GET /api/spaces."""
    return await _list(request, RepoType.SPACE)


async def _list(request: Request, repo_type: RepoType) -> Response:
    query = _query(request, repo_type)
    expand = shapes.parse_expand(repo_type, request.query.all("expand"))
    full = request.query.flag("full")
    with_card = full or request.query.flag("cardData")
    page = await request.run(info.list_repos, request.hub.database, request.caller, query)
    rows = [_row(request, found, expand, full=full, with_card=with_card) for found in page.repos]
    if full or "siblings" in expand:
        files = await request.run(info.siblings_of, request.hub.database, [found.id for found in page.repos])
        for row, found in zip(rows, page.repos, strict=True):
            row["siblings"] = [{"rfilename": path} for path in files[found.id]]
    return cached_json(request, rows, headers=next_page(request, page.next_cursor))


def _query(request: Request, repo_type: RepoType) -> info.Query:
    query = request.query
    tags = [tag for text in query.all("filter") for tag in text.split(",") if tag]
    tags += [text for text in query.all("pipeline_tag") if text]
    return info.Query(
        type=repo_type,
        author=query.get("author"),
        searches=tuple(word for text in query.all("search") for word in text.split()),
        tags=tuple(tags),
        gated=query.flag("gated") if query.get("gated") is not None else None,
        sort=query.get("sort"),
        ascending=query.get("direction") == "1",
        cursor=query.get("cursor"),
        limit=max(1, query.number("limit", default=_PAGE, most=_PAGE)),
    )


def _row(request: Request, found: RepoInfo, expand: list[str], *, full: bool, with_card: bool) -> shapes.Json:
    row = shapes.repo(request, found)
    if expand:
        return shapes.expanded(row, expand)
    kept = set(row) if full else _SHORT[found.repo_id.type] | {"cardData"}
    if not with_card:
        kept.discard("cardData")
    return {name: value for name, value in row.items() if name in kept}


async def storage_of_caller(request: Request) -> Response:
    """GET /api/settings/repositories: the caller's repos of all types, with what they hold."""
    return await _storage(request, request.caller.name)


async def storage_of_org(request: Request) -> Response:
    """GET /api/organizations/{org}/settings/repositories: those that the caller may see."""
    org = await request.run(request.hub.directory.get_org, request.params["name"])
    return await _storage(request, org.name)


async def _storage(request: Request, owner: str) -> Response:
    """One page is of one type; the cursor says which, and where in it: `dataset.WzEsMl0`."""
    types = list(VERSIONED)
    name, _, inside = (request.query.get("cursor") or types[0].value).partition(".")
    repo_type = RepoType.parse(name)
    query = info.Query(type=repo_type, author=owner, sort="createdAt", cursor=inside or None, limit=_PAGE)
    page = await request.run(info.list_repos, request.hub.database, request.caller, query)
    following = f"{repo_type}.{page.next_cursor}" if page.next_cursor else None
    if following is None and repo_type is not types[-1]:
        following = types[types.index(repo_type) + 1].value
    return cached_json(request, [_held(found) for found in page.repos], headers=next_page(request, following))


def _held(found: RepoInfo) -> shapes.Json:
    return {
        "id": str(found.repo_id),
        "type": found.repo_id.type.value,
        "updatedAt": shapes.date(found.updated_at),
        "visibility": "private" if found.private else "public",
        "storage": found.used_storage,
    }
