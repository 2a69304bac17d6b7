"""What the pages about changes say: commits, comparisons, lines with their authors, the trail of a file."""

from typing import Any

import msgspec
import pytest

from pioche.accounts.callers import Caller
from pioche.errors import EntryNotFound, RevisionNotFound, TooLarge
from pioche.git.comparing import Line, Showing
from pioche.names import Oid
from pioche.repos import differences, files, history, trails
from pioche.repos.access import Repo
from pioche.repos.differences import Pair, side_by_side
from tests.core import Core, main, older_view

TEXT = b"".join(b"this is line %d\n" % n for n in range(50))


def _difference(repo: Repo, oid: Oid, **options: Any) -> differences.Difference:
    commit = repo.objects.commit(oid)
    return differences.of_commit(repo, commit, showing=Showing(), **options)


def test_a_commit_with_text_and_a_large_file(core: Core, ada: Caller, repo: Repo) -> None:
    first, second = core.upload(repo, ada, b"1" * 50_000), core.upload(repo, ada, b"2" * 60_000)
    core.commit(repo, ada, {"a.txt": TEXT, "w.bin": first})
    done = core.commit(repo, ada, {"a.txt": TEXT.replace(b"line 7\n", b"seven\n"), "w.bin": second})
    found = _difference(repo, done.oid)
    text, large = found.files
    assert (found.total, found.added, found.removed) == (2, 1, 1)
    assert not text.is_large
    assert large.is_large
    assert large.patch is None
    assert large.old is not None
    assert large.new is not None
    assert (large.old.sha256, large.old.size, large.new.sha256, large.new.size) == (first, 50_000, second, 60_000)


def test_the_first_commit_and_renames(core: Core, ada: Caller, repo: Repo) -> None:
    first = _difference(repo, main(repo).commit)
    assert first.old is None
    assert ".gitattributes" in [change.delta.path for change in first.files]
    core.commit(repo, ada, {"a.txt": TEXT})
    done = core.commit(repo, ada, delete=["a.txt"], copy={"b/c.txt": "a.txt"})
    [change] = _difference(repo, done.oid).files
    assert (change.delta.status, change.delta.old_path, change.delta.path) == ("R", "a.txt", "b/c.txt")
    assert change.patch is not None
    assert change.patch.hunks == []


def test_much_is_shown_in_pages_and_huge_files_when_asked_for(core: Core, ada: Caller, repo: Repo) -> None:
    count = differences.FILES_SHOWN + 10
    core.commit(repo, ada, {f"f{n:03}": b"x\n" for n in range(count)} | {"huge": b"y\n" * 10_000})
    oid = main(repo).commit
    page, rest = _difference(repo, oid), _difference(repo, oid, page=1)
    assert (len(page.files), len(rest.files), page.total) == (differences.FILES_SHOWN, 11, count + 1)
    assert rest.files[-1].patch is None
    [alone] = _difference(repo, oid, only="huge").files
    assert alone.added == 10_000
    assert _difference(repo, oid, page=99).files == []
    with pytest.raises(EntryNotFound):
        _difference(repo, oid, only="absent")


def test_two_revisions(core: Core, ada: Caller, repo: Repo) -> None:
    history.create_branch(repo, ada, "side", None)
    on_side = core.commit(repo, ada, {"s": b"1\n"}, revision="side")
    core.commit(repo, ada, {"m": b"2\n"})
    parted = differences.compare(repo, "main...side", showing=Showing())
    assert [change.delta.path for change in parted.difference.files] == ["s"]
    assert [commit.oid for commit in parted.commits] == [on_side.oid]
    plain = differences.compare(repo, "main..side", showing=Showing())
    assert [(change.delta.status, change.delta.path) for change in plain.difference.files] == [("D", "m"), ("A", "s")]
    for wrong in ("main", "main..", "..main", "main...absent"):
        with pytest.raises(RevisionNotFound):
            differences.compare(repo, wrong, showing=Showing())


