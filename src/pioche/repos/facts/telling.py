"""The stored facts, for pages and the API."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import msgspec

from pioche.db.engine import Database, Lookup, Row
from pioche.repos.access import Repo
from pioche.repos.info import marks

Json = dict[str, Any]

_BATCH = 500
_COLUMNS = ("pipeline_tag", "library_name", "parameters", "completeness", "summary", "details", "warnings")
_SHORT = _COLUMNS[:-2]
_ONE = Lookup(f"SELECT {', '.join(_COLUMNS)} FROM facts WHERE repo_id = :repo")


class Told(msgspec.Struct, frozen=True, gc=False):
    """A row of `facts`. `details` is JSON as stored (repos/facts/derivation.py says what is in it); `warnings` are for
    those who may mend them."""

    pipeline_tag: str | None
    library_name: str | None
    parameters: int | None
    completeness: int | None
    summary: str | None
    details: msgspec.Raw
    warnings: msgspec.Raw

    def read(self) -> Json:
        """The details, by name. Those that there are none of are absent."""
        found: Json = msgspec.json.decode(self.details)
        return found

    def warned(self) -> list[str]:
        return msgspec.json.decode(self.warnings, type=list[str])


NOTHING = Told(None, None, None, None, None, msgspec.Raw(b"{}"), msgspec.Raw(b"[]"))
"""Of a repo that holds nothing of interest yet."""


def _told(row: Row) -> Told:
    pipeline_tag, library_name, parameters, completeness, summary, details, warnings = row
    read = msgspec.Raw(details), msgspec.Raw(warnings)
    return Told(pipeline_tag, library_name, parameters, completeness, summary, *read)


async def get(repo: Repo) -> Told:
    """Of an opened repo."""
    row = await repo.database.fetch_one(_ONE, {"repo": repo.id})
    return _told(row) if row is not None else NOTHING


def get_sync(repo: Repo) -> Told:
    """As `get`, in a thread."""
    row = repo.database.fetch_one_sync(_ONE, {"repo": repo.id})
    return _told(row) if row is not None else NOTHING


def of_ids(database: Database, repo_ids: Sequence[int], *, with_details: bool = True) -> dict[int, Told]:
    """By row id, of all `repo_ids`: whoever asks may see these repos. Details take most of the time: without them, there are
    none, nor warnings."""
    found = dict.fromkeys(repo_ids, NOTHING)
    for start in range(0, len(repo_ids), _BATCH):
        batch = repo_ids[start : start + _BATCH]
        lookup = _of_ids(len(batch), with_details=with_details)
        for repo_id, *row in database.fetch_all_sync(lookup, dict(zip(lookup.names, batch, strict=True))):
            found[repo_id] = _told((*row,) if with_details else (*row, b"{}", b"[]"))
    return found


@lru_cache(maxsize=256)
def _of_ids(count: int, *, with_details: bool) -> Lookup:
    """As a text, with a mark for each row: making a statement takes longer than running it."""
    columns = ", ".join(_COLUMNS if with_details else _SHORT)
    return Lookup(f"SELECT repo_id, {columns} FROM facts WHERE repo_id IN ({marks(count)})")
