"""Organisations' own pages by forms, as a browser without scripts sends them (ui.md U2, U3)."""

import re
from pathlib import Path

import pytest

from pioche.accounts import org_settings
from pioche.accounts.callers import Caller
from pioche.accounts.members import Role
from pioche.accounts.tokens import TokenRole
from pioche.names import RepoType
from pioche.repos.catalog import NewRepo
from tests.databases import SqliteTemplate
from tests.inside import Inside
from tests.local import LocalHub
from tests.visitor import PASSWORD, Visitor, forms

pytestmark = pytest.mark.usefixtures("cheap_passwords")

NAMES = ("ada", "bob", "eve")
SETTINGS = "/organizations/lab/settings"


@pytest.fixture
def people(local: LocalHub) -> dict[str, Visitor]:
    """Signed in. Of `lab`, ada is administrator and bob a member; eve is a stranger."""
    directory = local.hub.directory
    made = {name: directory.create_user(name, password=PASSWORD) for name in NAMES}
    lab = directory.create_org("lab", creator_id=made["ada"].id)
    directory.members.add(lab, made["bob"], Role.READ)
    visitors = {name: Visitor(local.client) for name in NAMES}
    for name, visitor in visitors.items():
        visitor.sign_in(name)
    return visitors


def test_u3_the_profile_is_changed_by_administrators_alone(people: dict[str, Visitor]) -> None:
    ada = people["ada"]
    page = ada.send(
        ada.get(SETTINGS), f"{SETTINGS}/profile", fullname="The Lab", bio="Tests.", homepage="https://x.org"
    )
    assert "The profile is saved." in page.text
    assert "Tests." in ada.get("/lab").text
    page = ada.send(page, f"{SETTINGS}/profile", homepage="javascript:alert(1)")
    assert page.status == 422
    for name in ("bob", "eve"):
        visitor = people[name]
        assert visitor.get(f"{SETTINGS}/profile").status == 403
        assert visitor.post(f"{SETTINGS}/profile", {"csrf": visitor.csrf, "fullname": "Mine"}).status == 403
    assert "The Lab" in ada.get("/lab").text


# --- making one -----------------------------------------------------------------------------------------------------


def test_u2_who_makes_an_organisation_administers_it(people: dict[str, Visitor], local: LocalHub) -> None:
    eve = people["eve"]
    page = eve.get("/organizations/new")
    page = eve.send(page, "/organizations/new", name="navy", fullname="The Navy", visibility="private")
    assert "What the roles mean" in page.text
    navy = local.hub.directory.get_org("navy")
    assert (navy.fullname, navy.private_by_default) == ("The Navy", True)
    assert [(one.account.name, one.role) for one in local.hub.directory.members.of(navy)] == [("eve", "admin")]


@pytest.mark.parametrize("name", ["", "a--b", "api", "a.b", "ada", "LAB", "settings"])
def test_u2_names_that_cannot_be_had_are_told_beside_the_field(people: dict[str, Visitor], name: str) -> None:
    eve = people["eve"]
    page = eve.send(eve.get("/organizations/new"), "/organizations/new", name=name)
    assert page.status == 422
    assert 'id="error-name"' in page.text


def test_u2_where_administrators_alone_make_organisations(sqlite_template: SqliteTemplate, tmp_path: Path) -> None:
    with Inside(sqlite_template.config(tmp_path / "data", org_creation="admins")) as inside:
        directory = inside.hub.directory
        for name, is_admin in (("ada", False), ("warden", True)):
            directory.create_user(name, password=PASSWORD, is_admin=is_admin)
            visitor = Visitor(inside.client)
            visitor.sign_in(name)
            assert ("New organisation" in visitor.get("/").text) == is_admin
            assert visitor.get("/organizations/new").status == (200 if is_admin else 403)
            sent = visitor.post("/organizations/new", {"csrf": visitor.csrf, "name": f"of-{name}"})
            assert (directory.find(f"of-{name}") is not None) == is_admin, sent.text


# --- members --------------------------------------------------------------------------------------------------------


def role(local: LocalHub, name: str, org: str = "lab") -> str | None:
    directory = local.hub.directory
    return directory.members.role(directory.get_org(org).id, directory.get_user(name).id)


def test_u3_roles_are_changed_and_members_removed(people: dict[str, Visitor], local: LocalHub) -> None:
    ada = people["ada"]
    page = ada.get(f"{SETTINGS}/members")
    page = ada.send(page, f"{SETTINGS}/members/bob/role", role="write")
    assert "The role is changed." in page.text
    assert role(local, "bob") == "write"
    page = ada.send(page, f"{SETTINGS}/members/bob/remove")
    assert role(local, "bob") is None
    assert ada.send(page, f"{SETTINGS}/members/ada/role", role="owner").status == 400


