"""Likes, following and collections by forms, as a browser without scripts sends them (ui.md R8, U4, O1, G13)."""

import pytest

from pioche.accounts.callers import Caller
from pioche.names import RepoType
from pioche.repos.catalog import NewRepo
from tests.local import LocalHub
from tests.visitor import PASSWORD, Visitor

pytestmark = pytest.mark.usefixtures("cheap_passwords")


@pytest.fixture
def visitor(local: LocalHub) -> Visitor:
    """Bob, who has not signed in yet; ada has `ada/words`."""
    directory = local.hub.directory
    ada = directory.create_user("ada", password=PASSWORD)
    directory.create_user("bob", password=PASSWORD)
    caller = Caller(ada.id, ada.name, may_write=True, is_admin=False)
    local.hub.catalog.create(caller, NewRepo(type=RepoType.MODEL, namespace="ada", name="words"))
    return Visitor(local.client)


def test_r8_who_is_nobody_signs_in_and_comes_back_to_like(visitor: Visitor) -> None:
    page = visitor.get("/ada/words")
    assert 'href="/login?next=/ada/words"' in page.text
    page = visitor.send(visitor.get("/login?next=/ada/words"), "/login", username="bob", password=PASSWORD)
    assert 'aria-pressed="false"' in page.text
    page = visitor.send(page, "/ada/words/like")
    assert 'aria-pressed="true"' in page.text
    page = visitor.send(page, "/ada/words/like")
    assert 'aria-pressed="false"' in page.text
    assert visitor.client.get("/api/models/ada/words").json()["likes"] == 0


def test_f_csrf_nobody_is_made_to_like_or_follow_by_another_site(visitor: Visitor) -> None:
    visitor.sign_in("bob")
    sent = {"sec-fetch-site": "cross-site", "origin": "https://elsewhere.example"}
    for path, fields in (
        ("/ada/words/like", {"undo": ""}),
        ("/ada/words/watch", {"watch": "muted"}),
        ("/settings/following", {"name": "ada"}),
        ("/collections/new", {"title": "x", "visibility": "public"}),
    ):
        assert visitor.post(path, fields, headers=sent).status == 403
        assert visitor.post(path, fields).status == 403  # without the proof of our page
    assert visitor.client.get("/api/models/ada/words").json()["likes"] == 0
    assert visitor.client.get("/api/users/ada/followers").json() == []


def test_f_redir_forms_come_back_to_pages_of_this_hub_only(visitor: Visitor) -> None:
    page = visitor.sign_in("bob")
    page = visitor.get("/ada/words")
    for address in ("https://elsewhere.example/", "//elsewhere.example", "/\\elsewhere.example"):
        answer = visitor.send(page, "/ada/words/like", follow=False, next=address)
        assert answer.headers["location"] == "/"


def test_o1_a_collection_by_forms(visitor: Visitor) -> None:
    visitor.sign_in("bob")
    page = visitor.send(visitor.get("/ada/words/collect"), "/ada/words/like")
    page = visitor.get("/collections/new?kind=model&target=ada/words")
    page = visitor.send(page, "/collections/new", title="My shelf", owner="bob", visibility="private")
    assert "My shelf" in page.text
    assert "words" in page.text
    path = next(one for one in page.text.split('"') if one.startswith("/collections/bob/my-shelf-")).split("/edit")[0]
    path = path.removesuffix("/upvote").removesuffix("/items").removesuffix("/history")
    assert visitor.client.get(path, headers={"accept": "text/html"}).status == 404
    page = visitor.send(page, f"{path}/upvote")
    assert 'aria-pressed="true"' in page.text
    taken = visitor.send(page, f"{path}/items", do="add", kind="model", target="ada/words")
    assert (taken.status, "already in the collection" in taken.text) == (409, True)
    absent = visitor.send(page, f"{path}/items", do="add", kind="model", target="ada/absent")
    assert (absent.status, "Repository not found" in absent.text) == (404, True)
    edit = visitor.get(f"{path}/edit")
    wrong = visitor.send(edit, f"{path}/delete", confirm="my shelf!")
    assert wrong.status == 422
    assert visitor.send(edit, f"{path}/delete", confirm="My shelf", follow=False).status == 303
    assert visitor.get(path).status == 404


def test_e_mass_bodies_change_what_they_may_and_nothing_else(local: LocalHub, visitor: Visitor) -> None:
    directory = local.hub.directory
    bob, ada = directory.get("bob"), directory.get("ada")
    token = directory.tokens.create(bob)[0]
    ask = visitor.client.request
    sent = {
        "title": "Plain",
        "namespace": "bob",
        "upvotes": 99,
        "owner": "ada",
        "id": 1,
        "_id": "0" * 24,
        "position": 7,
    }
    made = ask("POST", "/api/collections", token=token, json=sent).json()
    assert (made["owner"]["name"], made["upvotes"], made["position"]) == ("bob", 0, 0)
    assert made["_id"] != "0" * 24
    changed = {"upvotes": 99, "owner": "ada", "ownerId": ada.id, "slug": "ada/x", "theme": "green"}
    answer = ask("PATCH", f"/api/collections/{made['slug']}", token=token, json=changed).json()["data"]
    assert (answer["owner"]["name"], answer["upvotes"], answer["slug"], answer["theme"]) == (
        "bob",
        0,
        made["slug"],
        "green",
    )
    for body in ({"title": "x", "namespace": "ada"}, {"title": "x", "namespace": "bob", "resourceGroupId": "0" * 24}):
        assert ask("POST", "/api/collections", token=token, json=body).status in (403, 404)
    assert ask("POST", "/api/models/ada/words/like", token=token, json={"user": "ada", "at": 0}).json()["likes"] == 1
    assert [one["user"] for one in ask("GET", "/api/models/ada/words/likers").json()] == ["bob"]
