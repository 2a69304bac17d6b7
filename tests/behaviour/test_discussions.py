"""Discussions and what is said in them, over both databases."""

import threading
from collections.abc import Callable

import pytest

from pioche.accounts.callers import Caller
from pioche.community import comments, discussions, following, listing, reading, standing
from pioche.community.comments import Place
from pioche.community.listing import Sort, Wanted
from pioche.community.reading import Event
from pioche.community.standing import Standing
from pioche.db import schema
from pioche.errors import BadRequest, Conflict, EntryNotFound, Forbidden, HubError
from pioche.repos import commits, merging, pulls, refs
from pioche.repos.access import Repo
from pioche.repos.commits import AddFile, Plan
from pioche.repos.threads import Kind
from tests.core import Core, main


@pytest.fixture
def owner(core: Core, ada: Caller, repo: Repo) -> Standing:
    return standing.of(core.hub.access, repo, ada)


@pytest.fixture
def guest(core: Core, repo: Repo) -> Standing:
    return standing.of(core.hub.access, repo, core.user("bob"))


def log(by: Standing, number: int) -> list[Event]:
    return reading.whole(by.repo, number)[1]


def propose(by: Standing, files: dict[str, bytes]) -> int:
    operations = [AddFile(path, data) for path, data in files.items()]
    made = commits.propose(by.repo, by.caller, "main", Plan("Better", "why", None, operations))
    assert made.pull_request is not None
    return made.pull_request


