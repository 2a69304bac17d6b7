"""D-GIT, and D-PATH as far as git carries it: hostile requests, packs, trees, refs. Refused or harmless, and nothing is stored.

What needs no running hub (deltas, malformed objects, thin packs) is in tests/unit/git/test_receive.py.
"""

import gzip
import hashlib
import random
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from pioche.git import wire
from pioche.names import NULL_OID
from tests.hub import Account, Hub
from tests.protocols.git import Remote, ask, commands, commit, create, declined, git, must, pack, send, settled

ZERO = NULL_OID


@pytest.fixture(scope="module")
def ada(hub: Hub) -> Account:
    return hub.user(hub.name("ada"))


@pytest.fixture(scope="module")
def full(hub: Hub, ada: Account) -> Remote:
    """A repo that nobody changes."""
    return create(hub, ada)


@pytest.fixture
def remote(hub: Hub, ada: Account) -> Iterator[Remote]:
    """A repo; after the test the hub is alive, nothing is left in quarantine, and git finds the objects sound."""
    made = create(hub, ada)
    yield made
    assert httpx.get(f"{hub.endpoint}/healthz", timeout=30).status_code == 200
    settled(hub)
    for repo in (hub.data_dir / "git").glob("*/*.git"):
        must(repo, f"--git-dir={repo}", "fsck", "--full", "--strict")


@pytest.fixture
def work(remote: Remote, tmp_path: Path) -> Path:
    return remote.clone(tmp_path / "work")


# --- fetching --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [b"zzzz", b"ffff", b"0003", b"0009abc", b"000cnonsense0000", wire.packet("command=fetch") + b"0001000bwant x"],
)
def test_d_git_garbage_instead_of_a_fetch(full: Remote, body: bytes) -> None:
    assert ask(full, body).status_code == 400


def test_d_git_a_flush_alone_is_answered_by_nothing(full: Remote) -> None:
    assert (ask(full, b"0000").status_code, ask(full, b"0000").content) == (200, b"")


def test_d_git_an_unknown_command(full: Remote) -> None:
    answer = ask(full, wire.packet("command=object-info") + wire.FLUSH)
    assert b"ERR unknown command" in answer.content


def test_d_git_garbage_in_the_old_protocol_ends(full: Remote) -> None:
    for body in (b"0032want " + b"z" * 40 + b"\n0000", b"\0" * 100, b""):
        answer = ask(full, body, Git_Protocol="")
        assert answer.status_code < 500
        assert b"PACK" not in answer.content


def test_d_git_the_content_type_is_checked(full: Remote) -> None:
    assert ask(full, b"0000", Content_Type="text/plain").status_code == 415


def test_d_http_5_a_body_may_be_gzipped_but_not_a_bomb(full: Remote) -> None:
    asked = wire.packet("command=ls-refs") + wire.FLUSH
    answer = ask(full, gzip.compress(asked), Content_Encoding="gzip")
    assert answer.status_code == 200
    assert b"refs/heads/main" in answer.content
    assert ask(full, b"not gzip", Content_Encoding="gzip").status_code == 400
    assert ask(full, gzip.compress(asked)[:-9], Content_Encoding="gzip").status_code == 400
    assert ask(full, b"x", Content_Encoding="br").status_code == 415
    assert ask(full, gzip.compress(bytes(100 * 2**20)), Content_Encoding="gzip").status_code == 413


# --- pushing ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "ref",
    ["refs/replace/" + "a" * 40, "refs/convert/parquet", "refs/notes/x", "refs/heads/" + "b" * 40, "refs/heads/-x"],
)
def test_d_git_refs_that_nobody_may_push(remote: Remote, work: Path, ref: str) -> None:
    answer = send(remote, commands((ref, ZERO, remote.tip)) + pack(work, "HEAD"))
    assert f"ng {ref} pre-receive hook declined".encode() in answer.content
    assert set(remote.refs()) == {"refs/heads/main"}


def test_d_git_the_default_branch_and_head_stay(remote: Remote, work: Path) -> None:
    declined(git(work, "push", "origin", "--delete", "main"), "DENIED delete refs/heads/main")
    assert b"ng HEAD " in send(remote, commands(("HEAD", remote.tip, ZERO))).content
    up = send(remote, commands(("refs/heads/../main", ZERO, remote.tip)) + pack(work, "HEAD"))
    assert b"ng refs/heads/../main " in up.content


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
    declined(git(work, "push", "--force", "origin", f"{tip}:refs/heads/main"), "more than 1000000 files")


def test_d_git_a_tree_too_deep(remote: Remote, work: Path) -> None:
    blob = must(work, "hash-object", "-w", "--stdin", stdin="x")
    tree = must(work, "mktree", stdin=f"100644 blob {blob}\tf\n")
    for _ in range(210):
        tree = must(work, "mktree", stdin=f"040000 tree {tree}\td\n")
    tip = must(work, "commit-tree", tree, "-m", "deep")
    declined(git(work, "push", "--force", "origin", f"{tip}:refs/heads/main"), "levels deep")


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
    answer = send(remote, body)
    assert answer.status_code == 400
    assert str(remote.hub.data_dir) not in answer.text


