"""The front page (ui.md H): what this hub is, what is used on it now, and how to begin."""

from dataclasses import dataclass, field
from typing import Final

from pioche.accounts.callers import Caller
from pioche.community import pins
from pioche.http.hub import Hub
from pioche.http.messages import Request, Response
from pioche.http.routes import Needs, Route
from pioche.names import LISTED
from pioche.repos import allowances
from pioche.repos.allowances import Allowance
from pioche.search.query import Query, Sort
from pioche.upkeep import welcoming
from pioche.upkeep.welcoming import Welcome
from pioche.web import feeds, layout, rows
from pioche.web.feeds import Lately
from pioche.web.rows import Row
from pioche.web.social import pinning

_TRENDING: Final = 6
_LOOKED_AT = 3 * _TRENDING
"""The front page shows what is for all audiences: the rest is found by whoever looks for it."""
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
    welcome: Welcome | None
    """What the administrators say that this hub is; None where Pioche says it."""
    pinned: list[Row] = field(default_factory=list)
    allowance: Allowance | None = None
    """How much they store, of how much."""

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
        found = hub.search.find(Caller.nobody(), Query(type=kind, sort=Sort.TRENDING, limit=_LOOKED_AT))
        shown = [row for row in rows.of_ids(hub, Caller.nobody(), found.ids) if not row.is_sensitive]
        trending[kind.value] = shown[:_TRENDING]
        totals[kind.value] = found.total
    words = welcoming.words(hub.database)
    if caller.is_anonymous:
        return Front(trending, totals, [], None, words)
    account = hub.directory.by_id(caller.user_id)
    return Front(
        trending,
        totals,
        pinning.latest(hub, caller, caller.name, _MINE),
        feeds.of_caller(hub, caller, None, None, _ACTIVITY),
        words,
        rows.of_ids(hub, caller, pins.of(hub.database, caller, account)),
        allowances.of_account(hub.database, hub.quotas.limits, account),
    )


ROUTES = (Route("GET", "/", Needs.ANYONE, home),)
