"""The lists of repos (hub-api.md section 10), and what the caller's storage is filled with.

What is asked is read by `search.parameters`; here is what the rows show: the Hub's short rows, `full`, or `expand`.
"""

from collections.abc import Sequence, Set
from dataclasses import replace

import msgspec

from pioche.accounts.account import Account
from pioche.accounts.callers import Caller
from pioche.accounts.members import Role
from pioche.http.hub import Hub
from pioche.http.messages import Request, Response, cached, cached_json, next_page
from pioche.names import LISTED, RepoType
from pioche.protocols.rest import providers, related, shapes
from pioche.protocols.rest.spaces import shown as runtime_of
from pioche.repos import allowances, info
from pioche.repos.facts import telling
from pioche.repos.info import RepoInfo
from pioche.search import parameters
from pioche.search.query import Found, Query, Sort
from pioche.spaces.apps import App

_PAGE = parameters.LIMIT_MAX
_PATHS_MAX = 200_000
"""Of files, in the rows of one page: a page with more is cut short, and `Link` leads on."""

# What the short rows of the Hub have; `full` and `expand` add to it.
_SHORT = {
    RepoType.MODEL: """_id id likes trendingScore private downloads tags createdAt modelId pipeline_tag
        library_name""".split(),
    RepoType.DATASET: """_id id author sha lastModified private gated disabled tags downloads likes trendingScore
        description createdAt paperswithcode_id""".split(),
    RepoType.SPACE: "_id id likes trendingScore private sdk tags createdAt".split(),
}
_FULL = {
    RepoType.MODEL: "author gated disabled lastModified sha siblings cardData".split(),
    RepoType.DATASET: "citation siblings cardData".split(),
    RepoType.SPACE: """author gated disabled lastModified sha siblings cardData subdomain host runtime models
        datasets""".split(),
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
    query = parameters.parse(repo_type, request.query.lists)
    expand = shapes.parse_expand(repo_type, request.query.all("expand"), listed=True)
    has_files = request.query.flag("full") if not expand else "siblings" in expand
    kept = {"_id", "id", *expand} if expand else _kept(request, query)
    as_of = request.hub.database.generation()
    if has_files or "baseModels" in kept:  # what the caller may see of other repos, or long
        as_of = None
    return await request.run(_answer, request, query, frozenset(kept), as_of, has_files=has_files)


def _answer(request: Request, query: Query, kept: frozenset[str], as_of: int | None, *, has_files: bool) -> Response:
    """In a thread, once: each change of threads costs more than a look-up."""
    hub, caller = request.hub, request.caller
    found = _find(hub, caller, query, has_files=has_files)
    shown = (kept, request.base_url)
    known = hub.encoded_rows.find(as_of, shown, found.ids)
    missing = [repo_id for repo_id in found.ids if repo_id not in known]
    if missing:
        repos = info.of_ids(hub.database, caller, missing)
        rows = [msgspec.json.encode(row) for row in _rows(request, repos, kept, has_files=has_files)]
        public = {repo.id: row for repo, row in zip(repos, rows, strict=True) if not repo.private}
        hub.encoded_rows.keep(as_of, shown, public)
        known |= {repo.id: row for repo, row in zip(repos, rows, strict=True)}
    body = b"[" + b",".join([known[repo_id] for repo_id in found.ids if repo_id in known]) + b"]"
    return cached(request, body, headers=next_page(request, found.next_cursor))


def _rows(request: Request, repos: Sequence[RepoInfo], kept: Set[str], *, has_files: bool) -> list[shapes.Json]:
    """One for each repo, with the fields `kept`."""
    database, ids = request.hub.database, [found.id for found in repos]
    told = telling.of_ids(database, ids, with_details=not kept.isdisjoint(shapes.OF_DETAILS))
    files = info.siblings_of(database, ids) if has_files else {}
    asked = providers.listed(request, ids) if not kept.isdisjoint(providers.NAMES) else {}
    rows = list[shapes.Json]()
    for found in repos:
        row = shapes.repo(request, found, told[found.id], kept=kept)
        if has_files:
            row["siblings"] = [{"rfilename": path} for path in files[found.id]]
        row |= {name: value for name, value in asked.get(found.id, {}).items() if name in kept}
        rows.append(row)
    if "runtime" in kept:
        apps = request.hub.apps.of_repos(ids)
        for found, row in zip(repos, rows, strict=True):
            row["runtime"] = runtime_of(request.hub, apps.get(found.id) or App(repo=found.id))
    if "baseModels" in kept:
        bases = related.bases(request.hub, request.caller, [told[found.id].read() for found in repos])
        for row, base in zip(rows, bases, strict=True):
            row["baseModels"] = base
    return rows


def _kept(request: Request, query: Query) -> set[str]:
    """The names of what a row has, when `expand` does not say. Flags: see hub-api.md section 10."""
    asked = request.query
    kept = set(_SHORT[query.type])
    if asked.flag("full"):
        kept.update(_FULL[query.type])
    kept.update(name for name in ("cardData", "config") if asked.flag(name))
    if query.linked or query.models or query.datasets:
        kept |= {"models", "datasets"}
    return kept


def _find(hub: Hub, caller: Caller, query: Query, *, has_files: bool = False) -> Found:
    found = hub.search.find(caller, query)
    if has_files:
        fitting = _fitting(found.ids, info.file_counts(hub.database, found.ids))
        if fitting < len(found.ids):
            found = hub.search.find(caller, replace(query, limit=fitting))
    return found


def _fitting(ids: Sequence[int], counts: dict[int, int]) -> int:
    """How many of the repos, one at least, have no more than `_PATHS_MAX` files together."""
    total = 0
    for position, repo_id in enumerate(ids):
        total += counts.get(repo_id, 0)
        if total > _PATHS_MAX:
            return max(position, 1)
    return len(ids)


async def storage_of_caller(request: Request) -> Response:
    """GET /api/settings/repositories: the caller's repos of all types, with what they hold."""
    account = await request.run(request.hub.directory.by_id, request.caller.user_id)
    return await _storage(request, account)


async def storage_of_org(request: Request) -> Response:
    """GET /api/organizations/{org}/settings/repositories: those that the caller may see."""
    org = await request.run(request.hub.directory.get_org, request.params["name"])
    return await _storage(request, org)


async def _storage(request: Request, owner: Account) -> Response:
    """One page is of one type; the cursor says which, and where in it: `dataset.WzEsMl0`."""
    types = list(LISTED)
    name, _, inside = (request.query.get("cursor") or types[0].value).partition(".")
    repo_type = RepoType.parse(name)
    query = Query(type=repo_type, author=owner.name.lower(), sort=Sort.CREATED, cursor=inside or None, limit=_PAGE)
    found = await request.run(_find, request.hub, request.caller, query)
    repos = await request.run(info.of_ids, request.hub.database, request.caller, found.ids)
    following = f"{repo_type}.{found.next_cursor}" if found.next_cursor else None
    if following is None and repo_type is not types[-1]:
        following = types[types.index(repo_type) + 1].value
    total = await request.run(_total, request, owner)
    return cached_json(request, [_held(repo, total) for repo in repos], headers=next_page(request, following))


def _total(request: Request, owner: Account) -> int:
    """What all repos of the owner hold; 0 for who does not belong to it, and may not see some of them."""
    hub, caller = request.hub, request.caller
    role = hub.directory.members.role(owner.id, caller.user_id)
    if owner.id != caller.user_id and not caller.is_admin and role not in (Role.ADMIN, Role.WRITE):
        return 0
    if not caller.is_admin and caller.barred_from(owner.id) is not None:
        return 0
    return allowances.of_account(hub.database, hub.quotas.limits, owner).used


def _held(found: RepoInfo, total: int) -> shapes.Json:
    shape: shapes.Json = {
        "id": str(found.repo_id),
        "type": found.repo_id.type.value,
        "updatedAt": shapes.date(found.updated_at),
        "visibility": "private" if found.private else "public",
        "storage": found.used_storage,
    }
    return shape | {"storagePercent": round(100 * found.used_storage / total, 2)} if total else shape
