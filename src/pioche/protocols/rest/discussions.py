"""Discussions and pull requests, as the clients ask for them (hub-api.md section 6)."""

from typing import Any

import msgspec

from pioche.community import comments, discussions, following, listing, reading, standing
from pioche.community.discussions import Status
from pioche.community.listing import Sort, Wanted
from pioche.community.standing import Standing
from pioche.errors import BadRequest
from pioche.http.messages import Request, Response, cached_json, json_response
from pioche.http.routes import Route
from pioche.protocols.rest import live, thread_shapes
from pioche.protocols.rest.shapes import Json, date
from pioche.repos import merging, pulls
from pioche.repos.access import Action
from pioche.repos.threads import Logged

_PAGE_MAX = 500
_STATUSES = {
    "all": None, "open": ("open", "draft"), "closed": ("closed", "merged"), "draft": ("draft",), "merged": ("merged",),
}  # fmt: skip
_TYPES = {"all": None, "discussion": False, "pull_request": True}
_SORTS = {sort.value: sort for sort in Sort}


def number_of(request: Request) -> int:
    """The number in the address. Raises BadRequest."""
    number = request.params["number"]
    if not number.isascii() or not number.isdecimal() or len(number) > 9:
        raise BadRequest("The number of a discussion is expected")
    return int(number)


def _standing(request: Request) -> Standing:
    return standing.of(request.hub.access, request.repo, request.caller)


def _choice(request: Request, name: str, known: dict[str, Any], default: str) -> Any:
    value = request.query.get(name) or default
    if value not in known:
        raise BadRequest(f'"{name}" must be one of [{", ".join(known)}]')
    return known[value]


# --- lists ----------------------------------------------------------------------------------------------------------


async def listing_(request: Request) -> Response:
    """GET /api/{type}s/{repo}/discussions: `p`, `type`, `status`, `author`, `search`, `sort`, `limit`; pinned ones first."""
    query = request.query
    limit = max(1, min(query.number("limit", default=listing.PAGE, most=_PAGE_MAX), _PAGE_MAX))
    start = query.number("p", default=0, most=10**6) * limit
    wanted = Wanted(
        is_pull_request=_choice(request, "type", _TYPES, "all"),
        statuses=_choice(request, "status", _STATUSES, "all"),
        author=query.get("author"),
        search=query.get("search"),
        sort=_choice(request, "sort", _SORTS, Sort.NEWEST.value),
        skip=start,
        limit=limit,
    )
    page = await request.run(listing.page, request.repo, wanted)
    return cached_json(request, thread_shapes.listed(request.repo, page, start))


class _Opening(msgspec.Struct):
    title: str
    description: str = ""
    pullRequest: bool = False


async def open_(request: Request) -> Response:
    """POST /api/{type}s/{repo}/discussions: a discussion, or a draft of a pull request, whose ref takes commits."""
    body = await request.json(_Opening)
    if body.pullRequest:  # its ref takes files: not from those whom a gate keeps from the files
        await request.hub.access.open_uid(request.caller, request.repo.uid, Action.PROPOSE)
    number = await request.run(_open, request, body)
    return json_response({"num": number, "pullRequest": body.pullRequest})


def _open(request: Request, body: _Opening) -> int:
    make = discussions.open_pull if body.pullRequest else discussions.open_
    return make(_standing(request), body.title, body.description)


# --- one ------------------------------------------------------------------------------------------------------------


async def details(request: Request) -> Response:
    """GET /api/{type}s/{repo}/discussions/{number}[?diff=1]: with everything that happened in it."""
    number = number_of(request)
    return cached_json(request, await request.run(_details, request, number))


def _details(request: Request, number: int) -> Json:
    thread, log = reading.whole(request.repo, number)
    with_diff = request.query.flag("diff") and thread.is_pull_request
    if with_diff:  # a diff is bytes of files, which a gate guards
        request.hub.access.open_sync(request.caller, request.repo.repo_id, Action.CONTENT)
    return thread_shapes.details(request, thread, log, with_diff=with_diff)


