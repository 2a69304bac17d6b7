"""Every door in by every door out: what was written by one is read by all, byte for byte.

In: the API's commit with the file in it, an LFS upload in one piece and in parts, Xet, git, git-lfs.
Out: resolve, raw, LFS, Xet, git, git-lfs. For a small text, a binary of 12 MB, an empty file and a renamed file.

Some pairs have a known other answer, which is tested as well: a large file may not stand in git itself; `raw` and git
without git-lfs give the pointer of a large file; LFS and Xet know nothing of files that stand in git.
"""

import base64
import hashlib
import json
import os
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.clients import CURRENT, Kind
from tests.clientside import Client
from tests.hub import Account, Hub
from tests.protocols.git import Remote, commit, create, git, must

PART_BYTES = 5_000_000
CONTENTS = ("text", "binary", "empty", "renamed")


def contents_of(door: str) -> dict[str, bytes]:
    """Of each door its own: what one brought in, the hub must not know by another."""
    return {
        "text": f"A small text by {door}.\n".encode(),
        "binary": random.Random(door).randbytes(12_000_000),
        "empty": b"",
        "renamed": f"This one moves, by {door}.\n".encode(),
    }


@dataclass
class Door:
    """What went in by one door: `paths` says where each content stands now, `refused` what the hub answered instead."""

    remote: Remote
    folder: Path
    contents: dict[str, bytes]
    paths: dict[str, str] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)


@pytest.fixture(scope="module")
def parts_hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """A hub whose parts are small, so that the binary goes in three."""
    with Hub(tmp_path_factory.mktemp("doors"), {"LFS_PART_BYTES": str(PART_BYTES)}) as running:
        yield running


@pytest.fixture(scope="module")
def owner(parts_hub: Hub) -> Account:
    return parts_hub.user("ada")


# --- doors in ------------------------------------------------------------------------------------------------------------


def by_api_file(door: Door) -> None:
    """The bytes in the commit itself."""
    for name, content in door.contents.items():
        path = f"{name}.txt"
        value = {"path": path, "content": base64.b64encode(content).decode(), "encoding": "base64"}
        answer = _commit(door, {"key": "file", "value": value})
        if answer.status_code == 200:
            door.paths[name] = path
        else:
            door.refused[name] = f"{answer.status_code} {answer.json()['error']}"
    _rename(door, "renamed.txt", "renamed/to.txt")


def by_lfs_single(door: Door) -> None:
    _by_lfs(door, ["basic"])


def by_lfs_multipart(door: Door) -> None:
    """Offered for all; the hub asks for parts where the file is larger than one."""
    _by_lfs(door, ["basic", "multipart"])


def by_xet(door: Door) -> None:
    """The stock client, which has no other way."""
    folder = door.folder / "source"
    for name, content in door.contents.items():
        path = folder / f"{name}.bin"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        door.paths[name] = path.name
    told = Kind(CURRENT).tell(
        _upload_folder, door.remote.hub, door.remote.account.token, repo=door.remote.repo_id, folder=str(folder)
    )
    assert told == {"binary.bin": True, "empty.bin": False, "renamed.bin": True, "text.bin": True}, "xet hashes"
    _rename(door, "renamed.bin", "renamed/to.bin")


def by_git(door: Door) -> None:
    """Without git-lfs: what is large is refused, the rest stands in git."""
    work = door.remote.clone(door.folder / "work")
    commit(work, {"binary.txt": door.contents["binary"]})
    refused = git(work, "push", "-q", "origin", "main")
    assert not refused.ok
    door.refused["binary"] = refused.text
    must(work, "reset", "-q", "--hard", "origin/main")
    for name, content in door.contents.items():
        if name != "binary":
            commit(work, {f"{name}.txt": content})
            door.paths[name] = f"{name}.txt"
    _push_renamed(door, work, "txt")


def by_git_lfs(door: Door) -> None:
    work = door.remote.clone(door.folder / "work")
    for name, content in door.contents.items():
        commit(work, {f"{name}.bin": content})
        door.paths[name] = f"{name}.bin"
    tracked = must(work, "lfs", "ls-files", "--name-only").splitlines()
    assert tracked == ["binary.bin", "renamed.bin", "text.bin"], "git-lfs leaves empty files alone"
    _push_renamed(door, work, "bin")


