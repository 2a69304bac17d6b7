"""What the forms of a thread do: each leads back to the page, where it can be seen; one that is refused comes back filled in."""

from collections.abc import Callable

from pioche.community import comments, discussions, following, people, rendering
from pioche.community.comments import Place
from pioche.community.discussions import Status
from pioche.errors import BadRequest, Conflict, EntryNotFound, HubError
from pioche.http.messages import Query, Request, Response, json_response
from pioche.repos import merging, pulls
from pioche.repos.access import Action
from pioche.repos.threads import Logged
from pioche.web.community import conversation, frame
from pioche.web.community.conversation import Draft
from pioche.web.files.frame import see_other
from pioche.web.sessions import targets

_WATCHES: dict[str, bool | None] = {"all": False, "muted": True, "none": None}
_BEGINNING_MAX = 50

Do = Callable[[frame.Frame, int, Query], Logged | None]


async def comment(request: Request) -> Response:
    """POST .../comment: `text`; `then` is `close` or `open`; `path`, `line`, `side`, `commit` for one on a line of the diff, whose
    bytes a gate guards."""
    form = await request.form()
    if form.get("path"):
        await request.hub.access.open_uid(request.caller, request.repo.uid, Action.CONTENT)
    return await _done(request, _comment, form)


def _comment(page: frame.Frame, number: int, form: Query) -> Logged:
    text, then = _text(form), form.get("then")
    if then in ("close", "open"):
        status: Status = "closed" if then == "close" else "open"
        return discussions.change_status(page.standing, number, status, text)
    place = None
    if path := form.get("path"):
        side = form.get("side")
        if side not in ("old", "new"):
            raise BadRequest('"side" must be "old" or "new"')
        place = Place(
            path, _line(form.get("line") or ""), "old" if side == "old" else "new", form.get("commit") or None
        )
    return comments.add(page.standing, number, text, place)


def _line(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > 8:
        raise BadRequest('"line" must be a line of the file, counted from 1')
    return int(text)


async def title(request: Request) -> Response:
    """POST .../title: its author and writers may."""
    return await _done(
        request, lambda page, number, form: discussions.rename(page.standing, number, form.get("title") or "")
    )


async def status(request: Request) -> Response:
    """POST .../status: `status` is `open`, which publishes a draft too, or `closed`."""

    def change(page: frame.Frame, number: int, form: Query) -> Logged:
        wanted = form.get("status")
        if wanted not in ("open", "closed"):
            raise BadRequest('"status" must be "open" or "closed"')
        return discussions.change_status(page.standing, number, "open" if wanted == "open" else "closed")

    return await _done(request, change)


async def pin(request: Request) -> Response:
    """POST .../pin: `pinned` is 1 or 0."""
    return await _done(
        request, lambda page, number, form: discussions.set_pinned(page.standing, number, pinned=_is_on(form, "pinned"))
    )


async def lock(request: Request) -> Response:
    """POST .../lock: `locked` is 1 or 0."""
    return await _done(
        request, lambda page, number, form: discussions.set_locked(page.standing, number, locked=_is_on(form, "locked"))
    )


def _is_on(form: Query, name: str) -> bool:
    value = form.get(name)
    if value not in ("0", "1"):
        raise BadRequest(f'"{name}" must be 1 or 0')
    return value == "1"


async def watch(request: Request) -> Response:
    """POST .../watch: `watch` is all, muted or none; `next` is the page to go back to, else the thread."""
    sent = await request.form()

    def change(page: frame.Frame, number: int, form: Query) -> None:
        wanted = form.get("watch") or ""
        if wanted not in _WATCHES:
            raise BadRequest(f'"watch" must be one of [{", ".join(_WATCHES)}]')
        following.follow(page.standing, number, is_muted=_WATCHES[wanted])

    answer = await _done(request, change, sent)
    back = sent.get("next")
    return see_other(targets.safe(back)) if back and answer.status == 303 else answer


async def merge(request: Request) -> Response:
    """POST .../merge: `message`, `comment`, `squash` (1 or 0), and `head`, the commit that was looked at."""

    def change(page: frame.Frame, number: int, form: Query) -> None:
        repo = page.standing.repo
        compared = pulls.sides(repo, pulls.get(repo, number))
        seen = form.get("head")
        if seen and compared is not None and compared.head != seen:
            raise Conflict("Commits were added since you opened the page: look at them, then merge")
        wish = merging.Wish(
            squash=form.get("squash") != "0", message=_one_line(form.get("message")), comment=_text(form) or None
        )
        merging.merge(repo, page.standing.caller, number, wish)

    return await _done(request, change)


def _one_line(text: str | None) -> str | None:
    return " ".join((text or "").split())[:500] or None


async def delete_ref(request: Request) -> Response:
    """POST .../ref: what only the ref of a settled pull request led to is given back."""
    return await _done(
        request, lambda page, number, _form: pulls.delete_ref(page.standing.repo, page.standing.caller, number)
    )


async def delete(request: Request) -> Response:
    """POST .../delete: for good; `sure` has to be 1."""

    def change(page: frame.Frame, number: int, form: Query) -> None:
        if form.get("sure") != "1":
            raise BadRequest("Deleting is for good: say that you are sure")
        discussions.delete(page.standing, number)

    answer = await _done(request, change)
    page = await frame.frame(request)
    return see_other(page.at.discussions()) if answer.status == 303 else answer


async def preview(request: Request) -> Response:
    """POST /{repo}/discussions/preview: `text` as it would be shown, on a page to go back from; scripts take the text out of it."""
    form = await request.form()
    page = await frame.frame(request)
    return await request.run(_preview, request, page, form)


def _preview(request: Request, page: frame.Frame, form: Query) -> Response:
    text = _text(form)[: discussions.TEXT_CHARACTERS_MAX]
    html = rendering.html(request.hub.renderer, request.repo, request.base_url, [text])[0]
    return frame.drawn(request, "preview.html", page, html=html)


async def suggest(request: Request) -> Response:
    """GET /{repo}/discussions/people?q=: whom a comment may speak to, as JSON."""
    await frame.frame(request)
    beginning = (request.query.get("q") or "")[:_BEGINNING_MAX]
    found = await request.run(people.suggested, request.repo, beginning)
    return json_response([{"name": name, "fullname": fullname} for name, fullname in found])


def _text(form: Query) -> str:
    """Browsers send every line end as CRLF."""
    return (form.get("text") or "").replace("\r\n", "\n")


async def _done(request: Request, do: Do, form: Query | None = None) -> Response:
    """Does it, and leads to what came of it."""
    given = form if form is not None else await request.form()
    page, number = await frame.frame(request), frame.number_of(request)
    try:
        logged = await request.run(do, page, number, given)
    except HubError as error:
        if error.status >= 500 or error.status == 401 or isinstance(error, EntryNotFound):
            raise
        return await conversation.show(request, Draft(_text(given), error, given.get("title") or ""))
    there = page.at.discussion(number, "files" if given.get("back") == "files" else "")
    return see_other(f"{there}#{logged.uid}" if isinstance(logged, Logged) else there)
