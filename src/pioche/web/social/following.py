"""Following people and organisations, and their lists on a profile: followers, followed, likes (ui.md U1, U2, U4)."""

from dataclasses import dataclass
from typing import Final

from pioche.accounts.account import Account
from pioche.accounts.callers import Caller
from pioche.community import follows, likes
from pioche.community.follows import Counts
from pioche.http.hub import Hub
from pioche.http.messages import Query, Request, Response
from pioche.http.routes import Needs, Route
from pioche.web import feeds, rows
from pioche.web.rows import Row
from pioche.web.sessions import targets

_FORM_BYTES_MAX: Final = 64 * 1024
_PAGE_SIZE: Final = 30
FOLLOWERS, FOLLOWING, LIKES = "followers", "following", "likes"


@dataclass(frozen=True, slots=True)
class Around:
    """Who is around somebody. `people` or `liked` are of the tab that is open, None of the others; `older` is the place
    that the next page begins before, empty at the end."""

    counts: Counts
    likes: int
    people: list[Account] | None = None
    liked: list[Row] | None = None
    older: str = ""


def around(hub: Hub, caller: Caller, account: Account, asked: Query) -> Around:
    """For a worker thread."""
    database, tab = hub.database, asked.get("tab")
    counts = follows.counts(database, caller, account)
    liked = likes.count_of_user(database, caller, account) if account.is_user else 0
    before = feeds.place(asked.get("before"))
    if tab == LIKES and account.is_user:
        found = likes.of_user(database, caller, account, limit=_PAGE_SIZE + 1, before=before)
        shown = rows.of_ids(hub, caller, [one.id for one in found[:_PAGE_SIZE]])
        return Around(counts, liked, liked=shown, older=_older([one.place for one in found]))
    if tab == FOLLOWERS or (tab == FOLLOWING and account.is_user):
        find = follows.followers if tab == FOLLOWERS else follows.following
        people = find(database, account, limit=_PAGE_SIZE + 1, before=before)
        shown_people = [one.account for one in people[:_PAGE_SIZE]]
        return Around(counts, liked, people=shown_people, older=_older([one.place for one in people]))
    return Around(counts, liked)


def _older(places: list[tuple[int, int]]) -> str:
    return "{}-{}".format(*places[_PAGE_SIZE - 1]) if len(places) > _PAGE_SIZE else ""


async def follow(request: Request) -> Response:
    """POST /settings/following: the field `name` is who, `undo` takes it back. Then the page where the button was."""
    form = await request.form()
    other = await request.run(request.hub.directory.get, (form.get("name") or "")[:200])
    change = follows.unfollow if form.get("undo") else follows.follow
    await request.run(change, request.hub.database, request.caller, other)
    where = targets.safe(form.get("next") or f"/{other.name}")
    return Response(303, [("Location", where), ("Cache-Control", "no-store")])


ROUTES = (Route("POST", "/settings/following", Needs.USER_WRITE, follow, _FORM_BYTES_MAX),)