async def delete(request: Request) -> Response:
    """DELETE /api/{type}s/{repo}/discussions/{number}: for good, a pull request with its ref."""
    await request.run(lambda: discussions.delete(_standing(request), number_of(request)))
    return json_response({"success": True})


class _Title(msgspec.Struct):
    title: str


async def title(request: Request) -> Response:
    """POST /api/{type}s/{repo}/discussions/{number}/title: its author and writers may."""
    body = await request.json(_Title)
    logged = await request.run(lambda: discussions.rename(_standing(request), number_of(request), body.title))
    return json_response({"newTitle": _entry(request, logged)})


class _Status(msgspec.Struct):
    status: Status
    comment: str | None = None


async def status(request: Request) -> Response:
    """POST /api/{type}s/{repo}/discussions/{number}/status: its author and writers may; `open` publishes a draft."""
    body = await request.json(_Status)
    number = number_of(request)
    logged = await request.run(lambda: discussions.change_status(_standing(request), number, body.status, body.comment))
    return json_response({"newStatus": _entry(request, logged)})


def _entry(request: Request, logged: Logged) -> Json:
    by = {"name": request.caller.name, "type": "user"}
    data = dict(logged.entry.data)
    return {"id": logged.uid, "author": by, "createdAt": date(logged.at), "type": logged.entry.kind.value, "data": data}


class _Pin(msgspec.Struct):
    pinned: bool = True


async def pin(request: Request) -> Response:
    """POST /api/{type}s/{repo}/discussions/{number}/pin: before the others of the list, or not."""
    body = await request.json(_Pin)
    number = number_of(request)
    await request.run(lambda: discussions.set_pinned(_standing(request), number, pinned=body.pinned))
    return json_response({"pinned": body.pinned})


class _Lock(msgspec.Struct):
    locked: bool = True


async def lock(request: Request) -> Response:
    """POST /api/{type}s/{repo}/discussions/{number}/lock: only writers comment from then on, or everybody again."""
    body = await request.json(_Lock)
    number = number_of(request)
    await request.run(lambda: discussions.set_locked(_standing(request), number, locked=body.locked))
    return json_response({"locked": body.locked})


class _Watch(msgspec.Struct):
    watch: str | None


async def watch(request: Request) -> Response:
    """POST /api/{type}s/{repo}/discussions/{number}/watch: `subscribed`, `muted` or null."""
    body = await request.json(_Watch)
    states = {"subscribed": False, "muted": True, None: None}
    if body.watch not in states:
        raise BadRequest('"watch" must be one of [subscribed, muted], or null')
    wanted, number = states[body.watch], number_of(request)
    await request.run(lambda: following.follow(_standing(request), number, is_muted=wanted))
    return json_response({"watch": body.watch})


# --- pull requests --------------------------------------------------------------------------------------------------


class _Merge(msgspec.Struct):
    comment: str | None = None
    squash: bool = True
    message: str | None = None


async def merge(request: Request) -> Response:
    """POST /api/{type}s/{repo}/discussions/{number}/merge: one commit, or with `squash: false` one that joins both sides."""
    body = await request.json(_Merge) if await request.body() else _Merge()
    comment = discussions.checked_text(body.comment) if body.comment and body.comment.strip() else None
    message = discussions.checked_title(body.message) if body.message and body.message.strip() else None
    wish = merging.Wish(body.squash, message, comment)
    oid = await request.run(merging.merge, request.repo, request.caller, number_of(request), wish)
    return json_response({"mergeCommitId": oid})


async def delete_ref(request: Request) -> Response:
    """DELETE /api/{type}s/{repo}/discussions/{number}/ref: of a pull request that is merged or closed."""
    await request.run(pulls.delete_ref, request.repo, request.caller, number_of(request))
    return json_response({"success": True})


async def storage(request: Request) -> Response:
    """GET /api/{type}s/{repo}/discussions/{number}/storage: about how many bytes deleting the ref would free."""
    return json_response({"storage": await request.run(pulls.storage, request.repo, number_of(request))})


