"""Resource groups: an organisation's repos, shared out among its members (reliability.md section 2.1).

A repo is in one group at most. Inside, a member has the role they were given there; where there is `auto_join`, every member
who reads in the organisation has at least been given that one. The organisation's administrators administer all groups.
Which repos are in a group is `repos.grouping`'s.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from pioche.accounts.account import COLUMNS, Account, from_row
from pioche.accounts.callers import Caller
from pioche.accounts.members import Member, Role
from pioche.accounts.scopes import Permission
from pioche.db import schema
from pioche.db.engine import Database
from pioche.db.instance import new_uid, now_ms
from pioche.errors import AlreadyExists, BadRequest, Forbidden, NotFound, ReadOnlyToken
from pioche.events import Event
from pioche.jobs import outbox

_groups, _of_group = schema.resource_groups, schema.resource_group_members
_accounts, _memberships, _repos = schema.accounts, schema.memberships, schema.repos

NAME_MAX = 96
DESCRIPTION_MAX = 1000
USERS_MAX = 500
"""Added at once."""


@dataclass(frozen=True, slots=True)
class Group:
    """`uid` is its name on the wire. `auto_join`: the role of every member; None: only who was added is in it. `external_id`: its
    name in the organisation's directory."""

    id: int
    uid: str
    org_id: int
    name: str
    description: str
    auto_join: Role | None
    created_at: int
    external_id: str | None = None


def parse_role(text: str) -> Role:
    """One of the four that work inside a group. Raises BadRequest."""
    role = Role.parse(text)
    if role is Role.NO_ACCESS:
        raise BadRequest("no_access is not a role in a resource group: leave the user out of it instead")
    return role


