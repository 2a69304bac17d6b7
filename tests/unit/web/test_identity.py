"""Another name, one's data, the end of an account, by forms as a browser without scripts sends them (ui.md T1, T7)."""

import pytest

from pioche.accounts.callers import Caller
from pioche.accounts.members import Role
from pioche.names import RepoType
from pioche.repos.catalog import NewRepo
from tests.local import LocalHub
from tests.visitor import PASSWORD, Visitor

pytestmark = pytest.mark.usefixtures("cheap_passwords")


@pytest.fixture
def visitor(local: LocalHub) -> Visitor:
    """Ada, who has `ada/words`, signed in."""
    ada = local.hub.directory.create_user("ada", password=PASSWORD)
    caller = Caller(ada.id, ada.name, may_write=True, is_admin=False)
    local.hub.catalog.create(caller, NewRepo(type=RepoType.MODEL, namespace="ada", name="words"))
    visitor = Visitor(local.client)
    visitor.sign_in("ada")
    return visitor


def test_t7_a_new_name_asks_for_the_password(visitor: Visitor) -> None:
    page = visitor.get("/settings/name")
    refused = visitor.send(page, "/settings/name", name="countess", password="a guess")
    assert (refused.status, 'id="error-password"' in refused.text) == (422, True)
    assert visitor.get("/ada").status == 200


def test_t1_the_old_name_leads_to_the_new_one(visitor: Visitor, local: LocalHub) -> None:
    page = visitor.send(visitor.get("/settings/name"), "/settings/name", name="countess", password=PASSWORD)
    assert 'role="status"' in page.text
    assert visitor.get("/ada", follow=False).headers["location"] == "/countess"
    assert visitor.get("/ada/words", follow=False).headers["location"] == "/countess/words"
    moved = local.client.get("/api/models/ada/words")
    assert (moved.status, moved.headers["location"]) == (307, "/api/models/countess/words")
    other = Visitor(local.client)
    assert other.sign_in("countess").status == 200
    assert other.session is not None


@pytest.mark.parametrize("name", ["bob", "no spaces", "admin", "", "a--b"])
def test_t1_a_name_that_cannot_be_is_refused(visitor: Visitor, local: LocalHub, name: str) -> None:
    local.hub.directory.create_user("bob")
    refused = visitor.send(visitor.get("/settings/name"), "/settings/name", name=name, password=PASSWORD)
    assert (refused.status, 'id="error-name"' in refused.text) == (422, True)


def test_t1_the_data_is_a_file(visitor: Visitor) -> None:
    answer = visitor.get("/settings/data")
    assert answer.headers["content-disposition"] == "attachment; filename=pioche-ada.json"
    assert answer.json()["profile"]["name"] == "ada"
    assert [one["full_name"] for one in answer.json()["repos"]] == ["ada/words"]


def test_t7_the_account_is_deleted_by_name_password_and_with_its_repos(visitor: Visitor, local: LocalHub) -> None:
    directory = local.hub.directory
    token, _ = directory.tokens.create(directory.get_user("ada"))
    page, action = visitor.get("/settings/name"), "/settings/delete"
    for fields in (
        {"delete_name": "ad", "delete_password": PASSWORD, "with_repos": "yes"},
        {"delete_name": "ada", "delete_password": "a guess", "with_repos": "yes"},
        {"delete_name": "ada", "delete_password": PASSWORD},
    ):
        assert visitor.send(page, action, **fields).status in (409, 422)
    assert visitor.get("/ada/words").status == 200
    page = visitor.send(page, action, delete_name="ada", delete_password=PASSWORD, with_repos="yes")
    assert page.status == 200
    assert visitor.session is None
    assert visitor.get("/ada").status == 404
    assert visitor.get("/ada/words").status == 401  # as what never was, to somebody who is nobody now
    assert local.client.get("/api/whoami-v2", token=token).status == 401
    refused = Visitor(local.client).sign_in("ada")
    assert refused.status in (401, 422)


def test_t7_the_last_administrator_of_an_organisation_is_told_so(visitor: Visitor, local: LocalHub) -> None:
    directory = local.hub.directory
    lab = directory.create_org("lab", creator_id=directory.get_user("ada").id)
    page = visitor.get("/settings/name")
    assert 'href="/lab"' in page.text
    refused = visitor.send(page, "/settings/delete", delete_name="ada", delete_password=PASSWORD, with_repos="yes")
    assert refused.status == 409
    directory.members.add(lab, directory.create_user("bob"), Role.ADMIN)
    assert (
        visitor.send(refused, "/settings/delete", delete_name="ada", delete_password=PASSWORD, with_repos="yes").status
        == 200
    )


def test_f_csrf_nobody_is_renamed_or_deleted_by_another_site(visitor: Visitor) -> None:
    sent = {"sec-fetch-site": "cross-site", "origin": "https://elsewhere.example"}
    for path, fields in (
        ("/settings/name", {"name": "countess", "password": PASSWORD}),
        ("/settings/delete", {"delete_name": "ada", "delete_password": PASSWORD, "with_repos": "yes"}),
    ):
        assert visitor.post(path, fields, headers=sent).status == 403
        assert visitor.post(path, fields).status == 403  # without the proof of our page
    assert visitor.get("/ada").status == 200
