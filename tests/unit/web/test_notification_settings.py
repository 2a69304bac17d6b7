"""What one is told of, and what waits for one's answer (ui.md T6, N1, S1), without a browser."""

import re

import pytest

from tests.asgi import Answer
from tests.local import LocalHub, User
from tests.visitor import PASSWORD, Visitor

pytestmark = pytest.mark.usefixtures("cheap_passwords")

HERE = "/settings/notifications"


@pytest.fixture
def ada(local: LocalHub) -> User:
    user = local.user("ada")
    local.hub.directory.set_password(local.hub.directory.get("ada"), PASSWORD)
    local.create_repo(user, "ada/model")
    return user


@pytest.fixture
def visitor(local: LocalHub, ada: User) -> Visitor:
    visitor = Visitor(local.client)
    visitor.sign_in("ada")
    return visitor


def ticked(page: Answer) -> int:
    return len(re.findall(r'name="tell" value="[^"]+" checked', page.text))


def test_t6_a_matrix_of_what_the_bell_tells(visitor: Visitor) -> None:
    page = visitor.get(HERE)
    assert ticked(page) == 9
    page = visitor.post(HERE, {"csrf": visitor.csrf, "tell": "mention:discussion.create"})
    assert "Your choice is saved." in page.text
    assert ticked(page) == 1
    assert 'value="mention:discussion.create" checked' in page.text
    assert Visitor(visitor.client).get(HERE, follow=False).status in (303, 401)


def test_t6_what_is_watched_and_muted_is_listed_and_let_go(local: LocalHub, ada: User, visitor: Visitor) -> None:
    bob = local.user("bob")
    local.create_repo(bob, "bob/model")
    body = {"title": "A thing", "description": "words", "pullRequest": False}
    local.client.post("/api/models/bob/model/discussions", token=bob.token, json=body)
    for path, watch in (("/bob/model", "watched"), ("/bob/model/discussions/1", "muted")):
        visitor.send(visitor.get(path), f"{path}/watch", watch=watch)
    page = visitor.get(HERE)
    assert 'Watch no more<span class="visually-hidden"> bob/model' in page.text
    assert 'Unmute<span class="visually-hidden"> A thing' in page.text
    for path in ("/bob/model", "/bob/model/discussions/1"):
        page = visitor.send(visitor.get(HERE), f"{path}/watch")
    assert "Nothing yet" in page.text
    assert "A thing" not in page.text


def test_n1_s1_requests_for_gated_files_wait_where_their_owner_looks(
    local: LocalHub, ada: User, visitor: Visitor
) -> None:
    bob, eve = local.user("bob"), local.user("eve")
    local.client.put("/api/models/ada/model/settings", token=ada.token, json={"gated": "manual"})
    assert "Waiting for your answer" not in visitor.get("/notifications").text
    for who in (bob, eve):
        assert local.client.post("/ada/model/ask-access", token=who.token, json={}).status in (200, 303)
    page = visitor.get("/notifications").text
    assert "2 people ask for its files" in page
    assert 'href="/ada/model/settings/gate"' in page
    local.hub.directory.set_password(local.hub.directory.get("bob"), PASSWORD)
    other = Visitor(local.client)
    other.sign_in("bob")
    assert "ask for its files" not in other.get("/notifications").text
