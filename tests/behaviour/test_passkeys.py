"""Passkeys over both databases (E-AUTHN): for this host only, unlocked only, each answer once, nobody else's."""

import random
import re
from collections.abc import Iterator
from contextlib import suppress

import pytest
import sqlalchemy as sa
from webauthn.helpers import bytes_to_base64url

from pioche.accounts import factor_overview, notices, org_security
from pioche.accounts.account import Account
from pioche.accounts.callers import barred_from_afar
from pioche.accounts.directory import Directory
from pioche.accounts.members import Role
from pioche.accounts.noticing import NoteAccounts
from pioche.accounts.passkeys import Party
from pioche.config import Config
from pioche.db import schema
from pioche.db.engine import Database
from pioche.errors import BadRequest, Conflict, NotFound, Unauthenticated
from pioche.jobs.outbox import Dispatcher
from tests.authenticator import Authenticator
from tests.local import LocalHub
from tests.visitor import PASSWORD, Visitor

pytestmark = pytest.mark.usefixtures("cheap_passwords")

PARTY = Party.of("https://hub.example.org:8443")
ASKED = b"a challenge of thirty-two bytes.."


@pytest.fixture
def directory(config: Config) -> Iterator[Directory]:
    database = Database(config)
    yield Directory(database)
    database.close()


@pytest.fixture
def ada(directory: Directory) -> Account:
    return directory.create_user("ada", password="correct horse")


@pytest.fixture
def device(directory: Directory, ada: Account) -> Authenticator:
    device = Authenticator(PARTY.origin, PARTY.host)
    directory.passkeys.add(ada, PARTY, ASKED, device.make(ASKED), " telephone ")
    return device


def test_a_passkey_signs_in_whose_it_is_and_each_answer_once(
    directory: Directory, ada: Account, device: Authenticator
) -> None:
    answer = device.show(ASKED)
    assert directory.passkeys.use(PARTY, ASKED, 1000, answer) == ada.id
    with pytest.raises(Unauthenticated):  # overheard
        directory.passkeys.use(PARTY, ASKED, 1000, answer)
    with pytest.raises(Unauthenticated):  # a question that was asked before
        directory.passkeys.use(PARTY, ASKED, 999, device.show(ASKED))
    assert directory.passkeys.use(PARTY, ASKED, 1001, device.show(ASKED)) == ada.id
    [passkey] = directory.passkeys.of(ada.id)
    assert (passkey.name, passkey.is_synced, passkey.last_used_at is not None) == ("telephone", False, True)


def test_what_was_signed_for_anything_else_counts_nothing(directory: Directory, device: Authenticator) -> None:
    use = directory.passkeys.use
    good = device.show(ASKED)
    elsewhere = Party.of("https://hub.example.com")
    locked = Authenticator(PARTY.origin, PARTY.host, verifies=False)
    locked.id, locked._key = device.id, device._key
    phished = Authenticator("https://hub.example.org.evil.net", PARTY.host)
    phished.id, phished._key = device.id, device._key
    cloned = Authenticator(PARTY.origin, PARTY.host)
    cloned.id, cloned._key = device.id, device._key
    use(PARTY, ASKED, 1, device.show(ASKED))
    refused = [
        (elsewhere, ASKED, good), (PARTY, b"another challenge", good), (PARTY, ASKED, locked.show(ASKED)),
        (PARTY, ASKED, phished.show(ASKED)), (PARTY, ASKED, cloned.show(ASKED)),
        (PARTY, ASKED, Authenticator(PARTY.origin, PARTY.host).show(ASKED)), (PARTY, ASKED, device.make(ASKED)),
    ]  # fmt: skip
    for party, challenge, answer in refused:
        with pytest.raises(Unauthenticated):
            use(party, challenge, 5, answer)


def test_d_unfit_answers_are_refused_and_nothing_else(directory: Directory, ada: Account) -> None:
    device = Authenticator(PARTY.origin, PARTY.host)
    made, shown = device.make(ASKED), device.show(ASKED)
    bad = ["", "{", "[]", "null", "\ud800", "{}", '{"id": 1}', "[" * 9000, '{"id": {"a": []}}', "x" * 40_000]
    rng = random.Random(7)
    for text in (made, shown):
        for _ in range(150):
            at = rng.randrange(len(text))
            bad.append(text[:at] + rng.choice(["", "A", "\\", '"', "\x00", "é"]) + text[at + rng.randrange(3) :])
    for text in bad:
        with pytest.raises(Unauthenticated):
            directory.passkeys.use(PARTY, ASKED, 1, text)
    for at, text in enumerate(
        bad
    ):  # a change of what nobody signs, such as a name that is not looked at, changes nothing
        with suppress(BadRequest, Conflict):
            directory.passkeys.add(ada, PARTY, ASKED, text, "x")
        with suppress(Unauthenticated):
            directory.passkeys.use(PARTY, ASKED, at, text)


def test_a_passkey_belongs_to_one_person_who_alone_removes_it(
    directory: Directory, ada: Account, device: Authenticator
) -> None:
    bob = directory.create_user("bob", password="correct horse")
    with pytest.raises(Conflict):
        directory.passkeys.add(bob, PARTY, ASKED, device.make(ASKED), "mine")
    [passkey] = directory.passkeys.of(ada.id)
    with pytest.raises(NotFound):
        directory.passkeys.remove(bob, passkey.id)
    directory.passkeys.remove(ada, passkey.id)
    with pytest.raises(Unauthenticated):
        directory.passkeys.use(PARTY, ASKED, 9, device.show(ASKED))


