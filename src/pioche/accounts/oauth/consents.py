"""What somebody lets applications do, and taking it back."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from pioche.accounts.account import Account
from pioche.accounts.oauth import scopes
from pioche.accounts.oauth.applications import Application
from pioche.db import schema
from pioche.db.dialect import upsert
from pioche.db.engine import Database
from pioche.db.instance import now_ms
from pioche.errors import NotFound
from pioche.events import Event
from pioche.jobs import outbox

_table, _applications, _accounts = schema.oauth_consents, schema.oauth_applications, schema.accounts
_grants, _tokens, _members = schema.oauth_grants, schema.tokens, schema.memberships
_devices, _codes = schema.oauth_devices, schema.oauth_codes


@dataclass(frozen=True, slots=True)
class Consent:
    """What was agreed to the last time. `orgs` are rows."""

    scopes: tuple[str, ...]
    orgs: tuple[int, ...]

    def covers(self, asked: Sequence[str]) -> bool:
        return set(asked) <= set(self.scopes)


@dataclass(frozen=True, slots=True)
class Connected:
    """An application in somebody's list. `owner` is empty for the hub's own. Times are Unix milliseconds."""

    client_id: str
    name: str
    owner: str
    scopes: tuple[str, ...]
    orgs: tuple[str, ...]
    created_at: int
    used_at: int


def find(database: Database, user_id: int, application: Application) -> Consent | None:
    """None: they were never asked, or took it back."""
    here = (_table.c.user_id == user_id) & (_table.c.application_id == application.id)
    with database.read() as connection:
        row = connection.execute(sa.select(_table).where(here)).first()
    return None if row is None else Consent(scopes.split(row.scopes), rows(row.orgs))


def give(
    connection: sa.Connection, user: Account, application: Application, agreed: Sequence[str], orgs: Sequence[int]
) -> None:
    """In the caller's transaction. The last answer counts."""
    at, told = now_ms(), " ".join(agreed)
    values = {"scopes": told, "orgs": " ".join(map(str, orgs)), "created_at": at, "used_at": at}
    row = upsert(connection, _table, ("user_id", "application_id"), ("scopes", "orgs", "used_at"))
    connection.execute(row.values(user_id=user.id, application_id=application.id, **values))
    _tell(connection, "allow", user, application.name, told)


def use(connection: sa.Connection, user: Account, application: Application) -> None:
    """Somebody signed in by what they agreed to before."""
    here = (_table.c.user_id == user.id) & (_table.c.application_id == application.id)
    connection.execute(_table.update().where(here).values(used_at=now_ms()))


def choosable(database: Database, user_id: int) -> list[tuple[int, str]]:
    """The organisations that somebody may let an application act in, by name."""
    joined = _members.join(_accounts, _accounts.c.id == _members.c.org_id)
    query = sa.select(_accounts.c.id, _accounts.c.name).select_from(joined)
    query = query.where(_members.c.user_id == user_id, _members.c.role != "no_access").order_by(_accounts.c.name_key)
    with database.read() as connection:
        return [(row.id, row.name) for row in connection.execute(query)]


def of(database: Database, user_id: int) -> list[Connected]:
    """The last used first."""
    owner = _accounts.alias("owner")
    joined = _table.join(_applications, _applications.c.id == _table.c.application_id)
    query = sa.select(_table, _applications.c.client_id, _applications.c.name, owner.c.name.label("owner"))
    query = query.select_from(joined.outerjoin(owner, owner.c.id == _applications.c.owner_id))
    query = query.where(_table.c.user_id == user_id).order_by(_table.c.used_at.desc())
    with database.read() as connection:
        found = connection.execute(query).all()
        names = _names(connection, {row for one in found for row in rows(one.orgs)})
    return [_connected(row, names) for row in found]


def take_back(database: Database, user: Account, client_id: str) -> None:
    """What the application got ends at once. Raises NotFound."""
    with database.write() as connection:
        query = sa.select(_applications.c.id, _applications.c.name).select_from(
            _table.join(_applications, _applications.c.id == _table.c.application_id)
        )
        row = connection.execute(
            query.where(_table.c.user_id == user.id, _applications.c.client_id == client_id)
        ).first()
        if row is None:
            raise NotFound("You let no such application in")
        _end(connection, user, row.id)
        _tell(connection, "disconnect", user, row.name, "")


def rows(text: str) -> tuple[int, ...]:
    """Of organisations, as they are stored."""
    return tuple(int(one) for one in text.split())


def _end(connection: sa.Connection, user: Account, application_id: int) -> None:
    given = sa.select(_grants.c.token_id).where(_grants.c.application_id == application_id)
    own = (_tokens.c.user_id == user.id) & _tokens.c.id.in_(given) & _tokens.c.revoked_at.is_(None)
    connection.execute(_tokens.update().where(own).values(revoked_at=now_ms()))
    for table in (_table, _devices, _codes):
        mine = (table.c.user_id == user.id) & (table.c.application_id == application_id)
        connection.execute(table.delete().where(mine))


def _names(connection: sa.Connection, ids: set[int]) -> dict[int, str]:
    found = connection.execute(sa.select(_accounts.c.id, _accounts.c.name).where(_accounts.c.id.in_(ids)))
    return {row.id: row.name for row in found}


def _connected(row: Any, names: dict[int, str]) -> Connected:
    orgs = tuple(sorted(names[one] for one in rows(row.orgs) if one in names))
    agreed = scopes.split(row.scopes)
    return Connected(row.client_id, row.name, row.owner or "", agreed, orgs, row.created_at, row.used_at)


def _tell(connection: sa.Connection, what: str, user: Account, name: str, agreed: str) -> None:
    payload = {"user": user.name, "name": name, **({"scope": agreed} if agreed else {})}
    outbox.append(connection, Event(f"application.{what}", actor_id=user.id, payload=payload))
