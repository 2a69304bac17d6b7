"""Merging and closing pull requests, over both databases."""

import pytest

from pioche.accounts.callers import Caller
from pioche.community import discussions, standing
from pioche.errors import Conflict, EntryNotFound, Forbidden
from pioche.repos import commits, merging, pulls, refs
from pioche.repos.access import Repo
from pioche.repos.commits import AddFile, DeleteFile, Operation, Plan
from pioche.repos.threads import Opening
from tests.core import Core, main, paths, text


def propose(repo: Repo, who: Caller, title: str, *operations: Operation) -> int:
    """The number of a new pull request against main."""
    made = commits.propose(repo, who, "main", Plan(title, "why", None, operations))
    assert made.pull_request is not None
    return made.pull_request


def test_a_merge_is_one_commit_on_what_the_base_has_become(core: Core, ada: Caller, repo: Repo) -> None:
    core.commit(repo, ada, {"old.txt": b"old", "kept.txt": b"kept"})
    bob = core.user("bob")
    number = propose(repo, bob, "Better", AddFile("new/a.txt", b"new"), DeleteFile("old.txt"))
    base = core.commit(repo, ada, {"meanwhile.txt": b"1"}).oid
    merged = merging.merge(repo, ada, number)
    assert main(repo).commit == merged
    assert paths(repo) == [".gitattributes", "kept.txt", "meanwhile.txt", "new", "new/a.txt"]
    assert text(repo, "new/a.txt") == b"new"
    commit = repo.objects.commit(merged)
    head = refs.get(repo, f"refs/pr/{number}").commit
    assert commit.parents == (base,)
    assert (commit.author.name, commit.title) == ("ada", "Better (#1)")
    assert commit.body.splitlines()[0] == f"- Better ({head})"
    assert "Co-authored-by: bob <" in commit.message
    pull = pulls.get(repo, number)
    assert (pull.status, pull.merged_as) == ("merged", merged)
    with pytest.raises(Conflict, match="merged already"):
        merging.merge(repo, ada, number)
    with pytest.raises(Conflict):
        discussions.change_status(standing.of(core.hub.access, repo, ada), number, "open")


def test_what_both_sides_changed_is_not_merged(core: Core, ada: Caller, repo: Repo) -> None:
    core.commit(repo, ada, {"a.txt": b"1", "folder/b.txt": b"1"})
    both = propose(repo, ada, "both", AddFile("a.txt", b"2"))
    below = propose(repo, ada, "below", AddFile("c/d.txt", b"2"))
    tip = core.commit(repo, ada, {"a.txt": b"3", "c": b"a file"}).oid
    for number in (both, below):
        with pytest.raises(Conflict):
            merging.merge(repo, ada, number)
        assert pulls.get(repo, number).status == "open"
    assert main(repo).commit == tip


def test_drafts_and_closed_ones_wait(core: Core, ada: Caller, repo: Repo) -> None:
    start = main(repo).commit
    number = pulls.open_(repo, ada, Opening("draft", "", status="draft", base_ref="refs/heads/main"), start, {})
    with pytest.raises(Forbidden, match="draft"):
        merging.merge(repo, ada, number)
    owner = standing.of(core.hub.access, repo, ada)
    discussions.change_status(owner, number, "closed")
    with pytest.raises(Conflict, match="closed already"):
        merging.merge(repo, ada, number)
    assert discussions.change_status(owner, number, "open").entry.data == {"status": "open"}
    merging.merge(repo, ada, number)
    assert pulls.get(repo, number).status == "merged"
    with pytest.raises(EntryNotFound):
        merging.merge(repo, ada, 99)
