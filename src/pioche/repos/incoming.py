"""The rules for what a push may bring: the public Hub's, in its words, and those of reliability.md D-GIT and D-PATH.

Every new commit counts, not only the tips: what is in history can be cloned. What git itself calls unsafe was refused
before (`git.receive`).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from pioche.errors import BadCard, IllegalPath
from pioche.git import pointers as pointer_format
from pioche.git.measures import measure
from pioche.git.objects import ObjectMissing
from pioche.git.pointers import Pointer
from pioche.git.reading import Reader
from pioche.git.receive import Quarantine
from pioche.git.trees import DEPTH_MAX
from pioche.git.wire import Command
from pioche.names import PATH_BYTES_MAX, Oid, RepoType, parse_path
from pioche.repos import cards
from pioche.repos.access import Repo

FILES_MAX = 1_000_000
"""Files in one commit."""

_SNIFFED_BYTES = 8000  # what git looks at to tell binary files (buffer_is_binary)
_SHOWN_MAX = 20
_NAMES_REMEMBERED_MAX = 200_000
_RULE = "-" * 73
_CARD_DOCUMENTATION = {
    RepoType.MODEL: "https://huggingface.co/docs/hub/model-cards#model-card-metadata",
    RepoType.DATASET: "https://huggingface.co/docs/hub/datasets-cards#dataset-card-metadata",
    RepoType.SPACE: "https://huggingface.co/docs/hub/spaces-config-reference",
    RepoType.KERNEL: "https://huggingface.co/docs/hub/model-cards#model-card-metadata",
}


@dataclass(slots=True)
class Incoming:
    """What came: the commit that each new tip leads to, and the blobs that are LFS pointers.

    `file_bytes` is what the new blobs have together. `messages` say why it is refused, line by line; none means that it is fine.
    """

    commits: dict[Oid, Oid] = field(default_factory=dict)
    pointers: dict[Oid, Pointer] = field(default_factory=dict)
    file_bytes: int = 0
    messages: tuple[str, ...] = ()


@dataclass(slots=True)
class _Found:
    """What one pass over the new objects collects: paths by object, offenders with what is wrong."""

    blobs: dict[Oid, str] = field(default_factory=dict)
    trees: dict[Oid, str] = field(default_factory=dict)
    roots: set[Oid] = field(default_factory=set)
    large: dict[Oid, str] = field(default_factory=dict)
    blob_bytes: int = 0


def examine(
    repo: Repo,
    quarantine: Quarantine,
    commands: Sequence[Command],
    *,
    file_bytes_max: int,
    made_elsewhere: bool = False,
) -> Incoming:
    """Looks at everything that `commands` would make reachable. Raises Disconnected.

    `made_elsewhere`: nobody here can mend this history, and binary files in git and a card that cannot be read do no harm.
    """
    objects = quarantine.objects
    tips = [command.new for command in commands]
    found = _collect(quarantine, objects, tips, file_bytes_max)
    incoming = Incoming(commits=_commits(objects, tips), file_bytes=found.blob_bytes)
    checks: list[Iterator[str]] = [  # generators: the first that has something to say is the last that runs
        _wrong_tips(objects, commands, incoming.commits),
        _wrong_sizes(objects, found.roots),
        _wrong_paths(quarantine, objects, commands, found.trees),
        _large_files(quarantine, commands, found.large, file_bytes_max),
        _wrong_blobs(repo, quarantine, commands, found.blobs, incoming.pointers, takes_binary=made_elsewhere),
    ]
    if not made_elsewhere:
        checks.append(_wrong_cards(repo, objects, commands, found.blobs, incoming.commits))
    incoming.messages = next((lines for check in checks if (lines := tuple(check))), ())
    return incoming


def _collect(quarantine: Quarantine, objects: Reader, tips: Sequence[Oid], file_bytes_max: int) -> _Found:
    found = _Found()
    for item in quarantine.new_objects(tips):
        if item.kind == "commit":
            found.roots.add(objects.commit(item.oid).tree)
        elif item.kind == "tree":
            found.trees[item.oid] = item.path
        elif item.kind == "blob":
            found.blob_bytes += item.size
            (found.large if item.size > file_bytes_max else found.blobs)[item.oid] = item.path
    return found


def _commits(objects: Reader, tips: Sequence[Oid]) -> dict[Oid, Oid]:
    """What each tip leads to, where that is a commit."""
    peeled = {tip: objects.peel(tip) for tip in tips}
    return {tip: oid for tip, (kind, oid) in peeled.items() if kind == "commit"}


# --- the rules: each yields the lines of its refusal -----------------------------------------------------------------


def _wrong_tips(objects: Reader, commands: Sequence[Command], commits: Mapping[Oid, Oid]) -> Iterator[str]:
    """Branches are commits; tags lead to one."""
    wrong = [
        command.ref
        for command in commands
        if command.new not in commits
        or (not command.ref.startswith("refs/tags/") and commits[command.new] != command.new)
    ]
    if wrong:
        yield from _framed(
            "Your push was rejected for the following reasons:",
            *(f"DENIED update {ref}: it does not point to a commit" for ref in wrong[:_SHOWN_MAX]),
        )


def _wrong_sizes(objects: Reader, roots: set[Oid]) -> Iterator[str]:
    """Trees that unfold without end, or deeper than clients can follow."""
    for root in roots:
        size = measure(objects, root)
        if size.files > FILES_MAX:
            yield from _framed(f"Your push was rejected because a commit has more than {FILES_MAX} files.")
        elif size.depth > DEPTH_MAX:
            yield from _framed(f"Your push was rejected because it has folders more than {DEPTH_MAX} levels deep.")
        elif size.path_bytes > PATH_BYTES_MAX:
            yield from _framed(f"Your push was rejected because it has paths longer than {PATH_BYTES_MAX} bytes.")
        else:
            continue
        return


def _wrong_paths(
    quarantine: Quarantine, objects: Reader, commands: Sequence[Command], trees: Mapping[Oid, str]
) -> Iterator[str]:
    """Names that are a trap on somebody's file system. Each name is judged once, however many trees hold it."""
    fine: set[str] = set()
    wrong: dict[Oid, str] = {}
    for tree, path in trees.items():
        for entry in objects.tree(tree):
            if entry.name in fine:
                continue
            try:
                parse_path(entry.name)
            except IllegalPath as error:
                wrong[tree] = f"{f'{path}/' if path else ''}{error.message.removeprefix('Invalid path ')}"
                break
            if len(fine) < _NAMES_REMEMBERED_MAX:
                fine.add(entry.name)
    if wrong:
        yield from _framed(
            "Your push was rejected because it contains paths that are not allowed.",
            "",
            *_offenders(quarantine, commands, wrong),
        )


