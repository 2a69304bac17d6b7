"""What somebody was told of: listing it, counting what is unread, marking it. Rows are written by `notifying`.

Whether they may still open the repo is asked anew each time (E-LEAK): what is told of a repo that became private, or that
they left, is not listed and not counted, and is there again when they may.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from pioche.accounts.callers import Caller
from pioche.community.choices import MENTION, PARTICIPATING
from pioche.community.notifying import UNREAD
from pioche.db import schema
from pioche.db.engine import Database
from pioche.errors import BadRequest
from pioche.names import RepoId, RepoType
from pioche.repos.info import visible

COUNTED_MAX = 100
"""More unread than this are `99+` to a reader: nobody counts further."""

_table, _repos, _discussions, _accounts = schema.notifications, schema.repos, schema.discussions, schema.accounts


class Status(StrEnum):
    """What somebody did about it."""

    UNREAD = "unread"
    READ = "read"
    DONE = "done"


class Show(StrEnum):
    """Which of them; `all` is what is not done."""

    ALL = "all"
    UNREAD = "unread"
    DONE = "done"


class About(StrEnum):
    """Why they were told; participating counts mentions."""

    ALL = "all"
    PARTICIPATING = "participating"
    MENTIONS = "mentions"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A filter. `repo` None: of all repos."""

    show: Show = Show.ALL
    about: About = About.ALL
    repo: RepoId | None = None

    @classmethod
    def of(cls, show: str | None, about: str | None, repo: str | None) -> "Wanted":
        """From the words of an address; `repo` as `datasets/ada/words`. Raises BadRequest."""
        try:
            return cls(Show(show or "all"), About(about or "all"), _named(repo) if repo else None)
        except ValueError:
            raise BadRequest("There is no such filter of notifications") from None


def _named(path: str) -> RepoId:
    """Raises InvalidName."""
    for kind in RepoType:
        if kind.prefix and path.startswith(kind.prefix):
            return RepoId.parse(kind, path.removeprefix(kind.prefix))
    return RepoId.parse(RepoType.MODEL, path)


@dataclass(frozen=True, slots=True)
class Notification:
    """`key` names it in forms and in the API: the repo's uid and the thread's number. `at` is Unix milliseconds."""

    key: str
    repo_id: RepoId
    private: bool
    number: int
    title: str
    thread_status: str
    is_pull_request: bool
    reason: str
    status: Status
    actor: str
    kind: str
    at: int

    @property
    def path(self) -> str:
        return f"{self.repo_id.web_path}/discussions/{self.number}"


@dataclass(frozen=True, slots=True)
class Page:
    """Of `total`; `unread` is as `count`, without the filter."""

    notifications: list[Notification]
    total: int
    unread: int


def page(database: Database, caller: Caller, wanted: Wanted, *, number: int = 0, limit: int = 30) -> Page:
    """The latest first."""
    joined = _joined()
    conditions = [*_mine(caller), *_filter(wanted)]
    columns = (
        *(_table.c[name] for name in ("number", "reason", "status", "kind", "at")),
        _repos.c.uid, _repos.c.type, _repos.c.full_name, _repos.c.private,
        _discussions.c.title, _discussions.c.status.label("thread_status"), _discussions.c.is_pull_request,
        _accounts.c.name.label("actor"),
    )  # fmt: skip
    query = sa.select(*columns).select_from(joined.outerjoin(_accounts, _accounts.c.id == _table.c.actor_id))
    query = query.where(*conditions).order_by(_table.c.at.desc(), _table.c.repo_id, _table.c.number)
    with database.read() as connection:
        total = connection.execute(sa.select(sa.func.count()).select_from(joined).where(*conditions)).scalar_one()
        rows = connection.execute(query.limit(limit).offset(number * limit)).all()
        return Page([_notification(row) for row in rows], int(total), _count(connection, caller))


def count(database: Database, caller: Caller) -> int:
    """How many are unread, at most `COUNTED_MAX`: one look at an index."""
    with database.read() as connection:
        return _count(connection, caller)


