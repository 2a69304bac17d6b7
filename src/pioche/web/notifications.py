"""/notifications: what happened in threads that concern the reader, and to their own account (ui.md N1, U4). The bell in the
header asks for the count."""

from typing import Final

from pioche.accounts import notice_wording, notices
from pioche.accounts.notices import Notice
from pioche.community import notifications
from pioche.community.notifications import About, Page, Show, Status, Wanted
from pioche.errors import BadRequest
from pioche.http.messages import Query, Request, Response, json_response, redirect
from pioche.http.routes import Needs, Route
from pioche.repos.gating import waiting
from pioche.web import layout

_PAGE_SIZE: Final = 30
_PAGES_MAX: Final = 10_000
_FORM_BYTES_MAX: Final = 64 * 1024
_MOST: Final = notifications.COUNTED_MAX


async def listing(request: Request) -> Response:
    """GET /notifications?show=&about=&repo=&p=."""
    wanted, number = _wanted(request.query), request.query.number("p", default=0, most=_PAGES_MAX)
    page = await request.run(_page, request, wanted, number)
    asked = await request.run(waiting.of, request.hub.access, request.caller)
    own = await request.run(_own, request, wanted) if number == 0 else []
    unread = await request.run(notices.count, request.hub.database, request.caller.user_id)
    return layout.page(
        request,
        "notifications.html",
        page=page,
        asked=asked,
        own=own,
        unread=page.unread + unread,
        wording=notice_wording,
        wanted=wanted,
        number=number,
        count=-(-page.total // _PAGE_SIZE),
        most=notifications.COUNTED_MAX,
    )


def _page(request: Request, wanted: Wanted, number: int) -> Page:
    return notifications.page(request.hub.database, request.caller, wanted, number=number, limit=_PAGE_SIZE)


def _own(request: Request, wanted: Wanted) -> list[Notice]:
    """Of the reader's account. They are of no repo, and nobody's doing in a thread."""
    if not _shows_own(wanted):
        return []
    return notices.of(request.hub.database, request.caller.user_id, _shown(wanted))


def _shows_own(wanted: Wanted) -> bool:
    return wanted.repo is None and wanted.about is About.ALL


def _shown(wanted: Wanted) -> str | None:
    return None if wanted.show is Show.ALL else wanted.show.value


def _wanted(query: Query) -> Wanted:
    return Wanted.of(query.get("show"), query.get("about"), query.get("repo"))


async def change(request: Request) -> Response:
    """POST /notifications?...: `do` is read, unread or done, of each `key`, or with `all` of all that the filter shows."""
    form, wanted = await request.form(), _wanted(request.query)
    try:
        status = Status(form.get("do") or "")
    except ValueError:
        raise BadRequest('"do" must be one of read, unread, done') from None
    database, caller = request.hub.database, request.caller
    if form.get("all"):
        await request.run(notifications.mark_all, database, caller, wanted, status)
        if _shows_own(wanted):
            await request.run(notices.mark_all, database, caller.user_id, _shown(wanted), status.value)
    else:
        keys = form.lists.get("key", [])
        of_threads = await request.run(notices.mark, database, caller.user_id, keys, status.value)
        await request.run(notifications.mark, database, caller, of_threads, status)
    query = f"?{request.raw_query}" if request.raw_query else ""
    return redirect(f"/notifications{query}", status=303, headers=[("Cache-Control", "no-store")])


async def count(request: Request) -> Response:
    """GET /notifications/count: for the bell."""
    unread = await request.run(notifications.count, request.hub.database, request.caller)
    unread = min(unread + await request.run(notices.count, request.hub.database, request.caller.user_id), _MOST)
    return json_response(
        {"unread": unread, "shown": f"{unread - 1}+" if unread >= notifications.COUNTED_MAX else str(unread)}
    )


ROUTES = (
    Route("GET", "/notifications", Needs.SESSION, listing),
    Route("POST", "/notifications", Needs.SESSION, change, _FORM_BYTES_MAX),
    Route("GET", "/notifications/count", Needs.SESSION, count),
)
