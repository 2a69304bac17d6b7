"""Who wrote what: the commits that touched one path, under all its names, and the lines of a file with their commits."""

from collections.abc import Iterator
from dataclasses import dataclass

from pioche.errors import EntryNotFound, TooLarge
from pioche.git import blaming
from pioche.git.blaming import Origin
from pioche.git.objects import Commit
from pioche.git.program import GitTooSlow
from pioche.names import Oid
from pioche.repos import files, history
from pioche.repos.access import Repo
from pioche.repos.files import Entry
from pioche.repos.revisions import Revision

_BLAMED_BYTES_MAX = 2**20
_BLAMED_LINES_MAX = 20_000
_DEPTH_MAX = 10_000
"""Commits of one path past this many are not looked for."""
_CONTRIBUTIONS = 100


@dataclass(frozen=True, slots=True)
class Touch:
    """A commit that touched a path, what the file was called then, and before it where the commit renamed it."""

    commit: Commit
    path: str
    old_path: str


@dataclass(frozen=True, slots=True)
class TouchPage:
    """Newest first."""

    touches: list[Touch]
    are_more: bool


def of_path(repo: Repo, revision: Revision, path: str, *, skip: int, limit: int) -> TouchPage:
    """Raises EntryNotFound, TooLarge where looking through the history takes too long."""
    entry = files.locate_sync(repo, revision.commit, path).entry
    skip = min(skip, _DEPTH_MAX)
    try:
        steps = blaming.follow(
            repo.objects, revision.commit, path, is_folder=entry.is_folder, skip=skip, limit=limit + 1
        )
    except GitTooSlow:
        raise TooLarge("The history of this file is too long to be looked through here: clone the repo") from None
    touches = [Touch(repo.objects.commit(step.commit), step.path, step.old_path) for step in steps[:limit]]
    return TouchPage(touches, len(steps) > limit and skip + limit < _DEPTH_MAX)


# --- blame ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Blamed:
    """Some lines of a file, from line `start` (from 1), and the commit that wrote them.

    `previous` is the commit before that one and the file's path there.
    """

    commit: Commit
    path: str
    start: int
    lines: list[str]
    previous: tuple[Oid, str] | None


def blame(repo: Repo, revision: Revision, path: str, *, ignores: bool = True) -> list[Blamed]:
    """Each line of a text file with its commit; the commits named in .git-blame-ignore-revs are looked behind.

    Raises EntryNotFound for what is no text, TooLarge.
    """
    entry = files.locate_sync(repo, revision.commit, path).entry
    lines = _text_lines(repo, entry, revision)
    objects = repo.objects
    ignored = blaming.ignored_commits(objects, _ignore_file(repo, revision)) if ignores else []
    try:
        origins = blaming.blame(objects, revision.commit, path, ignored=ignored)
    except GitTooSlow:
        raise TooLarge("The history of this file is too long to be looked through here: clone the repo") from None
    return list(_blamed(repo, origins, lines))


def _blamed(repo: Repo, origins: list[Origin], lines: list[str]) -> Iterator[Blamed]:
    for origin in sorted(origins, key=lambda origin: origin.start):
        part = lines[origin.start - 1 : origin.start - 1 + origin.count]
        yield Blamed(repo.objects.commit(origin.commit), origin.path, origin.start, part, origin.previous)


def _text_lines(repo: Repo, entry: Entry, revision: Revision) -> list[str]:
    if not entry.is_file or entry.sha256 is not None:
        raise EntryNotFound("Only text files that are kept in git have lines to ask about", commit=revision.commit)
    if entry.size > _BLAMED_BYTES_MAX:
        raise TooLarge(f"Lines are shown with their commits up to {_BLAMED_BYTES_MAX // 2**20} MiB: clone the repo")
    data = files.read_blob(repo, entry.oid)
    if b"\0" in data:
        raise EntryNotFound("A binary file has no lines to ask about", commit=revision.commit)
    lines = data.decode("utf-8", "replace").split("\n")  # as git counts them
    lines = lines[:-1] if not lines[-1] else lines
    if len(lines) > _BLAMED_LINES_MAX:
        raise TooLarge(f"Lines are shown with their commits up to {_BLAMED_LINES_MAX:,} of them: clone the repo")
    return lines


def _ignore_file(repo: Repo, revision: Revision) -> str:
    try:
        entry = files.locate_sync(repo, revision.commit, blaming.IGNORED_COMMITS_FILE).entry
    except EntryNotFound:
        return ""
    if not entry.is_file or entry.sha256 is not None or entry.size > _BLAMED_BYTES_MAX:
        return ""
    return files.read_blob(repo, entry.oid).decode("utf-8", "replace")


# --- people ---------------------------------------------------------------------------------------------------------


def contributors(repo: Repo, revision: Revision) -> list[tuple[str, int]]:
    """Who wrote the newest hundred commits, and how many of them each; those with the most first."""
    counts = dict[str, int]()
    for commit in repo.objects.log(revision.commit, limit=_CONTRIBUTIONS):
        for name in dict.fromkeys(history.authors(commit)):
            counts[name] = counts.get(name, 0) + 1
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))
