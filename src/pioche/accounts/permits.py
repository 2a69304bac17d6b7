"""Permits to ask something of the hub, so many in a window of time. The database counts them for all processes; each takes
them in blocks, so that a request rarely costs a transaction."""

import sqlalchemy as sa

from pioche.db import schema
from pioche.db.dialect import insert_if_absent
from pioche.db.engine import Database
from pioche.db.instance import now_ms

_table = schema.permits


def take(database: Database, key: str, until: int, block: int, quota: int) -> tuple[int, int]:
    """Takes up to `block` permits of what `key` has in the window that ends at `until` (Unix milliseconds). Returns how many
    were given, and how many are left for everybody after that."""
    with database.write() as connection:
        connection.execute(insert_if_absent(connection, _table).values(key=key, until=until, taken=0))
        counted = sa.case((_table.c.until == until, _table.c.taken + block), else_=block)
        update = _table.update().where(_table.c.key == key).values(until=until, taken=counted)
        taken = int(connection.execute(update.returning(_table.c.taken)).scalar_one())
    left = quota - taken
    return max(0, min(block, left + block)), max(0, left)


def sweep(database: Database) -> None:
    """Removes the counts of windows that are over."""
    with database.write() as connection:
        connection.execute(_table.delete().where(_table.c.until < now_ms()))
