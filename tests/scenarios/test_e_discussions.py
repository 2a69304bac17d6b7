"""E-LEAK, E-MASS and E-STATE in discussions: nothing of a private one is told, no field and no foreign id changes another."""

import asyncio
from typing import Any

import pytest

from pioche.accounts.callers import Caller
from pioche.community import discussions, reading, standing
from pioche.http.sources import StreamSource
from pioche.protocols.rest import live
from pioche.repos.access import Action
from pioche.repos.catalog import Settings
from tests.inside import Inside, assert_refused


@pytest.fixture
def ada(inside: Inside) -> Caller:
    """Who has a public repo, a private one, and a discussion in each."""
    ada = inside.user("ada")
    inside.user("eve")
    for name, private in (("open", False), ("secret", True)):
        repo = inside.repo(ada, f"ada/{name}", private=private)
        discussions.open_(standing.of(inside.hub.access, repo, ada), f"About {name}", "First of all.")
    return ada


def eve(inside: Inside) -> str:
    return inside.hub.directory.tokens.create(inside.accounts["eve"])[0]


def first_comment(inside: Inside, ada: Caller, name: str) -> str:
    return reading.whole(inside.open(ada, f"ada/{name}", Action.READ), 1)[1][0].uid


ROUTES: list[tuple[str, str, Any]] = [
    ("GET", "", None),
    ("POST", "", {"title": "Mine", "description": "x"}),
    ("GET", "/1", None),
    ("DELETE", "/1", None),
    ("GET", "/1/events", None),
    ("GET", "/1/storage", None),
    ("POST", "/1/comment", {"comment": "x"}),
    ("POST", "/1/comment/{id}/edit", {"content": "x"}),
    ("POST", "/1/comment/{id}/hide", {}),
    ("POST", "/1/comment/{id}/reaction", {"reaction": "🔥"}),
    ("POST", "/1/status", {"status": "closed"}),
    ("POST", "/1/title", {"title": "Mine"}),
    ("POST", "/1/watch", {"watch": "subscribed"}),
]


def test_e_leak_a_private_discussion_and_none_look_the_same(inside: Inside, ada: Caller) -> None:
    token, uid = eve(inside), first_comment(inside, ada, "secret")
    for method, rest, body in ROUTES:
        told = list[tuple[int, Any, bytes]]()
        for name in ("secret", "absent"):
            path = f"/api/models/ada/{name}/discussions{rest}".replace("{id}", uid)
            answer = inside.client.request(method, path, token=token, json=body)
            told.append((answer.status, answer.headers.get("x-error-code"), answer.body))
        assert told[0] == told[1], (method, rest)
        assert told[0][:2] == (404, "RepoNotFound")


def test_e_mass_a_foreign_comment_cannot_be_named_from_here(inside: Inside, ada: Caller) -> None:
    """IDOR: the id of a comment in a private repo, named under a thread that one may read and even owns."""
    token = eve(inside)
    own = inside.repo(Caller(inside.accounts["eve"].id, "eve", may_write=True, is_admin=False), "eve/own")
    assert own.repo_id.namespace == "eve"
    base = "/api/models/eve/own/discussions"
    inside.client.post(base, token=token, json={"title": "Mine", "description": "x"})
    for name in ("secret", "open"):
        uid = first_comment(inside, ada, name)
        for verb, body in (("edit", {"content": "x"}), ("hide", {}), ("reaction", {"reaction": "🔥"})):
            answer = inside.client.post(f"{base}/1/comment/{uid}/{verb}", token=token, json=body)
            assert_refused(answer, statuses=(404,))
            assert b"First of all" not in answer.body
        event = reading.whole(inside.open(ada, f"ada/{name}", Action.READ), 1)[1][0]
        assert (event.text, event.is_hidden, event.reactions) == ("First of all.", False, ())


def test_e_mass_fields_of_ours_are_not_theirs_to_set(inside: Inside, ada: Caller) -> None:
    token = eve(inside)
    base = "/api/models/ada/open/discussions"
    more = {
        "author": "ada", "author_id": 1, "num": 999, "number": 999, "status": "merged", "pinned": True, "locked": True,
        "createdAt": "2001-01-01T00:00:00Z", "base_ref": "refs/heads/main", "id": "0" * 24, "isPullRequest": True,
    }  # fmt: skip
    number = inside.client.post(base, token=token, json={"title": "Mine", "description": "x", **more}).json()["num"]
    inside.client.post(f"{base}/{number}/comment", token=token, json={"comment": "y", "hidden": True, **more})
    inside.client.post(f"{base}/{number}/status", token=token, json={**more, "status": "closed"})
    found = inside.client.get(f"{base}/{number}").json()
    assert (number, found["author"]["name"], found["status"], found["isPullRequest"]) == (2, "eve", "closed", False)
    assert (found["pinned"], found["locked"], found["createdAt"] > "2002") == (False, False, True)
    assert [one["author"]["name"] for one in found["events"]] == ["eve"] * 3
    assert found["events"][1]["data"]["hidden"] is False


def test_e_state_a_suspended_user_says_nothing(inside: Inside, ada: Caller) -> None:
    token = eve(inside)
    inside.hub.directory.suspend(inside.accounts["eve"])
    answer = inside.client.post("/api/models/ada/open/discussions/1/comment", token=token, json={"comment": "x"})
    assert answer.status == 401


def test_e_state_a_stream_ends_with_the_right_to_it(
    inside: Inside, ada: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever follows a thread hears no more of it once the repo is private, though its version still goes up."""
    monkeypatch.setattr(live, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr("pioche.community.live.LOOK_SECONDS", 0.0)
    repo = inside.open(ada, "ada/open", Action.MANAGE)

    class Followed:
        hub, caller = inside.hub, Caller.nobody()

    Followed.repo = repo  # type: ignore[attr-defined]  # the follower asks for nothing else
    told = asyncio.run(_follow(inside, ada, Followed))
    assert told == [live._PING, b'event: version\ndata: {"version":1}\n\n']


async def _follow(inside: Inside, ada: Caller, request: Any) -> list[bytes]:
    source = StreamSource(live._events(request, 1, 0))
    told, by = list[bytes](), standing.of(inside.hub.access, request.repo, ada)
    async for piece in source.pieces():
        told.append(bytes(piece))
        if len(told) == 1:
            await asyncio.to_thread(discussions.rename, by, 1, "Another title")
        else:
            await asyncio.to_thread(inside.hub.catalog.change, ada, request.repo, Settings(private=True))
            await asyncio.to_thread(discussions.rename, by, 1, "A secret title")
    return told