def _large_files(
    quarantine: Quarantine, commands: Sequence[Command], large: Mapping[Oid, str], file_bytes_max: int
) -> Iterator[str]:
    if large:
        yield from _framed(
            f"Your push was rejected because it contains files larger than {file_bytes_max // 2**20} MiB.",
            "Please use https://git-lfs.github.com/ to store large files.",
            "See also: https://hf.co/docs/hub/repositories-getting-started#terminal",
            "",
            *_offenders(quarantine, commands, large),
        )


def _wrong_blobs(
    repo: Repo,
    quarantine: Quarantine,
    commands: Sequence[Command],
    blobs: Mapping[Oid, str],
    pointers: dict[Oid, Pointer],
    *,
    takes_binary: bool,
) -> Iterator[str]:
    """Binary files outside LFS, and pointers to what was never uploaded. Fills `pointers` on the way."""
    binary: dict[Oid, str] = {}
    for oid, start in quarantine.contents(blobs, _SNIFFED_BYTES):
        pointer = pointer_format.parse(start)
        if pointer is not None:
            pointers[oid] = pointer
        elif b"\0" in start and not takes_binary:
            binary[oid] = blobs[oid]
    dangling = {oid: blobs[oid] for oid in _dangling(repo, pointers)}
    if binary:
        yield from _framed(
            "Your push was rejected because it contains binary files.",
            "Please use https://git-lfs.github.com/ to store binary files.",
            "See also: https://hf.co/docs/hub/repositories-getting-started#terminal",
            "",
            *_offenders(quarantine, commands, binary),
        )
    elif dangling:
        yield from _framed(
            "Your push was rejected because an LFS pointer pointed to a file that does not exist.",
            "For instance, this can happen if you used git push --no-verify to push your changes.",
            *_offenders(quarantine, commands, dangling, title="Offending file:"),
        )


def _dangling(repo: Repo, pointers: Mapping[Oid, Pointer]) -> Iterator[Oid]:
    held = repo.stores.contents.find(repo.id, list({pointer.sha256 for pointer in pointers.values()}))
    for oid, pointer in pointers.items():
        content = held.get(pointer.sha256)
        if content is None or content.size != pointer.size:
            yield oid


def _wrong_cards(
    repo: Repo, objects: Reader, commands: Sequence[Command], blobs: Mapping[Oid, str], commits: Mapping[Oid, Oid]
) -> Iterator[str]:
    """The metadata of each branch's new README, where it changed."""
    for command in commands:
        entry = objects.find(objects.commit(commits[command.new]).tree, "README.md")
        if command.ref.startswith("refs/tags/") or entry is None or entry.oid not in blobs:
            continue
        try:
            cards.parse(objects.blob(entry.oid).decode("utf-8", "replace"))
        except (BadCard, ObjectMissing) as error:
            yield from _framed(
                "Sorry, your push was rejected during YAML metadata verification:",
                f"- Error: {error}",
                _RULE,
                "Please find the documentation at:",
                _CARD_DOCUMENTATION[repo.repo_id.type],
            )
            return


# --- words -----------------------------------------------------------------------------------------------------------


def _framed(*lines: str) -> tuple[str, ...]:
    return (_RULE, *lines, _RULE)


def _offenders(
    quarantine: Quarantine, commands: Sequence[Command], wrong: Mapping[Oid, str], *, title: str = "Offending files:"
) -> Iterator[str]:
    yield title
    shown = dict(list(wrong.items())[:_SHOWN_MAX])
    of_ref = _refs_of(quarantine, commands, set(shown))
    for oid, path in shown.items():
        yield f"  - {path} (ref: {of_ref.get(oid, commands[0].ref)})"
    if len(wrong) > len(shown):
        yield f"  ... and {len(wrong) - len(shown)} more"


def _refs_of(quarantine: Quarantine, commands: Sequence[Command], oids: set[Oid]) -> dict[Oid, str]:
    """Which ref brings each object: the first that does."""
    found: dict[Oid, str] = {}
    if len(commands) == 1:
        return dict.fromkeys(oids, commands[0].ref)
    for command in commands:
        if len(found) == len(oids):
            break
        for item in quarantine.new_objects([command.new]):
            if item.oid in oids:
                found.setdefault(item.oid, command.ref)
    return found
