"""Which commit last wrote each line of a file, and how a file came to its name: what git's `blame` and `log --follow` say.

Both run in the git program, stopped at a time and a size.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from pioche.git import program
from pioche.git.attributes import unquote
from pioche.git.history import Objects
from pioche.names import HEX40, Oid

_BLAME_BYTES_MAX = 32 * 2**20
_BLAME_TIMEOUT_S = 15
_FOLLOW_TIMEOUT_S = 15
_IGNORED_MAX = 200

IGNORED_COMMITS_FILE = ".git-blame-ignore-revs"
"""At the root of a repo: ids of commits that only changed the form of files, one a line. GitHub and GitLab read it too."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Lines `start` to `start + count - 1` (from 1) come from `commit`, where the file was at `path`.

    `previous` is the commit before and the file's path there: where to look for who wrote the lines before.
    """

    start: int
    count: int
    commit: Oid
    path: str
    previous: tuple[Oid, str] | None


class Step(NamedTuple):
    """A commit that touched a file, and where the file was then. `old_path` differs where this commit renamed it."""

    commit: Oid
    path: str
    old_path: str


# --- blame ----------------------------------------------------------------------------------------------------------


def blame(objects: Objects, commit: Oid, path: str, *, ignored: Iterable[Oid] = ()) -> list[Origin]:
    """Of a regular file that is there. Lines of `ignored` commits are given to who wrote them before. Raises GitTooSlow."""
    arguments = ["blame", "--porcelain"]
    for oid in islice(ignored, _IGNORED_MAX):
        arguments += ["--ignore-rev", oid]
    with objects.snapshot() as git_dir:
        data = program.first_bytes(
            git_dir, [*arguments, commit, "--", path], _BLAME_BYTES_MAX, timeout_s=_BLAME_TIMEOUT_S
        )
    return list(_origins(data))


def ignored_commits(objects: Objects, text: str) -> list[Oid]:
    """The commits that an ignore file names and that are there; a comment begins with `#`."""
    named = (line.partition("#")[0].strip().lower() for line in text.splitlines())
    known = (Oid(oid) for oid in dict.fromkeys(named) if HEX40.match(oid))
    return [oid for oid in islice(known, _IGNORED_MAX) if oid in objects and objects.kind(oid) == "commit"]


def _origins(data: bytes) -> Iterator[Origin]:
    """A group begins with `<oid> <old line> <line> <count>`; what is told of a commit is told at its first group."""
    told = dict[Oid, tuple[str, tuple[Oid, str] | None]]()
    path, previous = "", None
    head: tuple[Oid, int, int] | None = None
    for raw in data.split(b"\n"):
        key, _, value = raw.partition(b" ")
        if raw.startswith(b"\t"):
            if head is not None:
                yield Origin(head[1], head[2], head[0], *told[head[0]])
            head = None
        elif key == b"filename":
            path = _path(value)
        elif key == b"previous":
            previous = Oid(value[:40].decode("ascii")), _path(value[41:])
        elif len(key) == 40 and len(numbers := value.split(b" ")) == 3:
            path, previous = "", None
            head = Oid(key.decode("ascii")), int(numbers[1]), int(numbers[2])
        if head is not None and (path or head[0] not in told):
            told[head[0]] = (path, previous)


# --- the history of one path ------------------------------------------------------------------------------------------


def follow(objects: Objects, tip: Oid, path: str, *, is_folder: bool, skip: int, limit: int) -> list[Step]:
    """The commits that touched a file, newest first, under the names it had; of a folder, without its earlier names.

    Raises GitTooSlow.
    """
    renames = [] if is_folder else ["--follow", "-M", "--name-status"]
    arguments = ["--literal-pathspecs", "log", "--format=%x01%H", *renames, tip, "--", path]
    with (
        objects.snapshot() as git_dir,
        program.lines(git_dir, arguments, timeout_s=_FOLLOW_TIMEOUT_S) as lines,
    ):
        return list(islice(_steps(lines, path), skip, skip + limit))


def _steps(lines: Iterable[bytes], path: str) -> Iterator[Step]:
    """`path` is what the file is called at the commit that comes; a rename tells what it was called before."""
    commit: Oid | None = None
    old_path = path
    for raw in lines:
        line = raw.rstrip(b"\n")
        if line.startswith(b"\x01"):
            if commit is not None:
                yield Step(commit, path, old_path)
            commit, path = Oid(line[1:41].decode("ascii")), old_path
        elif line[:1] in b"RC" and len(fields := line.split(b"\t")) == 3:
            old_path, path = _path(fields[1]), _path(fields[2])
    if commit is not None:
        yield Step(commit, path, old_path)


def _path(raw: bytes) -> str:
    """git puts quotes around a name that has a quote, a backslash, a control character or a byte past ASCII."""
    text = raw.decode("utf-8", "surrogateescape")
    return unquote(text[1:-1]) if len(text) > 1 and text[0] == '"' == text[-1] else text
