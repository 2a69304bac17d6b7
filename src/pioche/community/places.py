"""Where the lines that comments are about are now: a later commit may have moved them, or taken them away."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from pioche.git.objects import ObjectMissing
from pioche.git.store import Objects
from pioche.names import Oid
from pioche.repos import pulls
from pioche.repos.access import Repo

_BLOB_BYTES_MAX = 2**20


def lines_now(repo: Repo, compared: pulls.Sides | None, places: Iterable[Mapping[str, Any]]) -> list[int | None]:
    """For the data of each comment on a line, the number that the line has now; None: it is gone, the comment is outdated."""
    if compared is None:
        return [None for _ in places]
    at = _At(repo.objects, compared)
    return [at.line(place) for place in places]


class _At:
    def __init__(self, objects: Objects, compared: pulls.Sides) -> None:
        self._objects = objects
        self._compared = compared
        self._lines = lru_cache(maxsize=256)(self._read)

    def line(self, place: Mapping[str, Any]) -> int | None:
        path, number = place["path"], place["line"]
        if place["side"] == "old":
            before = self._compared.parted
            now = self._lines(before, path) if before is not None else ()
            return number if number <= len(now) else None
        then, now = self._lines(Oid(place["commit"]), path), self._lines(self._compared.head, path)
        if number > len(then):
            return None
        same = [index for index, line in enumerate(now, start=1) if line == then[number - 1]]
        return min(same, key=lambda index: abs(index - number), default=None)

    def _read(self, commit: Oid, path: str) -> tuple[bytes, ...]:
        try:
            entry = self._objects.find(self._objects.commit(commit).tree, path)
            if entry is None or entry.is_tree or self._objects.size(entry.oid) > _BLOB_BYTES_MAX:
                return ()
            return tuple(self._objects.blob(entry.oid).splitlines())
        except ObjectMissing:  # a head that was pushed over, and collected since
            return ()
