"""D-PATH: hostile names of files, revisions and repos, through every input of the API that takes one.

Each is refused with a sentence, or stored and served verbatim; the branch stays where it was, nothing outside the data
folder is read or written.
"""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from pioche.accounts.callers import Caller
from pioche.repos.access import Repo
from tests.asgi import Answer
from tests.core import main, paths, text
from tests.inside import Inside, assert_refused, ndjson
from tests.unit.test_names import HOSTILE, ODD_BUT_FINE

CANARY = b"the canary sings"

# What a URL can carry beside the names of HOSTILE: encodings, and what looks like an option or a range.
IN_ADDRESSES = [
    "../canary.txt", "../../canary.txt", "..%2f..%2fcanary.txt", "%2e%2e/%2e%2e/canary.txt", "..%252f..%252fcanary.txt",
    "%252e%252e%252fcanary.txt", "..\\..\\canary.txt", "..%5c..%5ccanary.txt", "/etc/passwd", "%2Fetc%2Fpasswd",
    "//etc/passwd", "C:%5Cwindows", "file:///etc/passwd", ".git/config", ".GIT/HEAD", "git~1/config", "a%00b", "a%0ab",
    "%c0%ae%c0%ae/canary.txt", "%ff", "%u002e%u002e/canary.txt", "....//....//canary.txt", "a;b", "~root/.profile",
    "a%23b", "--upload-pack=x", "%E2%80%AEx", "x" * 255, "y/" * 500, "canary.txt%00.md", ".git%20/config",
]  # fmt: skip
REVISIONS = [
    "HEAD:../../x", "HEAD:a.txt", "main:a.txt", "--upload-pack=x", "-x", "@{-1}", "@{u}", "HEAD@{1}", "main~1", "main^",
    "main..main", "refs/heads/../heads/main", "refs/../HEAD", "..", "../main", "../../canary.txt", "a b", "main\n", "x" * 4000,
    "\x7f", "refs/replace/x", "refs/convert/parquet", "0" * 40, "é", "main/", "/main", "heads/main", ":main", "main:", "*",
]  # fmt: skip


@pytest.fixture
def ada(inside: Inside) -> Caller:
    return inside.user("ada")


@pytest.fixture
def token(inside: Inside, ada: Caller) -> str:
    return inside.token(ada)


@pytest.fixture
def repo(inside: Inside, ada: Caller) -> Iterator[Repo]:
    """With a canary beside the data folder: no answer may hold it, and nothing else may appear there."""
    outside = inside.hub.config.data_dir.parent
    (outside / "canary.txt").write_bytes(CANARY)
    repo = inside.repo(ada, "ada/words")
    inside.commit(repo, ada, {"a.txt": b"1", "folder/b.txt": b"2"})
    yield repo
    assert sorted(path.name for path in outside.iterdir()) == ["canary.txt", "data"]
    assert (outside / "canary.txt").read_bytes() == CANARY


def operations(path: str, sha256: str) -> list[tuple[str, dict[str, object]]]:
    """Each way in which a commit can name a file."""
    return [
        ("file", {"path": path, "content": "eA==", "encoding": "base64"}),
        ("lfsFile", {"path": path, "oid": sha256, "size": 5}),
        ("copyFile", {"path": path, "srcPath": "a.txt"}),
        ("copyFile", {"path": "copy.txt", "srcPath": path}),
        ("deletedFile", {"path": path}),
    ]


def commit(inside: Inside, token: str, *lines: object) -> Answer:
    body = ndjson({"summary": "hostile"}, *lines)
    return inside.client.post("/api/models/ada/words/commit/main", token=token, body=body)


def test_d_path_hostile_paths_are_refused_in_every_operation(
    inside: Inside, ada: Caller, repo: Repo, token: str
) -> None:
    sha256, before = inside.upload(repo, ada, b"large"), main(repo).commit
    for path in HOSTILE:
        if path == "\ud800":
            continue  # no JSON can say it; see test_d_json.py
        for operation in [*operations(path, sha256), ("deletedFolder", {"path": path})]:
            if operation[0] == "deletedFolder" and path == "a/":
                continue  # the clients write folders so
            answer = commit(inside, token, operation)
            assert_refused(answer, statuses=(422,))
            assert "Invalid path" in answer.json()["error"]
    assert main(repo).commit == before
    assert paths(repo) == [".gitattributes", "a.txt", "folder", "folder/b.txt"]


def test_d_path_odd_names_are_stored_and_served_verbatim(inside: Inside, ada: Caller, repo: Repo, token: str) -> None:
    names = [name for name in ODD_BUT_FINE if name not in ("a", ".gitattributes")]
    lines = [operations(name, "")[0] for name in names if "/" not in name]
    answer = commit(inside, token, *lines)
    assert answer.status == 200, answer.body
    listed = inside.client.get("/api/models/ada/words/tree/main").json()
    assert {row["path"] for row in listed} == {
        *(name for name in names if "/" not in name),
        "folder",
        "a.txt",
        ".gitattributes",
    }
    for name in names:
        if "/" not in name:
            assert text(repo, name) == b"x"
            answer = inside.client.get(f"/ada/words/resolve/main/{quote(name, safe='')}")
            assert (answer.status, answer.body) == (200, b"x"), name
            assert "\n" not in answer.headers["content-disposition"]


