"""Repos: created, moved, deleted, listed and opened; over both databases."""

from collections.abc import Callable

import pytest
import sqlalchemy as sa

from pioche.accounts.callers import Caller
from pioche.db import schema
from pioche.errors import (
    AlreadyExists,
    Forbidden,
    InvalidName,
    NotFound,
    ReadOnlyToken,
    RepoNotFound,
    RevisionNotFound,
    Unprocessable,
)
from pioche.names import DEFAULT_REF, RepoType, parse_path
from pioche.repos import commits, history, refs, revisions
from pioche.repos.access import Action, Repo
from pioche.repos.catalog import Settings
from pioche.repos.commits import AddFile, Plan
from tests.core import Core, at_once, main, paths, text


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


def test_bad_names_are_refused(core: Core, ada: Caller) -> None:
    for name in ("", "a b", "-a", "a-", ".a", "a..b", "a--b", "x.git", "é", "a\x00b", "a/b", "a" * 97):
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


# --- moving and deleting ----------------------------------------------------------------------------------------------


def test_a_moved_repo_answers_to_its_old_names(core: Core, ada: Caller, repo: Repo) -> None:
    core.org("lab", {ada: "admin"})
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


def test_only_administrators_move_a_repo_out_of_an_organisation(core: Core, ada: Caller) -> None:
    bob, admin = core.user("bob"), core.user("root2", is_admin=True)
    core.org("lab", {ada: "admin", bob: "write"})
    core.repo(ada, "lab/words")
    opened = core.open(bob, "lab/words", Action.MANAGE)
    with pytest.raises(Forbidden, match="administrator of lab"):
        core.hub.catalog.move(bob, opened, "bob", "words")
    core.hub.catalog.move(bob, opened, "lab", "nouns")
    core.hub.catalog.move(ada, core.open(ada, "lab/nouns", Action.MANAGE), "ada", "nouns")
    core.hub.catalog.move(admin, core.open(admin, "ada/nouns", Action.MANAGE), "lab", "words")
    assert str(core.open(bob, "ada/nouns").repo_id) == "lab/words"


def test_the_first_administrator_owns_no_repos(core: Core, ada: Caller) -> None:
    """`/admin/...` are pages."""
    with core.hub.database.write() as connection:
        connection.execute(schema.accounts.update().values(name="admin", name_key="admin", is_admin=True))
    for name in ("words", "admin/words"):
        with pytest.raises(InvalidName, match="reserved"):
            core.repo(Caller(ada.user_id, "admin", may_write=True, is_admin=True), name)


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


# --- what was done is told --------------------------------------------------------------------------------------------


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


# --- who may ----------------------------------------------------------------------------------------------------------


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
