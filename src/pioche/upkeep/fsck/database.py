"""The database itself: its pages, its schema, rows that name absent rows, and the rows that every hub needs."""

from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import exc

from pioche.db import instance, migrate, schema
from pioche.db.engine import Database
from pioche.db.instance import now_ms
from pioche.errors import ConfigError, Failure
from pioche.upkeep.fsck import kinds
from pioche.upkeep.fsck.findings import CannotMend, Problem
from pioche.upkeep.fsck.scene import Scene

_SHOWN_MAX = 5


def pages(scene: Scene) -> Iterator[Problem]:
    """SQLite's own check of every page and index. PostgreSQL looks after its own."""
    database = scene.database
    if not database.is_sqlite:
        return
    faults = page_faults(database)
    if faults:
        subject = str(scene.config.data_dir / "pioche.db")
        yield Problem(kinds.DATABASE_PAGES, subject, "; ".join(faults[:_SHOWN_MAX]), lambda: _reindex(database))


def page_faults(database: Database) -> list[str]:
    """What SQLite finds wrong in its file; empty when all is well, and where there is no such file."""
    if not database.is_sqlite:
        return []
    try:
        with database.read() as connection:
            found = [str(row[0]) for row in connection.execute(sa.text("PRAGMA integrity_check(20)"))]
    except Failure as error:
        return [_reason(error)]
    return [] if found == ["ok"] else found


def _reindex(database: Database) -> str:
    try:
        with database.write() as connection:
            connection.execute(sa.text("REINDEX"))
    except Failure as error:
        raise CannotMend(_reason(error)) from error
    if page_faults(database):
        raise CannotMend("not only indexes are damaged")
    return "All indexes were built anew"


def _reason(error: Failure) -> str:
    return str(error.__cause__ or error.message)


# --- schema ---------------------------------------------------------------------------------------------------------


def tables(scene: Scene) -> Iterator[Problem]:
    """The schema is this version's, and all of it is there."""
    database, head = scene.database, migrate.revisions()[-1]
    with database.read() as connection:
        current = migrate.current(connection)
    if current != head:
        yield Problem(
            kinds.SCHEMA, f"schema {current or 'none'}", f"this version has {head}", lambda: _upgrade(database)
        )
        return
    with database.read() as connection:
        missing = list(_missing(sa.inspect(connection)))
    for name, item in missing:
        kind = kinds.DATABASE_INDEX if isinstance(item, sa.Index) else kinds.SCHEMA
        yield Problem(kind, name, "it is missing", partial(_make, database, item))


def _missing(inspector: sa.Inspector) -> Iterator[tuple[str, sa.Table | sa.Index | None]]:
    for table in schema.metadata.sorted_tables:
        if not inspector.has_table(table.name):
            yield f"table {table.name}", table
            continue
        columns = {column["name"] for column in inspector.get_columns(table.name)}
        for column in table.columns:
            if column.name not in columns:
                yield f"column {table.name}.{column.name}", None
        indexes = {index["name"] for index in inspector.get_indexes(table.name)}
        for index in sorted(table.indexes, key=lambda index: str(index.name)):
            if index.name not in indexes:
                yield f"index {index.name}", index


def _upgrade(database: Database) -> str:
    try:
        migrate.upgrade(database)
    except ConfigError as error:
        raise CannotMend(str(error)) from error
    return "The schema was brought up to date"


def _make(database: Database, item: "sa.Table | sa.Index | None") -> str:
    if item is None:
        raise CannotMend("a column cannot be made up")
    try:
        with database.write() as connection:
            item.create(connection)
    except exc.IntegrityError as error:
        raise CannotMend("the rows contradict the index") from error
    return f"The {'table' if isinstance(item, sa.Table) else 'index'} was made"


# --- rows that name absent rows -------------------------------------------------------------------------------------


class _Reference(NamedTuple):
    """A column of one table that names a row of another."""

    column: "sa.Column[Any]"
    target: "sa.Column[Any]"
    rule: str  # CASCADE, SET NULL or "": what deleting the target does


