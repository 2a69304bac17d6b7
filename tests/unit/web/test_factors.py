"""Second factors as administrators of the hub and of organisations see them (ui.md T2, U3)."""

import pytest

from pioche.accounts import notices
from pioche.accounts.members import Role
from pioche.accounts.second_factors import new_secret
from pioche.app import build_work
from tests.codes import App, turn_on
from tests.local import LocalHub
from tests.visitor import PASSWORD, Visitor

pytestmark = pytest.mark.usefixtures("cheap_passwords")

_PAGE = "/admin/second-factors"
_REASON = "She rang from her own telephone"


@pytest.fixture
def chief(local: LocalHub) -> Visitor:
    """An administrator who just signed in; ada has a second factor, bob none."""
    directory = local.hub.directory
    for name, is_admin in (("chief", True), ("ada", False), ("bob", False)):
        directory.create_user(name, password=PASSWORD, is_admin=is_admin)
    turn_on(directory.second_factors, directory.get("ada"))
    visitor = Visitor(local.client)
    visitor.sign_in("chief")
    return visitor


def test_t2_administrators_see_who_has_a_second_factor_and_reset_one(local: LocalHub, chief: Visitor) -> None:
    directory = local.hub.directory
    ada = directory.get("ada")
    shown = {show: chief.get(f"{_PAGE}?show={show}").text for show in ("all", "with", "without")}
    assert [f"<bdi>{name}</bdi>" in shown["with"] for name in ("ada", "bob")] == [True, False]
    assert [f"<bdi>{name}</bdi>" in shown["without"] for name in ("ada", "bob")] == [False, True]
    assert "Seconds facteurs" in chief.get(_PAGE, headers={"accept-language": "fr"}).text
    assert "Nobody is here" in chief.get(f"{_PAGE}?q=x_").text
    directory.sessions.start(ada, hours=1)
    one = f"{_PAGE}/ada"
    page = chief.send(chief.get(one), one, reason=f" {_REASON} ", password=PASSWORD)
    assert "they are told" in page.text
    assert (directory.second_factors.of(ada.id), directory.sessions.of(ada.id)) == (None, [])
    build_work(local.config).dispatcher.step()
    told = [(one.kind, one.detail, one.actor) for one in notices.of(local.hub.database, ada.id)]
    assert told == [("user.2fa.reset", _REASON, "chief"), ("user.2fa.enable", "", "")]
    assert _REASON in chief.get("/admin/audit-log?kind=user.2fa.reset").text
    assert "There is none to reset." in chief.get(one).text
    assert chief.post(one, {"csrf": chief.csrf, "reason": "again", "password": PASSWORD}).status == 409


def test_t2_a_reset_asks_for_the_administrators_own_password(local: LocalHub, chief: Visitor) -> None:
    directory, one = local.hub.directory, f"{_PAGE}/ada"
    for fields in ({"reason": _REASON, "password": "wrong"}, {"reason": "", "password": PASSWORD}):
        assert chief.send(chief.get(one), one, **fields).status == 422
    token, _ = directory.tokens.create(directory.get("chief"))
    form = {"content-type": "application/x-www-form-urlencoded"}
    sent = f"reason=x&password={PASSWORD}".encode()
    assert local.client.post(one, token=token, body=sent, headers=form).status == 403
    own = f"{_PAGE}/chief"
    account, factors, secret = directory.get("chief"), directory.second_factors, new_secret()
    here = directory.sessions.of(account.id)[0].id
    factors.turn_on(account, secret, App(secret, factors).code(), session_id=here)
    assert "It is your own" in chief.get(own).text
    assert chief.post(own, {"csrf": chief.csrf, "reason": "mine", "password": PASSWORD}).status == 409
    bob = Visitor(local.client)
    bob.sign_in("bob")
    for path in (_PAGE, one):
        assert bob.get(path).status == 404
    assert bob.post(one, {"csrf": bob.csrf, "reason": "mine", "password": PASSWORD}).status == 404
    assert directory.second_factors.of(directory.get("ada").id) is not None


def test_t2_an_organisation_sees_members_without_one(local: LocalHub, chief: Visitor) -> None:
    directory = local.hub.directory
    lab = directory.create_org("lab")
    for name in ("ada", "bob"):
        directory.members.add(lab, directory.get(name), Role.READ)
    directory.members.add(lab, directory.get("chief"), Role.ADMIN)
    page = chief.get("/organizations/lab/settings/requirements").text
    listed = page[page.index("Members without a second factor") :]
    assert [f"<bdi>{name}</bdi>" in listed for name in ("ada", "bob", "chief")] == [False, True, True]