def mark(database: Database, caller: Caller, keys: Sequence[str], status: Status) -> None:
    """Those that are named by `keys`, of the caller's own. What is not there is passed over: it may be gone by now."""
    wanted = {_parse(key) for key in keys}
    with database.write() as connection:
        ids = _ids(connection, sorted({uid for uid, _ in wanted}))
        for uid, number in sorted(wanted):
            if uid in ids:
                here = (_table.c.repo_id == ids[uid]) & (_table.c.number == number)
                _mark(connection, here & (_table.c.user_id == caller.user_id), status)


def mark_all(database: Database, caller: Caller, wanted: Wanted, status: Status) -> None:
    """All that the filter shows."""
    mine = sa.select(_table.c.repo_id, _table.c.number).select_from(_joined()).where(*_mine(caller), *_filter(wanted))
    with database.write() as connection:
        for repo_id, number in connection.execute(mine).all():
            here = (_table.c.repo_id == repo_id) & (_table.c.number == number)
            _mark(connection, here & (_table.c.user_id == caller.user_id), status)


def seen(database: Database, caller: Caller, repo_id: int, number: int) -> None:
    """The caller looks at the thread: what is unread of it is read. Nothing is written where nothing is."""
    here = (_table.c.user_id == caller.user_id) & (_table.c.repo_id == repo_id) & (_table.c.number == number)
    here &= _table.c.status == UNREAD
    with database.read() as connection:
        if connection.execute(sa.select(_table.c.number).where(here)).first() is None:
            return
    with database.write() as connection:
        _mark(connection, here, Status.READ)


def _mark(connection: sa.Connection, here: sa.ColumnElement[bool], status: Status) -> None:
    connection.execute(_table.update().where(here).values(status=status.value))


def _joined() -> sa.Join:
    there = (_discussions.c.repo_id == _table.c.repo_id) & (_discussions.c.number == _table.c.number)
    return _table.join(_repos, _repos.c.id == _table.c.repo_id).join(_discussions, there)


def _mine(caller: Caller) -> list[sa.ColumnElement[bool]]:
    enabled = [] if caller.is_admin else [_repos.c.disabled_at.is_(None)]
    return [_table.c.user_id == caller.user_id, _repos.c.discussions_off.is_(False), *enabled, *visible(caller)]


def _filter(wanted: Wanted) -> list[sa.ColumnElement[bool]]:
    found = list[sa.ColumnElement[bool]]()
    if wanted.show is Show.ALL:
        found.append(_table.c.status != Status.DONE.value)
    else:
        found.append(_table.c.status == wanted.show.value)
    if wanted.about is not About.ALL:
        reasons = (MENTION,) if wanted.about is About.MENTIONS else (MENTION, PARTICIPATING)
        found.append(_table.c.reason.in_(reasons))
    if wanted.repo is not None:
        found += [_repos.c.type == wanted.repo.type.value, _repos.c.full_key == wanted.repo.key]
    return found


def _count(connection: sa.Connection, caller: Caller) -> int:
    few = sa.select(_table.c.number).select_from(_joined()).where(*_mine(caller), _table.c.status == UNREAD)
    query = sa.select(sa.func.count()).select_from(few.limit(COUNTED_MAX).subquery())
    return int(connection.execute(query).scalar_one())


def _notification(row: "sa.Row[Any]") -> Notification:
    namespace, _, name = row.full_name.partition("/")
    return Notification(
        key=f"{row.uid}-{row.number}",
        repo_id=RepoId(RepoType(row.type), namespace, name),
        private=bool(row.private),
        number=row.number,
        title=row.title,
        thread_status=row.thread_status,
        is_pull_request=bool(row.is_pull_request),
        reason=row.reason,
        status=Status(row.status),
        actor=row.actor or "",
        kind=row.kind,
        at=row.at,
    )


def _parse(key: str) -> tuple[str, int]:
    uid, _, number = key.partition("-")
    if not uid.isalnum() or not number.isdigit() or not number.isascii() or len(number) > 9:
        raise BadRequest(f"{key[:60]!r} names no notification")
    return uid, int(number)


def _ids(connection: sa.Connection, uids: Sequence[str]) -> dict[str, int]:
    rows = connection.execute(sa.select(_repos.c.uid, _repos.c.id).where(_repos.c.uid.in_(uids)))
    return {row.uid: row.id for row in rows}
