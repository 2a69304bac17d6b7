"""A commit made of operations: what the REST API and the web editor send.

The tree is built on the tip as it is now; when somebody else was first and the caller named no parent, it is built again
on theirs. Objects are written and synced before the ref moves.
"""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import time

from pioche.accounts.callers import Caller
from pioche.errors import (
    BadCard,
    EntryNotFound,
    InvalidReference,
    RevisionNotFound,
    StaleParent,
    TooLarge,
    Unprocessable,
)
from pioche.git import objects as git_objects
from pioche.git import pointers as pointer_format
from pioche.git.history import Objects
from pioche.git.objects import MODE_FILE, MODE_GITLINK, AnyObject, Signature, object_id
from pioche.git.pointers import Pointer
from pioche.git.trees import Edit, edit
from pioche.names import EntryPath, Oid, Sha256
from pioche.repos import cards, files, genesis, pulls, refs, revisions, threads
from pioche.repos.access import Repo
from pioche.storage import quotas
from pioche.storage.contents import Content
from pioche.storage.drafts import Spooled
from pioche.storage.quotas import Growth

_ATTEMPTS = 100


@dataclass(frozen=True, slots=True)
class AddFile:
    """A regular file, kept in git. One of many may wait outside of memory."""

    path: EntryPath
    content: bytes | Spooled

    @property
    def size(self) -> int:
        return len(self.content) if isinstance(self.content, bytes) else self.content.size


@dataclass(frozen=True, slots=True)
class AddLargeFile:
    """A large file whose bytes were uploaded before. `size` None: as stored (the clients leave it out in copies)."""

    path: EntryPath
    sha256: Sha256
    size: int | None


@dataclass(frozen=True, slots=True)
class CopyFile:
    """Another file of the same repo, at `revision` (None: the tip that is committed to)."""

    path: EntryPath
    source: EntryPath
    revision: str | None


@dataclass(frozen=True, slots=True)
class DeleteFile:
    path: EntryPath


@dataclass(frozen=True, slots=True)
class DeleteFolder:
    path: EntryPath


Operation = AddFile | AddLargeFile | CopyFile | DeleteFile | DeleteFolder


@dataclass(frozen=True, slots=True)
class Plan:
    """What somebody wants committed."""

    summary: str
    description: str = ""
    parent: str | None = None
    """The commit that the caller looked at; anything else at the tip is StaleParent. A prefix of 7 digits will do."""
    operations: Sequence[Operation] = ()

    @property
    def message(self) -> str:
        return f"{self.summary}\n\n{self.description}" if self.description else self.summary


@dataclass(frozen=True, slots=True)
class Committed:
    """`pull_request` is its number when one was made."""

    oid: Oid
    pull_request: int | None = None


# Commits to one repo that lost a race stand in line here: from then on they can only lose to other processes.
_lines = tuple(threading.Lock() for _ in range(64))


@dataclass(slots=True)
class _Draft:
    """A commit being built on `tip`. `removed` goes before `changes`, whatever the order of the operations."""

    repo: Repo
    tip: Oid
    root: Oid
    objects: Objects
    stored: Mapping[Sha256, Content]
    new: list[AnyObject] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    changes: dict[str, Edit] = field(default_factory=dict)
    pointers: dict[Oid, Pointer] = field(default_factory=dict)


def create(repo: Repo, caller: Caller, revision: str, plan: Plan) -> Committed:
    """Commits to the branch or pull request `revision`.

    Raises RevisionNotFound, StaleParent, EntryNotFound (deleting or copying what is not there), IllegalPath, Unprocessable,
    QuotaExceeded.
    """
    ref = _writable_ref(repo, revision)
    done = _attempt(repo, caller, ref, plan)
    if done is not None:
        return done
    with _lines[repo.id % len(_lines)]:
        for _ in range(_ATTEMPTS):
            done = _attempt(repo, caller, ref, plan)
            if done is not None:
                return done
    raise StaleParent


def _attempt(repo: Repo, caller: Caller, ref: str, plan: Plan) -> Committed | None:
    """None when somebody else was first: build on theirs then, or be refused when a parent was named."""
    tip = refs.get(repo, ref).commit
    _check_parent(plan, tip)
    oid, draft = _build(repo, caller, plan, tip)
    with _written(repo, caller, plan, draft) as growth:
        try:
            changes = [refs.RefChange.to_commit(ref, tip, oid)]
            refs.update(repo, caller, refs.Update(changes, draft.pointers, growth=growth))
        except StaleParent:
            return None
    return Committed(oid)


def propose(repo: Repo, caller: Caller, revision: str, plan: Plan) -> Committed:
    """As `create`, into a new pull request against `revision`."""
    base = revisions.resolve_sync(repo, revision)
    if base.ref is None or not base.ref.startswith("refs/heads/"):
        raise RevisionNotFound(revision)  # pull requests are made against branches only, and clients test for this
    _check_parent(plan, base.commit)
    oid, draft = _build(repo, caller, plan, base.commit)
    opened = threads.Opening(plan.summary, plan.description, base_ref=base.ref)
    with _written(repo, caller, plan, draft) as growth:
        number = pulls.open_(repo, caller, opened, oid, draft.pointers, growth)
    return Committed(oid, number)


