"""Kernels: repos of compiled code, which the newer clients know as a type of its own. Git serves them as any other."""

import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.clients import CURRENT, MIDDLE, Kind
from tests.clientside import Client
from tests.hub import Account, Hub


def create(client: Client, repo: str) -> Any:
    api = client.api
    url = api.create_repo(repo, repo_type="kernel")
    return {
        "type": url.repo_type,
        "id": url.repo_id,
        "again": client.refusal(api.create_repo, repo, repo_type="kernel")["status"],
    }


def fill(client: Client, repo: str) -> Any:
    """The newest client commits to kernels too."""
    api = client.api
    add = client.hub.CommitOperationAdd
    operations = [add("benchmarks/benchmark.py", b"print(1)\n"), add("build/relu.so", client.noise(300_000, repo))]
    first = api.create_commit(repo, operations, commit_message="First", repo_type="kernel")
    api.create_branch(repo, branch="v1", repo_type="kernel")
    return first.commit_url


def read(client: Client, repo: str) -> Any:
    api = client.api
    info = api.kernel_info(repo)
    path = api.hf_hub_download(repo, "build/relu.so", repo_type="kernel", revision="v1")
    folder = api.snapshot_download(repo, repo_type="kernel", allow_patterns="benchmarks/*")
    return {
        "id": info.id,
        "author": info.author,
        "private": info.private,
        "files": api.list_repo_files(repo, repo_type="kernel"),
        "branches": sorted(ref.name for ref in api.list_repo_refs(repo, repo_type="kernel").branches),
        "tree": sorted(entry.path for entry in api.list_repo_tree(repo, repo_type="kernel")),
        "whole": client.sha256(path) == client.sha256(client.noise(300_000, repo)),
        "partly": client.text(f"{folder}/benchmarks/benchmark.py"),
        "no revision": client.refusal(api.list_repo_files, repo, repo_type="kernel", revision="v9")["classes"][0],
        "no file": client.refusal(api.hf_hub_download, repo, "x.md", repo_type="kernel")["classes"][0],
    }


def remove(client: Client, repo: str) -> Any:
    client.api.delete_repo(repo, repo_type="kernel")
    return client.refusal(client.api.kernel_info, repo)["classes"][0]


def test_a_kernel_from_its_creation_to_its_end(hub: Hub, ada: Account, repo: str, tmp_path: Path) -> None:
    old, new = Kind(MIDDLE), Kind(CURRENT)
    assert old.tell(create, hub, ada.token, repo=repo) == {"type": "kernel", "id": repo, "again": 409}
    url = new.tell(fill, hub, ada.token, repo=repo)
    assert url.startswith(f"{hub.endpoint}/kernels/{repo}/commit/")
    expected = {
        "id": repo,
        "author": ada.name,
        "private": False,
        "files": [".gitattributes", "benchmarks/benchmark.py", "build/relu.so"],
        "branches": ["main", "v1"],
        "tree": [".gitattributes", "benchmarks", "build"],
        "whole": True,
        "partly": "print(1)\n",
        "no revision": "RevisionNotFoundError",
        "no file": "RemoteEntryNotFoundError",
    }
    for kind in (old, new):
        assert kind.tell(read, hub, ada.token, repo=repo) == expected

    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", f"{hub.endpoint}/kernels/{repo}", clone], check=True, timeout=60)
    assert (clone / "benchmarks/benchmark.py").read_text() == "print(1)\n"
    page = httpx.get(f"{hub.endpoint}/kernels/{repo}")
    assert page.status_code == 200
    assert "get_kernel" in page.text
    assert new.tell(remove, hub, ada.token, repo=repo) == "RepositoryNotFoundError"


def test_lists_show_kernels_to_those_who_may_read_them(hub: Hub, ada: Account, eve: Account) -> None:
    as_ada = {"Authorization": f"Bearer {ada.token}"}
    word = hub.name("listed")
    for number, private in enumerate((False, True, False)):
        body = {"name": f"{word}-{number}", "type": "kernel", "private": private}
        httpx.post(f"{hub.endpoint}/api/repos/create", json=body, headers=as_ada).raise_for_status()

    def listed(headers: dict[str, str], **query: str | int) -> list[str]:
        answer = httpx.get(
            f"{hub.endpoint}/api/kernels", params={"search": word, **query}, headers=headers
        ).raise_for_status()
        found = [one["id"].rpartition("-")[2] for one in answer.json()]
        following = answer.links.get("next")
        if following is not None:
            rest = httpx.get(following["url"], headers=headers).raise_for_status()
            found += [one["id"].rpartition("-")[2] for one in rest.json()]
        return found

    assert listed(as_ada) == ["2", "1", "0"]
    assert listed(as_ada, limit=2, author=ada.name) == ["2", "1", "0"]
    for headers in ({}, {"Authorization": f"Bearer {eve.token}"}):
        assert listed(headers) == ["2", "0"]
        assert listed(headers, limit=1) == ["2", "0"]
    assert listed({}, author=eve.name) == []


@pytest.mark.parametrize("cursor", ["x", "-1", "9" * 30, "é"])
def test_a_cursor_that_is_none_is_refused(hub: Hub, cursor: str) -> None:
    assert httpx.get(f"{hub.endpoint}/api/kernels", params={"cursor": cursor}).status_code == 400
