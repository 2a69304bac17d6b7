"""Reading a revision, ways to name one, branches and tags; over both databases."""

from collections.abc import Callable

import pytest
import sqlalchemy as sa

from pioche.accounts.callers import Caller
from pioche.errors import (
    AlreadyExists,
    EntryNotFound,
    Forbidden,
    InvalidReference,
    RevisionNotFound,
    StaleParent,
)
from pioche.git.objects import MODE_TREE, Signature, build_commit, object_id
from pioche.names import DEFAULT_REF
from pioche.repos import files, history, info, listing, refs, revisions
from pioche.repos.access import Repo
from pioche.repos.revisions import Revision
from tests.core import Core, main, older_view, paths, text


def test_pages_at_the_tip_and_at_an_older_commit_agree(core: Core, ada: Caller, repo: Repo) -> None:
    names = ["a", "a/x", "B", "é", "z0", "z-/x", "z/x", "z/y/q", "z/y0", "folder/1", "folder/2", "\U0001f600"]
    held = {name: name.encode() for name in names if not any(other.startswith(f"{name}/") for other in names)}
    core.commit(repo, ada, held)
    revision = main(repo)
    for view in (revision, older_view(revision)):
        for folder in ("", "z", "folder", "z/y"):
            everything = listing.everything(repo, view, folder).entries
            assert [e.path for e in everything] == sorted((e.path for e in everything), key=str.encode)
            assert_pages_join(listing.everything, repo, view, folder, everything)
            level = listing.folder(repo, view, folder).entries
            assert [e.path for e in level] == [
                e.path for is_file in (False, True) for e in everything
                if e.path.count("/") == (folder.count("/") + 1 if folder else 0) and (e.mode != MODE_TREE) is is_file
            ]  # fmt: skip
            assert_pages_join(listing.folder, repo, view, folder, level)
        for list_ in (listing.everything, listing.folder):
            with pytest.raises(EntryNotFound):
                list_(repo, view, "absent")
            with pytest.raises(EntryNotFound):
                list_(repo, view, "z0")
        assert listing.total_size(repo, view) == sum(e.size for e in listing.everything(repo, view).entries)
        assert listing.total_size(repo, view, "z") == len("z/x" + "z/y/q" + "z/y0")


def assert_pages_join(
    list_: Callable[..., listing.Page], repo: Repo, revision: Revision, folder: str, expected: list[files.Entry]
) -> None:
    for limit in (1, 2, 3, 7, len(expected), 100):
        found, after = list[files.Entry](), ""
        while len(found) <= len(expected):
            page = list_(repo, revision, folder, after=after, limit=limit)
            assert len(page.entries) <= limit
            found += page.entries
            if page.next_after is None:
                break
            after = page.next_after
        assert found == expected


def test_a_page_goes_on_where_it_was_though_the_entry_is_gone(core: Core, ada: Caller, repo: Repo) -> None:
    core.commit(repo, ada, dict.fromkeys("abcdef", b"") | {"m/x": b"", "n/x": b""})
    for list_, first, left in ((listing.folder, ["m"], ["n"]), (listing.everything, [".gitattributes"], ["b"])):
        page = list_(repo, main(repo), "", limit=1)
        assert [e.path for e in page.entries] == first
        core.commit(repo, ada, delete=["m/"] if list_ is listing.folder else ["a"])
        following = list_(repo, main(repo), "", after=page.next_after or "", limit=1)
        assert [e.path for e in following.entries] == left


def test_a_revision_that_was_the_tip_when_resolved_keeps_its_files(core: Core, ada: Caller, repo: Repo) -> None:
    """A commit lands between the look at the ref and the look at the rows: the answer is still about the first."""
    core.commit(repo, ada, {"a": b"1", "d/b": b"1"})
    resolved = main(repo)
    core.commit(repo, ada, {"a": b"22", "new": b"1"}, delete=["d/"])
    assert [e.path for e in listing.everything(repo, resolved).entries] == [".gitattributes", "a", "d", "d/b"]
    assert [e.path for e in listing.folder(repo, resolved, "").entries] == ["d", ".gitattributes", "a"]
    assert [e.path for e in listing.folder(repo, resolved, "d").entries] == ["d/b"]
    assert [e.size for e in listing.at_paths(repo, resolved, ["a", "new", "d"])] == [1, 0]
    assert listing.total_size(repo, resolved, "d") == 1
    assert listing.total_size(repo, resolved) == len(text(repo, ".gitattributes")) + 2


def test_at_paths_keeps_the_order_and_leaves_out_what_is_absent(core: Core, ada: Caller, repo: Repo) -> None:
    core.commit(repo, ada, {f"f{number}": b"x" for number in range(30)} | {"d/x": b""})
    asked = ["f7", "absent", "/f3/", "", "/", "d", "f7", "d/x", "../f7", "f8/x", "a\x00b", "f1"]
    for view in (main(repo), older_view(main(repo))):
        assert [e.path for e in listing.at_paths(repo, view, asked)] == ["f7", "f3", "d", "d/x", "f1"]


def test_info_has_the_files_of_the_revision_it_names(core: Core, ada: Caller, repo: Repo) -> None:
    core.commit(repo, ada, {"a": b"1", "d/b": b"1"})
    rows = listing.everything(repo, main(repo)).entries
    found = core_siblings(repo)
    assert found == [(e.path, e.size, e.oid, e.sha256, e.pointer_size) for e in rows if not e.is_folder]


def core_siblings(repo: Repo) -> list[info.Sibling]:
    with repo.database.read() as connection:
        query = sa.text(info._SIBLINGS.sqlite)
        return [
            tuple(row) for row in connection.execute(query, {"repo": repo.id, "commit": main(repo).commit, "limit": 9})
        ]


# --- revisions --------------------------------------------------------------------------------------------------------


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


# --- branches and tags ------------------------------------------------------------------------------------------------


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


@pytest.mark.parametrize(("first", "second"), [("a", "a/b"), ("x/a/b/c", "x/a")])
def test_one_ref_cannot_be_the_folder_of_another(core: Core, ada: Caller, repo: Repo, first: str, second: str) -> None:
    history.create_branch(repo, ada, first, None)
    with pytest.raises(AlreadyExists):
        history.create_branch(repo, ada, second, None)
    pushed = refs.RefChange.to_commit(f"refs/heads/{second}", None, main(repo).commit)
    with pytest.raises(AlreadyExists):
        refs.update(repo, ada, refs.Update([pushed]))
    history.create_tag(repo, ada, "main", second, None)
    history.create_branch(repo, ada, "beside", None)
    both = [refs.RefChange(f"refs/heads/{first}", main(repo).commit, None, None), pushed]
    refs.update(repo, ada, refs.Update(both))
    assert revisions.resolve_sync(repo, f"refs/heads/{second}").commit == main(repo).commit


def test_names_that_git_or_the_hub_refuse(core: Core, ada: Caller, repo: Repo) -> None:
    for name in ("", "-x", "a..b", "a b", "a\x00", "a~1", "a^", "a:b", "a?", "a*", "a[", "a\\b", "/a", "a/", "a//b", ".a",
                 "a/.b", "a.", "a.lock", "a.lock/b", "@", "a@{b", "HEAD", "refs/pr/1", "refs/heads/x", "0" * 40, "a\x7f",
                 "a" * 201, "é" * 101, "\udcff"):  # fmt: skip
        with pytest.raises(InvalidReference):
            history.create_branch(repo, ada, name, None)
        with pytest.raises(InvalidReference):
            history.create_tag(repo, ada, "main", name, None)


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
