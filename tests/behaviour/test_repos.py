"""Repos: created, committed to, read back, moved and deleted; over both databases."""

import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa

from pioche.accounts.callers import Caller
from pioche.config import Config
from pioche.db import schema
from pioche.errors import (
    AlreadyExists,
    BadCard,
    BadRequest,
    EntryNotFound,
    Forbidden,
    HubError,
    InvalidName,
    InvalidReference,
    NotFound,
    ReadOnlyToken,
    RepoNotFound,
    RevisionNotFound,
    StaleParent,
    Unprocessable,
)
from pioche.git.objects import MODE_FILE, MODE_TREE, Signature, build_commit, object_id
from pioche.git.trees import edit
from pioche.names import DEFAULT_REF, Oid, RepoType, Sha256, parse_path
from pioche.repos import commits, files, history, info, refs, revisions
from pioche.repos.access import Action, Repo
from pioche.repos.catalog import Settings
from pioche.repos.commits import AddFile, CopyFile, Plan
from pioche.repos.revisions import Revision
from tests.core import Core, git

OTHER_CARD = b"---\nlicense: mit\ntags: [a]\n---\n# hello\n"


@pytest.fixture
def core(config: Config) -> Iterator[Core]:
    core = Core(config)
    yield core
    core.close()


@pytest.fixture
def ada(core: Core) -> Caller:
    return core.user("ada")


@pytest.fixture
def repo(core: Core, ada: Caller) -> Repo:
    return core.repo(ada, "ada/words")


def main(repo: Repo) -> Revision:
    return revisions.resolve_sync(repo, "main")


def paths(repo: Repo, revision: str = "main") -> list[str]:
    return [entry.path for entry in files.list_all(repo, revisions.resolve_sync(repo, revision)).entries]


def text(repo: Repo, path: str, revision: str = "main") -> bytes:
    return files.read_all(repo, files.locate_sync(repo, revision, path).entry)


def older_view(revision: Revision) -> Revision:
    """The same commit, as if it were not the tip: read from git instead of from the table."""
    return Revision(revision.text, revision.commit, None, is_tip=False)


# --- creating -------------------------------------------------------------------------------------------------------


def test_a_new_repo_has_its_first_commit_and_no_inode(core: Core, ada: Caller, repo: Repo) -> None:
    assert list((core.hub.config.data_dir / "git").rglob("*")) == []
    assert paths(repo) == [".gitattributes"]
    assert b"filter=lfs" in text(repo, ".gitattributes")
    log = history.log(repo, main(repo), skip=0, limit=10)
    assert (log.total, [commit.title for commit in log.commits]) == (1, ["initial commit"])
    assert main(repo).commit == repo.genesis.commit
    core.commit(repo, ada, {"a.txt": b"1"})
    assert core.hub.access is not None
    assert [commit.oid for commit in history.log(repo, main(repo), skip=1, limit=10).commits] == [repo.genesis.commit]
    assert text(repo, ".gitattributes") == text(repo, ".gitattributes", repo.genesis.commit)


@pytest.mark.parametrize("kind", list(RepoType))
def test_every_type_of_repo_has_its_own_names(core: Core, ada: Caller, kind: RepoType) -> None:
    repo = core.repo(ada, "ada/thing", type=kind)
    assert repo.repo_id.type is kind
    for other in RepoType:
        if other is not kind:
            with pytest.raises(RepoNotFound):
                core.open(ada, "ada/thing", type=other)
    if kind is RepoType.SPACE:
        assert b"sdk: static" in text(repo, "README.md")


def test_names_are_unique_without_regard_to_case(core: Core, ada: Caller, repo: Repo) -> None:
    for name in ("ada/words", "ada/Words", "ADA/WORDS", "WORDS"):
        with pytest.raises(AlreadyExists):
            core.repo(ada, name)
    assert core.open(ada, "ADA/wORDS").id == repo.id
    assert core.open(ada, "ADA/wORDS").repo_id == repo.repo_id


@pytest.mark.parametrize("name", ["", "a b", "-a", "a-", ".a", "a..b", "a--b", "x.git", "é", "a\x00b", "a/b", "a" * 97])
def test_bad_names_are_refused(core: Core, ada: Caller, name: str) -> None:
    with pytest.raises((InvalidName, NotFound)):
        core.repo(ada, f"ada/{name}")


