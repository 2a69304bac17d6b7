"""Accounts that are renamed and deleted, over both databases (ui.md T1, T7)."""

import pytest
import sqlalchemy as sa

from pioche.accounts import closing, former_names, renaming
from pioche.accounts.callers import Caller
from pioche.accounts.members import Role
from pioche.community import likes
from pioche.db import schema
from pioche.errors import AccountNotFound, AlreadyExists, Conflict, Forbidden, RepoNotFound
from pioche.names import RepoId, RepoType
from pioche.repos import undo
from pioche.repos.access import Action, Repo
from pioche.repos.catalog import NewRepo, Settings
from pioche.upkeep.fsck import counters
from pioche.upkeep.fsck.scene import Scene
from tests.core import Core, at_once, main


def rename(core: Core, name: str, new: str) -> str:
    return renaming.rename(core.hub.database, core.hub.directory.get(name), new)


def close(core: Core, name: str, *, with_repos: bool = False) -> None:
    closing.close(core.hub.database, core.hub.directory.get_user(name), with_repos=with_repos)


def kinds(core: Core) -> list[str]:
    with core.hub.database.read() as connection:
        return list(connection.execute(sa.select(schema.events.c.kind).order_by(schema.events.c.id)).scalars())


def likes_of(core: Core, name: str) -> int:
    key = schema.repos.c.full_key == name
    with core.hub.database.read() as connection:
        return connection.execute(sa.select(schema.repos.c.likes).where(key)).scalar_one()


def test_t1_a_new_name_takes_the_repos_along_and_the_old_one_leads_to_it(core: Core, ada: Caller, repo: Repo) -> None:
    core.commit(repo, ada, {"a.txt": b"1"})
    before = main(repo).commit
    assert rename(core, "ada", "Countess") == "Countess"
    found = core.open(ada, "countess/words", Action.WRITE)
    assert (found.id, str(found.repo_id), main(found).commit) == (repo.id, "Countess/words", before)
    assert core.open(ada, "ada/words").id == repo.id  # by the redirect
    holder = former_names.holder(core.hub.database, "ADA")
    assert holder is not None
    assert holder.name == "Countess"
    with pytest.raises(AccountNotFound):
        core.hub.directory.get("ada")
    assert kinds(core)[-2:] == ["user.rename", "repo.move"]


def test_t1_nobody_takes_a_name_that_was_given_up_but_who_had_it(core: Core, ada: Caller, repo: Repo) -> None:
    rename(core, "ada", "countess")
    for make in (core.hub.directory.create_user, core.hub.directory.create_org):
        with pytest.raises(AlreadyExists):
            make("Ada")
    core.hub.directory.create_user("eve")
    with pytest.raises(AlreadyExists):
        rename(core, "eve", "ada")
    with pytest.raises(AlreadyExists):
        rename(core, "eve", "countess")
    rename(core, "countess", "ada")
    assert core.open(ada, "countess/words").id == core.open(ada, "ada/words").id == repo.id


def test_t1_a_new_spelling_gives_up_no_name(core: Core, ada: Caller, repo: Repo) -> None:
    rename(core, "ada", "Ada")
    assert str(core.open(ada, "ada/words").repo_id) == "Ada/words"
    assert former_names.holder(core.hub.database, "ada") is None
    assert repo.repo_id.key == "ada/words"


def test_t1_names_do_not_change_without_end(core: Core, ada: Caller) -> None:
    for number in range(former_names.KEPT_MAX):
        rename(core, "ada" if number == 0 else f"ada{number}", f"ada{number + 1}")
    last = f"ada{former_names.KEPT_MAX}"
    with pytest.raises(Conflict):
        rename(core, last, "one-more")
    assert core.hub.directory.get(last).id == ada.user_id
    assert rename(core, last, "ada") == "ada"


def test_t1_a_deleted_repo_is_restored_under_the_new_name(core: Core, ada: Caller, repo: Repo) -> None:
    core.hub.catalog.delete(ada, repo)
    rename(core, "ada", "countess")
    found = core.hub.access.open_deleted_sync(ada, repo.uid, Action.MANAGE)
    assert str(core.hub.catalog.restore(ada, found, "")) == "countess/words"


