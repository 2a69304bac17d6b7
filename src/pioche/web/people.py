"""The pages of people and organisations (ui.md U1, U2): who they are, and what they publish."""

from dataclasses import dataclass, replace
from typing import Final

from pioche.accounts import former_names, overviews
from pioche.accounts.account import Account
from pioche.accounts.callers import Caller
from pioche.accounts.groups import Group
from pioche.accounts.members import Member, Role
from pioche.accounts.overviews import Overview
from pioche.errors import AccountNotFound, RepoNotFound
from pioche.http.hub import Hub
from pioche.http.messages import Query as Sent
from pioche.http.messages import Request, Response, redirect
from pioche.http.routes import Needs, Route
from pioche.names import LISTED, RepoId, RepoType
from pioche.repos.access import Action, Moved
from pioche.search import parameters
from pioche.web import feeds, layout, rows
from pioche.web.collections import shown as collections
from pioche.web.collections.shown import Card
from pioche.web.feeds import Day, Lately
from pioche.web.filters import Filters
from pioche.web.organisations import groups
from pioche.web.repo import readmes
from pioche.web.rows import Row
from pioche.web.social import following, pinning
from pioche.web.social.following import Around
from pioche.web.social.pinning import Pinned

_PAGE_SIZE: Final = 30
_MEMBERS_SHOWN: Final = 60
_ACTIVITY: Final = "activity"
_COLLECTIONS: Final = "collections"
_COLLECTIONS_FIRST: Final = 3
_COLLECTIONS_MAX: Final = 200


@dataclass(frozen=True, slots=True)
class Profile:
    """`others`: the members of an organisation, or the organisations of a user. `role` is the caller's in it."""

    account: Account
    overview: Overview
    others: list[Member]
    role: Role | None
    tab: RepoType
    rows: list[Row]
    total: int
    lately: Lately | None
    """On the tab of activity, which then is shown instead of repos."""
    days: list[Day]
    """A year of a person, on the same tab."""
    around: Around
    collections: list[Card]
    """All on their tab, the first ones on the front of the page."""
    collection_count: int
    pinned: Pinned | None
    """On the front of the page."""
    groups: list[Group]
    """Of an organisation: those that the caller belongs to or administers."""
    has_groups: bool
    """Whether the caller administers a resource group there, and not the organisation."""

    @property
    def counts(self) -> dict[str, int]:
        return {"model": self.overview.models, "dataset": self.overview.datasets, "space": self.overview.spaces}


async def profile(request: Request) -> Response:
    """GET /{name}. A model's legacy id, which has no namespace, leads to the model."""
    name = request.params["name"]
    try:
        found = await request.run(find, request.hub, request.caller, name, request.query)
    except AccountNotFound:
        return await _legacy(request, name)
    is_front = not found.account.is_user and "tab" not in request.query.lists and not request.query.get("search")
    return layout.page(
        request,
        "people/profile.html",
        profile=found,
        card=await request.run(readmes.of_organisation, request, found.account) if is_front else None,
        account=found.account,
        is_service=await request.run(request.hub.directory.service_accounts.org_of, found.account.id) is not None,
        filters=Filters(found.tab, request.raw_path, request.query.lists),
        page_number=request.query.number("p", default=0, most=10**9),
        page_count=-(-found.total // _PAGE_SIZE),
        view=layout.view_of(request),
    )


def find(hub: Hub, caller: Caller, name: str, asked: Sent) -> Profile:
    """For a worker thread. Raises AccountNotFound, BadRequest."""
    account = hub.directory.get(name)
    if account.is_user and account.is_suspended and not caller.is_admin:
        raise AccountNotFound("This user does not exist")
    overview = overviews.overview(hub.database, account, caller)
    tab = _tab(asked.get("tab"), overview)
    chosen = {key: values for key, values in asked.lists.items() if key in ("search", "sort", "p")}
    query = replace(parameters.parse(tab, chosen, limit=_PAGE_SIZE), author=account.name.lower())
    found = hub.search.find(caller, query)
    if account.is_user:
        others, role = hub.directory.members.orgs_shown(caller, account.id), None
    else:
        others = [] if overview.members is None else hub.directory.members.of(account, limit=_MEMBERS_SHOWN)
        role = hub.directory.members.role(account.id, caller.user_id) if caller.user_id else None
    lately, days = None, list[Day]()
    if asked.get("tab") == _ACTIVITY:
        lately = feeds.of_account(hub, caller, account, feeds.place(asked.get("before")))
        days = feeds.calendar(hub, caller, account) if account.is_user else []
    shown = rows.of_ids(hub, caller, found.ids)
    around = following.around(hub, caller, account, asked)
    count = collections.count_of_account(hub, caller, account)
    wanted = {None: _COLLECTIONS_FIRST, _COLLECTIONS: _COLLECTIONS_MAX}.get(asked.get("tab"), 0) if count else 0
    cards = collections.of_account(hub, caller, account, limit=wanted) if wanted else []
    pinned = pinning.of(hub, caller, account) if asked.get("tab") is None else None
    has_groups = role not in (None, Role.ADMIN) and bool(groups.administered(hub, caller, account))
    is_inside = role is not None and caller.barred_from(account.id) is None
    mine = hub.directory.groups.of(account, caller) if is_inside else []
    return Profile(
        account,
        overview,
        others,
        role,
        tab,
        shown,
        found.total,
        lately,
        days,
        around,
        cards,
        count,
        pinned,
        mine,
        has_groups,
    )


def _tab(asked: str | None, overview: Overview) -> RepoType:
    """What was asked for, else the first of which there are any."""
    if asked in LISTED:
        return RepoType(asked)
    counts = (overview.models, overview.datasets, overview.spaces)
    return next((kind for kind, count in zip(LISTED, counts, strict=True) if count), RepoType.MODEL)


async def _legacy(request: Request, name: str) -> Response:
    """Whoever was called so is where they are now. Raises AccountNotFound, for what the caller may not see too."""
    holder = await request.run(former_names.holder, request.hub.database, name)
    if holder is not None and not holder.is_suspended:
        return redirect(f"/{holder.name}")
    try:
        await request.hub.access.open(request.caller, RepoId(RepoType.MODEL, "", name), Action.READ)
    except Moved as moved:
        return redirect(moved.target.web_path)
    except RepoNotFound:
        pass  # whether it is private or not there at all
    raise AccountNotFound("There is nobody of this name")


ROUTES = (Route("GET", "/{name}", Needs.ANYONE, profile),)
