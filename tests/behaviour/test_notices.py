"""What happens to somebody's account is told on the bell and by mail (ui.md N1, T6), over both databases and a real mail server."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from pioche.accounts import mail_addresses, mail_choices, notices, ssh_keys
from pioche.accounts.account import Account
from pioche.accounts.mail_choices import Frequency
from pioche.accounts.noticing import NoteAccounts, NoteExpiring
from pioche.community import choices
from pioche.config import Config
from pioche.db import schema
from pioche.db.instance import now_ms
from pioche.jobs.outbox import Dispatcher
from tests.codes import turn_on
from tests.core import Core
from tests.letterbox import Letterbox, deliver, letterbox
from tests.ssh import made_key

pytestmark = pytest.mark.usefixtures("cheap_passwords")

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:{}.0) Gecko/20100101 Firefox/{}.0"
SAFARI = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605 Version/18.0 Mobile/15E148 Safari/604.1"
)
_DAY_MS = 86_400_000


@pytest.fixture
def core(config: Config) -> Iterator[Core]:
    core = Core(config)
    yield core
    core.close()


@pytest.fixture
def ada(core: Core) -> Account:
    core.user("ada")
    return core.accounts["ada"]


def told(core: Core, user: Account) -> list[tuple[str, str]]:
    """The kinds and details, the oldest first."""
    Dispatcher(core.hub.database, (NoteAccounts(core.hub.database),)).step()
    return [(one.kind, one.detail) for one in reversed(notices.of(core.hub.database, user.id))]


def test_n1_a_device_that_was_never_here_is_told_and_a_known_one_is_not(core: Core, ada: Account) -> None:
    sessions = core.hub.directory.sessions
    for agent in (FIREFOX.format(140, 140), FIREFOX.format(145, 145), SAFARI, SAFARI, ""):
        sessions.start(ada, user_agent=agent, hours=1)
    assert told(core, ada) == [("session.start", "Safari / iOS"), ("session.start", "")]


def test_n1_what_changes_who_may_come_in_is_told_once_to_whose_account_it_is(core: Core, ada: Account) -> None:
    directory, bob = core.hub.directory, core.user("bob")
    value, token = directory.tokens.create(ada, name="laptop", actor_id=ada.id)
    directory.tokens.refresh(ada, token.id)
    directory.tokens.revoke_found([value, directory.tokens.create(ada, name="leaked", value="hf_in_a_repo")[0]])
    directory.set_password(ada, "a sentence to keep in mind")
    turn_on(directory.second_factors, ada)
    directory.second_factors.reset(ada, actor_id=bob.user_id, reason="She rang")
    ssh_keys.add(core.hub.database, ada, "desk", made_key())
    for email in ("ada@example.org", "ada@example.org"):
        directory.change_profile(ada, fullname="Ada", email=email, bio="", homepage="")
    expected = [
        ("token.create", "laptop"), ("token.refresh", "laptop"), ("token.create", "leaked"), ("token.found", "leaked"),
        ("user.change_password", ""), ("user.2fa.enable", ""), ("user.2fa.reset", "She rang"), ("ssh_key.create", "desk"),
        ("user.change_mail", ""),
    ]  # fmt: skip
    assert told(core, ada) == expected
    assert told(core, ada) == expected
    (reset,) = [one for one in notices.of(core.hub.database, ada.id) if one.kind == "user.2fa.reset"]
    assert reset.actor == "bob"
    assert told(core, core.accounts["bob"]) == []


def test_n1_a_token_that_ends_within_a_week_is_told_once_where_somebody_uses_it(core: Core, ada: Account) -> None:
    database, tokens, now = core.hub.database, core.hub.directory.tokens, now_ms()
    lives = {"soon": 5, "later": 30, "unused": 5, "over": -1, "revoked": 5, "short": 5}
    ids = {name: tokens.create(ada, name=name, expires_at=now + days * _DAY_MS)[1].id for name, days in lives.items()}
    tokens.revoke_id(ada, ids["revoked"])
    table = schema.tokens
    with database.write() as connection:
        connection.execute(table.update().where(table.c.name != "unused").values(last_used_at=now))
        connection.execute(table.update().where(table.c.name != "short").values(created_at=now - 80 * _DAY_MS))
    for _ in range(2):
        NoteExpiring(database).run("", {})
    assert [(one.kind, one.detail) for one in notices.of(database, ada.id)] == [("token.expiring", "soon")]


def test_n1_notices_are_marked_by_whose_they_are_and_go_after_half_a_year(core: Core, ada: Account) -> None:
    database = core.hub.database
    core.hub.directory.set_password(ada, "a sentence to keep in mind")
    told(core, ada)
    (one,) = notices.of(database, ada.id)
    bob = core.user("bob")
    assert notices.mark(database, bob.user_id, [one.key, "x-1"], "done") == ["x-1"]
    assert notices.count(database, ada.id) == 1
    notices.mark(database, ada.id, [one.key], "read")
    assert (notices.count(database, ada.id), len(notices.of(database, ada.id))) == (0, 1)
    notices.mark_all(database, ada.id, None, "done")
    assert (notices.of(database, ada.id), len(notices.of(database, ada.id, "done"))) == ([], 1)
    with database.write() as connection:
        connection.execute(schema.account_notices.update().values(at=1))
    notices.sweep(database)
    assert notices.of(database, ada.id, "done") == []


def test_t6_a_letter_of_each_unless_it_is_refused(config: Config) -> None:
    with letterbox() as box:
        core = Core(replace(config, **box.settings))
        try:
            _letters(core, box)
        finally:
            core.close()


def written(core: Core) -> None:
    """What happened is told, and its letters are sent."""
    Dispatcher(core.hub.database, (NoteAccounts(core.hub.database, sends_mail=True),)).step()
    deliver(core.hub)


def _letters(core: Core, box: Letterbox) -> None:
    directory, database = core.hub.directory, core.hub.database
    ada = directory.create_user("ada", email="ada@example.org")
    directory.set_preferences(ada.id, language="fr")
    found = mail_addresses.link(database, ada.id)
    assert found is not None
    mail_addresses.prove(database, found[1])
    directory.set_password(ada, "a sentence to keep in mind")
    written(core)
    letter = box.to("ada@example.org")[-1]
    assert letter["Subject"] == "Votre mot de passe a été changé"
    assert "http://localhost:8000/notifications" in letter.as_string()
    count = len(box.letters)
    mail_choices.refuse_account(database, ada.id, is_refused=True)
    choices.refuse(database, ada.id, [], by_mail=True)  # of threads: it has nothing to do with this one
    directory.set_password(ada, "a sentence to keep in mind")
    written(core)
    mail_choices.refuse_account(database, ada.id, is_refused=False)
    mail_choices.choose(database, ada.id, Frequency.OFF)
    directory.set_password(ada, "a sentence to keep in mind")
    written(core)
    assert len(box.letters) == count
    assert notices.count(database, ada.id) == 3
