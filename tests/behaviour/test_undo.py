"""Undoing a deletion of a repo and a move of a ref, over both databases (scenario J7)."""

import pytest

from pioche.accounts.callers import Caller
from pioche.errors import AlreadyExists, EntryNotFound, Forbidden, ReadOnlyToken, RepoNotFound, StaleParent
from pioche.names import Oid, RepoType
from pioche.repos import history, refs, undo
from pioche.repos.access import Action, Repo
from pioche.repos.refs import RefChange, Update
from tests.core import Core, main, paths, text


def delete(core: Core, who: Caller, name: str, type: RepoType = RepoType.MODEL) -> str:
    repo = core.open(who, name, Action.MANAGE, type=type)
    core.hub.catalog.delete(who, repo)
    return repo.uid


def restore(core: Core, who: Caller, uid: str, name: str = "") -> Repo:
    found = core.hub.access.open_deleted_sync(who, uid, Action.MANAGE)
    core.hub.catalog.restore(who, found, name)
    return core.hub.access.open_all_sync(who, [found.id], Action.READ)[0]


def deleted(core: Core, who: Caller) -> list[str]:
    return [found.uid for found in undo.deleted_repos(core.hub.database, who, undo_hours=24)]


def test_a_deleted_repo_comes_back_as_it_was(core: Core, ada: Caller, repo: Repo) -> None:
    sha256 = core.upload(repo, ada, b"large" * 1000)
    core.commit(repo, ada, {"a.txt": b"1", "big.bin": sha256})
    history.create_branch(repo, ada, "dev", None)
    core.hub.catalog.alias("words", repo.repo_id)
    before = (paths(repo), refs.all_refs(repo), main(repo).commit)
    uid = delete(core, ada, "ada/words")
    for name in ("ada/words", "words"):
        with pytest.raises(RepoNotFound):
            core.open(ada, name)
    assert deleted(core, ada) == [uid]
    back = restore(core, ada, uid)
    assert (back.id, str(back.repo_id)) == (repo.id, "ada/words")
    assert (paths(back), refs.all_refs(back), main(back).commit) == before
    assert text(back, "big.bin") == b"large" * 1000
    assert core.open(ada, "words").id == repo.id
    assert deleted(core, ada) == []
    with pytest.raises(RepoNotFound):
        restore(core, ada, uid)


def test_its_name_is_free_and_restoring_takes_another_then(core: Core, ada: Caller, repo: Repo) -> None:
    core.commit(repo, ada, {"old.txt": b"1"})
    uid = delete(core, ada, "ada/words")
    new = core.repo(ada, "ada/words")
    assert new.id != repo.id
    assert paths(new) == [".gitattributes"]
    with pytest.raises(AlreadyExists, match="another name"):
        restore(core, ada, uid)
    back = restore(core, ada, uid, "ada/rescued")
    assert str(back.repo_id) == "ada/rescued"
    assert "old.txt" in paths(back)
    assert core.open(ada, "ada/words").id == new.id


def test_the_same_name_can_be_deleted_again_and_again(core: Core, ada: Caller) -> None:
    uids = []
    for _ in range(3):
        core.repo(ada, "ada/again")
        uids.append(delete(core, ada, "ada/again"))
    assert sorted(deleted(core, ada)) == sorted(uids)
    restore(core, ada, uids[1])
    assert core.open(ada, "ada/again").uid == uids[1]


def test_who_may_delete_may_restore(core: Core, ada: Caller) -> None:
    writer, reader, stranger = core.user("writer"), core.user("reader"), core.user("stranger")
    admin = core.user("boss", is_admin=True)
    maker, other = core.user("maker"), core.user("other")
    core.org("lab", {writer: "write", reader: "read", maker: "contributor", other: "contributor"})
    core.repo(maker, "lab/secret", private=True)
    uid = delete(core, writer, "lab/secret")
    seeing = {who.name for who in (ada, writer, reader, stranger, admin, maker, other) if deleted(core, who)}
    assert seeing == {"writer", "boss", "maker"}
    for who in (stranger, ada):
        with pytest.raises(RepoNotFound):
            restore(core, who, uid)
    for who in (reader, other):
        with pytest.raises(Forbidden):
            restore(core, who, uid)
    with pytest.raises(ReadOnlyToken):
        restore(core, Caller(maker.user_id, "maker", may_write=False, is_admin=False), uid)
    with pytest.raises(Forbidden):
        restore(core, maker, uid, "maker/mine-now")
    assert str(restore(core, Caller.operator(), uid).repo_id) == "lab/secret"


