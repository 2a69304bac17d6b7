"""Reports, appeals and blocks, over both databases."""

from functools import partial

import pytest

from pioche.accounts import blocks
from pioche.accounts.callers import Caller
from pioche.community import comments, discussions, reading, standing
from pioche.community.mentions import Known
from pioche.errors import BadRequest, Conflict, Disabled, EntryNotFound, Forbidden, NotFound, TooManyRequests
from pioche.moderation import deciding, disabling, reports
from pioche.moderation.deciding import Decision
from pioche.moderation.reports import Kind, Reason, Report, Status
from pioche.repos import commits
from pioche.repos.access import Action, Repo
from pioche.repos.commits import AddFile, Plan
from tests.core import Core, at_once


@pytest.fixture
def chief(core: Core, ada: Caller) -> Caller:
    return core.user("chief", is_admin=True)


@pytest.fixture
def bob(core: Core) -> Caller:
    return core.user("bob")


def waiting(core: Core, kind: Kind | None = None) -> list[Report]:
    return reports.queue(core.hub.database, Status.OPEN, kind)


def uphold(core: Core, chief: Caller, id_: int, reason: str = "", answer: str = "") -> None:
    decision = Decision(is_upheld=True, reason=reason, answer=answer)
    deciding.decide(core.hub.database, chief, id_, decision)


def test_a_repo_that_was_reported_is_disabled_and_given_back_on_appeal(
    core: Core, ada: Caller, chief: Caller, bob: Caller, repo: Repo
) -> None:
    id_ = reports.report_repo(repo, bob, Reason.PERSONAL_DATA, "In a.txt")
    (found,) = waiting(core)
    assert (found.kind, found.about, found.author, found.text) == (Kind.REPO, "ada/words", "bob", "In a.txt")
    with pytest.raises(BadRequest):
        uphold(core, chief, id_)  # a reason that everybody reads is needed
    uphold(core, chief, id_, "Personal data.", "Thank you")
    with pytest.raises(Disabled) as refused:
        core.open(bob, "ada/words")
    assert (refused.value.reason, refused.value.appeal) == ("Personal data.", "")
    with pytest.raises(Disabled) as refused:
        core.open(ada, "ada/words", Action.MANAGE)
    assert refused.value.appeal == "/ada/words/appeal"
    (told,) = reports.of_author(core.hub.database, bob.user_id)
    assert (told.status, told.answer, told.decider) == (Status.UPHELD, "Thank you", "chief")
    with pytest.raises(Forbidden):
        core.open(bob, "ada/words", Action.APPEAL)
    asked = reports.appeal(core.open(ada, "ada/words", Action.APPEAL), ada, "I removed them")
    uphold(core, chief, asked)
    assert core.open(bob, "ada/words").id == repo.id
    with pytest.raises(Conflict):
        reports.appeal(core.open(ada, "ada/words", Action.APPEAL), ada, "Again")


def test_a_comment_that_was_reported_is_hidden(core: Core, ada: Caller, chief: Caller, bob: Caller, repo: Repo) -> None:
    number = discussions.open_(standing.of(core.hub.access, repo, bob), "A question", "Rude words")
    uid = reading.whole(repo, number)[1][0].uid
    for wrong in ("0" * 24, "x"):
        with pytest.raises(EntryNotFound):
            reports.report_comment(repo, ada, number, wrong, Reason.HARASSMENT, "")
    with pytest.raises(Conflict):
        reports.report_comment(repo, bob, number, uid, Reason.HARASSMENT, "")  # one's own
    id_ = reports.report_comment(repo, ada, number, uid, Reason.HARASSMENT, "")
    found = reports.get(core.hub.database, id_)
    assert (found.said, found.speaker, found.about) == ("Rude words", "bob", f"ada/words#{number}")
    uphold(core, chief, id_)
    assert reading.whole(repo, number)[1][0].is_hidden
    with pytest.raises(Conflict):
        reports.report_comment(repo, ada, number, uid, Reason.HARASSMENT, "")


def test_an_account_that_was_reported_is_suspended(core: Core, ada: Caller, chief: Caller, bob: Caller) -> None:
    database, token = core.hub.database, core.hub.directory.tokens.create(core.accounts["bob"])[0]
    with pytest.raises(Conflict):
        reports.report_account(database, ada, core.accounts["ada"], Reason.SPAM, "")
    uphold(core, chief, reports.report_account(database, ada, core.accounts["bob"], Reason.SPAM, ""))
    assert core.hub.directory.get_user("bob").is_suspended, token
    core.org("lab", {ada: "admin"})
    org = reports.report_account(database, ada, core.hub.directory.get_org("lab"), Reason.SPAM, "")
    with pytest.raises(BadRequest):
        uphold(core, chief, org)
    assert [one.id for one in waiting(core)] == [org]