def test_whose_namespace_it_is_decides(core: Core, ada: Caller) -> None:
    bob, admin = core.user("bob"), core.user("root2", is_admin=True)
    core.org("lab", {ada: "contributor", bob: "read"})
    core.repo(ada, "lab/adas")
    for name in ("ada/x", "lab/x"):
        with pytest.raises(Forbidden):
            core.repo(bob, name)
    with pytest.raises(NotFound):
        core.repo(bob, "nobody-here/x")
    core.repo(admin, "bob/made-by-admin")
    with pytest.raises(ReadOnlyToken):
        core.repo(Caller(bob.user_id, "bob", may_write=False, is_admin=False), "bob/y")


def test_fifty_threads_create_one_name_once(core: Core, ada: Caller) -> None:
    outcomes = at_once(50, lambda number: core.repo(ada, "ada/Race" if number % 2 else "ada/race"))
    assert [type(outcome).__name__ for outcome in outcomes].count("Repo") == 1
    assert all(isinstance(outcome, Repo | AlreadyExists) for outcome in outcomes)


def at_once(count: int, function: Callable[[int], object]) -> list[object]:
    """What each call gave, a refusal included; all at the same time."""

    def call(number: int) -> object:
        try:
            return function(number)
        except HubError as error:
            return error

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(call, range(count)))


# --- moving and deleting --------------------------------------------------------------------------------------------


def test_a_moved_repo_answers_to_its_old_names(core: Core, ada: Caller, repo: Repo) -> None:
    core.org("lab", {ada: "write"})
    core.hub.catalog.move(ada, repo, "lab", "Nouns")
    moved = core.open(ada, "ada/words")
    assert (str(moved.repo_id), moved.id) == ("lab/Nouns", repo.id)
    core.hub.catalog.move(ada, moved, "ada", "verbs")
    for name in ("ada/words", "lab/nouns", "ada/verbs"):
        assert str(core.open(ada, name).repo_id) == "ada/verbs"


def test_an_old_name_can_be_taken_again(core: Core, ada: Caller, repo: Repo) -> None:
    core.hub.catalog.move(ada, repo, "ada", "nouns")
    new = core.repo(ada, "ada/words")
    assert core.open(ada, "ada/words").id == new.id
    assert core.open(ada, "ada/nouns").id == repo.id
    back = core.hub.catalog
    with pytest.raises(AlreadyExists):
        back.move(ada, core.open(ada, "ada/nouns"), "ada", "Words")


def test_a_repo_moves_back_and_changes_case(core: Core, ada: Caller, repo: Repo) -> None:
    catalog = core.hub.catalog
    catalog.move(ada, repo, "ada", "nouns")
    catalog.move(ada, core.open(ada, "ada/nouns"), "ada", "words")
    assert str(core.open(ada, "ada/nouns").repo_id) == "ada/words"
    catalog.move(ada, core.open(ada, "ada/words"), "ada", "WORDS")
    assert str(core.open(ada, "ada/words").repo_id) == "ada/WORDS"
    assert str(core.open(ada, "ada/nouns").repo_id) == "ada/WORDS"


def test_moving_asks_for_the_right_to_create_there(core: Core, ada: Caller, repo: Repo) -> None:
    core.user("bob")
    with pytest.raises(Forbidden):
        core.hub.catalog.move(ada, repo, "bob", "words")
    with pytest.raises(NotFound):
        core.hub.catalog.move(ada, repo, "nobody-here", "words")
    assert core.open(ada, "ada/words").id == repo.id


def test_a_deleted_repo_frees_its_name_and_shows_nothing_of_it(core: Core, ada: Caller, repo: Repo) -> None:
    sha256 = core.upload(repo, ada, b"large" * 1000)
    old = core.commit(repo, ada, {"a.txt": b"secret", "b.bin": sha256}).oid
    core.hub.catalog.move(ada, repo, "ada", "nouns")
    core.hub.catalog.delete(ada, repo)
    for name in ("ada/words", "ada/nouns"):
        with pytest.raises(RepoNotFound):
            core.open(ada, name)
    new = core.repo(ada, "ada/words")
    assert paths(new) == [".gitattributes"]
    with pytest.raises(RevisionNotFound):
        revisions.resolve_sync(new, old)
    with pytest.raises(Unprocessable):
        core.commit(new, ada, {"b.bin": sha256})
    assert not core.hub.access._stores.git.exists(repo.uid)  # noqa: SLF001 - nothing else tells


