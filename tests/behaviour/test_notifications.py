"""Who is told of what happens in threads, over both databases (ui.md N1, U4), and E-LEAK of it."""

from collections.abc import Callable

import pytest

from pioche.accounts.callers import Caller
from pioche.community import choices, comments, discussions, following, notifications, standing, watching
from pioche.community.notifications import About, Notification, Show, Status, Wanted
from pioche.community.notifying import Notify
from pioche.community.watching import Watch
from pioche.db import schema
from pioche.jobs.outbox import Dispatcher
from pioche.repos.access import Repo
from pioche.repos.catalog import Settings
from tests.core import Core


@pytest.fixture
def tell(core: Core) -> Callable[[], int]:
    """Delivers what happened; twice, as may be."""
    dispatcher = Dispatcher(core.hub.database, [Notify(core.hub.access)])
    return dispatcher.step


@pytest.fixture
def bob(core: Core) -> Caller:
    return core.user("bob")


def listed(core: Core, who: Caller, wanted: Wanted | None = None) -> list[Notification]:
    return notifications.page(core.hub.database, who, wanted or Wanted()).notifications


def told(core: Core, who: Caller) -> list[tuple[int, str, str]]:
    return [(one.number, one.reason, one.status.value) for one in listed(core, who)]


def test_u4_owners_and_who_takes_part_hear_of_a_thread_and_not_of_themselves(
    core: Core, ada: Caller, bob: Caller, repo: Repo, tell: Callable[[], int]
) -> None:
    mine, guest = (standing.of(core.hub.access, repo, who) for who in (ada, bob))
    number = discussions.open_(guest, "Typo", "In the card.")
    tell()
    assert told(core, ada) == [(number, "watching", "unread")]
    assert told(core, bob) == []
    comments.add(mine, number, "Thank you.")
    tell()
    assert told(core, bob) == [(number, "participating", "unread")]
    assert notifications.count(core.hub.database, bob) == 1


def test_n1_one_row_a_thread_that_is_read_done_and_unread_again(
    core: Core, ada: Caller, bob: Caller, repo: Repo, tell: Callable[[], int]
) -> None:
    guest, database = standing.of(core.hub.access, repo, bob), core.hub.database
    number = discussions.open_(guest, "Typo", "In the card.")
    tell()
    notifications.seen(database, ada, repo.id, number)
    assert told(core, ada) == [(number, "watching", "read")]
    comments.add(guest, number, "And @ada, another one.")
    tell()
    assert told(core, ada) == [(number, "mention", "unread")]
    (one,) = listed(core, ada, Wanted(about=About.MENTIONS))
    notifications.mark(database, ada, [one.key], Status.DONE)
    assert told(core, ada) == []
    assert [found.number for found in listed(core, ada, Wanted(show=Show.DONE))] == [number]
    with database.write() as connection:  # the same events once more, as after a crash
        connection.execute(schema.event_cursors.delete())
    tell()
    assert told(core, ada) == [], "told twice, it counts once"


def test_n1_filters_and_all_that_they_show(
    core: Core, ada: Caller, bob: Caller, repo: Repo, tell: Callable[[], int]
) -> None:
    other = core.repo(ada, "ada/other")
    for where, text in ((repo, "@ada look"), (repo, "words"), (other, "words")):
        discussions.open_(standing.of(core.hub.access, where, bob), "A thing", text)
    tell()
    of_repo = Wanted(repo=repo.repo_id)
    assert len(listed(core, ada)) == 3
    assert len(listed(core, ada, of_repo)) == 2
    assert len(listed(core, ada, Wanted(about=About.MENTIONS))) == 1
    notifications.mark_all(core.hub.database, ada, of_repo, Status.READ)
    assert [one.repo_id for one in listed(core, ada, Wanted(show=Show.UNREAD))] == [other.repo_id]
    assert notifications.count(core.hub.database, ada) == 1


def test_u4_who_muted_or_blocked_hears_nothing_and_who_watches_does(
    core: Core, ada: Caller, bob: Caller, repo: Repo, tell: Callable[[], int]
) -> None:
    watcher, deaf, blocker = core.user("cleo"), core.user("dan"), core.user("eve")
    for who in (watcher, deaf, blocker):
        watching.put(core.hub.database, who, [repo], Watch.WATCHED)
    with core.hub.database.write() as connection:
        connection.execute(schema.blocks.insert().values(blocker_id=blocker.user_id, blocked_id=bob.user_id, at=1))
    guest = standing.of(core.hub.access, repo, bob)
    number = discussions.open_(guest, "Typo", "@dan @eve In the card.")
    following.follow(standing.of(core.hub.access, repo, deaf), number, is_muted=True)
    watching.put(core.hub.database, ada, [repo], Watch.MUTED)
    tell()
    assert told(core, watcher) == [(number, "watching", "unread")]
    assert told(core, deaf) == told(core, blocker) == told(core, ada) == []


def test_e_leak_nobody_is_told_of_what_they_may_not_open_now(
    core: Core, ada: Caller, bob: Caller, repo: Repo, tell: Callable[[], int]
) -> None:
    watching.put(core.hub.database, bob, [repo], Watch.WATCHED)
    mine = standing.of(core.hub.access, repo, ada)
    number = discussions.open_(mine, "Before", "@bob")
    tell()
    assert told(core, bob) == [(number, "mention", "unread")]
    core.hub.catalog.change(ada, repo, Settings(private=True))
    assert told(core, bob) == []
    assert notifications.count(core.hub.database, bob) == 0
    discussions.open_(mine, "Since", "@bob")
    tell()
    core.hub.catalog.change(ada, repo, Settings(private=False))
    assert told(core, bob) == [(number, "mention", "unread")], "and what happened meanwhile was never told"


def test_t6_what_somebody_refuses_is_not_told_and_a_weaker_reason_counts(
    core: Core, ada: Caller, bob: Caller, repo: Repo, tell: Callable[[], int]
) -> None:
    database, guest = core.hub.database, standing.of(core.hub.access, repo, bob)
    choices.refuse(database, ada.user_id, [("mention", "discussion.create"), ("watching", "discussion.create")])
    silent = discussions.open_(guest, "Typo", "@ada In the card.")
    tell()
    assert told(core, ada) == []
    comments.add(guest, silent, "@ada A comment.")
    tell()
    assert told(core, ada) == [(silent, "mention", "unread")]
    choices.refuse(database, ada.user_id, [("mention", "discussion.create"), ("absent", "discussion.create")])
    assert choices.refused(database, ada.user_id) == {("mention", "discussion.create")}
    number = discussions.open_(guest, "Another", "@ada In the card.")
    tell()
    assert told(core, ada)[0] == (number, "watching", "unread")


def test_t6_what_is_watched_and_muted_is_listed_while_it_may_be_opened(
    core: Core, ada: Caller, bob: Caller, repo: Repo
) -> None:
    number = discussions.open_(standing.of(core.hub.access, repo, ada), "A thing", "words")
    watching.put(core.hub.database, bob, [repo], Watch.WATCHED)
    following.follow(standing.of(core.hub.access, repo, bob), number, is_muted=True)
    repos, thread = choices.heard(core.hub.database, bob)
    assert (repos.path, repos.is_muted) == (repo.repo_id.web_path, False)
    assert (thread.path, thread.title, thread.is_muted) == (
        f"{repo.repo_id.web_path}/discussions/{number}",
        "A thing",
        True,
    )
    core.hub.catalog.change(ada, repo, Settings(private=True))
    assert choices.heard(core.hub.database, bob) == []
