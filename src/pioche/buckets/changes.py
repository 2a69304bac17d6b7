"""What changed in a bucket, in order: the events that `batch.apply` appended, read by whoever follows a bucket.

A cursor is a place among the events: `txid.id.at`. Events are kept for a week; who was away for longer looks at the
listing again.
"""

import re
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import msgspec

from pioche.db.engine import Database, Lookup, Row
from pioche.db.instance import now_ms
from pioche.errors import BadRequest
from pioche.jobs.outbox import KEPT_MS

KIND = "bucket.update"
_MARGIN_MS = 3_600_000
_BATCH = 50
_CURSOR = re.compile(r"(\d{1,19})\.(\d{1,19})\.(\d{1,15})\Z")

# PostgreSQL: what transactions that still run wrote is not passed over (jobs/outbox.py).
_SEEN = {True: "", False: "AND txid < pg_snapshot_xmin(pg_current_snapshot())::text::bigint"}
_AFTER = {
    is_sqlite: Lookup(
        f"""
        SELECT txid, id, at, payload FROM events
        WHERE (txid, id) > (:txid, :id) AND at >= :since AND repo_id = :repo AND kind = '{KIND}' {seen}
        ORDER BY txid, id LIMIT {_BATCH}
        """
    )
    for is_sqlite, seen in _SEEN.items()
}
_LAST = {
    is_sqlite: Lookup(f"SELECT txid, id, at FROM events WHERE txid >= 0 {seen} ORDER BY txid DESC, id DESC LIMIT 1")
    for is_sqlite, seen in _SEEN.items()
}


class Cursor(NamedTuple):
    """`at` is Unix milliseconds."""

    txid: int
    id: int
    at: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises BadRequest."""
        match = _CURSOR.match(text)
        if not match:
            raise BadRequest("The cursor is not valid: send one as it came")
        return cls(*map(int, match.groups()))

    def __str__(self) -> str:
        return f"{self.txid}.{self.id}.{self.at}"


START = Cursor(-1, 0, 0)
"""Before every event."""


class Change(msgspec.Struct, omit_defaults=True):
    """One file. `op` is add, update or delete; times are Unix milliseconds."""

    op: str
    path: str
    size: int | None = None
    xet_hash: str | None = None
    mtime: int | None = None
    uploaded_at: int | None = None


class _Payload(msgspec.Struct):
    changes: list[Change] = []


@dataclass(frozen=True, slots=True)
class Changes:
    """What one call changed, and where that stands."""

    cursor: Cursor
    changes: list[Change]


def payload(changes: list[Change]) -> dict[str, Any]:
    """Of the event."""
    return {"changes": msgspec.to_builtins(changes)}


def is_too_old(at: int) -> bool:
    """Whether events since then may have been removed; `at` is Unix milliseconds."""
    return at < now_ms() - KEPT_MS + _MARGIN_MS


async def after(database: Database, bucket_id: int, cursor: Cursor, *, since: int = 0) -> list[Changes]:
    """What follows, some at a time; nothing when all is told. `since` (Unix milliseconds) leaves out what is older."""
    keys = {"txid": cursor.txid, "id": cursor.id, "since": since, "repo": bucket_id}
    return [_changes(row) for row in await database.fetch_all(_AFTER[database.is_sqlite], keys)]


def _changes(row: Row) -> Changes:
    txid, id_, at, text = row
    return Changes(Cursor(txid, id_, at), msgspec.json.decode(text, type=_Payload).changes)


async def last(database: Database) -> Cursor | None:
    """Where the newest event stands, of whatever repo; None when there is none."""
    row = await database.fetch_one(_LAST[database.is_sqlite], {})
    return None if row is None else Cursor(*row)
