"""What the caller was told of (operations.tsv: notifications). The ids are those that the list gives.

What happened to their own account stands beside the list, under a name that the Hub does not have: clients know what may be in
`notifications`, and are given nothing else there. It is read here and marked in the pages alone: a token that somebody stole
does not hide what would give it away.
"""

from typing import Annotated

import msgspec

from pioche.accounts import notice_wording, notices
from pioche.accounts.notices import Notice
from pioche.community import notifications
from pioche.community.notifications import About, Notification, Page, Show, Status, Wanted
from pioche.errors import BadRequest
from pioche.http.messages import Request, Response, cached_json, json_response
from pioche.http.routes import Needs, Route
from pioche.protocols.rest.shapes import Json, date

_PAGE_SIZE = 30
_PAGES_MAX = 10_000
_IDS_MAX = 1000


async def listing(request: Request) -> Response:
    """GET /api/notifications?readStatus=all|unread&mention=all|participating|mentions&repoName=&repoType=&p=."""
    query = request.query
    kind, name = (query.get("repoType") or "model").removesuffix("s"), query.get("repoName")
    repo = name and (name if kind == "model" else f"{kind}s/{name}")
    wanted = Wanted.of(query.get("readStatus"), query.get("mention"), repo)
    number = query.number("p", default=0, most=_PAGES_MAX)
    page = await request.run(_page, request, wanted, number)
    total = {"view": page.total, "unread": page.unread, "all": await request.run(_all, request)}
    found = [_shape(one) for one in page.notifications]
    own = await request.run(_own, request, wanted) if number == 0 else []
    content = {"notifications": found, "count": total, "start": number * _PAGE_SIZE}
    return cached_json(request, {**content, "accountNotices": [_own_shape(request, one) for one in own]})


def _page(request: Request, wanted: Wanted, number: int) -> Page:
    return notifications.page(request.hub.database, request.caller, wanted, number=number, limit=_PAGE_SIZE)


def _all(request: Request) -> int:
    return notifications.page(request.hub.database, request.caller, Wanted(), limit=1).total


def _own(request: Request, wanted: Wanted) -> list[Notice]:
    """Of the caller's account, the latest first: they are of no repo, and nobody's doing in a thread."""
    if wanted.repo is not None or wanted.about is not About.ALL:
        return []
    shown = None if wanted.show is Show.ALL else wanted.show.value
    return notices.of(request.hub.database, request.caller.user_id, shown)


def _own_shape(request: Request, one: Notice) -> Json:
    return {
        "id": one.key,
        "kind": one.kind,
        "detail": one.detail,
        "message": notice_wording.sentence(one),
        "url": f"{request.base_url}{notice_wording.page(one)}",
        "updatedAt": date(one.at),
        "read": one.status != Status.UNREAD,
        **({"actor": one.actor} if one.actor else {}),
    }


def _shape(one: Notification) -> Json:
    thread = {"id": one.key, "num": one.number, "title": one.title, "status": one.thread_status}
    return {
        "type": "repo",
        "updatedAt": date(one.at),
        "read": one.status is not Status.UNREAD,
        "participating": one.reason != "watching",
        "reason": one.reason,
        "repo": {"name": str(one.repo_id), "type": one.repo_id.type.value},
        "discussion": thread | {"isPullRequest": one.is_pull_request},
    }


class _Marked(msgspec.Struct, forbid_unknown_fields=True):
    discussionIds: Annotated[list[str], msgspec.Meta(max_length=_IDS_MAX)] = []
    read: bool = True


async def mark(request: Request) -> Response:
    """POST /api/notifications/mark-as-read?applyToAll=: those that are named, or all."""
    body = await request.json(_Marked)
    return await _mark(request, body.discussionIds, Status.READ if body.read else Status.UNREAD)


async def remove(request: Request) -> Response:
    """DELETE /api/notifications?applyToAll=: done with those that are named, or with all. They are kept, as `done`."""
    body = await request.json(_Marked) if request.headers.get("content-length", "0") != "0" else _Marked()
    return await _mark(request, body.discussionIds, Status.DONE)


async def _mark(request: Request, ids: list[str], status: Status) -> Response:
    database, caller = request.hub.database, request.caller
    if request.query.flag("applyToAll"):
        await request.run(notifications.mark_all, database, caller, Wanted(Show.ALL), status)
    elif ids:
        await request.run(notifications.mark, database, caller, ids, status)
    else:
        raise BadRequest('Name them in "discussionIds", or say applyToAll=true')
    return json_response({"success": True})


ROUTES = (
    Route("GET", "/api/notifications", Needs.USER, listing),
    Route("DELETE", "/api/notifications", Needs.USER_WRITE, remove),
    Route("POST", "/api/notifications/mark-as-read", Needs.USER_WRITE, mark),
)
