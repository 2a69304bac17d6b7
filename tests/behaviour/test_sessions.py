"""Sessions, invitations, guesses at passwords and profiles, over both databases."""

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from pioche.accounts import failures, invitations, sessions
from pioche.accounts.account import Account
from pioche.accounts.callers import SignedIn
from pioche.accounts.failures import of_sign_in
from pioche.accounts.tokens import LastUsed
from pioche.app import build_hub
from pioche.config import Config
from pioche.db import schema
from pioche.db.instance import now_ms
from pioche.errors import (
    AlreadyExists,
    BadRequest,
    Forbidden,
    HubError,
    InvalidToken,
    NotFound,
    TooManyRequests,
    Unauthenticated,
)
from pioche.http.hub import Hub
from tests.core import at_once

pytestmark = pytest.mark.usefixtures("cheap_passwords")

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"


@pytest.fixture
def hub(config: Config) -> Iterator[Hub]:
    built = build_hub(config)
    yield built
    built.database.close()


@pytest.fixture
def ada(hub: Hub) -> Account:
    return hub.directory.create_user("ada", fullname="Ada", email="Ada@example.org", password="correct horse")


def start(hub: Hub, user: Account, **options: Any) -> tuple[str, sessions.Session]:
    return hub.directory.sessions.start(user, hours=1, **options)


def found(hub: Hub, secret: str) -> SignedIn | None:
    """As the kernel asks, each time on a loop of its own."""
    import asyncio

    async def ask() -> SignedIn | None:
        try:
            return await hub.callers.by_session(secret)
        finally:
            await hub.database.aclose()

    return asyncio.run(ask())


def age(hub: Hub, table: sa.Table, column: str, milliseconds: int) -> None:
    """As if so much time had passed."""
    with hub.database.write() as connection:
        connection.execute(table.update().values({column: table.c[column] - milliseconds}))


# --- sessions -------------------------------------------------------------------------------------------------------


def test_a_session_is_known_by_its_secret_until_it_ends(hub: Hub, ada: Account) -> None:
    hub.directory.set_preferences(ada.id, language="fr", theme="dark")
    secret, session = start(hub, ada, user_agent=FIREFOX, is_remembered=True)
    who = found(hub, secret)
    assert who is not None
    assert (who.caller.user_id, who.caller.name, who.caller.may_write) == (ada.id, "ada", True)
    assert (who.caller.session_id, who.caller.token_id, who.caller.credential) == (session.id, None, f"s{session.id}")
    assert (who.fullname, who.language, who.theme) == ("Ada", "fr", "dark")
    assert (session.device, session.is_remembered) == ("Firefox 145 / Linux", True)
    assert found(hub, secret + "x") is None
    hub.directory.sessions.end(ada.id, session.id)
    assert found(hub, secret) is None
    with pytest.raises(NotFound):
        hub.directory.sessions.end(ada.id, session.id)


def test_the_database_holds_nothing_that_signs_anybody_in(hub: Hub, ada: Account) -> None:
    start(hub, ada)
    with hub.database.read() as connection:
        columns = [str(value) for row in connection.execute(sa.select(schema.sessions)) for value in row]
    assert columns
    assert [found(hub, column) for column in columns] == [None] * len(columns)


def test_a_session_ends_at_its_time_and_is_swept(hub: Hub, ada: Account) -> None:
    secret, _ = start(hub, ada)
    age(hub, schema.sessions, "expires_at", 3_600_000)
    assert found(hub, secret) is None
    assert hub.directory.sessions.of(ada.id) == []
    assert sessions.sweep(hub.database) == 1


def test_nobody_ends_the_session_of_somebody_else(hub: Hub, ada: Account) -> None:
    bob = hub.directory.create_user("bob")
    secret, session = start(hub, ada)
    with pytest.raises(NotFound):
        hub.directory.sessions.end(bob.id, session.id)
    assert hub.directory.sessions.end_others(bob.id, None) == 0
    assert found(hub, secret) is not None


def test_another_password_ends_all_sessions(hub: Hub, ada: Account) -> None:
    secrets = [start(hub, ada)[0] for _ in range(3)]
    mark = hub.directory.password_mark(ada)
    hub.directory.set_password(ada, "battery staple")
    assert [found(hub, secret) for secret in secrets] == [None] * 3
    assert hub.directory.password_mark(ada) != mark


def test_a_suspended_user_is_signed_out_for_good(hub: Hub, ada: Account) -> None:
    secret, _ = start(hub, ada)
    hub.directory.suspend(ada)
    assert found(hub, secret) is None
    hub.directory.reinstate(ada)
    assert found(hub, secret) is None


def test_all_other_sessions_end_and_this_one_stays(hub: Hub, ada: Account) -> None:
    (kept, session), (other, _) = start(hub, ada), start(hub, ada)
    assert hub.directory.sessions.end_others(ada.id, session.id) == 1
    assert found(hub, kept) is not None
    assert found(hub, other) is None
    assert [one.id for one in hub.directory.sessions.of(ada.id)] == [session.id]