def test_u3_the_last_administrator_stays_by_every_door(people: dict[str, Visitor], local: LocalHub) -> None:
    ada = people["ada"]
    page = ada.get(f"{SETTINGS}/members")
    for action, fields in ((f"{SETTINGS}/members/ada/role", {"role": "read"}), (f"{SETTINGS}/members/ada/remove", {})):
        answer = ada.send(page, action, **fields)
        assert answer.status == 409
        assert "ada is the last administrator" in answer.text
    answer = ada.send(ada.get("/settings/organizations"), "/organizations/lab/leave")
    assert "You are its last administrator" in answer.text
    answer = local.client.put(
        "/api/organizations/lab/members/ada/role", token=token(local, "ada"), json={"role": "read"}
    )
    assert answer.status == 409
    assert role(local, "ada") == "admin"


def token(local: LocalHub, name: str) -> str:
    directory = local.hub.directory
    return directory.tokens.create(directory.get_user(name), name="test", role=TokenRole.WRITE)[0]


def test_u3_a_link_is_shown_once_and_lets_in_whoever_has_it(people: dict[str, Visitor], local: LocalHub) -> None:
    ada, eve = people["ada"], people["eve"]
    page = ada.send(ada.get(f"{SETTINGS}/members"), f"{SETTINGS}/members/link", role="contributor", uses="1")
    link = re.search(r"/organizations/lab/join\?invitation=[\w-]+", page.text)
    assert link
    assert link[0] not in ada.get(f"{SETTINGS}/members").text
    page = eve.get(link[0])
    assert "ada invites you. Your role: Contributor." in page.text
    assert page.headers["referrer-policy"] == "strict-origin-when-cross-origin"  # nobody else learns the address
    eve.send(page, "/organizations/lab/join")
    assert role(local, "eve") == "contributor"
    assert "You are a member already." in eve.get(link[0].partition("?")[0]).text


def test_u3_whoever_follows_a_link_signs_in_first_and_comes_back(people: dict[str, Visitor], local: LocalHub) -> None:
    ada, nobody = people["ada"], Visitor(local.client)
    page = ada.send(ada.get(f"{SETTINGS}/members"), f"{SETTINGS}/members/link", role="read", uses="5")
    link = re.search(r"/organizations/lab/join\?invitation=[\w-]+", page.text)
    assert link
    page = nobody.get(link[0])
    page = nobody.send(page, "/login", username="eve", password=PASSWORD)
    assert "ada invites you" in page.text


def test_e_a_link_that_does_not_count_says_the_same_words(people: dict[str, Visitor], local: LocalHub) -> None:
    ada, eve = people["ada"], people["eve"]
    page = ada.send(ada.get(f"{SETTINGS}/members"), f"{SETTINGS}/members/link", role="read", uses="5")
    link = re.search(r"/organizations/lab/join\?invitation=[\w-]+", page.text)
    assert link
    good = eve.get(link[0])
    directory = local.hub.directory
    directory.create_org("other", creator_id=directory.get_user("ada").id)
    elsewhere = link[0].replace("/lab/", "/other/")
    directory.members.add(directory.get_org("lab"), directory.get_user("bob"), Role.ADMIN)
    ada.send(ada.get("/settings/organizations"), "/organizations/lab/leave")
    for path in (link[0], "/organizations/lab/join?invitation=invented", elsewhere):
        answer = eve.get(path)
        assert answer.status == 403
        assert "This invitation is not valid any more" in answer.text
    assert eve.send(good, "/organizations/lab/join").status == 403
    assert role(local, "eve") is None


@pytest.mark.parametrize(
    ("action", "fields"),
    [
        ("invite", {"user": "nobody-here"}), ("invite", {"user": "bob"}), ("invite", {"user": "eve", "role": "owner"}),
        ("invite", {"user": "eve", "days": "9999"}), ("link", {"role": "admin", "uses": ""}), ("link", {"uses": "2"}),
        ("link", {"role": ""}),
    ],
)  # fmt: skip
def test_u3_invitations_that_cannot_be_made(people: dict[str, Visitor], action: str, fields: dict[str, str]) -> None:
    ada = people["ada"]
    answer = ada.send(ada.get(f"{SETTINGS}/members"), f"{SETTINGS}/members/{action}", **fields)
    assert answer.status == 422
    assert "Invitations that wait" not in answer.text


