"""A new discussion or pull request."""

from pioche.community import discussions
from pioche.errors import HubError
from pioche.http.messages import Query, Request, Response
from pioche.names import DEFAULT_REF
from pioche.repos import refs
from pioche.repos.access import Action, Repo
from pioche.web import errors
from pioche.web.community import frame
from pioche.web.files.frame import see_other

_BRANCHES = 100


async def ask(request: Request) -> Response:
    """GET /{repo}/discussions/new[?title=&description=&type=pull_request]."""
    return await _show(request, await frame.frame(request), request.query)


async def start(request: Request) -> Response:
    """POST /{repo}/discussions: fields `type`, `title`, `description`, and `base` of a pull request."""
    form = await request.form()
    page = await frame.frame(request)
    try:
        if form.get("type") == "pull_request":
            await request.hub.access.open_uid(request.caller, request.repo.uid, Action.PROPOSE)
        number = await request.run(_start, page, form)
    except HubError as error:
        if error.status >= 500 or error.status == 401:
            raise
        return await _show(request, page, form, error)
    return see_other(page.at.discussion(number))


def _start(page: frame.Frame, form: Query) -> int:
    title, text = form.get("title") or "", (form.get("description") or "").replace("\r\n", "\n")
    if form.get("type") != "pull_request":
        return discussions.open_(page.standing, title, text)
    return discussions.open_pull(page.standing, title, text, form.get("base") or DEFAULT_REF)


async def _show(request: Request, page: frame.Frame, given: Query, error: HubError | None = None) -> Response:
    return await request.run(_page, request, page, given, error)


def _page(request: Request, page: frame.Frame, given: Query, error: HubError | None) -> Response:
    return frame.drawn(
        request,
        "new.html",
        page,
        status=error.status if error else 200,
        error=error,
        error_words=errors.words(error) if error else None,
        is_pull=given.get("type") == "pull_request",
        title=(given.get("title") or "")[:1000],
        text=(given.get("description") or "")[: 2 * discussions.TEXT_CHARACTERS_MAX],
        base=given.get("base") or DEFAULT_REF,
        branches=_branches(request.repo),
    )


def _branches(repo: Repo) -> list[tuple[str, str]]:
    found = refs.named(repo, "refs/heads/", limit=_BRANCHES)
    return [(ref.name, ref.name.removeprefix("refs/heads/")) for ref in found]