def test_whoever_still_holds_a_deleted_repo_is_told_so(core: Core, ada: Caller, repo: Repo) -> None:
    core.commit(repo, ada, {"a.txt": b"1"})
    held = main(repo)
    core.hub.catalog.delete(ada, repo)
    plan = Plan("x", operations=[AddFile(parse_path("b.txt"), b"2")])
    attempts: list[Callable[[], object]] = [
        lambda: commits.create(repo, ada, "main", plan),
        lambda: commits.propose(repo, ada, "main", plan),
        lambda: history.create_branch(repo, ada, "new", None),
        lambda: refs.update(repo, ada, refs.Update([refs.RefChange.to_commit("refs/heads/x", None, held.commit)])),
        lambda: core.hub.catalog.delete(ada, repo),
        lambda: core.hub.catalog.move(ada, repo, "ada", "elsewhere"),
        lambda: core.hub.catalog.change(ada, repo, Settings(private=True)),
    ]
    for attempt in attempts:
        with pytest.raises(NotFound):
            attempt()


def test_an_alias_leads_to_its_repo(core: Core, ada: Caller, repo: Repo) -> None:
    core.hub.catalog.alias("Gpt2", repo.repo_id)
    assert core.open(ada, "gpt2").id == repo.id
    core.hub.catalog.move(ada, repo, "ada", "nouns")
    assert str(core.open(ada, "gpt2").repo_id) == "ada/nouns"


# --- commits --------------------------------------------------------------------------------------------------------


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


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"delete": ["absent"]}, EntryNotFound),
        ({"delete": ["absent/"]}, EntryNotFound),
        ({"delete": ["d"]}, EntryNotFound),
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
    ],
)  # fmt: skip
def test_a_refused_commit_leaves_the_branch_alone(
    core: Core, ada: Caller, repo: Repo, change: dict[str, object], refusal: type[HubError]
) -> None:
    core.commit(repo, ada, {"a": b"1", "d/b": b"1", "bad.md": b"---\n[\n---\n"})
    history.create_tag(repo, ada, "main", "v1", None)
    before = main(repo).commit
    change = {key: before if value == "{sha}" else value for key, value in change.items()}
    with pytest.raises(refusal):
        core.commit(repo, ada, **change)  # type: ignore[arg-type]
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


# --- concurrency ----------------------------------------------------------------------------------------------------


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
    with pytest.raises(InvalidReference):
        commits.propose(repo, ada, "refs/pr/1", Plan("x"))


def test_refs_that_clash_cannot_both_be_made_at_once(core: Core, ada: Caller, repo: Repo) -> None:
    outcomes = at_once(12, lambda number: history.create_branch(repo, ada, "a/b" if number % 2 else "a", None))
    assert [outcome is None for outcome in outcomes].count(True) == 1
    assert all(outcome is None or isinstance(outcome, AlreadyExists) for outcome in outcomes)


# --- what a tip's rows say is what git says -------------------------------------------------------------------------


def assert_table_equals_git(repo: Repo, scratch: Path | None = None) -> None:
    """The rows of the tip: the same files, folders, sizes and last commits as a walk through git gives."""
    tip = main(repo)
    rows = {entry.path: entry for entry in files.list_all(repo, tip, limit=10**6).entries}
    walked = files.with_last_commits(repo, tip, files.list_all(repo, older_view(tip), limit=10**6).entries)
    assert list(rows.values()) == walked
    if scratch is not None:
        for path, entry in rows.items():
            assert entry.last_commit == git(repo, scratch, "log", "-1", "--format=%H", "main", "--", path).strip(), path


@pytest.mark.parametrize("seed", [1, 2, 3])
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
    assert set(held) | {".gitattributes"} == {e.path for e in files.list_all(repo, main(repo)).entries if not e.is_folder}
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


