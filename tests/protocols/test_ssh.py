"""Git over SSH with OpenSSH's client: clone, fetch, push, large files (ui.md R4, T4)."""

import json
import os
import re
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from pioche.accounts.ssh_keys import Purpose
from tests.databases import Postgres
from tests.hub import Account
from tests.protocols.git import Remote, commit, create, declined, git, must, settled
from tests.ssh import SshHub


@pytest.fixture(scope="module")
def ssh_hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshHub]:
    with SshHub(tmp_path_factory.mktemp("ssh"), {"WORKERS": "2"}) as running:
        yield running


@pytest.fixture(scope="module")
def ada(ssh_hub: SshHub) -> Account:
    made = ssh_hub.user("ada")
    ssh_hub.give(made, ssh_hub.key("ada"))
    return made


@pytest.fixture(scope="module")
def eve(ssh_hub: SshHub) -> Account:
    made = ssh_hub.user("eve")
    ssh_hub.give(made, ssh_hub.key("eve"))
    return made


@pytest.fixture(scope="module")
def mine(ssh_hub: SshHub) -> dict[str, str]:
    """The environment in which git has ada's key."""
    return ssh_hub.environ(ssh_hub.key("ada"))


@pytest.fixture
def remote(ssh_hub: SshHub, ada: Account) -> Remote:
    return create(ssh_hub, ada, private=True)


def test_a_greeting_and_no_shell(ssh_hub: SshHub, ada: Account) -> None:
    key = ssh_hub.key("ada")
    greeted = ssh_hub.ssh(key)
    assert greeted.returncode == 0
    assert greeted.stdout.startswith(b"Hi ada, welcome to Pioche.")
    with_terminal = ssh_hub.ssh(key, flags=("-tt",))
    assert b"PTY allocation request failed" in with_terminal.stderr
    for words in (
        ["id"],
        ["sh", "-c", "id"],
        ["git-upload-archive 'ada/x'"],
        ["scp -t x"],
        ["git-shell"],
        ["git-upload-pack"],
    ):
        refused = ssh_hub.ssh(key, *words)
        assert (refused.returncode, refused.stdout) == (1, b"")
        assert b"no other command" in refused.stderr
    assert ssh_hub.ssh(key, "sftp", flags=("-s",)).returncode != 0


def test_nothing_is_forwarded(ssh_hub: SshHub, ada: Account) -> None:
    forwarded = ssh_hub.ssh(
        ssh_hub.key("ada"), flags=("-W", f"127.0.0.1:{ssh_hub.port}"), stdin=b"GET / HTTP/1.0\r\n\r\n"
    )
    assert forwarded.returncode != 0
    assert forwarded.stdout == b""


@pytest.mark.parametrize("version", ["2", "1", "0"])
def test_clone_fetch_and_push(
    ssh_hub: SshHub, remote: Remote, mine: dict[str, str], tmp_path: Path, version: str
) -> None:
    protocol = ("-c", f"protocol.version={version}")
    url = ssh_hub.url(remote.repo_id)
    must(tmp_path, *protocol, "clone", "-q", url, "work", **mine)
    work = tmp_path / "work"
    tip = commit(work, {"a.txt": b"hello", "dir/b.txt": b"more"})
    must(work, "tag", "-am", "Annotated", "v1")
    must(work, *protocol, "push", "-q", "origin", "main", "v1", "main:refs/heads/other", **mine)
    assert remote.tip == tip
    assert set(remote.refs()) == {"refs/heads/main", "refs/heads/other", "refs/tags/v1"}
    must(tmp_path, *protocol, "clone", "-q", "--depth=1", f"{url}.git", "shallow", **mine)
    assert (tmp_path / "shallow/dir/b.txt").read_bytes() == b"more"
    newer = commit(work, {"a.txt": b"newer"})
    must(work, *protocol, "push", "-q", "origin", "main", ":other", **mine)
    must(tmp_path / "shallow", *protocol, "pull", "-q", **mine)
    assert must(tmp_path / "shallow", "rev-parse", "HEAD") == newer == remote.tip
    assert must(tmp_path, *protocol, "ls-remote", url, "refs/heads/*", **mine).split()[1::2] == ["refs/heads/main"]
    settled(ssh_hub)


