"""Who is in a thread, as readers are told: what they are to the repo, and whom one may speak to."""

from collections.abc import Iterable

import sqlalchemy as sa

from pioche.community.mentions import readers
from pioche.db import schema
from pioche.repos.access import Repo

OWNER = "owner"
_accounts, _members = schema.accounts, schema.memberships


def roles(repo: Repo, names: Iterable[str]) -> dict[str, str]:
    """By name, of those who are more than readers of anything public: `owner` of whom the repo is, else the role in the
    organisation that owns it (admin, write, contributor, read)."""
    wanted = sorted(set(names))
    found = {name: OWNER for name in wanted if name.lower() == repo.repo_id.namespace.lower()}
    joined = _members.join(_accounts, _accounts.c.id == _members.c.user_id)
    query = sa.select(_accounts.c.name, _members.c.role).select_from(joined)
    here = (_members.c.org_id == repo.namespace_id) & _accounts.c.name.in_(wanted)
    with repo.database.read() as connection:
        rows = connection.execute(query.where(here))
        return found | {name: role for name, role in rows if role != "no_access"}


def suggested(repo: Repo, beginning: str, limit: int = 8) -> list[tuple[str, str]]:
    """(name, full name) of people who may read the repo and whose name begins so, those who spoke in it before first."""
    events = schema.thread_events
    said = sa.select(events.c.author_id).where(events.c.repo_id == repo.id, events.c.author_id == _accounts.c.id)
    query = sa.select(_accounts.c.name, _accounts.c.fullname).where(
        _accounts.c.kind == "user",
        _accounts.c.name_key.startswith(beginning.lower(), autoescape=True),
        _accounts.c.suspended_at.is_(None),
        *readers(repo),
    )
    ordered = query.order_by(sa.exists(said).desc(), _accounts.c.name_key).limit(limit)
    with repo.database.read() as connection:
        return [(name, fullname or "") for name, fullname in connection.execute(ordered)]