def in_turn_or_at_once(*actions: Callable[[], object]) -> list[HubError | None]:
    """What each action ended with, all begun together."""
    ended: list[HubError | None] = [None] * len(actions)
    start = threading.Barrier(len(actions))

    def run(place: int, action: Callable[[], object]) -> None:
        start.wait()
        try:
            action()
        except HubError as error:
            ended[place] = error

    workers = [threading.Thread(target=run, args=item) for item in enumerate(actions)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return ended


def test_a_thread_keeps_what_was_said_and_done(owner: Standing, guest: Standing) -> None:
    number = discussions.open_(guest, "  A   question ", "How?")
    said = comments.add(owner, number, "So.")
    comments.edit(owner, number, said.uid, "Like so.")
    comments.edit(owner, number, said.uid, "Like *so*.")
    discussions.rename(guest, number, "Answered")
    discussions.change_status(guest, number, "closed", "Thanks")
    thread, events = reading.whole(owner.repo, number)
    assert (thread.title, thread.status, thread.comments, thread.is_pull_request) == ("Answered", "closed", 2, False)
    assert [one.kind for one in events] == [Kind.COMMENT, Kind.COMMENT, Kind.TITLE, Kind.COMMENT, Kind.STATUS]
    assert events[2].data == {"from": "A question", "to": "Answered"}
    answer = events[1]
    assert (answer.uid, answer.text, [old.text for old in answer.history]) == (
        said.uid,
        "Like *so*.",
        ["So.", "Like so."],
    )
    assert answer.edited_at is not None
    assert [person.name for person in reading.participants(events)] == ["bob", "ada"]


def test_whatever_a_reader_would_see_raises_the_version(owner: Standing, guest: Standing) -> None:
    number = discussions.open_(guest, "A question", "How?")
    first = log(owner, number)[0].uid
    changes: list[Callable[[], object]] = [
        lambda: comments.add(owner, number, "x"),
        lambda: comments.edit(guest, number, first, "Why?"),
        lambda: comments.react(owner, number, first, "🔥", is_on=True),
        lambda: comments.react(owner, number, first, "🔥", is_on=False),
        lambda: discussions.set_pinned(owner, number, pinned=True),
        lambda: discussions.set_locked(owner, number, locked=True),
        lambda: comments.hide(owner, number, first),
    ]
    for change in changes:
        before = reading.get(owner.repo, number).version
        change()
        assert reading.get(owner.repo, number).version > before
        unchanged = reading.get(owner.repo, number).version
    comments.hide(owner, number, first)
    discussions.set_pinned(owner, number, pinned=True)
    assert reading.get(owner.repo, number).version == unchanged


def test_hiding_is_for_good(core: Core, owner: Standing, guest: Standing) -> None:
    number = discussions.open_(owner, "A question", "How?")
    said = comments.add(guest, number, "secret").uid
    comments.edit(guest, number, said, "secret too")
    comments.react(owner, number, said, "👍", is_on=True)
    other = standing.of(core.hub.access, owner.repo, core.user("carol"))
    with pytest.raises(Forbidden):
        comments.hide(other, number, said)
    comments.hide(owner, number, said)
    hidden = log(owner, number)[1]
    assert (hidden.is_hidden, hidden.text, hidden.history, hidden.reactions) == (True, "", (), ())
    assert hidden.hidden_by is not None
    assert hidden.hidden_by.name == "ada"
    for action in (
        lambda: comments.edit(guest, number, said, "back"),
        lambda: comments.react(guest, number, said, "👍", is_on=True),
    ):
        with pytest.raises(Conflict):
            action()
    assert listing.page(owner.repo, Wanted(search="secret")).total == 0


def test_only_who_wrote_it_edits_it(owner: Standing, guest: Standing) -> None:
    number = discussions.open_(guest, "A question", "How?")
    with pytest.raises(Forbidden):
        comments.edit(owner, number, log(owner, number)[0].uid, "Never mind")


def test_strangers_change_nothing_of_a_thread(core: Core, owner: Standing, guest: Standing) -> None:
    number = discussions.open_(owner, "A question", "How?")
    forbidden: list[Callable[[], object]] = [
        lambda: discussions.rename(guest, number, "Mine"),
        lambda: discussions.change_status(guest, number, "closed"),
        lambda: discussions.set_pinned(guest, number, pinned=True),
        lambda: discussions.set_locked(guest, number, locked=True),
        lambda: discussions.delete(guest, number),
    ]
    for action in forbidden:
        with pytest.raises(Forbidden):
            action()
    assert len(log(owner, number)) == 1


def test_in_a_locked_thread_writers_speak(owner: Standing, guest: Standing) -> None:
    number = discussions.open_(guest, "A question", "How?")
    first = log(owner, number)[0].uid
    discussions.set_locked(owner, number, locked=True)
    forbidden: list[Callable[[], object]] = [
        lambda: comments.add(guest, number, "but"),
        lambda: comments.edit(guest, number, first, "but"),
        lambda: comments.react(guest, number, first, "🔥", is_on=True),
        lambda: discussions.change_status(guest, number, "closed", "but"),
    ]
    for action in forbidden:
        with pytest.raises(Forbidden, match="locked"):
            action()
    comments.add(owner, number, "No more.")
    discussions.set_locked(owner, number, locked=False)
    comments.add(guest, number, "but")
    assert [one.data for one in log(owner, number) if one.kind is Kind.LOCKING] == [{"locked": True}, {"locked": False}]


def test_a_foreign_id_finds_no_comment(owner: Standing) -> None:
    one, other = (discussions.open_(owner, f"Question {count}", "How?") for count in range(2))
    uid = log(owner, one)[0].uid
    for action in (
        lambda: comments.edit(owner, other, uid, "x"),
        lambda: comments.hide(owner, other, uid),
        lambda: comments.react(owner, other, uid, "🔥", is_on=True),
    ):
        with pytest.raises(EntryNotFound):
            action()


def test_reactions_are_counted_once(owner: Standing, guest: Standing) -> None:
    number = discussions.open_(owner, "A question", "How?")
    uid = log(owner, number)[0].uid
    for by, emoji in ((owner, "🔥"), (owner, "🔥"), (guest, "🔥"), (guest, "👀")):
        comments.react(by, number, uid, emoji, is_on=True)
    comments.react(guest, number, uid, "👀", is_on=False)
    assert [(one.emoji, one.people) for one in log(owner, number)[0].reactions] == [("🔥", ["ada", "bob"])]
    with pytest.raises(BadRequest):
        comments.react(guest, number, uid, "💣", is_on=True)
    (row,) = listing.page(owner.repo, Wanted()).rows
    assert (list(row.reactions), row.people) == ([("🔥", 2)], 2)


def test_lists_are_filtered_sorted_and_counted(owner: Standing, guest: Standing) -> None:
    first = discussions.open_(owner, "First things", "first")
    second = discussions.open_(guest, "Second thoughts", "needle in text")
    pull = propose(guest, {"a.txt": b"1"})
    draft = discussions.open_pull(guest, "A draft", "")
    discussions.change_status(owner, second, "closed")
    comments.add(owner, first, "more")

    def numbers(**wanted: object) -> list[int]:
        return [row.thread.number for row in listing.page(owner.repo, Wanted(**wanted)).rows]  # type: ignore[arg-type]  # each case has its own

    assert numbers() == [draft, pull, second, first]
    assert numbers(is_pull_request=True) == [draft, pull]
    assert numbers(statuses=("open",)) == [pull, first]
    assert numbers(author="BOB", is_pull_request=False) == [second]
    assert numbers(search="NEEDLE") == [second]
    assert numbers(search="%") == []
    discussions.rename(owner, first, "Évaluations à refaire")
    assert numbers(search="évaluations") == numbers(search="ÉVALUATIONS") == [first]
    assert numbers(sort=Sort.OLDEST) == [first, second, pull, draft]
    assert numbers(sort=Sort.UPDATED)[0] == first
    assert numbers(sort=Sort.TRENDING)[0] == first
    assert numbers(skip=1, limit=2) == [pull, second]
    discussions.set_pinned(owner, first, pinned=True)
    assert numbers()[0] == first
    page = listing.page(owner.repo, Wanted(is_pull_request=False, statuses=("open",)))
    assert page.total == 1
    assert page.count(is_pull_request=True) == 2
    assert page.count(statuses=("closed", "merged")) == 1


def test_a_repo_without_discussions(core: Core, owner: Standing) -> None:
    number = discussions.open_(owner, "A question", "How?")
    with core.hub.database.write() as connection:
        connection.execute(schema.repos.update().values(discussions_off=True))
    refused: list[Callable[[], object]] = [
        lambda: discussions.open_(owner, "Another", "x"),
        lambda: propose(owner, {"a.txt": b"1"}),
        lambda: comments.add(owner, number, "x"),
        lambda: reading.whole(owner.repo, number),
        lambda: listing.page(owner.repo, Wanted()),
    ]
    for action in refused:
        with pytest.raises(Forbidden, match="disabled"):
            action()


def test_a_deleted_discussion_is_gone_with_its_ref(owner: Standing) -> None:
    pull = propose(owner, {"a.txt": b"1"})
    talk = discussions.open_(owner, "A question", "How?")
    for number in (pull, talk):
        discussions.delete(owner, number)
        with pytest.raises(EntryNotFound):
            reading.get(owner.repo, number)
    assert refs.find(owner.repo, f"refs/pr/{pull}") is None
    assert discussions.open_(owner, "The next", "x") == talk + 1


def test_following_is_remembered(owner: Standing, guest: Standing) -> None:
    number = discussions.open_(owner, "A question", "How?")
    for state in (False, True, None):
        following.follow(guest, number, is_muted=state)
        assert following.is_muted(owner.repo, guest.caller.user_id, number) is state


# --- pull requests --------------------------------------------------------------------------------------------------


def test_a_commit_raises_the_version_of_its_pull_request(owner: Standing) -> None:
    number = propose(owner, {"a.txt": b"1"})
    before = reading.get(owner.repo, number).version
    plan = Plan("More", "", None, [AddFile("b.txt", b"1")])
    commits.create(owner.repo, owner.caller, f"refs/pr/{number}", plan)
    assert reading.get(owner.repo, number).version == before + 1
    compared = pulls.sides(owner.repo, pulls.get(owner.repo, number))
    assert compared is not None
    assert [one.title for one in pulls.commits_of(owner.repo, compared)] == ["Better", "More"]


def test_a_merge_tells_what_was_said_with_it(owner: Standing) -> None:
    number = propose(owner, {"a.txt": b"1"})
    wish = merging.Wish(comment="Thanks!", message="All of it")
    merged = merging.merge(owner.repo, owner.caller, number, wish)
    assert owner.repo.objects.commit(merged).title == "All of it"
    assert [(one.kind, one.text or one.data) for one in log(owner, number)[1:]] == [
        (Kind.COMMENT, "Thanks!"),
        (Kind.STATUS, {"status": "merged"}),
    ]


def test_a_merge_may_join_both_histories(core: Core, owner: Standing) -> None:
    number = propose(owner, {"a.txt": b"1"})
    base = core.commit(owner.repo, owner.caller, {"b.txt": b"1"}).oid
    head = refs.get(owner.repo, f"refs/pr/{number}").commit
    merged = merging.merge(owner.repo, owner.caller, number, merging.Wish(squash=False))
    assert owner.repo.objects.commit(merged).parents == (base, head)
    assert main(owner.repo).commit == merged
    pull = pulls.get(owner.repo, number)
    assert pulls.conflicts(owner.repo, pull) == []
    compared = pulls.sides(owner.repo, pull)
    assert compared is not None
    assert [one.oid for one in pulls.commits_of(owner.repo, compared)] == [head]


def test_the_ref_of_a_settled_pull_request_can_be_deleted(owner: Standing) -> None:
    number = propose(owner, {"a.txt": b"1"})
    with pytest.raises(Conflict):
        pulls.delete_ref(owner.repo, owner.caller, number)
    merging.merge(owner.repo, owner.caller, number)
    pulls.delete_ref(owner.repo, owner.caller, number)
    assert "+1" in (pulls.diff(owner.repo, pulls.get(owner.repo, number)) or "")
    closed = propose(owner, {"b.txt": b"1"})
    discussions.change_status(owner, closed, "closed")
    pulls.delete_ref(owner.repo, owner.caller, closed)
    assert pulls.diff(owner.repo, pulls.get(owner.repo, closed)) is None
    assert pulls.storage(owner.repo, closed) == 0
    with pytest.raises(HubError, match="deleted"):
        discussions.change_status(owner, closed, "open")


def test_a_pull_request_outlives_the_history_that_it_was_merged_into(core: Core, owner: Standing) -> None:
    number = propose(owner, {"a.txt": b"1"})
    merging.merge(owner.repo, owner.caller, number)
    with core.hub.database.write() as connection:  # as if squashed, and collected since
        connection.execute(schema.discussions.update().values(merged_as="1" * 40))
    pull = pulls.get(owner.repo, number)
    assert (pulls.sides(owner.repo, pull), pulls.diff(owner.repo, pull), pulls.storage(owner.repo, number)) == (
        None,
        None,
        0,
    )


def test_comments_stand_on_lines_of_the_diff(owner: Standing) -> None:
    number = propose(owner, {"a.txt": b"1\n2\n3\n"})
    said = comments.add(owner, number, "Why?", Place("a.txt", 2))
    head = refs.get(owner.repo, f"refs/pr/{number}").commit
    assert said.entry.data == {"path": "a.txt", "line": 2, "side": "new", "commit": head}
    for place in (
        Place("a.txt", 4),
        Place("a.txt", 0),
        Place("a.txt", 1, "old"),
        Place(".gitattributes", 1),
        Place("a.txt", 1, commit=main(owner.repo).commit),
    ):
        with pytest.raises(BadRequest):
            comments.add(owner, number, "Why?", place)
    with pytest.raises(EntryNotFound):
        comments.add(owner, discussions.open_(owner, "A question", "How?"), "Why?", Place("a.txt", 1))


# --- C9 -------------------------------------------------------------------------------------------------------------


def test_c9_a_pull_request_is_merged_once(owner: Standing) -> None:
    number = propose(owner, {"a.txt": b"1"})
    ended = in_turn_or_at_once(*[lambda: merging.merge(owner.repo, owner.caller, number)] * 3)
    assert sorted(type(one).__name__ for one in ended) == ["Conflict", "Conflict", "NoneType"]
    assert [one.data for one in log(owner, number) if one.kind is Kind.STATUS] == [{"status": "merged"}]
    assert pulls.get(owner.repo, number).merged_as == main(owner.repo).commit


def test_c9_closed_or_merged_but_not_both(owner: Standing) -> None:
    for count in range(3):
        number = propose(owner, {f"{count}.txt": b"1"})
        before = main(owner.repo).commit
        merge, close = in_turn_or_at_once(
            lambda number=number: merging.merge(owner.repo, owner.caller, number),  # type: ignore[misc]  # binds the loop's
            lambda number=number: discussions.change_status(owner, number, "closed"),  # type: ignore[misc]  # as above
        )
        assert (merge is None) != (close is None)
        assert (pulls.get(owner.repo, number).status == "merged") == (main(owner.repo).commit != before)


def test_c9_nobody_speaks_after_the_lock(owner: Standing, guest: Standing) -> None:
    number = discussions.open_(owner, "A question", "How?")
    comment = [lambda: comments.add(guest, number, "quick")] * 4
    ended = in_turn_or_at_once(*comment, lambda: discussions.set_locked(owner, number, locked=True))
    said = [one.kind for one in log(owner, number)][1:]
    assert said == [Kind.COMMENT] * ended[:4].count(None) + [Kind.LOCKING]
    assert reading.get(owner.repo, number).comments == ended[:4].count(None)


def test_c9_talk_pushes_and_reactions_at_once_lose_nothing(owner: Standing, guest: Standing) -> None:
    """Whoever waits for another's rows waits in the same order: no database ends one of them as a deadlock."""
    number = propose(owner, {"a.txt": b"1"})
    first = log(owner, number)[0].uid

    def push() -> None:
        for count in range(4):
            plan = Plan(f"More {count}", "", None, [AddFile("a.txt", b"%d" % count)])
            commits.create(owner.repo, owner.caller, f"refs/pr/{number}", plan)

    def talk(by: Standing) -> None:
        for count in range(8):
            comments.add(by, number, f"And {count}")
            comments.react(by, number, first, "🔥", is_on=count % 2 == 0)

    def open_others() -> None:
        for count in range(4):
            discussions.open_(guest, f"Another {count}", "x")

    ended = in_turn_or_at_once(push, lambda: talk(owner), lambda: talk(guest), open_others)
    assert ended == [None] * 4
    thread, events = reading.whole(owner.repo, number)
    assert (thread.comments, len(events)) == (16, 17)
    assert events[0].reactions == ()
    assert listing.page(owner.repo, Wanted(is_pull_request=False)).total == 4
