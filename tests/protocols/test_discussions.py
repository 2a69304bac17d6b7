"""Discussions by the stock clients, in each of the versions that are in use, and what this hub adds to the Hub's API."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from pioche.accounts.callers import Caller
from pioche.protocols.rest import live
from pioche.repos import commits
from pioche.repos.access import Action
from pioche.repos.catalog import Settings
from pioche.repos.commits import AddFile, Plan
from tests.asgi import Answer
from tests.clients import OLDEST, VERSIONS, Kind
from tests.clientside import Client
from tests.databases import SqliteTemplate
from tests.hub import Account, Hub
from tests.inside import Inside, assert_refused


@pytest.fixture(params=VERSIONS)
def kind(request: pytest.FixtureRequest) -> Kind:
    return Kind(request.param, xet=request.param != OLDEST)


def discuss(client: Client, repo: str, stranger: str) -> Any:
    """Everything that a client can do to a discussion."""
    api = client.api
    theirs = client.hub.HfApi(endpoint=api.endpoint, token=stranger)
    api.create_repo(repo)
    opened = theirs.create_discussion(repo, "  A question ", description="How **so**?")
    number, first = opened.num, opened.events[0]
    said = api.comment_discussion(repo, number, "Like so")
    edited = api.edit_discussion_comment(repo, number, said.id, "Like *so*")
    hidden = api.hide_discussion_comment(repo, number, first.id)
    renamed = theirs.rename_discussion(repo, number, "Another question")
    closed = api.change_discussion_status(repo, number, "closed", comment="Done")
    seen = api.get_discussion_details(repo, number)
    return {
        "opened": [opened.title, opened.status, opened.author == theirs.whoami()["name"], opened.is_pull_request],
        "first": [first.content, "<strong>so</strong>" in first.rendered],
        "edited": [edited.edited, edited.content, "<em>so</em>" in edited.rendered, edited.number_of_edits],
        "history": [old["raw"] for old in edited.edit_history],
        "hidden": [hidden.hidden, "How" in hidden.content],
        "renamed": [renamed.old_title, renamed.new_title],
        "closed": closed.new_status,
        "seen": [seen.title, seen.status, seen.diff, seen.conflicting_files],
        "events": [event.type for event in seen.events],
        "not theirs": client.refusal(theirs.edit_discussion_comment, repo, number, said.id, "Mine")["status"],
        "listed": [row.num for row in api.get_repo_discussions(repo, discussion_status="closed")],
        "by others": [row.num for row in api.get_repo_discussions(repo, author="nobody-at-all")],
    }


def test_every_client_discusses(kind: Kind, hub: Hub, ada: Account, eve: Account) -> None:
    told = kind.tell(discuss, hub, ada.token, repo=f"{ada.name}/{hub.name('talk')}", stranger=eve.token)
    assert told == {
        "opened": ["A question", "open", True, False],
        "first": ["How **so**?", True],
        "edited": [True, "Like *so*", True, 1],
        "history": ["Like so"],
        "hidden": [True, False],
        "renamed": ["A question", "Another question"],
        "closed": "closed",
        "seen": ["Another question", "closed", None, None],
        "events": ["comment", "comment", "title-change", "comment", "status-change"],
        "not theirs": 403,
        "listed": [1],
        "by others": [],
    }


# --- without a socket -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def inside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inside]:
    template = SqliteTemplate(tmp_path_factory.mktemp("template"))
    config = template.config(tmp_path_factory.mktemp("hub"), public_url="http://localhost:8000")
    with Inside(config) as made:
        made.people = {name: made.user(name) for name in ("ada", "bob", "eve")}  # type: ignore[attr-defined]  # for the tests
        yield made


class Talk:
    """A repo of Ada's, and what Bob, a stranger, and she say about it."""

    def __init__(self, inside: Inside, name: str, *, private: bool = False) -> None:
        people: dict[str, Caller] = inside.people  # type: ignore[attr-defined]  # set by the fixture
        self.inside, self.ada = inside, people["ada"]
        self.repo = inside.repo(self.ada, f"ada/{name}", private=private)
        self.path = f"/api/models/ada/{name}/discussions"
        self.tokens = {name: inside.token(person) for name, person in people.items()}

    def call(self, who: str | None, method: str, rest: str = "", body: Any = None) -> Answer:
        token = self.tokens[who] if who else None
        return self.inside.client.request(method, self.path + rest, token=token, json=body)

    def opened(self, who: str = "bob", text: str = "How?") -> int:
        return int(self.call(who, "POST", body={"title": "A question", "description": text}).json()["num"])

    def proposed(self, files: dict[str, bytes]) -> int:
        plan = Plan("Better", "why", None, [AddFile(path, data) for path, data in files.items()])
        made = commits.propose(self.repo, self.ada, "main", plan)
        assert made.pull_request is not None
        return made.pull_request

    def seen(self, number: int, who: str | None = None, query: str = "") -> Any:
        answer = self.call(who, "GET", f"/{number}{query}")
        assert answer.status == 200, answer.body
        return answer.json()