def test_one_report_of_an_author_about_one_thing_is_open(
    core: Core, ada: Caller, chief: Caller, bob: Caller, repo: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = partial(reports.report_repo, repo, bob, Reason.SPAM, "")
    made = at_once(4, lambda _number: report())
    assert sorted(type(one).__name__ for one in made) == ["Conflict", "Conflict", "Conflict", "int"]
    deciding.decide(core.hub.database, chief, waiting(core)[0].id, Decision(is_upheld=False))
    assert report()
    monkeypatch.setattr(reports, "OPEN_MAX", 1)
    with pytest.raises(TooManyRequests):
        reports.report_account(core.hub.database, bob, core.accounts["ada"], Reason.SPAM, "")
    assert reports.counts(core.hub.database) == {Status.OPEN: 1, Status.UPHELD: 0, Status.DISMISSED: 1}


def test_two_who_decide_at_once_do_not_both(core: Core, chief: Caller, bob: Caller, repo: Repo) -> None:
    id_ = reports.report_repo(repo, bob, Reason.SPAM, "")
    decisions = [Decision(is_upheld=True, reason="Advertising"), Decision(is_upheld=False)]
    ended = at_once(2, lambda number: deciding.decide(core.hub.database, chief, id_, decisions[number]))
    assert sorted(type(one).__name__ for one in ended) == ["Conflict", "NoneType"]
    found = reports.get(core.hub.database, id_)
    assert (found.status is Status.UPHELD) == found.is_settled
    with pytest.raises(NotFound):
        reports.get(core.hub.database, id_ + 1)


def test_words_have_bounds(core: Core, ada: Caller, bob: Caller, repo: Repo) -> None:
    with pytest.raises(BadRequest):
        reports.report_repo(repo, bob, Reason.SPAM, "x" * 2001)
    with pytest.raises(BadRequest):
        Reason.parse("dull")
    for reason in ("", " ", "x" * 501, "a\x07b"):
        with pytest.raises(BadRequest):
            disabling.disable(repo, Caller.operator(), reason)
    disabling.disable(repo, Caller.operator(), "One")
    with pytest.raises(BadRequest):
        reports.appeal(core.open(ada, "ada/words", Action.APPEAL), ada, "  ")


# --- blocks ---------------------------------------------------------------------------------------------------------


def test_c5_who_is_blocked_says_nothing_in_the_repos_of_whoever_blocked_them(
    core: Core, ada: Caller, bob: Caller, repo: Repo
) -> None:
    by = standing.of(core.hub.access, repo, bob)
    number = discussions.open_(by, "A question", "How?")
    uid = comments.add(by, number, "Well?").uid
    me, other = core.accounts["ada"], core.accounts["bob"]
    blocks.block(core.hub.database, me, other, actor_id=ada.user_id)
    blocks.block(core.hub.database, me, other, actor_id=ada.user_id)
    assert [one.account.name for one in blocks.of(core.hub.database, ada.user_id)] == ["bob"]
    propose = Plan("Better", "", None, [AddFile("a.txt", b"1")])
    said = [
        lambda: comments.add(by, number, "Hello?"),
        lambda: comments.edit(by, number, uid, "Hello??"),
        lambda: comments.react(by, number, uid, "🔥", is_on=True),
        lambda: discussions.open_(by, "Another question", "Why?"),
        lambda: discussions.change_status(by, number, "closed", "Bye"),
        lambda: commits.propose(repo, bob, "main", propose),
    ]
    for say in said:
        with pytest.raises(Forbidden):
            say()
    elsewhere = core.repo(core.user("eve"), "eve/words")
    assert discussions.open_(standing.of(core.hub.access, elsewhere, bob), "A question", "How?")
    blocks.unblock(core.hub.database, me, other, actor_id=ada.user_id)
    comments.add(by, number, "Hello!")


def test_an_organisation_blocks_strangers_and_no_members(core: Core, ada: Caller, bob: Caller, chief: Caller) -> None:
    eve = core.user("eve")
    core.org("lab", {ada: "admin", bob: "read"})
    repo, lab = core.repo(ada, "lab/words"), core.hub.directory.get_org("lab")
    for name in ("bob", "eve", "chief"):
        blocks.block(core.hub.database, lab, core.accounts[name], actor_id=ada.user_id)
    for caller in (bob, chief):
        discussions.open_(standing.of(core.hub.access, repo, caller), "A question", "How?")
    with pytest.raises(Forbidden):
        discussions.open_(standing.of(core.hub.access, repo, eve), "A question", "How?")
    for name in ("ada", "lab"):
        with pytest.raises(BadRequest):
            blocks.block(core.hub.database, lab, core.hub.directory.get(name), actor_id=ada.user_id)


def test_who_blocked_somebody_is_not_spoken_to_by_them(core: Core, ada: Caller, bob: Caller) -> None:
    repo = core.repo(core.user("eve"), "eve/words")
    blocks.block(core.hub.database, core.accounts["ada"], core.accounts["bob"], actor_id=ada.user_id)
    texts, authors = ["@ada and @bob", "@ada and @bob"], ["bob", "eve"]
    known = Known(repo, texts, authors)
    assert [sorted(known.of(text, author).people) for text, author in zip(texts, authors, strict=True)] == [
        ["bob"],
        ["ada", "bob"],
    ]