def test_d_path_preupload_refuses_hostile_paths(inside: Inside, repo: Repo, token: str) -> None:
    for path in HOSTILE:
        if path != "\ud800":
            files = {"files": [{"path": path, "size": 1, "sample": "eA=="}]}
            answer = inside.client.post("/api/models/ada/words/preupload/main", token=token, json=files)
            assert_refused(answer, statuses=(422,))


def test_d_path_paths_that_nobody_stored_are_not_found(inside: Inside, repo: Repo, token: str) -> None:
    wanted = [*HOSTILE[:-1], *IN_ADDRESSES]
    answer = inside.client.post("/api/models/ada/words/paths-info/main", token=token, json={"paths": wanted})
    assert (answer.status, answer.json()) == (200, [])
    places = ["/ada/words/resolve/main/", "/ada/words/raw/main/", "/api/models/ada/words/tree/main/",
              "/api/models/ada/words/tree/{old}/", "/ada/words/resolve/{old}/", "/api/models/ada/words/treesize/main/"]  # fmt: skip
    for place in places:
        base = place.replace("{old}", repo.genesis.commit)
        for name in [*IN_ADDRESSES, *(quote(path, safe="") for path in HOSTILE[:-1] if path.strip("/"))]:
            answer = inside.client.get(base + name, token=token)
            assert answer.status in (400, 404), (base, name, answer.status)
            assert_refused(answer)
            assert CANARY not in answer.body
            assert b"root:" not in answer.body


def test_d_path_revisions_that_are_none(inside: Inside, repo: Repo, token: str) -> None:
    before = main(repo).commit
    for revision in REVISIONS:
        rev = quote(revision, safe="")
        for place in ("revision/{}", "tree/{}", "commits/{}", "treesize/{}/a.txt", "compare/{}..main", "compare/main..{}",
                      "xet-read-token/{}"):  # fmt: skip
            answer = inside.client.get(f"/api/models/ada/words/{place.format(rev)}", token=token)
            assert_refused(answer)
            assert answer.headers.get("x-error-code") == "RevisionNotFound" or answer.status == 400, (place, revision)
        for place in ("resolve", "raw"):
            assert_refused(inside.client.get(f"/ada/words/{place}/{rev}/a.txt", token=token))
        assert_refused(
            inside.client.post(f"/api/models/ada/words/commit/{rev}", token=token, body=ndjson({"summary": "x"}))
        )
        assert_refused(inside.client.post(f"/api/models/ada/words/tag/{rev}", token=token, json={"tag": "t"}))
        assert_refused(
            inside.client.post("/api/models/ada/words/branch/new", token=token, json={"startingPoint": revision})
        )
    assert main(repo).commit == before
    assert inside.client.get("/api/models/ada/words/refs?include_prs=1").json() == {
        "branches": [{"name": "main", "ref": "refs/heads/main", "targetCommit": before}],
        "converts": [],
        "tags": [],
        "pullRequests": [],
    }


def test_d_path_branches_and_tags_with_hostile_names(inside: Inside, repo: Repo, token: str) -> None:
    names = ["-x", "--upload-pack=x", "a..b", "../x", "a b", "a~1", "a^", "a:b", "a?", "a*", "a[", "a\\b", "a//b", ".a", "a/.b",
             "a.lock", "@", "a@{b", "HEAD", "refs/pr/1", "refs/heads/x", "refs/replace/x", "0" * 40, "a\x7f", "a\nb", "x" * 201,
             "a.", "/a", "a/"]  # fmt: skip
    for name in names:
        address = f"/api/models/ada/words/branch/{quote(name, safe='')}"
        for answer in (
            inside.client.post(address, token=token),
            inside.client.post("/api/models/ada/words/tag/main", token=token, json={"tag": name}),
            inside.client.delete(address, token=token),
        ):
            assert_refused(answer)
    assert len(inside.client.get("/api/models/ada/words/refs").json()["branches"]) == 1


def test_d_path_repos_with_hostile_names(inside: Inside, repo: Repo, token: str) -> None:
    names = ["..", "../x", "a/../b", "ada/..", "ada/.git", "ada/x.git", "ada/a/b", "/x", "ada/", "a\\b", "ada/a%2fb", "ada/é",
             "ada/a\x00", "ada/a\n", "", ".", "-x", "ada/" + "x" * 97, "ada//x", "datasets/x", "api/x"]  # fmt: skip
    for name in names:
        assert_refused(inside.client.post("/api/repos/create", token=token, json={"name": name}))
        body = {"fromRepo": "ada/words", "toRepo": name, "type": "model"}
        assert_refused(inside.client.post("/api/repos/move", token=token, json=body))
        assert_refused(inside.client.request("DELETE", "/api/repos/delete", token=token, json={"name": name}))
        for place in (f"/api/models/{quote(name, safe='')}", f"/{quote(name, safe='')}/resolve/main/a.txt"):
            assert_refused(inside.client.get(place, token=token))
    assert [row["id"] for row in inside.client.get("/api/models").json()] == ["ada/words"]


def test_d_path_nothing_is_left_of_refused_uploads(inside: Inside, repo: Repo, token: str) -> None:
    def stored() -> set[Path]:
        data = inside.hub.config.data_dir
        return {path for folder in ("git", "blobs", "xet", "incoming") for path in (data / folder).rglob("*")}

    before = stored()
    for path in HOSTILE[:20]:
        commit(inside, token, operations(path, "")[0])
    assert stored() == before