def test_a_discussion_from_its_opening_to_its_end(inside: Inside) -> None:
    talk = Talk(inside, "whole")
    number = talk.opened()
    first = talk.seen(number)["events"][0]["id"]
    reacted = talk.call("ada", "POST", f"/{number}/comment/{first}/reaction", {"reaction": "🔥"}).json()
    assert reacted["updatedComment"]["data"]["reactions"] == [{"reaction": "🔥", "users": ["ada"], "count": 1}]
    assert talk.call("ada", "POST", f"/{number}/pin", {"pinned": True}).json() == {"pinned": True}
    assert talk.call("ada", "POST", f"/{number}/lock", {"locked": True}).json() == {"locked": True}
    assert_refused(talk.call("bob", "POST", f"/{number}/comment", {"comment": "but"}), statuses=(403,))
    assert talk.call("bob", "POST", f"/{number}/watch", {"watch": "muted"}).status == 200
    page = talk.call(None, "GET").json()
    (row,) = page["discussions"]
    assert (page["count"], page["start"], page["numClosedDiscussions"]) == (1, 0, 0)
    assert (row["pinned"], row["locked"], row["numComments"]) == (True, True, 0)
    assert row["topReactions"] == [{"reaction": "🔥", "count": 1}]
    assert_refused(talk.call("bob", "DELETE", f"/{number}"), statuses=(403,))
    assert talk.call("ada", "DELETE", f"/{number}").status == 200
    assert_refused(talk.call("ada", "GET", f"/{number}"), statuses=(404,))


def test_a_pull_request_is_merged_and_its_ref_deleted(inside: Inside) -> None:
    talk = Talk(inside, "merging")
    number = talk.proposed({"a.txt": b"1\n"})
    said = talk.call("bob", "POST", f"/{number}/comment", {"comment": "Why?", "place": {"path": "a.txt", "line": 1}})
    place = said.json()["newMessage"]["data"]["place"]
    assert (place["path"], place["line"], place["outdated"]) == ("a.txt", 1, False)
    commits.create(talk.repo, talk.ada, f"refs/pr/{number}", Plan("Two", "", None, [AddFile("a.txt", b"0\n2\n")]))
    seen = talk.seen(number, query="?diff=1")
    assert next(one["type"] for one in seen["events"]) == "comment"
    assert sorted(one["type"] for one in seen["events"]) == ["comment", "comment", "commit", "commit"]
    (about,) = [one["data"]["place"] for one in seen["events"] if "place" in one["data"]]
    assert (about["outdated"], about["currentLine"]) == (True, None)
    assert "+2" in seen["diff"]
    assert talk.call(None, "GET", f"/{number}/storage").json() == {"storage": 0}
    merged = talk.call("ada", "POST", f"/{number}/merge", {"comment": "Thanks", "squash": False}).json()
    assert talk.seen(number)["changes"] == {"base": "refs/heads/main", "mergeCommitId": merged["mergeCommitId"]}
    assert talk.call("ada", "DELETE", f"/{number}/ref").status == 200
    assert_refused(talk.call("ada", "DELETE", f"/{number}/ref"), statuses=(404,))
    assert "+2" in talk.seen(number, query="?diff=1")["diff"]


def test_comments_speak_of_people_and_discussions(inside: Inside) -> None:
    talk = Talk(inside, "mentions")
    number = talk.opened(text="@ada see #1, not #99, @nobody-here, `@bob`, eve@ada.org")
    html = talk.seen(number)["events"][0]["data"]["latest"]["html"]
    assert '<a href="/ada"' in html
    assert ">@ada</a>" in html
    assert f'href="/ada/mentions/discussions/{number}"' in html
    assert html.count("<a ") == 2, html


def test_only_who_may_read_a_private_repo_is_spoken_to(inside: Inside) -> None:
    talk = Talk(inside, "private-words", private=True)
    number = talk.opened("ada", "@ada and @bob")
    html = talk.seen(number, "ada")["events"][0]["data"]["latest"]["html"]
    assert 'href="/ada"' in html
    assert "/bob" not in html


