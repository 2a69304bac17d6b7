"""Files in and out with every version of the client, Xet on and off: the bytes that come out are those that went in."""

from typing import Any

import pytest

from tests.clients import Kind
from tests.clientside import Client
from tests.hub import Account, Hub

MEGABYTE = 10**6


# --- a folder in, and out again by every way that the client has -------------------------------------------------------


def publish_and_pull(client: Client, repo: str, repo_type: str, large: int, count: int) -> Any:
    api = client.api
    source = client.folder / "source"
    client.write("source/README.md", b"---\nlicense: mit\n---\n# A repo\n")
    client.write("source/model.safetensors", client.noise(large, repo))
    client.write("source/small.bin", client.noise(1000, "small"))
    client.write("source/empty.txt", b"")
    client.write("source/empty.bin", b"")
    client.write("source/a folder/caf\u00e9 \U0001f30d 100% #1+.txt", "h\u00e9\n".encode())
    for number in range(count):
        client.write(f"source/many/{number % 10}/{number}.txt", b"%d\n" % number)
    created = api.create_repo(repo, repo_type=repo_type, space_sdk="static" if repo_type == "space" else None)
    api.upload_folder(repo_id=repo, repo_type=repo_type, folder_path=source)
    one = client.write("source/one.txt", b"one\n")
    api.upload_file(
        repo_id=repo, repo_type=repo_type, path_or_fileobj=one, path_in_repo="one.txt", commit_message="One"
    )

    expected = client.digests(source)
    pulled = client.digests(api.snapshot_download(repo, repo_type=repo_type, local_dir=client.folder / "local"))
    cached = client.digests(api.snapshot_download(repo, repo_type=repo_type))
    singly = {
        name: client.sha256(api.hf_hub_download(repo, name, repo_type=repo_type, force_download=True))
        for name in expected
        if not name.startswith("many/")
    }
    weights = client.hub.get_hf_file_metadata(client.hub.hf_hub_url(repo, "model.safetensors", repo_type=repo_type))
    for found in (pulled, cached):
        assert len(found.pop(".gitattributes")) == 64
    return {
        "url": str(created),
        "differ": [sorted(dict(expected.items() ^ found.items())) for found in (pulled, cached) if found != expected],
        "singly": sorted(name for name, digest in singly.items() if digest != expected[name]),
        "listed": sorted({".gitattributes", *expected} ^ set(api.list_repo_files(repo, repo_type=repo_type))),
        "by xet": weights.xet_file_data is not None,
        "newest": api.list_repo_commits(repo, repo_type=repo_type)[0].title,
    }


PREFIXES = {"model": "", "dataset": "datasets/", "space": "spaces/"}


def published(kind: Kind, hub: Hub, ada: Account, repo: str, repo_type: str = "model", **sizes: int) -> None:
    told = kind.tell(publish_and_pull, hub, ada.token, timeout_s=1500, repo=repo, repo_type=repo_type, **sizes)
    url = f"{hub.endpoint}/{PREFIXES[repo_type]}{repo}"
    assert told == {"url": url, "differ": [], "singly": [], "listed": [], "by xet": kind.xet, "newest": "One"}


def test_a_folder_comes_back_as_it_was(kind: Kind, hub: Hub, ada: Account, repo: str) -> None:
    published(kind, hub, ada, repo, large=40 * MEGABYTE, count=20)


@pytest.mark.parametrize("repo_type", ["dataset", "space"])
def test_so_does_one_of_another_type(version: Kind, hub: Hub, ada: Account, repo: str, repo_type: str) -> None:
    published(version, hub, ada, repo, repo_type, large=MEGABYTE, count=5)


def test_so_do_hundreds_of_small_files(version: Kind, hub: Hub, ada: Account, repo: str) -> None:
    published(version, hub, ada, repo, large=MEGABYTE, count=300)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_so_does_a_large_file(kind: Kind, hub: Hub, ada: Account, repo: str) -> None:
    published(kind, hub, ada, repo, large=300 * MEGABYTE, count=5)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_so_do_thousands_of_small_files(kind: Kind, hub: Hub, ada: Account, repo: str) -> None:
    published(kind, hub, ada, repo, large=MEGABYTE, count=5000)


# --- changing what is there --------------------------------------------------------------------------------------------


