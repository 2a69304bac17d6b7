"""Who belongs to which organisation, in which role (reliability.md sections 2.1 and E)."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from pioche.accounts.account import COLUMNS, Account, from_row
from pioche.db import dialect, schema
from pioche.db.engine import Database
from pioche.db.instance import now_ms
from pioche.errors import AccountNotFound, BadRequest, Conflict
from pioche.events import Event
from pioche.jobs import outbox

_accounts, _memberships = schema.accounts, schema.memberships


class Role(StrEnum):
    """What a member may do in an organisation, from most to least."""

    ADMIN = "admin"
    """Everything, members and settings too."""
    WRITE = "write"
    """All repos: create, write, delete, move."""
    CONTRIBUTOR = "contributor"
    """Creates repos and writes to those; reads all."""
    READ = "read"
    """Reads private repos."""
    NO_ACCESS = "no_access"
    """Is a member, and may do what a stranger may."""

    @classmethod
    def parse(cls, text: str) -> "Role":
        """Raises BadRequest."""
        try:
            return cls(text)
        except ValueError:
            raise BadRequest(f"{text[:40]!r} is not a role: use one of {', '.join(cls)}") from None


@dataclass(frozen=True, slots=True)
class Member:
    """A user in an organisation, or an organisation of a user: `account` is the other side."""

    account: Account
    role: Role


class Members:
    """Memberships of all organisations. An organisation that has an administrator keeps one."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def role(self, org_id: int, user_id: int) -> Role | None:
        """None for a stranger."""
        with self._database.read() as connection:
            return _role(connection, org_id, user_id)

    def of(self, org: Account, *, after: str = "", limit: int | None = None) -> list[Member]:
        """The members, by name, beginning after the name `after`."""
        select = _members(_memberships.c.user_id).where(
            _memberships.c.org_id == org.id, _accounts.c.name_key > after.lower()
        )
        return self._fetch(select.limit(limit))

    def orgs_of(self, user_id: int) -> list[Member]:
        """The organisations that a user belongs to, by name, with the user's role in each."""
        return self._fetch(_members(_memberships.c.org_id).where(_memberships.c.user_id == user_id))

    def count(self, org: Account) -> int:
        with self._database.read() as connection:
            count = sa.select(sa.func.count()).where(_memberships.c.org_id == org.id)
            return connection.execute(count).scalar_one()

    def add(self, org: Account, user: Account, role: Role, *, actor_id: int | None = None) -> None:
        """Adds a member, or gives them another role. Raises BadRequest, Conflict (the last administrator)."""
        if org.is_user or not user.is_user:
            raise BadRequest("Users are members of organizations, and nothing else is of anything else")
        with self._database.write() as connection:
            _lock(connection, org)
            is_new = _role(connection, org.id, user.id) is None
            _put(connection, org, user, role)
            _tell(connection, "org.add_user" if is_new else "org.change_role", org, user, actor_id, role)

    def change(self, org: Account, user: Account, role: Role, *, actor_id: int | None = None) -> None:
        """As `add`, for somebody who is a member. Raises AccountNotFound, Conflict (the last administrator)."""
        with self._database.write() as connection:
            _lock(connection, org)
            _check_member(connection, org, user)
            _put(connection, org, user, role)
            _tell(connection, "org.change_role", org, user, actor_id, role)

    def remove(self, org: Account, user: Account, *, actor_id: int | None = None) -> None:
        """Raises AccountNotFound when they are no member, Conflict (the last administrator)."""
        with self._database.write() as connection:
            _lock(connection, org)
            _check_member(connection, org, user)
            _keep_an_administrator(connection, org, user)
            connection.execute(
                _memberships.delete().where(_memberships.c.org_id == org.id, _memberships.c.user_id == user.id)
            )
            _tell(connection, "org.remove_user", org, user, actor_id)

    def _fetch(self, select: sa.Select[Any]) -> list[Member]:
        with self._database.read() as connection:
            return [Member(from_row(row), Role(row.role)) for row in connection.execute(select)]


def put(connection: sa.Connection, org_id: int, user_id: int, role: Role) -> None:
    """Writes one membership, new or changed, in the caller's transaction."""
    upsert = dialect.upsert(connection, _memberships, ["org_id", "user_id"], ["role"])
    row = {"org_id": org_id, "user_id": user_id, "role": role, "created_at": now_ms()}
    connection.execute(upsert.values(row))


def _put(connection: sa.Connection, org: Account, user: Account, role: Role) -> None:
    if role is not Role.ADMIN:
        _keep_an_administrator(connection, org, user)
    put(connection, org.id, user.id, role)


def _tell(
    connection: sa.Connection, kind: str, org: Account, user: Account, actor_id: int | None, role: Role | None = None
) -> None:
    payload = {"org": org.name, "user": user.name, **({"role": role.value} if role else {})}
    outbox.append(connection, Event(kind, actor_id=actor_id, payload=payload))


def _members(other_side: sa.Column[int]) -> sa.Select[Any]:
    select = sa.select(*COLUMNS, _memberships.c.role.label("role"))
    return select.join_from(_memberships, _accounts, _accounts.c.id == other_side).order_by(_accounts.c.name_key)


def _role(connection: sa.Connection, org_id: int, user_id: int) -> Role | None:
    select = sa.select(_memberships.c.role).where(_memberships.c.org_id == org_id, _memberships.c.user_id == user_id)
    found = connection.execute(select).scalar()
    return None if found is None else Role(found)


def _lock(connection: sa.Connection, org: Account) -> None:
    """One change of an organisation's members at a time: two administrators cannot remove each other at once."""
    connection.execute(sa.select(_accounts.c.id).where(_accounts.c.id == org.id).with_for_update())


def _check_member(connection: sa.Connection, org: Account, user: Account) -> None:
    if _role(connection, org.id, user.id) is None:
        raise AccountNotFound(f"{user.name} is not a member of {org.name}")


def _keep_an_administrator(connection: sa.Connection, org: Account, user: Account) -> None:
    if _role(connection, org.id, user.id) is not Role.ADMIN:
        return
    others = sa.select(sa.func.count()).where(
        _memberships.c.org_id == org.id, _memberships.c.role == Role.ADMIN, _memberships.c.user_id != user.id
    )
    if not connection.execute(others).scalar_one():
        raise Conflict(f"{user.name} is the last administrator of {org.name}: make somebody else one first")