def references(scene: Scene) -> Iterator[Problem]:
    """One problem for each reference that leads nowhere; engines enforce them, damage and tools do not."""
    for reference in _references():
        count = _dangling_count(scene.database, reference)
        if count:
            table = reference.column.table.name
            subject = f"{table}.{reference.column.name} -> {reference.target.table.name}"
            yield Problem(
                kinds.DANGLING_ROW,
                subject,
                f"{count} rows" if count > 1 else "1 row",
                partial(_remove, scene.database, reference),
            )


_OF_BYTES = (("repo_contents", "contents"), ("repo_xorbs", "xorbs"), ("images", "contents"))


def _references() -> Iterator[_Reference]:
    for table in schema.metadata.sorted_tables:
        for column in table.columns:
            for key in column.foreign_keys:
                # Those of large files are told with the bytes that they are about.
                if (table.name, key.column.table.name) not in _OF_BYTES:
                    yield _Reference(column, key.column, key.ondelete or "")


def _nowhere(reference: _Reference) -> sa.ColumnElement[bool]:
    target = reference.target.table.alias("target")
    found = sa.exists().where(target.c[reference.target.name] == reference.column)
    return sa.and_(reference.column.is_not(None), ~found)


def _dangling_count(database: Database, reference: _Reference) -> int:
    query = sa.select(sa.func.count()).select_from(reference.column.table).where(_nowhere(reference))
    with database.read() as connection:
        return int(connection.execute(query).scalar_one())


def _remove(database: Database, reference: _Reference) -> str:
    table, here = reference.column.table, _nowhere(reference)
    if reference.rule == "SET NULL":
        change: sa.Update | sa.Delete = sa.update(table).where(here).values({reference.column: None})
    elif reference.rule == "CASCADE":
        change = sa.delete(table).where(here)
    else:
        raise CannotMend(f"rows of {table.name} are never removed by a machine")
    with database.write() as connection:
        count = connection.execute(change).rowcount
    return f"{count} rows of {table.name} were {'corrected' if reference.rule == 'SET NULL' else 'removed'}"


# --- rows that every hub needs --------------------------------------------------------------------------------------


def essentials(scene: Scene) -> Iterator[Problem]:
    """The epoch and a key that signs."""
    with scene.database.read() as connection:
        keys = schema.signing_keys
        signs = connection.execute(sa.select(keys.c.kid).where(keys.c.retired_at.is_(None))).first()
        epoch = connection.execute(sa.select(schema.instance.c.value).filter_by(key="epoch")).scalar()
    if signs is None:
        yield Problem(kinds.SIGNING_KEY, "signing key", "none signs", lambda: _new_key(scene.database))
    if epoch is None or not epoch.isdigit():
        yield Problem(kinds.SIGNING_KEY, "epoch", "there is none", lambda: _new_epoch(scene.database))


def _new_key(database: Database) -> str:
    return f"The key {instance.rotate_key(database)} was made"


def _new_epoch(database: Database) -> str:
    """The time: it must be one that no client has seen."""
    value, table = str(now_ms() // 1000), schema.instance
    with database.write() as connection:
        connection.execute(table.delete().where(table.c.key == "epoch"))
        connection.execute(table.insert().values(key="epoch", value=value))
    return f"The epoch is {value}: Xet clients begin anew"


def stuck(scene: Scene) -> Iterator[Problem]:
    """Jobs that were given up, and leases whose process ended."""
    jobs, leases, now = schema.jobs, schema.leases, now_ms()
    with scene.database.read() as connection:
        failed = connection.execute(sa.select(jobs).where(jobs.c.state == "failed").order_by(jobs.c.id)).all()
        old = connection.execute(sa.select(leases).where(leases.c.until < now - scene.grace_ms)).all()
    for job in failed:
        yield Problem(kinds.FAILED_JOB, f"job {job.id} {job.kind} {job.key}".strip(), job.error or "")
    for lease in old:
        yield Problem(
            kinds.STUCK_LEASE,
            f"lease {lease.name}",
            lease.what,
            partial(_end_lease, scene.database, lease.name, lease.holder),
        )


def _end_lease(database: Database, name: str, holder: str) -> str:
    leases = schema.leases
    with database.write() as connection:
        connection.execute(leases.delete().where(leases.c.name == name, leases.c.holder == holder))
    return "The lease was removed"