def test_t7_an_account_goes_with_its_repos_only_where_it_says_so(core: Core, ada: Caller, repo: Repo) -> None:
    token, _ = core.hub.directory.tokens.create(core.hub.directory.get_user("ada"))
    with pytest.raises(Conflict, match="owns 1 repos"):
        close(core, "ada")
    assert core.open(ada, "ada/words").id == repo.id
    close(core, "ada", with_repos=True)
    with pytest.raises(RepoNotFound):
        core.open(ada, "ada/words")
    with pytest.raises(AccountNotFound):
        core.hub.directory.get("ada")
    with pytest.raises(AlreadyExists):
        core.hub.directory.create_user("ada")
    assert token
    assert undo.deleted_repos(core.hub.database, ada, undo_hours=24) == []
    assert kinds(core)[-2:] == ["repo.delete", "user.delete"]
    with pytest.raises(AccountNotFound):
        close(core, "ada")


def test_t7_its_likes_are_counted_no_more(core: Core, ada: Caller, repo: Repo) -> None:
    bob = core.user("bob")
    for who in (ada, bob):
        likes.like(repo, who)
    close(core, "bob")
    assert likes_of(core, "ada/words") == 1


def test_t7_nobody_leaves_an_organisation_alone(core: Core, ada: Caller) -> None:
    bob = core.user("bob")
    core.org("lab", {bob: "admin", ada: "write"})
    assert closing.obstacles(core.hub.database, core.hub.directory.get_user("bob")) == ["lab"]
    with pytest.raises(Conflict, match="lab"):
        close(core, "bob")
    org = core.hub.directory.get_org("lab")
    core.hub.directory.members.add(org, core.hub.directory.get_user("ada"), Role.ADMIN)
    close(core, "bob")
    assert core.hub.directory.members.count(org) == 1


def test_t7_the_last_administrator_of_the_hub_stays(core: Core) -> None:
    core.user("chief", is_admin=True)
    with pytest.raises(Conflict, match="this hub"):
        close(core, "chief")


def test_s1_duplicates_that_are_not_wanted_are_refused_to_everybody(core: Core, ada: Caller, repo: Repo) -> None:
    bob = core.user("bob")
    core.hub.catalog.change(ada, repo, Settings(duplication_off=True))
    for who, name in ((bob, "bob"), (ada, "ada")):
        with pytest.raises(Forbidden):
            core.hub.catalog.duplicate(who, repo, name, "copy", private=None)
    core.hub.catalog.change(ada, repo, Settings(duplication_off=False))
    made = core.hub.catalog.duplicate(bob, repo, "bob", "copy", private=None)
    assert made.repo_id == RepoId(RepoType.MODEL, "bob", "copy")


def test_j6_counters_that_went_wrong_are_told_and_mended(core: Core, ada: Caller, repo: Repo) -> None:
    likes.like(repo, ada)
    scene = Scene(core.hub.config, core.hub.database, core.hub.blobs)
    assert list(counters.all_counters(scene)) == []
    with core.hub.database.write() as connection:
        connection.execute(schema.repos.update().values(likes=7))
    (problem,) = counters.all_counters(scene)
    assert (problem.subject, problem.detail) == ("repos ada/words", "7 instead of 1 likes")
    assert problem.mend is not None
    problem.mend()
    assert likes_of(core, "ada/words") == 1
    assert list(counters.all_counters(scene)) == []


def test_t1_no_repo_is_made_under_the_old_name_meanwhile(core: Core, ada: Caller) -> None:
    def step(number: int) -> object:
        if number == 0:
            return rename(core, "ada", "countess")
        try:
            return core.hub.catalog.create(ada, NewRepo(type=RepoType.MODEL, namespace="ada", name=f"words-{number}"))
        except AccountNotFound:
            return None  # the new name was first

    at_once(6, step)
    with core.hub.database.read() as connection:
        names = connection.execute(sa.select(schema.repos.c.full_name)).scalars()
        assert [name for name in names if not name.startswith("countess/")] == []
