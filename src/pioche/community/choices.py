"""What somebody wants to be told of (ui.md T6), on the bell and by mail: everything, until they refuse some; and what they watch
or muted."""

from collections.abc import Iterable
from dataclasses import dataclass

import sqlalchemy as sa

from pioche.accounts.callers import Caller
from pioche.db import schema
from pioche.db.engine import Database
from pioche.names import RepoId, RepoType
from pioche.repos.info import visible

MENTION, PARTICIPATING, WATCHING = "mention", "participating", "watching"
REASONS = (MENTION, PARTICIPATING, WATCHING)
"""Why somebody is told, the strongest first."""
KINDS = ("discussion.create", "discussion.comment.create", "discussion.update")
"""What somebody is told of."""
_LISTED_MAX = 500

_bell, _mail, _repos = schema.notification_refusals, schema.mail_refusals, schema.repos
_watches, _thread_watches, _discussions = schema.watches, schema.thread_watches, schema.discussions

Choice = tuple[str, str]
"""A reason and a kind."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A repo that somebody watches or muted; with `number`, a thread of it."""

    repo_id: RepoId
    is_muted: bool
    number: int = 0
    title: str = ""

    @property
    def path(self) -> str:
        return f"{self.repo_id.web_path}/discussions/{self.number}" if self.number else self.repo_id.web_path


def refused(database: Database, user_id: int, *, by_mail: bool = False) -> frozenset[Choice]:
    """What they do not want to be told of."""
    table = _mail if by_mail else _bell
    query = sa.select(table.c.reason, table.c.kind).where(table.c.user_id == user_id)
    with database.read() as connection:
        return frozenset((row.reason, row.kind) for row in connection.execute(query))


def refuse(database: Database, user_id: int, refusals: Iterable[Choice], *, by_mail: bool = False) -> None:
    """These, of `REASONS` and `KINDS`, and no others from now on; what was told before stays."""
    table = _mail if by_mail else _bell
    wanted = {(reason, kind) for reason, kind in refusals if reason in REASONS and kind in KINDS}
    with database.write() as connection:
        connection.execute(table.delete().where(table.c.user_id == user_id, table.c.reason.in_(REASONS)))
        if wanted:
            rows = [{"user_id": user_id, "reason": reason, "kind": kind} for reason, kind in sorted(wanted)]
            connection.execute(table.insert(), rows)


def refusals(
    connection: sa.Connection, kind: str, users: Iterable[int], *, by_mail: bool = False
) -> frozenset[tuple[int, str]]:
    """Of these users, who does not want to be told of `kind`, and for which reason."""
    table = _mail if by_mail else _bell
    here = (table.c.kind == kind) & table.c.user_id.in_(sorted(set(users)))
    rows = connection.execute(sa.select(table.c.user_id, table.c.reason).where(here))
    return frozenset((row.user_id, row.reason) for row in rows)


def heard(database: Database, caller: Caller) -> list[Heard]:
    """The repos and threads that they asked to be told of, or not to be, of those that they may still open: repos first."""
    of_repo = sa.select(_repos.c.type, _repos.c.full_name, _watches.c.is_muted).join_from(_watches, _repos)
    of_repo = of_repo.where(_watches.c.user_id == caller.user_id, *visible(caller)).order_by(_repos.c.full_key)
    there = _repos.c.id == _thread_watches.c.repo_id
    is_it = (_discussions.c.repo_id == _thread_watches.c.repo_id) & (_discussions.c.number == _thread_watches.c.number)
    columns = _repos.c.type, _repos.c.full_name, _thread_watches.c.is_muted, _discussions.c.number, _discussions.c.title
    of_thread = sa.select(*columns).select_from(_thread_watches.join(_repos, there).join(_discussions, is_it))
    mine = (_thread_watches.c.user_id == caller.user_id) & _repos.c.discussions_off.is_(False)
    of_thread = of_thread.where(mine, *visible(caller)).order_by(_repos.c.full_key, _discussions.c.number.desc())
    with database.read() as connection:
        repos = connection.execute(of_repo.limit(_LISTED_MAX)).all()
        threads = connection.execute(of_thread.limit(_LISTED_MAX)).all()
    return [
        *(Heard(_repo_id(row.type, row.full_name), bool(row.is_muted)) for row in repos),
        *(Heard(_repo_id(row.type, row.full_name), bool(row.is_muted), row.number, row.title) for row in threads),
    ]


def _repo_id(kind: str, full_name: str) -> RepoId:
    namespace, _, name = full_name.partition("/")
    return RepoId(RepoType(kind), namespace, name)