def change(client: Client, repo: str) -> Any:
    api = client.api
    add, delete, copy = client.hub.CommitOperationAdd, client.hub.CommitOperationDelete, client.hub.CommitOperationCopy
    weights = client.noise(200_000, repo)
    api.create_repo(repo)
    first = api.create_commit(
        repo,
        [
            add("a/weights.bin", weights),
            add("a/notes.txt", b"notes\n"),
            add("b/deep/er/x.txt", b"x\n"),
            add("b/y.txt", b"y\n"),
            add("z.txt", b"z\n"),
        ],
        commit_message="All",
        commit_description="Why\n\nand how",
    )
    stages = [api.list_repo_files(repo)]
    api.create_commit(repo, [copy("a/weights.bin", "copies/weights.bin")], commit_message="Copy")
    api.create_commit(
        repo, [copy("a/notes.txt", "copies/old.txt", src_revision=first.oid)], commit_message="Copy of a revision"
    )
    stages.append(api.list_repo_files(repo))
    api.create_commit(repo, [copy("z.txt", "moved.txt"), delete("z.txt")], commit_message="Rename")
    api.delete_file("a/weights.bin", repo)
    api.delete_folder("b", repo)
    stages.append(api.list_repo_files(repo))
    api.upload_folder(
        repo_id=repo, folder_path=client.write("new/n.txt", b"n\n").parent, path_in_repo="a", delete_patterns="*.txt"
    )
    stages.append(api.list_repo_files(repo))
    unchanged = api.upload_file(repo_id=repo, path_or_fileobj=b"n\n", path_in_repo="a/n.txt")
    return {
        "stages": stages,
        "copy": client.sha256(api.hf_hub_download(repo, "copies/weights.bin")) == client.sha256(weights),
        "old": [api.file_exists(repo, "a/weights.bin"), api.file_exists(repo, "a/weights.bin", revision=first.oid)],
        "oldest": client.sha256(api.hf_hub_download(repo, "a/weights.bin", revision=first.oid))
        == client.sha256(weights),
        "no change, no commit": unchanged.oid == api.model_info(repo).sha,
        "gone": client.refusal(api.delete_file, "a/weights.bin", repo)["classes"][0],
        "titles": [commit.title for commit in api.list_repo_commits(repo)],
    }


def test_files_are_copied_renamed_replaced_and_deleted(kind: Kind, hub: Hub, ada: Account, repo: str) -> None:
    told = kind.tell(change, hub, ada.token, repo=repo)
    git = ".gitattributes"
    assert told.pop("stages") == [
        [git, "a/notes.txt", "a/weights.bin", "b/deep/er/x.txt", "b/y.txt", "z.txt"],
        [git, "a/notes.txt", "a/weights.bin", "b/deep/er/x.txt", "b/y.txt", *COPIES, "z.txt"],
        [git, "a/notes.txt", *COPIES, "moved.txt"],
        [git, "a/n.txt", *COPIES, "moved.txt"],
    ]
    assert told.pop("gone") in {"EntryNotFoundError", "RemoteEntryNotFoundError"}
    assert told.pop("titles")[-3:] == ["Copy", "All", "initial commit"]
    assert told == {"copy": True, "old": [False, True], "oldest": True, "no change, no commit": True}


COPIES = ["copies/old.txt", "copies/weights.bin"]


# --- a repo that moves -------------------------------------------------------------------------------------------------


def move(client: Client, repo: str) -> Any:
    api = client.api
    api.create_repo(repo, private=True)
    api.upload_file(repo_id=repo, path_or_fileobj=client.noise(100_000, repo), path_in_repo="w.bin")
    api.move_repo(repo, f"{repo}-moved")
    api.upload_file(repo_id=repo, path_or_fileobj=b"after\n", path_in_repo="after.txt")
    found = {
        "id": api.model_info(repo).id,
        "files": api.list_repo_files(f"{repo}-moved"),
        "same": client.sha256(api.hf_hub_download(repo, "w.bin")) == client.sha256(client.noise(100_000, repo)),
        "after": client.sha256(api.hf_hub_download(repo, "after.txt")) == client.sha256(b"after\n"),
    }
    api.delete_repo(f"{repo}-moved")
    found["exists"] = [api.repo_exists(repo), api.repo_exists(f"{repo}-moved")]
    return found


def test_a_moved_repo_answers_to_its_old_name(kind: Kind, hub: Hub, ada: Account, repo: str) -> None:
    told = kind.tell(move, hub, ada.token, repo=repo)
    assert told == {
        "id": f"{repo}-moved",
        "files": [".gitattributes", "after.txt", "w.bin"],
        "same": True,
        "after": True,
        "exists": [False, False],
    }
