"""A thread: GET /{repo}/discussions/{number}. Of a very long one the newest entries are shown, until more are asked for."""

from collections.abc import Sequence
from dataclasses import dataclass

from pioche.community import following, notifications, people, reading
from pioche.errors import HubError
from pioche.http.messages import Request, Response
from pioche.web import errors
from pioche.web.community import entries, frame, proposal
from pioche.web.community.entries import Entry

_SHOWN = 100
_SHOWN_MAX = 2000
_MORE = 300
_PARTICIPANTS = 30


@dataclass(frozen=True, slots=True)
class Draft:
    """What is in the forms, and what was wrong with one of them. `quotes` is the id of a comment that is answered."""

    text: str = ""
    error: HubError | None = None
    title: str = ""
    quotes: str = ""


async def thread(request: Request) -> Response:
    """GET /{repo}/discussions/{number}[?show=&at=&quote=]: `at` is an entry that has to be among those shown."""
    return await show(request, Draft(quotes=request.query.get("quote") or ""))


async def show(request: Request, draft: Draft) -> Response:
    """The page, after a form was refused too. Raises EntryNotFound."""
    page = await frame.frame(request)
    return await request.run(_page, request, page, frame.number_of(request), draft)


def _page(request: Request, page: frame.Frame, number: int, draft: Draft) -> Response:
    repo, error = request.repo, draft.error
    found, log = reading.whole(repo, number)
    if request.signed_in is not None:
        notifications.seen(repo.database, request.caller, repo.id, number)
    proposed = proposal.of(repo, page, found) if found.is_pull_request else None
    whole = list(entries.in_order(found, log, proposed.commits if proposed else ()))
    first = _first_shown(request, whole)
    shown = [*whole[:1], *whole[first:]]
    user_id = request.caller.user_id
    return frame.drawn(
        request,
        "thread.html",
        page,
        status=error.status if error else 200,
        **frame.about(page, found),
        proposed=proposed,
        part="conversation",
        entries=entries.rendered(request, shown, proposed.compared if proposed else None),
        folded=first - 1,
        more=min(len(shown) + _MORE, _SHOWN_MAX),
        participants=reading.participants(log)[:_PARTICIPANTS],
        roles=people.roles(repo, (one.by for one in shown if one.by), request.caller),
        is_muted=following.is_muted(repo, user_id, number) if user_id else None,
        text=draft.text or _quote(whole, draft.quotes),
        title=draft.title or found.title,
        error=error,
        error_words=errors.words(error) if error else None,
    )


def _first_shown(request: Request, whole: Sequence[Entry]) -> int:
    """The index of the first entry after the fold; 1 when nothing is folded."""
    count = request.query.number("show", default=_SHOWN, most=_SHOWN_MAX)
    first = max(1, len(whole) - max(count, 1))
    if wanted := request.query.get("at"):
        at = next((index for index, one in enumerate(whole) if one.event and one.event.uid == wanted), first)
        first = max(1, min(first, at), len(whole) - _SHOWN_MAX)
    return first


def _quote(whole: Sequence[Entry], uid: str) -> str:
    found = next((one for one in whole if one.event and one.event.uid == uid and one.is_said), None)
    return entries.quotation(found) if found is not None else ""
