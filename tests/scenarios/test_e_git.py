"""E-GIT: what a reader of a repo may not get out of it by git."""

from pathlib import Path

import pytest

from tests.hub import Account, Hub
from tests.protocols.git import ask, commit, create, git, must, want


@pytest.fixture(scope="module")
def ada(hub: Hub) -> Account:
    return hub.user(hub.name("ada"))


def test_e_git_1_a_deleted_branch_cannot_be_fetched_by_id(hub: Hub, ada: Account, tmp_path: Path) -> None:
    remote = create(hub, ada)
    work = remote.clone(tmp_path / "w")
    hidden = commit(work, {"secret.txt": b"secret"})
    blob = must(work, "rev-parse", "HEAD:secret.txt")
    must(work, "push", "-q", "origin", "main:hidden")
    must(tmp_path, "init", "-q", "eve")
    must(tmp_path / "eve", "fetch", "-q", remote.bare_url, hidden)
    must(work, "push", "-q", "origin", "--delete", "hidden")
    must(tmp_path, "init", "-q", "late")
    for version in ("0", "1", "2"):
        for oid in (hidden, blob):
            refused = git(tmp_path / "late", "-c", f"protocol.version={version}", "fetch", remote.bare_url, f"{oid}:x")
            assert not refused.ok
    assert b"not our ref" in ask(remote, want(hidden)).content
    assert b"not our ref" in ask(remote, want(blob)).content
    assert b"PACK" in ask(remote, want(remote.tip)).content


def test_e_git_3_one_repo_does_not_open_another(hub: Hub, ada: Account, tmp_path: Path) -> None:
    private, public = create(hub, ada, private=True), create(hub, ada)
    work = private.clone(tmp_path / "w")
    secret = commit(work, {"secret.txt": b"secret"})
    must(work, "push", "-q", "origin", "main")
    assert b"not our ref" in ask(public, want(secret)).content


def test_e_git_2_git_archive_of_a_remote_is_not_offered(hub: Hub, ada: Account, tmp_path: Path) -> None:
    remote = create(hub, ada)
    assert not git(tmp_path, "archive", f"--remote={remote.bare_url}", "HEAD").ok
