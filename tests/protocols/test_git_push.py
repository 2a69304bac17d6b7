"""Push with stock git: what is taken, and what is refused in the public Hub's words."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from pioche.git import pointers, wire
from pioche.names import NULL_OID, Sha256
from tests.hub import Account, Hub
from tests.protocols.git import Remote, commit, create, git, must

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


def _declined(done: object, *texts: str) -> None:
    text = getattr(done, "text", "")
    assert not getattr(done, "ok", True)
    assert "pre-receive hook declined" in text, text
    for wanted in texts:
        assert wanted in text, text


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
    plain = _push(remote, [(late, "refs/heads/main", "HEAD~1", "HEAD"), (late, "refs/heads/y", ZERO, "HEAD")])
    assert b"ng refs/heads/main failed to update ref" in plain
    assert b"ok refs/heads/y" in plain
    both = _push(remote, [(late, "refs/heads/main", "HEAD~1", "HEAD"), (late, "refs/heads/z", ZERO, "HEAD")], "atomic")
    assert b"ng refs/heads/main" in both
    assert b"ng refs/heads/z" in both
    assert set(remote.refs()) == {"refs/heads/main", "refs/heads/y"}


def _push(
    remote: Remote, commands: list[tuple[Path, str, str, str]], *capabilities: str, pack: bytes | None = None
) -> bytes:
    """A push as bytes, for what no git would send."""
    body = b""
    for number, (folder, ref, old, new) in enumerate(commands):
        old, new = (text if text == ZERO else must(folder, "rev-parse", text) for text in (old, new))
        options = f"\0report-status {' '.join(capabilities)}" if number == 0 else ""
        body += wire.packet(f"{old} {new} {ref}{options}")
    body += wire.FLUSH
    if pack is None:
        import subprocess

        wanted = "".join(must(folder, "rev-parse", new) + "\n" for folder, _, _, new in commands if new != ZERO)
        pack = subprocess.run(
            ["git", "-C", str(commands[0][0]), "pack-objects", "--revs", "--stdout", "-q"],
            input=wanted.encode(), capture_output=True, check=True,
        ).stdout  # fmt: skip
    return _post(remote, body + pack).content


def _post(remote: Remote, body: bytes, **headers: str) -> httpx.Response:
    every = {"Content-Type": "application/x-git-receive-pack-request", **remote.account.bearer, **headers}
    return httpx.post(f"{remote.bare_url}/git-receive-pack", content=body, headers=every, timeout=60)


# --- who may push ----------------------------------------------------------------------------------------------------


def test_strangers_and_readers_may_not_push(remote: Remote, work: Path, hub: Hub, ada: Account, eve: Account) -> None:
    commit(work, {"a": b"1"})
    reader = Account(ada.name, hub.token(ada.name, role="read"))
    for account, text in ((eve, "403"), (reader, "403")):
        refused = git(work, "push", Remote(hub, account, remote.repo_id).url, "main")
        assert not refused.ok
        assert text in refused.text
        assert _post(Remote(hub, account, remote.repo_id), _one(remote, work)).status_code == 403
    assert not git(work, "push", remote.bare_url, "main").ok
    body = _one(remote, work)
    headers = {"Content-Type": "application/x-git-receive-pack-request"}
    assert (
        httpx.post(f"{remote.bare_url}/git-receive-pack", content=body, headers=headers, timeout=30).status_code == 401
    )


def _one(remote: Remote, work: Path) -> bytes:
    tip = must(work, "rev-parse", "HEAD")
    return wire.packet(f"{remote.tip} {tip} refs/heads/main\0report-status") + wire.FLUSH


def test_an_author_pushes_to_their_own_pull_request_and_to_no_other(
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
    commit(work, {"z": b"z"})
    _declined(git(work, "push", "--force", own.url, f"HEAD:{mine}"), f"DENIED update {mine}: forbidden")
    _declined(git(work, "push", own.url, "HEAD:refs/pr/98"), "DENIED create refs/pr/98")
    _declined(git(work, "push", own.url, f":{foreign}"), f"DENIED delete {foreign}")


# --- what is refused, in the Hub's words -----------------------------------------------------------------------------


def test_a_file_over_10_mib(remote: Remote, work: Path) -> None:
    commit(work, {"model.txt": b"0123456789abcde\n" * (640 * 1024 + 1)})
    commit(work, {"model.txt": None})  # it stays in history
    _declined(
        git(work, "push", "origin", "main"),
        "remote: Your push was rejected because it contains files larger than 10 MiB.",
        "remote: Please use https://git-lfs.github.com/ to store large files.",
        "remote: Offending files:",
        "remote:   - model.txt (ref: refs/heads/main)",
        "! [remote rejected] main -> main (pre-receive hook declined)",
    )
    assert not list((remote.hub.data_dir / "incoming").glob("git-*"))


def test_a_binary_file_outside_lfs(remote: Remote, work: Path) -> None:
    commit(work, {"dir/pixels.dat": b"\x89\0\1\2"})
    _declined(
        git(work, "push", "origin", "main:main", "main:refs/heads/two"),
        "remote: Your push was rejected because it contains binary files.",
        "remote:   - dir/pixels.dat (ref: refs/heads/main)",
    )


def test_a_pointer_to_nothing(remote: Remote, work: Path) -> None:
    must(work, "config", "filter.lfs.clean", "cat")
    must(work, "config", "filter.lfs.process", "")
    must(work, "config", "filter.lfs.required", "false")
    commit(work, {"model.bin": pointers.build(Sha256("ab" * 32), 123)})
    _declined(
        git(work, "push", "--no-verify", "origin", "main"),
        "remote: Your push was rejected because an LFS pointer pointed to a file that does not exist.",
        "remote:   - model.bin (ref: refs/heads/main)",
    )


def test_metadata_that_cannot_be_read(remote: Remote, work: Path) -> None:
    commit(work, {"README.md": b"---\ntags: {a: [}\n---\nText\n"})
    _declined(
        git(work, "push", "origin", "main"),
        "remote: Sorry, your push was rejected during YAML metadata verification:",
        "remote: - Error: ",
        "remote: https://huggingface.co/docs/hub/model-cards#model-card-metadata",
    )
    commit(work, {"README.md": b"---\ntags: [a]\n---\nText\n"})
    must(work, "push", "-q", "origin", "main")
    assert "a" in remote.get("").json()["tags"]


@pytest.mark.parametrize(
    "name", ["a\\b", "line\nend", "tab\there", ".g\u200dit", "\u202egnp.exe", "x" * 256, "bell\x07", "a:b/.GIT."]
)
def test_d_path_names_that_are_a_trap(remote: Remote, work: Path, name: str) -> None:
    blob = must(work, "hash-object", "-w", "--stdin", stdin="x")
    segments = name.split("/")
    row, kind = blob, "100644 blob"
    for segment in reversed(segments):
        row = must(work, "mktree", "-z", stdin=f"{kind} {row}\t{segment}\0")
        kind = "040000 tree"
    tip = must(work, "commit-tree", row, "-m", "trap", "-p", "HEAD")
    refused = git(work, "push", "origin", f"{tip}:refs/heads/main")
    assert not refused.ok
    assert "remote rejected" in refused.text
    assert remote.tip == must(work, "rev-parse", "origin/main")


@pytest.mark.parametrize(
    "ref",
    ["refs/replace/" + "a" * 40, "refs/convert/parquet", "refs/notes/x", "refs/heads/" + "b" * 40, "refs/heads/-x"],
)
def test_d_git_refs_that_nobody_may_push(remote: Remote, work: Path, ref: str) -> None:
    answer = _push(remote, [(work, ref, ZERO, "HEAD")])
    assert f"ng {ref} pre-receive hook declined".encode() in answer
    assert set(remote.refs()) == {"refs/heads/main"}


def test_d_git_the_default_branch_and_head_stay(remote: Remote, work: Path) -> None:
    _declined(git(work, "push", "origin", "--delete", "main"), "DENIED delete refs/heads/main")
    assert b"ng HEAD " in _push(remote, [(work, "HEAD", "HEAD", ZERO)], pack=b"")
    assert b"ng refs/heads/../main " in _push(remote, [(work, "refs/heads/../main", ZERO, "HEAD")])


def test_d_git_a_branch_that_is_no_commit(remote: Remote, work: Path) -> None:
    must(work, "tag", "-am", "of a tree", "tree-tag", "HEAD^{tree}")
    for new, ref in (
        ("HEAD^{tree}", "refs/heads/tree"),
        ("HEAD:.gitattributes", "refs/tags/blob"),
        ("tree-tag", "refs/tags/t"),
    ):
        refused = git(work, "push", "origin", f"{must(work, 'rev-parse', new)}:{ref}")
        assert not refused.ok
    assert set(remote.refs()) == {"refs/heads/main"}


def test_d_git_a_name_below_another_name(remote: Remote, work: Path) -> None:
    """`a` and `a/b` cannot both be files in a clone."""
    must(work, "push", "-q", "origin", "main:refs/heads/a")
    assert not git(work, "push", "origin", "main:refs/heads/a/b").ok
    assert not git(work, "push", "origin", "main:refs/heads/main/x").ok
    assert set(remote.refs()) == {"refs/heads/main", "refs/heads/a"}


def test_d_git_a_tree_that_unfolds_without_end(remote: Remote, work: Path) -> None:
    blob = must(work, "hash-object", "-w", "--stdin", stdin="x")
    tree = must(work, "mktree", stdin="".join(f"100644 blob {blob}\tf{n}\n" for n in range(10)))
    for _ in range(9):
        tree = must(work, "mktree", stdin="".join(f"040000 tree {tree}\td{n}\n" for n in range(10)))
    tip = must(work, "commit-tree", tree, "-m", "bomb")
    _declined(git(work, "push", "--force", "origin", f"{tip}:refs/heads/main"), "more than 1000000 files")


def test_d_git_a_tree_too_deep(remote: Remote, work: Path) -> None:
    blob = must(work, "hash-object", "-w", "--stdin", stdin="x")
    tree = must(work, "mktree", stdin=f"100644 blob {blob}\tf\n")
    for _ in range(210):
        tree = must(work, "mktree", stdin=f"040000 tree {tree}\td\n")
    tip = must(work, "commit-tree", tree, "-m", "deep")
    _declined(git(work, "push", "--force", "origin", f"{tip}:refs/heads/main"), "levels deep")


def test_d_git_a_commit_with_many_parents_and_odd_dates(remote: Remote, work: Path) -> None:
    parents = [must(work, "commit-tree", "HEAD^{tree}", "-m", str(n), "-p", "HEAD") for n in range(30)]
    who = {"GIT_AUTHOR_DATE": "@1 +1400", "GIT_COMMITTER_DATE": "@4102444800 -1200", "GIT_AUTHOR_NAME": "Ångström"}
    options = [word for parent in parents for word in ("-p", parent)]
    tip = must(work, "commit-tree", "HEAD^{tree}", "-m", "octopus", *options, **who)
    must(work, "push", "-q", "origin", f"{tip}:refs/heads/main")
    assert remote.get("/commits/main").json()[0]["id"] == tip


def test_d_git_a_message_that_is_not_utf_8(remote: Remote, work: Path) -> None:
    message = work.parent / "message"
    message.write_bytes(b"caf\xe9\n\nbody\xff\n")
    must(work, "-c", "i18n.commitEncoding=ISO-8859-1", "commit", "-q", "--allow-empty", "-F", str(message))
    must(work, "push", "-q", "origin", "main")
    assert remote.get("/commits/main").json()[0]["title"] == "café"


@pytest.mark.parametrize(
    "body",
    [
        b"zzzz",
        b"00",
        b"",
        b"ffff",
        wire.packet(b"nonsense\0report-status") + b"0000",
        wire.packet(f"{ZERO} {'a' * 40} refs/heads/x\0report-status") + b"0000",
        wire.packet(f"{ZERO} {'a' * 40} refs/heads/x\0report-status") + b"0000JUNKJUNKJUNKJUNK",
        wire.packet(f"{ZERO} {ZERO} refs/heads/x\0report-status") + b"0000",
    ],
)
def test_d_git_garbage_is_a_bad_request(remote: Remote, body: bytes) -> None:
    answer = _post(remote, body)
    assert answer.status_code == 400
    assert str(remote.hub.data_dir) not in answer.text


def test_d_git_broken_packs_store_nothing(remote: Remote, work: Path) -> None:
    commands = wire.packet(f"{ZERO} {'a' * 40} refs/heads/x\0report-status") + wire.FLUSH
    answer = _post(remote, commands + b"PACK\0\0\0\2\0\0\0\5" + bytes(50))
    assert answer.status_code == 200
    assert b"ng refs/heads/x unpacker error" in answer.content
    assert str(remote.hub.data_dir).encode() not in answer.content
    empty = b"PACK\0\0\0\2\0\0\0\0" + hashlib.sha1(b"PACK\0\0\0\2\0\0\0\0").digest()
    assert b"ng refs/heads/x missing necessary objects" in _post(remote, commands + empty).content
    assert not list((remote.hub.data_dir / "incoming").glob("git-*"))


def test_d_git_the_probe_and_the_content_type(remote: Remote) -> None:
    assert (_post(remote, b"0000").status_code, _post(remote, b"0000").content) == (200, b"")
    assert _post(remote, b"0000", **{"Content-Type": "text/plain"}).status_code == 415
