"""A link by which somebody chooses another password (ui.md A1): good once, for a while, and no way around a second factor."""

import pytest

from pioche.accounts import resets
from pioche.accounts.account import Account
from tests.codes import turn_on
from tests.local import LocalHub
from tests.visitor import PASSWORD, Visitor

pytestmark = pytest.mark.usefixtures("cheap_passwords")

OTHER = "another sentence"


@pytest.fixture
def ada(local: LocalHub) -> Account:
    return local.hub.directory.create_user("ada", password=PASSWORD)


def link(local: LocalHub, user: Account) -> str:
    return f"/login/reset?ticket={resets.ticket(local.hub.database, user, hours=1)}"


def test_a1_a_link_sets_another_password_once(local: LocalHub, ada: Account) -> None:
    first, second = link(local, ada), link(local, ada)
    visitor, elsewhere = Visitor(local.client), Visitor(local.client)
    elsewhere.sign_in("ada")
    page = visitor.get(first)
    assert (page.headers["cache-control"], page.headers["referrer-policy"]) == ("no-store", "no-referrer")
    assert visitor.send(page, "/login/reset", new_password="short", repeated="short").status == 422
    assert visitor.send(page, "/login/reset", new_password=OTHER, repeated="x" * 9).status == 422
    inside = visitor.send(page, "/login/reset", new_password=OTHER, repeated=OTHER)
    assert inside.status == 200
    assert visitor.session is not None
    assert "/settings/profile" not in elsewhere.get("/").text  # their sessions are over
    for used in (first, second):
        over = Visitor(local.client).get(used)
        assert over.status == 410
        assert "This link counts no more" in over.text
    assert Visitor(local.client).send(page, "/login/reset", new_password=PASSWORD, repeated=PASSWORD).status == 410
    assert Visitor(local.client).sign_in("ada", OTHER).status == 200
    assert Visitor(local.client).sign_in("ada", PASSWORD).status == 401


def test_a1_a_link_is_no_way_around_the_second_factor(local: LocalHub, ada: Account) -> None:
    app, _codes = turn_on(local.hub.directory.second_factors, ada)
    visitor = Visitor(local.client)
    step = visitor.send(visitor.get(link(local, ada)), "/login/reset", new_password=OTHER, repeated=OTHER)
    assert visitor.session is None
    visitor.send(step, "/login/code", code=app.code())
    assert visitor.session is not None


def test_a1_a_link_that_is_none_leads_nowhere(local: LocalHub, ada: Account) -> None:
    good = link(local, ada)
    visitor = Visitor(local.client)
    for wrong in ("/login/reset", "/login/reset?ticket=", good[:-1], good + "x"):
        assert visitor.get(wrong).status == 410
    local.hub.directory.create_user("chief", is_admin=True)
    local.hub.directory.suspend(ada)
    assert visitor.get(good).status == 410


def test_a1_a_link_ends_with_its_time(local: LocalHub, ada: Account) -> None:
    claims = {"user": ada.id, "mark": local.hub.directory.password_mark(ada)}
    late = local.hub.keyring.seal("reset-password", claims, seconds=-1)
    assert Visitor(local.client).get(f"/login/reset?ticket={late}").status == 410
