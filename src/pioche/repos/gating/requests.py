"""Who asked for the files of a gated repo, and what became of it. One request for each user and repo.

    nobody asked --ask--> accepted (auto) or pending (manual)
    pending, accepted, rejected --handle--> another of these
    pending --withdraw--> nobody asked

Who was rejected cannot ask again. Requests stay when a gate is taken away, and count again when it is put back. Whoever
calls has opened the repo: for ASK to ask, for MANAGE to review.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import msgspec
import sqlalchemy as sa

from pioche.accounts import account as accounts
from pioche.accounts.account import Account
from pioche.accounts.callers import Caller
from pioche.db import schema
from pioche.db.dialect import insert_if_absent
from pioche.db.engine import Database
from pioche.db.instance import new_uid, now_ms
from pioche.errors import AccountNotFound, BadRequest, Forbidden, HubError, NotFound, RepoNotFound
from pioche.events import Event
from pioche.jobs import outbox
from pioche.names import RepoId, RepoType
from pioche.repos import info
from pioche.repos.access import Repo
from pioche.repos.gating import forms

REASON_CHARACTERS_MAX = 200
BATCH_MAX = 100
_NEVER_ASKED = "null"

_requests, _repos, _people = schema.access_requests, schema.repos, schema.accounts
_handlers = schema.accounts.alias()


class Status(StrEnum):
    """What became of a request, in the words of the clients."""

    PENDING = "pending"
    ACCEPTED = "accepted"
    REJECTED = "rejected"

    @classmethod
    def parse(cls, text: str) -> "Status":
        """Raises BadRequest."""
        try:
            return cls(text)
        except ValueError:
            raise BadRequest(f'"status" must be one of [{", ".join(cls)}]') from None


@dataclass(frozen=True, slots=True)
class Asked:
    """A request. `answers` is None of somebody whom the owners let in unasked: then their email is not the owners' to see.

    Times are Unix milliseconds; `reviewed_at` is None while it waits. `reviewer` is the name of who decided.
    """

    id: int
    uid: str
    user: Account
    status: Status
    answers: dict[str, str] | None
    reason: str
    at: int
    reviewed_at: int | None
    reviewer: str | None

    @property
    def email(self) -> str | None:
        """For the owners, of who asked: asking is agreeing to that."""
        return None if self.answers is None else self.user.email


@dataclass(frozen=True, slots=True)
class Page:
    """`next_after` leads to the next one; None at the end."""

    requests: list[Asked]
    next_after: str | None


@dataclass(frozen=True, slots=True)
class Own:
    """A request of the reader's own. `reason` is why it was rejected, where the owners said so."""

    repo_id: RepoId
    status: Status
    reason: str
    at: int


@dataclass(frozen=True, slots=True)
class Who:
    """Whose request: the `name` of a user, the user's id (`userId`), or the id of the request itself (`requestId`)."""

    name: str = ""
    user: str = ""
    request: str = ""


# --- whoever asks ---------------------------------------------------------------------------------------------------


def form(repo: Repo) -> forms.Form:
    """What the card asks now."""
    with repo.database.read() as connection:
        card = connection.execute(sa.select(_repos.c.card).where(_repos.c.id == repo.id)).scalar_one_or_none()
    return forms.of_card(_decoded(card or "{}"))


def own(repo: Repo, caller: Caller) -> Own | None:
    """The caller's request; None when there is none."""
    query = sa.select(_requests).where(_requests.c.repo_id == repo.id, _requests.c.user_id == caller.user_id)
    with repo.database.read() as connection:
        row = connection.execute(query).first()
    return None if row is None else Own(repo.repo_id, Status(row.status), row.reason or "", row.created_at)