# --- reading --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 100])
def test_pages_at_the_tip_and_at_an_older_commit_agree(core: Core, ada: Caller, repo: Repo, limit: int) -> None:
    names = ["a", "a/x", "B", "é", "z0", "z-/x", "z/x", "z/y/q", "z/y0", "folder/1", "folder/2", "\U0001f600"]
    held = {name: name.encode() for name in names if not any(other.startswith(f"{name}/") for other in names)}
    core.commit(repo, ada, held)
    revision = main(repo)
    for view in (revision, older_view(revision)):
        for folder in ("", "z", "folder", "z/y"):
            everything = files.list_all(repo, view, folder).entries
            assert [e.path for e in everything] == sorted((e.path for e in everything), key=str.encode)
            assert _all_pages(files.list_all, repo, view, folder, limit) == everything
            level = files.list_folder(repo, view, folder).entries
            assert [e.path for e in level] == [
                e.path for is_file in (False, True) for e in everything
                if e.path.count("/") == (folder.count("/") + 1 if folder else 0) and (e.mode != MODE_TREE) is is_file
            ]  # fmt: skip
            assert _all_pages(files.list_folder, repo, view, folder, limit) == level
        for listing in (files.list_all, files.list_folder):
            with pytest.raises(EntryNotFound):
                listing(repo, view, "absent")
            with pytest.raises(EntryNotFound):
                listing(repo, view, "z0")
        assert files.total_size(repo, view) == sum(e.size for e in files.list_all(repo, view).entries)
        assert files.total_size(repo, view, "z") == len("z/x" + "z/y/q" + "z/y0")


def _all_pages(
    listing: Callable[..., files.Page], repo: Repo, revision: Revision, folder: str, limit: int
) -> list[files.Entry]:
    found, after = list[files.Entry](), ""
    for _ in range(1000):
        page = listing(repo, revision, folder, after=after, limit=limit)
        assert len(page.entries) <= limit
        found += page.entries
        if page.next_after is None:
            return found
        after = page.next_after
    raise AssertionError("the pages do not end")


def test_a_page_goes_on_where_it_was_though_the_entry_is_gone(core: Core, ada: Caller, repo: Repo) -> None:
    core.commit(repo, ada, {name: b"" for name in "abcdef"} | {"m/x": b"", "n/x": b""})
    for listing, first, left in ((files.list_folder, ["m"], ["n"]), (files.list_all, [".gitattributes"], ["b"])):
        page = listing(repo, main(repo), "", limit=1)
        assert [e.path for e in page.entries] == first
        core.commit(repo, ada, delete=["m/"] if listing is files.list_folder else ["a"])
        following = listing(repo, main(repo), "", after=page.next_after or "", limit=1)
        assert [e.path for e in following.entries] == left


def test_a_revision_that_was_the_tip_when_resolved_keeps_its_files(core: Core, ada: Caller, repo: Repo) -> None:
    """A commit lands between the look at the ref and the look at the rows: the answer is still about the first."""
    core.commit(repo, ada, {"a": b"1", "d/b": b"1"})
    resolved = main(repo)
    core.commit(repo, ada, {"a": b"22", "new": b"1"}, delete=["d/"])
    assert [e.path for e in files.list_all(repo, resolved).entries] == [".gitattributes", "a", "d", "d/b"]
    assert [e.path for e in files.list_folder(repo, resolved, "").entries] == ["d", ".gitattributes", "a"]
    assert [e.path for e in files.list_folder(repo, resolved, "d").entries] == ["d/b"]
    assert [e.size for e in files.at_paths(repo, resolved, ["a", "new", "d"])] == [1, 0]
    assert files.total_size(repo, resolved, "d") == 1
    assert files.total_size(repo, resolved) == len(text(repo, ".gitattributes")) + 2


def test_at_paths_keeps_the_order_and_leaves_out_what_is_absent(core: Core, ada: Caller, repo: Repo) -> None:
    core.commit(repo, ada, {f"f{number}": b"x" for number in range(30)} | {"d/x": b""})
    asked = ["f7", "absent", "/f3/", "", "/", "d", "f7", "d/x", "../f7", "f8/x", "a\x00b", "f1"]
    for view in (main(repo), older_view(main(repo))):
        assert [e.path for e in files.at_paths(repo, view, asked)] == ["f7", "f3", "d", "d/x", "f1"]


