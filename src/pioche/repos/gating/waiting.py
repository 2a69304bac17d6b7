"""Requests that wait for somebody to decide: over all repos whose gate they keep."""

from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from pioche.accounts.callers import Caller
from pioche.db import schema
from pioche.names import RepoId
from pioche.repos.access import Access, Action
from pioche.repos.gating.requests import Status

_REPOS_MAX: Final = 100
_requests, _repos, _members = schema.access_requests, schema.repos, schema.memberships


@dataclass(frozen=True, slots=True)
class Waiting:
    """So many ask for the files of a repo; `latest` is when the last one did, in Unix milliseconds."""

    repo_id: RepoId
    count: int
    latest: int


def of(access: Access, caller: Caller) -> list[Waiting]:
    """Of the repos that the caller may manage, where somebody asked last first."""
    orgs = sa.select(_members.c.org_id).where(_members.c.user_id == caller.user_id)
    owned = sa.or_(_repos.c.namespace_id == caller.user_id, _repos.c.namespace_id.in_(orgs))
    latest = sa.func.max(_requests.c.created_at).label("latest")
    query = sa.select(_repos.c.id, sa.func.count().label("count"), latest).join_from(_requests, _repos)
    query = query.where(_requests.c.status == Status.PENDING.value, _repos.c.gated != "", owned)
    query = query.group_by(_repos.c.id).order_by(latest.desc()).limit(_REPOS_MAX)
    with access.stores.database.read() as connection:
        rows = {row.id: row for row in connection.execute(query)}
    opened = access.open_all_sync(caller, list(rows), Action.MANAGE)
    found = [Waiting(repo.repo_id, int(rows[repo.id][1]), int(rows[repo.id].latest)) for repo in opened]
    return sorted(found, key=lambda one: -one.latest)
