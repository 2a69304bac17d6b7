"""Values that a database cannot take, by way of every request that hands one on: the same refusals on both engines."""

from collections.abc import Iterator

import pytest

from pioche.accounts.callers import Caller
from pioche.config import Config
from pioche.names import RepoId
from pioche.repos.access import Access, Action, Repo
from tests.inside import Inside, assert_refused, ndjson


@pytest.fixture
def inside(config: Config) -> Iterator[Inside]:
    with Inside(config) as inside:
        yield inside
        assert inside.log.getvalue() == ""


def test_nul_and_numbers_too_large_are_refused_or_match_nothing(inside: Inside) -> None:
    ada = inside.user("ada")
    token, repo = inside.token(ada), inside.repo(ada, "ada/words")
    inside.commit(repo, ada, {"a.txt": b"1"})
    base = "/api/models/ada/words"
    for query in (
        "author=%00",
        "search=%00",
        "filter=a%00b",
        "sort=%00",
        "cursor=WzE4NDQ2NzQ0MDczNzA5NTUxNjE2LDFd",
        "author=%F0%9F%98%80",
    ):
        answer = inside.client.get(f"/api/models?{query}")
        assert answer.status == 400 or answer.json() == [], query
    for address in ("/api/users/a%00/overview", "/api/models/a%00/b", f"{base}/tree/a%00", f"{base}/discussions/999999999999",
                    f"{base}/tree/main/a%00", f"{base}/tree/main?cursor=AA", f"{base}/tree/main?cursor=7aCA"):  # fmt: skip
        assert_refused(inside.client.get(address, token=token))
    for path, body in [
        ("/api/repos/create", {"name": "x", "organization": "a\x00"}),
        ("/api/repos/create", {"name": "a\x00"}),
        ("/api/repos/move", {"fromRepo": "ada/\x00", "toRepo": "ada/x", "type": "model"}),
        ("/api/repos/move", {"fromRepo": "ada/words", "toRepo": "a\x00/x", "type": "model"}),
        (f"{base}/branch/b", {"startingPoint": "\x00"}),
        (f"{base}/tag/main", {"tag": "\x00"}),
    ]:
        assert_refused(inside.client.post(path, token=token, json=body))
    assert_refused(inside.client.request("DELETE", "/api/repos/delete", token=token, json={"name": "a\x00"}))
    odd = {"paths": ["\x00", "a.txt", "\x00a.txt"]}
    assert [row["path"] for row in inside.client.post(f"{base}/paths-info/main", json=odd).json()] == ["a.txt"]
    told = inside.client.post(f"{base}/tag/main", token=token, json={"tag": "v1", "message": "a\x00b"})
    assert told.status in (200, 400)
    told = inside.client.post(f"{base}/discussions", token=token, json={"title": "a\x00b", "pullRequest": True})
    assert told.status in (200, 400)
    for revision in ("a\x00", "\x00"):
        line = ("copyFile", {"path": "b.txt", "srcPath": "a.txt", "srcRevision": revision})
        assert_refused(inside.client.post(f"{base}/commit/main", token=token, body=ndjson({"summary": "x"}, line)))


def test_a_commit_through_the_api_is_read_back(inside: Inside) -> None:
    ada = inside.user("ada")
    token = inside.token(ada)
    inside.repo(ada, "ada/words")
    body = ndjson({"summary": "one"}, ("file", {"path": "d/é.txt", "content": "eA==", "encoding": "base64"}))
    made = inside.client.post("/api/models/ada/words/commit/main", token=token, body=body).json()
    tree = inside.client.get("/api/models/ada/words/tree/main?recursive=true&expand=true").json()
    assert [row["path"] for row in tree] == [".gitattributes", "d", "d/é.txt"]
    assert tree[1]["lastCommit"]["id"] == made["commitOid"]
    info = inside.client.get("/api/models/ada/words?blobs=true").json()
    assert (info["sha"], [row["rfilename"] for row in info["siblings"]]) == (
        made["commitOid"],
        [".gitattributes", "d/é.txt"],
    )


@pytest.mark.parametrize(
    ("method", "address"),
    [
        ("GET", "/api/models/ada/old/xet-write-token/main"),
        ("POST", "/ada/old.git/info/lfs/objects/batch"),
        ("GET", "/ada/old.git/info/refs?service=git-receive-pack"),
        ("POST", "/api/models/ada/old/commit/main"),
    ],
)
def test_c6_a_repo_that_is_renamed_once_it_was_opened_is_still_that_repo(
    inside: Inside, monkeypatch: pytest.MonkeyPatch, method: str, address: str
) -> None:
    ada = inside.user("ada")
    token, repo = inside.token(ada), inside.repo(ada, "ada/old")
    original = Access.open

    async def moved_meanwhile(self: Access, caller: Caller, repo_id: RepoId, action: Action) -> Repo:
        opened = await original(self, caller, repo_id, action)
        monkeypatch.undo()
        inside.hub.catalog.move(ada, repo, "ada", "new")
        return opened

    monkeypatch.setattr(Access, "open", moved_meanwhile)
    content = ndjson({"summary": "x"}, ("file", {"path": "a.txt", "content": "x"}))
    if "lfs" in address:
        content = b'{"operation": "upload", "objects": []}'
    answer = inside.client.request(method, address, token=token, body=content if method == "POST" else b"")
    assert answer.status == 200
    assert inside.client.get("/api/models/ada/old").status == 307