class Groups:
    """The groups of all organisations. What changes one asks first whether `caller` administers it; the changes raise
    Forbidden (ReadOnlyToken), NotFound when it went meanwhile, and what they say besides."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # --- looking ---

    def of(self, org: Account, caller: Caller) -> list[Group]:
        """Those that the caller administers or belongs to, by name."""
        with self._database.read() as connection:
            rows = connection.execute(_FIND.where(_groups.c.org_id == org.id).order_by(_groups.c.name_key)).all()
            return [found for row in rows if role_of(connection, found := _group(row), caller) is not None]

    def get(self, org: Account, uid: str, caller: Caller) -> Group:
        """Raises NotFound, also for who is not in it: a group's name is not for others."""
        with self._database.read() as connection:
            return find(connection, org.id, uid, caller)

    def role(self, group: Group, caller: Caller) -> Role | None:
        """What the caller is in it, by whatever way."""
        with self._database.read() as connection:
            return role_of(connection, group, caller)

    def members(self, group: Group) -> list[Member]:
        """Who was added, by name, with their roles in it."""
        select: sa.Select[Any] = sa.select(*COLUMNS, _of_group.c.role.label("role"))
        select = select.join_from(_of_group, _accounts, _accounts.c.id == _of_group.c.user_id)
        with self._database.read() as connection:
            rows = connection.execute(select.where(_of_group.c.group_id == group.id).order_by(_accounts.c.name_key))
            return [Member(from_row(row), Role(row.role)) for row in rows]

    # --- the groups ---

    def create(
        self, org: Account, caller: Caller, name: str, *, description: str = "", auto_join: Role | None = None
    ) -> Group:
        """By an administrator of the organisation. Raises BadRequest, AlreadyExists (the name)."""
        values = {**_named(name), "description": _described(description), "auto_join": auto_join}
        if org.is_user:
            raise BadRequest("Only organizations have resource groups")
        try:
            with self._database.write() as connection:
                _check_administers_org(connection, org.id, caller)
                uid = new_uid()
                row = {"uid": uid, "org_id": org.id, "created_at": now_ms(), **values}
                connection.execute(_groups.insert().values(row))
                group = find(connection, org.id, uid, caller)
                _tell(connection, "resource_group.create", org.name, group, caller)
                return group
        except sa.exc.IntegrityError:
            raise AlreadyExists(_taken(name)) from None

    def change(self, org: Account, caller: Caller, group: Group, *, name: str, description: str) -> Group:
        """Raises BadRequest, AlreadyExists (the name)."""
        values = {**_named(name), "description": _described(description)}
        try:
            with self._database.write() as connection:
                check_administers(connection, group, caller)
                return _update(connection, org, group, caller, values)
        except sa.exc.IntegrityError:
            raise AlreadyExists(_taken(name)) from None

    def set_auto_join(self, org: Account, caller: Caller, group: Group, role: Role | None) -> Group:
        """By an administrator of the organisation: it lets in people whom nobody chose."""
        with self._database.write() as connection:
            _check_administers_org(connection, org.id, caller)
            return _update(connection, org, group, caller, {"auto_join": role})

    def delete(self, org: Account, caller: Caller, group: Group) -> None:
        """By an administrator of the organisation, to which its repos fall: its members see the private ones then."""
        with self._database.write() as connection:
            _check_administers_org(connection, org.id, caller)
            _lock(connection, group)
            inside = _repos.c.group_id == group.id
            rows = connection.execute(sa.select(_repos.c.id, _repos.c.full_name).where(inside)).all()
            connection.execute(_repos.update().where(inside).values(group_id=None))
            connection.execute(_groups.delete().where(_groups.c.id == group.id))
            for row in rows:
                repos = {"repos": [row.full_name]}
                _tell(connection, "resource_group.remove_repos", org.name, group, caller, repos, repo_id=row.id)
            _tell(connection, "resource_group.delete", org.name, group, caller)

    # --- who is in them ---

    def add(self, org: Account, caller: Caller, group: Group, users: Sequence[tuple[Account, Role]]) -> None:
        """All of them or none. Raises BadRequest (somebody twice, too many), Forbidden for who does not belong to the
        organisation or is in the group already, by name."""
        ids = {user.id for user, _ in users}
        if len(ids) < len(users) or len(users) > USERS_MAX or not users:
            raise BadRequest(f"Name between one and {USERS_MAX} users, each once")
        with self._database.write() as connection:
            check_administers(connection, group, caller)
            belonging = sa.select(_memberships.c.user_id).where(
                _memberships.c.org_id == org.id, _memberships.c.user_id.in_(ids)
            )
            # A row that somebody else removes now would be left behind: the members stay as they are until the end.
            members = set(connection.execute(belonging.with_for_update()).scalars())
            if strangers := [user.name for user, _ in users if user.id not in members]:
                raise Forbidden(f"Not in the organization {org.name}: {', '.join(strangers)[:300]}")
            inside = sa.select(_of_group.c.user_id).where(_of_group.c.group_id == group.id)
            already = set(connection.execute(inside).scalars())
            if there := [user.name for user, _ in users if user.id in already]:
                raise Forbidden(f"Already in the resource group: {', '.join(there)[:300]}")
            at = now_ms()
            rows = [{"group_id": group.id, "user_id": user.id, "role": role, "created_at": at} for user, role in users]
            connection.execute(_of_group.insert(), rows)
            told = {"users": [{"user": user.name, "role": role.value} for user, role in users]}
            _tell(connection, "resource_group.add_users", org.name, group, caller, told)

    def change_role(self, org: Account, caller: Caller, group: Group, user: Account, role: Role) -> None:
        """Raises NotFound when they are not in it."""
        with self._database.write() as connection:
            check_administers(connection, group, caller)
            _check_touched(connection.execute(_of_group.update().where(_row(group, user)).values(role=role)), user)
            told = {"user": user.name, "role": role.value}
            _tell(connection, "resource_group.change_role", org.name, group, caller, told)

    def remove(self, org: Account, caller: Caller, group: Group, user: Account) -> None:
        """Also by themselves. Raises NotFound when they are not in it."""
        with self._database.write() as connection:
            if user.id == caller.user_id:
                _check_token(caller, group.org_id)
            else:
                check_administers(connection, group, caller)
            _check_touched(connection.execute(_of_group.delete().where(_row(group, user))), user)
            _tell(connection, "resource_group.remove_users", org.name, group, caller, {"users": [user.name]})


_FIND = sa.select(_groups)


def find(connection: sa.Connection, org_id: int, uid: str, caller: Caller) -> Group:
    """As `Groups.get`, in a transaction."""
    row = connection.execute(_FIND.where(_groups.c.org_id == org_id, _groups.c.uid == uid)).first()
    if row is None or role_of(connection, group := _group(row), caller) is None:
        raise NotFound(f"There is no resource group {uid[:80]!r} in this organization")
    return group


def by_id(connection: sa.Connection, group_id: int) -> Group:
    """The group of a repo that is held. Raises NotFound."""
    row = connection.execute(_FIND.where(_groups.c.id == group_id)).first()
    if row is None:
        raise NotFound("There is no such resource group")
    return _group(row)


