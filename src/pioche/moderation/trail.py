"""Reading the log of changes: by whose it is, what happened, who did it, and on which days."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
import sqlalchemy as sa

from pioche.db import schema
from pioche.db.engine import Database
from pioche.errors import BadRequest

_log = schema.audit_log
_EXPORTED_AT_ONCE = 500
PAGE = 50


class Record(msgspec.Struct, frozen=True):
    """A line of the log. `actor` is empty for the hub itself and for who runs commands on its machine; `at` is Unix
    milliseconds."""

    id: int
    kind: str
    actor: str
    target: str
    data: dict[str, Any]
    at: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """`owner_id` None: of the whole hub. `kind` is one kind, or a scope (`repo`) for all of its kinds. Days are UTC, both
    included. `before` is the id that a page ends before."""

    owner_id: int | None
    kind: str = ""
    actor: str = ""
    since: str = ""
    until: str = ""
    before: int | None = None
    limit: int = PAGE


def find(database: Database, wanted: Wanted) -> list[Record]:
    """The latest first. Raises BadRequest for what is no day."""
    query = sa.select(_log).where(*_conditions(wanted)).order_by(_log.c.id.desc()).limit(wanted.limit)
    with database.read() as connection:
        return [_record(row) for row in connection.execute(query)]


def kinds(database: Database, owner_id: int | None) -> list[str]:
    """Those that stand in it, for a menu."""
    query = sa.select(_log.c.kind).distinct().order_by(_log.c.kind)
    if owner_id is not None:
        query = query.where(_log.c.owner_id == owner_id)
    with database.read() as connection:
        return list(connection.execute(query).scalars())


def export(database: Database, wanted: Wanted) -> Iterator[bytes]:
    """All of `find`, as the pieces of a JSON array: each is read when the one before is sent."""
    page, begin = replace(wanted, limit=_EXPORTED_AT_ONCE), b"["
    while found := find(database, page):
        yield begin + b",\n".join(msgspec.json.encode(exported(one)) for one in found)
        page, begin = replace(page, before=found[-1].id), b",\n"
    yield b"]\n" if begin != b"[" else b"[]\n"


def exported(one: Record) -> dict[str, Any]:
    """As others read it."""
    at = datetime.fromtimestamp(one.at / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    told = {"id": str(one.id), "type": one.kind, "date": at, "author": {"name": one.actor or None}}
    return {**told, "target": one.target, "data": one.data}


def _conditions(wanted: Wanted) -> list[sa.ColumnElement[bool]]:
    found: list[sa.ColumnElement[bool]] = []
    if wanted.owner_id is not None:
        found.append(_log.c.owner_id == wanted.owner_id)
    if wanted.kind:
        of_scope = _log.c.kind.startswith(f"{wanted.kind}.", autoescape=True)
        found.append((_log.c.kind == wanted.kind) | of_scope)
    if wanted.actor:
        found.append(sa.func.lower(_log.c.actor) == wanted.actor.lower())
    if wanted.since:
        found.append(_log.c.at >= _start_of(_day(wanted.since)))
    if wanted.until:
        found.append(_log.c.at < _start_of(_day(wanted.until) + timedelta(days=1)))
    if wanted.before is not None:
        found.append(_log.c.id < wanted.before)
    return found


def _day(text: str) -> date:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        raise BadRequest(f"{text[:20]!r} is not a day: write 2026-11-22") from None
    if not 1970 <= found.year <= 9000:
        raise BadRequest(f"{text[:20]!r} is not a day of this hub's time")
    return found


def _start_of(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000)


def _record(row: "sa.Row[Any]") -> Record:
    data = msgspec.json.decode(row.data, type=dict[str, Any])
    return Record(row.id, row.kind, row.actor, row.target, data, row.at)
