"""Commits by operations: what they change, what they refuse, and many at once; over both databases."""

import random
from pathlib import Path

import pytest
import sqlalchemy as sa

from pioche.accounts.callers import Caller
from pioche.db import schema
from pioche.errors import (
    AlreadyExists,
    BadCard,
    EntryNotFound,
    HubError,
    InvalidReference,
    RevisionNotFound,
    StaleParent,
    Unprocessable,
)
from pioche.git.objects import MODE_FILE, Signature, build_commit, object_id
from pioche.git.trees import edit
from pioche.names import DEFAULT_REF, Oid, Sha256, parse_path
from pioche.repos import commits, files, history, listing, refs
from pioche.repos.access import Repo
from pioche.repos.commits import AddFile, CopyFile, Plan
from tests.core import Core, assert_table_equals_git, at_once, main, paths, text

OTHER_CARD = b"---\nlicense: mit\ntags: [a]\n---\n# hello\n"


def test_operations_of_one_commit(core: Core, ada: Caller, repo: Repo) -> None:
    large = core.upload(repo, ada, b"large" * 1000)
    core.commit(repo, ada, {"a.txt": b"1", "d/b.txt": b"2", "d/e/c.bin": large, "README.md": OTHER_CARD})
    assert paths(repo) == [".gitattributes", "README.md", "a.txt", "d", "d/b.txt", "d/e", "d/e/c.bin"]
    core.commit(repo, ada, {"a.txt": b"11"}, delete=["d/"], copy={"copy.bin": "d/e/c.bin", "z/y.txt": "a.txt"})
    assert paths(repo) == [".gitattributes", "README.md", "a.txt", "copy.bin", "z", "z/y.txt"]
    assert (text(repo, "a.txt"), text(repo, "z/y.txt"), text(repo, "copy.bin")) == (b"11", b"1", b"large" * 1000)
    entry = files.locate_sync(repo, "main", "copy.bin").entry
    assert (entry.size, entry.sha256) == (5000, large)


def test_a_deletion_and_an_addition_of_one_path_replace_it_in_any_order(core: Core, ada: Caller, repo: Repo) -> None:
    core.commit(repo, ada, {"a": b"1", "f/x": b"1"})
    core.commit(repo, ada, {"a": b"2"}, delete=["a"])
    assert text(repo, "a") == b"2"
    operations = [AddFile(parse_path("a"), b"3"), commits.DeleteFile(parse_path("a"))]
    commits.create(repo, ada, "main", Plan("x", operations=operations))
    assert text(repo, "a") == b"3"
    core.commit(repo, ada, {"f": b"now a file", "a/b": b"now a folder"}, delete=["f/", "a"])
    assert paths(repo) == [".gitattributes", "a", "a/b", "f"]


REFUSED: list[tuple[dict[str, object], type[HubError]]] = [
    ({"delete": ["absent"]}, EntryNotFound),
    ({"delete": ["absent/"]}, EntryNotFound),
    ({"delete": ["a/"]}, EntryNotFound),
    ({"copy": {"n": "absent"}}, EntryNotFound),
    ({"copy": {"n": "d"}}, EntryNotFound),
    ({"copy": {"README.md": "bad.md"}}, BadCard),
    ({"files": {"a/b": b""}}, Unprocessable),
    ({"files": {"d": b""}}, Unprocessable),
    ({"files": {"n": b"", "n/b": b""}}, Unprocessable),
    ({"files": {"n": Sha256("0" * 64)}}, Unprocessable),
    ({"files": {"README.md": b"---\n[\n---\n"}}, BadCard),
    ({"files": {"n": b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"1" * 64 + b"\nsize 3\n"}}, Unprocessable),
    ({"parent": "0" * 40, "files": {"n": b""}}, StaleParent),
    ({"revision": "absent", "files": {"n": b""}}, RevisionNotFound),
    ({"revision": "v1", "files": {"n": b""}}, InvalidReference),
    ({"revision": "{sha}", "files": {"n": b""}}, InvalidReference),
]  # fmt: skip


def test_a_refused_commit_leaves_the_branch_alone(core: Core, ada: Caller, repo: Repo) -> None:
    core.commit(repo, ada, {"a": b"1", "d/b": b"1", "bad.md": b"---\n[\n---\n"})
    history.create_tag(repo, ada, "main", "v1", None)
    before = main(repo).commit
    for change, refusal in REFUSED:
        given = {key: before if value == "{sha}" else value for key, value in change.items()}
        with pytest.raises(refusal):
            core.commit(repo, ada, **given)  # type: ignore[arg-type]
        assert main(repo).commit == before
    assert_table_equals_git(repo)


