"""refs, branches, tags, commits, compare."""

from html import escape
from urllib.parse import quote

import msgspec

from pioche.errors import BadRequest
from pioche.git.objects import Commit
from pioche.http.messages import Request, Response, cached_json, decode_json, json_response, next_page, text_response
from pioche.protocols.rest import shapes
from pioche.repos import history, revisions
from pioche.repos import refs as repo_refs

_PAGE = 50
_PAGE_MAX = 1000


async def refs(request: Request) -> Response:
    """GET /api/{type}s/{repo}/refs: all three lists are required; pull requests when asked for."""
    found: dict[str, list[shapes.Json]] = {"branches": [], "converts": [], "tags": [], "pullRequests": []}
    kinds = {"refs/heads/": "branches", "refs/convert/": "converts", "refs/tags/": "tags", "refs/pr/": "pullRequests"}
    for ref in await request.run(repo_refs.all_refs, request.repo):
        for prefix, kind in kinds.items():
            if ref.name.startswith(prefix):
                name = ref.name.removeprefix("refs/pr/" if kind == "pullRequests" else prefix)
                found[kind].append({"name": name, "ref": ref.name, "targetCommit": ref.commit})
    if not (request.query.flag("include_prs") or request.query.flag("include_pull_requests")):
        del found["pullRequests"]
    return cached_json(request, found)


class _Branch(msgspec.Struct):
    startingPoint: str | None = None
    emptyBranch: bool = False
    overwrite: bool = False


async def create_branch(request: Request) -> Response:
    """POST /api/{type}s/{repo}/branch/{branch}."""
    data = await request.body()  # the Python client sends none when there is nothing to say
    body = decode_json(data, _Branch) if data else _Branch()
    if body.emptyBranch or body.overwrite:
        raise BadRequest("emptyBranch and overwrite are not offered: create the branch from a starting point")
    await request.run(history.create_branch, request.repo, request.caller, request.params["branch"], body.startingPoint)
    return json_response({})


async def delete_branch(request: Request) -> Response:
    """DELETE /api/{type}s/{repo}/branch/{branch}."""
    await request.run(history.delete_branch, request.repo, request.caller, request.params["branch"])
    return json_response({})


class _Tag(msgspec.Struct):
    tag: str
    message: str | None = None


async def create_tag(request: Request) -> Response:
    """POST /api/{type}s/{repo}/tag/{rev}."""
    body = await request.json(_Tag)
    await request.run(history.create_tag, request.repo, request.caller, request.params["rev"], body.tag, body.message)
    return json_response({})


async def delete_tag(request: Request) -> Response:
    """DELETE /api/{type}s/{repo}/tag/{tag}."""
    await request.run(history.delete_tag, request.repo, request.caller, request.params["rev"])
    return json_response({})


async def commits(request: Request) -> Response:
    """GET /api/{type}s/{repo}/commits/{rev}: newest first, pages by `p` and `Link`."""
    query = request.query
    revision = await revisions.resolve(request.repo, request.params["rev"])
    limit = max(1, query.number("limit", default=_PAGE, most=_PAGE_MAX))
    number = query.number("cursor" if query.get("cursor") else "p", default=0, most=10**9)
    page = await request.run(history.log, request.repo, revision, skip=number * limit, limit=limit)
    formatted = "formatted" in query.all("expand")
    rows = [_commit(commit, formatted=formatted) for commit in page.commits]
    following = str(number + 1) if (number + 1) * limit < page.total else None
    headers = [*next_page(request, following), ("X-Total-Count", str(page.total))]
    return cached_json(request, rows, headers=headers)


def _commit(commit: Commit, *, formatted: bool) -> shapes.Json:
    row: shapes.Json = {
        "id": commit.oid,
        "title": commit.title,
        "message": commit.body,
        "authors": [
            {"user": name, "avatar": f"/avatars/{quote(name, safe='')}.svg"} for name in history.authors(commit)
        ],
        "date": shapes.date(commit.author.at * 1000),
    }
    if formatted:
        row["formatted"] = {
            "title": escape(commit.title),
            "message": f"<p>{escape(commit.body)}</p>" if commit.body else "",
        }
    return row


async def compare(request: Request) -> Response:
    """GET /api/{type}s/{repo}/compare/{a}..{b}: a unified diff as text."""
    first, dots, second = request.params["range"].partition("..")
    if not dots or not first or not second.strip("."):
        raise BadRequest("Two revisions are expected, as in main..refs/pr/1")
    diff = await request.run(history.compare, request.repo, first, second.lstrip("."))
    return text_response(diff)


class _Squash(msgspec.Struct):
    message: str = "Super-squash branch"


async def squash(request: Request) -> Response:
    """POST /api/{type}s/{repo}/super-squash/{branch}: its files stay, its history becomes one commit."""
    body = await request.json(_Squash)
    oid = await request.run(history.squash, request.repo, request.caller, request.params["rev"], body.message)
    return json_response({"commitOid": oid})
