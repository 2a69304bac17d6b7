"""Signing in over HTTP, over both databases: the whole way, and what ends a session at once (E-AUTHN, E-STATE)."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from pioche.config import Config
from pioche.db import schema
from pioche.upkeep.tidying import SweepSessions
from tests.local import LocalHub
from tests.visitor import PASSWORD, Visitor

pytestmark = pytest.mark.usefixtures("cheap_passwords")


@pytest.fixture
def local(config: Config) -> Iterator[LocalHub]:
    hub = LocalHub(config)
    hub.hub.directory.create_user("ada", fullname="Ada", password=PASSWORD)
    yield hub
    hub.close()


@pytest.fixture
def ada(local: LocalHub) -> Visitor:
    visitor = Visitor(local.client)
    assert visitor.sign_in("ada", remember="yes").status == 200
    return visitor


def is_signed_in(visitor: Visitor) -> bool:
    return visitor.client.get("/api/whoami-v2", headers=visitor.cookie).status == 200


def test_in_a_repo_made_and_out(local: LocalHub, ada: Visitor) -> None:
    assert is_signed_in(ada)
    headers = {**ada.cookie, "origin": ada.origin, "x-csrf-token": ada.csrf}
    made = local.client.post("/api/repos/create", headers=headers, json={"name": "secret", "private": True})
    assert made.status == 200
    assert local.client.get("/api/models/ada/secret", headers=ada.cookie).status == 200
    assert local.client.get("/api/models/ada/secret").status == 401
    ada.send(ada.get("/"), "/logout")
    assert ada.session is None


def test_e_authn_guesses_wait_whoever_there_is(local: LocalHub) -> None:
    for name in ("ada", "nobody"):
        answers = [Visitor(local.client).sign_in(name, "wrong password") for _ in range(7)]
        assert [answer.status for answer in answers] == [401] * 5 + [429] * 2
    assert Visitor(local.client).sign_in("ada").status == 429


def test_e_authn_the_right_password_takes_the_failures_back(local: LocalHub) -> None:
    for _ in range(3):
        assert [Visitor(local.client).sign_in("ada", "wrong password").status for _ in range(4)] == [401] * 4
        assert Visitor(local.client).sign_in("ada").status == 200


def test_e_authn_nothing_in_the_database_is_a_credential(local: LocalHub, ada: Visitor) -> None:
    local.hub.directory.tokens.create(local.hub.directory.get_user("ada"))
    local.hub.directory.invitations.create(days=1)
    with local.hub.database.read() as connection:
        values = {
            str(value)
            for table in (schema.sessions, schema.tokens, schema.accounts, schema.invitations, schema.sign_in_failures)
            for row in connection.execute(sa.select(table))
            for value in row
            if value is not None
        }
    assert len(values) > 20
    for value in values:
        printable = value.encode("ascii", "ignore").decode()
        for headers in (
            {"cookie": f"pioche_session_8000={printable}"},
            {"authorization": f"Bearer {printable}"},
        ):
            assert local.client.get("/api/whoami-v2", headers=headers).status == 401


@pytest.mark.parametrize("what", ["password", "suspended", "signed out", "elsewhere", "the operator"])
def test_e_state_a_session_ends_with_the_next_request(local: LocalHub, ada: Visitor, what: str) -> None:
    directory = local.hub.directory
    user = directory.get_user("ada")
    assert is_signed_in(ada)
    if what == "password":
        directory.set_password(user, "battery staple")
    elif what == "suspended":
        directory.create_user("root-of-all", is_admin=True)
        directory.suspend(user)
    elif what == "signed out":
        before = dict(ada.cookies)
        ada.send(ada.get("/"), "/logout")
        ada.cookies = before
    else:
        directory.sessions.end_others(user.id, None)
    assert not is_signed_in(ada)
    assert local.client.get("/", headers=ada.cookie).status == 200


def test_e_state_a_role_that_is_taken_away_counts_at_once(local: LocalHub, ada: Visitor) -> None:
    user = local.hub.directory.get_user("ada")
    with local.hub.database.write() as connection:
        connection.execute(schema.accounts.update().where(schema.accounts.c.id == user.id).values(is_admin=True))
    found = local.hub.callers.by_session(ada.session or "")
    assert (seen := local.client.run(found)) is not None
    assert seen.caller.is_admin


def test_the_last_use_is_written(local: LocalHub, ada: Visitor) -> None:
    with local.hub.database.write() as connection:
        connection.execute(schema.sessions.update().values(last_used_at=1))
    assert is_signed_in(ada)
    for buffer in local.hub.buffers:
        buffer.flush()
    with local.hub.database.read() as connection:
        assert connection.execute(sa.select(schema.sessions.c.last_used_at)).scalar_one() > 1


def test_what_is_over_is_swept(local: LocalHub, ada: Visitor) -> None:
    local.hub.directory.invitations.create(days=1)
    Visitor(local.client).sign_in("ada", "wrong password")
    with local.hub.database.write() as connection:
        connection.execute(schema.sessions.update().values(expires_at=1))
        connection.execute(schema.sign_in_failures.update().values(last_at=1))
        connection.execute(schema.invitations.update().values(expires_at=1))
    SweepSessions(local.hub.database).run("", {})
    with local.hub.database.read() as connection:
        for table in (schema.sessions, schema.sign_in_failures, schema.invitations):
            assert connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one() == 0