def test_a_user_has_so_many_sessions_and_the_oldest_makes_room(hub: Hub, ada: Account) -> None:
    secrets = [start(hub, ada)[0] for _ in range(52)]
    assert len(hub.directory.sessions.of(ada.id)) == 50
    assert found(hub, secrets[0]) is None
    assert found(hub, secrets[-1]) is not None


def test_the_last_use_of_a_session_is_written_now_and_then(hub: Hub, ada: Account) -> None:
    _, session = start(hub, ada)
    age(hub, schema.sessions, "last_used_at", 60_000)
    used = LastUsed(hub.database, schema.sessions)
    used.record(session.id)
    used.flush()
    assert hub.directory.sessions.of(ada.id)[0].last_used_at >= session.last_used_at


def test_what_the_hub_signed_for_a_session_ends_with_it(hub: Hub, ada: Account) -> None:
    import asyncio

    _, session = start(hub, ada)

    async def ask() -> str:
        try:
            return (await hub.callers.by_credential(f"s{session.id}")).name
        finally:
            await hub.database.aclose()

    assert asyncio.run(ask()) == "ada"
    hub.directory.sessions.end(ada.id, session.id)
    with pytest.raises(InvalidToken):
        asyncio.run(ask())


# --- signing in -----------------------------------------------------------------------------------------------------


def test_who_signs_in_gives_a_name_or_a_mail_address(hub: Hub, ada: Account) -> None:
    for name in ("ada", "ADA", "ada@example.org", "ADA@EXAMPLE.ORG"):
        assert hub.directory.authenticate(name, "correct horse").id == ada.id
    for name in ("ada", "ada@example.org", "nobody", "nobody@example.org", "@", "a\x00@b", "é", ""):
        with pytest.raises(Unauthenticated) as refused:
            hub.directory.authenticate(name, "wrong")
        assert refused.value.message == "Invalid username or password."


def test_a_mail_address_that_two_have_is_that_of_the_first(hub: Hub, ada: Account) -> None:
    hub.directory.create_user("mallory", email="ada@example.org", password="evil password")
    assert hub.directory.authenticate("ada@example.org", "correct horse").id == ada.id
    with pytest.raises(Unauthenticated):
        hub.directory.authenticate("ada@example.org", "evil password")


def test_who_guesses_waits(hub: Hub) -> None:
    guess = of_sign_in("ada", "192.0.2.7")
    for _ in range(5):
        hub.directory.failures.count(guess)
    with pytest.raises(TooManyRequests) as refused:
        hub.directory.failures.count(guess)
    assert refused.value.seconds is not None
    assert 1 <= refused.value.seconds <= 15
    hub.directory.failures.count(of_sign_in("ada", "192.0.2.8"))  # from elsewhere she gets in
    hub.directory.failures.count(of_sign_in("bob", "192.0.2.7"))
    age(hub, schema.sign_in_failures, "last_at", 15_000)
    hub.directory.failures.count(guess)
    age(hub, schema.sign_in_failures, "last_at", 15_000)
    with pytest.raises(TooManyRequests):  # twice as long now
        hub.directory.failures.count(guess)
    age(hub, schema.sign_in_failures, "last_at", 3_600_000)
    assert failures.sweep(hub.database) > 0
    hub.directory.failures.count(guess)


def test_who_was_right_has_not_failed(hub: Hub) -> None:
    for _ in range(50):
        subjects = of_sign_in("ada", "192.0.2.7")
        hub.directory.failures.count(subjects)
        hub.directory.failures.forgive(subjects)


def test_one_address_that_tries_many_accounts_waits(hub: Hub) -> None:
    for number in range(30):
        hub.directory.failures.count(of_sign_in(f"user{number}", "2001:db8::1"))
    with pytest.raises(TooManyRequests):
        hub.directory.failures.count(of_sign_in("another", "2001:db8::2"))  # of the same network
    hub.directory.failures.count(of_sign_in("another", "2001:db8:0:1::1"))


def test_many_addresses_that_try_one_account_wait(hub: Hub) -> None:
    for number in range(100):
        hub.directory.failures.count(of_sign_in("Ada", f"192.0.2.{number}"))
    with pytest.raises(TooManyRequests):
        hub.directory.failures.count(of_sign_in(" ada", "198.51.100.1"))


def test_guesses_at_the_same_time_all_count(hub: Hub) -> None:
    found = at_once(12, lambda _: hub.directory.failures.count(of_sign_in("ada", "192.0.2.7")))
    assert sum(one is None for one in found) == 5
    assert all(isinstance(one, TooManyRequests) for one in found if one is not None)


def test_the_table_of_failures_names_nobody(hub: Hub) -> None:
    hub.directory.failures.count(of_sign_in("ada@example.org", "192.0.2.7"))
    with hub.database.read() as connection:
        keys = list(connection.execute(sa.select(schema.sign_in_failures.c.key)).scalars())
    assert len(keys) == 3
    assert not any("ada" in key or "." in key for key in keys)


