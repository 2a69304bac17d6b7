"""One comment: what may be done with it, what it said before. In a thread, a script puts this into the page."""

from collections.abc import Callable

import msgspec

from pioche.community import comments, reading
from pioche.community.comments import REACTIONS
from pioche.errors import EntryNotFound, HubError
from pioche.http.messages import Query, Request, Response
from pioche.web import errors
from pioche.web.community import entries, frame
from pioche.web.community.entries import Entry
from pioche.web.files.frame import see_other

Change = Callable[[frame.Frame, str], None]
"""Given the id of the comment."""


async def comment(request: Request) -> Response:
    """GET /{repo}/discussions/{number}/comment/{id}."""
    return await _show(request)


async def edit(request: Request) -> Response:
    """POST .../edit: the field `text`."""
    form = await request.form()
    text = _text(form)
    return await _changed(request, lambda page, uid: comments.edit(page.standing, _number(request), uid, text), text)


async def hide(request: Request) -> Response:
    """POST .../hide: for good."""
    return await _changed(request, lambda page, uid: comments.hide(page.standing, _number(request), uid))


async def react(request: Request) -> Response:
    """POST .../reaction: the field `add` or `remove`, one of `comments.REACTIONS`."""
    form = await request.form()
    emoji, is_on = (form.get("add") or form.get("remove") or ""), bool(form.get("add"))
    return await _changed(
        request, lambda page, uid: comments.react(page.standing, _number(request), uid, emoji, is_on=is_on)
    )


def _text(form: Query) -> str:
    """Browsers send every line end as CRLF."""
    return (form.get("text") or "").replace("\r\n", "\n")


def _number(request: Request) -> int:
    return frame.number_of(request)


def _uid(request: Request) -> str:
    return request.params["id"].lower()


async def _changed(request: Request, change: Change, text: str | None = None) -> Response:
    """Then to the comment in its thread; a form that was refused comes back with its text."""
    page = await frame.frame(request)
    try:
        await request.run(change, page, _uid(request))
    except HubError as error:
        if error.status >= 500 or error.status == 401 or isinstance(error, EntryNotFound):
            raise
        return await _show(request, error, text)
    return see_other(f"{page.at.discussion(_number(request))}?at={_uid(request)}#{_uid(request)}")


async def _show(request: Request, error: HubError | None = None, text: str | None = None) -> Response:
    page = await frame.frame(request)
    return await request.run(_page, request, page, error, text)


def _page(request: Request, page: frame.Frame, error: HubError | None, text: str | None) -> Response:
    thread = reading.get(request.repo, _number(request))
    event = reading.event(request.repo, thread.number, _uid(request))
    entry = entries.rendered(request, [Entry(at=event.at, event=event)])[0]
    older = [
        Entry(at=one.at, event=msgspec.structs.replace(event, text=one.text, author=one.author, data={}))
        for one in event.history
    ]
    mine = event.author is not None and event.author.name == page.standing.caller.name
    return frame.drawn(
        request,
        "comment.html",
        page,
        status=error.status if error else 200,
        **frame.about(page, thread),
        entry=entry,
        older=entries.rendered(request, older),
        reactions=REACTIONS,
        is_mine=mine,
        quotation=entries.quotation(entry),
        text=text if text is not None else event.text,
        error=error,
        error_words=errors.words(error) if error else None,
    )