def may_create_in(connection: sa.Connection, group: Group, caller: Caller) -> bool:
    """Whether the caller may make repos in it."""
    return role_of(connection, group, caller) in (Role.ADMIN, Role.WRITE, Role.CONTRIBUTOR)


def role_of(connection: sa.Connection, group: Group, caller: Caller) -> Role | None:
    """What the caller is in a group, as `audiences.ROLE` has it."""
    if caller.is_admin:
        return Role.ADMIN
    if caller.barred_from(group.org_id) is not None:
        return None
    joined = _memberships.outerjoin(
        _of_group, (_of_group.c.user_id == _memberships.c.user_id) & (_of_group.c.group_id == group.id)
    )
    select = sa.select(_memberships.c.role, _of_group.c.role.label("given")).select_from(joined)
    mine = (_memberships.c.org_id == group.org_id) & (_memberships.c.user_id == caller.user_id)
    row = connection.execute(select.where(mine)).first()
    if row is None:
        return None
    if row.role == Role.ADMIN:
        return Role.ADMIN
    if row.given is not None:
        return Role(row.given)
    return None if row.role == Role.NO_ACCESS else group.auto_join


def _group(row: "sa.Row[Any]") -> Group:
    auto_join = None if row.auto_join is None else Role(row.auto_join)
    return Group(row.id, row.uid, row.org_id, row.name, row.description, auto_join, row.created_at, row.external_id)


def _row(group: Group, user: Account) -> sa.ColumnElement[bool]:
    return (_of_group.c.group_id == group.id) & (_of_group.c.user_id == user.id)


def _update(connection: sa.Connection, org: Account, group: Group, caller: Caller, values: dict[str, Any]) -> Group:
    _lock(connection, group)
    connection.execute(_groups.update().where(_groups.c.id == group.id).values(values))
    changed = by_id(connection, group.id)
    told = {"description": changed.description, "autoJoin": changed.auto_join}
    _tell(connection, "resource_group.settings", org.name, changed, caller, told)
    return changed


def _lock(connection: sa.Connection, group: Group) -> None:
    row = connection.execute(sa.select(_groups.c.id).where(_groups.c.id == group.id).with_for_update()).first()
    if row is None:
        raise NotFound(f"There is no resource group {group.name!r} any more")


def check_administers(connection: sa.Connection, group: Group, caller: Caller) -> None:
    """That the caller says who and what is in it, which stays until the transaction ends. Raises Forbidden, NotFound."""
    if role_of(connection, group, caller) is not Role.ADMIN:
        raise Forbidden(f"Only an administrator of the resource group {group.name} may do this")
    _check_token(caller, group.org_id)
    _lock(connection, group)


def _check_administers_org(connection: sa.Connection, org_id: int, caller: Caller) -> None:
    select = sa.select(_memberships.c.role).where(
        _memberships.c.org_id == org_id, _memberships.c.user_id == caller.user_id
    )
    if not caller.is_admin and connection.execute(select).scalar() != Role.ADMIN:
        raise Forbidden("Only an administrator of the organization may do this")
    _check_token(caller, org_id)


def _check_token(caller: Caller, org_id: int) -> None:
    caller.check_token(Permission.GROUPS_WRITE, org_id, "this organization")
    if not caller.may_write:
        raise ReadOnlyToken


def _check_touched(done: sa.CursorResult[Any], user: Account) -> None:
    if done.rowcount == 0:
        raise NotFound(f"{user.name} was not added to this resource group")


def _named(name: str) -> dict[str, str]:
    clean = " ".join(name.split())
    if not clean or len(clean) > NAME_MAX or not clean.isprintable():
        raise BadRequest(f"A resource group has a name of one line, of {NAME_MAX} characters at most")
    return {"name": clean, "name_key": clean.lower()}


def _described(text: str) -> str:
    clean = text.strip()
    if len(clean) > DESCRIPTION_MAX or "\x00" in clean:
        raise BadRequest(f"A description has {DESCRIPTION_MAX} characters at most")
    return clean


def _taken(name: str) -> str:
    return f"This organization has a resource group called {name[:NAME_MAX]!r} already"


def _tell(
    connection: sa.Connection,
    kind: str,
    org_name: str,
    group: Group,
    caller: Caller,
    more: dict[str, Any] | None = None,
    *,
    repo_id: int | None = None,
) -> None:
    payload = {"org": org_name, "id": group.uid, "name": group.name, **(more or {})}
    outbox.append(connection, Event(kind, repo_id, caller.user_id or None, payload))
