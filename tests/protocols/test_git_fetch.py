"""Clone and fetch with stock git: every way that git has to ask."""

import random
import socket
from pathlib import Path

import httpx
import pytest

from tests.hub import Account, Hub
from tests.protocols.git import Remote, commit, create, git, must, settled, want


@pytest.fixture(scope="module")
def ada(hub: Hub) -> Account:
    return hub.user(hub.name("ada"))


@pytest.fixture(scope="module")
def eve(hub: Hub) -> Account:
    return hub.user(hub.name("eve"))


@pytest.fixture(scope="module")
def full(hub: Hub, ada: Account, tmp_path_factory: pytest.TempPathFactory) -> Remote:
    """A repo with some history, a branch, a plain and an annotated tag."""
    remote = create(hub, ada)
    work = remote.clone(tmp_path_factory.mktemp("full") / "work")
    for number in range(5):
        commit(work, {"a.txt": b"line\n" * number, f"dir/{number}.txt": b"%d" % number}, f"Commit {number}")
    must(work, "tag", "light")
    must(work, "tag", "-am", "An annotated tag", "heavy", "HEAD~2")
    must(work, "branch", "other", "HEAD~1")
    must(work, "push", "-q", "origin", "main", "other", "light", "heavy")
    return remote


@pytest.mark.parametrize("version", ["0", "1", "2"])
def test_a_clone_in_every_protocol_version(full: Remote, tmp_path: Path, version: str) -> None:
    work = full.clone(tmp_path / "w", "-c", f"protocol.version={version}")
    assert must(work, "rev-parse", "HEAD") == full.tip
    assert must(work, "rev-parse", "heavy^{commit}") == must(work, "rev-parse", "HEAD~2")
    assert must(work, "for-each-ref", "--format=%(refname)", "refs/remotes/origin/other", "refs/tags").split() == [
        "refs/remotes/origin/other",
        "refs/tags/heavy",
        "refs/tags/light",
    ]
    must(work, "fsck", "--full", "--strict")


@pytest.mark.parametrize("suffix", ["", ".git"])
def test_a_public_repo_needs_no_password(full: Remote, tmp_path: Path, suffix: str) -> None:
    must(tmp_path, "clone", "-q", full.bare_url + suffix, "w")
    assert (tmp_path / "w" / "dir" / "4.txt").read_bytes() == b"4"


@pytest.mark.parametrize("type", ["model", "dataset", "space"])
def test_a_clone_of_a_repo_that_nobody_pushed_to(hub: Hub, ada: Account, tmp_path: Path, type: str) -> None:
    remote = create(hub, ada, type=type, **({"sdk": "static"} if type == "space" else {}))
    work = remote.clone(tmp_path / "w")
    assert (work / ".gitattributes").exists()
    assert must(work, "rev-parse", "HEAD") == remote.tip
    must(work, "fsck", "--full", "--strict")


def test_a_shallow_clone_and_its_deepening(full: Remote, tmp_path: Path) -> None:
    work = full.clone(tmp_path / "w", "--depth=1")
    assert must(work, "rev-list", "--count", "HEAD") == "1"
    must(work, "fetch", "-q", "--deepen=2")
    assert must(work, "rev-list", "--count", "HEAD") == "3"
    must(work, "fetch", "-q", "--unshallow")
    assert must(work, "rev-list", "--count", "HEAD") == "6"


def test_a_partial_clone_fetches_what_it_misses(full: Remote, tmp_path: Path) -> None:
    work = full.clone(tmp_path / "w", "--filter=blob:none", "--no-checkout")
    missing = must(work, "rev-list", "--objects", "--all", "--missing=print")
    assert "?" in missing
    must(work, "checkout", "-q", "main")
    assert (work / "a.txt").read_bytes() == b"line\n" * 4
    assert must(work, "show", "HEAD~3:dir/1.txt") == "1"


def test_a_treeless_clone(full: Remote, tmp_path: Path) -> None:
    work = full.clone(tmp_path / "w", "--filter=tree:0")
    assert must(work, "log", "--oneline", "--", "dir/2.txt")


def test_a_fetch_brings_only_what_is_new(full: Remote, hub: Hub, ada: Account, tmp_path: Path) -> None:
    remote = create(hub, ada)
    one, two = remote.clone(tmp_path / "one"), remote.clone(tmp_path / "two")
    tip = commit(one, {"new": b"new"})
    must(one, "push", "-q", "origin", "main")
    must(two, "pull", "-q")
    assert must(two, "rev-parse", "HEAD") == tip
    must(two, "fetch", "-q")


def test_a_commit_of_the_api_arrives_by_git(hub: Hub, ada: Account, tmp_path: Path) -> None:
    remote = create(hub, ada)
    work = remote.clone(tmp_path / "w")
    lines = '{"key":"header","value":{"summary":"By API"}}\n{"key":"file","value":{"path":"x/y.txt","content":"hello"}}'
    answer = httpx.post(f"{remote.api}/commit/main", content=lines, headers=ada.bearer, timeout=30)
    assert answer.status_code == 200, answer.text
    must(work, "pull", "-q")
    assert must(work, "rev-parse", "HEAD") == answer.json()["commitOid"]
    assert (work / "x" / "y.txt").read_bytes() == b"hello"


