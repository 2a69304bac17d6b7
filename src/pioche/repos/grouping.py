"""Which repos are in which resource group (`accounts.groups`): a repo in one at most, of its own organisation."""

from dataclasses import dataclass

import sqlalchemy as sa

from pioche.accounts import groups
from pioche.accounts.callers import Caller
from pioche.accounts.groups import Group
from pioche.db import schema
from pioche.db.engine import Database
from pioche.db.instance import now_ms
from pioche.errors import RepoNotFound
from pioche.events import Event
from pioche.jobs import outbox
from pioche.names import RepoId, RepoType
from pioche.repos.access import Repo

_repos = schema.repos


@dataclass(frozen=True, slots=True)
class Placed:
    """A repo of a group, and when it came to be on this hub (Unix milliseconds)."""

    repo_id: RepoId
    private: bool
    created_at: int


def group_of(repo: Repo, caller: Caller) -> Group | None:
    """None also for who is not in it: that a public repo is in a group is not for strangers."""
    if repo.group_id is None:
        return None
    with repo.database.read() as connection:
        group = groups.by_id(connection, repo.group_id)
        return group if groups.role_of(connection, group, caller) is not None else None


def assign(repo: Repo, caller: Caller, group_uid: str | None) -> Group | None:
    """Puts a repo, opened for MANAGE, into a group of its organisation, or back among the others. Done already is done.

    By who administers the group it comes from, and the one it goes to. Raises NotFound (no such group for the caller),
    Forbidden, RepoNotFound when it was deleted meanwhile.
    """
    with repo.database.write() as connection:
        alive = (_repos.c.id == repo.id) & _repos.c.deleted_at.is_(None)
        row = connection.execute(sa.select(_repos.c.group_id).where(alive).with_for_update()).first()
        if row is None:
            raise RepoNotFound
        source = None if row.group_id is None else groups.by_id(connection, row.group_id)
        target = None if group_uid is None else groups.find(connection, repo.namespace_id, group_uid, caller)
        if source == target:
            return target
        for group in (source, target):
            if group is not None:
                groups.check_administers(connection, group, caller)
        values = {"group_id": None if target is None else target.id, "updated_at": now_ms()}
        connection.execute(_repos.update().where(alive).values(values))
        for group, kind in ((source, "resource_group.remove_repos"), (target, "resource_group.add_repos")):
            if group is not None:
                tell(connection, kind, group, caller, repo.id, repo.repo_id)
        return target


def repos_of(database: Database, group: Group) -> list[Placed]:
    """All of a group's, by type and name: for who is in it."""
    return _placed(database, _repos.c.group_id == group.id)


def ungrouped(database: Database, org_id: int, *, limit: int) -> list[Placed]:
    """Those of an organisation that are in no group, as `repos_of`: for its administrators."""
    return _placed(database, (_repos.c.namespace_id == org_id) & _repos.c.group_id.is_(None), limit)


def _placed(database: Database, where: sa.ColumnElement[bool], limit: int | None = None) -> list[Placed]:
    query = sa.select(_repos.c.type, _repos.c.full_name, _repos.c.private, _repos.c.created_at)
    query = query.where(where, _repos.c.deleted_at.is_(None)).order_by(_repos.c.type, _repos.c.full_key).limit(limit)
    with database.read() as connection:
        rows = connection.execute(query).all()
    return [
        Placed(RepoId(RepoType(row.type), *row.full_name.split("/", 1)), bool(row.private), row.created_at)
        for row in rows
    ]


def tell(connection: sa.Connection, kind: str, group: Group, caller: Caller, row_id: int, repo_id: RepoId) -> None:
    """In the transaction that a repo comes or goes in."""
    payload = {"org": repo_id.namespace, "id": group.uid, "name": group.name, "repos": [str(repo_id)]}
    outbox.append(connection, Event(kind, row_id, caller.user_id or None, payload))
