"""Letters about threads and gates (ui.md N1, T6, S1), over both databases and a real mail server."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from pioche.accounts import mail_addresses, mail_choices
from pioche.accounts.callers import Caller
from pioche.accounts.mail_choices import Frequency
from pioche.accounts.members import Role
from pioche.community import choices, comments, discussions, following, notifications, standing, watching
from pioche.community.watching import Watch
from pioche.config import Config
from pioche.db import schema
from pioche.db.instance import now_ms
from pioche.repos.access import Repo
from pioche.repos.catalog import Settings
from pioche.repos.gating import letters as gate_letters
from pioche.repos.gating import requests
from pioche.repos.gating.requests import Status, Who
from tests.core import Core
from tests.letterbox import Letterbox, deliver, letterbox, link_in


@pytest.fixture
def box() -> Iterator[Letterbox]:
    with letterbox() as found:
        yield found


@pytest.fixture
def core(config: Config, box: Letterbox) -> Iterator[Core]:
    core = Core(replace(config, **box.settings))
    yield core
    core.close()


def reader(core: Core, name: str) -> Caller:
    """Somebody who proved to read their address."""
    account = core.hub.directory.create_user(name, email=f"{name}@example.org")
    core.accounts[name] = account
    found = mail_addresses.link(core.hub.database, account.id)
    assert found is not None
    mail_addresses.prove(core.hub.database, found[1])
    return Caller(account.id, name, may_write=True, is_admin=False)


@pytest.fixture
def ada(core: Core) -> Caller:
    return reader(core, "ada")


@pytest.fixture
def bob(core: Core) -> Caller:
    return reader(core, "bob")


def say(core: Core, repo: Repo, who: Caller, text: str, number: int = 0) -> int:
    """In a new thread, or in one that there is."""
    at = standing.of(core.hub.access, repo, who)
    if number:
        comments.add(at, number, text)
        return number
    return discussions.open_(at, "A typo", text)


def subjects(box: Letterbox, name: str) -> list[str]:
    return [str(letter["Subject"]) for letter in box.to(f"{name}@example.org")]


def text(box: Letterbox, number: int = -1) -> str:
    body = box.letters[number].get_body(("plain",))
    assert body is not None
    return str(body.get_content())


def make_due(core: Core) -> None:
    """What waits for the morning."""
    with core.hub.database.write() as connection:
        connection.execute(schema.jobs.update().values(run_at=now_ms() - 1))


def waiting(core: Core) -> int:
    with core.hub.database.read() as connection:
        return len(connection.execute(schema.mail_waiting.select()).all())


def test_n1_letters_of_a_discussion_are_one_thread_and_none_is_of_ones_own_words(
    core: Core, box: Letterbox, ada: Caller, bob: Caller, repo: Repo
) -> None:
    number = say(core, repo, bob, "In the card.\n\n> quoted")
    deliver(core.hub)
    say(core, repo, ada, "Thank you, @bob.", number)
    say(core, repo, bob, "You are welcome.", number)
    deliver(core.hub)
    first, second, third = box.letters
    assert subjects(box, "ada") == ["[ada/words] A typo (#1)", "Re: [ada/words] A typo (#1)"]
    assert subjects(box, "bob") == ["Re: [ada/words] A typo (#1)"]
    assert first["References"] is None
    assert second["References"] == third["References"] == first["Message-ID"]
    assert len({one["Message-ID"] for one in box.letters}) == 3
    assert "bob opened it:\n\n> In the card.\n> \n> > quoted" in text(box, 0).replace("\r", "")
    assert link_in(first, "/ada/words/discussions/1") == "/ada/words/discussions/1"
    assert waiting(core) == 0
    deliver(core.hub)
    assert len(box.letters) == 3


def test_t6_what_is_refused_muted_or_off_is_not_sent(
    core: Core, box: Letterbox, ada: Caller, bob: Caller, repo: Repo
) -> None:
    database = core.hub.database
    choices.refuse(database, ada.user_id, [("watching", "discussion.create")], by_mail=True)
    number = say(core, repo, bob, "One")
    deliver(core.hub)
    assert subjects(box, "ada") == [], "the bell tells it alone"
    assert choices.refused(database, ada.user_id) == frozenset()
    choices.refuse(database, ada.user_id, [("watching", "discussion.comment.create")])
    say(core, repo, bob, "Two", number)
    deliver(core.hub)
    assert len(subjects(box, "ada")) == 1, "and here the letter alone"
    following.follow(standing.of(core.hub.access, repo, ada), number, is_muted=True)
    say(core, repo, bob, "Three", number)
    mail_choices.choose(database, bob.user_id, Frequency.OFF)
    say(core, repo, ada, "Four", number)
    deliver(core.hub)
    assert (len(subjects(box, "ada")), len(subjects(box, "bob"))) == (1, 0)


def test_t6_once_a_day_all_of_it_is_one_letter_without_what_was_seen(
    core: Core, box: Letterbox, ada: Caller, bob: Caller, repo: Repo
) -> None:
    mail_choices.choose(core.hub.database, ada.user_id, Frequency.DAILY)
    first = say(core, repo, bob, "One")
    say(core, repo, bob, "More", first)
    second, third = say(core, repo, bob, "Two"), say(core, repo, bob, "Three")
    deliver(core.hub)
    assert box.letters == []
    notifications.seen(core.hub.database, ada, repo.id, third)
    make_due(core)
    deliver(core.hub)
    assert subjects(box, "ada") == ["What happened in your discussions"]
    assert f"ada/words #{first}: A typo (2 things happened)" in text(box)
    assert f"#{second}:" in text(box)
    assert f"#{third}:" not in text(box)
    assert waiting(core) == 0


def test_e_leak_who_may_not_open_it_when_it_is_sent_is_sent_nothing(
    core: Core, box: Letterbox, ada: Caller, bob: Caller, repo: Repo
) -> None:
    watching.put(core.hub.database, bob, [repo], Watch.WATCHED)
    mail_choices.choose(core.hub.database, bob.user_id, Frequency.DAILY)
    say(core, repo, ada, "A secret, soon")
    deliver(core.hub)
    assert waiting(core) == 1
    core.hub.catalog.change(ada, repo, Settings(private=True))
    make_due(core)
    deliver(core.hub)
    assert box.letters == []
    assert waiting(core) == 0


def test_e_leak_members_without_the_second_factor_that_is_asked_for_and_suspended_people(
    core: Core, box: Letterbox, ada: Caller, bob: Caller
) -> None:
    core.org("lab", {ada: "admin", bob: "write"})
    repo = core.repo(ada, "lab/words", private=True)
    say(core, repo, ada, "Inside")
    with core.hub.database.write() as connection:
        here = schema.accounts.c.name == "lab"
        connection.execute(schema.accounts.update().where(here).values(needs_second_factor=True))
    deliver(core.hub)
    with core.hub.database.write() as connection:
        connection.execute(schema.accounts.update().values(needs_second_factor=False))
    say(core, repo, ada, "Again")
    core.hub.directory.suspend(core.accounts["bob"])
    deliver(core.hub)
    assert box.letters == []


def test_n1_a_comment_that_was_hidden_before_it_is_sent_is_not_told(
    core: Core, box: Letterbox, ada: Caller, bob: Caller, repo: Repo
) -> None:
    mail_choices.choose(core.hub.database, ada.user_id, Frequency.DAILY)
    say(core, repo, bob, "Regrettable")
    deliver(core.hub)
    with core.hub.database.write() as connection:
        connection.execute(schema.thread_events.update().values(hidden_at=now_ms()))
    make_due(core)
    deliver(core.hub)
    assert box.letters == []


def test_n1_a_server_that_is_away_is_tried_again(
    core: Core, box: Letterbox, ada: Caller, bob: Caller, repo: Repo
) -> None:
    box.refusals = {"ada@example.org": "451 Not now"}
    say(core, repo, bob, "One")
    deliver(core.hub)
    assert (box.letters, waiting(core)) == ([], 1)
    with core.hub.database.read() as connection:
        (job,) = connection.execute(schema.jobs.select()).all()
    assert (job.kind, job.state, job.attempts) == ("mail.send", "waiting", 1)
    assert job.run_at > now_ms()
    assert "One" not in job.payload
    box.refusals = {}
    make_due(core)
    deliver(core.hub)
    assert (len(box.letters), waiting(core)) == (1, 0)


# --- gates ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def gated(core: Core, ada: Caller, repo: Repo) -> Repo:
    core.hub.catalog.change(ada, repo, Settings(gated="manual"))
    return core.open(ada, "ada/words")


def test_s1_who_decides_is_written_and_who_asked_is_answered(
    core: Core, box: Letterbox, ada: Caller, bob: Caller, gated: Repo
) -> None:
    requests.ask(gated, bob, {})
    deliver(core.hub)
    assert subjects(box, "ada") == ["1 person asks for the files of ada/words"]
    assert "> bob" in text(box)
    assert link_in(box.letters[-1], "/ada/words/settings/gate")
    assert "List-Unsubscribe" in box.letters[-1]
    requests.handle(gated, ada, Who(name="bob"), Status.REJECTED, "Not for robots")
    deliver(core.hub)
    assert subjects(box, "bob") == ["You may not read the files of ada/words"]
    assert "> Not for robots" in text(box)
    requests.handle(gated, ada, Who(name="bob"), Status.ACCEPTED)
    deliver(core.hub)
    assert subjects(box, "bob")[-1] == "You may read the files of ada/words"
    assert len(box.letters) == 3


def test_s1_once_a_day_they_are_together_and_never_is_never(
    core: Core, box: Letterbox, ada: Caller, bob: Caller, gated: Repo
) -> None:
    gate_letters.choose(gated, Frequency.DAILY)
    withdrawn = core.user("cleo")
    for who in (bob, withdrawn, core.user("dan")):
        requests.ask(gated, who, {})
    deliver(core.hub)
    assert box.letters == []
    requests.withdraw(gated, withdrawn)
    make_due(core)
    deliver(core.hub)
    assert subjects(box, "ada") == ["2 people ask for the files of ada/words"]
    gate_letters.choose(gated, Frequency.OFF)
    requests.ask(gated, core.user("eve"), {})
    deliver(core.hub)
    assert len(box.letters) == 1


def test_s1_only_those_who_decide_when_it_is_sent(core: Core, box: Letterbox, ada: Caller, bob: Caller) -> None:
    cleo, dan = reader(core, "cleo"), reader(core, "dan")
    core.org("lab", {ada: "admin", cleo: "admin", dan: "read"})
    repo = core.repo(ada, "lab/words")
    core.hub.catalog.change(ada, repo, Settings(gated="manual"))
    repo = core.open(ada, "lab/words")
    gate_letters.choose(repo, Frequency.DAILY)
    requests.ask(repo, bob, {})
    deliver(core.hub)
    core.hub.directory.members.change(core.hub.directory.get_org("lab"), core.accounts["cleo"], Role.READ)
    make_due(core)
    deliver(core.hub)
    assert [letter["To"] for letter in box.letters] == ["ada@example.org"]
