"""Pinned repos on the front page, on the pages of people and organisations, and in the menu of a repo (ui.md H, U1, U2)."""

from dataclasses import dataclass, field
from typing import Final

from pioche.accounts.account import Account
from pioche.accounts.callers import Caller
from pioche.community import pins
from pioche.community.pins import PINS_MAX, Change
from pioche.http.hub import Hub
from pioche.http.messages import Request, Response
from pioche.http.routes import Route
from pioche.names import LISTED, RepoType
from pioche.repos.access import Action
from pioche.search.query import Query, Sort
from pioche.web import rows
from pioche.web.rows import Row
from pioche.web.sessions import targets

_FORM_BYTES_MAX: Final = 64 * 1024
_OFFERED: Final = 12


@dataclass(frozen=True, slots=True)
class Pinned:
    """`offered`: repos of theirs that could be pinned too, for who may change it."""

    rows: list[Row]
    may_change: bool = False
    offered: list[Row] = field(default_factory=list)

    @property
    def is_full(self) -> bool:
        return len(self.rows) >= PINS_MAX

    @property
    def most(self) -> int:
        return PINS_MAX


def of(hub: Hub, caller: Caller, owner: Account) -> Pinned:
    """What stands first on a page, for its reader. For a worker thread."""
    pinned = rows.of_ids(hub, caller, pins.of(hub.database, caller, owner))
    if caller.is_anonymous or not pins.may_change(hub.database, caller, owner):
        return Pinned(pinned)
    known = {row.id for row in pinned}
    return Pinned(
        pinned,
        may_change=True,
        offered=[row for row in latest(hub, caller, owner.name, _OFFERED) if row.id not in known],
    )


def latest(hub: Hub, caller: Caller, owner: str, most: int) -> list[Row]:
    """The repos of an account that the caller sees, across all types, the latest first. For a worker thread."""
    found = list[Row]()
    for kind in LISTED:
        query = Query(type=RepoType(kind), author=owner.lower(), sort=Sort.MODIFIED, limit=most)
        found += rows.of_ids(hub, caller, hub.search.find(caller, query).ids)
    return sorted(found, key=lambda row: -row.updated_at)[:most]


async def change(request: Request) -> Response:
    """POST /{repo}/pin: `do` is pin, unpin, up or down, `owner` on whose page, one's own where it does not say. Then the page
    where the button was."""
    form = await request.form()
    what = Change.parse(form.get("do") or Change.PIN)
    owner = await request.run(request.hub.directory.get, (form.get("owner") or request.caller.name)[:200])
    await request.run(pins.change, request.repo, request.caller, owner, what)
    asked = form.get("next")
    where = targets.safe(asked) if asked else request.repo.repo_id.web_path
    return Response(303, [("Location", where), ("Cache-Control", "no-store")])


ROUTES = (Route("POST", "/{repo:web}/pin", Action.PARTICIPATE, change, _FORM_BYTES_MAX),)
