"""What an instance is: its epoch and its signing keys. Created once; part of every backup."""

import secrets
import time
from collections.abc import Callable

import sqlalchemy as sa

from pioche.db import schema
from pioche.db.dialect import insert_if_absent, upsert
from pioche.db.engine import Database
from pioche.keys import SigningKey

# A retired key verifies for as long as the longest-lived thing it signed (an upload address), and a day more.
_RETIRED_MS = 2 * 86_400_000


def now_ms() -> int:
    """Unix milliseconds: the clock of every row."""
    return time.time_ns() // 1_000_000


def new_uid() -> str:
    """24 hex digits, time first, like the `_id` of the public Hub."""
    return f"{int(time.time()):08x}{secrets.token_hex(8)}"


def prepare(database: Database) -> None:
    """Gives a new database its epoch and first key. Safe to call at every start, from several processes."""
    with database.write() as connection:
        if connection.execute(sa.select(schema.instance.c.key)).first() is None:
            connection.execute(schema.instance.insert().values(key="epoch", value="1"))
            _add_key(connection)


def epoch(database: Database) -> int:
    """Part of every Xet address; raised after a restore."""
    with database.read() as connection:
        return int(connection.execute(sa.select(schema.instance.c.value).filter_by(key="epoch")).scalar_one())


def raise_epoch(connection: sa.Connection) -> int:
    """A new epoch, in the caller's transaction: what Xet clients remember of this hub's xorbs ends (architecture.md
    section 4). The clock is in it: after a restore it is above every epoch that the lost database may have had."""
    table = schema.instance
    found = int(connection.execute(sa.select(table.c.value).filter_by(key="epoch")).scalar_one())
    raised = max(found + 1, int(time.time()))
    connection.execute(table.update().where(table.c.key == "epoch").values(value=str(raised)))
    return raised


def identity(database: Database) -> str:
    """What tells this hub from every other, its copies apart: made when first asked for, kept in backups."""
    with database.write() as connection:
        fresh = insert_if_absent(connection, schema.instance).values(key="identity", value=secrets.token_hex(16))
        connection.execute(fresh)
        found = connection.execute(sa.select(schema.instance.c.value).filter_by(key="identity"))
        return str(found.scalar_one())


def locking_key(database: Database) -> bytes:
    """What secrets are kept under that the hub has to read again (`keys.lock`): made when first asked for, never rotated,
    kept in backups."""
    with database.read() as connection:
        select = sa.select(schema.instance.c.value).filter_by(key="locking key")
        found = connection.execute(select).scalar()
    if found is None:
        with database.write() as connection:
            fresh = insert_if_absent(connection, schema.instance)
            connection.execute(fresh.values(key="locking key", value=secrets.token_hex(32)))
            found = connection.execute(select).scalar_one()
    return bytes.fromhex(str(found))


def host_key(database: Database, make: Callable[[], str]) -> str:
    """What this hub is known by over SSH: `make` makes it when it is first asked for; kept in backups."""
    return _made_once(database, "ssh host key", make)


def openid_key(database: Database, make: Callable[[], str]) -> str:
    """What ID tokens are signed with, as `host_key`."""
    return _made_once(database, "openid key", make)


def _made_once(database: Database, name: str, make: Callable[[], str]) -> str:
    with database.read() as connection:
        select = sa.select(schema.instance.c.value).filter_by(key=name)
        found = connection.execute(select).scalar()
    if found is None:
        made = make()
        with database.write() as connection:
            connection.execute(insert_if_absent(connection, schema.instance).values(key=name, value=made))
            found = connection.execute(select).scalar_one()
    return str(found)


def note(database: Database, name: str, text: str) -> None:
    """Keeps a few words about this hub under a name, such as when it was last backed up."""
    with database.write() as connection:
        row = upsert(connection, schema.instance, ("key",), ("value",))
        connection.execute(row.values(key=f"note {name}", value=text))


def noted(database: Database, name: str) -> str | None:
    """What `note` was last given."""
    with database.read() as connection:
        return connection.execute(sa.select(schema.instance.c.value).filter_by(key=f"note {name}")).scalar()


def signing_keys(database: Database) -> list[SigningKey]:
    """Oldest first."""
    with database.read() as connection:
        rows = connection.execute(sa.select(schema.signing_keys).order_by(schema.signing_keys.c.created_at))
        return [SigningKey(row.kid, row.secret, row.retired_at is not None) for row in rows]


def rotate_key(database: Database) -> str:
    """A new key signs from now on; the old ones verify for two days, then go. Returns the new kid."""
    keys = schema.signing_keys
    with database.write() as connection:
        now = now_ms()
        connection.execute(keys.delete().where(keys.c.retired_at < now - _RETIRED_MS))
        connection.execute(keys.update().where(keys.c.retired_at.is_(None)).values(retired_at=now))
        return _add_key(connection)


def _add_key(connection: sa.Connection) -> str:
    kid = secrets.token_hex(4)
    values = {"kid": kid, "secret": secrets.token_bytes(32), "created_at": now_ms()}
    connection.execute(schema.signing_keys.insert().values(values))
    return kid