def test_the_trail_of_a_file(core: Core, ada: Caller, repo: Repo) -> None:
    first = core.commit(repo, ada, {"a.txt": TEXT})
    core.commit(repo, ada, {"other": b"x"})
    moved = core.commit(repo, ada, delete=["a.txt"], copy={"b.txt": "a.txt"})
    page = trails.of_path(repo, main(repo), "b.txt", skip=0, limit=10)
    assert [(touch.commit.oid, touch.path, touch.old_path) for touch in page.touches] == [
        (moved.oid, "b.txt", "a.txt"),
        (first.oid, "a.txt", "a.txt"),
    ]
    assert trails.of_path(repo, main(repo), "b.txt", skip=0, limit=1).are_more
    with pytest.raises(EntryNotFound):
        trails.of_path(repo, main(repo), "absent", skip=0, limit=1)


def test_the_last_commit_of_a_path_at_the_tip_and_before(core: Core, ada: Caller, repo: Repo) -> None:
    first = core.commit(repo, ada, {"d/a": b"1", "b": b"1"})
    core.commit(repo, ada, {"b": b"2"})
    for revision in (main(repo), older_view(main(repo))):
        for path in ("d", "d/a"):
            entry = files.locate_sync(repo, revision.text if revision.is_tip else revision.commit, path).entry
            bare = msgspec.structs.replace(entry, last_commit=Oid(""))
            for one in (entry, bare):
                assert trails.last_commit(repo, revision, one).oid == first.oid


def test_lines_with_their_commits(core: Core, ada: Caller, repo: Repo) -> None:
    first = core.commit(repo, ada, {"a.py": b"def f():\n  return 1\n"})
    form = core.commit(repo, ada, {"a.py": b"def f():\n    return 1\n"})
    found = trails.blame(repo, main(repo), "a.py")
    assert [(part.commit.oid, part.start, part.lines) for part in found] == [
        (first.oid, 1, ["def f():"]),
        (form.oid, 2, ["    return 1"]),
    ]
    core.commit(repo, ada, {".git-blame-ignore-revs": f"{form.oid}\n".encode()})
    assert {part.commit.oid for part in trails.blame(repo, main(repo), "a.py")} == {first.oid}
    assert len(trails.blame(repo, main(repo), "a.py", ignores=False)) == 2


def test_what_has_no_lines_to_ask_about(core: Core, ada: Caller, repo: Repo) -> None:
    large = core.upload(repo, ada, b"1\n" * 50_000)
    core.commit(repo, ada, {"large": large, "binary": b"\0\1", "dir/x": b"", "long": b"\n" * 30_000})
    for path in ("large", "binary", "dir", "absent"):
        with pytest.raises(EntryNotFound):
            trails.blame(repo, main(repo), path)
    with pytest.raises(TooLarge):
        trails.blame(repo, main(repo), "long")
    assert trails.blame(repo, main(repo), "dir/x") == []


def test_who_contributed(core: Core, ada: Caller, repo: Repo) -> None:
    core.commit(repo, ada, {"a": b"1"}, summary="one\n\nCo-authored-by: Bob <b@example.org>")
    core.commit(repo, ada, {"a": b"2"})
    assert dict(trails.contributors(repo, main(repo)))["Bob"] == 1


def test_lines_beside_each_other() -> None:
    lines = [
        Line(" ", 1, 1, "same"),
        Line("-", 2, 0, "return value(1, 2)"),
        Line("-", 3, 0, "gone"),
        Line("+", 0, 2, "return value(1, 3)"),
        Line("\\", 0, 0, " No newline at end of file"),
    ]
    assert side_by_side(lines) == [
        Pair(lines[0], lines[0]),
        Pair(lines[1], lines[3], (16, 17), (16, 17)),
        Pair(lines[2], None),
    ]
    words = [Line("-", 1, 0, "the old_name here"), Line("+", 0, 1, "the new_name here")]
    [pair] = side_by_side(words)
    assert (pair.old_marked, pair.new_marked) == ((4, 7), (4, 7))
