"""Likes, followers and watching (hub-api.md section 2)."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from pioche.accounts.account import Account
from pioche.community import follows, likes, watching
from pioche.community.watching import Watch
from pioche.errors import BadRequest, NotFound, Unprocessable
from pioche.http import cursors
from pioche.http.messages import Request, Response, cached_json, json_response, next_page
from pioche.http.routes import Needs, Route
from pioche.names import RepoId, RepoType
from pioche.protocols.rest import accounts
from pioche.protocols.rest.shapes import Json, date
from pioche.repos.access import Action, Repo

_PAGE = 100
_PAGE_MAX = 1000
_WATCHED_AT_ONCE = 100
_PLACE_PARTS = 2


# --- likes ----------------------------------------------------------------------------------------------------------


async def like(request: Request) -> Response:
    """POST /api/T/R/like: what the button of the pages asks for. How many like it now."""
    count = await request.run(likes.like, request.repo, request.caller)
    return json_response({"likes": count, "isLiked": True})


async def unlike(request: Request) -> Response:
    """DELETE /api/T/R/like."""
    count = await request.run(likes.unlike, request.repo, request.caller)
    return json_response({"likes": count, "isLiked": False})


async def likers(request: Request) -> Response:
    """GET /api/T/R/likers: the latest first, in pages."""
    limit, before = _page(request)
    found = await request.run(likes.likers, request.repo, limit=limit + 1, before=before)
    return _listed(request, found, limit, lambda one: {**accounts.person(one.account), "type": "user"})


async def liked(request: Request) -> Response:
    """GET /api/users/U/likes: the repos that the caller may see, the latest like first, in pages."""
    user = await request.run(request.hub.directory.get_user, request.params["name"])
    limit, before = _page(request)
    found = await request.run(likes.of_user, request.hub.database, request.caller, user, limit=limit + 1, before=before)
    return _listed(request, found, limit, _liked)


def _liked(one: likes.Liked) -> Json:
    return {"createdAt": date(one.at), "repo": {"name": str(one.repo_id), "type": one.repo_id.type.value}}


# --- followers ------------------------------------------------------------------------------------------------------


async def followers(request: Request) -> Response:
    """GET /api/users/U/followers and /api/organizations/O/followers, the latest first, in pages."""
    other = await request.run(_account, request)
    limit, before = _page(request)
    found = await request.run(follows.followers, request.hub.database, other, limit=limit + 1, before=before)
    return _listed(request, found, limit, lambda one: _account_row(one.account))


async def following(request: Request) -> Response:
    """GET /api/users/U/following: users and organisations, the latest first, in pages."""
    user = await request.run(_account, request)
    limit, before = _page(request)
    found = await request.run(follows.following, request.hub.database, user, limit=limit + 1, before=before)
    return _listed(request, found, limit, lambda one: _account_row(one.account))


async def follow(request: Request) -> Response:
    """POST /api/users/U/follow and /api/organizations/O/follow: what the button of the pages asks for."""
    await request.run(follows.follow, request.hub.database, request.caller, await request.run(_account, request))
    return json_response({"isFollowing": True})


async def unfollow(request: Request) -> Response:
    """DELETE /api/users/U/follow and /api/organizations/O/follow."""
    await request.run(follows.unfollow, request.hub.database, request.caller, await request.run(_account, request))
    return json_response({"isFollowing": False})


def _account(request: Request) -> Account:
    directory, name = request.hub.directory, request.params["name"]
    is_org = request.raw_path.startswith("/api/organizations/")
    return directory.get_org(name) if is_org else directory.get_user(name)


def _account_row(other: Account) -> Json:
    """The clients read all of them as users; `type` tells organisations."""
    return {**accounts.person(other), "type": "user" if other.is_user else "org"}


# --- watching -------------------------------------------------------------------------------------------------------


class _Watched(msgspec.Struct):
    id: str
    type: str = "repo"


class _Watching(msgspec.Struct):
    add: list[_Watched] = []
    delete: list[_Watched] = []
    mute: list[_Watched] = []


async def watch(request: Request) -> Response:
    """PATCH /api/settings/watch: repos (`models/ns/name`, or their `_id`) to be told of, to be told of no more, to mute."""
    body = await request.json(_Watching)
    if len(body.add) + len(body.delete) + len(body.mute) > _WATCHED_AT_ONCE:
        raise BadRequest(f"At most {_WATCHED_AT_ONCE} repos are watched at once: send several requests")
    changes = [
        (way, [await _watched(request, one) for one in asked])
        for way, asked in ((Watch.WATCHED, body.add), (Watch.NONE, body.delete), (Watch.MUTED, body.mute))
    ]
    for way, repos in changes:
        await request.run(watching.put, request.hub.database, request.caller, repos, way)
    return json_response({"success": True})


async def _watched(request: Request, one: _Watched) -> Repo:
    if one.type != "repo":
        raise Unprocessable(f'"type" {one.type[:40]!r} cannot be watched here: watch repos, and follow the others')
    access, caller = request.hub.access, request.caller
    kind, slash, name = one.id.partition("/")
    if not slash:
        return await access.open_uid(caller, one.id, Action.PARTICIPATE)
    if kind.endswith("s") and "/" in name:
        return await access.open(caller, RepoId.parse(RepoType.parse(kind), name), Action.PARTICIPATE)
    raise NotFound(f'There is no repo {one.id[:100]!r}: write models/namespace/name, or its "_id"')


# --- pages ----------------------------------------------------------------------------------------------------------


def _page(request: Request) -> tuple[int, tuple[int, int] | None]:
    """How many to list, and where the page before ended. Raises BadRequest."""
    limit = max(1, request.query.number("limit", default=_PAGE, most=_PAGE_MAX))
    text = cursors.decode(request.query.get("cursor"))
    if not text:
        return limit, None
    parts = text.split("-")
    if len(parts) != _PLACE_PARTS or not all(part.isascii() and part.isdigit() and len(part) <= 18 for part in parts):
        raise BadRequest("The cursor is not valid: follow the Link header as it is")
    return limit, (int(parts[0]), int(parts[1]))


def _listed(request: Request, found: Sequence[Any], limit: int, shape: Callable[[Any], Json]) -> Response:
    """`found` has one more where another page follows."""
    following_page = cursors.encode("{}-{}".format(*found[limit - 1].place)) if len(found) > limit else None
    return cached_json(request, [shape(one) for one in found[:limit]], headers=next_page(request, following_page))


ROUTES: Sequence[Route] = (
    Route("POST", "/api/{repo:api}/like", Action.PARTICIPATE, like),
    Route("DELETE", "/api/{repo:api}/like", Action.PARTICIPATE, unlike),
    Route("GET", "/api/{repo:api}/likers", Action.READ, likers),
    Route("GET", "/api/users/{name}/likes", Needs.ANYONE, liked),
    Route("GET", "/api/users/{name}/followers", Needs.ANYONE, followers),
    Route("GET", "/api/users/{name}/following", Needs.ANYONE, following),
    Route("GET", "/api/organizations/{name}/followers", Needs.ANYONE, followers),
    Route("POST", "/api/users/{name}/follow", Needs.USER_WRITE, follow),
    Route("DELETE", "/api/users/{name}/follow", Needs.USER_WRITE, unfollow),
    Route("POST", "/api/organizations/{name}/follow", Needs.USER_WRITE, follow),
    Route("DELETE", "/api/organizations/{name}/follow", Needs.USER_WRITE, unfollow),
    Route("PATCH", "/api/settings/watch", Needs.USER_WRITE, watch),
)
