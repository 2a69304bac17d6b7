"""Events of threads become notifications: a consumer of the outbox. Who is told, and why:

mention        whose name the comment says
participating  who wrote in the thread, or asked to be told of it
watching       who watches the repo; whose it is, if they did not mute it

Nobody is told of what they did themselves, of what they muted or refused (`choices`), of what somebody did whom they
blocked, or of a repo that they may not open at this moment. Where the hub sends mail, the same goes for what waits to be sent
(`letters`), by refusals of its own.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from pioche.accounts.callers import Caller
from pioche.accounts.letters import is_old
from pioche.community import choices, letters
from pioche.community.choices import MENTION, PARTICIPATING, WATCHING
from pioche.community.mentions import Known
from pioche.db import schema
from pioche.db.dialect import upsert
from pioche.events import Event
from pioche.repos.access import Access, Action, Repo

UNREAD = "unread"

_RECIPIENTS_MAX = 5000
_table, _accounts, _events = schema.notifications, schema.accounts, schema.thread_events
_WRITERS = ("admin", "write")


@dataclass(frozen=True, slots=True)
class _Thread:
    repo_id: int
    number: int


class Notify:
    """Writes a row for each person who is to be told of what happened in a thread."""

    name = "notifications"

    def __init__(self, access: Access, *, sends_mail: bool = False) -> None:
        self._access = access
        self._database = access.stores.database
        self._sends_mail = sends_mail

    def handle(self, event: Event) -> None:
        if event.kind not in choices.KINDS or event.repo_id is None:
            return
        thread = _Thread(event.repo_id, int(event.payload["number"]))
        spoken = self._mentioned(thread, str(event.payload.get("comment", "")))
        with self._database.read() as connection:
            found = list(_reasons(connection, thread, spoken))[:_RECIPIENTS_MAX]
            deaf = {event.actor_id or 0, *_deaf(connection, thread, event.actor_id)}
            users = {user for user, _ in found} - deaf
            # Who refused the stronger reason is told for the weaker one, where that holds too.
            bell = _kept(found, users, choices.refusals(connection, event.kind, users))
            mail = {}
            if self._sends_mail and not is_old(event):
                mail = _kept(found, users, choices.refusals(connection, event.kind, users, by_mail=True))
            callers = _callers(connection, bell | mail)
        told = [one for one in callers if self._access.open_all_sync(one, [thread.repo_id], Action.READ)]
        if told:
            names = {one.user_id for one in told}
            self._write(event, thread, {user: reason for user, reason in bell.items() if user in names})
            self._queue(event, thread, {user: reason for user, reason in mail.items() if user in names})

    def _queue(self, event: Event, thread: _Thread, reasons: Mapping[int, str]) -> None:
        if reasons:
            with self._database.write() as connection:
                if _is_there(connection, thread):
                    letters.queue_event(connection, event, thread.number, reasons)

    def _mentioned(self, thread: _Thread, uid: str) -> list[str]:
        """The names in a comment, of those who may read the repo."""
        query = sa.select(_events.c.text).where(_events.c.uid == uid, _events.c.repo_id == thread.repo_id)
        with self._database.read() as connection:
            text = connection.execute(query).scalar() or ""
        if "@" not in text:
            return []
        repo = self._repo(thread)
        return [] if repo is None else [name.lower() for name in Known(repo, [text]).names(text)]

    def _repo(self, thread: _Thread) -> Repo | None:
        """As the hub itself: nobody is asking. None when it was deleted."""
        return next(iter(self._access.open_all_sync(Caller.operator(), [thread.repo_id], Action.READ)), None)

    def _write(self, event: Event, thread: _Thread, reasons: Mapping[int, str]) -> None:
        common = {"repo_id": thread.repo_id, "number": thread.number, "status": UNREAD, "kind": event.kind}
        common |= {"actor_id": event.actor_id, "event_id": event.id, "at": event.at}
        with self._database.write() as connection:
            before = _before(connection, thread)
            rows = [
                {"user_id": user, "reason": MENTION if before.get(user, (0, ""))[1] == MENTION else reason, **common}
                for user, reason in sorted(reasons.items())
                if before.get(user, (0, ""))[0] < event.id
            ]
            if rows and _is_there(connection, thread):
                changed = ("reason", "status", "kind", "actor_id", "event_id", "at")
                connection.execute(upsert(connection, _table, ("user_id", "repo_id", "number"), changed), rows)


def _kept(found: list[tuple[int, str]], users: set[int], refused: frozenset[tuple[int, str]]) -> dict[int, str]:
    return {user: reason for user, reason in found if user in users and (user, reason) not in refused}


def _reasons(connection: sa.Connection, thread: _Thread, spoken: list[str]) -> Iterator[tuple[int, str]]:
    """The weakest first: a later one takes its place."""
    repos, members = schema.repos, schema.memberships
    owner = sa.select(repos.c.namespace_id).where(repos.c.id == thread.repo_id)
    writers = sa.select(members.c.user_id).where(members.c.org_id.in_(owner), members.c.role.in_(_WRITERS))
    watches, threads = schema.watches, schema.thread_watches
    of_thread = (threads.c.repo_id == thread.repo_id) & (threads.c.number == thread.number)
    said = (_events.c.repo_id == thread.repo_id) & (_events.c.number == thread.number)
    queries = (
        (WATCHING, owner),
        (WATCHING, writers),
        (WATCHING, sa.select(watches.c.user_id).where(watches.c.repo_id == thread.repo_id, ~watches.c.is_muted)),
        (PARTICIPATING, sa.select(_events.c.author_id).distinct().where(said, _events.c.author_id.is_not(None))),
        (PARTICIPATING, sa.select(threads.c.user_id).where(of_thread, ~threads.c.is_muted)),
        (MENTION, sa.select(_accounts.c.id).where(_accounts.c.name_key.in_(spoken))),
    )
    for reason, query in queries:
        for user_id in connection.execute(query).scalars():
            yield user_id, reason


def _deaf(connection: sa.Connection, thread: _Thread, actor_id: int | None) -> Iterator[int]:
    """Who does not want to hear of it."""
    watches, threads, blocks = schema.watches, schema.thread_watches, schema.blocks
    of_thread = (threads.c.repo_id == thread.repo_id) & (threads.c.number == thread.number)
    yield from connection.execute(
        sa.select(watches.c.user_id).where(watches.c.repo_id == thread.repo_id, watches.c.is_muted)
    ).scalars()
    yield from connection.execute(sa.select(threads.c.user_id).where(of_thread, threads.c.is_muted)).scalars()
    yield from connection.execute(sa.select(blocks.c.blocker_id).where(blocks.c.blocked_id == actor_id)).scalars()


def _callers(connection: sa.Connection, reasons: Mapping[int, str]) -> list[Caller]:
    query = sa.select(_accounts.c.id, _accounts.c.name, _accounts.c.is_admin).where(
        _accounts.c.id.in_(sorted(reasons)), _accounts.c.kind == "user", _accounts.c.suspended_at.is_(None)
    )
    return [Caller(row.id, row.name, may_write=False, is_admin=bool(row.is_admin)) for row in connection.execute(query)]


def _before(connection: sa.Connection, thread: _Thread) -> dict[int, tuple[int, str]]:
    """By user, the last event they were told of, and why; a mention that is done with is forgotten."""
    here = (_table.c.repo_id == thread.repo_id) & (_table.c.number == thread.number)
    rows = connection.execute(
        sa.select(_table.c.user_id, _table.c.event_id, _table.c.reason, _table.c.status).where(here)
    )
    return {row.user_id: (row.event_id, row.reason if row.status == UNREAD else "") for row in rows}


def _is_there(connection: sa.Connection, thread: _Thread) -> bool:
    table = schema.discussions
    here = (table.c.repo_id == thread.repo_id) & (table.c.number == thread.number)
    return connection.execute(sa.select(table.c.number).where(here).with_for_update(read=True)).first() is not None
