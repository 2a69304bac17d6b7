"""Large files by stock git and git-lfs: pushed, seen by every other reader, cloned back."""

import hashlib
from pathlib import Path

import httpx
import pytest

from tests.hub import Account, Hub
from tests.protocols.git import Remote, commit, create, git, must

WEIGHTS = hashlib.shake_128(b"weights").digest(12 * 2**20)


@pytest.fixture(scope="module")
def ada(hub: Hub) -> Account:
    return hub.user(hub.name("ada"))


@pytest.fixture
def remote(hub: Hub, ada: Account) -> Remote:
    return create(hub, ada)


@pytest.fixture
def work(remote: Remote, tmp_path: Path) -> Path:
    work = remote.clone(tmp_path / "work")
    must(work, "lfs", "install", "--local")
    return work


def test_a_large_file_goes_through_lfs(remote: Remote, work: Path, tmp_path: Path) -> None:
    tip = commit(work, {"model.safetensors": WEIGHTS, "empty.bin": b"", "README.md": b"# Model\n"})
    must(work, "push", "-q", "origin", "main")
    assert remote.tip == tip
    files = {entry["path"]: entry for entry in remote.get("/tree/main").json()}
    sha256 = hashlib.sha256(WEIGHTS).hexdigest()
    assert files["model.safetensors"]["lfs"]["oid"] == sha256
    assert files["model.safetensors"]["size"] == len(WEIGHTS)
    resolved = httpx.get(f"{remote.bare_url}/resolve/main/model.safetensors", follow_redirects=True, timeout=60)
    assert resolved.content == WEIGHTS
    again = remote.clone(tmp_path / "again")
    assert (again / "model.safetensors").read_bytes() == WEIGHTS
    assert (again / "empty.bin").read_bytes() == b""


def test_a_renamed_large_file_is_not_sent_again(remote: Remote, work: Path, tmp_path: Path) -> None:
    commit(work, {"model.bin": WEIGHTS})
    must(work, "push", "-q", "origin", "main")
    must(work, "mv", "model.bin", "renamed.bin")
    must(work, "commit", "-qm", "Rename")
    pushed = git(work, "push", "origin", "main")
    assert pushed.ok, pushed.text
    again = remote.clone(tmp_path / "again")
    assert (again / "renamed.bin").read_bytes() == WEIGHTS


def test_a_clone_without_the_large_files(remote: Remote, work: Path, tmp_path: Path) -> None:
    commit(work, {"model.bin": WEIGHTS})
    must(work, "push", "-q", "origin", "main")
    must(tmp_path, "clone", "-q", remote.url, "again", GIT_LFS_SKIP_SMUDGE="1")
    pointer = (tmp_path / "again" / "model.bin").read_bytes()
    assert pointer.startswith(b"version https://git-lfs.github.com/spec/v1\n")
    must(tmp_path / "again", "lfs", "pull")
    assert (tmp_path / "again" / "model.bin").read_bytes() == WEIGHTS
