"""Another name for a user or an organisation. Every address with the old one leads to the new one: pages, git, the API."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from pioche.accounts import former_names
from pioche.accounts.account import Account
from pioche.db import schema
from pioche.db.engine import Database
from pioche.db.instance import now_ms
from pioche.errors import AccountNotFound, AlreadyExists, Conflict
from pioche.events import Event
from pioche.jobs import outbox
from pioche.names import parse_account_name

_accounts, _repos, _redirects = schema.accounts, schema.repos, schema.redirects


def rename(database: Database, account: Account, new_name: str, *, actor_id: int | None = None) -> str:
    """Returns the name as it is from now on. Another spelling of the same one (`ada` to `Ada`) gives up none.

    Raises InvalidName, AlreadyExists (for what was somebody's too), Conflict after too many changes, AccountNotFound.
    """
    name = parse_account_name(new_name)
    try:
        with database.write() as connection:
            old = _lock(connection, account)
            _take(connection, account, old, name)
            moved = _move_repos(connection, account, name)
            kind = "user.rename" if account.is_user else "org.rename"
            outbox.append(connection, Event(kind, actor_id=actor_id, payload={"name": name, "from": old, "to": name}))
            for row_id, was, is_ in moved:
                outbox.append(connection, Event("repo.move", row_id, actor_id, {"from": was, "to": is_}))
    except IntegrityError:
        raise AlreadyExists(f"The name {name!r} is taken, by a user or an organization") from None
    return name


def _lock(connection: sa.Connection, account: Account) -> str:
    """What it is called now. Raises AccountNotFound."""
    query = sa.select(_accounts.c.name).where(_accounts.c.id == account.id).with_for_update()
    name = connection.execute(query).scalar()
    if name is None:
        raise AccountNotFound("This account does not exist")
    return str(name)


def _take(connection: sa.Connection, account: Account, old: str, name: str) -> None:
    named = _accounts.update().where(_accounts.c.id == account.id).values(name=name, name_key=name.lower())
    connection.execute(named)
    if old.lower() == name.lower():
        return
    former_names.take(connection, name, account.id)
    if former_names.count(connection, account.id) >= former_names.KEPT_MAX:
        raise Conflict(f"{old} has had {former_names.KEPT_MAX} other names already: take one of these")
    former_names.keep(connection, old, account.id)


def _move_repos(connection: sa.Connection, account: Account, name: str) -> list[tuple[int, str, str]]:
    """All that it owns: row, old and new name of those that are not deleted. The old names lead to the new ones."""
    own = _repos.c.namespace_id == account.id
    alive = own & _repos.c.deleted_at.is_(None)
    columns = [_repos.c.id, _repos.c.type, _repos.c.full_name, _repos.c.full_key, _repos.c.name]
    rows = connection.execute(sa.select(*columns).where(alive).order_by(_repos.c.id).with_for_update()).all()
    # Of a deleted one too: restored, it belongs to who owns it then.
    connection.execute(_repos.update().where(own).values(full_name=name + "/" + _repos.c.name))
    key = sa.func.lower(name + "/" + _repos.c.name)
    connection.execute(_repos.update().where(alive).values(full_key=key, updated_at=now_ms()))
    _redirect(connection, account, rows, name)
    return [(row.id, row.full_name, f"{name}/{row.name}") for row in rows]


def _redirect(connection: sa.Connection, account: Account, rows: "Sequence[sa.Row[Any]]", name: str) -> None:
    """A redirect never has the name of a repo: those under the new name go, and those of the old ones are made."""
    here = sa.select(_repos.c.id).where(
        _repos.c.namespace_id == account.id,
        _repos.c.type == _redirects.c.type,
        _repos.c.full_key == _redirects.c.full_key,
    )
    connection.execute(_redirects.delete().where(here.exists()))
    at = now_ms()
    made = [
        {"type": row.type, "full_key": row.full_key, "repo_id": row.id, "created_at": at}
        for row in rows
        if row.full_key != f"{name}/{row.name}".lower()
    ]
    if made:
        connection.execute(_redirects.insert(), made)
