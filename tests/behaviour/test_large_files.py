"""Large files of a repo: listed, removed for good, given to another repo; and a repo duplicated. Over every database."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pioche.config import Config
from pioche.db import schema
from pioche.errors import AlreadyExists, EntryNotFound, Forbidden, StaleParent, Unprocessable
from pioche.git.objects import object_id
from pioche.names import RepoType, Sha256
from pioche.repos import duplication, files, history, large_files, refs
from pioche.repos.access import Action
from pioche.repos.large_files import Wanted
from tests.core import Core, git


@pytest.fixture
def core(config: Config) -> Iterator[Core]:
    core = Core(config)
    yield core
    core.close()


def test_listing_says_where_each_file_lies(core: Core) -> None:
    ada = core.user("ada")
    repo = core.repo(ada, "ada/m")
    tip, side, past, loose = (core.upload(repo, ada, data) for data in (b"tip", b"side", b"past", b"loose"))
    core.commit(repo, ada, {"past/old.bin": past})
    core.commit(repo, ada, {"tip.bin": tip}, delete=["past/"])
    history.create_branch(repo, ada, "side", None)
    core.commit(repo, ada, {"folder/side.bin": side}, revision="side")
    found = {file.sha256: (file.path, file.ref, file.size) for file in large_files.listing(repo).files}
    assert found == {
        tip: ("tip.bin", "refs/heads/main", 3),
        side: ("folder/side.bin", "refs/heads/side", 4),
        past: ("past/old.bin", None, 4),
        loose: ("", None, 5),
    }
    pages, after = list[Sha256](), ""
    while True:
        page = large_files.listing(repo, after=after, limit=3)
        pages += [file.sha256 for file in page.files]
        if page.next_after is None:
            break
        after = page.next_after
    assert pages == sorted(found)


def test_removing_takes_a_file_out_of_all_history(core: Core, tmp_path: Path) -> None:
    ada = core.user("ada")
    repo = core.repo(ada, "ada/m")
    gone, kept = core.upload(repo, ada, b"gone for good"), core.upload(repo, ada, b"kept")
    first = core.commit(repo, ada, {"deep/er/gone.bin": gone, "kept.bin": kept, "a.txt": b"1"}, summary="first")
    core.commit(repo, ada, {"a.txt": b"2", "twice.bin": gone}, summary="second")
    history.create_branch(repo, ada, "side", None)
    core.commit(repo, ada, {"b.txt": b"3"}, revision="side", summary="third")
    history.create_tag(repo, ada, first.oid, "v1", "annotated")
    history.create_tag(repo, ada, "main", "light", None)
    untouched = git(repo, tmp_path, "rev-list", "--max-parents=0", "main").strip()
    large_files.remove(repo, ada, [gone], rewrite_history=True)
    named = git(repo, tmp_path, "rev-list", "--objects", "--all")
    assert "gone.bin" not in named
    assert "deep" not in named, "a folder of which nothing is left goes too"
    assert git(repo, tmp_path, "rev-list", "--max-parents=0", "main").strip() == untouched
    assert git(repo, tmp_path, "log", "--format=%s", "side").split() == [
        "third",
        "second",
        "first",
        "initial",
        "commit",
    ]
    assert git(repo, tmp_path, "ls-tree", "-r", "--name-only", "v1").split() == [".gitattributes", "a.txt", "kept.bin"]
    assert git(repo, tmp_path, "cat-file", "-t", "v1").strip() == "tag"
    git(repo, tmp_path, "fsck", "--strict", "--no-dangling")
    assert [file.sha256 for file in large_files.listing(repo).files] == [kept]
    assert files.read_all(repo, files.locate_sync(repo, "main", "kept.bin").entry) == b"kept"
    with pytest.raises(EntryNotFound):
        files.locate_sync(repo, "main", "twice.bin")
    with pytest.raises(Unprocessable):
        core.commit(repo, ada, {"again.bin": gone})
    with repo.database.read() as connection:
        used = connection.execute(schema.repos.select().where(schema.repos.c.id == repo.id)).one().used_storage
    assert used == len(b"kept")
    large_files.remove(repo, ada, [gone], rewrite_history=True)  # again is no error


def test_removing_without_history_says_so_to_readers(core: Core) -> None:
    ada = core.user("ada")
    repo = core.repo(ada, "ada/m")
    gone = core.upload(repo, ada, b"gone for good")
    commit = core.commit(repo, ada, {"gone.bin": gone})
    large_files.remove(repo, ada, [gone], rewrite_history=False)
    located = files.locate_sync(repo, "main", "gone.bin")
    assert located.commit == commit.oid
    with pytest.raises(EntryNotFound, match="removed"):
        files.content(repo, located.entry)
    core.upload(repo, ada, b"gone for good")
    assert files.read_all(repo, located.entry) == b"gone for good"


def test_removing_gives_way_to_a_push(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    ada = core.user("ada")
    repo = core.repo(ada, "ada/m")
    gone = core.upload(repo, ada, b"gone")
    core.commit(repo, ada, {"gone.bin": gone})
    update, meanwhile = refs.update, [{"meanwhile.txt": b"1"}]

    def slow(*arguments: object) -> None:
        if meanwhile:
            monkeypatch.setattr(refs, "update", update)
            core.commit(repo, ada, meanwhile.pop())
            monkeypatch.setattr(refs, "update", slow)
        update(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(refs, "update", slow)
    large_files.remove(repo, ada, [gone], rewrite_history=True)
    assert files.locate_sync(repo, "main", "meanwhile.txt").entry.size == 1
    with pytest.raises(EntryNotFound):
        files.locate_sync(repo, "main", "gone.bin")


def test_e_i5_files_are_given_only_by_who_has_them(core: Core) -> None:
    ada, bob = core.user("ada"), core.user("bob")
    source, target = core.repo(ada, "ada/m"), core.repo(bob, "bob/m")
    mine, other = core.upload(source, ada, b"mine"), core.upload(core.repo(ada, "ada/other"), ada, b"not in there")
    wanted = [Wanted(mine, None), Wanted(other, None), Wanted(mine, "f" * 64), Wanted(None, "f" * 64)]
    assert large_files.duplicate(source, target, bob, wanted) == wanted[1:]
    core.commit(target, bob, {"copied.bin": mine})
    with pytest.raises(Unprocessable):
        core.commit(target, bob, {"stolen.bin": other})


# --- a repo made from another ---------------------------------------------------------------------------------------


def test_a_duplicate_has_history_files_and_nothing_that_was_taken_back(core: Core, tmp_path: Path) -> None:
    ada, bob = core.user("ada"), core.user("bob")
    repo = core.repo(ada, "ada/m", private=False)
    large, loose = core.upload(repo, ada, b"large file"), core.upload(repo, ada, b"never committed")
    core.commit(repo, ada, {"README.md": b"---\ntags: [x]\n---\n", "a/large.bin": large})
    history.create_branch(repo, ada, "side", None)
    core.commit(repo, ada, {"b.txt": b"2"}, revision="side")
    history.create_tag(repo, ada, "main", "v1", "annotated")
    history.create_branch(repo, ada, "secret", None)
    secret = core.commit(repo, ada, {"secret.txt": b"taken back"}, revision="secret")
    history.delete_branch(repo, ada, "secret")
    made = core.hub.catalog.duplicate(bob, repo, "bob", "copy", private=None)
    assert (str(made.repo_id), made.private) == ("bob/copy", False)
    made = core.open(bob, "bob/copy", Action.WRITE)
    assert [(ref.name, ref.target) for ref in refs.all_refs(made)] == [
        (ref.name, ref.target) for ref in refs.all_refs(repo)
    ]
    assert secret.oid in repo.objects
    assert secret.oid not in made.objects
    git(made, tmp_path, "fsck", "--strict", "--no-dangling")
    assert files.read_all(made, files.locate_sync(made, "main", "a/large.bin").entry) == b"large file"
    assert files.read_all(made, files.locate_sync(made, "side", "b.txt").entry) == b"2"
    assert [file.sha256 for file in large_files.listing(made).files] == [large]
    assert loose in [file.sha256 for file in large_files.listing(repo).files]
    core.commit(made, bob, {"own.txt": b"1"})
    with pytest.raises(EntryNotFound):
        files.locate_sync(repo, "main", "own.txt")
    core.hub.catalog.delete(ada, core.open(ada, "ada/m", Action.MANAGE))
    assert files.read_all(made, files.locate_sync(made, "main", "a/large.bin").entry) == b"large file"


def test_a_duplicate_of_a_repo_that_nobody_wrote_to(core: Core) -> None:
    ada = core.user("ada")
    repo = core.repo(ada, "ada/space", type=RepoType.SPACE, private=True)
    made = core.hub.catalog.duplicate(ada, repo, "", "copy", private=None)
    assert (str(made.repo_id), made.private) == ("ada/copy", True)
    assert not core.hub.access._stores.git.exists(made.uid)
    assert files.read_all(made, files.locate_sync(made, "main", "README.md").entry).startswith(b"---\ntitle: space")


def test_who_may_not_have_a_repo_there_gets_no_duplicate(core: Core) -> None:
    ada, bob = core.user("ada"), core.user("bob")
    repo = core.repo(ada, "ada/m")
    core.commit(repo, ada, {"a.txt": b"1"})
    with pytest.raises(Forbidden):
        core.hub.catalog.duplicate(bob, repo, "ada", "copy", private=None)
    with pytest.raises(AlreadyExists):
        core.hub.catalog.duplicate(ada, repo, "ada", "M", private=None)


def test_a_duplicate_of_a_moving_repo_is_of_one_moment(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    ada = core.user("ada")
    repo = core.repo(ada, "ada/m")
    core.commit(repo, ada, {"a.txt": b"1"})
    copy, copies = duplication.copy_objects, list[str]()

    def slow(source: object) -> duplication.Copy:
        copied = copy(source)  # type: ignore[arg-type]
        copies.append(copied.uid)
        if len(copies) == 1:
            core.commit(repo, ada, {"b.txt": b"2"})
        return copied

    monkeypatch.setattr(duplication, "copy_objects", slow)
    made = core.hub.catalog.duplicate(ada, repo, "", "copy", private=None)
    assert files.locate_sync(made, "main", "b.txt").entry.size == 1
    assert made.uid == copies[1]
    assert not core.hub.access._stores.git.exists(copies[0]), "what was copied in vain is gone"
    monkeypatch.setattr(duplication, "copy_objects", lambda source: _moved(core, repo, ada, copy(source)))
    with pytest.raises(StaleParent):
        core.hub.catalog.duplicate(ada, repo, "", "never", private=None)


def _moved(core: Core, repo: object, caller: object, copied: duplication.Copy) -> duplication.Copy:
    core.commit(repo, caller, {"c.txt": copied.uid.encode()})  # type: ignore[arg-type]
    return copied


def test_signatures_do_not_outlive_what_they_signed(core: Core, tmp_path: Path) -> None:
    """A signed commit is rewritten without its signature; its message and its other headers stay byte by byte."""
    ada = core.user("ada")
    repo = core.repo(ada, "ada/m")
    gone = core.upload(repo, ada, b"gone")
    commit = core.commit(repo, ada, {"gone.bin": gone, "a.txt": b"1"})
    head, _, message = repo.objects.read(commit.oid)[1].partition(b"\n\n")
    signed = head + b"\ngpgsig -----BEGIN\n line\n \n -----END\nencoding latin1\n\n" + message + b"\xe9\n"
    repo.stores.git.write(repo.uid, [("commit", signed)])
    oid = object_id("commit", signed)
    refs.update(repo, ada, refs.Update([refs.RefChange.to_commit("refs/heads/main", commit.oid, oid)]))
    large_files.remove(repo, ada, [gone], rewrite_history=True)
    rewritten = repo.objects.read(refs.get(repo, "refs/heads/main").commit)[1]
    assert b"gpgsig" not in rewritten
    assert b"-----" not in rewritten
    assert rewritten.endswith(b"\nencoding latin1\n\n" + message + b"\xe9\n")