# --- comments -------------------------------------------------------------------------------------------------------


class _Place(msgspec.Struct):
    path: str
    line: int
    side: comments.Side = "new"
    commit: str | None = None


class _Comment(msgspec.Struct):
    comment: str
    place: _Place | None = None


async def comment(request: Request) -> Response:
    """POST /api/{type}s/{repo}/discussions/{number}/comment: `comment`, and `place` for one on a line of the diff."""
    body = await request.json(_Comment)
    if body.place is not None:
        await request.hub.access.open_uid(request.caller, request.repo.uid, Action.CONTENT)
    return json_response({"newMessage": await request.run(_add, request, body)})


def _add(request: Request, body: _Comment) -> Json:
    number, at = number_of(request), body.place
    place = comments.Place(at.path, at.line, at.side, at.commit) if at is not None else None
    return _shown(request, number, comments.add(_standing(request), number, body.comment, place).uid)


class _Edit(msgspec.Struct):
    content: str


async def edit(request: Request) -> Response:
    """POST /api/{type}s/{repo}/discussions/{number}/comment/{id}/edit: who wrote it may; what it said is kept."""
    body = await request.json(_Edit)

    def change(number: int, uid: str) -> None:
        comments.edit(_standing(request), number, uid, body.content)

    return await _changed(request, change)


async def hide(request: Request) -> Response:
    """POST /api/{type}s/{repo}/discussions/{number}/comment/{id}/hide: for good; who wrote it and writers may."""
    return await _changed(request, lambda number, uid: comments.hide(_standing(request), number, uid))


class _Reaction(msgspec.Struct):
    reaction: str
    active: bool = True


async def react(request: Request) -> Response:
    """POST /api/{type}s/{repo}/discussions/{number}/comment/{id}/reaction: one of a few, or with `active: false` not any more."""
    body = await request.json(_Reaction)

    def change(number: int, uid: str) -> None:
        comments.react(_standing(request), number, uid, body.reaction, is_on=body.active)

    return await _changed(request, change)


async def _changed(request: Request, change: Any) -> Response:
    def run() -> Json:
        number, uid = number_of(request), request.params["id"].lower()
        change(number, uid)
        return _shown(request, number, uid)

    return json_response({"updatedComment": await request.run(run)})


def _shown(request: Request, number: int, uid: str) -> Json:
    """A comment as it is now."""
    event = reading.event(request.repo, number, uid)
    compared = pulls.sides(request.repo, pulls.get(request.repo, number)) if "line" in event.data else None
    return thread_shapes.events(request, [event], compared)[0]


_ALL = "/api/{repo:api}/discussions"
_ONE = _ALL + "/{number}"
_COMMENT = _ONE + "/comment/{id}"

ROUTES = (
    Route("GET", _ALL, Action.READ, listing_),
    Route("POST", _ALL, Action.PARTICIPATE, open_),
    Route("GET", _ONE, Action.READ, details),
    Route("DELETE", _ONE, Action.MANAGE, delete),
    Route("GET", _ONE + "/events", Action.READ, live.follow),
    Route("POST", _ONE + "/title", Action.PARTICIPATE, title),
    Route("POST", _ONE + "/status", Action.PARTICIPATE, status),
    Route("POST", _ONE + "/pin", Action.WRITE, pin),
    Route("POST", _ONE + "/lock", Action.WRITE, lock),
    Route("POST", _ONE + "/watch", Action.PARTICIPATE, watch),
    Route("POST", _ONE + "/merge", Action.WRITE, merge),
    Route("DELETE", _ONE + "/ref", Action.WRITE, delete_ref),
    Route("GET", _ONE + "/storage", Action.READ, storage),
    Route("POST", _ONE + "/comment", Action.PARTICIPATE, comment),
    Route("POST", _COMMENT + "/edit", Action.PARTICIPATE, edit),
    Route("POST", _COMMENT + "/hide", Action.PARTICIPATE, hide),
    Route("POST", _COMMENT + "/reaction", Action.PARTICIPATE, react),
)
