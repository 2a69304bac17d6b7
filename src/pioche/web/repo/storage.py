"""Where a repo's bytes are: what only it holds, what others hold too, what only its history needs (issue item 6)."""

from pioche.http.messages import Request, Response
from pioche.http.routes import Route
from pioche.repos import overviews, sharing
from pioche.repos.access import Action
from pioche.web import layout
from pioche.web.repo import heads


async def storage(request: Request) -> Response:
    """GET /{repo}/storage."""
    overview = await request.run(overviews.read, request.repo)
    head = await heads.of(request, overview)
    found = await request.run(sharing.measure, request.repo, request.caller)
    return await request.run(
        layout.page, request, "repo/storage.html", repo_id=overview.repo_id, tab="storage", head=head, sharing=found
    )


ROUTES = (Route("GET", "/{repo:web}/storage", Action.READ, storage),)
