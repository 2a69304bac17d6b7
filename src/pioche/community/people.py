"""Who is in a thread, as readers are told: what they are to the repo, and whom one may speak to."""

from collections.abc import Iterable, Sequence

import sqlalchemy as sa

from pioche.accounts import members
from pioche.accounts.callers import Caller
from pioche.community.mentions import readers
from pioche.db import schema
from pioche.repos.access import Repo

OWNER, BOT = "owner", "bot"
_accounts, _members = schema.accounts, schema.memberships


def roles(repo: Repo, names: Iterable[str], caller: Caller) -> dict[str, str]:
    """By name, of those who are more than readers of anything public: `owner` of whom the repo is, `bot` of a service
    account, else the role in the organisation that owns it (admin, write, contributor, read), where the caller may know who
    belongs to it."""
    wanted = sorted(set(names))
    found = {name: OWNER for name in wanted if name.lower() == repo.repo_id.namespace.lower()} | _bots(repo, wanted)
    joined = _members.join(_accounts, _accounts.c.id == _members.c.user_id)
    query = sa.select(_accounts.c.name, _members.c.role).select_from(joined)
    here = (_members.c.org_id == repo.namespace_id) & _accounts.c.name.in_(wanted)
    if not _knows_members(repo, caller):
        return found
    with repo.database.read() as connection:
        rows = connection.execute(query.where(here))
        return {name: role for name, role in rows if role != "no_access"} | found


def _bots(repo: Repo, names: Sequence[str]) -> dict[str, str]:
    """That a machine speaks is told to everybody, whatever it is to the repo."""
    service = schema.service_accounts
    query = sa.select(_accounts.c.name).join_from(service, _accounts, _accounts.c.id == service.c.user_id)
    with repo.database.read() as connection:
        return dict.fromkeys(connection.execute(query.where(_accounts.c.name.in_(names))).scalars(), BOT)


def _knows_members(repo: Repo, caller: Caller) -> bool:
    with repo.database.read() as connection:
        owner = members.org_of(connection, repo.namespace_id)
    return members.Members(repo.database).are_shown_to(caller, owner)


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
