"""What administrators decide of a report: in one transaction, what is done about the thing, and what its author is told."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from pioche.accounts import directory
from pioche.accounts.account import Account
from pioche.accounts.callers import Caller
from pioche.db import schema
from pioche.db.engine import Database
from pioche.db.instance import now_ms
from pioche.errors import BadRequest, Conflict, NotFound
from pioche.events import Event
from pioche.jobs import outbox
from pioche.moderation import disabling
from pioche.moderation.reports import Kind, Status, checked
from pioche.repos import threads

_reports, _said = schema.reports, schema.thread_events


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """`is_upheld` does what the report asks for: the repo is disabled for `reason`, which is public, or given back after an
    appeal; the comment hidden; the account suspended. `is_legal`: a law or a court asks to disable the repo.
    `answer` is for the author of the report."""

    is_upheld: bool
    reason: str = ""
    is_legal: bool = False
    answer: str = ""


def decide(database: Database, caller: Caller, id_: int, decision: Decision) -> None:
    """For administrators. Raises NotFound, BadRequest (a repo is not disabled without a public reason), Conflict (it was
    decided already; the account is the hub's last administrator)."""
    answer = checked(decision.answer)
    with database.write() as connection:
        found = connection.execute(sa.select(_reports).where(_reports.c.id == id_).with_for_update()).first()
        if found is None:
            raise NotFound("There is no such report")
        if found.status != Status.OPEN:
            raise Conflict("This was decided already, by somebody else")
        if decision.is_upheld:
            _act(connection, caller, found, decision)
        status = Status.UPHELD if decision.is_upheld else Status.DISMISSED
        who = {"decider_id": caller.user_id or None, "decided_at": now_ms()}
        decided = _reports.update().where(_reports.c.id == id_).values(status=status, answer=answer or None, **who)
        connection.execute(decided)
        told = {"id": id_, "kind": found.kind, "reason": found.reason}
        kind = "report.uphold" if decision.is_upheld else "report.dismiss"
        outbox.append(connection, Event(kind, actor_id=caller.user_id or None, payload=told))


def _act(connection: sa.Connection, caller: Caller, found: "sa.Row[Any]", decision: Decision) -> None:
    actor_id = caller.user_id or None
    match Kind(found.kind):
        case Kind.REPO:
            reason = disabling.checked_reason(decision.reason)
            disabling.within(connection, found.repo_id, actor_id, reason, is_legal=decision.is_legal)
        case Kind.APPEAL:
            disabling.enable_within(connection, found.repo_id, actor_id)
        case Kind.COMMENT:
            _hide(connection, found.event_id, actor_id)
        case Kind.ACCOUNT:
            directory.suspend(connection, _account(connection, found.account_id), actor_id)


def _hide(connection: sa.Connection, event_id: int, actor_id: int | None) -> None:
    """For good, as its author could."""
    said = connection.execute(sa.select(_said).where(_said.c.id == event_id)).one()
    threads.lock(connection, said.repo_id, said.number)
    if said.hidden_at is None:
        hidden = _said.update().where(_said.c.id == event_id)
        connection.execute(hidden.values(hidden_at=now_ms(), hidden_by_id=actor_id))
        threads.changed(connection, said.repo_id, said.number, actor_id, said.uid)


def _account(connection: sa.Connection, account_id: int) -> Account:
    """Raises BadRequest for an organisation: nobody signs in as one."""
    found = directory.by_row_id(connection, account_id)
    if not found.is_user:
        raise BadRequest(
            f"{found.name} is an organization: disable its repos, or suspend those of its members who deserve it"
        )
    return found
