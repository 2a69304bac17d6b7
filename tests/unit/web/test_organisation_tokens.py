"""Which tokens count in an organisation, and its service accounts, by forms as a browser without scripts sends them (U3)."""

import re

import pytest

from pioche.accounts import entities
from pioche.accounts.members import Role
from pioche.accounts.scopes import parse_wanted
from pioche.accounts.tokens import TokenRole
from pioche.errors import BadRequest
from pioche.names import RepoType
from tests.local import LocalHub
from tests.visitor import PASSWORD, Visitor, forms

pytestmark = pytest.mark.usefixtures("cheap_passwords")

SETTINGS = "/organizations/lab/settings"


@pytest.fixture
def people(local: LocalHub) -> dict[str, Visitor]:
    """Of `lab`, ada is administrator and bob a member who writes."""
    directory = local.hub.directory
    made = {name: directory.create_user(name, password=PASSWORD) for name in ("ada", "bob")}
    lab = directory.create_org("lab", creator_id=made["ada"].id)
    directory.members.add(lab, made["bob"], Role.WRITE)
    visitors = {name: Visitor(local.client) for name in made}
    for name, visitor in visitors.items():
        visitor.sign_in(name)
    return visitors


def _token(local: LocalHub, name: str, *scopes: str) -> tuple[str, int]:
    def no_repo(_kind: RepoType, _name: str) -> int:
        raise AssertionError

    user = local.hub.directory.get(name)
    given = entities.find(local.hub.database, user, [parse_wanted(text) for text in scopes], no_repo)
    value, token = local.hub.directory.tokens.create(user, name="ci", role=TokenRole.FINE_GRAINED, scopes=given)
    return value, token.id


def _create(local: LocalHub, token: str, name: str) -> int:
    body = {"name": name, "organization": "lab", "private": True}
    return local.client.post("/api/repos/create", token=token, json=body).status


def test_u3_tokens_are_approved_denied_and_revoked(local: LocalHub, people: dict[str, Visitor]) -> None:
    ada, bob = people["ada"], people["bob"]
    token, token_id = _token(local, "bob", "org/lab=repo.write")
    page = ada.get(f"{SETTINGS}/tokens")
    assert "repo.write" in page.text
    page = ada.send(page, f"{SETTINGS}/tokens", policy="approved")
    assert "The settings are saved." in page.text
    assert _create(local, token, "one") == 403
    assert "An administrator of lab has to approve it first." in bob.get("/settings/tokens").text
    page = ada.send(page, f"{SETTINGS}/tokens/{token_id}/approve")
    assert "The token is approved." in page.text
    assert _create(local, token, "one") == 200
    assert "lab approves it." in bob.get("/settings/tokens").text
    page = ada.send(page, f"{SETTINGS}/tokens/{token_id}/revoke")
    assert "counts for nothing here" in page.text
    assert _create(local, token, "two") == 403
    assert f"{SETTINGS}/tokens/{token_id}/approve" not in forms(page.text)
    assert ada.post(f"{SETTINGS}/tokens/{token_id}/approve", {"csrf": ada.csrf}).status == 409
    assert "It counts for nothing in lab any more." in bob.get("/settings/tokens").text


def test_u3_the_policy_is_for_administrators_and_one_of_three(local: LocalHub, people: dict[str, Visitor]) -> None:
    ada, bob = people["ada"], people["bob"]
    _, token_id = _token(local, "bob", "org/lab=repo.write")
    for path in ("tokens", f"tokens/{token_id}/approve"):
        assert bob.post(f"{SETTINGS}/{path}", {"csrf": bob.csrf, "policy": "any"}).status == 403
    assert bob.get(f"{SETTINGS}/tokens").status == 403
    wrong = ada.post(f"{SETTINGS}/tokens", {"csrf": ada.csrf, "policy": "none"})
    assert wrong.status == 422
    assert 'id="error-policy"' in wrong.text
    for path in ("0/approve", "x/approve", f"{token_id}/burn"):
        assert ada.post(f"{SETTINGS}/tokens/{path}", {"csrf": ada.csrf}).status == 404


def test_t3_the_form_says_which_organisations_want_to_be_asked(local: LocalHub, people: dict[str, Visitor]) -> None:
    people["ada"].post(f"{SETTINGS}/tokens", {"csrf": people["ada"].csrf, "policy": "approved"})
    assert "An administrator has to approve the token." in people["bob"].get("/settings/tokens/new").text
    assert "An administrator has to approve the token." not in people["ada"].get("/settings/tokens/new").text
    assert not re.findall(r"hf_[A-Za-z0-9]{34,}", people["bob"].get("/settings/tokens/new").text)


# --- service accounts -----------------------------------------------------------------------------------------------