# --- invitations ----------------------------------------------------------------------------------------------------


def test_an_invitation_makes_one_account(hub: Hub) -> None:
    secret, invitation = hub.directory.invitations.create(days=7, email="bob@example.org")
    assert hub.directory.invitations.open() == [invitation]
    assert hub.directory.invitations.find(secret).email == "bob@example.org"
    bob = hub.directory.create_user("bob", password="correct horse", invitation=secret)
    assert not bob.is_admin
    with pytest.raises(Forbidden):
        hub.directory.create_user("carol", password="correct horse", invitation=secret)
    assert hub.directory.find("carol") is None
    assert hub.directory.invitations.open() == []


def test_an_invitation_that_fails_for_another_reason_stays(hub: Hub, ada: Account) -> None:
    secret, _ = hub.directory.invitations.create(days=7)
    with pytest.raises(AlreadyExists):
        hub.directory.create_user("ada", invitation=secret)
    hub.directory.create_user("bob", invitation=secret)


def test_of_two_who_use_an_invitation_at_once_one_gets_an_account(hub: Hub) -> None:
    secret, _ = hub.directory.invitations.create(days=7)
    made = at_once(4, lambda number: hub.directory.create_user(f"user{number}", invitation=secret))
    assert sum(isinstance(one, Account) for one in made) == 1
    assert sum(isinstance(one, HubError) for one in made) == 3


def test_an_invitation_ends_and_may_be_withdrawn(hub: Hub) -> None:
    secret, invitation = hub.directory.invitations.create(days=7)
    hub.directory.invitations.withdraw(invitation.id)
    with pytest.raises(NotFound):
        hub.directory.invitations.withdraw(invitation.id)
    late, _ = hub.directory.invitations.create(days=7)
    age(hub, schema.invitations, "expires_at", 8 * 86_400_000)
    for text in (secret, late, "", "x\x00"):
        with pytest.raises(Forbidden):
            hub.directory.invitations.find(text)
    age(hub, schema.invitations, "expires_at", 31 * 86_400_000)
    assert invitations.sweep(hub.database) == 1


def test_an_invitation_may_make_an_administrator(hub: Hub) -> None:
    secret, _ = hub.directory.invitations.create(days=7, is_admin=True)
    assert hub.directory.create_user("root-of-all", invitation=secret).is_admin


# --- profiles -------------------------------------------------------------------------------------------------------


def test_a_profile_is_read_back(hub: Hub, ada: Account) -> None:
    hub.directory.change_profile(
        ada, fullname=" Ada Lovelace ", email="", bio="Notes.\r\nOn engines.", homepage="https://example.org/ada?x=1"
    )
    seen = hub.directory.get_user("ada")
    assert (seen.fullname, seen.email, seen.bio) == ("Ada Lovelace", None, "Notes.\nOn engines.")
    assert seen.homepage == "https://example.org/ada?x=1"
    hub.directory.change_profile(ada, fullname="", email="a@b.c", bio=" ", homepage="")
    seen = hub.directory.get_user("ada")
    assert (seen.fullname, seen.email, seen.bio, seen.homepage) == ("ada", "a@b.c", None, None)


@pytest.mark.parametrize(
    "wrong",
    [
        {"fullname": "x" * 101},
        {"fullname": "a\u202eb"},
        {"email": "no address"},
        {"bio": "x" * 501},
        {"bio": "a\x00"},
        {"homepage": "javascript:alert(1)"},
        {"homepage": "//example.org"},
        {"homepage": 'https://example.org/"onclick='},
        {"homepage": "https://" + "x" * 300},
    ],
)
def test_a_profile_that_cannot_be_is_refused(hub: Hub, ada: Account, wrong: dict[str, str]) -> None:
    fields = {"fullname": "Ada", "email": "", "bio": "", "homepage": "", **wrong}
    with pytest.raises(BadRequest):
        hub.directory.change_profile(ada, **fields)


def test_preferences_are_kept_and_given_back(hub: Hub, ada: Account) -> None:
    hub.directory.set_preferences(ada.id, language="fr")
    hub.directory.set_preferences(ada.id, theme="dark")
    seen = hub.directory.get_user("ada")
    assert (seen.language, seen.theme) == ("fr", "dark")
    hub.directory.set_preferences(ada.id, language="", theme="")
    seen = hub.directory.get_user("ada")
    assert (seen.language, seen.theme) == (None, None)
    for wrong in ({"language": "../x"}, {"theme": "pink"}):
        with pytest.raises(BadRequest):
            hub.directory.set_preferences(ada.id, **wrong)


def test_the_clock_of_the_rows_is_in_milliseconds(hub: Hub, ada: Account) -> None:
    _, session = start(hub, ada)
    assert abs(session.created_at - now_ms()) < 60_000
    assert session.expires_at - session.created_at == 3_600_000
