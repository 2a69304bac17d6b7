"""How much models are asked, counted over both databases (issue 6 item 7)."""

from pioche.accounts.callers import Caller
from pioche.repos.access import Repo
from pioche.repos.catalog import Settings
from pioche.serving import usage
from pioche.serving.usage import Usage
from tests.core import Core


def asked(core: Core, repo: Repo, caller: Caller, times: int, *, failures: int = 0) -> None:
    """By two web processes, which know nothing of each other."""
    for counting in (Usage(core.hub.database), Usage(core.hub.database)):
        for number in range(times):
            counting.record(repo.id, caller.user_id, has_failed=number < failures, seconds=0.5)
        counting.flush()


def test_usage_adds_up_for_who_asks_and_for_whose_model_it_is(core: Core, ada: Caller, repo: Repo) -> None:
    bob, other = core.user("bob"), core.repo(ada, "ada/other")
    asked(core, repo, bob, 3, failures=1)
    asked(core, repo, ada, 1)
    asked(core, other, Caller.nobody(), 1)
    database = core.hub.database
    mine = usage.of_user(database, bob)
    assert (mine.total.requests, mine.total.failures, mine.total.seconds) == (6, 2, 3.0)
    assert [(str(one.repo_id), one.counts.requests) for one in mine.models] == [("ada/words", 6)]
    theirs = usage.of_account(database, core.hub.directory.get_user("ada"))
    shown = [(str(one.repo_id), one.counts.requests, one.people) for one in theirs.models]
    assert shown == [("ada/words", 8, 2), ("ada/other", 2, 0)]
    assert theirs.total.requests == 10
    assert len(theirs.days) == usage.WINDOW_DAYS
    assert theirs.days[-1][1] == 10


def test_e_leak_usage_names_no_model_that_one_may_not_open_any_more(core: Core, ada: Caller, repo: Repo) -> None:
    bob = core.user("bob")
    asked(core, repo, bob, 1)
    core.hub.catalog.change(ada, repo, Settings(private=True))
    found = usage.of_user(core.hub.database, bob)
    assert found.models == []
    assert found.total.requests == 2


def test_usage_of_what_is_gone_is_not_written(core: Core, ada: Caller, repo: Repo) -> None:
    counting = Usage(core.hub.database)
    counting.record(repo.id + 1000, ada.user_id, has_failed=False, seconds=1)
    counting.record(repo.id, ada.user_id + 1000, has_failed=False, seconds=1)
    counting.flush()
    assert usage.of_user(core.hub.database, ada).total.requests == 0
    assert usage.of_account(core.hub.database, core.hub.directory.get_user("ada")).total.requests == 1
