"""Files in and out with every version of the client, Xet on and off: the bytes that come out are those that went in."""

from typing import Any

import pytest

from tests.clientside import Client
from tests.clients import Kind
from tests.hub import Account, Hub

MEGABYTE = 10**6


def publish_and_pull(client: Client, repo: str, repo_type: str, large: int, count: int) -> Any:
    """A folder of text, binary, empty and oddly named files goes in; it comes back by download and by snapshot."""
    api = client.api
    source = client.folder / "source"
    client.write("source/README.md", b"---\nlicense: mit\n---\n# A repo\n")
    client.write("source/model.safetensors", client.noise(large, repo))
    client.write("source/small.bin", client.noise(1000, "small"))
    client.write("source/empty.txt", b"")
    client.write("source/empty.bin", b"")
    client.write("source/a folder/caf\u00e9 \U0001f30d 100% #1?.txt", "h\u00e9\n".encode())
    for number in range(count):
        client.write(f"source/many/{number % 10}/{number}.txt", b"%d\n" % number)
    created = api.create_repo(repo, repo_type=repo_type)
    api.upload_folder(repo_id=repo, repo_type=repo_type, folder_path=source)
    api.upload_file(
        repo_id=repo, repo_type=repo_type, path_or_fileobj=b"one\n", path_in_repo="one.txt", commit_message="One"
    )
    client.write("source/one.txt", b"one\n")

    expected = client.digests(source)
    pulled = client.digests(api.snapshot_download(repo, repo_type=repo_type, local_dir=client.folder / "local"))
    cached = client.digests(api.snapshot_download(repo, repo_type=repo_type))
    singly = {
        name: client.sha256(api.hf_hub_download(repo, name, repo_type=repo_type, force_download=True))
        for name in expected
        if not name.startswith("many/")
    }
    for found in (pulled, cached):
        found.pop(".gitattributes")
    return {
        "url": str(created),
        "pulled": pulled == expected or {"expected": expected, "pulled": pulled},
        "cached": cached == expected or {"expected": expected, "cached": cached},
        "singly": singly == {name: expected[name] for name in singly} or singly,
        "missing": sorted({".gitattributes", *expected} ^ set(api.list_repo_files(repo, repo_type=repo_type))),
        "commits": [commit.title for commit in api.list_repo_commits(repo, repo_type=repo_type)],
    }


@pytest.mark.parametrize("repo_type", ["model", "dataset", "space"])
def test_a_folder_comes_back_as_it_was(kind: Kind, hub: Hub, ada: Account, repo: str, repo_type: str) -> None:
    if repo_type == "space":
        pytest.skip("spaces are made with an sdk: test_a_space_holds_files")
    told = kind.tell(
        publish_and_pull, hub, ada.token, repo=repo, repo_type=repo_type, large=12 * MEGABYTE, count=300
    )
    prefix = {"model": "", "dataset": "datasets/"}[repo_type]
    assert told.pop("url") == f"{hub.endpoint}/{prefix}{repo}"
    assert told.pop("commits")[0] == "One"
    assert told == {"pulled": True, "cached": True, "singly": True, "missing": []}