def ask(repo: Repo, caller: Caller, sent: dict[str, str]) -> Status:
    """Answers the form of the card, as it is now. What was asked and decided before stays.

    Raises BadRequest (no gate, or an answer that does not fit, named), Forbidden (nobody's account), RepoNotFound.
    """
    if not caller.user_id:
        raise Forbidden("Access is given to accounts: sign in with one")
    with repo.database.write() as connection:
        gate = _locked(connection, repo)
        answers = _checked(forms.of_card(_decoded(gate.card)), sent)
        status, at = Status.ACCEPTED if gate.gated == "auto" else Status.PENDING, now_ms()
        row = {"uid": new_uid(), "repo_id": repo.id, "user_id": caller.user_id, "status": status.value}
        row |= {"answers": msgspec.json.encode(answers).decode(), "created_at": at, "updated_at": at}
        if _is_first(connection, row):
            _tell(connection, "create", repo, caller, caller.user_id, status)
            return status
        here = (_requests.c.repo_id == repo.id) & (_requests.c.user_id == caller.user_id)
        unasked = here & (_requests.c.answers == _NEVER_ASKED) & (_requests.c.status == Status.PENDING)
        connection.execute(_requests.update().where(unasked).values(answers=row["answers"]))
        return Status(connection.execute(sa.select(_requests.c.status).where(here)).scalar_one())


def withdraw(repo: Repo, caller: Caller) -> None:
    """Of a request that waits: as if nobody had asked. Raises NotFound for anything else, a rejection too."""
    here = (_requests.c.repo_id == repo.id) & (_requests.c.user_id == caller.user_id)
    with repo.database.write() as connection:
        waiting = here & (_requests.c.status == Status.PENDING)
        if not connection.execute(_requests.delete().where(waiting)).rowcount:
            raise NotFound("No pending access request found for this repo and this user")
        _tell(connection, "delete", repo, caller, caller.user_id, Status.PENDING)


def all_own(database: Database, caller: Caller) -> list[Own]:
    """What the caller asked for, the latest first, of repos that they may still see."""
    query = (
        sa.select(_repos.c.type, _repos.c.full_name, _requests.c.status, _requests.c.reason, _requests.c.created_at)
        .join(_repos, _repos.c.id == _requests.c.repo_id)
        .where(_requests.c.user_id == caller.user_id, *info.visible(caller))
        .order_by(_requests.c.id.desc())
    )
    with database.read() as connection:
        rows = connection.execute(query).all()
    return [
        Own(RepoId.parse(RepoType(row.type), row.full_name), Status(row.status), row.reason or "", row.created_at)
        for row in rows
    ]


# --- whoever reviews ------------------------------------------------------------------------------------------------


def listing(repo: Repo, status: Status | None, *, search: str = "", after: str = "", limit: int = 1000) -> Page:
    """The latest first. `search` is part of a name, a full name, or the email of who asked. Raises BadRequest."""
    if after and not (after.isascii() and after.isdigit() and len(after) < 19):
        raise BadRequest("The cursor is not valid: follow the Link header as it is")
    query = _selected(repo).order_by(_requests.c.id.desc()).limit(limit + 1)
    if status is not None:
        query = query.where(_requests.c.status == status.value)
    if search:
        query = query.where(_matching(search) if search.isprintable() else sa.false())
    if after:
        query = query.where(_requests.c.id < int(after))
    with repo.database.read() as connection:
        found = [_asked(row) for row in connection.execute(query)]
    return Page(found[:limit], str(found[limit - 1].id) if len(found) > limit else None)


def counts(repo: Repo) -> dict[Status, int]:
    """How many there are of each status."""
    query = sa.select(_requests.c.status, sa.func.count()).where(_requests.c.repo_id == repo.id)
    with repo.database.read() as connection:
        found = {row[0]: int(row[1]) for row in connection.execute(query.group_by(_requests.c.status))}
    return {status: found.get(status.value, 0) for status in Status}


def waiting(repo: Repo) -> int:
    """How many the owners have yet to look at."""
    return counts(repo)[Status.PENDING]


def gates_members(repo: Repo) -> bool:
    """Whether members of the organisation have to ask, too."""
    with repo.database.read() as connection:
        query = sa.select(_repos.c.gates_members).where(_repos.c.id == repo.id)
        return bool(connection.execute(query).scalar_one_or_none())


