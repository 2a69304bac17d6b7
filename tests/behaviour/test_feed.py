"""What people did, as others may read of it: over both databases."""

from pioche.accounts.callers import Caller
from pioche.repos import feed
from pioche.repos.access import Action
from pioche.repos.catalog import Settings
from pioche.repos.feed import DAY_MS, Deed
from tests.core import Core

NOBODY = Caller.nobody()


def told(deeds: list[Deed]) -> list[tuple[str, str, str]]:
    return [(deed.kind, deed.repo_id.name, deed.actor) for deed in deeds]


def of(core: Core, caller: Caller, *names: str, limit: int = 50) -> list[Deed]:
    ids = [core.hub.directory.get(name).id for name in names]
    return feed.of_namespaces(core.hub.database, caller, ids, limit=limit)


def test_creations_commits_and_pages_newest_first(core: Core, ada: Caller) -> None:
    words = core.repo(ada, "ada/words")
    core.commit(words, ada, {"a.txt": b"1"})
    core.commit(words, ada, {"a.txt": b"2"})
    found = of(core, NOBODY, "ada")
    assert told(found) == [("commit", "words", "ada"), ("commit", "words", "ada"), ("create", "words", "ada")]
    assert (found[0].what, found[2].commit) == ("main", None)
    ids = [core.hub.directory.get("ada").id]
    pages, before = list[Deed](), None
    while page := feed.of_namespaces(core.hub.database, NOBODY, ids, limit=1, before=before):
        pages += page
        before = page[-1].place
    assert pages == found


def test_e_leak_what_is_private_is_told_to_its_readers_only(core: Core, ada: Caller) -> None:
    bob, eve = core.user("bob"), core.user("eve")
    core.org("lab", {ada: "admin", bob: "read"})
    secret = core.repo(ada, "lab/secret", private=True)
    core.commit(secret, ada, {"a.txt": b"1"})
    today = found_today(core, ada)
    for reader, count in ((ada, 2), (bob, 2), (eve, 0), (NOBODY, 0)):
        assert len(of(core, reader, "lab")) == count
        assert len(feed.of_person(core.hub.database, reader, ada.user_id, limit=9)) == count
        days = feed.by_day(core.hub.database, reader, ada.user_id, days=3, today=today)
        assert (len(days), sum(days)) == (3, count)
    opened = core.hub.access.open_sync(ada, secret.repo_id, Action.MANAGE)
    core.hub.catalog.change(ada, opened, Settings(private=False))
    assert len(of(core, NOBODY, "lab")) == 2


def found_today(core: Core, ada: Caller) -> int:
    return feed.of_person(core.hub.database, ada, ada.user_id, limit=1)[0].at // DAY_MS


def test_a_deleted_repo_is_not_told_of_any_more(core: Core, ada: Caller) -> None:
    words = core.repo(ada, "ada/words")
    core.hub.catalog.delete(ada, core.hub.access.open_sync(ada, words.repo_id, Action.MANAGE))
    assert of(core, ada, "ada") == []
