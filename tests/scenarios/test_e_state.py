"""E-STATE: a right that was taken away is gone at the next request, by API, files, git and LFS, and for signed tokens too."""

from collections.abc import Callable

import pytest

from pioche.accounts.callers import Caller
from pioche.accounts.members import Role
from pioche.repos.access import Action
from pioche.repos.catalog import Settings
from tests.inside import Inside, ndjson

READS = [
    "/api/models/lab/words",
    "/api/models/lab/words/tree/main",
    "/lab/words/resolve/main/a.txt",
    "/lab/words.git/info/refs?service=git-upload-pack",
    "/api/models/lab/words/xet-read-token/main",
]


@pytest.fixture
def ada(inside: Inside) -> Caller:
    """Administrator of `lab`, whose private repo `bob` may write to."""
    ada, bob = inside.user("ada"), inside.user("bob")
    inside.org("lab", {ada: "admin", bob: "write"})
    inside.commit(inside.repo(ada, "lab/words", private=True), ada, {"a.txt": b"1"})
    return ada


def statuses(inside: Inside, token: str) -> list[int]:
    commit = inside.client.post(
        "/api/models/lab/words/commit/main", token=token, body=ndjson({"summary": "x"}, ("file", {"path": "b.txt"}))
    )
    listed = inside.client.get("/api/models?author=lab", token=token)
    seen = len(listed.json()) if listed.status == 200 else listed.status
    return [*(inside.client.get(place, token=token).status for place in READS), commit.status, seen]


MAY_WRITE = [200, 200, 200, 200, 200, 200, 1]
MAY_READ = [200, 200, 200, 200, 200, 403, 1]
STRANGER = [404, 404, 404, 404, 404, 404, 0]
NO_TOKEN = [401, 401, 401, 401, 401, 401, 401]

CHANGES: list[tuple[str, Callable[[Inside, Caller], None], list[int]]] = [
    ("role lowered", lambda inside, ada: _members(inside, Role.READ), MAY_READ),
    ("no access", lambda inside, ada: _members(inside, Role.NO_ACCESS), STRANGER),
    ("removed", lambda inside, ada: _members(inside, None), STRANGER),
    ("suspended", lambda inside, ada: inside.hub.directory.suspend(inside.accounts["bob"]), NO_TOKEN),
    ("token revoked", lambda inside, ada: _revoke(inside), NO_TOKEN),
    ("moved away", lambda inside, ada: _move(inside, ada), STRANGER),
    ("deleted", lambda inside, ada: inside.hub.catalog.delete(ada, inside.open(ada, "lab/words")), STRANGER),
]


def _members(inside: Inside, role: Role | None) -> None:
    lab, bob = inside.hub.directory.get_org("lab"), inside.accounts["bob"]
    if role is None:
        inside.hub.directory.members.remove(lab, bob)
    else:
        inside.hub.directory.members.change(lab, bob, role)


def _revoke(inside: Inside) -> None:
    (token,) = inside.hub.directory.tokens.of(inside.accounts["bob"])
    inside.hub.directory.tokens.revoke(inside.accounts["bob"], str(token.id))


def _move(inside: Inside, ada: Caller) -> None:
    inside.hub.catalog.move(ada, inside.open(ada, "lab/words", Action.MANAGE), "ada", "words")


@pytest.mark.parametrize(("name", "change", "after"), CHANGES, ids=[name for name, _, _ in CHANGES])
def test_e_state_the_next_request_knows(
    inside: Inside, ada: Caller, name: str, change: Callable[[Inside, Caller], None], after: list[int]
) -> None:
    token = inside.hub.directory.tokens.create(inside.accounts["bob"])[0]
    xet = inside.client.get("/api/models/lab/words/xet-read-token/main", token=token).json()
    cas = xet["casUrl"].removeprefix("http://localhost:8000")
    reconstruction = f"{cas}/v1/reconstructions/{'0' * 64}"
    assert inside.client.get(reconstruction, token=xet["accessToken"]).status == 404
    assert statuses(inside, token) == MAY_WRITE
    change(inside, ada)
    assert statuses(inside, token) == after
    signed = inside.client.get(reconstruction, token=xet["accessToken"]).status
    assert signed == 404 if after == MAY_READ else signed in (401, 403, 404)


def test_e_state_a_gate_closes_at_once(inside: Inside, ada: Caller) -> None:
    eve = inside.token(inside.user("eve"))
    repo = inside.repo(ada, "lab/open")
    inside.commit(repo, ada, {"a.txt": b"1"})
    places = [
        "/lab/open/resolve/main/a.txt",
        "/lab/open.git/info/refs?service=git-upload-pack",
        "/api/models/lab/open/compare/main..main",
    ]
    assert [inside.client.get(place, token=eve).status for place in places] == [200, 200, 200]
    inside.hub.catalog.change(ada, repo, Settings(gated="auto"))
    assert [inside.client.get(place, token=eve).status for place in places] == [403, 403, 403]
    assert [inside.client.get(place).status for place in places] == [401, 401, 401]
    assert inside.client.get("/api/models/lab/open", token=eve).json()["gated"] == "auto"