def handle(repo: Repo, caller: Caller, who: Who, status: Status, reason: str = "") -> None:
    """Moves a request to `status`; `reason` is of a rejection, for whoever asked.

    Raises AccountNotFound, NotFound (no request, or one that is there already), BadRequest (no gate, the reason).
    """
    reason = _reason(reason, status)
    with repo.database.write() as connection:
        _locked(connection, repo)
        user_id = _find(connection, repo, who)
        if not _move(connection, repo, caller, user_id, status, reason):
            raise _no_request()


def grant(repo: Repo, caller: Caller, who: Who) -> None:
    """Lets somebody in, whether they asked or not. Raises AccountNotFound, BadRequest (no gate; already in)."""
    with repo.database.write() as connection:
        _locked(connection, repo)
        user_id, at = _find(connection, repo, who), now_ms()
        row = {"uid": new_uid(), "repo_id": repo.id, "user_id": user_id, "status": Status.ACCEPTED.value}
        row |= {"answers": _NEVER_ASKED, "handled_by_id": caller.user_id or None, "created_at": at, "updated_at": at}
        if _is_first(connection, row):
            _tell(connection, "create", repo, caller, user_id, Status.ACCEPTED)
        elif not _move(connection, repo, caller, user_id, Status.ACCEPTED, ""):
            raise BadRequest("That user already has access to the repo")


def batch(repo: Repo, caller: Caller, whose: Sequence[Who], status: Status, reason: str = "") -> list[str]:
    """As `handle` for each, in turn; what is there already is fine. Gives what went wrong, as a word; empty where nothing did."""
    reason = _reason(reason, status)
    if not 1 <= len(whose) <= BATCH_MAX:
        raise BadRequest(f'"requests" must have 1 to {BATCH_MAX} items')
    with repo.database.write() as connection:
        _locked(connection, repo)
        return [_handled(connection, repo, caller, who, status, reason) for who in whose]


def _handled(connection: sa.Connection, repo: Repo, caller: Caller, who: Who, status: Status, reason: str) -> str:
    try:
        user_id = _find(connection, repo, who)
    except AccountNotFound:
        return "user_not_found"
    except NotFound:
        return "request_not_found"
    if _move(connection, repo, caller, user_id, status, reason):
        return ""
    there = sa.select(_requests.c.id).where(_requests.c.repo_id == repo.id, _requests.c.user_id == user_id)
    return "" if connection.execute(there).first() is not None else "request_not_found"


def _move(connection: sa.Connection, repo: Repo, caller: Caller, user_id: int, status: Status, reason: str) -> bool:
    """False when there is no request, or it is there already."""
    moved = (
        _requests.update()
        .where(_requests.c.repo_id == repo.id, _requests.c.user_id == user_id, _requests.c.status != status.value)
        .values(status=status.value, reason=reason or None, handled_by_id=caller.user_id or None, updated_at=now_ms())
    )
    if not connection.execute(moved).rowcount:
        return False
    _tell(connection, "update", repo, caller, user_id, status)
    return True


def _find(connection: sa.Connection, repo: Repo, who: Who) -> int:
    """The user's row id. Raises AccountNotFound, NotFound (an id of no request of this repo)."""
    if not (who.request + who.user).isprintable():  # nobody's id, and some such texts a driver refuses
        raise _no_request()
    if who.request:
        here = sa.select(_requests.c.user_id).where(_requests.c.repo_id == repo.id, _requests.c.uid == who.request)
        found = connection.execute(here).scalar_one_or_none()
        if found is None:
            raise _no_request()
        return int(found)
    if who.user:
        query = sa.select(*accounts.COLUMNS).where(_people.c.uid == who.user)
        row = connection.execute(query).first()
        user = None if row is None else accounts.from_row(row)
    else:
        user = accounts.find(connection, who.name)
    if user is None or not user.is_user:
        raise AccountNotFound("User not found")
    return user.id


