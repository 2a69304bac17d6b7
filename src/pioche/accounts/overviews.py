"""The numbers on an account's page."""

from dataclasses import dataclass

import sqlalchemy as sa

from pioche.accounts import audiences
from pioche.accounts import members as members_of
from pioche.accounts.account import Account
from pioche.accounts.callers import Caller
from pioche.db import schema
from pioche.db.engine import Database

_repos, _memberships, _discussions = schema.repos, schema.memberships, schema.discussions


@dataclass(frozen=True, slots=True)
class Overview:
    """Of what the one who asks may see. `discussions` a user opened, `members` an organisation has: None where they are
    hidden."""

    models: int
    datasets: int
    spaces: int
    discussions: int
    members: int | None


def overview(database: Database, account: Account, caller: Caller) -> Overview:
    """Private repos are counted for those who may read them, so that a number tells nothing to others."""
    with database.read() as connection:
        role = members_of.role_of(connection, account.id, caller.user_id)
        shows_members = not account.hides_members or (
            caller.sees_members_of(account.id) and members_of.knows(caller, role)
        )
        alive = _repos.c.deleted_at.is_(None)
        by_type = sa.select(_repos.c.type, sa.func.count()).where(_repos.c.namespace_id == account.id, alive)
        by_type = by_type.where(*audiences.visible(caller)).group_by(_repos.c.type)
        counts = {row[0]: row[1] for row in connection.execute(by_type)}
        discussions = (
            sa.select(sa.func.count())
            .select_from(_discussions.join(_repos, _repos.c.id == _discussions.c.repo_id))
            .where(_discussions.c.author_id == account.id, audiences.IS_PUBLIC, alive)
        )
        members = sa.select(sa.func.count()).where(_memberships.c.org_id == account.id)
        return Overview(
            models=counts.get("model", 0),
            datasets=counts.get("dataset", 0),
            spaces=counts.get("space", 0),
            discussions=connection.execute(discussions).scalar_one(),
            members=connection.execute(members).scalar_one() if shows_members else None,
        )
