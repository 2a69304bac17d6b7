"""Who administers a resource group alone, another name for an organisation, and who may not ask to join (ui.md U2, U3)."""

import pytest
import sqlalchemy as sa

from pioche.accounts import blocks, org_settings, renaming
from pioche.accounts.account import Account
from pioche.accounts.callers import Caller
from pioche.accounts.groups import Group
from pioche.accounts.members import Role
from pioche.db import schema
from pioche.names import RepoType
from pioche.repos import downloads, grouping
from pioche.repos.catalog import NewRepo
from tests.local import LocalHub
from tests.visitor import PASSWORD, Visitor, forms

pytestmark = pytest.mark.usefixtures("cheap_passwords")
SETTINGS = "/organizations/lab/settings"


@pytest.fixture
def people(local: LocalHub) -> dict[str, Account]:
    """Of `lab`, ada is administrator, bob and eve have no access; zoe is a stranger."""
    directory = local.hub.directory
    made = {name: directory.create_user(name, password=PASSWORD) for name in ("ada", "bob", "eve", "zoe")}
    made["lab"] = directory.create_org("lab", creator_id=made["ada"].id)
    for name in ("bob", "eve"):
        directory.members.add(made["lab"], made[name], Role.NO_ACCESS)
    return made


def _caller(account: Account) -> Caller:
    return Caller(account.id, account.name, may_write=True, is_admin=False)


def _group(local: LocalHub, people: dict[str, Account]) -> Group:
    """Bob administers it, `lab/inside` is in it; `lab/outside` is as private."""
    ada, groups = _caller(people["ada"]), local.hub.directory.groups
    group = groups.create(people["lab"], ada, "Team")
    groups.add(people["lab"], ada, group, [(people["bob"], Role.ADMIN)])
    for name in ("inside", "outside"):
        new = NewRepo(type=RepoType.MODEL, namespace="lab", name=name, private=True)
        repo = local.hub.catalog.create(ada, new)
        if name == "inside":
            grouping.assign(repo, ada, group.uid)
    return group


def _visitor(local: LocalHub, name: str) -> Visitor:
    found = Visitor(local.client)
    found.sign_in(name)
    return found


def test_u3_who_administers_a_group_alone_manages_that_group(local: LocalHub, people: dict[str, Account]) -> None:
    group = _group(local, people)
    other = local.hub.directory.groups.create(people["lab"], _caller(people["ada"]), "Others")
    bob, eve = _visitor(local, "bob"), _visitor(local, "eve")
    base = f"{SETTINGS}/resource-groups"
    assert base in bob.get("/lab").text
    page = bob.get(base)
    assert ("Team" in page.text, "Others" in page.text, base in forms(page.text)) == (True, False, False)
    page = bob.get(f"{base}/{group.uid}")
    assert "lab/inside" in page.text
    assert "outside" not in page.text
    assert f"{SETTINGS}/members" not in page.text
    page = bob.send(page, f"{base}/{group.uid}/members", user="eve", role="read")
    assert "They are in the group now." in page.text
    page = bob.send(page, f"{base}/{group.uid}/members/eve/role", role="write")
    page = bob.send(page, f"{base}/{group.uid}", name="Our team")
    assert "Our team" in page.text
    assert eve.get("/lab/inside").status == 200
    for who in (eve, _visitor(local, "zoe")):
        assert who.get(base).status == 403
        assert who.get(f"{base}/{group.uid}").status == 403
        assert base not in who.get("/lab").text
    # What is the organisation's stays its own.
    assert bob.get(f"{base}/{other.uid}").status == 404
    for path in ("/profile", "/members", "/security", "/audit-log"):
        assert bob.get(SETTINGS + path).status == 403
    refused = {base: {"name": "Mine"}, f"{base}/{group.uid}/delete": {}}
    for path, fields in refused.items():
        assert bob.post(path, {**fields, "csrf": bob.csrf}).status == 403
    bob.post(f"{base}/{group.uid}", {"csrf": bob.csrf, "name": "Team", "auto_join": "read"})
    assert local.hub.directory.groups.get(people["lab"], group.uid, _caller(people["bob"])).auto_join is None
    bob.send(bob.get(f"{base}/{group.uid}"), f"{base}/{group.uid}/members/eve/remove")
    assert eve.get("/lab/inside").status == 404


