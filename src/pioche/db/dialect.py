"""The few statements that the two engines spell differently. Each is made once: making one takes longer than running it."""

from collections.abc import Mapping, Sequence
from functools import lru_cache

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite


def insert_if_absent(connection: sa.Connection, table: sa.Table) -> "sqlite.Insert | postgresql.Insert":
    """An insert that leaves rows alone whose key is there already."""
    return _insert_if_absent(connection.dialect.name, table)


def upsert(
    connection: sa.Connection, table: sa.Table, keys: Sequence[str], changed: Sequence[str]
) -> "sqlite.Insert | postgresql.Insert":
    """An insert that overwrites the columns `changed` of rows whose `keys` are there already."""
    return _upsert(connection.dialect.name, table, tuple(keys), tuple(changed))


@lru_cache(maxsize=256)
def _insert_if_absent(dialect: str, table: sa.Table) -> "sqlite.Insert | postgresql.Insert":
    if dialect == "sqlite":
        return sqlite.insert(table).on_conflict_do_nothing()
    return postgresql.insert(table).on_conflict_do_nothing()


@lru_cache(maxsize=256)
def _upsert(
    dialect: str, table: sa.Table, keys: tuple[str, ...], changed: tuple[str, ...]
) -> "sqlite.Insert | postgresql.Insert":
    if dialect == "sqlite":
        lite = sqlite.insert(table)
        return lite.on_conflict_do_update(index_elements=keys, set_={name: lite.excluded[name] for name in changed})
    post = postgresql.insert(table)
    return post.on_conflict_do_update(index_elements=keys, set_={name: post.excluded[name] for name in changed})


def insert_rows(connection: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, object]]) -> None:
    """Many of `insert_if_absent`; none is fine too."""
    if rows:
        connection.execute(insert_if_absent(connection, table), rows)
