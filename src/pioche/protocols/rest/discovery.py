"""What the front page and the search box ask for. Only browsers call these on the Hub, so the shapes are theirs by habit."""

from collections.abc import Mapping
from dataclasses import replace

import msgspec

from pioche.accounts.account import Account
from pioche.accounts.callers import Caller
from pioche.errors import BadRequest
from pioche.http.hub import Hub
from pioche.http.messages import Request, Response, cached_json
from pioche.http.routes import Needs, Route
from pioche.names import LISTED, RepoType
from pioche.protocols.rest import shapes
from pioche.repos import info
from pioche.repos.facts import telling
from pioche.repos.facts.telling import Told
from pioche.repos.info import RepoInfo
from pioche.search import parameters
from pioche.search.query import Query, Sort
from pioche.search.quick import LENGTH_MAX, Quick, quick

_TRENDING, _TRENDING_MAX = 10, 20
_QUICK, _QUICK_MAX = 5, 20
_SPACES = 60
_SHOWN = frozenset(
    """_id id author private gated downloads likes trendingScore lastModified createdAt pipeline_tag library_name sdk
    subdomain""".split()
)
_OF_SPACE = frozenset("id author sdk likes private tags runtime trendingScore cardData".split())


async def trending(request: Request) -> Response:
    """GET /api/trending?limit=&type=all|model|dataset|space: what trends, of all types together by score."""
    wanted = request.query.get("type") or "all"
    if wanted not in ("all", *LISTED):
        raise BadRequest(f'"type" must be one of [all, {", ".join(LISTED)}]')
    types = LISTED if wanted == "all" else (RepoType(wanted),)
    limit = max(1, request.query.number("limit", default=_TRENDING, most=_TRENDING_MAX))
    found = await request.run(_trending, request.hub, request.caller, types, limit)
    told = await request.run(_told, request.hub, found)
    rows = [{"repoData": _row(request, repo, told), "repoType": repo.repo_id.type.value} for repo in found]
    return cached_json(request, {"recentlyTrending": rows})


def _trending(hub: Hub, caller: Caller, types: tuple[RepoType, ...], limit: int) -> list[RepoInfo]:
    ids = list[int]()
    for repo_type in types:
        ids += hub.search.find(caller, Query(type=repo_type, sort=Sort.TRENDING, limit=limit)).ids
    found = info.of_ids(hub.database, caller, ids)
    return sorted(found, key=lambda repo: (repo.trending, repo.id), reverse=True)[:limit]


class _Asked(msgspec.Struct):
    q: str = ""
    limit: int = _QUICK


async def quick_search(request: Request) -> Response:
    """GET /api/quicksearch?q=&limit=, or POST with the same as JSON: a few answers of every kind."""
    if request.method == "POST":
        asked = await request.json(_Asked)
        if asked.limit < 0:
            raise BadRequest('"limit" must be a number')
    else:
        asked = _Asked(request.query.get("q") or "", request.query.number("limit", default=_QUICK, most=_QUICK_MAX))
    if len(asked.q) > LENGTH_MAX:
        raise BadRequest(f'"q" length must be less than or equal to {LENGTH_MAX} characters long')
    each = min(max(asked.limit, 1), _QUICK_MAX)
    found, repos = await request.run(_quick, request.hub, request.caller, asked.q, each)
    told = await request.run(_told, request.hub, repos)
    answer: shapes.Json = {"q": asked.q}
    for repo_type in LISTED:
        rows = [_row(request, repo, told) for repo in repos if repo.repo_id.type is repo_type]
        answer[repo_type.plural] = rows
        answer[repo_type.plural + "Count"] = found.repos[repo_type].total if repo_type in found.repos else 0
    answer["users"] = [_account(account, "user") for account in found.users]
    answer["orgs"] = [_account(account, "name") for account in found.orgs]
    answer |= {"collections": [], "papers": []}
    return cached_json(request, answer)


def _quick(hub: Hub, caller: Caller, text: str, each: int) -> tuple[Quick, list[RepoInfo]]:
    found = quick(hub.search, hub.directory, caller, text, each=each)
    ids = [repo_id for page in found.repos.values() for repo_id in page.ids]
    return found, info.of_ids(hub.database, caller, ids)


def _told(hub: Hub, repos: list[RepoInfo]) -> dict[int, Told]:
    return telling.of_ids(hub.database, [repo.id for repo in repos], with_details=False)


async def search_spaces(request: Request) -> Response:
    """GET /api/spaces/semantic-search?q=&filter=&sdk=: the client's `search_spaces`.

    Here it is full text search, by stems and with typing errors; no model judges the meaning. Spaces that do not run are
    told as well, whether `includeNonRunning` asks for them or not. The score says the order and no more.
    """
    asked = request.query.lists
    text = " ".join(asked.get("q", ()))[:LENGTH_MAX]
    if not text.strip():
        raise BadRequest('"q" is not allowed to be empty')
    filters: dict[str, list[str]] = {name: asked[name] for name in ("filter", "sdk") if name in asked}
    query = parameters.parse(RepoType.SPACE, filters, limit=_SPACES)
    query = replace(query, text=text, tolerant=True, sort=Sort.RELEVANCE)
    spaces = await request.run(_spaces, request.hub, request.caller, query)
    rows = [_space(request, space, 1 - place / _SPACES) for place, space in enumerate(spaces)]
    return cached_json(request, rows)


def _spaces(hub: Hub, caller: Caller, query: Query) -> list[RepoInfo]:
    return info.of_ids(hub.database, caller, hub.search.find(caller, query).ids)


def _space(request: Request, space: RepoInfo, score: float) -> shapes.Json:
    row = shapes.repo(request, space, telling.NOTHING, kept=_OF_SPACE)
    card = row.pop("cardData") or {}
    titles = {"title": card.get("title") or space.repo_id.name, "emoji": card.get("emoji")}
    return {**row, **titles, "semanticRelevancyScore": round(score, 3)}


def _row(request: Request, repo: RepoInfo, told: Mapping[int, Told]) -> shapes.Json:
    return shapes.repo(request, repo, told[repo.id], kept=_SHOWN)


def _account(account: Account, key: str) -> shapes.Json:
    return {key: account.name, "fullname": account.fullname, "avatarUrl": f"/avatars/{account.name}.svg"}


ROUTES = (
    Route("GET", "/api/trending", Needs.ANYONE, trending),
    Route("GET", "/api/spaces/semantic-search", Needs.ANYONE, search_spaces),
    Route("GET", "/api/quicksearch", Needs.ANYONE, quick_search),
    Route("POST", "/api/quicksearch", Needs.ANYONE, quick_search),
)
