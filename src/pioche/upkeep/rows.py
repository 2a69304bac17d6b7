"""The rows of a database in a form that both engines write and read: what backups hold, and what moving copies.

A row is a JSON array of its columns in the order of the table; bytes are base64 (RFC 4648). Rows come in the order of
their keys, compared byte by byte, so that the same rows give the same text on SQLite and on PostgreSQL.
"""

import base64
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from pioche.db import migrate, schema
from pioche.errors import Conflict

_BATCH = 500

_OF_NEW = frozenset({"instance", "signing_keys", "leases", "alembic_version"})
"""Tables that have rows as soon as a database is prepared."""


def tables(*, left_out: frozenset[str] = frozenset()) -> list[sa.Table]:
    """This version's tables, each after those that it refers to."""
    return [table for table in schema.metadata.sorted_tables if table.name not in left_out]


# --- out -------------------------------------------------------------------------------------------------------------


def keep_snapshot(connection: sa.Connection) -> None:
    """The transaction of `connection` may take its time: PostgreSQL's limit for idle ones does not hold for it."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text("SET LOCAL idle_in_transaction_session_timeout = 0"))


def lines(connection: sa.Connection, table: sa.Table, *, without: Sequence[str] = ()) -> Iterator[bytes]:
    """Every row of the table, `without` some columns."""
    columns = [column for column in table.columns if column.name not in without]
    query = sa.select(*columns).order_by(*(_bytewise(connection, column) for column in table.primary_key))
    options = {"stream_results": True, "yield_per": _BATCH}
    for row in connection.execute(query, execution_options=options):
        yield msgspec.json.encode(tuple(row))


def count(connection: sa.Connection, table: sa.Table) -> int:
    return connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()


def sequences(connection: sa.Connection) -> dict[str, int]:
    """The last number that each numbered table gave out: one that was deleted must not come again."""
    return {str(table.name): _last_number(connection, table.name) for table in tables() if _is_numbered(table)}


def _is_numbered(table: sa.Table) -> bool:
    return bool(table.dialect_options["sqlite"]["autoincrement"])


def _last_number(connection: sa.Connection, name: str) -> int:
    if connection.dialect.name == "sqlite":
        query = sa.text("SELECT seq FROM sqlite_sequence WHERE name = :name").bindparams(name=name)
    else:
        sequence = connection.execute(_SEQUENCE_OF, {"table": name}).scalar_one()
        query = sa.text(f"SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {sequence}")
    return int(connection.execute(query).scalar() or 0)


_SEQUENCE_OF = sa.text("SELECT pg_get_serial_sequence(:table, 'id')")


def _bytewise(connection: sa.Connection, column: "sa.Column[Any]") -> "sa.ColumnElement[Any]":
    if connection.dialect.name == "postgresql" and isinstance(column.type, sa.Text):
        return sa.collate(column, "C")
    return column


# --- in --------------------------------------------------------------------------------------------------------------


def is_empty(connection: sa.Connection) -> bool:
    """Whether nobody ever used the database: no tables, or nothing in them but what preparing it leaves."""
    found = sa.MetaData()
    found.reflect(connection)
    return not any(
        connection.execute(sa.select(sa.literal(1)).select_from(table).limit(1)).first()
        for name, table in found.tables.items()
        if name not in _OF_NEW
    )


class Filling:
    """Fills an empty database within one transaction: all rows are there when it ends, or none."""

    def __init__(self, connection: sa.Connection, revision: str) -> None:
        """Makes the tables as they were at schema `revision`. Raises Conflict when the database is in use."""
        if not is_empty(connection):
            raise Conflict("The database is not empty: name another one, or drop what is in it")
        keep_snapshot(connection)
        unused = sa.MetaData()
        unused.reflect(connection)
        unused.drop_all(connection)
        migrate.run(connection, revision)
        self._connection = connection
        self._tables = sa.MetaData()
        self._tables.reflect(connection)

    def order(self, names: Iterable[str]) -> list[str]:
        """Each table after those that it refers to. Raises Conflict for a table that the schema does not have."""
        wanted = set(names)
        found = [table.name for table in self._tables.sorted_tables if table.name in wanted]
        if unknown := wanted - set(found):
            raise Conflict(f"The rows of {', '.join(sorted(unknown))} have no table in this schema")
        return found

    def insert(self, name: str, columns: Sequence[str], found: Iterable[bytes]) -> Iterator[int]:
        """Inserts rows as `lines` gave them; yields how many, batch by batch."""
        table = self._tables.tables[name]
        binary = [at for at, column in enumerate(columns) if isinstance(table.c[column].type, sa.LargeBinary)]
        for batch in _batches(found):
            rows = [_decoded(line, binary) for line in batch]
            self._connection.execute(table.insert(), [dict(zip(columns, row, strict=True)) for row in rows])
            yield len(rows)

    def finish(self, last_numbers: Mapping[str, int]) -> None:
        """The rows are in: numbers go on where they stopped, events are in an order of this database, and the schema is
        brought to this version's."""
        for name, number in last_numbers.items():
            _continue_after(self._connection, name, number)
        _settle_events(self._connection, self._tables.tables["events"], self._tables.tables["event_cursors"])
        migrate.run(self._connection, migrate.revisions()[-1])
        if self._connection.dialect.name == "postgresql":
            self._connection.execute(sa.text("ANALYZE"))  # its planner knows nothing of the new tables yet


def _batches(found: Iterable[bytes]) -> Iterator[list[bytes]]:
    batch: list[bytes] = []
    for line in found:
        batch.append(line)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _decoded(line: bytes, binary: Sequence[int]) -> list[Any]:
    row: list[Any] = msgspec.json.decode(line)
    for at in binary:
        if row[at] is not None:
            row[at] = base64.b64decode(row[at])
    return row


def _continue_after(connection: sa.Connection, name: str, number: int) -> None:
    if connection.dialect.name == "postgresql":
        sequence = connection.execute(_SEQUENCE_OF, {"table": name}).scalar_one()
        connection.execute(sa.text("SELECT setval(:sequence, :last, :used)"), _set_value(sequence, number))
        return
    values = {"name": name, "last": number}
    changed = connection.execute(sa.text("UPDATE sqlite_sequence SET seq = :last WHERE name = :name"), values)
    if not changed.rowcount:
        connection.execute(sa.text("INSERT INTO sqlite_sequence (name, seq) VALUES (:name, :last)"), values)


def _set_value(sequence: str, number: int) -> dict[str, Any]:
    return {"sequence": sequence, "last": max(number, 1), "used": number > 0}


def _settle_events(connection: sa.Connection, events: sa.Table, cursors: sa.Table) -> None:
    """Another database's transaction numbers (`jobs.outbox`) mean nothing here: all events get 0, which is before every
    transaction to come. A consumer goes on with the first event that it has not seen; a few may come to it again."""
    position = sa.tuple_(events.c.txid, events.c.id)
    last = connection.execute(sa.select(sa.func.max(events.c.id))).scalar() or 0
    for cursor in connection.execute(sa.select(cursors)).all():
        seen = sa.tuple_(sa.literal(cursor.txid), sa.literal(cursor.event_id))
        waiting = connection.execute(sa.select(sa.func.min(events.c.id)).where(position > seen)).scalar()
        values = {"txid": 0, "event_id": max(last, cursor.event_id) if waiting is None else waiting - 1}
        connection.execute(cursors.update().where(cursors.c.consumer == cursor.consumer).values(values))
    connection.execute(events.update().values(txid=0))
