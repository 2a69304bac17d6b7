"""Where a repo's bytes are: what only it holds, what others hold too, what only its history needs (issue item 6)."""

from functools import partial
from typing import Any

from pioche.http.messages import Request, Response
from pioche.http.routes import Route
from pioche.repos import allowances, overviews, sharing
from pioche.repos.access import Action
from pioche.repos.allowances import Allowance
from pioche.web import layout
from pioche.web.repo import heads


async def storage(request: Request) -> Response:
    """GET /{repo}/storage."""
    overview = await request.run(overviews.read, request.repo)
    head = await heads.of(request, overview)
    found = await request.run(sharing.measure, request.repo, request.caller)
    allowance = await request.run(_allowance, request)
    values: dict[str, Any] = {
        "repo_id": overview.repo_id,
        "tab": "storage",
        "head": head,
        "sharing": found,
        "allowance": allowance,
    }
    return await request.run(partial(layout.page, request, "repo/storage.html", **values))


def _allowance(request: Request) -> Allowance | None:
    """For those who fill it."""
    if not request.hub.access.allows(request.caller, request.repo, Action.WRITE):
        return None
    return allowances.of_repo(request.repo)


ROUTES = (Route("GET", "/{repo:web}/storage", Action.READ, storage),)