# --- rows -----------------------------------------------------------------------------------------------------------


def _selected(repo: Repo) -> sa.Select[Any]:
    joined = _requests.join(_people, _people.c.id == _requests.c.user_id)
    joined = joined.outerjoin(_handlers, _handlers.c.id == _requests.c.handled_by_id)
    names = ("id", "uid", "status", "answers", "reason", "created_at", "updated_at")
    columns = [_requests.c[name].label(f"request_{name}") for name in names]
    selected = sa.select(*accounts.COLUMNS, *columns, _handlers.c.name.label("reviewer")).select_from(joined)
    return selected.where(_requests.c.repo_id == repo.id)


def _is_first(connection: sa.Connection, row: dict[str, Any]) -> bool:
    """Inserts it, unless the user has a request already."""
    inserted = insert_if_absent(connection, _requests).values(**row).returning(_requests.c.id)
    return connection.execute(inserted).first() is not None


def _matching(search: str) -> sa.ColumnElement[bool]:
    text = search.lower()
    email = sa.func.lower(_people.c.email).contains(text, autoescape=True) & (_requests.c.answers != _NEVER_ASKED)
    return (
        _people.c.name_key.contains(text, autoescape=True)
        | sa.func.lower(_people.c.fullname).contains(text, autoescape=True)
        | email
    )


def _asked(row: sa.Row[Any]) -> Asked:
    status = Status(row.request_status)
    return Asked(
        id=row.request_id,
        uid=row.request_uid,
        user=accounts.from_row(row),
        status=status,
        answers=msgspec.json.decode(row.request_answers, type=dict[str, str] | None),
        reason=row.request_reason or "",
        at=row.request_created_at,
        reviewed_at=None if status is Status.PENDING else row.request_updated_at,
        reviewer=row.reviewer,
    )


def _locked(connection: sa.Connection, repo: Repo) -> sa.Row[str, str]:
    """The gate as it is now, which stays until the transaction ends. Raises RepoNotFound, BadRequest when there is none."""
    alive = (_repos.c.id == repo.id) & _repos.c.deleted_at.is_(None)
    gate = connection.execute(sa.select(_repos.c.gated, _repos.c.card).where(alive).with_for_update()).first()
    if gate is None:
        raise RepoNotFound
    if not gate.gated:
        raise BadRequest(f"{repo.repo_id} is not gated: whoever sees it may read its files")
    return gate


def _checked(form: forms.Form, sent: dict[str, str]) -> dict[str, str]:
    """Raises BadRequest, naming the first answer that does not fit."""
    if sent.get(forms.AGREEMENT, form.version) != form.version:
        raise BadRequest("What is asked here has changed since you opened the page: read it again")
    found = forms.check(form, sent)
    for label, problem in found.problems.items():
        raise BadRequest(f"{label!r}: {problem.value}")
    return found.answers


def _reason(reason: str, status: Status) -> str:
    reason = reason.replace("\r\n", "\n").strip()
    if reason and status is not Status.REJECTED:
        raise BadRequest("A reason is given for a rejection only")
    if len(reason) > REASON_CHARACTERS_MAX or not reason.replace("\n", " ").isprintable():
        raise BadRequest(f'"rejectionReason" must have at most {REASON_CHARACTERS_MAX} printable characters')
    return reason


def _no_request() -> HubError:
    return NotFound("No access request found matching your criteria")


def _decoded(card: str) -> dict[str, Any]:
    found = msgspec.json.decode(card)
    return found if isinstance(found, dict) else {}


def _tell(connection: sa.Connection, what: str, repo: Repo, caller: Caller, user_id: int, status: Status) -> None:
    """Of the answers nothing: they are the owners' alone."""
    told = {"id": str(repo.repo_id), "user": user_id, "status": status.value}
    outbox.append(connection, Event(f"access_request.{what}", repo.id, caller.user_id or None, told))
