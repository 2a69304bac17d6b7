"""The bell, the list behind it and its API (ui.md N1)."""

import pytest

from pioche.accounts import notices
from pioche.app import build_work
from tests.local import LocalHub, User
from tests.visitor import PASSWORD, Visitor

pytestmark = pytest.mark.usefixtures("cheap_passwords")


@pytest.fixture
def ada(local: LocalHub) -> User:
    user = local.user("ada")
    local.hub.directory.set_password(local.hub.directory.get("ada"), PASSWORD)
    local.create_repo(user, "ada/model")
    return user


@pytest.fixture
def browser(local: LocalHub, ada: User) -> Visitor:
    visitor = Visitor(local.client)
    visitor.sign_in("ada")
    build_work(local.config).dispatcher.step()
    notices.mark_all(local.hub.database, ada.id, None, "done")  # that she has a token, and a password
    return visitor


def discuss(local: LocalHub, who: User, title: str) -> None:
    body = {"title": title, "description": "@ada, look.", "pullRequest": False}
    answer = local.client.post("/api/models/ada/model/discussions", token=who.token, json=body)
    assert answer.status == 200, answer.text
    work = build_work(local.config)
    work.dispatcher.step()


def test_n1_the_bell_counts_what_the_list_shows_and_looking_reads_it(
    local: LocalHub, ada: User, browser: Visitor
) -> None:
    assert "Nothing to tell" in browser.get("/notifications").text
    discuss(local, local.user("bob"), "A typo")
    assert browser.get("/notifications/count").json() == {"unread": 1, "shown": "1"}
    page = browser.get("/notifications").text
    assert '<a href="/ada/model/discussions/1"><strong>A typo</strong></a>' in page
    assert "you are mentioned" in page
    assert "notification-bell" in page
    assert "notification-bell" not in Visitor(local.client).get("/").text
    browser.get("/ada/model/discussions/1")
    assert browser.get("/notifications/count").json()["unread"] == 0
    assert "Nothing to tell" in browser.get("/notifications?show=unread").text


def test_n1_many_are_marked_at_once_by_what_is_chosen_or_by_the_filter(
    local: LocalHub, ada: User, browser: Visitor
) -> None:
    bob = local.user("bob")
    for title in ("One", "Two", "Three"):
        discuss(local, bob, title)
    page = browser.get("/notifications")
    uid = local.repo(ada, "ada/model").uid
    shown = browser.send(page, "/notifications", key=f"{uid}-2", do="done").text
    assert "Two" not in shown
    assert "Three" in shown
    page = browser.get("/notifications?about=mentions")
    shown = browser.send(page, "/notifications?about=mentions", all="1", do="read").text
    assert browser.get("/notifications/count").json()["unread"] == 0
    assert "One" in shown
    assert "Two" in browser.get("/notifications?show=done").text
    assert browser.get("/notifications?show=wrong").status == 400


def test_n1_what_happened_to_the_account_stands_above_the_threads(local: LocalHub, ada: User, browser: Visitor) -> None:
    local.token(ada)
    discuss(local, local.user("bob"), "A typo")
    assert browser.get("/notifications/count").json()["unread"] == 2
    page = browser.get("/notifications")
    assert page.text.index("An access token was made: more") < page.text.index("A typo")
    assert "access token" not in browser.get("/notifications?about=mentions").text
    assert "Un jeton d’accès a été créé : more" in browser.get("/notifications", headers={"accept-language": "fr"}).text
    (one,) = notices.of(local.hub.database, ada.id)
    assert "access token" not in browser.send(page, "/notifications", key=one.key, do="done").text
    local.hub.directory.tokens.create(local.hub.directory.get("ada"), name="other")
    build_work(local.config).dispatcher.step()
    shown = browser.send(browser.get("/notifications"), "/notifications", all="1", do="read").text
    assert "An access token was made: other" in shown
    assert browser.get("/notifications/count").json()["unread"] == 0


def test_n1_the_api_lists_and_marks(local: LocalHub, ada: User) -> None:
    discuss(local, local.user("bob"), "A typo")
    found = local.client.get("/api/notifications", token=ada.token).json()
    assert found["count"] == {"view": 1, "unread": 1, "all": 1}
    (one,) = found["notifications"]
    assert (one["read"], one["participating"], one["repo"]) == (False, True, {"name": "ada/model", "type": "model"})
    body = {"discussionIds": [one["discussion"]["id"]], "read": True}
    assert local.client.post("/api/notifications/mark-as-read", token=ada.token, json=body).status == 200
    assert local.client.get("/api/notifications?readStatus=unread", token=ada.token).json()["notifications"] == []
    assert local.client.request("DELETE", "/api/notifications?applyToAll=true", token=ada.token).status == 200
    assert local.client.get("/api/notifications", token=ada.token).json()["notifications"] == []
    assert local.client.get("/api/notifications").status == 401


def test_n1_the_api_lists_what_happened_to_the_account_and_hides_none_of_it(
    local: LocalHub, ada: User, browser: Visitor
) -> None:
    more = local.token(ada)
    build_work(local.config).dispatcher.step()
    found = local.client.get("/api/notifications", token=ada.token).json()
    assert (found["notifications"], found["count"]) == ([], {"view": 0, "unread": 0, "all": 0})
    (one,) = found["accountNotices"]
    assert (one["kind"], one["detail"], one["read"]) == ("token.create", "more", False)
    assert one["message"] == "An access token was made: more"
    assert one["url"].endswith("/settings/tokens")
    for query in ("?p=1", "?mention=mentions", "?repoName=ada/model"):
        assert local.client.get(f"/api/notifications{query}", token=ada.token).json()["accountNotices"] == []
    body = {"discussionIds": [one["id"]], "read": True}
    local.client.post("/api/notifications/mark-as-read", token=more, json=body)
    local.client.request("DELETE", "/api/notifications?applyToAll=true", token=more)
    kept = local.client.get("/api/notifications?readStatus=unread", token=ada.token).json()["accountNotices"]
    assert kept == found["accountNotices"]
    browser.send(browser.get("/notifications"), "/notifications", all="1", do="read")
    assert local.client.get("/api/notifications", token=ada.token).json()["accountNotices"][0]["read"] is True
    bob = local.user("bob")
    assert local.client.get("/api/notifications", token=bob.token).json()["accountNotices"] == []