def test_info_has_the_files_of_the_revision_it_names(core: Core, ada: Caller, repo: Repo) -> None:
    core.commit(repo, ada, {"a": b"1", "d/b": b"1"})
    rows = files.list_all(repo, main(repo)).entries
    found = core_siblings(repo)
    assert found == [(e.path, e.size, e.oid, e.sha256, e.pointer_size) for e in rows if not e.is_folder]


def core_siblings(repo: Repo) -> list[info.Sibling]:
    with repo.database.read() as connection:
        query = sa.text(info._SIBLINGS.sqlite)  # noqa: SLF001 - the text is the thing tested
        return [tuple(row) for row in connection.execute(query, {"repo": repo.id, "commit": main(repo).commit})]


# --- revisions ------------------------------------------------------------------------------------------------------


def test_ways_to_write_a_revision(core: Core, ada: Caller, repo: Repo) -> None:
    first = core.commit(repo, ada, {"a": b"1"}).oid
    history.create_tag(repo, ada, "main", "v1", None)
    history.create_tag(repo, ada, "main", "v1-signed", "with a message")
    second = core.commit(repo, ada, {"a": b"2"}).oid
    for revision in ("main", "HEAD", "refs/heads/main", second, second[:7], second[:39]):
        assert revisions.resolve_sync(repo, revision).commit == second, revision
    for revision in ("v1", "refs/tags/v1", "v1-signed", first, first[:12]):
        assert revisions.resolve_sync(repo, revision).commit == first, revision
    tree = repo.objects.commit(second).tree
    for revision in ("", "absent", second[:6], "0" * 40, "0" * 7, second.upper(), tree, tree[:10], "HEAD~1", "main^",
                     "main:a", "@", "@{-1}", "refs/", "refs/heads/", "heads/main", "refs/heads/../heads/main",
                     "HEAD:../../x", "--upload-pack=x", "main\n", "m\x00ain", "x" * 5000):  # fmt: skip
        with pytest.raises(RevisionNotFound):
            revisions.resolve_sync(repo, revision)


def test_a_tag_named_like_a_short_sha_wins(core: Core, ada: Caller, repo: Repo) -> None:
    first = core.commit(repo, ada, {"a": b"1"}).oid
    core.commit(repo, ada, {"a": b"2"})
    history.create_tag(repo, ada, "main", first[:7], None)
    assert revisions.resolve_sync(repo, first[:7]).commit == main(repo).commit
    assert revisions.resolve_sync(repo, first[:8]).commit == first


def test_a_short_revision_that_two_commits_share_is_none(core: Core, ada: Caller, repo: Repo) -> None:
    base = repo.objects.commit(repo.genesis.commit)
    author = Signature("eve", "eve@example.org", 1, 0)
    seen: dict[str, bytes] = {}
    for number in range(200_000):
        data = build_commit(base.tree, [base.oid], author, author, f"{number}")
        other = seen.setdefault(object_id("commit", data)[:7], data)
        if other is not data:
            break
    both = [object_id("commit", data) for data in (other, data)]
    repo.stores.git.write(repo.uid, [("commit", other), ("commit", data)], repo.genesis.objects())
    for length in range(7, 40):
        if both[0][:length] == both[1][:length]:
            with pytest.raises(RevisionNotFound):
                revisions.resolve_sync(repo, both[0][:length])
        else:
            assert revisions.resolve_sync(repo, both[0][:length]).commit == both[0]


# --- branches and tags ----------------------------------------------------------------------------------------------


def test_branches_and_tags_come_and_go(core: Core, ada: Caller, repo: Repo) -> None:
    first = core.commit(repo, ada, {"a": b"1"}).oid
    core.commit(repo, ada, {"a": b"2"})
    history.create_branch(repo, ada, "feature/x", first[:8])
    history.create_branch(repo, ada, "v1", None)
    history.create_tag(repo, ada, "feature/x", "v1", "message")
    assert revisions.resolve_sync(repo, "v1").commit == main(repo).commit
    assert revisions.resolve_sync(repo, "refs/tags/v1").commit == first
    core.commit(repo, ada, {"b": b"1"}, revision="feature/x")
    assert paths(repo, "feature/x") == [".gitattributes", "a", "b"]
    assert "b" not in paths(repo)
    for again in ("feature/x", "main"):
        with pytest.raises(AlreadyExists):
            history.create_branch(repo, ada, again, None)
    with pytest.raises(AlreadyExists):
        history.create_tag(repo, ada, "main", "v1", None)
    history.delete_branch(repo, ada, "v1")
    assert revisions.resolve_sync(repo, "v1").commit == first
    history.delete_tag(repo, ada, "v1")
    for gone in (lambda: history.delete_branch(repo, ada, "v1"), lambda: history.delete_tag(repo, ada, "v1")):
        with pytest.raises(RevisionNotFound):
            gone()
    with pytest.raises(Forbidden):
        history.delete_branch(repo, ada, "main")