def test_the_same_path_twice_is_refused(core: Core, ada: Caller, repo: Repo) -> None:
    operations = [AddFile(parse_path("a"), b"1"), AddFile(parse_path("a"), b"2")]
    with pytest.raises(Unprocessable):
        commits.create(repo, ada, "main", Plan("x", operations=operations))


def test_a_copy_from_an_older_revision(core: Core, ada: Caller, repo: Repo) -> None:
    large = core.upload(repo, ada, b"large" * 100)
    first = core.commit(repo, ada, {"a": b"old", "b": large}).oid
    core.commit(repo, ada, {"a": b"new"}, delete=["b"])
    operations = [CopyFile(parse_path(f"c{path}"), parse_path(path), first[:9]) for path in ("a", "b")]
    commits.create(repo, ada, "main", Plan("x", operations=operations))
    assert (text(repo, "ca"), text(repo, "cb"), text(repo, "a")) == (b"old", b"large" * 100, b"new")
    assert_table_equals_git(repo)


def test_the_parent_may_be_named_by_its_first_digits(core: Core, ada: Caller, repo: Repo) -> None:
    first = core.commit(repo, ada, {"a": b"1"}).oid
    core.commit(repo, ada, {"a": b"2"}, parent=first[:7])
    for parent in (first, first[:7], "", "main", first[:6]):
        with pytest.raises(StaleParent):
            core.commit(repo, ada, {"a": b"3"}, parent=parent)


def test_the_card_follows_the_readme(core: Core, ada: Caller, repo: Repo) -> None:
    def stored() -> tuple[str, str]:
        with core.hub.database.read() as connection:
            query = sa.select(schema.repos.c.card, schema.repos.c.tags).where(schema.repos.c.id == repo.id)
            return tuple(connection.execute(query).one())  # type: ignore[return-value]

    core.commit(repo, ada, {"README.md": OTHER_CARD})
    assert stored() == ('{"license":"mit","tags":["a"]}', '["a","license:mit"]')
    core.commit(repo, ada, {"README.md/inside": b"", "b": b""}, delete=["README.md"])
    assert stored() == ("{}", "[]")


def test_used_storage_counts_each_large_file_once(core: Core, ada: Caller, repo: Repo) -> None:
    large = core.upload(repo, ada, b"x" * 1000)
    core.commit(repo, ada, {"a": large, "b": large})
    core.commit(repo, ada, {"c": large})
    core.commit(repo, ada, {"a": b"1"})
    with core.hub.database.read() as connection:
        query = sa.select(schema.repos.c.used_storage).where(schema.repos.c.id == repo.id)
        assert connection.execute(query).scalar_one() == 1000


# --- concurrency ------------------------------------------------------------------------------------------------------


def test_twenty_threads_commit_and_all_land_in_one_chain(core: Core, ada: Caller, repo: Repo) -> None:
    outcomes = at_once(20, lambda number: core.commit(repo, ada, {f"{number}.txt": b"%d" % number}).oid)
    assert [outcome for outcome in outcomes if isinstance(outcome, HubError)] == []
    log = history.log(repo, main(repo), skip=0, limit=100)
    assert {commit.oid for commit in log.commits} == {*outcomes, repo.genesis.commit}
    assert all(commit.parents == (before.oid,) for commit, before in zip(log.commits, log.commits[1:], strict=False))
    assert_table_equals_git(repo)


def test_of_twenty_commits_with_one_parent_one_wins(core: Core, ada: Caller, repo: Repo) -> None:
    parent = main(repo).commit
    outcomes = at_once(20, lambda number: core.commit(repo, ada, {f"{number}": b""}, parent=parent).oid)
    won = [outcome for outcome in outcomes if isinstance(outcome, str)]
    assert won == [main(repo).commit]
    assert [outcome for outcome in outcomes if not isinstance(outcome, str | StaleParent)] == []


def test_pull_requests_are_numbered_without_gaps_and_once(core: Core, ada: Caller, repo: Repo) -> None:
    def propose(number: int) -> int | None:
        plan = Plan(f"pull {number}", operations=[AddFile(parse_path(f"{number}"), b"")])
        return commits.propose(repo, ada, "main", plan).pull_request

    outcomes = at_once(20, propose)
    assert sorted(str(outcome) for outcome in outcomes) == sorted(str(number) for number in range(1, 21))
    assert [ref.name for ref in refs.all_refs(repo)].count("refs/pr/7") == 1
    assert paths(repo) == [".gitattributes"]
    assert len(paths(repo, "refs/pr/20")) == 2
    with pytest.raises(RevisionNotFound):
        commits.propose(repo, ada, "refs/pr/1", Plan("x"))


