"""The front page (ui.md H): what this hub is, what is used on it now, and how to begin."""

from dataclasses import dataclass
from typing import Final

from pioche.accounts.callers import Caller
from pioche.http.hub import Hub
from pioche.http.messages import Request, Response
from pioche.http.routes import Needs, Route
from pioche.names import LISTED, RepoType
from pioche.search.query import Query, Sort
from pioche.web import feeds, layout, rows
from pioche.web.feeds import Lately
from pioche.web.rows import Row

_TRENDING: Final = 6
_MINE: Final = 6
_ACTIVITY: Final = 8


@dataclass(frozen=True, slots=True)
class Front:
    """`trending` and `totals` by repo type: what everybody may see. `mine`: what the caller worked on lately;
    `lately`: what happened in the repos that are theirs or their organisations'."""

    trending: dict[str, list[Row]]
    totals: dict[str, int]
    mine: list[Row]
    lately: Lately | None

    @property
    def example(self) -> str:
        """A public model of this hub; a stand-in on an empty one."""
        first = self.trending["model"][:1]
        return f"{first[0].owner}/{first[0].name}" if first else "me/my-model"


async def home(request: Request) -> Response:
    """GET /."""
    front = await request.run(find, request.hub, request.caller)
    return layout.page(request, "home.html", front=front, namespace=request.caller.name or "me")


def find(hub: Hub, caller: Caller) -> Front:
    """For a worker thread."""
    trending, totals = dict[str, list[Row]](), dict[str, int]()
    for kind in LISTED:
        found = hub.search.find(Caller.nobody(), Query(type=kind, sort=Sort.TRENDING, limit=_TRENDING))
        trending[kind.value] = rows.of_ids(hub, Caller.nobody(), found.ids)
        totals[kind.value] = found.total
    if caller.is_anonymous:
        return Front(trending, totals, [], None)
    return Front(trending, totals, _lately(hub, caller), feeds.of_caller(hub, caller, None, None, _ACTIVITY))


def _lately(hub: Hub, caller: Caller) -> list[Row]:
    """Across all types, the latest first."""
    found = list[Row]()
    for kind in LISTED:
        query = Query(type=RepoType(kind), author=caller.name.lower(), sort=Sort.MODIFIED, limit=_MINE)
        found += rows.of_ids(hub, caller, hub.search.find(caller, query).ids)
    return sorted(found, key=lambda row: -row.updated_at)[:_MINE]


ROUTES = (Route("GET", "/", Needs.ANYONE, home),)