def test_u3_who_is_invited_by_name_accepts_in_their_settings(people: dict[str, Visitor], local: LocalHub) -> None:
    ada, eve = people["ada"], people["eve"]
    page = ada.send(ada.get(f"{SETTINGS}/members"), f"{SETTINGS}/members/invite", user="eve", role="write")
    assert "They are invited" in page.text
    page = eve.get("/settings/organizations")
    accept = next(action for action in forms(page.text) if action.endswith("/accept"))
    bob = people["bob"]
    assert bob.post(accept, {"csrf": bob.csrf}).status == 404
    eve.send(page, accept)
    assert role(local, "eve") == "write"
    assert eve.post(accept, {"csrf": eve.csrf}).status == 404


def test_u3_who_declines_or_whose_invitation_is_withdrawn_is_no_member(
    people: dict[str, Visitor], local: LocalHub
) -> None:
    ada, eve = people["ada"], people["eve"]
    ada.send(ada.get(f"{SETTINGS}/members"), f"{SETTINGS}/members/invite", user="eve", role="write")
    page = eve.get("/settings/organizations")
    page = eve.send(page, next(action for action in forms(page.text) if action.endswith("/decline")))
    assert "The invitation is declined." in page.text
    page = ada.send(ada.get(f"{SETTINGS}/members"), f"{SETTINGS}/members/invite", user="eve", role="write")
    page = ada.send(page, next(action for action in forms(page.text) if action.endswith("/revoke")))
    assert "The invitation is withdrawn." in page.text
    assert "accept" not in " ".join(forms(eve.get("/settings/organizations").text))
    assert role(local, "eve") is None


def test_u2_asking_to_join(people: dict[str, Visitor], local: LocalHub) -> None:
    ada, eve = people["ada"], people["eve"]
    assert "takes no requests" in eve.get("/organizations/lab/join").text
    assert eve.post("/organizations/lab/join", {"csrf": eve.csrf}).status == 403
    assert "Ask to join" not in eve.get("/lab").text
    ada.send(ada.get(f"{SETTINGS}/security"), f"{SETTINGS}/security", takes_requests="yes")
    assert "Ask to join" in eve.get("/lab").text
    page = eve.send(eve.get("/organizations/lab/join"), "/organizations/lab/join", text="I <b>measure</b> things")
    assert "You asked." in page.text
    eve.send(page, "/organizations/lab/join/withdraw")
    eve.send(eve.get("/organizations/lab/join"), "/organizations/lab/join", text="I <b>measure</b> things")
    page = ada.get(f"{SETTINGS}/members")
    assert "I &lt;b&gt;measure&lt;/b&gt; things" in page.text
    page = ada.send(page, f"{SETTINGS}/join-requests/eve", answer="accept", role="contributor")
    assert "They are a member now." in page.text
    assert role(local, "eve") == "contributor"
    assert ada.post(f"{SETTINGS}/join-requests/eve", {"csrf": ada.csrf, "answer": "refuse"}).status == 404


def test_u3_nobody_else_changes_anything(people: dict[str, Visitor], local: LocalHub) -> None:
    """Every form of every tab, sent by a member and by a stranger; and by a site's page in the administrator's browser."""
    ada = people["ada"]
    ada.send(ada.get(f"{SETTINGS}/members"), f"{SETTINGS}/members/link", role="read", uses="5")
    actions = {
        action
        for tab in ("profile", "members", "security", "account", "webhooks/new")
        for action in forms(ada.get(f"{SETTINGS}/{tab}").text)
        if action.startswith(SETTINGS)
    }
    assert len(actions) >= 9
    before = local.hub.directory.members.of(local.hub.directory.get_org("lab"))
    for action in sorted(actions):
        for name in ("bob", "eve"):
            sent = {"csrf": people[name].csrf, "role": "admin", "user": "eve", "confirm": "lab"}
            assert people[name].post(action, sent).status == 403, action
        assert ada.post(action, {"confirm": "lab"}, headers={"sec-fetch-site": "cross-site"}).status == 403
    assert local.hub.directory.members.of(local.hub.directory.get_org("lab")) == before


# --- leaving and deleting -------------------------------------------------------------------------------------------


def test_u3_members_leave(people: dict[str, Visitor], local: LocalHub) -> None:
    bob, eve = people["bob"], people["eve"]
    page = bob.send(bob.get("/settings/organizations"), "/organizations/lab/leave")
    assert "You left the organisation." in page.text
    assert role(local, "bob") is None
    assert eve.post("/organizations/lab/leave", {"csrf": eve.csrf}).status == 404


