"""Stock git-lfs against a live hub: push, clone, resume, and the multipart agent of `hf`."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from huggingface_hub import HfApi

from tests.hub import Account, Hub
from tests.local import sha256_of
from tests.protocols.git import Remote, commit, create, git, must

MIB = 2**20


@pytest.fixture(scope="module")
def small_parts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """A hub that takes files of more than 5 MiB in parts."""
    with Hub(tmp_path_factory.mktemp("parts"), {"LFS_PART_BYTES": str(5 * MIB)}) as hub:
        yield hub


@pytest.fixture
def remote(hub: Hub, ada: Account) -> Remote:
    return create(hub, ada)


def tracked(remote: Remote, folder: Path) -> Path:
    """A clone in which *.bin goes to LFS, as in every new repo of the hub."""
    work = remote.clone(folder)
    assert "*.bin filter=lfs" in (work / ".gitattributes").read_text()
    return work


def resolve(remote: Remote, path: str) -> httpx.Response:
    return httpx.get(f"{remote.bare_url}/resolve/main/{path}", headers=remote.account.bearer, timeout=60)


@pytest.mark.parametrize("type", ["model", "dataset", "space"])
def test_push_and_clone_back(hub: Hub, ada: Account, tmp_path: Path, type: str) -> None:
    remote = create(hub, ada, type=type, **({"sdk": "static"} if type == "space" else {}))
    work = tracked(remote, tmp_path / "w")
    files: dict[str, bytes | None] = {
        "model.bin": os.urandom(3 * MIB + 7),
        "dir/small.bin": b"small",
        "empty.bin": b"",
        "café 🌍.bin": os.urandom(1000),
    }
    commit(work, files)
    must(work, "push", "-q", "origin", "main")
    back = remote.clone(tmp_path / "back")
    for path, data in files.items():
        assert (back / path).read_bytes() == data
        assert resolve(remote, path).content == data
    must(back, "lfs", "fsck")


def test_a_private_repo(hub: Hub, ada: Account, tmp_path: Path) -> None:
    remote = create(hub, ada, private=True)
    data = os.urandom(MIB)
    work = tracked(remote, tmp_path / "w")
    commit(work, {"model.bin": data})
    must(work, "push", "-q", "origin", "main")
    assert (remote.clone(tmp_path / "back") / "model.bin").read_bytes() == data
    assert httpx.get(f"{remote.bare_url}/resolve/main/model.bin").status_code == 401


def test_what_came_by_the_api_is_pulled_by_lfs(hub: Hub, ada: Account, remote: Remote, tmp_path: Path) -> None:
    """Whatever the client uploaded with, git-lfs reads the same bytes."""
    data = os.urandom(2 * MIB)
    HfApi(endpoint=hub.endpoint, token=ada.token).upload_file(
        path_or_fileobj=data, path_in_repo="model.safetensors", repo_id=remote.repo_id
    )
    back = remote.clone(tmp_path / "back")
    assert (back / "model.safetensors").read_bytes() == data
    must(back, "lfs", "fsck")


def test_an_interrupted_download_resumes(remote: Remote, tmp_path: Path) -> None:
    data = os.urandom(4 * MIB)
    work = tracked(remote, tmp_path / "w")
    commit(work, {"model.bin": data})
    must(work, "push", "-q", "origin", "main")
    back = remote.clone(
        tmp_path / "back", "-c", "filter.lfs.smudge=", "-c", "filter.lfs.process=", "-c", "filter.lfs.required=false"
    )
    begun = back / ".git" / "lfs" / "incomplete" / f"{sha256_of(data)}.part"
    begun.parent.mkdir(parents=True)
    begun.write_bytes(data[: 3 * MIB])
    for key in ("smudge", "process", "required"):
        git(back, "config", "--unset", f"filter.lfs.{key}")
    done = git(back, "lfs", "pull", GIT_TRACE="1")
    assert done.ok, done.text
    assert "server accepted resume" in done.text.lower() or "attempting to resume" in done.text.lower(), done.text
    assert (back / "model.bin").read_bytes() == data


def test_a_push_without_the_objects_is_refused(remote: Remote, tmp_path: Path) -> None:
    work = tracked(remote, tmp_path / "w")
    commit(work, {"model.bin": b"never uploaded"})
    done = git(work, "push", "origin", "main", GIT_LFS_SKIP_PUSH="1")
    assert not done.ok
    assert remote.tip != must(work, "rev-parse", "HEAD")


def test_a_stranger_uploads_nothing(hub: Hub, remote: Remote, eve: Account, tmp_path: Path) -> None:
    foreign = Remote(hub, eve, remote.repo_id)
    work = tracked(foreign, tmp_path / "w")
    commit(work, {"model.bin": b"foreign"})
    done = git(work, "push", "origin", "main")
    assert not done.ok
    assert "You don't have the rights" in done.text


def test_large_files_in_parts_with_the_agent_of_hf(small_parts: Hub, tmp_path: Path) -> None:
    ada = small_parts.user(small_parts.name("ada"))
    remote = create(small_parts, ada)
    work = tracked(remote, tmp_path / "w")
    hf = Path(sys.executable).with_name("hf")
    must(work, "config", "lfs.customtransfer.multipart.path", str(hf))
    must(work, "config", "lfs.customtransfer.multipart.args", "lfs-multipart-upload")
    files: dict[str, bytes | None] = {
        "big.bin": os.urandom(12 * MIB + 3),
        "small.bin": b"small",
        "five.bin": os.urandom(5 * MIB),
    }
    commit(work, files)
    done = git(work, "push", "origin", "main", GIT_TRACE="1")
    assert done.ok, done.text
    assert 'starting transfer adapter "multipart"' in done.text
    back = remote.clone(tmp_path / "back")
    for path, data in files.items():
        assert (back / path).read_bytes() == data


def test_large_files_in_parts_with_huggingface_hub(small_parts: Hub, tmp_path: Path) -> None:
    ada = small_parts.user(small_parts.name("ada"))
    remote = create(small_parts, ada)
    data = os.urandom(11 * MIB)
    (tmp_path / "big.bin").write_bytes(data)
    hf = [str(Path(sys.executable).with_name("hf")), "upload", remote.repo_id, str(tmp_path / "big.bin"), "big.bin"]
    environ = {k: v for k, v in os.environ.items() if not k.startswith("HF_")}
    environ |= {"HF_ENDPOINT": small_parts.endpoint, "HF_TOKEN": ada.token, "HF_HUB_DISABLE_XET": "1"}
    environ |= {"HF_HOME": str(tmp_path / "home")}
    done = subprocess.run(hf, env=environ, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    answer = resolve(remote, "big.bin")
    assert answer.content == data
    assert answer.headers["etag"] == f'"{sha256_of(data)}"'
