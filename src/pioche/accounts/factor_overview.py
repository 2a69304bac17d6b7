"""Who has a second factor and who has none: for administrators of the hub, and of organisations for their members."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from pioche.db import schema
from pioche.db.engine import Database

_PAGE = 100
_LISTED_MAX = 200

_accounts, _factors = schema.accounts, schema.second_factors
_members, _service, _passkeys = schema.memberships, schema.service_accounts, schema.passkeys
_JOINED = _accounts.outerjoin(_factors, _factors.c.user_id == _accounts.c.id)
_HAS_ONE, _HAS_NONE = _factors.c.user_id.is_not(None), _factors.c.user_id.is_(None)
_IS_PERSON = (_accounts.c.kind == "user") & ~sa.exists().where(_service.c.user_id == _accounts.c.id)


class Show(StrEnum):
    """Which people."""

    ALL = "all"
    WITH = "with"
    WITHOUT = "without"


@dataclass(frozen=True, slots=True)
class Person:
    """`since` is Unix milliseconds, None for who has none. `passkeys`: how many; a passkey alone is none, since the password
    opens the account as well."""

    name: str
    is_admin: bool
    is_suspended: bool
    since: int | None
    passkeys: int


@dataclass(frozen=True, slots=True)
class Overview:
    """A page of people by name; the next one begins after `after`, which is empty at the end. The counts are of everybody."""

    people: list[Person]
    after: str
    having: int
    lacking: int


def overview(database: Database, show: Show, *, begins: str = "", after: str = "") -> Overview:
    """People whose name begins with `begins`; service accounts, which nobody signs in to, are left out."""
    query = _people().where(_IS_PERSON, _accounts.c.name_key > after.lower())
    if begins:
        query = query.where(_accounts.c.name_key.startswith(begins.lower(), autoescape=True))
    if show is not Show.ALL:
        query = query.where(_HAS_ONE if show is Show.WITH else _HAS_NONE)
    with database.read() as connection:
        rows = connection.execute(query.order_by(_accounts.c.name_key).limit(_PAGE + 1)).all()
        having, lacking = (_count(connection, is_it) for is_it in (_HAS_ONE, _HAS_NONE))
    people = [
        Person(row.name, row.is_admin, row.suspended_at is not None, row.created_at, row.passkeys)
        for row in rows[:_PAGE]
    ]
    return Overview(people, people[-1].name if len(rows) > _PAGE else "", having, lacking)


def members_without(database: Database, org_id: int) -> list[str]:
    """The names of members who have none, of the first `_LISTED_MAX`."""
    is_member = (_members.c.org_id == org_id) & (_members.c.user_id == _accounts.c.id)
    query = sa.select(_accounts.c.name).select_from(_JOINED.join(_members, is_member)).where(_IS_PERSON, _HAS_NONE)
    with database.read() as connection:
        return list(connection.execute(query.order_by(_accounts.c.name_key).limit(_LISTED_MAX)).scalars())


def _people() -> "sa.Select[Any]":
    mine = sa.select(sa.func.count()).where(_passkeys.c.user_id == _accounts.c.id).scalar_subquery().label("passkeys")
    columns = (_accounts.c.name, _accounts.c.is_admin, _accounts.c.suspended_at, _factors.c.created_at, mine)
    return sa.select(*columns).select_from(_JOINED)


def _count(connection: sa.Connection, is_it: "sa.ColumnElement[bool]") -> int:
    here = (_IS_PERSON, _accounts.c.suspended_at.is_(None), is_it)
    return int(connection.execute(sa.select(sa.func.count()).select_from(_JOINED).where(*here)).scalar_one())
