"""GET /spaces/ns/name/app: the app in its frame; .../logs: what building it and the app itself said."""

import re

from pioche.errors import HubError, NotFound
from pioche.http.messages import Request, Response
from pioche.http.routes import Route
from pioche.names import RepoType
from pioche.repos import overviews
from pioche.repos.access import Action
from pioche.spaces.messages import Kind
from pioche.spaces.proxy import gate
from pioche.web import layout
from pioche.web.repo import heads
from pioche.web.spaces import wording

_LINES_SHOWN = 1000
_ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")


async def app(request: Request) -> Response:
    """GET /{repo}/app."""
    check(request)
    repo, hub = request.repo, request.hub
    overview = await request.run(overviews.read, repo)
    row = await request.run(hub.apps.get, repo.id)
    host = hub.app_hosts.of(repo.repo_id, request.base_url)
    label, kind = wording.STAGES[row.stage]
    sign = f"/?{gate.PARAMETER}={gate.signed(hub.keyring, repo)}" if repo.private else "/"
    return layout.page(
        request,
        "spaces/app.html",
        frames=host.browser.partition("/run/")[0] if hub.app_hosts.is_on else "",
        repo_id=repo.repo_id,
        tab="app",
        head=await heads.of(request, overview),
        space=overview.details.get("space") or {},
        app=row,
        stage=label,
        stage_kind=kind,
        host=host,
        source=host.browser + sign,
        is_on=hub.app_hosts.is_on,
        reason=row.reason.partition("\n")[0],
    )


async def logs(request: Request) -> Response:
    """GET /{repo}/logs?kind=build|run: for who may write; without scripts, as it is now."""
    check(request)
    kind = Kind.BUILD if request.query.get("kind") == Kind.BUILD else Kind.RUN
    try:
        found = await request.hub.app_controller.read(request.repo.id, kind, 0)
    except HubError:
        found = []  # nobody runs apps here, or not now: there is nothing to read
    lines = [(number, _ANSI.sub("", text)) for number, _, text in found[-_LINES_SHOWN:]]
    return layout.page(
        request,
        "spaces/logs.html",
        repo_id=request.repo.repo_id,
        tab="app",
        head=await heads.head(request),
        kind=kind.value,
        lines=lines,
        is_on=request.hub.app_hosts.is_on,
    )


def check(request: Request) -> None:
    """Raises NotFound for what is no Space."""
    if request.repo.repo_id.type is not RepoType.SPACE:
        raise NotFound("Only Spaces run")


ROUTES = (
    Route("GET", "/{repo:web}/app", Action.READ, app),
    Route("GET", "/{repo:web}/logs", Action.WRITE, logs),
)
