"""Where a repo is, and may be: its namespace, its resource group, its name, and the names that lead to it.

Functions of a transaction that `catalog` has open: they look at rows and change them, and decide who may.
"""

import sqlalchemy as sa

from pioche.accounts import groups
from pioche.accounts.callers import Caller
from pioche.accounts.groups import Group
from pioche.accounts.scopes import Permission
from pioche.db import schema
from pioche.db.instance import now_ms
from pioche.errors import AccountNotFound, Forbidden, ReadOnlyToken
from pioche.names import RepoId
from pioche.repos import grouping
from pioche.repos.access import Repo

# Made once: making a statement takes longer than running it.
_NAMESPACE = (
    sa.select(
        schema.accounts.c.id,
        schema.accounts.c.name,
        schema.accounts.c.kind,
        schema.accounts.c.private_by_default,
        schema.accounts.c.storage_max,
        schema.memberships.c.role,
    )
    .select_from(
        schema.accounts.outerjoin(
            schema.memberships,
            sa.and_(
                schema.memberships.c.org_id == schema.accounts.c.id,
                schema.memberships.c.user_id == sa.bindparam("user"),
            ),
        )
    )
    .where(schema.accounts.c.name_key == sa.bindparam("key"))
)
_NAMESPACE_KEPT = _NAMESPACE.with_for_update(read=True, key_share=True, of=schema.accounts)
_TAKEN = sa.select(schema.repos.c.id).where(
    schema.repos.c.type == sa.bindparam("type"), schema.repos.c.full_key == sa.bindparam("key")
)
_FORGET = schema.redirects.delete().where(
    schema.redirects.c.type == sa.bindparam("kind"), schema.redirects.c.full_key == sa.bindparam("key")
)


def namespace(
    connection: sa.Connection, caller: Caller, name: str, *, keeps_name: bool = True
) -> sa.Row[tuple[object, ...]]:
    """The account's row with the caller's `role` in it. Raises AccountNotFound. It keeps its name until the transaction
    ends: a repo that is made while its owner is renamed would have the old name."""
    query = _NAMESPACE_KEPT if keeps_name else _NAMESPACE
    row = connection.execute(query, {"key": name.lower(), "user": caller.user_id}).first()
    if row is None:
        raise AccountNotFound(f"There is no user or organisation {name[:100]!r}")
    return row  # type: ignore[return-value]  # SQLAlchemy types each column


def check_may_create(caller: Caller, namespace: sa.Row[tuple[object, ...]], *, inside: bool | None = None) -> None:
    """`inside`: whether they may in the resource group that the repo is for; None: it is for none."""
    may = namespace.role in ("admin", "write", "contributor") if inside is None else inside
    if not (may or namespace.id == caller.user_id or caller.is_admin):
        raise Forbidden(f'You don\'t have the rights to create a repo under the namespace "{namespace.name}"')
    caller.check_token(Permission.WRITE, namespace.id, str(namespace.name))
    if not caller.may_write:
        raise ReadOnlyToken


def group_for(
    connection: sa.Connection, caller: Caller, namespace: sa.Row[tuple[object, ...]], uid: str | None
) -> Group | None:
    """The resource group that the caller may make a repo in; None where they name none and may without. Raises NotFound,
    Forbidden."""
    group = None if uid is None else groups.find(connection, namespace.id, uid, caller)
    inside = None if group is None else groups.may_create_in(connection, group, caller)
    check_may_create(caller, namespace, inside=inside)
    return group


def check_may_give_away(connection: sa.Connection, caller: Caller, repo: Repo) -> None:
    """Who may write to an organisation's repos may not take them out of it (reliability.md section 2.1, Moves)."""
    members = schema.memberships
    query = sa.select(members.c.role).where(
        members.c.org_id == repo.namespace_id, members.c.user_id == caller.user_id, members.c.role == "admin"
    )
    is_own = repo.namespace_id == caller.user_id
    if not (is_own or caller.is_admin or connection.execute(query).first() is not None):
        raise Forbidden(f"Only an administrator of {repo.repo_id.namespace} may move a repo out of it")


def leave_group(connection: sa.Connection, caller: Caller, repo: Repo) -> dict[str, object]:
    """A repo that goes to another owner is in none of the groups of the one it comes from. Gives the column for that."""
    now = connection.execute(sa.select(schema.repos.c.group_id).where(schema.repos.c.id == repo.id)).scalar()
    if now is not None:
        group = groups.by_id(connection, now)
        grouping.tell(connection, "resource_group.remove_repos", group, caller, repo.id, repo.repo_id)
    return {"group_id": None}


def already(repo_id: RepoId) -> str:
    return f"A {repo_id.type} repository called {repo_id} already exists"


def is_taken(connection: sa.Connection, repo_id: RepoId) -> bool:
    return connection.execute(_TAKEN, {"type": repo_id.type.value, "key": repo_id.key}).first() is not None


def forget_redirect(connection: sa.Connection, repo_id: RepoId) -> None:
    connection.execute(_FORGET, {"kind": repo_id.type.value, "key": repo_id.key})


def add_redirect(connection: sa.Connection, repo_id: RepoId, row_id: int) -> None:
    values = {"type": repo_id.type.value, "full_key": repo_id.key, "repo_id": row_id, "created_at": now_ms()}
    connection.execute(schema.redirects.insert().values(values))


def names(namespace: sa.Row[tuple[object, ...]], repo_id: RepoId) -> dict[str, object]:
    """The columns that say what a repo is called."""
    full = {"full_name": str(repo_id), "full_key": repo_id.key}
    return {"namespace_id": namespace.id, "name": repo_id.name, **full}