def test_u3_an_organisation_is_deleted_when_it_is_empty_and_its_name_typed(
    people: dict[str, Visitor], local: LocalHub
) -> None:
    ada, delete = people["ada"], f"{SETTINGS}/account/delete"
    caller = Caller(local.hub.directory.get_user("ada").id, "ada", may_write=True, is_admin=False)
    repo = local.hub.catalog.create(caller, NewRepo(type=RepoType.MODEL, namespace="lab", name="m"))
    page = ada.get(f"{SETTINGS}/account")
    assert ada.send(page, delete, confirm="la").status == 422
    answer = ada.send(page, delete, confirm="lab")
    assert answer.status == 409
    assert "It still owns repositories" in answer.text
    local.hub.catalog.delete(caller, repo)
    answer = ada.send(page, delete, confirm="lab")
    assert "The organisation is deleted." in answer.text
    assert local.hub.directory.find("lab") is None


# --- what strangers see ---------------------------------------------------------------------------------------------

DOORS = {
    "/lab": 'href="/bob"',
    "/bob": 'href="/lab"',
    "/api/organizations/lab/overview": '"numUsers":2',
    "/api/organizations/lab/members": '"bob"',
    "/api/users/bob/overview": '"lab"',
    "/lab/open/discussions/1": '<span class="mark" data-kind="info">Member</span>',
}
"""What each says where the members are shown."""


def test_e_leak_hidden_members_are_hidden_by_every_door(people: dict[str, Visitor], local: LocalHub) -> None:
    directory = local.hub.directory
    ada = Caller(directory.get_user("ada").id, "ada", may_write=True, is_admin=False)
    local.hub.catalog.create(ada, NewRepo(type=RepoType.MODEL, namespace="lab", name="open"))
    made = local.client.post(
        "/api/models/lab/open/discussions", token=token(local, "bob"), json={"title": "Words", "description": "d"}
    )
    assert made.status == 200

    def told(visitor: Visitor) -> set[str]:
        """The doors that tell that bob belongs to lab, or how many do."""
        return {path for path, sign in DOORS.items() if sign in visitor.get(path).text}

    shown = told(people["eve"])
    assert shown == set(DOORS)
    org_settings.set_openness(local.hub.database, directory.get_org("lab").id, hides_members=True, takes_requests=True)
    for stranger in (people["eve"], Visitor(local.client)):
        assert told(stranger) == set()
        assert "2 members" not in stranger.get("/lab").text
    assert told(people["bob"]) == told(people["ada"]) == shown
    answer = local.client.get("/api/organizations/lab/members", token=token(local, "eve"))
    assert answer.status == 403
    assert "members" in answer.text
    assert local.client.get("/api/organizations/lab/members", token=token(local, "bob")).status == 200


# --- how new repos begin --------------------------------------------------------------------------------------------


def test_w1_new_repos_begin_as_their_owner_wants(people: dict[str, Visitor], local: LocalHub) -> None:
    ada = people["ada"]
    assert "As the owner wants" not in ada.get("/new").text
    page = ada.send(ada.get(f"{SETTINGS}/security"), f"{SETTINGS}/security", visibility="private")
    assert "The settings are saved." in page.text
    assert "Private in lab, public elsewhere." in ada.get("/new").text
    for owner, visibility, private in (
        ("lab", "", True), ("lab", "public", False), ("ada", "", False), ("ada", "private", True),
    ):  # fmt: skip
        name = f"{owner}-{visibility or 'default'}"
        ada.send(ada.get("/new"), "/new", owner=owner, name=name, visibility=visibility)
        assert is_private(local, f"{owner}/{name}") == private
    secret = token(local, "ada")
    for kind in ("model", "dataset"):
        body = {"name": f"api-{kind}", "organization": "lab", "type": kind}
        assert local.client.post("/api/repos/create", token=secret, json=body).status == 200
        assert is_private(local, f"lab/api-{kind}", kind)
    body = {"name": "said", "organization": "lab", "visibility": "public"}
    assert local.client.post("/api/repos/create", token=secret, json=body).status == 200
    assert not is_private(local, "lab/said")


def is_private(local: LocalHub, name: str, kind: str = "model") -> bool:
    answer = local.client.get(f"/api/{kind}s/{name}", token=token(local, "ada"))
    assert answer.status == 200, answer.text
    return bool(answer.json()["private"])


def test_w1_the_owners_are_those_in_whose_name_one_may_create(people: dict[str, Visitor]) -> None:
    assert '<option value="lab"' in people["ada"].get("/new").text
    for name in ("bob", "eve"):
        assert '<option value="lab"' not in people[name].get("/new").text
