"""Reports of a repo, a comment or an account, and appeals of owners whose repo was disabled: they wait in one queue, which
administrators decide (`deciding`).

Who may not see a thing cannot report it: the door opens the repo first. One report of an author about one thing is open at
a time, and so many of one author.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from pioche.accounts.account import Account
from pioche.accounts.callers import Caller
from pioche.db import schema
from pioche.db.engine import Database
from pioche.db.instance import now_ms
from pioche.errors import BadRequest, Conflict, EntryNotFound, NotFound, RepoNotFound, TooManyRequests
from pioche.events import Event
from pioche.jobs import outbox
from pioche.names import RepoId, RepoType
from pioche.repos import threads
from pioche.repos.access import Repo

TEXT_CHARACTERS_MAX = 2000
OPEN_MAX = 50
"""Reports of one author that nobody decided yet."""
PAGE = 30

_reports, _repos, _accounts = schema.reports, schema.repos, schema.accounts
_said, _threads = schema.thread_events, schema.discussions


class Kind(StrEnum):
    """What a report is about."""

    REPO = "repo"
    COMMENT = "comment"
    ACCOUNT = "account"
    APPEAL = "appeal"


class Reason(StrEnum):
    """What is wrong with it."""

    ILLEGAL = "illegal"
    PERSONAL_DATA = "personal_data"
    COPYRIGHT = "copyright"
    MALWARE = "malware"
    HARASSMENT = "harassment"
    SEXUAL = "sexual"
    SPAM = "spam"
    IMPERSONATION = "impersonation"
    OTHER = "other"

    @classmethod
    def parse(cls, text: str) -> "Reason":
        """Raises BadRequest."""
        try:
            return cls(text)
        except ValueError:
            raise BadRequest(f"{text[:40]!r} is no reason: use one of {', '.join(cls)}") from None


class Status(StrEnum):
    """What came of it."""

    OPEN = "open"
    UPHELD = "upheld"
    DISMISSED = "dismissed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """`author` and `decider` are empty when the account is gone. Of what it is about, `repo` is of a repo, a comment and an
    appeal; `number`, `comment` (its id), `said` (what it says now) and `speaker` of a comment; `account` of an account.
    `is_settled`: the repo is disabled, the comment hidden or the account suspended now. Times are Unix milliseconds."""

    id: int
    kind: Kind
    reason: str
    text: str
    status: Status
    author: str
    created_at: int
    decider: str
    decided_at: int | None
    answer: str
    repo: RepoId | None
    disabled_reason: str
    number: int | None
    comment: str
    said: str
    speaker: str
    account: str
    is_settled: bool

    @property
    def about(self) -> str:
        """What it is about, in a few signs."""
        if self.repo is None:
            return self.account
        name = f"{self.repo.type.prefix}{self.repo}"
        return name if self.number is None else f"{name}#{self.number}"


# --- reporting ------------------------------------------------------------------------------------------------------


def report_repo(repo: Repo, caller: Caller, reason: Reason, text: str) -> int:
    """Returns its id. Raises BadRequest, Conflict (it is reported already), TooManyRequests."""
    about = {"kind": Kind.REPO, "repo_id": repo.id, "reason": reason, "text": checked(text)}
    with repo.database.write() as connection:
        return _add(connection, caller, about, str(repo.repo_id))


def report_comment(repo: Repo, caller: Caller, number: int, uid: str, reason: Reason, text: str) -> int:
    """As `report_repo`. Raises EntryNotFound, Conflict for one's own comment and one that is hidden."""
    about = {"kind": Kind.COMMENT, "repo_id": repo.id, "reason": reason, "text": checked(text)}
    with repo.database.write() as connection:
        threads.check_on(connection, repo.id)
        here = (_said.c.repo_id == repo.id) & (_said.c.number == number) & (_said.c.uid == uid)
        query = sa.select(_said.c.id, _said.c.author_id, _said.c.hidden_at)
        found = connection.execute(query.where(here, _said.c.kind == threads.Kind.COMMENT.value)).first()
        if found is None:
            raise EntryNotFound("There is no such comment in this discussion")
        if found.hidden_at is not None or found.author_id == caller.user_id:
            raise Conflict("This comment is hidden already" if found.hidden_at else "You wrote this comment yourself")
        return _add(connection, caller, {**about, "event_id": found.id}, f"{repo.repo_id}#{number}")


def report_account(database: Database, caller: Caller, account: Account, reason: Reason, text: str) -> int:
    """As `report_repo`. Raises Conflict for oneself."""
    if account.id == caller.user_id:
        raise Conflict("This is you")
    about = {"kind": Kind.ACCOUNT, "account_id": account.id, "reason": reason, "text": checked(text)}
    with database.write() as connection:
        return _add(connection, caller, about, account.name)


def appeal(repo: Repo, caller: Caller, text: str) -> int:
    """By somebody who may write to a disabled repo. Raises as `report_repo`, Conflict where nothing is disabled."""
    about = {"kind": Kind.APPEAL, "repo_id": repo.id, "reason": "", "text": checked(text, is_needed=True)}
    with repo.database.write() as connection:
        query = sa.select(_repos.c.disabled_at).where(_repos.c.id == repo.id, _repos.c.deleted_at.is_(None))
        found = connection.execute(query).first()
        if found is None:
            raise RepoNotFound
        if found.disabled_at is None:
            raise Conflict("This repo is not disabled: there is nothing to ask back")
        return _add(connection, caller, about, str(repo.repo_id))