def test_u3_a_service_account_works_for_its_organisation(local: LocalHub, people: dict[str, Visitor]) -> None:
    ada, here = people["ada"], f"{SETTINGS}/service-accounts"
    ada.post(f"{SETTINGS}/tokens", {"csrf": ada.csrf, "policy": "approved"})
    page = ada.send(ada.get(here), here, name="lab-ci", fullname="Our CI", role="write")
    assert "The service account is made" in page.text
    assert "service account" in people["bob"].get("/lab-ci").text
    assert "service account" not in people["bob"].get("/ada").text
    uid = local.hub.directory.get("lab-ci").uid
    page = ada.send(page, f"{here}/{uid}/tokens", label="deploy", kind="fineGrained", scope="repo.write")
    (token,) = set(re.findall(r"hf_[A-Za-z0-9]{34,}", page.text))
    assert page.headers["cache-control"] == "private, no-store"
    # An administrator made it, so it waits for nobody.
    assert _create(local, token, "one") == 200
    assert token not in ada.get(here).text
    (refresh,) = [action for action in forms(page.text) if action.endswith("/refresh")]
    page = ada.send(page, refresh)
    (other,) = set(re.findall(r"hf_[A-Za-z0-9]{34,}", page.text))
    assert _create(local, token, "two") == 401
    assert _create(local, other, "two") == 200
    page = ada.send(page, f"{here}/{uid}/delete")
    assert "its tokens have ended" in page.text
    assert _create(local, other, "three") == 401
    assert (
        local.hub.directory.members.role(local.hub.directory.get("lab").id, local.hub.directory.get("lab-ci").id)
        is None
    )


def test_c5_what_a_service_account_says_is_marked_as_of_a_bot(local: LocalHub, people: dict[str, Visitor]) -> None:
    ada, here = people["ada"], f"{SETTINGS}/service-accounts"
    page = ada.send(ada.get(here), here, name="lab-ci", fullname="Our CI", role="write")
    uid = local.hub.directory.get("lab-ci").uid
    page = ada.send(page, f"{here}/{uid}/tokens", label="talk", kind="write")
    (token,) = set(re.findall(r"hf_[A-Za-z0-9]{34,}", page.text))
    assert _create(local, token, "talk") == 200
    body = {"title": "By a machine", "description": "Beep", "pullRequest": False}
    answer = local.client.post("/api/models/lab/talk/discussions", token=token, json=body)
    assert answer.status == 200, answer.text
    for visitor in people.values():
        assert '<span class="mark" data-kind="info">Bot</span>' in visitor.get("/lab/talk/discussions/1").text


def test_u3_nobody_signs_in_as_a_service_account_and_it_administers_nothing(
    local: LocalHub, people: dict[str, Visitor]
) -> None:
    ada, here, directory = people["ada"], f"{SETTINGS}/service-accounts", local.hub.directory
    ada.post(here, {"csrf": ada.csrf, "name": "lab-ci", "role": "read"})
    account = directory.get("lab-ci")
    with pytest.raises(BadRequest, match="no password"):
        directory.set_password(account, PASSWORD)
    assert Visitor(local.client).sign_in("lab-ci", "").status in (401, 422)
    with pytest.raises(BadRequest, match="service account"):
        directory.members.change(directory.get("lab"), account, Role.ADMIN)
    wrong = ada.post(here, {"csrf": ada.csrf, "name": "lab-boss", "role": "admin"})
    assert wrong.status == 422
    for name in ("ada", "a--b", ""):
        assert ada.post(here, {"csrf": ada.csrf, "name": name, "role": "read"}).status == 422
    bob = people["bob"]
    assert bob.get(here).status == 403
    assert bob.post(f"{here}/{account.uid}/delete", {"csrf": bob.csrf}).status == 403
    assert ada.post(f"{here}/{'0' * 24}/delete", {"csrf": ada.csrf}).status == 404
    # Somebody else's user is nobody's service account.
    assert ada.post(f"{here}/{directory.get('bob').uid}/delete", {"csrf": ada.csrf}).status == 404
    unticked = ada.post(
        f"{here}/{account.uid}/tokens", {"csrf": ada.csrf, "label": "x", "kind": "fineGrained", "days": "7"}
    )
    assert unticked.status == 422


def test_service_accounts_by_the_api(local: LocalHub, people: dict[str, Visitor]) -> None:
    client, base = local.client, "/api/organizations/lab/service-accounts"
    admin, _ = local.hub.directory.tokens.create(local.hub.directory.get("ada"))
    member, _ = local.hub.directory.tokens.create(local.hub.directory.get("bob"))
    fine, _ = _token(local, "ada", "org/lab=org.serviceAccounts.read,org.serviceAccounts.write,org.write")
    made = client.post(base, token=admin, json={"name": "lab-ci", "role": "write"}).json()
    assert (made["name"], made["role"], made["createdBy"], made["tokens"]) == ("lab-ci", "write", "ada", [])
    one = f"{base}/{made['id']}"
    scoped = {"scoped": [{"entity": {"type": "org", "name": "lab"}, "permissions": ["repo.write"]}]}
    asked = {"displayName": "ci", "fineGrained": scoped}
    told = client.post(f"{one}/tokens", token=admin, json=asked).json()
    assert _create(local, told["token"], "one") == 200
    # Who sees them all makes none: a token makes no tokens that it was not itself.
    assert [row["name"] for row in client.get(base, token=fine).json()] == ["lab-ci"]
    assert client.post(f"{one}/tokens", token=fine, json=asked).status == 403
    assert client.post(base, token=fine, json={"name": "other"}).status == 403
    for path in (base, one):
        assert client.get(path, token=member).status == 403
    assert client.post(f"{one}/tokens", token=admin, json={"role": "write", "fineGrained": scoped}).status == 400
    again = client.post(f"{one}/tokens/{told['id']}/rotate", token=admin).json()
    assert _create(local, told["token"], "two") == 401
    assert _create(local, again["token"], "two") == 200
    assert client.delete(f"{one}/tokens/{told['id']}", token=admin).status == 200
    assert _create(local, again["token"], "three") == 401
    assert client.delete(one, token=admin).status == 200
    assert client.get(one, token=admin).status == 404
