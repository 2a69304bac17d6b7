"""What happened lately: the feed of who is signed in (ui.md H3), and the activity on the pages of people and organisations."""

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from pioche.accounts.account import Account
from pioche.accounts.callers import Caller
from pioche.http.hub import Hub
from pioche.http.messages import Request, Response
from pioche.http.routes import Needs, Route
from pioche.names import LISTED, RepoId, RepoType
from pioche.repos import feed
from pioche.repos.feed import DAY_MS, Deed, Place
from pioche.web import layout

_PAGE_SIZE: Final = 30
_WEEKS: Final = 53
_WEEK_DAYS: Final = 7
_THURSDAY: Final = 3  # 1970-01-01, counted from Monday
_PLACE = re.compile(r"(\d{1,15})-(\d{1,15})\Z")


@dataclass(frozen=True, slots=True)
class Line:
    """One or several deeds of the same kind by the same person, one after the other; `at` and `commit` are of the latest."""

    kind: str
    repo_id: RepoId
    private: bool
    actor: str
    what: str
    commit: str | None
    at: int
    count: int


@dataclass(frozen=True, slots=True)
class Lately:
    """A page of lines; `older` is the place that the next one begins before, empty at the end."""

    lines: list[Line]
    older: str


@dataclass(frozen=True, slots=True)
class Day:
    """A square of the calendar. `level` is 0 for nothing to 4 for the busiest days."""

    at: int
    count: int
    level: int
    week: int
    weekday: int


async def page(request: Request) -> Response:
    """GET /feed?type=model&before=: what happens in one's own repos, and around whom and what one follows and
    watches."""
    asked = request.query
    wanted = asked.get("type")
    kind = RepoType(wanted) if wanted in LISTED else None
    found = await request.run(of_caller, request.hub, request.caller, kind, place(asked.get("before")), _PAGE_SIZE)
    return layout.page(request, "feed.html", found=found, kind=kind.value if kind else "")


def of_caller(hub: Hub, caller: Caller, kind: RepoType | None, before: Place | None, limit: int) -> Lately:
    """For a worker thread."""
    orgs = hub.directory.members.orgs_of(caller.user_id)
    ids = [caller.user_id, *(member.account.id for member in orgs)]
    deeds = feed.of_follower(hub.database, caller, ids, limit=limit + 1, repo_type=kind, before=before)
    return _lately(deeds, limit)


def of_account(hub: Hub, caller: Caller, account: Account, before: Place | None) -> Lately:
    """What a person did, or what was done in the repos of an organisation; as far as the caller may see."""
    if account.is_user:
        deeds = feed.of_person(hub.database, caller, account.id, limit=_PAGE_SIZE + 1, before=before)
    else:
        deeds = feed.of_namespaces(hub.database, caller, [account.id], limit=_PAGE_SIZE + 1, before=before)
    return _lately(deeds, _PAGE_SIZE)


def calendar(hub: Hub, caller: Caller, account: Account) -> list[Day]:
    """A year of a person, a column a week; of what the caller may see."""
    today = int(time.time() * 1000) // DAY_MS
    first = today - _weekday(today) - (_WEEKS - 1) * _WEEK_DAYS
    counts = feed.by_day(hub.database, caller, account.id, days=today - first + 1, today=today)
    most = max(counts)
    return [
        Day((first + place) * DAY_MS, count, -(-4 * count // most) if count else 0, *divmod(place, _WEEK_DAYS))
        for place, count in enumerate(counts)
    ]


def _weekday(day: int) -> int:
    """0 is Monday; `day` since 1970."""
    return (day + _THURSDAY) % _WEEK_DAYS


def place(text: str | None) -> Place | None:
    """Of an address; None for what is no place: then it is the first page."""
    found = _PLACE.match(text or "")
    return (int(found[1]), int(found[2])) if found else None


def _lately(deeds: Sequence[Deed], limit: int) -> Lately:
    """`deeds` has one more where there are older ones."""
    shown = deeds[:limit]
    lines = []
    for _, several in groupby(shown, lambda deed: (deed.kind, deed.repo_id, deed.actor, deed.what)):
        alike = list(several)
        one = alike[0]
        lines.append(Line(one.kind, one.repo_id, one.private, one.actor, one.what, one.commit, one.at, len(alike)))
    older = "{}-{}".format(*shown[-1].place) if len(deeds) > limit else ""
    return Lately(lines, older)


ROUTES = (Route("GET", "/feed", Needs.USER, page),)
