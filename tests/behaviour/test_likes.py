"""Likes, followers and watching, on both databases: exact whatever happens at once, and told to nobody who may not know."""

from typing import cast

import pytest

from pioche.accounts.callers import Caller
from pioche.community import follows, likes, watching
from pioche.community.watching import Watch
from pioche.db import instance
from pioche.errors import BadRequest, ReadOnlyToken, Unauthenticated
from pioche.names import RepoType
from pioche.repos import feed, info
from pioche.repos.access import Action, Repo
from pioche.repos.catalog import Settings
from pioche.repos.downloads import DAY_MS
from pioche.search import rows
from pioche.search.following import Follower
from pioche.search.query import Query, Sort
from pioche.upkeep import ranking
from tests.core import Core, at_once

NOBODY = Caller.nobody()


def count(core: Core, repo: Repo) -> int:
    return info.of_ids(core.hub.database, Caller.operator(), [repo.id])[0].likes


def test_likes_are_counted_once_each_and_taken_back(core: Core, ada: Caller, repo: Repo) -> None:
    bob = core.user("bob")
    assert [likes.like(repo, who) for who in (ada, ada, bob)] == [1, 1, 2]
    assert [one.account.name for one in likes.likers(repo, limit=9)] == ["bob", "ada"]
    assert likes.does_like(core.hub.database, bob, repo)
    assert not likes.does_like(core.hub.database, NOBODY, repo)
    assert [likes.unlike(repo, who) for who in (ada, ada)] == [1, 1]
    assert (count(core, repo), likes.does_like(core.hub.database, ada, repo)) == (1, False)
    core.hub.directory.suspend(core.accounts["bob"])
    assert likes.likers(repo, limit=9) == []


def test_c9_a_storm_of_likes_leaves_exact_counts(core: Core, ada: Caller, repo: Repo) -> None:
    people = [core.user(f"user{number}") for number in range(4)]

    def storm(number: int) -> int:
        who = people[number % len(people)]
        for turn in range(5):
            (likes.unlike if (turn + number) % 3 == 0 else likes.like)(repo, who)
        return likes.like(repo, who) if number % 2 else likes.unlike(repo, who)

    told = [one for one in at_once(8, storm) if not isinstance(one, int)]
    assert told == []
    there = likes.likers(repo, limit=100)
    assert count(core, repo) == len(there)
    assert all(likes.of_user(core.hub.database, ada, one.account, limit=9) for one in there)


def test_who_may_like(core: Core, ada: Caller) -> None:
    bob = core.user("bob")
    gated = core.repo(ada, "ada/gated")
    core.hub.catalog.change(ada, gated, Settings(gated="manual"))
    assert likes.like(core.open(bob, "ada/gated", Action.PARTICIPATE), bob) == 1
    with pytest.raises(Unauthenticated):
        core.open(NOBODY, "ada/gated", Action.PARTICIPATE)
    with pytest.raises(ReadOnlyToken):
        core.open(Caller(bob.user_id, "bob", may_write=False, is_admin=False), "ada/gated", Action.PARTICIPATE)


def test_search_follows_likes_and_trending_counts_them(core: Core, ada: Caller, repo: Repo) -> None:
    follower = Follower(core.hub.database)
    index = follower.build()
    other = core.repo(ada, "ada/other")
    likes.like(repo, ada)
    follower.catch_up(index)
    seen = rows.scope(core.hub.database, NOBODY)
    assert index.find(seen, Query(type=RepoType.MODEL, sort=Sort.LIKES)).ids == [repo.id, other.id]
    ranking.Rank(core.hub.database).run("ranking", {})
    liked, plain = info.of_ids(core.hub.database, NOBODY, [repo.id, other.id])
    assert liked.trending == ranking.trending({0: ranking.LIKE_DOWNLOADS}, 0) > plain.trending


def test_pages_of_likers_and_of_likes(core: Core, ada: Caller, repo: Repo) -> None:
    for number in range(5):
        likes.like(repo, core.user(f"user{number}"))
        likes.like(core.repo(ada, f"ada/more{number}"), ada)
    for page in (
        lambda before: likes.likers(repo, limit=2, before=before),
        lambda before: likes.of_user(core.hub.database, ada, core.accounts["ada"], limit=2, before=before),
    ):
        seen = list[object]()
        before: likes.Place | None = None
        while found := cast("list[likes.Liker] | list[likes.Liked]", page(before)):
            seen += found
            before = found[-1].place
        assert len(seen) == len(set(map(str, seen))) == 5