def test_a_commit_by_its_id(full: Remote, tmp_path: Path) -> None:
    old = must(full.clone(tmp_path / "w"), "rev-parse", "HEAD~3")
    must(tmp_path, "init", "-q", "fresh")
    must(tmp_path / "fresh", "fetch", "-q", "--depth=1", full.url, old)
    assert must(tmp_path / "fresh", "rev-parse", "FETCH_HEAD") == old


def test_ls_remote_lists_refs_and_the_default_branch(full: Remote) -> None:
    listed = must(Path("/"), "ls-remote", "--symref", full.url)
    assert "ref: refs/heads/main\tHEAD" in listed
    assert f"{full.tip}\trefs/heads/main" in listed
    assert "refs/tags/heavy^{}" in listed


def test_a_private_repo(hub: Hub, ada: Account, eve: Account, tmp_path: Path) -> None:
    remote = create(hub, ada, private=True)
    assert not git(tmp_path, "ls-remote", remote.bare_url).ok
    stranger = Remote(hub, eve, remote.repo_id)
    refused = git(tmp_path, "ls-remote", stranger.url)
    assert not refused.ok
    assert "not found" in refused.text
    must(tmp_path, "ls-remote", remote.url)


def test_who_is_nobody_is_asked_for_a_password(hub: Hub, ada: Account) -> None:
    """Git sends credentials only after a 401 with Basic, whether the repo is private or absent."""
    private = create(hub, ada, private=True)
    answers = [
        httpx.get(f"{hub.endpoint}/{repo_id}.git/info/refs?service={service}", timeout=30)
        for repo_id in (private.repo_id, f"{ada.name}/absent")
        for service in ("git-upload-pack", "git-receive-pack")
    ]
    for answer in answers:
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Basic ")
    assert len({answer.text for answer in answers}) == 1


def test_a_wrong_token_is_refused_on_public_repos_too(full: Remote) -> None:
    url = f"{full.bare_url}/info/refs?service=git-upload-pack"
    assert httpx.get(url, auth=("user", "hf_wrong"), timeout=30).status_code == 401
    assert httpx.get(url, timeout=30).status_code == 200


def test_the_token_may_stand_as_user_name(full: Remote, hub: Hub, ada: Account) -> None:
    url = f"{full.bare_url}/info/refs?service=git-receive-pack"
    for auth in (("anything", ada.token), (ada.token, "")):
        assert httpx.get(url, auth=auth, timeout=30).status_code == 200


def test_a_moved_repo_redirects(hub: Hub, ada: Account, tmp_path: Path) -> None:
    remote = create(hub, ada)
    target = f"{ada.name}/{hub.name('moved')}"
    body = {"fromRepo": remote.repo_id, "toRepo": target, "type": "model"}
    moved = httpx.post(f"{hub.endpoint}/api/repos/move", json=body, headers=ada.bearer, timeout=30)
    assert moved.status_code == 200, moved.text
    work = remote.clone(tmp_path / "w")
    tip = commit(work, {"a": b"1"})
    must(work, "push", "-q", "origin", "main")
    assert Remote(hub, ada, target).tip == tip


def test_five_hundred_refs(hub: Hub, ada: Account, tmp_path: Path) -> None:
    remote = create(hub, ada)
    work = remote.clone(tmp_path / "w")
    head = must(work, "rev-parse", "HEAD")
    must(work, "update-ref", "--stdin", stdin="".join(f"create refs/heads/b{n} {head}\n" for n in range(500)))
    must(work, "push", "-q", "origin", "--all")
    assert len(must(work, "ls-remote", "--heads", "origin").splitlines()) == 501
    must(work, "push", "-q", "origin", "--delete", *(f"b{n}" for n in range(500)))
    assert len(must(work, "ls-remote", "--heads", "origin").splitlines()) == 1


# --- what no git sends -----------------------------------------------------------------------------------------------


def test_dumb_http_is_refused_with_a_sentence(full: Remote) -> None:
    answer = httpx.get(f"{full.bare_url}/info/refs", timeout=30)
    assert answer.status_code == 400
    assert "smart HTTP" in answer.text


def test_no_git_stays_behind_when_the_client_leaves(hub: Hub, ada: Account, tmp_path: Path) -> None:
    remote = create(hub, ada)
    work = remote.clone(tmp_path / "w")
    chance = random.Random(1)
    commit(work, {f"{n}.txt": chance.randbytes(3 * 2**20).hex().encode() for n in range(4)})
    must(work, "push", "-q", "origin", "main")
    with socket.create_connection(("localhost", hub.port)) as connection:
        body = want(remote.tip)
        head = f"POST /{remote.repo_id}/git-upload-pack HTTP/1.1\r\nHost: localhost\r\nGit-Protocol: version=2\r\n"
        kind = f"Content-Type: application/x-git-upload-pack-request\r\nContent-Length: {len(body)}\r\n\r\n"
        connection.sendall((head + kind).encode() + body)
        assert connection.recv(1000).startswith(b"HTTP/1.1 200")
    settled(hub)
