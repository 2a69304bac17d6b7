"""Importing from another live Pioche: as a hub and as a git server, with large files of every kind, over the API."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pioche import app
from tests.databases import SqliteTemplate
from tests.hub import Hub
from tests.local import LocalHub, sha256_of
from tests.sender import Sender

LARGE = b"\0large" * 50_000
CHUNKED = b"\0chunked" * 50_000


@pytest.fixture
def target(hub: Hub, sqlite_template: SqliteTemplate, tmp_path: Path) -> Iterator[LocalHub]:
    """A second hub, which may call the first."""
    config = sqlite_template.config(tmp_path / "data")
    target = LocalHub(replace(config, outbound_allowed=(f"localhost:{hub.port}",)))
    yield target
    target.close()


@pytest.fixture
def source(hub: Hub) -> Iterator[Sender]:
    """A private repo with a history, a tag, a large file of LFS and one of Xet."""
    name = hub.name("ada")
    with Sender(hub, hub.user(name), f"{name}/model") as sender:
        sender.create(private=True).raise_for_status()
        sender.lfs(LARGE).raise_for_status()
        sender.xet(CHUNKED).raise_for_status()
        sender.commit({"README.md": b"---\nlicense: mit\n---\n# Hi\n"}).raise_for_status()
        sender.http.post(f"/api/models/{sender.repo}/tag/main", json={"tag": "v1"}).raise_for_status()
        large = {"l.bin": (sha256_of(LARGE), len(LARGE)), "c.bin": (sha256_of(CHUNKED), len(CHUNKED))}
        sender.commit(large=large).raise_for_status()
        yield sender


def work(target: LocalHub) -> None:
    worker = app.build_importer(target.config, target.hub.database)
    while worker.step():
        continue


def test_a_repo_comes_from_a_hub_and_from_git(hub: Hub, source: Sender, target: LocalHub) -> None:
    eva = target.user("eva")
    there = {
        "by-hub": {"hub": hub.endpoint, "repo": source.repo, "token": source.account.token},
        "by-git": {"git": f"{hub.endpoint}/{source.repo}.git", "token": source.account.token, "private": True},
    }
    for name, asked in there.items():
        begun = target.client.post("/api/imports", token=eva.token, json={"name": name, **asked})
        assert (begun.status, begun.json()["state"]) == (202, "waiting"), begun.text
        assert source.account.token not in begun.text
    work(target)
    shown = target.client.get("/api/imports", token=eva.token).json()
    assert [(one["id"], one["state"], one["error"]) for one in shown] == [
        ("eva/by-git", "done", None),
        ("eva/by-hub", "done", None),
    ]
    assert [(one["filesDone"], one["bytesDone"]) for one in shown] == [(2, len(LARGE) + len(CHUNKED))] * 2
    for name, private in (("by-hub", False), ("by-git", True)):
        info = target.client.get(f"/api/models/eva/{name}", token=eva.token).json()
        assert (info["sha"], info["private"]) == (source.tip(), private)
        tree = target.client.get(f"/api/models/eva/{name}/tree/main", token=eva.token).json()
        theirs = source.http.get(f"/api/models/{source.repo}/tree/main").json()
        assert {(e["path"], e["oid"], e["size"]) for e in tree} == {(e["path"], e["oid"], e["size"]) for e in theirs}
        for path, data in (("l.bin", LARGE), ("c.bin", CHUNKED)):
            assert target.client.get(f"/eva/{name}/resolve/main/{path}", token=eva.token).body == data
        refs = target.client.get(f"/api/models/eva/{name}/refs", token=eva.token).json()
        assert [tag["name"] for tag in refs["tags"]] == ["v1"]
        commits = target.client.get(f"/api/models/eva/{name}/commits/main", token=eva.token).json()
        assert len(commits) == 3
    stranger = target.user("bob")
    for who in (stranger.token, None):  # where it came from is for those who write to it
        assert target.client.get("/api/models/eva/by-hub/import", token=who).status in (401, 403)
    assert target.client.get("/api/models/eva/by-hub/import", token=eva.token).json()["source"]["kind"] == "hub"


def test_what_is_refused_says_what_to_mend(hub: Hub, source: Sender, target: LocalHub) -> None:
    eva = target.user("eva")

    def post(**asked: object) -> tuple[int, str]:
        answer = target.client.post("/api/imports", token=eva.token, json=asked)
        return answer.status, answer.json().get("error", "")

    assert post()[0] == 400
    assert post(git="https://x.example/a", hub="https://y.example") == (
        400,
        'Say where it comes from: "hub" and "repo", or "git"',
    )
    assert post(git="file:///etc/passwd")[0] == 400
    assert post(git="http://127.0.0.1:1/a")[0] == 400
    assert post(git="https://me:word@x.example/a")[0] == 400
    assert post(hub=hub.endpoint, repo="a/b/c")[0] == 400
    assert post(git=f"{hub.endpoint}/a/b", token="with blank")[0] == 400
    assert post(hub=hub.endpoint, repo=source.repo, organization="nobody")[0] == 404
    assert post(hub=hub.endpoint, repo=source.repo, name="no-token")[0] == 202
    work(target)
    failed = target.client.get("/api/models/eva/no-token/import", token=eva.token).json()
    assert (failed["state"], "if it is private, give a token" in failed["error"]) == ("failed", True)
    again = target.client.post("/api/models/eva/no-token/import", token=eva.token, json={"token": source.account.token})
    assert (again.status, again.json()["state"]) == (200, "waiting")
    assert target.client.delete("/api/models/eva/no-token/import", token=eva.token).status == 200
    assert target.client.get("/api/models/eva/no-token", token=eva.token).status == 404
    work(target)
    assert post(hub=hub.endpoint, repo=source.repo, name="no-token")[0] == 202  # the name is free again
