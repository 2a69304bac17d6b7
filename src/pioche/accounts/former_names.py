"""Names that accounts had: nobody else gets one, ever.

An old name stands in scripts, in copies of repos and in texts. Whoever could take it would be given what people send to its
former owner. So a name that was given up keeps leading to the account that had it, which may take it back, and the name of
an account that is gone leads nowhere.
"""

import sqlalchemy as sa

from pioche.accounts.account import COLUMNS, Account, from_row
from pioche.db import schema
from pioche.db.dialect import upsert
from pioche.db.engine import Database
from pioche.db.instance import now_ms
from pioche.errors import AlreadyExists

KEPT_MAX = 5
"""So many names may lead to one account: whoever could change theirs without end could take all names there are."""

_names, _accounts = schema.former_names, schema.accounts


def keep(connection: sa.Connection, name: str, account_id: int | None) -> None:
    """From now on `name` is that account's former name; None: of one that is gone."""
    row = {"name_key": name.lower(), "account_id": account_id, "at": now_ms()}
    connection.execute(upsert(connection, _names, ["name_key"], ["account_id", "at"]).values(row))


def take(connection: sa.Connection, name: str, account_id: int) -> None:
    """The account has this name now, in the transaction of the change. Raises AlreadyExists for another one's former name."""
    row = connection.execute(sa.select(_names.c.account_id).where(_names.c.name_key == name.lower())).first()
    if row is None:
        return
    if row.account_id != account_id:
        raise AlreadyExists(f"The name {name!r} was somebody's, and is kept for them")
    connection.execute(_names.delete().where(_names.c.name_key == name.lower()))


def count(connection: sa.Connection, account_id: int) -> int:
    """How many names lead to the account."""
    return connection.execute(
        sa.select(sa.func.count()).select_from(_names).where(_names.c.account_id == account_id)
    ).scalar_one()


def holder(database: Database, name: str) -> Account | None:
    """The account that was called so; None for a name that nobody gave up."""
    if not (name.isascii() and name.isprintable()):
        return None
    query = sa.select(*COLUMNS).join_from(_names, _accounts, _accounts.c.id == _names.c.account_id)
    with database.read() as connection:
        row = connection.execute(query.where(_names.c.name_key == name.lower())).first()
    return None if row is None else from_row(row)