def test_a_clone_without_blobs_fetches_them_when_asked(
    ssh_hub: SshHub, remote: Remote, mine: dict[str, str], tmp_path: Path
) -> None:
    url = ssh_hub.url(remote.repo_id)
    must(tmp_path, "clone", "-q", url, "work", **mine)
    commit(tmp_path / "work", {"a.txt": b"hello"})
    must(tmp_path / "work", "push", "-q", "origin", "main", **mine)
    must(tmp_path, "clone", "-q", "--filter=blob:none", "--no-checkout", url, "partial", **mine)
    assert must(tmp_path / "partial", "show", "HEAD:a.txt", **mine) == "hello"


def test_datasets_and_moved_repos(ssh_hub: SshHub, ada: Account, mine: dict[str, str], tmp_path: Path) -> None:
    remote = create(ssh_hub, ada, type="dataset")
    must(tmp_path, "clone", "-q", ssh_hub.url(f"datasets/{remote.repo_id}"), "before", **mine)
    body = {"fromRepo": remote.repo_id, "toRepo": f"{remote.repo_id}-now", "type": "dataset"}
    httpx.post(f"{ssh_hub.endpoint}/api/repos/move", json=body, headers=ada.bearer, timeout=30).raise_for_status()
    fetched = git(tmp_path / "before", "fetch", "origin", **mine)
    assert fetched.ok
    assert f"{remote.repo_id}-now" in fetched.text


def test_large_files(ssh_hub: SshHub, remote: Remote, mine: dict[str, str], tmp_path: Path) -> None:
    """By git-lfs-authenticate: no token and no password is anywhere."""
    url, content = ssh_hub.url(remote.repo_id), os.urandom(3_000_000)
    must(tmp_path, "clone", "-q", url, "work", **mine)
    work = tmp_path / "work"
    must(work, "lfs", "track", "*.bin")
    commit(work, {"x.bin": content})
    must(work, "push", "-q", "origin", "main", **mine)
    must(tmp_path, "clone", "-q", url, "again", **mine)
    assert (tmp_path / "again/x.bin").read_bytes() == content


def test_on_postgresql(postgres: Postgres, tmp_path: Path) -> None:
    with (
        postgres.config(tmp_path / "data") as config,
        SshHub(tmp_path, {"DATABASE_URL": config.database_url}) as running,
    ):
        ada = running.user("ada")
        running.give(ada, running.key("ada"))
        environ = running.environ(running.key("ada"))
        remote, content = create(running, ada, private=True), os.urandom(100_000)
        must(tmp_path, "clone", "-q", running.url(remote.repo_id), "work", **environ)
        tip = commit(tmp_path / "work", {"a.txt": b"hello", "x.bin": content})
        must(tmp_path / "work", "push", "-q", "origin", "main", **environ)
        assert remote.tip == tip
        must(tmp_path, "clone", "-q", running.url(remote.repo_id), "again", **environ)
        assert (tmp_path / "again/x.bin").read_bytes() == content


def test_rules_for_content_hold(ssh_hub: SshHub, remote: Remote, mine: dict[str, str], tmp_path: Path) -> None:
    must(tmp_path, "clone", "-q", ssh_hub.url(remote.repo_id), "work", **mine)
    commit(tmp_path / "work", {"x.raw": bytes(range(256)) * 50_000})
    declined(git(tmp_path / "work", "push", "origin", "main", **mine), "x.raw")
    refused = git(tmp_path / "work", "push", "origin", ":main", **mine)
    assert "the default branch cannot be deleted" in refused.text
    settled(ssh_hub)


