"""The front page."""

from pioche.accounts.callers import Caller
from pioche.http.messages import Request, Response
from pioche.http.routes import Needs, Route
from pioche.names import RepoType
from pioche.repos import info
from pioche.search.query import Query, Sort
from pioche.web import layout


async def home(request: Request) -> Response:
    """GET /: what this is, and three commands for this host."""
    example = await request.run(_example, request)
    return layout.page(request, "home.html", example=example, namespace=request.caller.name or "me")


def _example(request: Request) -> str:
    """A public model of this hub, the first that was published; a stand-in on an empty hub."""
    query = Query(type=RepoType.MODEL, sort=Sort.CREATED, ascending=True, limit=1)
    found = request.hub.search.find(Caller.nobody(), query)
    repos = info.of_ids(request.hub.database, Caller.nobody(), found.ids)
    return str(repos[0].repo_id) if repos else "me/my-model"


ROUTES = (Route("GET", "/", Needs.ANYONE, home),)
