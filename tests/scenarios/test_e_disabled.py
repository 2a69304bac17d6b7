"""E-STATE of a disabled repo: every door says 403 with the reason, from the next request on, and no list shows it."""

import pytest

from pioche.accounts.callers import Caller
from pioche.moderation import disabling
from pioche.repos.access import Action
from tests.inside import Inside, ndjson

REASON = "Personal data of third parties."
SAYS = "Access to this resource is disabled."
DOORS = [
    "/api/models/lab/words",
    "/api/models/lab/words/revision/main",
    "/api/models/lab/words/tree/main",
    "/api/models/lab/words/commits/main",
    "/api/models/lab/words/discussions",
    "/api/models/lab/words/xet-read-token/main",
    "/lab/words/resolve/main/a.txt",
    "/lab/words/raw/main/a.txt",
    "/lab/words.git/info/refs?service=git-upload-pack",
    "/lab/words",
    "/lab/words/tree/main",
    "/lab/words/discussions",
]
LISTS = ["/api/models?author=lab", "/api/models?search=words", "/models", "/sitemap.xml", "/lab", "/lab?tab=activity"]
LFS = {"Accept": "application/vnd.git-lfs+json", "Content-Type": "application/vnd.git-lfs+json"}


@pytest.fixture
def ada(inside: Inside) -> Caller:
    """Writes to `lab/words`, which is public, and which `root` will disable."""
    ada = inside.user("ada")
    inside.org("lab", {ada: "write", inside.user("boss"): "admin"})
    repo = inside.repo(ada, "lab/words")
    inside.commit(repo, ada, {"a.txt": b"1", "big.bin": inside.upload(repo, ada, b"0" * 100)})
    return ada


def disable(inside: Inside) -> Caller:
    root = inside.user("chief", is_admin=True)
    disabling.disable(inside.open(root, "lab/words", Action.ADMINISTER), root, REASON)
    return root


def test_e_state_a_disabled_repo_is_refused_at_every_door(inside: Inside, ada: Caller) -> None:
    tokens = [None, inside.token(ada), inside.token(inside.user("eve"))]
    for place in DOORS:
        assert [inside.client.get(place, token=token).status for token in tokens] == [200, 200, 200], place
    root = disable(inside)
    for place in DOORS:
        for token in tokens:
            answer = inside.client.get(place, token=token)
            assert answer.status == 403, place
            assert REASON in answer.text, place
            if "/api/" in place or "/resolve/" in place:
                assert answer.headers["x-error-message"] == SAYS
    for place in DOORS:
        assert inside.client.get(place, token=inside.token(root)).status == 200, place
    disabling.enable(inside.open(root, "lab/words", Action.ADMINISTER), root)
    for place in DOORS:
        assert [inside.client.get(place, token=token).status for token in tokens] == [200, 200, 200], place


def test_g7_what_a_law_takes_out_of_use_is_451_at_every_door(inside: Inside, ada: Caller) -> None:
    root = inside.user("chief", is_admin=True)
    disabling.disable(inside.open(root, "lab/words", Action.ADMINISTER), root, REASON, is_legal=True)
    for place in DOORS:
        for token in (None, inside.token(ada)):
            answer = inside.client.get(place, token=token)
            assert answer.status == 451, place
            assert REASON in answer.text, place
            assert "[451]" not in answer.text, place
            if "/api/" in place or "/resolve/" in place:
                assert answer.headers["x-error-message"] == SAYS
    assert "withdrawn for legal reasons" in inside.client.get("/lab/words").text
    disabling.disable(inside.open(root, "lab/words", Action.ADMINISTER), root, REASON)
    assert inside.client.get("/lab/words").status == 403
    secret = inside.repo(ada, "lab/secret", private=True)
    disabling.disable(secret, root, REASON, is_legal=True)
    assert inside.client.get("/lab/secret", token=inside.token(inside.user("eve"))).status == 404


def test_e_state_nothing_is_written_to_a_disabled_repo(inside: Inside, ada: Caller) -> None:
    token = inside.token(ada)
    batch = {"operation": "download", "objects": [{"oid": "0" * 64, "size": 1}]}
    xet = inside.client.get("/api/models/lab/words/xet-read-token/main", token=token).json()
    reconstruction = f"{xet['casUrl'].removeprefix('http://localhost:8000')}/v1/reconstructions/{'0' * 64}"
    assert inside.client.get(reconstruction, token=xet["accessToken"]).status == 404
    disable(inside)
    post, put = inside.client.post, inside.client.request
    answers = [
        post("/api/models/lab/words/commit/main", token=token, body=ndjson({"summary": "x"})),
        post("/lab/words.git/info/lfs/objects/batch", token=token, json=batch, headers=LFS),
        put("PUT", "/api/models/lab/words/settings", token=token, json={"private": True}),
        post("/api/repos/move", token=token, json={"fromRepo": "lab/words", "toRepo": "ada/words", "type": "model"}),
        put("DELETE", "/api/repos/delete", token=token, json={"name": "lab/words", "type": "model"}),
        post("/api/models/lab/words/discussions", token=token, json={"title": "why", "description": "x"}),
        inside.client.get(reconstruction, token=xet["accessToken"]),
    ]
    assert [answer.status for answer in answers] == [403] * len(answers)
    assert all(REASON in answer.text for answer in answers)


def test_e_state_signed_addresses_of_a_disabled_repo_end(inside: Inside, ada: Caller) -> None:
    (sha,) = [
        entry["lfs"]["oid"]
        for entry in inside.client.get("/api/models/lab/words/tree/main").json()
        if entry["path"] == "big.bin"
    ]
    asked = {"operation": "download", "objects": [{"oid": sha, "size": 100}]}
    batch = inside.client.post("/lab/words.git/info/lfs/objects/batch", json=asked, headers=LFS).json()
    href = batch["objects"][0]["actions"]["download"]["href"].removeprefix("http://localhost:8000")
    assert inside.client.get(href).status == 200
    disable(inside)
    assert inside.client.get(href).status == 403


def test_e_state_no_list_shows_a_disabled_repo_but_to_its_people(inside: Inside, ada: Caller) -> None:
    eve, mine = inside.token(inside.user("eve")), inside.token(ada)
    for place in LISTS:
        assert "lab/words" in inside.client.get(place, token=eve).text, place
    disable(inside)
    for place in LISTS:
        for token in (eve, None):
            assert "lab/words" not in inside.client.get(place, token=token).text, place
    assert [one["id"] for one in inside.client.get("/api/models?author=lab", token=mine).json()] == ["lab/words"]


def test_e_leak_a_private_disabled_repo_is_absent(inside: Inside, ada: Caller) -> None:
    root, eve = inside.user("chief", is_admin=True), inside.token(inside.user("eve"))
    repo = inside.repo(ada, "lab/secret", private=True)
    disabling.disable(inside.open(root, "lab/secret", Action.ADMINISTER), root, REASON)
    assert inside.client.get("/api/models/lab/secret", token=inside.token(ada)).status == 403
    told = [inside.client.get(f"/api/models/lab/{name}", token=eve) for name in (repo.repo_id.name, "absent")]
    assert [(one.status, one.body) for one in told] == [(404, told[1].body)] * 2
