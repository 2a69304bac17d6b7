"""Push with stock git: what is taken, and what is refused in the public Hub's words."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError

from pioche.git import pointers, wire
from pioche.names import NULL_OID, Sha256
from tests.hub import Account, Hub
from tests.protocols.git import Remote, commands, commit, create, declined, git, must, pack, send, settled

ZERO = NULL_OID


@pytest.fixture(scope="module")
def ada(hub: Hub) -> Account:
    return hub.user(hub.name("ada"))


@pytest.fixture(scope="module")
def eve(hub: Hub) -> Account:
    return hub.user(hub.name("eve"))


@pytest.fixture
def remote(hub: Hub, ada: Account) -> Remote:
    return create(hub, ada)


@pytest.fixture
def work(remote: Remote, tmp_path: Path) -> Path:
    return remote.clone(tmp_path / "work")


# --- what is taken ---------------------------------------------------------------------------------------------------


def test_a_push_is_seen_by_every_reader(remote: Remote, work: Path) -> None:
    tip = commit(work, {"a.txt": b"hello", "dir/b.txt": b"", "é ü.txt": b"name", "dir/sub/c": b"c"})
    must(work, "push", "-q", "origin", "main")
    assert remote.tip == tip
    files = {entry["path"]: entry for entry in remote.get("/tree/main?recursive=true").json()}
    assert set(files) == {".gitattributes", "a.txt", "dir", "dir/b.txt", "dir/sub", "dir/sub/c", "é ü.txt"}
    assert files["a.txt"]["oid"] == must(work, "rev-parse", "HEAD:a.txt")
    assert remote.get("/commits/main").json()[0]["id"] == tip


def test_the_first_push_may_replace_all_history(remote: Remote, tmp_path: Path) -> None:
    fresh = tmp_path / "fresh"
    must(tmp_path, "init", "-q", str(fresh))
    tip = commit(fresh, {"a": b"1"})
    assert not git(fresh, "push", remote.url, "main").ok  # git itself refuses: it is not a fast-forward
    must(fresh, "push", "-q", "--force", remote.url, "main")
    assert remote.tip == tip
    assert [entry["path"] for entry in remote.get("/tree/main").json()] == ["a"]


def test_a_force_push(remote: Remote, work: Path) -> None:
    commit(work, {"a": b"1"})
    must(work, "push", "-q", "origin", "main")
    must(work, "commit", "-q", "--amend", "-m", "Other")
    assert not git(work, "push", "origin", "main").ok
    must(work, "push", "-q", "--force", "origin", "main")
    assert remote.tip == must(work, "rev-parse", "HEAD")


def test_branches_and_tags(remote: Remote, work: Path) -> None:
    must(work, "tag", "v1")
    must(work, "tag", "-am", "Annotated", "v2")
    must(work, "push", "-q", "origin", "main:refs/heads/feature/x", "v1", "v2")
    refs = remote.refs()
    assert set(refs) == {"refs/heads/main", "refs/heads/feature/x", "refs/tags/v1", "refs/tags/v2"}
    assert refs["refs/tags/v2"] == remote.tip
    must(work, "push", "-q", "origin", "--delete", "feature/x", "v1")
    assert set(remote.refs()) == {"refs/heads/main", "refs/tags/v2"}


def test_a_merge(remote: Remote, work: Path) -> None:
    must(work, "checkout", "-qb", "side")
    side = commit(work, {"side.txt": b"side"})
    must(work, "checkout", "-q", "main")
    commit(work, {"main.txt": b"main"})
    must(work, "merge", "-q", "--no-edit", "side")
    must(work, "push", "-q", "origin", "main")
    assert remote.tip == must(work, "rev-parse", "HEAD")
    entries = {entry["path"]: entry for entry in remote.get("/tree/main?expand=true").json()}
    assert entries["side.txt"]["lastCommit"]["id"] == side


def test_a_large_push_comes_in_chunks(remote: Remote, work: Path) -> None:
    """Over http.postBuffer git probes with an empty request and then sends chunks."""
    line = b"".join(hashlib.sha256(b"%d" % n).hexdigest().encode() + b"\n" for n in range(60_000))
    tip = commit(work, {"big.txt": line, "big2.txt": line[::-1]})
    must(work, "push", "-q", "origin", "main")
    assert remote.tip == tip


def test_a_push_from_a_shallow_clone(remote: Remote, work: Path, tmp_path: Path) -> None:
    for n in range(3):
        commit(work, {"a": b"%d" % n})
    must(work, "push", "-q", "origin", "main")
    shallow = remote.clone(tmp_path / "shallow", "--depth=1")
    tip = commit(shallow, {"b": b"b"})
    must(shallow, "push", "-q", "origin", "main")
    assert remote.tip == tip


def test_symlinks_and_modes_are_kept(remote: Remote, work: Path, tmp_path: Path) -> None:
    (work / "run.sh").write_text("#!/bin/sh\n")
    (work / "run.sh").chmod(0o755)
    (work / "link").symlink_to("/etc/passwd")
    commit(work, {})
    must(work, "push", "-q", "origin", "main")
    again = remote.clone(tmp_path / "again")
    assert must(again, "ls-files", "-s", "link").startswith("120000")
    assert must(again, "ls-files", "-s", "run.sh").startswith("100755")
    shown = httpx.get(f"{remote.bare_url}/resolve/main/link", follow_redirects=True, timeout=30)
    assert b"root:" not in shown.content


def test_the_objects_pass_git_s_own_check(remote: Remote, work: Path) -> None:
    for n in range(3):
        commit(work, {"a": b"%d" % n})
        must(work, "push", "-q", "origin", "main")
    for repo in (remote.hub.data_dir / "git").glob("*/*.git"):
        must(Path("/"), f"--git-dir={repo}", "fsck", "--full", "--strict")


def test_c4_of_two_pushes_one_wins(remote: Remote, tmp_path: Path) -> None:
    clones = [remote.clone(tmp_path / f"c{n}") for n in range(4)]
    tips = [commit(clone, {f"f{n}": b"%d" % n}) for n, clone in enumerate(clones)]
    with ThreadPoolExecutor() as pool:
        done = list(pool.map(lambda clone: git(clone, "push", "origin", "main"), clones))
    winners = [tip for tip, result in zip(tips, done, strict=True) if result.ok]
    assert [remote.tip] == winners


def test_atomic_and_plain_pushes_of_several_refs(remote: Remote, work: Path, tmp_path: Path) -> None:
    late = remote.clone(tmp_path / "late")
    commit(work, {"a": b"1"})
    must(work, "push", "-q", "origin", "main")
    commit(late, {"b": b"2"})
    lying = {"GIT_TRACE": "0"}
    must(late, "update-ref", "refs/remotes/origin/main", "HEAD")
    atomic = git(
        late, "push", "--atomic", "--force-with-lease=main:HEAD~1", "origin", "main", "HEAD:refs/heads/x", **lying
    )
    assert not atomic.ok
    assert "refs/heads/x" not in remote.refs()
    old, new = must(late, "rev-parse", "HEAD~1"), must(late, "rev-parse", "HEAD")
    stale, fresh = ("refs/heads/main", old, new), ("refs/heads/y", ZERO, new)
    plain = send(remote, commands(stale, fresh) + pack(late, "HEAD")).content
    assert b"ng refs/heads/main failed to update ref" in plain
    assert b"ok refs/heads/y" in plain
    both = send(
        remote, commands(stale, ("refs/heads/z", ZERO, new), capabilities="atomic") + pack(late, "HEAD")
    ).content
    assert b"ng refs/heads/main" in both
    assert b"ng refs/heads/z" in both
    assert set(remote.refs()) == {"refs/heads/main", "refs/heads/y"}


# --- who may push ----------------------------------------------------------------------------------------------------


def test_strangers_and_readers_may_not_push(remote: Remote, work: Path, hub: Hub, ada: Account, eve: Account) -> None:
    commit(work, {"a": b"1"})
    reader = Account(ada.name, hub.token(ada.name, role="read"))
    for account, text in ((eve, "403"), (reader, "403")):
        refused = git(work, "push", Remote(hub, account, remote.repo_id).url, "main")
        assert not refused.ok
        assert text in refused.text
        assert send(Remote(hub, account, remote.repo_id), _one(remote, work)).status_code == 403
    assert not git(work, "push", remote.bare_url, "main").ok
    body = _one(remote, work)
    headers = {"Content-Type": "application/x-git-receive-pack-request"}
    assert (
        httpx.post(f"{remote.bare_url}/git-receive-pack", content=body, headers=headers, timeout=30).status_code == 401
    )


def _one(remote: Remote, work: Path) -> bytes:
    tip = must(work, "rev-parse", "HEAD")
    return wire.packet(f"{remote.tip} {tip} refs/heads/main\0report-status") + wire.FLUSH


def test_an_author_pushes_to_their_own_pull_request_and_a_writer_to_any(
    remote: Remote, hub: Hub, ada: Account, eve: Account, tmp_path: Path
) -> None:
    theirs = Remote(hub, eve, remote.repo_id)
    lines = '{"key":"header","value":{"summary":"Mine"}}\n{"key":"file","value":{"path":"x","content":"x"}}'
    numbers = []
    for account in (eve, ada):
        answer = httpx.post(f"{remote.api}/commit/main?create_pr=1", content=lines, headers=account.bearer, timeout=30)
        assert answer.status_code == 200, answer.text
        numbers.append(answer.json()["pullRequestUrl"].rpartition("/")[2])
    mine, foreign = (f"refs/pr/{number}" for number in numbers)
    work = theirs.clone(tmp_path / "w")
    must(work, "fetch", "-q", "origin", mine)
    must(work, "checkout", "-q", "FETCH_HEAD")
    tip = commit(work, {"y": b"y"})
    must(work, "push", "-q", "origin", f"HEAD:{mine}")
    assert remote.refs()[mine] == tip
    for ref in (foreign, "refs/heads/main", "refs/pr/99"):
        assert not git(work, "push", "--force", "origin", f"HEAD:{ref}").ok
    own = Remote(hub, ada, remote.repo_id)
    tip = commit(work, {"z": b"z"})
    must(work, "push", "-q", own.url, f"HEAD:{mine}")
    thread = httpx.get(f"{remote.api}/discussions/{numbers[0]}", timeout=30).json()
    assert [one["data"]["oid"] for one in thread["events"] if one["type"] == "commit"][-1] == tip
    declined(git(work, "push", own.url, "HEAD:refs/pr/98"), "DENIED create refs/pr/98")
    declined(git(work, "push", own.url, f":{foreign}"), f"DENIED delete {foreign}")


# --- what is refused, in the Hub's words -----------------------------------------------------------------------------


def test_a_file_over_10_mib(remote: Remote, work: Path) -> None:
    commit(work, {"model.txt": b"0123456789abcde\n" * (640 * 1024 + 1)})
    commit(work, {"model.txt": None})  # it stays in history
    declined(
        git(work, "push", "origin", "main"),
        "remote: Your push was rejected because it contains files larger than 10 MiB.",
        "remote: Please use https://git-lfs.github.com/ to store large files.",
        "remote: Offending files:",
        "remote:   - model.txt (ref: refs/heads/main)",
        "! [remote rejected] main -> main (pre-receive hook declined)",
    )
    settled(remote.hub)


def test_a_binary_file_outside_lfs(remote: Remote, work: Path) -> None:
    commit(work, {"dir/pixels.dat": b"\x89\0\1\2"})
    declined(
        git(work, "push", "origin", "main:main", "main:refs/heads/two"),
        "remote: Your push was rejected because it contains binary files.",
        "remote:   - dir/pixels.dat (ref: refs/heads/main)",
    )


def test_a_pointer_to_nothing(remote: Remote, work: Path) -> None:
    must(work, "config", "filter.lfs.clean", "cat")
    must(work, "config", "filter.lfs.process", "")
    must(work, "config", "filter.lfs.required", "false")
    commit(work, {"model.bin": pointers.build(Sha256("ab" * 32), 123)})
    declined(
        git(work, "push", "--no-verify", "origin", "main"),
        "remote: Your push was rejected because an LFS pointer pointed to a file that does not exist.",
        "remote:   - model.bin (ref: refs/heads/main)",
    )


def test_metadata_that_cannot_be_read(remote: Remote, work: Path) -> None:
    commit(work, {"README.md": b"---\ntags: {a: [}\n---\nText\n"})
    declined(
        git(work, "push", "origin", "main"),
        "remote: Sorry, your push was rejected during YAML metadata verification:",
        "remote: - Error: ",
        "remote: https://huggingface.co/docs/hub/model-cards#model-card-metadata",
    )
    commit(work, {"README.md": b"---\ntags: [a]\n---\nText\n"})
    must(work, "push", "-q", "origin", "main")
    assert "a" in remote.get("").json()["tags"]


def test_f12_a_protected_branch_refuses_whoever_is_no_owner(hub: Hub, ada: Account, tmp_path: Path) -> None:
    """And forced pushes and deletions of everybody. The refusal names the branch, and says who may."""
    wim = hub.user(hub.name("wim"))
    org = hub.org(hub.name("lab"), {ada.name: "admin", wim.name: "write"})
    name = create(hub, ada, organization=org).repo_id.partition("/")[2]
    remote = Remote(hub, ada, f"{org}/{name}")
    page, form = f"{remote.bare_url}/branches", {"action": "protect", "kind": "branch", "name": "main"}
    refused = httpx.post(page, data=form, headers={**wim.bearer, "accept": "text/html"})
    assert refused.status_code == 403
    assert "Only the owner of" in refused.text
    assert httpx.post(page, data=form, headers=ada.bearer).status_code == 303
    theirs = Remote(hub, wim, remote.repo_id).clone(tmp_path / "wim")
    commit(theirs, {"a": b"1"})
    said = git(theirs, "push", "origin", "main")
    assert not said.ok
    assert "branch main is protected" in said.text
    must(theirs, "push", "-q", "origin", "main:refs/heads/mine")
    ours = remote.clone(tmp_path / "ada")
    commit(ours, {"b": b"1"})
    must(ours, "push", "-q", "origin", "main")
    must(ours, "commit", "-q", "--amend", "-m", "Other")
    assert "commits cannot be taken away" in git(ours, "push", "--force", "origin", "main").text
    client = HfApi(hub.endpoint, token=wim.token)
    with pytest.raises(HfHubHTTPError, match="branch main is protected"):
        client.upload_file(path_or_fileobj=b"1", path_in_repo="c", repo_id=remote.repo_id)
