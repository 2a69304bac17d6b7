"""Who belongs to which organisation, in which role (reliability.md sections 2.1 and E)."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from pioche.accounts.account import COLUMNS, Account, from_row
from pioche.accounts.callers import Caller
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
            return role_of(connection, org_id, user_id)

    def of(self, org: Account, *, after: str = "", limit: int | None = None) -> list[Member]:
        """The members, by name, beginning after the name `after`."""
        select = _members(_memberships.c.user_id).where(
            _memberships.c.org_id == org.id, _accounts.c.name_key > after.lower()
        )
        return self._fetch(select.limit(limit))

    def orgs_of(self, user_id: int) -> list[Member]:
        """The organisations that a user belongs to, by name, with the user's role in each."""
        return self._fetch(_members(_memberships.c.org_id).where(_memberships.c.user_id == user_id))

    def are_shown_to(self, caller: Caller, org: Account) -> bool:
        """Whether somebody may know who belongs to an organisation: anybody, unless it hides its members from strangers."""
        if not org.hides_members:
            return True
        return caller.sees_members_of(org.id) and knows(caller, self.role(org.id, caller.user_id))

    def orgs_shown(self, caller: Caller, user_id: int) -> list[Member]:
        """As `orgs_of`, without those that hide from the caller who belongs to them."""
        found = self.orgs_of(user_id)
        if caller.user_id == user_id or not any(one.account.hides_members for one in found):
            return found
        mine = {
            one.account.id: one.role for one in self.orgs_of(caller.user_id) if caller.sees_members_of(one.account.id)
        }
        return [one for one in found if not one.account.hides_members or knows(caller, mine.get(one.account.id))]

    def count(self, org: Account) -> int:
        with self._database.read() as connection:
            count = sa.select(sa.func.count()).where(_memberships.c.org_id == org.id)
            return connection.execute(count).scalar_one()

    def add(self, org: Account, user: Account, role: Role, *, actor_id: int | None = None) -> None:
        """Adds a member, or gives them another role. Raises BadRequest, Conflict (the last administrator)."""
        if org.is_user or not user.is_user:
            raise BadRequest("Users are members of organizations, and nothing else is of anything else")
        with self._database.write() as connection:
            lock(connection, org.id)
            if role_of(connection, org.id, user.id) is None:
                join(connection, org, user, role, actor_id=actor_id)
                return
            _put(connection, org, user, role)
            _tell(connection, "org.change_role", org, user, actor_id, role)

    def change(self, org: Account, user: Account, role: Role, *, actor_id: int | None = None) -> None:
        """As `add`, for somebody who is a member. Raises AccountNotFound, Conflict (the last administrator)."""
        with self._database.write() as connection:
            lock(connection, org.id)
            _check_member(connection, org, user)
            _put(connection, org, user, role)
            _tell(connection, "org.change_role", org, user, actor_id, role)

    def remove(self, org: Account, user: Account, *, actor_id: int | None = None) -> None:
        """Raises AccountNotFound when they are no member, Conflict (the last administrator)."""
        with self._database.write() as connection:
            lock(connection, org.id)
            leave(connection, org, user, actor_id=actor_id)

    def _fetch(self, select: sa.Select[Any]) -> list[Member]:
        with self._database.read() as connection:
            return [Member(from_row(row), Role(row.role)) for row in connection.execute(select)]


def join(
    connection: sa.Connection, org: Account, user: Account, role: Role, *, actor_id: int | None, by: str = ""
) -> None:
    """In the caller's transaction, which holds `lock`: a user who was no member is one. What waited for it is over. `by`
    tells in the event how it came: link, invitation or request."""
    put(connection, org.id, user.id, role)
    for waiting in (schema.join_requests, schema.org_invitations):
        connection.execute(waiting.delete().where(waiting.c.org_id == org.id, waiting.c.user_id == user.id))
    enter_groups(connection, org, user)
    _tell(connection, "org.add_user", org, user, actor_id, role, by=by)


def leave(connection: sa.Connection, org: Account, user: Account, *, actor_id: int | None, by: str = "") -> None:
    """In the caller's transaction, which holds `lock`. Raises as `Members.remove`."""
    _check_member(connection, org, user)
    _keep_an_administrator(connection, org, user)
    mine = (_memberships.c.org_id == org.id) & (_memberships.c.user_id == user.id)
    connection.execute(_memberships.delete().where(mine))
    _leave_groups(connection, org, user)
    _tell(connection, "org.leave" if actor_id == user.id else "org.remove_user", org, user, actor_id, by=by)


