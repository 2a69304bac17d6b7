"""Protected branches over both databases: whoever comes by whichever door, the rule is asked where the ref moves (F12)."""

import pytest

from pioche.accounts.callers import Caller
from pioche.errors import Forbidden, InvalidReference, RevisionNotFound
from pioche.names import DEFAULT_REF, EntryPath, Oid
from pioche.repos import commits, history, merging, protection, refs
from pioche.repos.access import Repo
from pioche.repos.commits import AddFile, Plan
from tests.core import Core, main


@pytest.fixture
def writer(core: Core, ada: Caller) -> Caller:
    """May write to what `lab` has; ada administers it."""
    writer = core.user("wim")
    core.org("lab", {ada: "admin", writer: "write"})
    return writer


@pytest.fixture
def shared(core: Core, ada: Caller, writer: Caller) -> Repo:
    repo = core.repo(ada, "lab/shared")
    core.commit(repo, ada, {"a.txt": b"1"})
    protection.protect(repo, ada, "main")
    return repo


def plan(name: str) -> Plan:
    return Plan("Change", "", None, [AddFile(EntryPath(name), b"x")])


def test_only_owners_change_a_protected_branch(core: Core, ada: Caller, writer: Caller, shared: Repo) -> None:
    with pytest.raises(Forbidden, match=r"branch main is protected: only the owner of lab .* pull request"):
        commits.create(shared, writer, "main", plan("b.txt"))
    commits.create(shared, ada, "main", plan("b.txt"))
    commits.create(shared, core.user("chief", is_admin=True), "main", plan("c.txt"))
    history.create_branch(shared, writer, "free", None)
    commits.create(shared, writer, "free", plan("d.txt"))


def test_a_pull_request_into_it_is_merged_by_owners(ada: Caller, writer: Caller, shared: Repo) -> None:
    number = commits.propose(shared, writer, "main", plan("b.txt")).pull_request
    assert number is not None
    with pytest.raises(Forbidden, match="protected"):
        merging.merge(shared, writer, number)
    assert merging.merge(shared, ada, number) == main(shared).commit


def test_nobody_deletes_it_or_takes_commits_away(ada: Caller, writer: Caller, shared: Repo) -> None:
    history.create_branch(shared, ada, "kept", None)
    protection.protect(shared, ada, "kept")
    with pytest.raises(Forbidden, match="kept is protected: it cannot be deleted"):
        history.delete_branch(shared, ada, "kept")
    with pytest.raises(Forbidden, match="commits cannot be taken away"):
        history.squash(shared, ada, "kept", "One")
    tip = refs.get(shared, "refs/heads/kept").commit
    first = Oid(shared.objects.commit(tip).parents[0])
    with pytest.raises(Forbidden, match="commits cannot be taken away"):
        refs.update(shared, ada, refs.Update([refs.RefChange.to_commit("refs/heads/kept", tip, first)]))
    protection.unprotect(shared, ada, "kept")
    history.delete_branch(shared, writer, "kept")


def test_who_says_what_is_protected(ada: Caller, writer: Caller, shared: Repo) -> None:
    history.create_branch(shared, writer, "mine", None)
    for change in (protection.protect, protection.unprotect):
        with pytest.raises(Forbidden, match="Only the owner of lab"):
            change(shared, writer, "mine")
    for _ in range(2):
        protection.protect(shared, ada, "mine")
    assert protection.protected(shared) == {DEFAULT_REF, "refs/heads/mine"}
    assert protection.may_change(shared, ada, DEFAULT_REF)
    assert not protection.may_change(shared, writer, DEFAULT_REF)
    with pytest.raises(RevisionNotFound):
        protection.protect(shared, ada, "absent")
    with pytest.raises(InvalidReference):
        protection.protect(shared, ada, "refs/pr/1")


def test_one_refused_ref_refuses_all_of_an_update(ada: Caller, writer: Caller, shared: Repo) -> None:
    tip = main(shared).commit
    history.create_branch(shared, writer, "free", None)
    commits.create(shared, writer, "free", plan("d.txt"))
    new = refs.get(shared, "refs/heads/free").commit
    moves = [refs.RefChange.to_commit("refs/heads/other", None, new), refs.RefChange.to_commit(DEFAULT_REF, tip, new)]
    with pytest.raises(Forbidden):
        refs.update(shared, writer, refs.Update(moves))
    assert refs.find(shared, "refs/heads/other") is None
    refs.update(shared, ada, refs.Update(moves))
    assert main(shared).commit == new