def checked(text: str, *, is_needed: bool = False) -> str:
    """Raises BadRequest."""
    found = text.replace("\r\n", "\n").strip()
    if len(found) > TEXT_CHARACTERS_MAX or "\0" in found:
        raise BadRequest(f"Say it in at most {TEXT_CHARACTERS_MAX} characters")
    if is_needed and not found:
        raise BadRequest("Say why")
    return found


def _add(connection: sa.Connection, caller: Caller, about: dict[str, Any], name: str) -> int:
    """The author's row first: two reports of one author are not written at once."""
    connection.execute(sa.select(_accounts.c.id).where(_accounts.c.id == caller.user_id).with_for_update())
    mine = (_reports.c.author_id == caller.user_id) & (_reports.c.status == Status.OPEN)
    same = [_reports.c[key].is_not_distinct_from(about.get(key)) for key in ("repo_id", "event_id", "account_id")]
    query = sa.select(_reports.c.id).where(mine, _reports.c.kind == about["kind"], *same)
    if connection.execute(query).first() is not None:
        raise Conflict("You told the administrators of this already, and they have not decided yet")
    if connection.execute(sa.select(sa.func.count()).where(mine)).scalar_one() >= OPEN_MAX:
        raise TooManyRequests(f"{OPEN_MAX} of your reports wait to be decided: report more when they are")
    row = {**about, "author_id": caller.user_id, "status": Status.OPEN, "created_at": now_ms()}
    id_ = connection.execute(_reports.insert().values(row).returning(_reports.c.id)).scalar_one()
    told = {"id": id_, "kind": about["kind"].value, "name": name, "reason": str(about["reason"])}
    outbox.append(connection, Event("report.create", actor_id=caller.user_id, payload=told))
    return int(id_)


# --- reading --------------------------------------------------------------------------------------------------------


def queue(database: Database, status: Status, kind: Kind | None = None, *, after: int = 0) -> list[Report]:
    """For administrators: those that wait, the oldest first; or what was decided, the latest first. `after` is the id that
    the page begins after."""
    where = [_reports.c.status == status, *([_reports.c.kind == kind] if kind else [])]
    if status is Status.OPEN:
        query = _select().where(*where, _reports.c.id > after).order_by(_reports.c.id)
    else:
        where += [_reports.c.id < after] if after else []
        query = _select().where(*where).order_by(_reports.c.id.desc())
    return _fetch(database, query.limit(PAGE + 1))


def counts(database: Database) -> dict[Status, int]:
    """How many there are of each status."""
    query = sa.select(_reports.c.status, sa.func.count()).group_by(_reports.c.status)
    with database.read() as connection:
        found = {Status(status): count for status, count in connection.execute(query)}
    return {status: found.get(status, 0) for status in Status}


def of_author(database: Database, user_id: int, limit: int = 100) -> list[Report]:
    """What somebody reported, the latest first, with what was answered."""
    query = _select().where(_reports.c.author_id == user_id).order_by(_reports.c.id.desc())
    return _fetch(database, query.limit(limit))


def get(database: Database, id_: int) -> Report:
    """Raises NotFound."""
    found = _fetch(database, _select().where(_reports.c.id == id_))
    if not found:
        raise NotFound("There is no such report")
    return found[0]


def _select() -> "sa.Select[Any]":
    author, decider = _accounts.alias("author"), _accounts.alias("decider")
    account, speaker = _accounts.alias("account"), _accounts.alias("speaker")
    source = (
        _reports.outerjoin(_repos, _repos.c.id == _reports.c.repo_id)
        .outerjoin(_said, _said.c.id == _reports.c.event_id)
        .outerjoin(author, author.c.id == _reports.c.author_id)
        .outerjoin(decider, decider.c.id == _reports.c.decider_id)
        .outerjoin(account, account.c.id == _reports.c.account_id)
        .outerjoin(speaker, speaker.c.id == _said.c.author_id)
    )
    return sa.select(
        _reports,
        author.c.name.label("author"),
        decider.c.name.label("decider"),
        account.c.name.label("account"),
        account.c.suspended_at,
        speaker.c.name.label("speaker"),
        _repos.c.type,
        _repos.c.full_name,
        _repos.c.disabled_at,
        _repos.c.disabled_reason,
        _said.c.number,
        _said.c.uid.label("comment"),
        _said.c.text.label("said"),
        _said.c.hidden_at,
    ).select_from(source)


def _fetch(database: Database, query: "sa.Select[Any]") -> list[Report]:
    with database.read() as connection:
        return [_report(row) for row in connection.execute(query)]


def _report(row: "sa.Row[Any]") -> Report:
    kind = Kind(row.kind)
    settled = {Kind.COMMENT: row.hidden_at, Kind.ACCOUNT: row.suspended_at}.get(kind, row.disabled_at)
    return Report(
        id=row.id,
        kind=kind,
        reason=row.reason,
        text=row.text,
        status=Status(row.status),
        author=row.author or "",
        created_at=row.created_at,
        decider=row.decider or "",
        decided_at=row.decided_at,
        answer=row.answer or "",
        repo=RepoId.parse(RepoType(row.type), row.full_name) if row.full_name else None,
        disabled_reason=row.disabled_reason or "",
        number=row.number,
        comment=row.comment or "",
        said=row.said or "",
        speaker=row.speaker or "",
        account=row.account or "",
        is_settled=settled is not None,
    )