def test_u3_an_organisation_takes_another_name(local: LocalHub, people: dict[str, Account]) -> None:
    _group(local, people)
    ada, bob, here = _visitor(local, "ada"), _visitor(local, "bob"), f"{SETTINGS}/account"
    page = ada.send(ada.get(here), f"{here}/name", name="works", old_name="wrong")
    assert (page.status, "Type the name of the organisation." in page.text) == (422, True)
    page = ada.send(page, f"{here}/name", name="zoe", old_name="lab")
    assert (page.status, "This name is taken" in page.text) == (422, True)
    assert ada.send(page, f"{here}/name", name="no such!", old_name="lab").status == 422
    assert bob.post(f"{here}/name", {"csrf": bob.csrf, "name": "mine", "old_name": "lab"}).status == 403
    page = ada.send(page, f"{here}/name", name="works", old_name="lab")
    assert "The organisation has its new name." in page.text
    assert ada.get("/lab/outside", follow=False).headers["location"] == "/works/outside"
    assert ada.get("/lab", follow=False).headers["location"] == "/works"


def test_overviews_of_former_names_lead_to_those_of_now(local: LocalHub, people: dict[str, Account]) -> None:
    renaming.rename(local.hub.database, people["lab"], "works")
    renaming.rename(local.hub.database, people["zoe"], "zelda")
    for kind, old, new in (("organizations", "lab", "works"), ("users", "zoe", "zelda")):
        answer = local.client.get(f"/api/{kind}/{old}/overview")
        assert (answer.status, answer.headers["location"]) == (307, f"/api/{kind}/{new}/overview")
        assert local.client.get(answer.headers["location"]).status == 200
        assert local.client.get(f"/api/{kind}/{'zoe' if old == 'lab' else 'lab'}/overview").status == 404
    local.hub.directory.suspend(people["zoe"])
    assert local.client.get("/api/users/zoe/overview").status == 404


def test_u2_who_is_blocked_does_not_ask_to_join(local: LocalHub, people: dict[str, Account]) -> None:
    database, lab = local.hub.database, people["lab"]
    org_settings.set_openness(database, lab.id, hides_members=False, takes_requests=True)
    zoe = _visitor(local, "zoe")
    for blocker in (lab, people["ada"]):
        blocks.block(database, blocker, people["zoe"], actor_id=people["ada"].id)
        page = zoe.post("/organizations/lab/join", {"csrf": zoe.csrf, "text": "Please"})
        assert (page.status, "takes no requests" in page.text) == (403, True)
        blocks.unblock(database, blocker, people["zoe"], actor_id=people["ada"].id)
    blocks.block(database, people["bob"], people["zoe"], actor_id=people["bob"].id)
    assert zoe.post("/organizations/lab/join", {"csrf": zoe.csrf, "text": "Please"}).status == 200


def test_u3_suspended_members_are_marked(local: LocalHub, people: dict[str, Account]) -> None:
    local.hub.directory.suspend(people["eve"])
    page = _visitor(local, "ada").get(f"{SETTINGS}/members").text
    rows = {name: page.split(f'href="/{name}">')[1].split("</li>")[0] for name in ("bob", "eve")}
    assert ["suspended" in rows[name] for name in ("bob", "eve")] == [False, True]


def test_u2_administrators_see_how_much_is_used(local: LocalHub, people: dict[str, Account]) -> None:
    _group(local, people)
    database = local.hub.database
    with database.write() as connection:
        ids = list(connection.execute(sa.select(schema.repos.c.id).order_by(schema.repos.c.id)).scalars())
        downloads.add(connection, {ids[0]: 1234, ids[1]: 2})
    page = _visitor(local, "ada").get(f"{SETTINGS}/analytics").text
    assert "1,236" in page
    assert page.index("lab/inside</a>") < page.index("lab/outside</a>")
    for name in ("bob", "zoe"):
        assert _visitor(local, name).get(f"{SETTINGS}/analytics").status == 403
