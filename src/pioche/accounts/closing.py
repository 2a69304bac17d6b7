"""Deleting a user's account, for good.

With it go its sessions, tokens, applications, likes, follows, collections, webhooks, access requests and memberships. What it
said in discussions stays, without an author, and so do its commits, which bear its name. Its repos are deleted with it where
it says so, and cannot be restored then: nobody is left who might. Its name is never given to anybody again (`former_names`).
"""

import sqlalchemy as sa

from pioche.accounts import former_names, members
from pioche.accounts.account import Account
from pioche.accounts.members import Role
from pioche.accounts.oauth import applications
from pioche.db import schema
from pioche.db.engine import Database
from pioche.errors import AccountNotFound, Conflict
from pioche.events import Event
from pioche.jobs import outbox

_accounts, _members, _repos = schema.accounts, schema.memberships, schema.repos
_likes, _votes, _collections = schema.likes, schema.collection_votes, schema.collections


def obstacles(database: Database, user: Account) -> list[str]:
    """The organisations that it is the last administrator of: somebody else has to be one first."""
    with database.read() as connection:
        return _left_alone(connection, user)


def close(database: Database, user: Account, *, with_repos: bool, actor_id: int | None = None) -> None:
    """Raises Conflict while it owns repos and `with_repos` is False, while it is the last administrator of an organisation
    or of the hub, and AccountNotFound when it is gone already."""
    with database.write() as connection:
        _lock_organisations(connection, user)
        here = sa.select(_accounts.c.is_admin).where(_accounts.c.id == user.id).with_for_update()
        row = connection.execute(here).first()
        if row is None:
            raise AccountNotFound("This account does not exist")
        _check_nobody_is_left_alone(connection, user, is_admin=bool(row.is_admin))
        _delete_repos(connection, user, actor_id, with_repos=with_repos)
        liked = _lower_counters(connection, user)
        applications.end_all(connection, user.id)
        former_names.keep(connection, user.name, None)
        connection.execute(_accounts.delete().where(_accounts.c.id == user.id))
        # `repos`: what search reads again, since their numbers changed.
        gone = {"name": user.name, "repos": liked}
        outbox.append(connection, Event("user.delete", actor_id=actor_id, payload=gone))


def _lock_organisations(connection: sa.Connection, user: Account) -> None:
    """While this account is deleted, no other administrator of the same organisations leaves."""
    own = sa.select(_members.c.org_id).where(_members.c.user_id == user.id, _members.c.role == Role.ADMIN)
    for org_id in connection.execute(own.order_by(_members.c.org_id)).scalars().all():
        members.lock(connection, org_id)


def _check_nobody_is_left_alone(connection: sa.Connection, user: Account, *, is_admin: bool) -> None:
    alone = _left_alone(connection, user)
    if alone:
        raise Conflict(f"{user.name} is the last administrator of {', '.join(alone)}: make somebody else one first")
    others = sa.select(sa.func.count()).where(
        _accounts.c.is_admin, _accounts.c.suspended_at.is_(None), _accounts.c.id != user.id
    )
    if is_admin and not connection.execute(others).scalar_one():
        raise Conflict(f"{user.name} is the last administrator of this hub")


def _left_alone(connection: sa.Connection, user: Account) -> list[str]:
    others, people = _members.alias("others"), _accounts.alias("people")
    another = sa.exists().where(
        others.c.org_id == _members.c.org_id,
        others.c.role == Role.ADMIN,
        others.c.user_id != user.id,
        others.c.user_id == people.c.id,
        people.c.suspended_at.is_(None),  # who cannot sign in administers nothing
    )
    query = (
        sa.select(_accounts.c.name)
        .join_from(_members, _accounts, _accounts.c.id == _members.c.org_id)
        .where(_members.c.user_id == user.id, _members.c.role == Role.ADMIN, sa.not_(another))
    )
    return list(connection.execute(query.order_by(_accounts.c.name_key)).scalars())


def _delete_repos(connection: sa.Connection, user: Account, actor_id: int | None, *, with_repos: bool) -> None:
    own = _repos.c.namespace_id == user.id
    alive = connection.execute(sa.select(_repos.c.id, _repos.c.full_name).where(own, _repos.c.deleted_at.is_(None)))
    found = alive.all()
    if found and not with_repos:
        raise Conflict(
            f"{user.name} owns {len(found)} repos: delete or move them first, or delete them with the account"
        )
    for row in found:
        outbox.append(connection, Event("repo.delete", row.id, actor_id, {"id": row.full_name}))
    connection.execute(_repos.delete().where(own))


def _lower_counters(connection: sa.Connection, user: Account) -> list[int]:
    """Likes and votes are counted beside what they count. Returns the rows of the repos that are liked less."""
    liked = sa.select(_likes.c.repo_id).where(_likes.c.user_id == user.id)
    ids = list(connection.execute(liked).scalars())
    connection.execute(_repos.update().where(_repos.c.id.in_(liked)).values(likes=_repos.c.likes - 1))
    voted = sa.select(_votes.c.collection_id).where(_votes.c.user_id == user.id)
    connection.execute(
        _collections.update().where(_collections.c.id.in_(voted)).values(upvotes=_collections.c.upvotes - 1)
    )
    return ids