def test_refs_that_clash_cannot_both_be_made_at_once(core: Core, ada: Caller, repo: Repo) -> None:
    outcomes = at_once(12, lambda number: history.create_branch(repo, ada, "a/b" if number % 2 else "a", None))
    assert [outcome is None for outcome in outcomes].count(True) == 1
    assert all(outcome is None or isinstance(outcome, AlreadyExists) for outcome in outcomes)


# --- what a tip's rows say is what git says ---------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [1, 2])
def test_after_random_commits_the_table_equals_git(
    core: Core, ada: Caller, repo: Repo, seed: int, tmp_path: Path
) -> None:
    dice = random.Random(seed)
    large = [core.upload(repo, ada, bytes([number]) * 2000) for number in range(3)]
    held: dict[str, bytes | Sha256] = {}
    for _ in range(12):
        files_, deleted = _random_change(dice, held, large)
        if files_ or deleted:
            core.commit(repo, ada, files_, delete=deleted)
        assert_table_equals_git(repo)
    assert set(held) | {".gitattributes"} == {
        e.path for e in listing.everything(repo, main(repo)).entries if not e.is_folder
    }
    assert_table_equals_git(repo, tmp_path)


def _random_change(
    dice: random.Random, held: dict[str, bytes | Sha256], large: list[Sha256]
) -> tuple[dict[str, bytes | Sha256], list[str]]:
    """A change that is legal, over few names, so that files and folders often take each other's place."""
    deleted = [path for path in held if dice.random() < 0.25]
    for path in deleted:
        del held[path]
    added: dict[str, bytes | Sha256] = {}
    for _ in range(dice.randrange(4)):
        path = "/".join(dice.choices("abc", k=dice.randrange(1, 4)))
        if not any(other.startswith(f"{path}/") or path.startswith(f"{other}/") for other in held):
            content: bytes | Sha256 = dice.choice([b"x", b"y", dice.randbytes(5), *large])
            held[path] = added[path] = content
    return added, deleted


def test_a_force_push_makes_every_row_anew(core: Core, ada: Caller, repo: Repo, tmp_path: Path) -> None:
    core.commit(repo, ada, {"a": b"1", "d/b": b"1", "gone/c": b"1"})
    old = core.commit(repo, ada, {"a": b"2"}).oid
    other = _commit_on(repo, repo.genesis.commit, {"a": b"2", "d/b": b"1", "new/x": b"1"})
    refs.update(repo, ada, refs.Update([refs.RefChange.to_commit(DEFAULT_REF, old, other)]))
    assert paths(repo) == [".gitattributes", "a", "d", "d/b", "new", "new/x"]
    assert_table_equals_git(repo, tmp_path)
    assert text(repo, "a", old[:7]) == b"2"


def test_a_merge_keeps_what_each_side_last_touched(core: Core, ada: Caller, repo: Repo, tmp_path: Path) -> None:
    base = core.commit(repo, ada, {"a": b"1", "b": b"1", "d/x": b"1"}).oid
    side = _commit_on(repo, base, {"b": b"side", "d/y": b"side"})
    ours = core.commit(repo, ada, {"a": b"ours"}).oid
    merged = _commit_on(repo, ours, {"b": b"side", "d/y": b"side"}, side)
    refs.update(repo, ada, refs.Update([refs.RefChange.to_commit(DEFAULT_REF, ours, merged)]))
    assert_table_equals_git(repo, tmp_path)


def _commit_on(repo: Repo, parent: Oid, contents: dict[str, bytes], *more: Oid) -> Oid:
    """A commit as a push would bring it, on any parent."""
    new = [("blob", data) for data in contents.values()]
    changes = {path: (MODE_FILE, object_id("blob", data)) for path, data in contents.items()}
    root, trees = edit(repo.objects, repo.objects.commit(parent).tree, changes)
    author = Signature("eve", "eve@example.org", 1_900_000_000 + len(more), 0)
    commit = build_commit(root, [parent, *more], author, author, "pushed")
    repo.stores.git.write(repo.uid, [*new, *trees, ("commit", commit)], repo.genesis.objects())
    return object_id("commit", commit)
