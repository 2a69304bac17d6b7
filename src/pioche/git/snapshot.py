"""A throw-away git directory: the refs of one moment over the objects of a repo.

The refs live in the database; the git program wants them in files. So each call that needs it gets a directory of its
own with a `packed-refs` made from one database snapshot, and the repo's objects as an alternate. Nothing is copied,
nothing that git writes there reaches the repo, and it is gone afterwards.
"""

import shutil
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from pioche.errors import OutOfSpace, Unavailable
from pioche.git.objects import NewObject
from pioche.git.packs import write_pack
from pioche.names import Oid
from pioche.storage.disk import translated


class Ref(NamedTuple):
    """A ref's full name and object; `peeled` is the object behind an annotated tag, None for anything else."""

    name: str
    oid: Oid
    peeled: Oid | None = None


class Snapshot:
    """Use with `with`, or `open` and `close`: the directory, `path`, lives in between."""

    def __init__(
        self,
        scratch: Path,
        repo: Path,
        seed: Mapping[Oid, NewObject],
        refs: Iterable[Ref] = (),
        *,
        head: str = "refs/heads/main",
        is_for_reading: bool = False,
    ) -> None:
        """`repo` is the git directory of the repo, there or not; when it is not, the seed stands in for it.

        One that is for reading may lie anywhere: where the disk is full or can only be read, that still works.
        """
        self._scratch, self._repo, self._seed = scratch, repo, seed
        self._is_for_reading = is_for_reading
        self._refs, self._head = refs, head
        self.path = scratch / "git-not-open"

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def open(self) -> None:
        """Raises OutOfSpace, Unavailable."""
        try:
            self._open_in(self._scratch)
        except (OutOfSpace, Unavailable):
            if not self._is_for_reading:
                raise
            self._open_in(Path(tempfile.gettempdir()))

    def _open_in(self, scratch: Path) -> None:
        with translated():
            scratch.mkdir(parents=True, exist_ok=True)
            self.path = Path(tempfile.mkdtemp(prefix="git-", dir=scratch))
            try:
                self._fill()
            except BaseException:
                self.close()
                raise

    def close(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)

    def _fill(self) -> None:
        for folder in ("objects/info", "objects/pack", "refs"):
            (self.path / folder).mkdir(parents=True)
        (self.path / "HEAD").write_text(f"ref: {self._head}\n", "utf-8")
        if (self._repo / "HEAD").exists():
            objects = (self._repo / "objects").resolve()
            (self.path / "objects/info/alternates").write_text(f"{objects}\n", "utf-8", "surrogateescape")
        elif self._seed:
            write_pack(self.path / "objects/pack", self._seed.values())
        refs = sorted(self._refs)
        if refs:
            (self.path / "packed-refs").write_text(_packed_refs(refs), "utf-8", "surrogateescape")


def _packed_refs(refs: list[Ref]) -> str:
    """git's `packed-refs`, sorted and fully peeled, so that git opens no object to answer `ls-refs`."""
    lines = ["# pack-refs with: peeled fully-peeled sorted "]
    for ref in refs:
        lines.append(f"{ref.oid} {ref.name}")
        if ref.peeled:
            lines.append(f"^{ref.peeled}")
    return "\n".join(lines) + "\n"
