"""An organisation's directory, over both databases: who is a member, in which groups (ui.md U3, RFC 7644)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from pioche.accounts import org_invitations, org_sso, scim_people
from pioche.accounts.callers import Caller
from pioche.accounts.groups import Group
from pioche.accounts.members import Role
from pioche.accounts.oidc import Claims
from pioche.config import Config
from tests.asgi import Answer
from tests.inside import Inside

_PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"


@dataclass
class Directory:
    """Calls as an organisation's directory does."""

    inside: Inside
    token: str
    name: str = "lab"

    def call(self, method: str, path: str, body: Any = None) -> Answer:
        headers = {"content-type": "application/scim+json"}
        base = f"/api/organizations/{self.name}/scim/v2"
        return self.inside.client.request(method, base + path, token=self.token, json=body, headers=headers)

    def send(self, user_name: str, **more: Any) -> dict[str, Any]:
        answer = self.call("POST", "/Users", {"userName": user_name, **more})
        assert answer.status == 201, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def change(self, path: str, *operations: dict[str, Any]) -> Answer:
        return self.call("PATCH", path, {"schemas": [_PATCH], "Operations": list(operations)})

    def role(self, name: str) -> Role | None:
        directory = self.inside.hub.directory
        return directory.members.role(directory.get_org(self.name).id, directory.get_user(name).id)

    def in_group(self, uid: str) -> dict[str, str]:
        groups = self.inside.hub.directory.groups
        group: Group = groups.get(self.inside.hub.directory.get_org(self.name), uid, Caller.operator())
        return {one.account.name: one.role for one in groups.members(group)}

    def recognise(self, name: str, email: str) -> None:
        """They sign in at the organisation's provider."""
        hub = self.inside.hub
        org, user = hub.directory.get_org(self.name), hub.directory.get_user(name)
        _, session = hub.directory.sessions.start(user, hours=1)
        claims = Claims("https://id.example.org", f"id of {name}", email, "", "", frozenset())
        org_sso.signed_in(hub.database, org, user, session.id, claims)


@pytest.fixture
def inside(config: Config) -> Iterator[Inside]:
    with Inside(config) as inside:
        ada, bob = inside.user("ada"), inside.user("bob")
        inside.user("eve")
        inside.org("lab", {ada: "admin", bob: "write"})
        inside.repo(ada, "lab/secret", private=True)
        org = inside.hub.directory.get_org("lab")
        wanted = org_sso.parse("Lab ID", "https://id.example.org", "x", "x", "8")
        org_sso.save(inside.hub.database, org, wanted, actor_id=ada.user_id)
        yield inside


@pytest.fixture
def lab(inside: Inside) -> Directory:
    org = inside.hub.directory.get_org("lab")
    return Directory(inside, scim_people.make_token(inside.hub.database, org, actor_id=inside.accounts["ada"].id))


def test_u3_scim_the_life_of_somebody(inside: Inside, lab: Directory) -> None:
    token = inside.hub.directory.tokens.create(inside.accounts["bob"])[0]
    made = lab.send("bob", externalId="7", displayName="Bob", emails=[{"value": "Bob@example.org", "primary": True}])
    assert (made["active"], made["externalId"], made["displayName"]) == (True, "7", "Bob")
    here = f"/Users/{made['id']}"
    assert made["meta"]["location"].endswith(f"/api/organizations/lab/scim/v2{here}")
    assert lab.call("GET", here).json() == made
    assert inside.client.get("/api/models/lab/secret", token=token).status == 200
    # Entra's way to say it; what he may do ends at once.
    gone = lab.change(here, {"op": "Replace", "path": "active", "value": "False"})
    assert (gone.status, gone.json()["active"]) == (200, False)
    assert lab.role("bob") is None
    assert inside.client.get("/api/models/lab/secret", token=token).status == 404
    # Okta's.
    assert lab.change(here, {"op": "replace", "value": {"active": True}}).json()["active"] is True
    assert lab.role("bob") is Role.READ
    put = {"userName": "bob", "active": True, "name": {"givenName": "Bob", "familyName": "B."}}
    assert lab.call("PUT", here, put).json()["name"] == {"givenName": "Bob", "familyName": "B."}
    changed = lab.change(
        here,
        {"op": "add", "path": 'emails[type eq "work"].value', "value": "b@example.org"},
        {"op": "replace", "path": "name.givenName", "value": "Robert"},
        {"op": "add", "path": "title", "value": "not kept"},
    ).json()
    assert (changed["emails"][0]["value"], changed["name"]["givenName"]) == ("b@example.org", "Robert")
    assert lab.call("DELETE", here).status == 204
    assert lab.call("GET", here).status == 404
    assert lab.role("bob") is None
    assert inside.hub.directory.get_user("bob").suspended_at is None  # the account is his


