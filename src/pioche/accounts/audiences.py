"""For whom private repos are there. An audience is a number: an account's row for what lies in its namespace, and the negative
of a resource group's row for what is in that group.

One set of numbers tells what somebody may see: `of_caller`. Whatever lists, counts, searches or sorts repos asks it, and
`repos.access` decides by the same rules for one repo (`role`).
"""

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from pioche.accounts.callers import Caller
from pioche.accounts.members import Role
from pioche.db import schema
from pioche.db.engine import Database, Lookup

READERS = frozenset(("read", "contributor", "write", "admin"))
"""The roles in an organisation that read what is private in it and in no group."""

_repos, _accounts, _members = schema.repos, schema.accounts, schema.memberships
_groups, _of_group = schema.resource_groups, schema.resource_group_members

AUDIENCE = sa.case((_repos.c.group_id.is_(None), _repos.c.namespace_id), else_=-_repos.c.group_id)
"""Of a row of `repos`; it counts where the repo is not for everybody."""

IS_PUBLIC = sa.and_(_repos.c.private.is_(False), _repos.c.disabled_at.is_(None))
"""Of a row of `repos`: it stands in everybody's lists. One that was disabled is in those of its own people alone."""
PUBLIC = "NOT r.private AND r.disabled_at IS NULL"
"""The same in the text of a query that has `repos r`."""

# The text of a query that has `repos r` and a parameter `user`: what joins their role, and the role. In a group, the one they
# were given there, or the one that every member who reads in the organisation has; its administrators are everywhere.
JOINED = """
    LEFT JOIN memberships m ON m.org_id = r.namespace_id AND m.user_id = :user
    LEFT JOIN resource_groups g ON g.id = r.group_id AND g.org_id = r.namespace_id
    LEFT JOIN resource_group_members p ON p.group_id = g.id AND p.user_id = :user
"""
ROLE = """
    CASE WHEN r.group_id IS NULL OR m.role IS NULL OR m.role = 'admin' THEN m.role
         WHEN p.role IS NOT NULL THEN p.role
         WHEN m.role <> 'no_access' THEN g.auto_join END
"""


def _literals(roles: frozenset[str]) -> list[sa.ColumnElement[str]]:
    return [sa.literal_column(f"'{role}'", sa.Text) for role in sorted(roles)]


def _select(user: sa.ColumnElement[int], *, with_account: bool = False) -> sa.CompoundSelect[Any]:
    """`with_account`: also whose namespace it is."""
    accounts = (user, _members.c.org_id, _groups.c.org_id) if with_account else ()
    own, of_org, of_group = ((one,) for one in accounts) if accounts else ((), (), ())
    mine = (_members.c.user_id == user) & (_members.c.org_id == _groups.c.org_id)
    given = (_of_group.c.group_id == _groups.c.id) & (_of_group.c.user_id == user)
    joins = _groups.c.auto_join.is_not(None) & _members.c.role.in_(_literals(READERS))
    is_admin = _members.c.role == sa.literal_column(f"'{Role.ADMIN}'", sa.Text)
    return sa.union_all(
        sa.select(user, *own),
        sa.select(_members.c.org_id, *of_org).where(
            _members.c.user_id == user, _members.c.role.in_(_literals(READERS))
        ),
        sa.select(-_groups.c.id, *of_group)
        .select_from(_groups.join(_members, mine).outerjoin(_of_group, given))
        .where(sa.or_(is_admin, _of_group.c.role.is_not(None), joins)),
    )


_USER = sa.bindparam("user", type_=sa.BigInteger)
OF_USER = str(_select(_USER))
"""The text of a query with a parameter `user`: the audiences that they belong to."""
_WITH_ACCOUNTS = Lookup(str(_select(_USER, with_account=True)))


def of_caller(database: Database, caller: Caller) -> tuple[int, ...]:
    """Those of somebody with a name, as far as their token shows them: in ascending order, as of now."""
    rows = database.fetch_all_sync(_WITH_ACCOUNTS, {"user": caller.user_id})
    return tuple(sorted({audience for audience, account in rows if caller.reads_private_of(account)}))


def visible(caller: Caller) -> list[sa.ColumnElement[bool]]:
    """What holds of rows of `repos` whose repo the caller may see (invariant I7)."""
    if caller.is_admin:
        return []
    if caller.is_anonymous:
        return [IS_PUBLIC]
    mine = AUDIENCE.in_(_select(sa.literal(caller.user_id, sa.BigInteger)))
    return [sa.or_(IS_PUBLIC, mine), *_shown_by_token(caller)]


def _shown_by_token(caller: Caller) -> Iterator[sa.ColumnElement[bool]]:
    """Which repos that are not public the token shows, of those that its user may see."""
    if caller.barred:
        yield sa.or_(IS_PUBLIC, _repos.c.namespace_id.not_in([one.org_id for one in caller.barred]))
    if caller.scopes is not None:
        accounts, each = caller.scopes.readable_accounts(), caller.scopes.readable_repos()
        yield sa.or_(IS_PUBLIC, _repos.c.namespace_id.in_(accounts), _repos.c.id.in_(each))


def readers(namespace_id: int, group_id: int | None) -> sa.ColumnElement[bool]:
    """What holds of rows of `accounts` that may read a private repo of a namespace or group; instance administrators aside."""
    if group_id is None:
        inside = sa.select(_members.c.user_id).where(
            _members.c.org_id == namespace_id, _members.c.role.in_(sorted(READERS))
        )
        return (_accounts.c.id == namespace_id) | _accounts.c.id.in_(inside)
    given = (_of_group.c.group_id == _groups.c.id) & (_of_group.c.user_id == _members.c.user_id)
    joins = _groups.c.auto_join.is_not(None) & _members.c.role.in_(sorted(READERS))
    inside = (
        sa.select(_members.c.user_id)
        .select_from(_members.join(_groups, _groups.c.org_id == _members.c.org_id).outerjoin(_of_group, given))
        .where(_members.c.org_id == namespace_id, _groups.c.id == group_id)
        .where(sa.or_(_members.c.role == Role.ADMIN, _of_group.c.role.is_not(None), joins))
    )
    return _accounts.c.id.in_(inside)
