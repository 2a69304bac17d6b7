"""`Repository` of client 0.x: the client that works by git and git-lfs."""

from pathlib import Path
from typing import Any

import pytest

from tests.clients import OLDEST, Kind
from tests.clientside import Client
from tests.hub import Account, Hub


def work_in_a_clone(client: Client, repo: str) -> Any:
    """Clone, change, push; large files are tracked and travel by git-lfs; a second clone has the same bytes."""
    import warnings

    warnings.simplefilter("ignore", FutureWarning)  # it says that Repository is going
    from huggingface_hub import Repository

    api = client.api
    api.create_repo(repo, private=True)
    api.upload_file(repo_id=repo, path_or_fileobj=client.noise(100_000, "there"), path_in_repo="there.bin")
    clone = Repository("clone", clone_from=repo, token=True)
    found = {"there": client.sha256("clone/there.bin") == client.sha256(client.noise(100_000, "there"))}
    client.write("clone/README.md", b"---\nlicense: mit\n---\n")
    client.write("clone/sub/weights.bin", client.noise(200_000, "small"))
    client.write("clone/large.data", client.noise(11 * 2**20, "large"))
    url = clone.push_to_hub(commit_message="By git")
    other = Repository("other", clone_from=repo, token=True)
    found |= {
        "url": url,
        "same": client.digests("other/sub") == client.digests("clone/sub"),
        "large": client.sha256("other/large.data") == client.sha256(client.noise(11 * 2**20, "large")),
        "api": client.sha256(api.hf_hub_download(repo, "large.data")) == client.sha256("clone/large.data"),
        "files": api.list_repo_files(repo),
        "head": other.git_head_hash() == api.model_info(repo).sha,
        "title": api.list_repo_commits(repo)[0].title,
        "clean": clone.is_repo_clean(),
    }
    api.upload_file(repo_id=repo, path_or_fileobj=b"later\n", path_in_repo="later.txt")
    clone.git_pull()
    found["later"] = client.text("clone/later.txt")
    with clone.commit("In a context", branch="side"):
        client.write("clone/context.txt", b"context\n")
    found["side"] = api.file_exists(repo, "context.txt", revision="side")
    clone.add_tag("v1", message="One", remote="origin")
    found["tag"] = api.file_exists(repo, "later.txt", revision="v1")
    return found


def test_repository_clones_and_pushes(hub: Hub, ada: Account, repo: str, git_config: Path) -> None:
    told = Kind(OLDEST, settings={"GIT_CONFIG_GLOBAL": str(git_config)}).tell(
        work_in_a_clone, hub, ada.token, repo=repo
    )
    assert f"/{repo}/commit/" in told.pop("url")
    assert told == {
        "there": True,
        "same": True,
        "large": True,
        "api": True,
        "files": [".gitattributes", "README.md", "large.data", "sub/weights.bin", "there.bin"],
        "head": True,
        "title": "By git",
        "clean": True,
        "later": "later\n",
        "side": True,
        "tag": True,
    }


@pytest.fixture
def git_config(tmp_path: Path) -> Path:
    """Settings of git that a story may change: it runs `git lfs install` and stores a credential helper."""
    path = tmp_path / "gitconfig"
    path.write_text("[user]\n    name = Tester\n    email = tester@example.org\n[init]\n    defaultBranch = main\n")
    return path