def put(connection: sa.Connection, org_id: int, user_id: int, role: Role) -> None:
    """Writes one membership, new or changed, in the caller's transaction."""
    upsert = dialect.upsert(connection, _memberships, ["org_id", "user_id"], ["role"])
    row = {"org_id": org_id, "user_id": user_id, "role": role, "created_at": now_ms()}
    connection.execute(upsert.values(row))


def enter_groups(connection: sa.Connection, org: Account, user: Account) -> None:
    """Those that the organisation's directory has put them into before they were here (`scim_groups`)."""
    people, inside = schema.scim_users, schema.scim_group_users
    here = people.join(inside, inside.c.scim_user_id == people.c.id)
    mine = (people.c.org_id == org.id) & (people.c.user_id == user.id) & people.c.is_active
    groups = connection.execute(sa.select(inside.c.group_id).select_from(here).where(mine)).scalars()
    row = {"user_id": user.id, "role": Role.READ, "created_at": now_ms()}
    rows = [{"group_id": group_id, **row} for group_id in groups]
    dialect.insert_rows(connection, schema.resource_group_members, rows)


def _leave_groups(connection: sa.Connection, org: Account, user: Account) -> None:
    """Who comes back one day is in none of its resource groups."""
    groups, of_group = schema.resource_groups, schema.resource_group_members
    mine = sa.select(groups.c.id).where(groups.c.org_id == org.id)
    connection.execute(of_group.delete().where(of_group.c.user_id == user.id, of_group.c.group_id.in_(mine)))


def _put(connection: sa.Connection, org: Account, user: Account, role: Role) -> None:
    if role is Role.ADMIN:
        _check_is_person(connection, user)
    else:
        _keep_an_administrator(connection, org, user)
    put(connection, org.id, user.id, role)


def _tell(
    connection: sa.Connection,
    kind: str,
    org: Account,
    user: Account,
    actor_id: int | None,
    role: Role | None = None,
    *,
    by: str = "",
) -> None:
    payload = {
        "org": org.name,
        "user": user.name,
        **({"role": role.value} if role else {}),
        **({"by": by} if by else {}),
    }
    outbox.append(connection, Event(kind, actor_id=actor_id, payload=payload))


def _members(other_side: sa.Column[int]) -> sa.Select[Any]:
    select = sa.select(*COLUMNS, _memberships.c.role.label("role"))
    return select.join_from(_memberships, _accounts, _accounts.c.id == other_side).order_by(_accounts.c.name_key)


def knows(caller: Caller, role: Role | None) -> bool:
    """Whether somebody in this role knows what members know: not who may do what a stranger may."""
    return caller.is_admin or (role is not None and role is not Role.NO_ACCESS)


def role_of(connection: sa.Connection, org_id: int, user_id: int) -> Role | None:
    """As `Members.role`, in the caller's transaction."""
    select = sa.select(_memberships.c.role).where(_memberships.c.org_id == org_id, _memberships.c.user_id == user_id)
    found = connection.execute(select).scalar()
    return None if found is None else Role(found)


def org_of(connection: sa.Connection, org_id: int) -> Account:
    """The organisation of a row that points to it."""
    return from_row(connection.execute(sa.select(*COLUMNS).where(_accounts.c.id == org_id)).one())


def lock(connection: sa.Connection, org_id: int) -> None:
    """One change of an organisation's members at a time: two administrators cannot remove each other at once."""
    connection.execute(sa.select(_accounts.c.id).where(_accounts.c.id == org_id).with_for_update())


def _check_member(connection: sa.Connection, org: Account, user: Account) -> None:
    if role_of(connection, org.id, user.id) is None:
        raise AccountNotFound(f"{user.name} is not a member of {org.name}")


def _check_is_person(connection: sa.Connection, user: Account) -> None:
    service = schema.service_accounts.c.user_id
    if connection.execute(sa.select(service).where(service == user.id)).first() is not None:
        raise BadRequest(f"{user.name} is a service account: it administers nothing")


def _keep_an_administrator(connection: sa.Connection, org: Account, user: Account) -> None:
    if role_of(connection, org.id, user.id) is not Role.ADMIN:
        return
    both = _memberships.join(_accounts, _accounts.c.id == _memberships.c.user_id)
    others = sa.select(sa.func.count()).select_from(both)
    others = others.where(
        _memberships.c.org_id == org.id,
        _memberships.c.role == Role.ADMIN,
        _memberships.c.user_id != user.id,
        _accounts.c.suspended_at.is_(None),  # who cannot sign in administers nothing
    )
    if not connection.execute(others).scalar_one():
        raise Conflict(f"{user.name} is the last administrator of {org.name}: make somebody else one first")
