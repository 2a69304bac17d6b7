"""The forms of a repo's head: like, watch, mute; who likes it; duplicating it."""

from dataclasses import dataclass
from functools import partial
from typing import Final

from pioche.community import likes, watching
from pioche.community.likes import Liker
from pioche.community.watching import Watch
from pioche.errors import AlreadyExists, BadRequest, Forbidden, InvalidName
from pioche.http.messages import Request, Response, redirect
from pioche.http.routes import Route
from pioche.i18n.texts import gettext as _
from pioche.names import RepoId
from pioche.repos import duplication
from pioche.repos.access import Action
from pioche.web import feeds, layout, owners
from pioche.web.forms import Form
from pioche.web.repo import heads
from pioche.web.sessions import targets

_FORM_BYTES_MAX: Final = 64 * 1024
_PAGE_SIZE: Final = 60


@dataclass(frozen=True, slots=True)
class _Likers:
    """A page of them; `older` is the place that the next one begins before, empty at the end."""

    rows: list[Liker]
    older: str


async def like(request: Request) -> Response:
    """POST /{repo}/like: the field `undo` takes it back. Then the page where the button was."""
    form = await request.form()
    change = likes.unlike if form.get("undo") else likes.like
    await request.run(change, request.repo, request.caller)
    return _back(request, form.get("next"))


async def watch(request: Request) -> Response:
    """POST /{repo}/watch: the field `watch` is watched, muted or none."""
    form = await request.form()
    way = Watch.parse(form.get("watch") or "")
    await request.run(watching.put, request.hub.database, request.caller, [request.repo], way)
    return _back(request, form.get("next"))


async def likers(request: Request) -> Response:
    """GET /{repo}/likers: who likes it, the latest first."""
    before = feeds.place(request.query.get("before"))
    found = await request.run(likes.likers, request.repo, limit=_PAGE_SIZE + 1, before=before)
    shown = found[:_PAGE_SIZE]
    older = "{}-{}".format(*shown[-1].place) if len(found) > _PAGE_SIZE else ""
    head = await heads.head(request)
    page = _Likers(shown, older)
    return layout.page(request, "social/likers.html", repo_id=request.repo.repo_id, tab="likers", head=head, found=page)


async def duplicate_form(request: Request) -> Response:
    """GET /{repo}/duplicate."""
    repo = request.repo
    await request.run(duplication.check, repo)
    form = Form({"owner": request.caller.name, "name": repo.repo_id.name, "visibility": _visibility(repo.private)})
    return await _duplicate_page(request, form)


async def duplicate(request: Request) -> Response:
    """POST /{repo}/duplicate: fields `owner`, `name`, `visibility`."""
    form = Form.of(await request.form(), "owner", "name", "visibility")
    if form["visibility"] not in ("public", "private"):
        raise BadRequest('"visibility" must be public or private')
    make = partial(request.hub.catalog.duplicate, private=form["visibility"] == "private")
    try:
        made: RepoId = (await request.run(make, request.caller, request.repo, form["owner"], form["name"])).repo_id
    except AlreadyExists:
        form.errors["name"] = _("This name is taken: choose another one.")
    except InvalidName:
        form.errors["name"] = _("Use 1 to 96 letters, digits, “-”, “_” and “.”.")
    except Forbidden as error:
        form.errors["owner"] = error.message
    else:
        return redirect(made.web_path, status=303)
    return await _duplicate_page(request, form, status=422)


async def _duplicate_page(request: Request, form: Form, *, status: int = 200) -> Response:
    names = await request.run(owners.of, request.hub, request.caller)
    head = await heads.head(request)
    return layout.page(
        request,
        "social/duplicate.html",
        status=status,
        repo_id=request.repo.repo_id,
        tab="duplicate",
        head=head,
        form=form,
        owners=names,
    )


def _visibility(private: bool) -> str:
    return "private" if private else "public"


def _back(request: Request, asked: str | None) -> Response:
    """To the page that the form was on; the repo's own where it does not say."""
    where = targets.safe(asked) if asked else request.repo.repo_id.web_path
    return Response(303, [("Location", where), ("Cache-Control", "no-store")])


ROUTES = (
    Route("POST", "/{repo:web}/like", Action.PARTICIPATE, like, _FORM_BYTES_MAX),
    Route("POST", "/{repo:web}/watch", Action.PARTICIPATE, watch, _FORM_BYTES_MAX),
    Route("GET", "/{repo:web}/likers", Action.READ, likers),
    Route("GET", "/{repo:web}/duplicate", Action.CONTENT, duplicate_form),
    Route("POST", "/{repo:web}/duplicate", Action.CONTENT, duplicate, _FORM_BYTES_MAX),
)