def test_u3_scim_nobody_becomes_a_member_without_their_doing(inside: Inside, lab: Directory) -> None:
    database, eve = inside.hub.database, inside.accounts["eve"]
    made = lab.send("eve")
    assert lab.role("eve") is None
    (invitation,) = org_invitations.waiting_for(database, eve.id)
    org_invitations.accept(database, invitation.id, eve)
    assert lab.role("eve") is Role.READ
    lab.call("DELETE", f"/Users/{made['id']}")
    again = lab.send("eve")
    assert lab.role("eve") is None
    assert len(org_invitations.waiting_for(database, eve.id)) == 1
    lab.change(f"/Users/{again['id']}", {"op": "replace", "path": "active", "value": False})
    assert org_invitations.waiting_for(database, eve.id) == []


def test_u3_scim_the_provider_says_who_somebody_is(inside: Inside, lab: Directory) -> None:
    """A directory calls people by their addresses; an address in an account's profile is nobody's proof."""
    eve = inside.accounts["eve"]
    inside.hub.directory.change_profile(eve, fullname="", email="eve@example.org", bio="", homepage="")
    group = lab.call("POST", "/Groups", {"displayName": "Modellers"}).json()
    made = lab.send("Eve@example.org")
    here = f"/Groups/{group['id']}"
    lab.change(here, {"op": "add", "path": "members", "value": [{"value": made["id"]}]})
    assert lab.role("eve") is None
    assert lab.in_group(group["id"]) == {}
    lab.recognise("eve", "eve@example.org")
    assert lab.role("eve") is Role.READ
    assert lab.in_group(group["id"]) == {"eve": "read"}
    lab.change(f"/Users/{made['id']}", {"op": "replace", "path": "active", "value": False})
    assert (lab.role("eve"), lab.in_group(group["id"])) == (None, {})
    lab.change(f"/Users/{made['id']}", {"op": "replace", "path": "active", "value": True})
    assert (lab.role("eve"), lab.in_group(group["id"])) == (Role.READ, {"eve": "read"})


def test_u3_scim_the_last_administrator_stays(lab: Directory) -> None:
    made = lab.send("ada")
    refused = lab.change(f"/Users/{made['id']}", {"op": "replace", "path": "active", "value": False})
    assert (refused.status, refused.json()["status"]) == (409, "409")
    assert lab.call("DELETE", f"/Users/{made['id']}").status == 409
    assert lab.call("GET", f"/Users/{made['id']}").json()["active"] is True
    assert lab.role("ada") is Role.ADMIN


def test_u3_scim_groups_are_resource_groups(inside: Inside, lab: Directory) -> None:
    bob, ada = lab.send("bob"), lab.send("ada")
    made = lab.call("POST", "/Groups", {"displayName": "Vision", "members": [{"value": bob["id"]}]})
    assert made.status == 201, made.text
    group, here = made.json(), f"/Groups/{made.json()['id']}"
    assert [one["display"] for one in group["members"]] == ["bob"]
    assert lab.in_group(group["id"]) == {"bob": "read"}
    assert lab.call("POST", "/Groups", {"displayName": "vision"}).json()["scimType"] == "uniqueness"
    assert lab.change(here, {"op": "Add", "path": "members", "value": [{"value": ada["id"]}]}).status == 200
    assert sorted(lab.in_group(group["id"])) == ["ada", "bob"]
    lab.change(here, {"op": "remove", "path": f'members[value eq "{bob["id"]}"]'})
    assert sorted(lab.in_group(group["id"])) == ["ada"]
    renamed = lab.call("PUT", here, {"displayName": "Sight", "members": [{"value": bob["id"]}]}).json()
    assert (renamed["displayName"], sorted(lab.in_group(group["id"]))) == ("Sight", ["bob"])
    assert lab.change(here, {"op": "replace", "value": {"displayName": "Eyes"}}).json()["displayName"] == "Eyes"
    assert lab.change(here, {"op": "add", "path": "members", "value": [{"value": "0" * 24}]}).status == 404
    found = lab.call("GET", "/Groups?filter=displayName%20eq%20%22eyes%22").json()
    assert (found["totalResults"], found["Resources"][0]["id"]) == (1, group["id"])
    secret = {"resourceGroupId": group["id"]}
    token = inside.token(Caller(inside.accounts["ada"].id, "ada", may_write=True, is_admin=False))
    assert inside.client.post("/api/models/lab/secret/resource-group", token=token, json=secret).status == 200
    assert lab.call("DELETE", here).status == 409  # all members would see what is in it
    inside.client.post("/api/models/lab/secret/resource-group", token=token, json={"resourceGroupId": None})
    assert lab.call("DELETE", here).status == 204


