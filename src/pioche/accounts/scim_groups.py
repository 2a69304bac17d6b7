"""The groups of an organisation's directory (SCIM): they are its resource groups, and put people into them with the role `read`.

Who is in a group for the directory is kept beside who is in it: a person may be no member of the organisation yet, and an
administrator may give somebody another role inside, which stays. The directory neither sees nor takes away whom people of
the organisation added by themselves.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import sqlalchemy as sa

from pioche.accounts import members, scim_people
from pioche.accounts.account import Account
from pioche.accounts.callers import Caller
from pioche.accounts.groups import Group, Groups
from pioche.db import dialect, schema
from pioche.db.engine import Database
from pioche.db.instance import now_ms
from pioche.errors import Conflict, NotFound

_people, _inside, _members = schema.scim_users, schema.scim_group_users, schema.resource_group_members
_groups, _memberships, _repos = schema.resource_groups, schema.memberships, schema.repos
_DIRECTORY = Caller.operator()
"""The directory administers the groups of its organisation, and was asked for its token."""


@dataclass(frozen=True, slots=True)
class Inside:
    """Somebody of the directory in a group."""

    uid: str
    user_name: str


class Directory:
    """The groups of one organisation, as its directory sees them."""

    def __init__(self, database: Database, groups: Groups, org: Account) -> None:
        self._database = database
        self._groups = groups
        self._org = org

    def all(self) -> list[Group]:
        """By name."""
        return self._groups.of(self._org, _DIRECTORY)

    def get(self, uid: str) -> Group:
        """Raises NotFound."""
        return self._groups.get(self._org, uid, _DIRECTORY)

    def create(self, name: str, people: Sequence[str]) -> Group:
        """Raises BadRequest, AlreadyExists (the name), NotFound (one of the people)."""
        with self._database.read() as connection:
            self._rows(connection, people)
        group = self._groups.create(self._org, _DIRECTORY, name)
        self.change(group, added=people)
        return group

    def rename(self, group: Group, name: str) -> Group:
        """Raises BadRequest, AlreadyExists."""
        if name == group.name:
            return group
        return self._groups.change(self._org, _DIRECTORY, group, name=name, description=group.description)

    def name_outside(self, group: Group, external_id: str | None) -> Group:
        """What the directory calls it (`externalId`); None for nothing. Raises NotFound."""
        if external_id == group.external_id:
            return group
        with self._database.write() as connection:
            _check_there(connection, group)
            connection.execute(_groups.update().where(_groups.c.id == group.id).values(external_id=external_id))
        return replace(group, external_id=external_id)

    def delete(self, group: Group) -> None:
        """Raises Conflict while it has repos: all members of the organisation would see them then."""
        with self._database.read() as connection:
            held = connection.execute(sa.select(_repos.c.id).where(_repos.c.group_id == group.id).limit(1)).first()
        if held is not None:
            raise Conflict(f"The resource group {group.name} has repos: an administrator moves them out of it first")
        self._groups.delete(self._org, _DIRECTORY, group)

    def people(self, group: Group) -> list[Inside]:
        """By user name."""
        both = _inside.join(_people, _people.c.id == _inside.c.scim_user_id)
        select = sa.select(_people.c.uid, _people.c.user_name).select_from(both)
        with self._database.read() as connection:
            rows = connection.execute(select.where(_inside.c.group_id == group.id).order_by(_people.c.user_name_key))
            return [Inside(row.uid, row.user_name) for row in rows]

    def change(self, group: Group, *, added: Iterable[str] = (), removed: Iterable[str] = ()) -> None:
        """Raises NotFound for somebody whom the directory never sent."""
        with self._database.write() as connection:
            members.lock(connection, self._org.id)
            _check_there(connection, group)
            self._remove(connection, group, self._rows(connection, removed, are_optional=True))
            self._add(connection, group, self._rows(connection, added))

    def _add(self, connection: sa.Connection, group: Group, rows: "list[scim_people.Person]") -> None:
        dialect.insert_rows(connection, _inside, [{"group_id": group.id, "scim_user_id": row.id} for row in rows])
        ids = [row.user_id for row in rows if row.user_id is not None and row.is_active]
        belonging = (_memberships.c.org_id == self._org.id) & _memberships.c.user_id.in_(ids)
        found = connection.execute(sa.select(_memberships.c.user_id).where(belonging)).scalars().all()
        given = {"group_id": group.id, "role": members.Role.READ, "created_at": now_ms()}
        dialect.insert_rows(connection, _members, [{**given, "user_id": user_id} for user_id in found])

    def _remove(self, connection: sa.Connection, group: Group, rows: "list[scim_people.Person]") -> None:
        here = (_inside.c.group_id == group.id) & _inside.c.scim_user_id.in_([row.id for row in rows])
        was = set(connection.execute(sa.select(_inside.c.scim_user_id).where(here)).scalars())
        connection.execute(_inside.delete().where(here))
        ids = [row.user_id for row in rows if row.id in was and row.user_id is not None]
        connection.execute(_members.delete().where(_members.c.group_id == group.id, _members.c.user_id.in_(ids)))

    def _rows(
        self, connection: sa.Connection, uids: Iterable[str], *, are_optional: bool = False
    ) -> "list[scim_people.Person]":
        found = list[scim_people.Person]()
        for uid in dict.fromkeys(uids):
            try:
                found.append(scim_people.one(connection, self._org, uid))
            except NotFound:
                if not are_optional:
                    raise
        return found


def _check_there(connection: sa.Connection, group: Group) -> None:
    there = sa.select(_groups.c.id).where(_groups.c.id == group.id).with_for_update()
    if connection.execute(there).first() is None:
        raise NotFound(f"There is no resource group {group.name!r} any more")
