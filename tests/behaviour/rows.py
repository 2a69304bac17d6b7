"""Accounts and repos as rows alone, for suites of what lies below accounts and repos."""

import sqlalchemy as sa

from pioche.db import schema
from pioche.db.engine import Database
from pioche.db.instance import new_uid, now_ms


def add_user(database: Database, name: str) -> int:
    values = {"uid": new_uid(), "kind": "user", "name": name, "name_key": name.lower(), "fullname": name}
    return _insert(database, schema.accounts, {**values, "created_at": now_ms()})


def add_repo(database: Database, namespace_id: int, full_name: str) -> int:
    now = now_ms()
    values = {
        "uid": new_uid(),
        "type": "model",
        "namespace_id": namespace_id,
        "name": full_name.partition("/")[2],
        "full_name": full_name,
        "full_key": full_name.lower(),
        "private": False,
        "genesis": "{}",
        "created_at": now,
        "updated_at": now,
    }
    return _insert(database, schema.repos, values)


def _insert(database: Database, table: sa.Table, values: dict[str, object]) -> int:
    with database.write() as connection:
        key = connection.execute(table.insert().values(values)).inserted_primary_key
        assert key is not None
        return int(key[0])