def test_e_leak_likes_of_what_is_private_are_for_its_readers(core: Core, ada: Caller) -> None:
    bob, eve = core.user("bob"), core.user("eve")
    core.org("lab", {ada: "admin", bob: "read"})
    secret = core.repo(ada, "lab/secret", private=True)
    likes.like(secret, bob)
    account = core.accounts["bob"]
    for reader, told in ((ada, 1), (bob, 1), (eve, 0), (NOBODY, 0)):
        assert len(likes.of_user(core.hub.database, reader, account, limit=9)) == told
        assert likes.count_of_user(core.hub.database, reader, account) == told
        assert len(feed.of_person(core.hub.database, reader, bob.user_id, limit=9)) == told


def test_followers(core: Core, ada: Caller) -> None:
    database = core.hub.database
    bob, eve = core.user("bob"), core.user("eve")
    core.org("lab", {ada: "admin"})
    lab = core.hub.directory.get_org("lab")
    for other in (core.accounts["ada"], core.accounts["ada"], lab):
        follows.follow(database, bob, other)
    follows.follow(database, eve, core.accounts["ada"])
    assert follows.counts(database, bob, core.accounts["ada"]) == follows.Counts(2, 0, is_following=True)
    assert follows.counts(database, NOBODY, core.accounts["bob"]) == follows.Counts(0, 2, is_following=False)
    assert {one.account.name for one in follows.followers(database, core.accounts["ada"], limit=9)} == {"bob", "eve"}
    assert {one.account.name for one in follows.following(database, core.accounts["bob"], limit=9)} == {"ada", "lab"}
    with pytest.raises(BadRequest):
        follows.follow(database, bob, core.accounts["bob"])
    core.hub.directory.suspend(core.accounts["eve"])
    assert follows.counts(database, NOBODY, core.accounts["ada"]).followers == 1
    follows.unfollow(database, bob, lab)
    assert follows.counts(database, bob, lab) == follows.Counts(0, 0, is_following=False)


def heard(core: Core, caller: Caller) -> set[tuple[str, str]]:
    found = feed.of_follower(core.hub.database, caller, [caller.user_id], limit=50)
    return {(deed.kind, deed.repo_id.name) for deed in found}


def test_u4_the_feed_has_what_one_follows_and_watches_less_what_one_muted(core: Core, ada: Caller, repo: Repo) -> None:
    bob, eve = core.user("bob"), core.user("eve")
    core.org("lab", {eve: "admin"})
    core.repo(eve, "lab/tools")
    core.repo(eve, "eve/notes")
    watched = core.repo(eve, "eve/watched")
    database = core.hub.database
    assert heard(core, bob) == set()
    follows.follow(database, bob, core.accounts["ada"])
    assert heard(core, bob) == {("create", "words")}
    follows.follow(database, bob, core.hub.directory.get_org("lab"))
    watching.put(database, bob, [watched], Watch.WATCHED)
    assert heard(core, bob) == {("create", "words"), ("create", "tools"), ("create", "watched")}
    likes.like(watched, ada)  # whom he follows
    likes.like(watched, eve)  # whom he does not
    assert ("like", "watched") in heard(core, bob)
    assert heard(core, eve) == {("create", "notes"), ("create", "watched")}
    likes.unlike(watched, ada)
    assert ("like", "watched") not in heard(core, bob)
    watching.put(database, bob, [repo, watched], Watch.MUTED)
    assert watching.of(database, bob, watched) is Watch.MUTED
    assert heard(core, bob) == {("create", "tools")}
    watching.put(database, bob, [repo, watched], Watch.NONE)
    assert heard(core, bob) == {("create", "words"), ("create", "tools")}


def test_u4_e_leak_a_feed_tells_nothing_of_what_became_private(core: Core, ada: Caller) -> None:
    bob = core.user("bob")
    repo = core.repo(ada, "ada/turncoat")
    follows.follow(core.hub.database, bob, core.accounts["ada"])
    watching.put(core.hub.database, bob, [repo], Watch.WATCHED)
    assert heard(core, bob) == {("create", "turncoat")}
    core.hub.catalog.change(ada, core.open(ada, "ada/turncoat", Action.MANAGE), Settings(private=True))
    assert heard(core, bob) == set()
    today = instance.now_ms() // DAY_MS
    assert sum(feed.by_day(core.hub.database, bob, ada.user_id, days=2, today=today)) == 0