@contextmanager
def _written(repo: Repo, caller: Caller, plan: Plan, draft: _Draft) -> Iterator[Growth]:
    """The new objects are durable, and room for them is reserved, while the block makes a ref lead to them."""
    size = sum(operation.size for operation in plan.operations if isinstance(operation, AddFile))
    wanted = {quotas.git_key(): size} if size else {}
    with repo.stores.quotas.reserve(repo.id, caller.user_id, wanted) as reserved:
        repo.stores.git.write(repo.uid, draft.new, repo.genesis.objects())
        yield Growth(size, reserved.keys)


def _writable_ref(repo: Repo, revision: str) -> str:
    found = revisions.resolve_sync(repo, revision)
    if found.ref is None or found.ref.startswith("refs/tags/"):
        raise InvalidReference(
            f"Invalid reference for a branch: {revision[:100]!r}; commits go to branches and pull requests"
        )
    return found.ref


def _check_parent(plan: Plan, tip: Oid) -> None:
    if plan.parent is not None and not (len(plan.parent) >= 7 and tip.startswith(plan.parent)):
        raise StaleParent


def _build(repo: Repo, caller: Caller, plan: Plan, tip: Oid) -> tuple[Oid, _Draft]:
    objects = repo.objects
    large = [operation.sha256 for operation in plan.operations if isinstance(operation, AddLargeFile)]
    stored = repo.stores.contents.find(repo.id, list(dict.fromkeys(large)))
    draft = _Draft(repo, tip, objects.commit(tip).tree, objects, stored)
    for operation in plan.operations:
        _apply(draft, operation)
    root, trees = edit(objects, draft.root, draft.changes, draft.removed)
    author = signature(caller)
    commit = git_objects.build_commit(root, [tip], author, author, plan.message)
    draft.new += [*trees, ("commit", commit)]
    return object_id("commit", commit), draft


def signature(caller: Caller) -> Signature:
    """How a caller signs commits made through the hub."""
    return Signature(caller.name, genesis.noreply_address(caller.name), int(time()), 0)


def _apply(draft: _Draft, operation: Operation) -> None:
    if not isinstance(operation, DeleteFile | DeleteFolder) and operation.path in draft.changes:
        raise Unprocessable(f"The path {operation.path!r} stands in two operations of this commit")
    match operation:
        case AddFile(path, content):
            if path == "README.md":
                _check_card(content if isinstance(content, bytes) else content.read())
            _put(draft, path, content)
        case AddLargeFile(path, sha256, size):
            _put(draft, path, _pointer(draft.stored.get(sha256), path, sha256, size))
        case CopyFile():
            _copy(draft, operation)
        case DeleteFile(path) | DeleteFolder(path):
            _delete(draft, path, is_folder=isinstance(operation, DeleteFolder))


def _pointer(stored: Content | None, path: str, sha256: Sha256, size: int | None) -> bytes:
    """The text that stands in git for bytes which this repo holds. Raises Unprocessable when it does not."""
    if stored is None:
        raise Unprocessable(f"The large file {path!r} ({sha256}) was never uploaded to this repo: upload it first")
    if size is not None and size != stored.size:
        raise Unprocessable(f"The large file {path!r} has {stored.size} bytes, not {size}")
    return pointer_format.build(sha256, stored.size)


def _put(draft: _Draft, path: str, content: bytes | Spooled) -> None:
    if isinstance(content, bytes):
        oid = object_id("blob", content)
        draft.new.append(("blob", content))
    else:
        oid = content.oid
        draft.new.append(content)
        content = content.read() if content.size <= pointer_format.POINTER_BYTES_MAX else b""
    draft.changes[path] = (MODE_FILE, oid)
    pointer = pointer_format.parse(content)
    if pointer is not None:  # also for a regular file whose text is a pointer: every clone would take it for one
        draft.pointers[oid] = pointer


def _copy(draft: _Draft, copy: CopyFile) -> None:
    entry = files.locate_sync(draft.repo, copy.revision or draft.tip, copy.source).entry
    if entry.is_folder:
        raise EntryNotFound(f"{copy.source} is a folder: copy its files one by one")
    if copy.path == "README.md" and entry.mode != MODE_GITLINK:
        _check_card(draft.objects.blob(entry.oid))
    if entry.sha256 is not None:  # from an old revision: whether the bytes are still held is looked at again
        draft.pointers[entry.oid] = Pointer(entry.sha256, entry.size)
    draft.changes[copy.path] = (entry.mode, entry.oid)


def _delete(draft: _Draft, path: str, *, is_folder: bool) -> None:
    found = draft.objects.find(draft.root, path)
    if found is None or (is_folder and not found.is_tree):  # clients delete folders as files too
        raise EntryNotFound(f"A {'folder' if is_folder else 'file'} with this name doesn't exist: {path}")
    draft.removed.append(path)


def _check_card(readme: bytes) -> None:
    try:
        cards.parse(readme.decode("utf-8", "replace"))
    except BadCard as error:
        raise BadCard(f"Invalid metadata in README.md: {error.message}") from None


def check_sizes(plan: Plan, *, file_bytes_max: int) -> None:
    """Regular files live in git, which is no place for large ones. Raises TooLarge, naming the file."""
    for operation in plan.operations:
        if isinstance(operation, AddFile) and operation.size > file_bytes_max:
            limit = file_bytes_max // 2**20
            raise TooLarge(f"{operation.path!r} is larger than {limit} MiB: upload it as a large file (LFS or Xet)")