WRITERS: dict[str, Callable[[Door], None]] = {
    "api-file": by_api_file,
    "lfs-single": by_lfs_single,
    "lfs-multipart": by_lfs_multipart,
    "xet": by_xet,
    "git": by_git,
    "git-lfs": by_git_lfs,
}


def _commit(door: Door, *operations: dict[str, Any]) -> httpx.Response:
    lines = [{"key": "header", "value": {"summary": "A commit"}}, *operations]
    body = b"\n".join(json.dumps(line).encode() for line in lines)
    headers = {**door.remote.account.bearer, "Content-Type": "application/x-ndjson"}
    return httpx.post(f"{door.remote.api}/commit/main", content=body, headers=headers, timeout=60)


def _rename(door: Door, old: str, new: str) -> None:
    """As the client does it: a copy and a deletion in one commit."""
    copy = {"key": "copyFile", "value": {"path": new, "srcPath": old, "srcRevision": "main"}}
    answer = _commit(door, copy, {"key": "deletedFile", "value": {"path": old}})
    assert answer.status_code == 200, answer.text
    door.paths["renamed"] = new


def _push_renamed(door: Door, work: Path, ending: str) -> None:
    (work / "renamed").mkdir()
    must(work, "mv", f"renamed.{ending}", f"renamed/to.{ending}")
    must(work, "commit", "-qm", "Rename")
    must(work, "push", "-q", "origin", "main")
    door.paths["renamed"] = f"renamed/to.{ending}"


def _by_lfs(door: Door, transfers: list[str]) -> None:
    for name, content in door.contents.items():
        oid, path = hashlib.sha256(content).hexdigest(), f"{name}.bin"
        parts = _send(door, oid, content, transfers)
        assert parts == (3 if "multipart" in transfers and len(content) > PART_BYTES else 1)
        answer = _commit(
            door, {"key": "lfsFile", "value": {"path": path, "algo": "sha256", "oid": oid, "size": len(content)}}
        )
        assert answer.status_code == 200, answer.text
        door.paths[name] = path
    _rename(door, "renamed.bin", "renamed/to.bin")


def _send(door: Door, oid: str, content: bytes, transfers: list[str]) -> int:
    """Batch, PUT of each part, completion, verify; returns the number of parts. Signed addresses: no token but in verify."""
    item = _batch(door, "upload", oid, len(content), transfers)
    upload, verify = item["actions"]["upload"], item["actions"]["verify"]
    header = upload.get("header", {})
    places = [header[key] for key in sorted((k for k in header if k.isdigit()), key=int)]
    if not places:
        httpx.put(upload["href"], content=content, timeout=60).raise_for_status()
    else:
        size = int(header["chunk_size"])
        tags = []
        for number, place in enumerate(places):
            answer = httpx.put(place, content=content[number * size : (number + 1) * size], timeout=60)
            tags.append({"partNumber": number + 1, "etag": answer.raise_for_status().headers["etag"]})
        done = httpx.post(upload["href"], json={"oid": oid, "parts": tags}, timeout=60)
        done.raise_for_status()
    checked = httpx.post(
        verify["href"], json={"oid": oid, "size": len(content)}, headers=door.remote.account.bearer, timeout=60
    )
    checked.raise_for_status()
    return len(places) or 1


def _batch(door: Door, operation: str, oid: str, size: int, transfers: list[str]) -> dict[str, Any]:
    body = {
        "operation": operation,
        "transfers": transfers,
        "objects": [{"oid": oid, "size": size}],
        "hash_algo": "sha256",
    }
    answer = httpx.post(
        f"{door.remote.bare_url}.git/info/lfs/objects/batch", json=body, headers=door.remote.account.bearer, timeout=60
    )
    item: dict[str, Any] = answer.raise_for_status().json()["objects"][0]
    return item


def _upload_folder(client: Client, repo: str, folder: str) -> Any:
    client.api.upload_folder(repo_id=repo, folder_path=folder)
    files = client.api.list_repo_tree(repo)
    return {file.path: file.xet_hash is not None for file in files if file.path != ".gitattributes"}


# --- doors out -----------------------------------------------------------------------------------------------------------

Reader = Callable[[Door, str, bytes], bytes | None]
"""Gets the door, a path and the content it should find, which names it to LFS; None: not to be had by this door."""


