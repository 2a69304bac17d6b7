"""A store on a temporary folder, and the real git program to compare with."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from pioche.git.objects import MODE_FILE, NewObject, Signature, build_commit, object_id
from pioche.git.store import GitStore
from pioche.git.trees import edit
from pioche.names import Oid

UID = "0123456789abcdef01234567"
AUTHOR = Signature("Ada", "ada@example.org", 1_700_000_000, 60)

Git = Callable[..., str]


@pytest.fixture
def store(tmp_path: Path) -> GitStore:
    return GitStore(tmp_path / "git")


@pytest.fixture
def git(store: GitStore) -> Git:
    """Runs the git program on the stored repo and returns what it printed."""

    def run(*arguments: str, stdin: str | None = None) -> str:
        command = ["git", f"--git-dir={store.path(UID)}", *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True, input=stdin).stdout

    return run


@pytest.fixture
def commit(store: GitStore) -> Callable[..., Oid]:
    """Stores one commit on top of a parent: `commit(parent, {"path": b"bytes" or None})`."""

    def make(
        parent: Oid | None, files: dict[str, bytes | None], *, at: int = AUTHOR.at, also: tuple[Oid, ...] = ()
    ) -> Oid:
        objects = store.open(UID)
        root = objects.commit(parent).tree if parent else None
        blobs: list[NewObject] = [("blob", data) for data in files.values() if data is not None]
        changes = {path: None if data is None else (MODE_FILE, object_id("blob", data)) for path, data in files.items()}
        tree, trees = edit(objects, root, changes)
        who = Signature(AUTHOR.name, AUTHOR.email, at, AUTHOR.offset)
        data = build_commit(tree, ((parent,) if parent else ()) + also, who, who, f"Commit {len(files)} files\n")
        store.write(UID, [*blobs, *trees, ("commit", data)])
        return object_id("commit", data)

    return make
