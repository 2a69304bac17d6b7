"""The `hf` command of every version, as the README shows it, and the large uploader of the older ones."""

import json
import subprocess
from pathlib import Path
from typing import Any

from tests.clients import CURRENT, MIDDLE, OLDEST, Kind, environment, interpreter
from tests.clientside import Client
from tests.hub import Account, Hub


def hf(kind: Kind, hub: Hub, account: Account, folder: Path, *arguments: str) -> str:
    """Runs a command that has to work in `folder`; returns what it printed."""
    done = subprocess.run(
        [str(interpreter(kind.version).with_name("hf")), *arguments],
        cwd=folder,
        env=environment(hub, folder / "home", token=account.token),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, f"hf {' '.join(arguments)} ended with {done.returncode}:\n{done.stdout}"
    return done.stdout


def test_hf_uploads_and_downloads(version: Kind, hub: Hub, ada: Account, repo: str, tmp_path: Path) -> None:
    """The repo is created by the first upload."""
    source = tmp_path / "source"
    (source / "sub").mkdir(parents=True)
    (source / "notes.txt").write_bytes(b"notes\n")
    (source / "sub" / "weights.bin").write_bytes(bytes(range(256)) * 2000)
    assert ada.name in hf(version, hub, ada, tmp_path, "auth", "whoami")
    hf(version, hub, ada, tmp_path, "upload", repo, "source", ".", "--commit-message", "By command")
    hf(version, hub, ada, tmp_path, "upload", repo, "source/notes.txt", "more/notes.txt", "--create-pr")
    hf(version, hub, ada, tmp_path, "download", repo, "--local-dir", "target")
    for path in ("notes.txt", "sub/weights.bin"):
        assert (tmp_path / "target" / path).read_bytes() == (source / path).read_bytes()
    assert not (tmp_path / "target" / "more").exists()
    hf(
        version,
        hub,
        ada,
        tmp_path,
        "download",
        repo,
        "more/notes.txt",
        "--revision",
        "refs/pr/1",
        "--local-dir",
        "pull",
    )
    assert (tmp_path / "pull" / "more" / "notes.txt").read_bytes() == b"notes\n"


def test_hf_collections(hub: Hub, ada: Account, repo: str, tmp_path: Path) -> None:
    """Of the version that has the command."""

    def run(*arguments: str) -> str:
        return hf(Kind(CURRENT), hub, ada, tmp_path, *arguments)

    run("repos", "create", repo)
    made = run("collections", "create", hub.name("By command"), "--description", "What we use", "--format", "json")
    slug = str(json.loads(made)["slug"])
    run("collections", "add-item", slug, repo, "model", "--note", "First")
    told = json.loads(run("collections", "info", slug, "--format", "json"))
    assert [(item["item_id"], item["note"]) for item in told["items"]] == [(repo, "First")]
    run("collections", "update", slug, "--theme", "green", "--private")
    run("collections", "update-item", slug, told["items"][0]["item_object_id"], "--note", "Still first")
    assert slug in run("collections", "ls", "--owner", ada.name, "--format", "json")
    run("collections", "delete-item", slug, told["items"][0]["item_object_id"])
    run("collections", "delete", slug)


def upload_large(client: Client, repo: str) -> Any:
    """Many workers, many commits, progress kept in a folder: in version 2 upload_folder itself does so."""
    for number in range(60):
        client.write(f"folder/{number % 7}/{number}.txt", b"%d\n" % number)
    for number in range(3):
        client.write(f"folder/{number}.bin", client.noise(300_000, str(number)))
    client.api.upload_large_folder(
        repo_id=repo, folder_path=client.folder / "folder", repo_type="dataset", print_report=False
    )
    pulled = client.digests(client.api.snapshot_download(repo, repo_type="dataset"))
    return {name: pulled.get(name) == digest for name, digest in client.digests(client.folder / "folder").items()}


def test_the_large_uploader_of_older_versions(hub: Hub, ada: Account) -> None:
    for version in (OLDEST, MIDDLE):
        told = Kind(version).tell(upload_large, hub, ada.token, repo=f"{ada.name}/{hub.name('large')}")
        assert len(told) == 63
        assert all(told.values()), told
