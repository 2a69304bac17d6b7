"""The community pages where no browser is needed: limits, refusals, accounts and comments that are gone."""

import re
from urllib.parse import urlencode

import pytest

from pioche.community import comments
from pioche.errors import TooManyRequests
from tests.asgi import Answer
from tests.local import LocalHub, User

FORM = {"content-type": "application/x-www-form-urlencoded"}


@pytest.fixture
def ada(local: LocalHub) -> User:
    """Of `ada/talk`, in which there is one discussion."""
    made = local.user("ada")
    local.create_repo(made, "ada/talk")
    send(local, made, "", title="A question", description="Why?")
    return made


def send(local: LocalHub, who: User, path: str, /, **fields: str) -> Answer:
    body = urlencode({"sent": "1", **fields}).encode()
    return local.client.request("POST", f"/ada/talk/discussions{path}", token=who.token, body=body, headers=FORM)


def test_c8_too_many_requests_say_when_to_go_on_and_keep_the_text(
    local: LocalHub, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise TooManyRequests("Too many comments", seconds=7)

    monkeypatch.setattr(comments, "add", refuse)
    answer = send(local, ada, "/1/comment", text="kept <i>words</i>")
    assert answer.status == 429
    assert "Try again in 7 seconds; your text is kept." in answer.text
    assert "kept &lt;i&gt;words&lt;/i&gt;" in answer.text


def test_c3_what_cannot_be_done_is_refused_with_a_reason(local: LocalHub, ada: User) -> None:
    for path, fields, status in (
        ("/1/comment", {"text": "  "}, 400),
        ("/1/comment", {"text": "x", "path": "a", "line": "1", "side": "both"}, 400),
        ("/1/comment", {"text": "x", "path": "a", "line": "-1", "side": "new"}, 400),
        ("/1/title", {"title": ""}, 400),
        ("/1/status", {"status": "merged"}, 400),
        ("/1/watch", {"watch": "yes"}, 400),
        ("/1/pin", {"pinned": "maybe"}, 400),
        ("/1/delete", {}, 400),
        ("/99/comment", {"text": "x"}, 404),
        ("/x/comment", {"text": "x"}, 404),
        ("/1/comment/" + "0" * 24 + "/hide", {}, 404),
    ):
        answer = send(local, ada, path, **fields)
        assert answer.status == status, path
        assert 'role="alert"' in answer.text or status == 404, path


def test_c5_of_an_account_that_is_gone_nothing_is_told_but_that(local: LocalHub, ada: User) -> None:
    bob = local.user("bob")
    send(local, bob, "/1/comment", text="Of bob")
    with local.hub.database.write() as connection:
        connection.exec_driver_sql(f"UPDATE thread_events SET author_id = NULL WHERE author_id = {bob.id}")
    page = local.client.get("/ada/talk/discussions/1", token=ada.token).text
    assert "deleted account" in page
    assert "/bob" not in page


def test_c3_a_private_repo_and_its_threads_are_absent_to_others(local: LocalHub, ada: User) -> None:
    local.create_repo(ada, "ada/hidden", private=True)
    eve = local.user("eve")
    for path in ("", "/1", "/1/files", "/new", "/people", "/1/comment/" + "0" * 24):
        answers = [local.client.get(f"/ada/{name}/discussions{path}", token=eve.token) for name in ("hidden", "absent")]
        assert {answer.status for answer in answers} == {404}
        assert answers[0].headers["x-error-message"] == answers[1].headers["x-error-message"]


def test_c1_the_tab_counts_what_is_open(local: LocalHub, ada: User) -> None:
    send(local, ada, "", title="Another", description="Why?")
    send(local, ada, "/2/status", status="closed")
    page = local.client.get("/ada/talk").text
    assert 'Community <span class="count">1</span>' in page


def test_c3_a_hidden_comment_is_neither_quoted_nor_in_the_page(local: LocalHub, ada: User) -> None:
    uid = send(local, ada, "/1/comment", text="A secret slipped out").headers["location"].rpartition("#")[2]
    send(local, ada, f"/1/comment/{uid}/edit", text="A secret slipped out, edited")
    send(local, ada, f"/1/comment/{uid}/hide")
    for path in ("", f"?quote={uid}", f"/comment/{uid}"):
        assert "secret" not in local.client.get(f"/ada/talk/discussions/1{path}", token=ada.token).text


def test_c4_deleting_the_ref_of_a_closed_one_tells_what_it_frees(local: LocalHub, ada: User) -> None:
    send(local, ada, "", type="pull_request", title="Weights", description="")
    local.commit(ada, "ada/talk", large={"model.bin": b"weights " * 50_000}, revision="refs%2Fpr%2F2")
    send(local, ada, "/2/status", status="closed")
    page = local.client.get("/ada/talk/discussions/2", token=ada.token).text
    assert re.search(r"Deleting it frees about 400.kB", page), re.findall(r"Deleting it[^<]*", page)
    assert send(local, ada, "/2/ref").status == 303
    page = local.client.get("/ada/talk/discussions/2", token=ada.token).text
    assert "Deleting it" not in page
    assert "Delete the ref" not in page


@pytest.mark.parametrize(("squash", "titles"), [("1", {"Merged"}), ("0", {"Merged", "test"})])
def test_c4_a_merge_keeps_each_commit_or_makes_them_one(
    local: LocalHub, ada: User, squash: str, titles: set[str]
) -> None:
    send(local, ada, "", type="pull_request", title="A change", description="")
    local.commit(ada, "ada/talk", {"a.txt": b"1"}, revision="refs%2Fpr%2F2")
    send(local, ada, "/2/status", status="open")
    assert send(local, ada, "/2/merge", squash=squash, message="Merged").status == 303
    commits = local.client.get("/api/models/ada/talk/commits/main").json()
    assert {one["title"] for one in commits} == {"initial commit"} | titles