def test_an_organisation_whose_repos_are_deleted_can_go(core: Core, ada: Caller) -> None:
    core.org("lab", {ada: "admin"})
    core.repo(ada, "lab/x")
    uid = delete(core, ada, "lab/x")
    core.hub.directory.remove_org(core.hub.directory.get_org("lab"))
    with pytest.raises(RepoNotFound):
        restore(core, ada, uid)


# --- refs -------------------------------------------------------------------------------------------------------------


def moves(repo: Repo, ref: str) -> list[tuple[Oid | None, Oid | None]]:
    return [(move.old, move.new) for move in undo.moves(repo, undo_days=7, ref=ref)]


def test_a_deleted_branch_is_put_back(core: Core, ada: Caller, repo: Repo) -> None:
    history.create_branch(repo, ada, "dev", None)
    tip = core.commit(repo, ada, {"dev.txt": b"1"}, revision="dev").oid
    history.delete_branch(repo, ada, "dev")
    gone = undo.moves(repo, undo_days=7, ref="refs/heads/dev")[0]
    assert (gone.old, gone.new, gone.actor) == (tip, None, "ada")
    assert undo.restore_ref(repo, ada, gone.id).commit == tip
    assert text(repo, "dev.txt", "dev") == b"1"
    assert undo.restore_ref(repo, ada, gone.id).commit == tip
    assert moves(repo, "refs/heads/dev")[0] == (None, tip)


def test_a_forced_push_is_undone(core: Core, ada: Caller, repo: Repo) -> None:
    sha256 = core.upload(repo, ada, b"precious" * 500)
    first = core.commit(repo, ada, {"big.bin": sha256}).oid
    forced = repo.genesis.commit
    refs.update(repo, ada, Update([RefChange.to_commit("refs/heads/main", first, forced)]))
    assert paths(repo) == [".gitattributes"]
    undo.restore_ref(repo, ada, undo.moves(repo, undo_days=7)[0].id)
    assert text(repo, "big.bin") == b"precious" * 500
    assert moves(repo, "refs/heads/main")[:2] == [(forced, first), (first, forced)]


def test_an_annotated_tag_is_put_back(core: Core, ada: Caller, repo: Repo) -> None:
    history.create_tag(repo, ada, "main", "v1", "the first")
    before = refs.get(repo, "refs/tags/v1")
    history.delete_tag(repo, ada, "v1")
    undo.restore_ref(repo, ada, undo.moves(repo, undo_days=7)[0].id)
    assert refs.get(repo, "refs/tags/v1") == before


def test_what_made_a_ref_and_what_another_repo_did_cannot_be_undone(core: Core, ada: Caller, repo: Repo) -> None:
    other = core.repo(ada, "ada/other")
    history.create_branch(other, ada, "dev", None)
    history.delete_branch(other, ada, "dev")
    deletion, creation = undo.moves(other, undo_days=7)
    for move in (creation.id, deletion.id, 10**6):
        with pytest.raises(EntryNotFound):
            undo.restore_ref(repo, ada, move)
    assert undo.moves(repo, undo_days=7) == []


def test_a_repo_deleted_meanwhile_takes_nothing_more(core: Core, ada: Caller, repo: Repo) -> None:
    """Whoever opened it before the deletion is told, and nothing is kept."""
    tip = main(repo).commit
    delete(core, ada, "ada/words")
    with pytest.raises(RepoNotFound):
        core.commit(repo, ada, {"a.txt": b"1"})
    with pytest.raises(RepoNotFound):
        core.upload(repo, ada, b"late" * 1000)
    with pytest.raises((RepoNotFound, StaleParent)):
        history.create_branch(repo, ada, "dev", tip)
    with pytest.raises(RepoNotFound):
        core.hub.catalog.delete(ada, repo)
    with pytest.raises(RepoNotFound):
        core.hub.catalog.move(ada, repo, "ada", "elsewhere")
