"""What an organisation asks of its members, as its administrators set it (ui.md U3), without scripts."""

import pytest

from pioche.accounts import org_security
from pioche.accounts.members import Role
from tests.codes import turn_on
from tests.local import LocalHub
from tests.visitor import PASSWORD, Visitor

pytestmark = pytest.mark.usefixtures("cheap_passwords")

PAGE = "/organizations/lab/settings/requirements"


@pytest.fixture
def people(local: LocalHub) -> dict[str, Visitor]:
    """Signed in. Of `lab`, ada is administrator and bob a member."""
    directory = local.hub.directory
    made = {name: directory.create_user(name, password=PASSWORD) for name in ("ada", "bob")}
    directory.members.add(directory.create_org("lab", creator_id=made["ada"].id), made["bob"], Role.WRITE)
    visitors = {name: Visitor(local.client) for name in made}
    for name, visitor in visitors.items():
        visitor.sign_in(name)
    return visitors


def test_u3_a_second_factor_is_asked_for_by_who_has_one(local: LocalHub, people: dict[str, Visitor]) -> None:
    ada, bob, directory = people["ada"], people["bob"], local.hub.directory
    assert bob.get(PAGE).status == 403
    page = ada.get(PAGE)
    assert "2 members have none now" in page.text
    refused = ada.send(page, PAGE, second_factor="yes")
    assert refused.status == 409
    assert "You would keep yourself out" in refused.text
    app, _codes = turn_on(directory.second_factors, directory.get_user("ada"))
    ada.cookies.clear()
    ada.send(ada.sign_in("ada"), "/login/code", code=app.code())
    saved = ada.send(ada.get(PAGE), PAGE, second_factor="yes")
    assert "The settings are saved." in saved.text
    assert "1 member has none now" in saved.text
    assert "Turn yours on" in bob.get("/lab").text
    assert "Turn yours on" not in ada.get("/lab").text
    # In the log of the organisation; and taken back by the same page.
    log = ada.get("/organizations/lab/settings/audit-log")
    assert "asks members for a second factor" in log.text
    ada.send(saved, PAGE, second_factor="")
    assert not org_security.security(local.hub.database, directory.get_org("lab").id).needs_second_factor


def test_u3_networks_have_to_hold_who_sets_them(local: LocalHub, people: dict[str, Visitor]) -> None:
    ada, database = people["ada"], local.hub.database
    org_id = local.hub.directory.get_org("lab").id
    for ranges, status in (("192.0.2.0/24", 409), ("127.0.0.1/8", 422), ("nonsense", 422)):
        page = ada.send(ada.get(PAGE), PAGE, ranges=ranges)
        assert page.status == status
        assert ranges in page.text  # what was typed is still there
    assert org_security.security(database, org_id).ranges is None
    saved = ada.send(ada.get(PAGE), PAGE, ranges="127.0.0.0/8\r\n192.0.2.0/24")
    assert "The settings are saved." in saved.text
    assert org_security.security(database, org_id).ranges == "127.0.0.0/8 192.0.2.0/24"
    assert "changed the networks" in ada.get("/organizations/lab/settings/audit-log").text
    local.client._client = "198.51.100.9"
    try:
        assert "Not from where you are" in ada.get(PAGE).text
        assert "you are elsewhere" in people["bob"].get("/lab").text
    finally:
        local.client._client = "127.0.0.1"