@pytest.mark.parametrize(("first", "second"), [("a", "a/b"), ("a/b", "a"), ("a/b", "a/b/c"), ("x/a/b/c", "x/a")])
def test_one_ref_cannot_be_the_folder_of_another(
    core: Core, ada: Caller, repo: Repo, first: str, second: str
) -> None:
    history.create_branch(repo, ada, first, None)
    with pytest.raises(AlreadyExists):
        history.create_branch(repo, ada, second, None)
    pushed = refs.RefChange.to_commit(f"refs/heads/{second}", None, main(repo).commit)
    with pytest.raises(AlreadyExists):
        refs.update(repo, ada, refs.Update([pushed]))
    history.create_tag(repo, ada, "main", second, None)
    history.create_branch(repo, ada, f"{first}-2", None)
    both = [refs.RefChange(f"refs/heads/{first}", main(repo).commit, None, None), pushed]
    refs.update(repo, ada, refs.Update(both))
    assert revisions.resolve_sync(repo, f"refs/heads/{second}").commit == main(repo).commit


@pytest.mark.parametrize(
    "name",
    ["", "-x", "a..b", "a b", "a\x00", "a~1", "a^", "a:b", "a?", "a*", "a[", "a\\b", "/a", "a/", "a//b", ".a", "a/.b",
     "a.", "a.lock", "a.lock/b", "@", "a@{b", "HEAD", "refs/pr/1", "refs/heads/x", "0" * 40, "a\x7f", "a" * 201,
     "é" * 101],
)  # fmt: skip
def test_names_that_git_or_the_hub_refuse(core: Core, ada: Caller, repo: Repo, name: str) -> None:
    for create in (lambda: history.create_branch(repo, ada, name, None), lambda: history.create_tag(repo, ada, "main", name, None)):
        with pytest.raises(InvalidReference):
            create()


def test_what_no_ref_may_be_is_refused_wherever_it_comes_from(core: Core, ada: Caller, repo: Repo) -> None:
    tip = main(repo).commit
    for name in ("refs/replace/" + tip, "refs/convert/parquet", "HEAD", "refs/heads", "refs/heads/", "refs/heads/-x",
                 "refs/tags/a..b", "refs/pr/x", "refs/pr/0", "refs/pr/1/head", "refs/notes/x"):  # fmt: skip
        with pytest.raises((Forbidden, InvalidReference)):
            refs.update(repo, ada, refs.Update([refs.RefChange.to_commit(name, None, tip)]))
    with pytest.raises(Forbidden):
        refs.update(repo, ada, refs.Update([refs.RefChange(DEFAULT_REF, tip, None, None)]))
    assert [ref.name for ref in refs.all_refs(repo)] == [DEFAULT_REF]


def test_several_refs_move_together_or_not_at_all(core: Core, ada: Caller, repo: Repo) -> None:
    tip = main(repo).commit
    good = refs.RefChange.to_commit("refs/heads/a", None, tip)
    bad = refs.RefChange.to_commit("refs/heads/b", tip, tip)
    with pytest.raises(StaleParent):
        refs.update(repo, ada, refs.Update([good, bad]))
    assert [ref.name for ref in refs.all_refs(repo)] == [DEFAULT_REF]


# --- what was done is told ------------------------------------------------------------------------------------------


