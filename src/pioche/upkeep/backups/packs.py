"""Git's packs while they are copied. A repack may remove any of them at any moment, once their objects lie in another."""

import os
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

from pioche.errors import Unavailable
from pioche.git import program
from pioche.git.snapshot import Ref, Snapshot
from pioche.git.store import GitStore
from pioche.names import Oid
from pioche.storage.disk import translated

_TRIES = 5
_CLOSURE_SECONDS = 3600.0


def of_repo(git: GitStore, uid: str) -> list[Path]:
    """The files of the repo's packs; none when nobody wrote to it. Read until two looks agree: a folder that changes while it is
    read may show neither an old pack nor the one that replaces it."""
    folder = git.path(uid) / "objects" / "pack"
    found = _listed(folder)
    for _ in range(_TRIES):
        again = _listed(folder)
        if again == found:
            return found
        found = again
    raise Unavailable("A repo is being repacked all the time: try again later")


def _listed(folder: Path) -> list[Path]:
    with translated():
        return sorted(path for path in folder.glob("pack-*") if path.suffix in (".pack", ".idx"))


class Holder:
    """Keeps packs from vanishing by links of its own, in `folder`, on the same file system as the repos."""

    def __init__(self, git: GitStore, folder: Path) -> None:
        self._git = git
        self._folder = folder

    def hold(self, uid: str, refs: Iterable[Ref]) -> list[Path]:
        """Links to all packs of the repo, which together have every object that `refs` lead to. Raises Unavailable when
        they never do: the repo itself lacks some."""
        found = list(refs)
        for attempt in range(_TRIES):
            held = self._folder / f"{uid}.{attempt}.git"
            if (files := self._link(uid, held)) and self._is_whole(held, found):
                return files
        raise Unavailable("Objects of this repo are missing")

    def _link(self, uid: str, held: Path) -> list[Path]:
        """None when one vanished before it was linked."""
        packs = held / "objects" / "pack"
        with translated():
            packs.mkdir(parents=True)
            (held / "refs").mkdir()
            (held / "HEAD").write_text("ref: refs/heads/main\n")
        try:
            for path in of_repo(self._git, uid):
                os.link(path, packs / path.name)
        except FileNotFoundError:
            return []
        return _listed(packs)

    def _is_whole(self, held: Path, refs: list[Ref]) -> bool:
        """What git itself asks before it moves a ref."""
        with Snapshot(self._folder, held, {}, refs) as snapshot:
            asked = ["rev-list", "--objects", "--quiet", "--all"]
            return program.run(snapshot.path, asked, timeout_s=_CLOSURE_SECONDS).returncode == 0


def key(git: GitStore, uid: str) -> str:
    """Of the folder of the repo's packs, below the data folder."""
    return str((git.path(uid) / "objects" / "pack").relative_to(git.root.parent))


Row = Mapping[str, Any]


def with_refs(repos: Iterable[Row], refs: Iterable[Row]) -> Iterator[tuple[Row, list[Ref]]]:
    """Each repo with its refs; both kinds of rows come in the order of repos."""
    groups = groupby(refs, key=itemgetter("repo_id"))
    repo_id, group = next(groups, (None, ()))
    for repo in repos:
        if repo["id"] == repo_id:
            yield repo, [_ref(row["name"], row["target"], row["commit"]) for row in group]
            repo_id, group = next(groups, (None, ()))
        else:
            yield repo, []


def _ref(name: str, target: str, commit: str) -> Ref:
    return Ref(name, Oid(target), Oid(commit) if commit != target else None)