def test_of_too_many_passkeys_the_last_is_refused_and_service_accounts_have_none(
    directory: Directory, ada: Account, config: Config
) -> None:
    for _ in range(20):
        device = Authenticator(PARTY.origin, PARTY.host)
        directory.passkeys.add(ada, PARTY, ASKED, device.make(ASKED), "one")
    with pytest.raises(Conflict, match="remove one first"):
        directory.passkeys.add(ada, PARTY, ASKED, Authenticator(PARTY.origin, PARTY.host).make(ASKED), "one more")
    org = directory.create_org("lab", creator_id=ada.id)
    robot = directory.service_accounts.create(org, "robot", Role.READ, actor=ada)
    with pytest.raises(BadRequest, match="service account"):
        directory.passkeys.add(robot.account, PARTY, ASKED, Authenticator(PARTY.origin, PARTY.host).make(ASKED), "x")
    database = Database(config)
    with database.read() as connection:
        count = connection.execute(sa.select(sa.func.count()).select_from(schema.passkeys)).scalar()
    database.close()
    assert count == 20


def test_devices_that_have_one_are_told_to_make_no_second(
    directory: Directory, ada: Account, device: Authenticator
) -> None:
    wanted = directory.passkeys.wanted(ada, PARTY, ASKED)
    assert bytes_to_base64url(device.id) in wanted
    assert '"residentKey": "required"' in wanted
    assert '"userVerification": "required"' in wanted


def test_n1_whose_passkey_is_made_or_removed_is_told(config: Config, directory: Directory, ada: Account) -> None:
    device, database = Authenticator(PARTY.origin, PARTY.host), Database(config)
    directory.passkeys.add(ada, PARTY, ASKED, device.make(ASKED), "telephone")
    directory.passkeys.remove(ada, directory.passkeys.of(ada.id)[0].id)
    Dispatcher(database, (NoteAccounts(database),)).step()
    told = [(one.kind, one.detail) for one in notices.of(database, ada.id)]
    database.close()
    assert told == [("user.passkey.delete", "telephone"), ("user.passkey.create", "telephone")]


# --- as the second factor ---


def test_u3_passkeys_that_the_password_needs_satisfy_an_organisation(
    config: Config, directory: Directory, ada: Account, device: Authenticator
) -> None:
    org = directory.create_org("lab", creator_id=ada.id)
    database = Database(config)
    wanted = org_security.Security(needs_second_factor=True)
    with pytest.raises(Conflict):  # the password opens the account still
        org_security.set_security(database, org, wanted, org_security.Setter(ada.id, ""))
    assert factor_overview.members_without(database, org.id) == ["ada"]
    codes = directory.second_factors.turn_on_passkeys(ada)
    org_security.set_security(database, org, wanted, org_security.Setter(ada.id, ""))
    assert barred_from_afar(database, ada.id) == ()
    assert factor_overview.members_without(database, org.id) == []
    [person] = factor_overview.overview(database, factor_overview.Show.WITH).people
    assert (person.name, person.passkeys, person.since is not None) == ("ada", 1, True)
    with pytest.raises(Conflict, match="second factor"):
        directory.passkeys.remove(ada, directory.passkeys.of(ada.id)[0].id)
    for code in ("000000", "", codes[0] + "x"):
        with pytest.raises(Unauthenticated):
            directory.second_factors.use(ada, code)
    directory.second_factors.use(ada, codes[0])
    directory.second_factors.turn_off(ada, actor_id=ada.id)
    assert [one.org for one in barred_from_afar(database, ada.id)] == ["lab"]
    directory.passkeys.remove(ada, directory.passkeys.of(ada.id)[0].id)
    with pytest.raises(Conflict, match="passkey first"):
        directory.second_factors.turn_on_passkeys(ada)
    database.close()


def test_an_administrators_reset_removes_passkeys(directory: Directory, ada: Account, device: Authenticator) -> None:
    secret, _ = directory.sessions.start(ada, user_agent="", hours=1, is_remembered=False)
    assert directory.second_factors.reset(ada, reason="lost telephone")
    assert directory.passkeys.of(ada.id) == []
    assert directory.sessions.of(ada.id) == []
    assert secret
    assert not directory.second_factors.reset(ada)


def test_t2_after_the_password_a_passkey_is_asked_for(config: Config) -> None:
    local = LocalHub(config)
    ada = local.hub.directory.create_user("ada", password=PASSWORD)
    visitor, here = Visitor(local.client), "/settings/authentication"
    visitor.sign_in("ada")
    assert "passkeys as the second factor" not in visitor.get(here).text
    party = Party.of(visitor.origin)
    local.hub.directory.passkeys.add(ada, party, ASKED, Authenticator(party.origin, party.host).make(ASKED), "key")
    other = Visitor(local.client)
    other.sign_in("ada")
    path = f"{here}/second-factor/passkeys"
    assert visitor.send(visitor.get(here), path, password="a guess").status == 422
    made = visitor.send(visitor.get(here), path, password=PASSWORD)
    [code] = re.findall(r"<code[^>]*>([^\s<]+)", made.text)[:1] or re.findall(r"<pre[^>]*>([^\s<]+)", made.text)[:1]
    assert other.get(here, follow=False).status in (303, 401)  # it began with less
    again = Visitor(local.client)
    page = again.sign_in("ada")
    assert again.session is None
    assert "Now your passkey" in page.text
    assert 'action="/login/passkey"' in page.text
    assert again.send(page, "/login/code", code="123456").status == 401
    again.send(page, "/login/code", code=code)
    assert again.session is not None
    local.close()