def test_u3_scim_a_group_keeps_what_the_directory_calls_it(lab: Directory) -> None:
    made = lab.call("POST", "/Groups", {"displayName": "Vision", "externalId": "g-1"}).json()
    here = f"/Groups/{made['id']}"
    assert made["externalId"] == "g-1"
    assert "externalId" not in lab.call("POST", "/Groups", {"displayName": "Sound"}).json()

    def found(external: str) -> list[str]:
        listed = lab.call("GET", f"/Groups?filter=externalId%20eq%20%22{external}%22").json()
        return [one["displayName"] for one in listed["Resources"]]

    assert (found("g-1"), found("G-1")) == (["Vision"], [])  # it is compared letter by letter (RFC 7643 section 3.1)
    assert lab.change(here, {"op": "replace", "path": "externalId", "value": "g-2"}).json()["externalId"] == "g-2"
    assert (found("g-1"), found("g-2")) == ([], ["Vision"])
    assert lab.call("GET", here).json()["externalId"] == "g-2"
    assert "externalId" not in lab.change(here, {"op": "remove", "path": "externalId"}).json()
    assert lab.call("PUT", here, {"displayName": "Vision", "externalId": "g-3"}).json()["externalId"] == "g-3"
    assert "externalId" not in lab.call("PUT", here, {"displayName": "Vision"}).json()
    for wrong in (7, "x" * 301, "a\nb"):
        assert lab.change(here, {"op": "add", "value": {"externalId": wrong}}).status == 400
        assert lab.call("POST", "/Groups", {"displayName": "Wrong", "externalId": wrong}).status == 400


def test_u3_scim_lists_in_pages_and_by_what_equals(lab: Directory) -> None:
    for number in range(5):
        lab.send(f"person{number}@example.org", externalId=str(number))
    page = lab.call("GET", "/Users?startIndex=2&count=2").json()
    assert (page["totalResults"], page["startIndex"], page["itemsPerPage"]) == (5, 2, 2)
    assert [one["userName"] for one in page["Resources"]] == ["person1@example.org", "person2@example.org"]
    assert lab.call("GET", "/Users?count=0").json()["Resources"] == []
    for asked in ('userName eq "PERSON3@example.org"', 'externalId eq "3"'):
        found = lab.call("GET", f"/Users?filter={asked.replace(' ', '%20')}").json()
        assert [one["externalId"] for one in found["Resources"]] == ["3"]
    assert lab.call("GET", "/Users?filter=userName%20eq%20%22nobody%22").json()["totalResults"] == 0
    for wrong in ("userName%20co%20%22x%22", "password%20eq%20%22x%22", "userName"):
        refused = lab.call("GET", f"/Users?filter={wrong}")
        assert (refused.status, refused.json()["scimType"]) == (400, "invalidFilter")
    taken = lab.call("POST", "/Users", {"userName": "Person1@Example.org"})
    assert (taken.status, taken.json()["scimType"]) == (409, "uniqueness")
    assert taken.headers["content-type"] == "application/scim+json"
    for body in ({}, {"userName": ""}, {"userName": 1}, {"userName": "x", "active": "maybe"}, {"userName": "a\nb"}):
        assert lab.call("POST", "/Users", body).status == 400


def test_e_oidc_4_a_token_is_good_for_its_organisation_only(inside: Inside, lab: Directory) -> None:
    ada = Caller(inside.accounts["ada"].id, "ada", may_write=True, is_admin=False)
    inside.org("other", {ada: "admin"})
    for path in ("/Users", "/Groups", "/ServiceProviderConfig", "/Schemas", "/ResourceTypes"):
        assert lab.call("GET", path).status == 200
        for token, name in ((lab.token, "other"), (inside.token(ada), "lab"), ("scim_x", "lab"), (lab.token, "absent")):
            refused = Directory(inside, token, name).call("GET", path)
            assert (refused.status, refused.json()["schemas"]) == (401, ["urn:ietf:params:scim:api:messages:2.0:Error"])
        assert inside.client.get(f"/api/organizations/lab/scim/v2{path}", headers=inside.cookie(ada)).status == 401
    assert inside.client.get("/api/whoami-v2", token=lab.token).status == 401
    other = Directory(inside, scim_people.make_token(
        inside.hub.database, inside.hub.directory.get_org("other"), actor_id=ada.user_id), "other")  # fmt: skip
    made = lab.send("bob")
    for method, body in (("GET", None), ("DELETE", None), ("PUT", {"userName": "bob", "active": False})):
        assert other.call(method, f"/Users/{made['id']}", body).status == 404
    assert lab.role("bob") is Role.WRITE
    again = scim_people.make_token(inside.hub.database, inside.hub.directory.get_org("lab"), actor_id=ada.user_id)
    assert (lab.call("GET", "/Users").status, Directory(inside, again).call("GET", "/Users").status) == (401, 200)
