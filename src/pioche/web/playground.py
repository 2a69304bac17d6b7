"""Talking to two models, or to two revisions of one, side by side (issue 6 item 7): what both answer, and how fast."""

from dataclasses import dataclass

from pioche.errors import HubError, InvalidName, NotFound
from pioche.http.messages import Request, Response
from pioche.http.routes import Needs, Route
from pioche.i18n.texts import gettext as _
from pioche.names import RepoId, RepoType
from pioche.repos import revisions
from pioche.repos.access import Action
from pioche.search.query import Query
from pioche.web import layout

_NAME_MAX = 300
_OFFERED_MAX = 100
_TAGS = (("conversational",),)


@dataclass(frozen=True, slots=True)
class Side:
    """`name` as it was typed, `org/name` or `org/name@revision`; `error` is why it cannot be talked to, if it cannot."""

    name: str
    error: str = ""


async def chat(request: Request) -> Response:
    """GET /inference/chat?a=org/name&b=org/name@revision. Either may be left out."""
    names = [(request.query.get(side) or "").strip().removeprefix("/")[:_NAME_MAX] for side in ("a", "b")]
    sides = [Side(name, await _refusal(request, name) if name else "") for name in names]
    return await request.run(_page, request, sides)


async def _refusal(request: Request, name: str) -> str:
    """A private model and an absent one are the same."""
    model, _at, revision = name.partition("@")
    try:
        repo_id = RepoId.parse(RepoType.MODEL, model)
        repo = await request.hub.access.open_wherever(request.caller, repo_id, Action.CONTENT)
        resolved = await revisions.resolve(repo, revision or "main")
    except (NotFound, InvalidName):
        return _("There is no such model, or it is private")
    except HubError:
        return _("Its files are not for you: its page says how to get at them")
    try:
        target = await request.run(request.hub.models.targets.find, repo, resolved)
        target.check_task("chat")
    except HubError:
        return _("This model does not chat")
    return ""


def _page(request: Request, sides: list[Side]) -> Response:
    is_wrong = any(side.error for side in sides)
    chosen = [side.name for side in sides if side.name]
    hub = request.hub
    may_ask = hub.models.is_on and not (hub.config.inference == "signed-in" and request.caller.is_anonymous)
    return layout.page(
        request,
        "playground.html",
        status=404 if is_wrong else 200,
        sides=sides,
        models=_offered(request),
        chosen=[] if is_wrong else chosen,
        may_ask=may_ask,
        is_on=hub.models.is_on,
    )


def _offered(request: Request) -> list[str]:
    """Of what chats, those that most people take; the field takes others too."""
    query = Query(type=RepoType.MODEL, tags=_TAGS, inference="warm", limit=_OFFERED_MAX)
    found = request.hub.search.find(request.caller, query)
    opened = request.hub.access.open_all_sync(request.caller, found.ids, Action.READ)
    return [str(repo.repo_id) for repo in opened]


ROUTES = (Route("GET", "/inference/chat", Needs.ANYONE, chat),)