def test_every_change_leaves_an_event_and_a_line_in_the_reflog(core: Core, ada: Caller, repo: Repo) -> None:
    first = main(repo).commit
    second = core.commit(repo, ada, {"a": b""}).oid
    history.create_branch(repo, ada, "b", None)
    history.delete_branch(repo, ada, "b")
    core.hub.catalog.change(ada, repo, Settings(private=True, gated="auto"))
    core.hub.catalog.move(ada, repo, "ada", "nouns")
    with core.hub.database.read() as connection:
        kinds = [row.kind for row in connection.execute(sa.select(schema.events).order_by(schema.events.c.id))]
        log = sa.select(schema.reflog).order_by(schema.reflog.c.id)
        lines = [(row.ref, row.old, row.new, row.actor_id) for row in connection.execute(log)]
    assert [kind for kind in kinds if kind.startswith("repo.")] == [
        "repo.create", "repo.content.update", "repo.content.update", "repo.content.update",
        "repo.update_settings", "repo.move",
    ]  # fmt: skip
    assert lines == [
        (DEFAULT_REF, first, second, ada.user_id),
        ("refs/heads/b", None, second, ada.user_id),
        ("refs/heads/b", second, None, ada.user_id),
    ]


# --- who may --------------------------------------------------------------------------------------------------------


def test_listing_shows_what_may_be_read_and_nothing_else(core: Core, ada: Caller) -> None:
    bob, eve, admin = core.user("bob"), core.user("eve"), core.user("root2", is_admin=True)
    core.org("lab", {bob: "read", ada: "contributor", eve: "no_access"})
    core.repo(ada, "ada/public")
    core.repo(ada, "ada/secret", private=True)
    core.repo(ada, "lab/secret", private=True)

    def listed(caller: Caller, **query: object) -> list[str]:
        found = info.list_repos(core.hub.database, caller, info.Query(type=RepoType.MODEL, **query))  # type: ignore[arg-type]
        return sorted(str(repo.repo_id) for repo in found.repos)

    assert listed(Caller.nobody()) == listed(eve) == ["ada/public"]
    assert listed(bob) == ["ada/public", "lab/secret"]
    assert listed(ada) == listed(admin) == ["ada/public", "ada/secret", "lab/secret"]
    assert listed(eve, searches=("secret",)) == listed(eve, author="lab") == []
    page = info.list_repos(core.hub.database, eve, info.Query(type=RepoType.MODEL, limit=1))
    assert page.next_cursor is None


@pytest.mark.parametrize("cursor", ["", "x", "WzEsMV0", "W10", "é", "WzFlOTksMV0", "WzE4NDQ2NzQ0MDczNzA5NTUxNjE2LDFd"])
def test_a_cursor_of_ones_own_making_is_refused_or_harmless(core: Core, ada: Caller, repo: Repo, cursor: str) -> None:
    try:
        info.list_repos(core.hub.database, ada, info.Query(type=RepoType.MODEL, cursor=cursor))
    except BadRequest:
        pass


def test_listing_pages_meet_every_repo_once(core: Core, ada: Caller) -> None:
    for number in range(7):
        core.repo(ada, f"ada/r{number}")
    for ascending in (True, False):
        seen, cursor = list[str](), None
        while True:
            query = info.Query(type=RepoType.MODEL, sort="createdAt", ascending=ascending, limit=2, cursor=cursor)
            page = info.list_repos(core.hub.database, ada, query)
            seen += [repo.repo_id.name for repo in page.repos]
            cursor = page.next_cursor
            if cursor is None:
                break
        assert sorted(seen) == [f"r{number}" for number in range(7)]


def test_a_repo_opens_for_whom_it_may(core: Core, ada: Caller) -> None:
    bob, eve = core.user("bob"), core.user("eve")
    core.org("lab", {ada: "admin", bob: "contributor"})
    adas, bobs = core.repo(ada, "lab/adas", private=True), core.repo(bob, "lab/bobs", private=True)
    core.open(bob, "lab/bobs", Action.MANAGE)
    core.open(bob, "lab/adas", Action.PROPOSE)
    for name, action in (("lab/adas", Action.WRITE), ("lab/adas", Action.MANAGE), ("lab/bobs", Action.ADMINISTER)):
        with pytest.raises(Forbidden):
            core.open(bob, name, action)
    for caller in (eve, Caller.nobody()):
        for action in Action:
            with pytest.raises(RepoNotFound):
                core.open(caller, "lab/adas", action)
    opened = core.hub.access.open_all_sync(bob, [adas.id, bobs.id, 10**6], Action.WRITE)
    assert [repo.id for repo in opened] == [bobs.id]