def test_d_git_broken_packs_store_nothing(remote: Remote, work: Path) -> None:
    commands = wire.packet(f"{ZERO} {'a' * 40} refs/heads/x\0report-status") + wire.FLUSH
    answer = send(remote, commands + b"PACK\0\0\0\2\0\0\0\5" + bytes(50))
    assert answer.status_code == 200
    assert b"ng refs/heads/x unpacker error" in answer.content
    assert str(remote.hub.data_dir).encode() not in answer.content
    empty = b"PACK\0\0\0\2\0\0\0\0" + hashlib.sha1(b"PACK\0\0\0\2\0\0\0\0").digest()
    assert b"ng refs/heads/x missing necessary objects" in send(remote, commands + empty).content
    settled(remote.hub)


def test_d_git_the_probe_and_the_content_type(remote: Remote) -> None:
    assert (send(remote, b"0000").status_code, send(remote, b"0000").content) == (200, b"")
    assert send(remote, b"0000", **{"Content-Type": "text/plain"}).status_code == 415


# --- paths -----------------------------------------------------------------------------------------------------------


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


# --- trees and files that harm the cloner ----------------------------------------------------------------------------


def _tree(work: Path, *rows: str) -> str:
    return must(work, "mktree", "--missing", "-z", stdin="".join(f"{row}\0" for row in rows))


def test_d_git_submodules_are_entries_and_nothing_more(remote: Remote, work: Path) -> None:
    foreign = "c" * 40
    commit(work, {".gitmodules": b'[submodule "v"]\n\tpath = vendored\n\turl = https://example.org/v.git\n'})
    must(work, "update-index", "--add", "--cacheinfo", f"160000,{foreign},vendored")
    must(work, "commit", "-qm", "A submodule")
    tip = must(work, "rev-parse", "HEAD")
    must(work, "push", "-q", "origin", "main")
    assert remote.tip == tip
    listed = {entry["path"]: entry for entry in remote.get("/tree/main").json()}
    assert listed["vendored"]["oid"] == foreign
    shown = httpx.get(f"{remote.bare_url}/resolve/main/vendored", timeout=30)
    assert shown.status_code in (200, 404)


def test_d_git_a_submodule_whose_address_is_an_option(remote: Remote, work: Path) -> None:
    commit(work, {".gitmodules": b'[submodule "v"]\n\tpath = v\n\turl = --upload-pack=touch /tmp/x\n'})
    refused = git(work, "push", "origin", "main")
    assert not refused.ok
    assert "unpacker error" in refused.text


@pytest.mark.parametrize("name", [".gitmodules", ".gitattributes"])
def test_d_git_links_in_the_place_of_git_s_own_files(remote: Remote, work: Path, name: str) -> None:
    blob = must(work, "hash-object", "-w", "--stdin", stdin="/etc/passwd")
    tip = must(work, "commit-tree", _tree(work, f"120000 blob {blob}\t{name}"), "-m", "link", "-p", "HEAD")
    git(work, "push", "origin", f"{tip}:refs/heads/link")
    shown = httpx.get(f"{remote.bare_url}/resolve/link/{name}", follow_redirects=True, timeout=30)
    assert b"root:" not in shown.content


def test_d_git_filters_and_lfsconfig_run_nothing_here(remote: Remote, work: Path) -> None:
    files: dict[str, bytes | None] = {
        ".gitattributes": b"* filter=evil\n*.lfs filter=lfs\n",
        ".lfsconfig": b"[lfs]\n\turl = http://127.0.0.1:9/\n",
        "a.txt": b"plain",
    }
    tip = commit(work, files)
    must(work, "-c", "filter.lfs.required=false", "push", "-q", "--no-verify", "origin", "main")
    assert remote.tip == tip
    assert httpx.get(f"{remote.bare_url}/resolve/main/a.txt", follow_redirects=True, timeout=30).content == b"plain"


@pytest.mark.parametrize("rows", ["{m} blob {b}\ta|{m} blob {b}\ta", "{m} blob {b}\ta|040000 tree {t}\ta"])
def test_d_git_a_name_that_stands_twice(remote: Remote, work: Path, rows: str) -> None:
    blob, empty = must(work, "hash-object", "-w", "--stdin", stdin="x"), _tree(work)
    tree = _tree(work, *rows.format(m="100644", b=blob, t=empty).split("|"))
    tip = must(work, "commit-tree", tree, "-m", "twice", "-p", "HEAD")
    refused = git(work, "push", "origin", f"{tip}:refs/heads/main")
    assert not refused.ok


def test_d_git_a_folder_of_very_many_files(remote: Remote, work: Path) -> None:
    blob = must(work, "hash-object", "-w", "--stdin", stdin="x")
    tip = must(work, "commit-tree", _tree(work, *(f"100644 blob {blob}\tf{n}" for n in range(20_000))), "-m", "many")
    must(work, "push", "-q", "--force", "origin", f"{tip}:refs/heads/main")
    assert remote.tip == tip


def test_d_git_requests_with_flipped_bytes(remote: Remote, work: Path) -> None:
    """Whatever they become, the answer is a refusal or a success, never a fault of ours."""
    tip = commit(work, {"a": b"1"})
    push = commands(("refs/heads/x", ZERO, tip), capabilities="side-band-64k") + pack(work, "HEAD")
    fetch = wire.packet("command=fetch") + wire.DELIMITER + wire.packet(f"want {remote.tip}") + wire.FLUSH
    chance = random.Random(7)
    for _ in range(40):
        for body, request in ((push, send), (fetch, ask)):
            broken = bytearray(body)
            for _ in range(chance.randint(1, 4)):
                broken[chance.randrange(len(broken))] ^= 1 << chance.randrange(8)
            assert request(remote, bytes(broken)).status_code in (200, 400, 403, 413)
    assert remote.refs()["refs/heads/main"] == must(work, "rev-parse", "origin/main")