def test_lfs_credentials_are_for_one_repo_and_one_direction(
    ssh_hub: SshHub, ada: Account, eve: Account, remote: Remote
) -> None:
    """E-SSH-1: the right that is asked for is the operation's, and an unknown one is none."""
    other = create(ssh_hub, eve)
    key = ssh_hub.key("eve")
    assert b"not found" in ssh_hub.ssh(key, f"git-lfs-authenticate {remote.repo_id} download").stderr
    assert ssh_hub.ssh(ssh_hub.key("ada"), f"git-lfs-authenticate {other.repo_id} upload").returncode == 1
    for operation in ("verify", "Upload", "", "download upload"):
        unknown = ssh_hub.ssh(key, f"git-lfs-authenticate {other.repo_id} {operation}".rstrip())
        assert b"no other command" in unknown.stderr
    given = ssh_hub.ssh(ssh_hub.key("ada"), f"git-lfs-authenticate '{remote.repo_id}.git' download")
    answer = json.loads(given.stdout)
    assert answer["href"].startswith(f"http://127.0.0.1:{ssh_hub.port}/lfs/")
    headers = {
        **answer["header"],
        "Accept": "application/vnd.git-lfs+json",
        "Content-Type": "application/vnd.git-lfs+json",
    }
    wanted = {"operation": "download", "objects": [{"oid": "0" * 64, "size": 1}]}

    def ask(href: str, **more: str) -> int:
        return httpx.post(f"{href}/objects/batch", json={**wanted, **more}, headers=headers, timeout=30).status_code

    assert ask(answer["href"]) == 200
    assert ask(answer["href"], operation="upload") == 403
    theirs = json.loads(ssh_hub.ssh(key, f"git-lfs-authenticate {other.repo_id} download").stdout)
    assert ask(theirs["href"]) == 401
    assert httpx.get(f"{ssh_hub.endpoint}/api/whoami-v2", headers=answer["header"], timeout=30).status_code == 401
    headers["Authorization"] = ada.bearer["Authorization"]
    assert ask(answer["href"]) == 401


def test_t4_a_key_for_signing_opens_nothing_and_use_is_noted(ssh_hub: SshHub, eve: Account) -> None:
    signing = ssh_hub.key("signing")
    ssh_hub.give(eve, signing, Purpose.SIGNING)
    assert b"Permission denied" in ssh_hub.ssh(signing).stderr
    assert ssh_hub.ssh(ssh_hub.key("eve")).returncode == 0
    page, deadline = "", 200
    cookie = {"Cookie": ssh_hub.session("eve")}
    while "last used over SSH" not in page and deadline:
        page = httpx.get(f"{ssh_hub.endpoint}/settings/keys", headers=cookie, timeout=30).text
        deadline -= 1
        subprocess.run(["sleep", "0.1"], check=True)
    assert "last used over SSH" in page
    used = {key.title: key.last_used_at for key in ssh_hub.keys(eve)}
    assert used["signing"] is None
    assert used["eve"] is not None


def test_r4_the_clone_dialog_has_ssh(ssh_hub: SshHub, ada: Account) -> None:
    remote = create(ssh_hub, ada)
    page = httpx.get(remote.bare_url, timeout=30).text
    assert f"git clone ssh://git@localhost:{ssh_hub.ssh_port}/{remote.repo_id}" in re.sub("<[^>]+>", "", page)
    hint = "give the hub a public key of yours"
    assert hint in page
    assert hint not in httpx.get(remote.bare_url, headers={"Cookie": ssh_hub.session("ada")}, timeout=30).text


def test_the_port_is_taken(ssh_hub: SshHub, tmp_path: Path) -> None:
    with socket.create_connection(("127.0.0.1", ssh_hub.ssh_port), timeout=30) as connection:
        assert connection.recv(100).startswith(b"SSH-2.0-Pioche")
    other = SshHub(tmp_path, {"SSH_PORT": str(ssh_hub.ssh_port)})
    other.data_dir.mkdir(parents=True)
    refused = other.command("serve")
    assert refused.returncode != 0
    assert "ssh_port" in refused.stderr
