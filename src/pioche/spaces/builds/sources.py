"""The files of a Space that say how it is built: read as text, bounded, and never followed out of their folder."""

import os
import stat
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pioche.errors import NotBuilt
from pioche.spaces.spec import Stage

_BYTES_MAX = 256 * 1024
_MODULES_MAX = 100


@dataclass(frozen=True, slots=True)
class Place:
    """A line of a file, for who has to mend it."""

    path: str
    line: int | None = None

    def refuse(self, message: str, stage: Stage = Stage.BUILD_ERROR) -> NotBuilt:
        return NotBuilt(message, stage=stage, path=self.path, line=self.line)


@dataclass(frozen=True)
class Sources:
    """The files of one commit, in a folder that strangers filled."""

    folder: Path

    def has(self, path: str) -> bool:
        """Whether there is such a file: no folder, and nothing that a link leads to."""
        return self._opened(path) is not None

    def lines(self, path: str) -> list[tuple[Place, str]] | None:
        """None when there is no such file. Raises NotBuilt for one that is too large or no text."""
        found = self._opened(path)
        if found is None:
            return None
        place = Place(path)
        content = _beginning(found)
        if len(content) > _BYTES_MAX:
            raise place.refuse(f"It has more than {_BYTES_MAX} bytes")
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = content.count(b"\n", 0, error.start) + 1
            raise Place(path, line).refuse("It is not text in UTF-8") from None
        return [(Place(path, number), line) for number, line in enumerate(text.splitlines(), start=1)]

    def beginning(self, path: str) -> str:
        """Of a file, however large it is and whatever is in it; nothing when there is none."""
        found = self._opened(path)
        return "" if found is None else _beginning(found).decode(errors="replace").removeprefix("\ufeff")

    def contains(self, path: str) -> bool:
        """Whether there is such a file or folder: nothing that a link leads to."""
        return self._found(path) is not None

    def mentions(self, word: str) -> bool:
        """Whether a Python file at the top names it: all that can be said without running them."""
        return any(
            word.encode() in _beginning(path)
            for path in sorted(self.folder.glob("*.py"))[:_MODULES_MAX]
            if self._opened(path.name) is not None
        )

    def _opened(self, path: str) -> Path | None:
        found = self._found(path)
        return found if found is not None and stat.S_ISREG(os.lstat(found).st_mode) else None

    def _found(self, path: str) -> Path | None:
        parts = PurePosixPath(path).parts
        if path.startswith("/") or ".." in parts or "\0" in path:
            return None
        place = self.folder
        try:
            for part in parts:
                place /= part
                if stat.S_ISLNK(os.lstat(place).st_mode):
                    return None
        except OSError:  # it is not there, or has a name that no file can have
            return None
        return place


def _beginning(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_BYTES_MAX + 1)
