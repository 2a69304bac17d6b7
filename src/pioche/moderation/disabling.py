"""Taking a repo out of use: nobody reads it then but administrators, by no protocol, and it stands in nobody's lists but
its own people's. Nothing is removed. Access sees to it (`repos.access`), since opening is the check."""

from collections.abc import Mapping

import sqlalchemy as sa

from pioche.accounts.callers import Caller
from pioche.db import schema
from pioche.db.instance import now_ms
from pioche.errors import BadRequest, RepoNotFound
from pioche.events import Event
from pioche.jobs import outbox
from pioche.repos.access import Repo

REASON_CHARACTERS_MAX = 500

_repos = schema.repos


def disable(repo: Repo, caller: Caller, reason: str, *, is_legal: bool = False) -> None:
    """`reason` is shown to everybody who asks for the repo; of one that is disabled already it takes the place of the
    earlier one. `is_legal`: because a law or a court asks for it, which is another answer (451). For administrators, who
    opened it to administer it. Raises BadRequest, RepoNotFound."""
    reason = checked_reason(reason)
    with repo.database.write() as connection:
        within(connection, repo.id, caller.user_id or None, reason, is_legal=is_legal)


def within(
    connection: sa.Connection, repo_id: int, actor_id: int | None, reason: str, *, is_legal: bool = False
) -> None:
    """As `disable`, in a transaction that decides more."""
    values = {"disabled_at": now_ms(), "disabled_reason": reason, "disabled_by_law": is_legal}
    told = {"reason": reason, "legal": True} if is_legal else {"reason": reason}
    _change(connection, repo_id, actor_id, values, Event("repo.disable", payload=told))


def enable(repo: Repo, caller: Caller) -> None:
    """Undoes `disable`. Raises RepoNotFound."""
    with repo.database.write() as connection:
        enable_within(connection, repo.id, caller.user_id or None)


def enable_within(connection: sa.Connection, repo_id: int, actor_id: int | None) -> None:
    """As `enable`, in a transaction that decides more."""
    values = {"disabled_at": None, "disabled_reason": None, "disabled_by_law": False}
    _change(connection, repo_id, actor_id, values, Event("repo.enable"))


def checked_reason(text: str) -> str:
    """On one line. Raises BadRequest."""
    reason = " ".join(text.split())
    if not reason or len(reason) > REASON_CHARACTERS_MAX or not reason.isprintable():
        raise BadRequest(f"A public reason has 1 to {REASON_CHARACTERS_MAX} printable characters")
    return reason


def _change(
    connection: sa.Connection, repo_id: int, actor_id: int | None, values: Mapping[str, object], event: Event
) -> None:
    """The event goes first to the index of names, which looks at the repo again."""
    alive = _repos.update().where(_repos.c.id == repo_id, _repos.c.deleted_at.is_(None))
    found = connection.execute(alive.values(values).returning(_repos.c.full_name)).first()
    if found is None:
        raise RepoNotFound
    outbox.append(connection, Event(event.kind, repo_id, actor_id, {"id": found.full_name, **event.payload}))
