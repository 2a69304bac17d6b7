"""Stories of git over SSH: who must not come in, what must not be run, what must not be lost (reliability.md E-SSH)."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from pioche.accounts.approvals import Policy
from pioche.accounts.ssh_keys import SshKey
from tests.hub import Account
from tests.protocols.git import Remote, commit, create, git, must, settled
from tests.ssh import SshHub

HALF_OPEN = 100


@pytest.fixture(scope="module")
def ssh_hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshHub]:
    with SshHub(tmp_path_factory.mktemp("ssh")) as running:
        yield running


@pytest.fixture
def ada(ssh_hub: SshHub) -> Account:
    return ssh_hub.user(ssh_hub.name("ada"))


@pytest.fixture
def key(ssh_hub: SshHub, ada: Account) -> Path:
    return ssh_hub.key(ada.name)


@pytest.fixture
def given(ssh_hub: SshHub, ada: Account, key: Path) -> SshKey:
    return ssh_hub.give(ada, key)


@pytest.fixture
def secret(ssh_hub: SshHub, ada: Account) -> Remote:
    return create(ssh_hub, ada, private=True)


def test_a_strangers_key_and_other_users_are_kept_out(ssh_hub: SshHub, key: Path, given: SshKey) -> None:
    refused = ssh_hub.ssh(ssh_hub.key("strange"))
    assert b"Permission denied (publickey)" in refused.stderr
    for user in ("root", "ada", "hf"):
        assert b"Permission denied (publickey)" in ssh_hub.ssh(key, user=user).stderr


def test_a_suspended_user_is_kept_out(ssh_hub: SshHub, ada: Account, key: Path, given: SshKey) -> None:
    assert ssh_hub.ssh(key).returncode == 0
    with ssh_hub.directory() as directory:
        directory.suspend(directory.get_user(ada.name))
    assert b"Permission denied" in ssh_hub.ssh(key).stderr


def test_a_removed_key_ends_at_the_next_connection(
    ssh_hub: SshHub, ada: Account, key: Path, given: SshKey, secret: Remote, tmp_path: Path
) -> None:
    """And at the next command of a connection that is kept open."""
    shared = (
        "-o", "ControlMaster=auto", "-o", f"ControlPath={tmp_path}/control", "-o", "ControlPersist=60",
    )  # fmt: skip
    command = f"git-lfs-authenticate {secret.repo_id} upload"
    assert ssh_hub.ssh(key, command, flags=shared).returncode == 0
    ssh_hub.take(ada, given)
    kept = ssh_hub.ssh(key, command, flags=shared)
    ssh_hub.ssh(key, flags=(*shared, "-O", "exit"))
    assert (kept.returncode, kept.stdout) == (1, b"")
    assert b"Permission denied" in ssh_hub.ssh(key).stderr


def test_a_private_repo_looks_absent(ssh_hub: SshHub, secret: Remote) -> None:
    eve = ssh_hub.user(ssh_hub.name("eve"))
    key = ssh_hub.key(eve.name)
    ssh_hub.give(eve, key)
    for verb in ("git-upload-pack '{}'", "git-receive-pack '{}'", "git-lfs-authenticate {} upload"):
        there = ssh_hub.ssh(key, verb.format(secret.repo_id))
        absent = ssh_hub.ssh(key, verb.format(f"{secret.account.name}/absent"))
        assert (there.returncode, there.stdout, there.stderr) == (absent.returncode, absent.stdout, absent.stderr)
        assert there.returncode == 1


def test_what_an_organisation_asks_for_holds(ssh_hub: SshHub, ada: Account, key: Path, given: SshKey) -> None:
    """A second factor, networks, tokens that say what they are for: as by every other door."""
    org = ssh_hub.org(ssh_hub.name("lab"), {ada.name: "admin"})
    body = {"name": "secret", "organization": org, "private": True}
    made = httpx.post(f"{ssh_hub.endpoint}/api/repos/create", json=body, headers=ada.bearer, timeout=30)
    made.raise_for_status()
    command = f"git-lfs-authenticate {org}/secret upload"
    assert ssh_hub.ssh(key, command).returncode == 0
    for demand, words in (("--networks=192.0.2.0/24", b"its own networks"), ("--second-factor", b"second factor")):
        ssh_hub.cli("org", "security", org, demand)
        refused = ssh_hub.ssh(key, command)
        assert (refused.returncode, refused.stdout) == (1, b"")
        assert words in refused.stderr
        ssh_hub.cli("org", "security", org, "--networks=127.0.0.0/8", "--no-second-factor")
        assert ssh_hub.ssh(key, command).returncode == 0
    with ssh_hub.directory() as directory:
        policy = Policy(wants_fine_grained=True, approves=False)
        directory.approvals.set_policy(directory.get_org(org), policy, actor_id=None)
    assert b"accepts fine-grained tokens only, and an SSH key is none" in ssh_hub.ssh(key, command).stderr


def test_nothing_in_a_path_is_run_or_taken_for_an_option(
    ssh_hub: SshHub, key: Path, given: SshKey, secret: Remote, tmp_path: Path
) -> None:
    mark = tmp_path / "mark"
    for path in (
        f"'; touch {mark}; '",
        f"'$(touch {mark})'",
        f"'`touch {mark}`'",
        f"'x' ; touch {mark}",
        f"'--upload-pack=touch {mark}'",
        "'--strict'",
        "-x",
        "'../../etc'",
        "'/etc/passwd'",
        f"'{ssh_hub.data_dir}'",
        "'a/b/../c'",
        "'a'\\''b'",
        f"'{secret.repo_id}\n'",
        f"'{secret.repo_id}' --help",
        "'\N{FULLWIDTH SOLIDUS}x'",
        "''",
        "'" + "a" * 4000 + "'",
    ):
        for verb in ("git-upload-pack", "git-receive-pack", "git upload-pack"):
            refused = ssh_hub.ssh(key, f"{verb} {path}")
            assert (refused.returncode, refused.stdout) == (1, b""), path
            assert refused.stderr.startswith(b"ERROR: "), path
    assert not mark.exists()
    assert "request failed" not in ssh_hub.output()


def test_a_push_that_is_killed_loses_nothing_acknowledged(
    ssh_hub: SshHub, key: Path, given: SshKey, secret: Remote, tmp_path: Path
) -> None:
    environ = ssh_hub.environ(key)
    must(tmp_path, "clone", "-q", ssh_hub.url(secret.repo_id), "work", **environ)
    work = tmp_path / "work"
    acknowledged = commit(work, {"a.txt": b"1"})
    must(work, "push", "-q", "origin", "main", **environ)
    for number in range(40):
        commit(work, {f"{number}.txt": os.urandom(200_000).hex().encode()})
    for seconds in (0.05, 0.3, 0.8):
        pushing = subprocess.Popen(
            ["git", "push", "-q", "origin", "main"],
            cwd=work, env={**os.environ, **environ}, start_new_session=True, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        time.sleep(seconds)
        os.killpg(pushing.pid, signal.SIGKILL)
        pushing.wait()
    settled(ssh_hub)
    assert secret.tip in (acknowledged, must(work, "rev-parse", "HEAD"))
    must(work, "push", "-q", "origin", "main", **environ)
    assert secret.tip == must(work, "rev-parse", "HEAD")
    must(tmp_path, "clone", "-q", ssh_hub.url(secret.repo_id), "again", **environ)
    must(tmp_path / "again", "fsck", "--full", "--strict")
    assert ssh_hub.cli("fsck") is not None


def test_a_client_that_leaves_ends_its_git(
    ssh_hub: SshHub, key: Path, given: SshKey, secret: Remote, tmp_path: Path
) -> None:
    """One that has asked for version 0, and then says nothing."""
    place = ["-T", "-p", str(ssh_hub.ssh_port), "git@127.0.0.1", f"git-upload-pack '{secret.repo_id}'"]
    with subprocess.Popen(
        ["ssh", *ssh_hub.options(key), *place], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as client:
        assert client.stdout is not None
        assert int(client.stdout.read(4), 16) > 4
        client.kill()
    settled(ssh_hub)


def test_half_open_connections_leave_the_hub_reachable(
    ssh_hub: SshHub, key: Path, given: SshKey, secret: Remote, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        for _ in range(HALF_OPEN):
            stack.enter_context(socket.create_connection(("127.0.0.1", ssh_hub.ssh_port), timeout=30))
        assert ssh_hub.ssh(key).returncode == 0
        assert git(tmp_path, "clone", "-q", ssh_hub.url(secret.repo_id), "work", **ssh_hub.environ(key)).ok
        assert ssh_hub.ready()


def test_a_process_that_dies_comes_back_with_the_same_key(ssh_hub: SshHub, key: Path, given: SshKey) -> None:
    [pid] = [pid for pid, name in ssh_hub.children().items() if name == "ssh"]
    os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 60
    while ssh_hub.ssh(key).returncode:  # the client insists on the key that it knows
        assert time.monotonic() < deadline
        time.sleep(0.1)