def test_hostile_comments_are_harmless(inside: Inside) -> None:
    talk = Talk(inside, "hostile")
    text = "x <script>alert(1)</script><img src=x onerror=alert(1)> [x](javascript:void) <b id=csrf>@ada</b>"
    html = talk.seen(talk.opened(text=text))["events"][0]["data"]["latest"]["html"].lower()
    assert not any(bad in html for bad in ("<script", "onerror", 'href="java', " id=")), html


def test_a_thread_tells_its_version(inside: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "_LIFE_SECONDS", 0.1)
    monkeypatch.setattr(live, "LOOK_SECONDS", 0.02)
    monkeypatch.setattr("pioche.community.live.LOOK_SECONDS", 0.0)
    talk = Talk(inside, "live")
    number = talk.opened()

    def told(query: str = "") -> list[tuple[str, Any]]:
        text = talk.call(None, "GET", f"/{number}/events{query}").text
        parts = [part.split("\n") for part in text.split("\n\n") if part.startswith("event: ")]
        return [(name.removeprefix("event: "), json.loads(data.removeprefix("data: "))) for name, data in parts]

    assert told() == [("version", {"version": 0}), ("reconnect", {})]
    assert told("?version=0") == [("reconnect", {})]
    talk.call("bob", "POST", f"/{number}/comment", {"comment": "more"})
    assert told("?version=0") == [("version", {"version": 1}), ("reconnect", {})]
    assert_refused(talk.call(None, "GET", "/99/events"), statuses=(404,))


def test_following_a_thread_ends_with_the_process(inside: Inside) -> None:
    """The end waits for what is in flight, and a stream is."""
    talk = Talk(inside, "ending")
    number = talk.opened()
    inside.hub.ending.set()
    try:
        assert "reconnect" in talk.call(None, "GET", f"/{number}/events").text
    finally:
        inside.hub.ending.clear()


def test_a_gate_guards_the_diff_and_not_the_talk(inside: Inside) -> None:
    talk = Talk(inside, "gated")
    number = talk.proposed({"a.txt": b"secret\n"})
    inside.hub.catalog.change(talk.ada, inside.open(talk.ada, "ada/gated", Action.MANAGE), Settings(gated="auto"))
    assert talk.seen(number, "bob")["title"] == "Better"
    for who, status in ((None, 401), ("bob", 403)):
        assert talk.call(who, "GET", f"/{number}?diff=1").status == status
    assert talk.call("bob", "POST", f"/{number}/comment", {"comment": "please"}).status == 200
    place = {"comment": "x", "place": {"path": "a.txt", "line": 1}}
    assert talk.call("bob", "POST", f"/{number}/comment", place).status == 403
    assert talk.call("bob", "POST", body={"title": "Mine", "pullRequest": True}).status == 403
    assert talk.call("bob", "POST", body={"title": "A question", "description": "?"}).status == 200


def test_bad_input_is_refused(inside: Inside) -> None:
    talk = Talk(inside, "bad")
    talk.opened()
    for rest, body in (
        ("", {"title": "no", "description": "x"}),
        ("", {"title": "x" * 201, "description": "x"}),
        ("", {"title": "fine", "description": " "}),
        ("/1/comment", {"comment": " "}),
        ("/1/comment", {"comment": "x" * 70_000}),
        ("/1/status", {"status": "merged"}),
        ("/1/title", {"title": 3}),
        ("/1/watch", {"watch": "loudly"}),
        ("/x/comment", {"comment": "x"}),
    ):
        assert_refused(talk.call("ada", "POST", rest, body), statuses=(400,))
    for query in ("?status=odd", "?type=odd", "?sort=odd", "?p=x", "?limit=x"):
        assert_refused(talk.call(None, "GET", query), statuses=(400,))


def test_discussions_can_be_disabled(inside: Inside) -> None:
    talk = Talk(inside, "quiet")
    talk.opened()
    settings, token = talk.path.replace("discussions", "settings"), talk.tokens["ada"]
    assert inside.client.put(settings, token=token, json={"discussionsDisabled": True}).status == 200
    for method, rest, body in (
        ("GET", "", None),
        ("GET", "/1", None),
        ("GET", "/1/events", None),
        ("POST", "", {"title": "Another", "description": "x"}),
        ("POST", "/1/comment", {"comment": "x"}),
    ):
        answer = talk.call("ada", method, rest, body)
        assert (answer.status, "disabled" in answer.text) == (403, True), (method, rest)
    assert inside.client.put(settings, token=token, json={"discussionsDisabled": False}).status == 200
    assert talk.seen(1)["num"] == 1
