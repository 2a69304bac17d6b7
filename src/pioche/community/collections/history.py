"""What was changed in a collection, by whom."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import sqlalchemy as sa

from pioche.accounts.callers import Caller
from pioche.community.collections.collection import Collection
from pioche.db import schema
from pioche.db.engine import Database
from pioche.repos import info

_changes, _accounts = schema.collection_changes, schema.accounts


@dataclass(frozen=True, slots=True)
class Entry:
    """`kind` is create, update, add, remove, note, picture or move. `actor` is empty when the account is gone; `target` is what an
    item was called, empty where the reader may not open it. `at` is Unix milliseconds."""

    id: int
    kind: str
    actor: str
    target: str
    what: Mapping[str, Any]
    at: int


def read(
    database: Database, reader: Caller, collection: Collection, *, limit: int, before: int | None = None
) -> list[Entry]:
    """For who may change the collection; the latest first, those before the entry `before`."""
    joined = _changes.outerjoin(_accounts, _accounts.c.id == _changes.c.actor_id)
    query = sa.select(_changes, _accounts.c.name).select_from(joined).where(_changes.c.collection_id == collection.id)
    if before is not None:
        query = query.where(_changes.c.id < before)
    with database.read() as connection:
        rows: list[sa.Row[Any]] = list(connection.execute(query.order_by(_changes.c.id.desc()).limit(limit)))
        told = [msgspec.json.decode(row.what, type=dict[str, Any]) for row in rows]
        wanted = {what["repo"] for what in told if what.get("repo") is not None}
        repos = schema.repos
        seen = sa.select(repos.c.id, repos.c.full_name).where(repos.c.id.in_(wanted), *info.visible(reader))
        names = {row.id: row.full_name for row in connection.execute(seen)}
    return [
        Entry(row.id, row.kind, row.name or "", _target(what, names), what, row.at)
        for row, what in zip(rows, told, strict=True)
    ]


def _target(what: Mapping[str, Any], names: Mapping[int, str]) -> str:
    if what.get("repo") is not None:
        return names.get(what["repo"], "")
    return str(what.get("target", "")) if what.get("kind") == "paper" else ""