def by_resolve(door: Door, path: str, _content: bytes) -> bytes | None:
    return _get(f"{door.remote.bare_url}/resolve/main/{path}")


def by_raw(door: Door, path: str, _content: bytes) -> bytes | None:
    return _get(f"{door.remote.bare_url}/raw/main/{path}")


def by_lfs(door: Door, _path: str, content: bytes) -> bytes | None:
    item = _batch(door, "download", hashlib.sha256(content).hexdigest(), len(content), ["basic"])
    if "error" in item:
        assert item["error"]["code"] == 404
        return None
    return _get(item["actions"]["download"]["href"])


def by_xet_client(door: Door, path: str, _content: bytes) -> bytes | None:
    """The stock client, which takes Xet where the hub offers it and plain HTTP elsewhere."""
    target = door.folder / "by-xet"
    if not target.exists():
        repo, token = door.remote.repo_id, door.remote.account.token
        Kind(CURRENT).tell(_snapshot, door.remote.hub, token, repo=repo, target=str(target))
    return (target / path).read_bytes()


def by_git_alone(door: Door, path: str, _content: bytes) -> bytes | None:
    """A git that has never heard of git-lfs."""
    return _cloned(door, "by-git", path, GIT_CONFIG_GLOBAL=os.devnull)


def by_git_and_lfs(door: Door, path: str, _content: bytes) -> bytes | None:
    return _cloned(door, "by-git-lfs", path)


READERS: dict[str, Reader] = {
    "resolve": by_resolve,
    "raw": by_raw,
    "lfs": by_lfs,
    "xet": by_xet_client,
    "git": by_git_alone,
    "git-lfs": by_git_and_lfs,
}


def _get(url: str) -> bytes:
    return httpx.get(url, timeout=60).raise_for_status().content


def _cloned(door: Door, name: str, path: str, **environ: str) -> bytes:
    target = door.folder / name
    if not target.exists():
        must(door.folder, "clone", "-q", door.remote.bare_url, str(target), **environ)
    return (target / path).read_bytes()


def _snapshot(client: Client, repo: str, target: str) -> Any:
    return client.api.snapshot_download(repo, local_dir=target)


# --- every pair ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=WRITERS)
def door(
    request: pytest.FixtureRequest, parts_hub: Hub, owner: Account, tmp_path_factory: pytest.TempPathFactory
) -> Door:
    made = Door(create(parts_hub, owner), tmp_path_factory.mktemp(request.param), contents_of(request.param))
    WRITERS[request.param](made)
    return made


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("name", CONTENTS)
def test_what_went_in_comes_out(door: Door, name: str, reader: str) -> None:
    content = door.contents[name]
    if name in door.refused:
        assert "10 MiB" in door.refused[name]
        return
    path = door.paths[name]
    found = READERS[reader](door, path, content)
    if reader in {"raw", "git"} and _is_large(door, path):
        assert found == _pointer(content)
    elif reader == "lfs" and not _is_large(door, path):
        assert found is None
    else:
        assert found == content


def test_a_renamed_file_is_gone_from_where_it_was(door: Door) -> None:
    old = Path(door.paths["renamed"]).suffix
    answer = httpx.head(f"{door.remote.bare_url}/resolve/main/renamed{old}", timeout=60)
    assert (answer.status_code, answer.headers["x-error-code"]) == (404, "EntryNotFound")


def test_content_that_came_by_xet_is_offered_by_xet(door: Door) -> None:
    """So the pairs above that say xet are Xet."""
    answer = httpx.head(f"{door.remote.bare_url}/resolve/main/{door.paths['text']}", timeout=60)
    by_the_client = (door.folder / "source").exists()
    assert ("x-xet-hash" in answer.headers) is by_the_client


def _is_large(door: Door, path: str) -> bool:
    """Whether git holds a pointer; every way of asking has to agree."""
    (row,) = httpx.post(f"{door.remote.api}/paths-info/main", data={"paths": path}, timeout=60).json()
    head = httpx.head(f"{door.remote.bare_url}/resolve/main/{path}", timeout=60)
    assert ("lfs" in row) == ("x-linked-etag" in head.headers)
    return "lfs" in row


def _pointer(content: bytes) -> bytes:
    """Git-lfs' own text (its `docs/spec.md`)."""
    oid = hashlib.sha256(content).hexdigest()
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {len(content)}\n".encode()
