"""Letters about threads: at once, one for each thread, which mail programs put together; or one a day about all of them.

`notifying` queues what happened. What a letter says, and whether its reader may still open the repo and wants to hear of it, is
found when it is sent; what may not be told then is let go.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa

from pioche.accounts import mail_addresses, mail_choices
from pioche.accounts.mail_addresses import Reader
from pioche.accounts.mail_choices import Frequency
from pioche.community.choices import MENTION, PARTICIPATING
from pioche.db import schema
from pioche.db.dialect import insert_if_absent
from pioche.events import Event
from pioche.i18n.texts import gettext as _
from pioche.i18n.texts import ngettext
from pioche.jobs import queue
from pioche.mail.message import Letter, Letterhead, Part
from pioche.mail.sending import LETTER, SEND, Compose
from pioche.repos.access import Access, Action, Repo

THREAD, DIGEST = "thread", "digest"
_THREADS_MAX: Final = 100
_TEXT_CHARACTERS_MAX: Final = 10_000

_table, _discussions, _said, _accounts = (
    schema.mail_waiting, schema.discussions, schema.thread_events, schema.accounts,
)  # fmt: skip
_watches, _thread_watches = schema.watches, schema.thread_watches


def queue_event(connection: sa.Connection, event: Event, number: int, reasons: Mapping[int, str]) -> None:
    """For each of these users who can be written to and wants it. The thread is there, and stays until the transaction ends."""
    readers = mail_addresses.readers(connection, sorted(reasons))
    often = mail_choices.frequencies(connection, [one.user_id for one in readers])
    about = {"repo_id": event.repo_id, "number": number, "event_id": event.id, "kind": event.kind, "at": event.at}
    about |= {"actor_id": event.actor_id, "comment": str(event.payload.get("comment", ""))}
    for user_id in sorted(user for user, said in often.items() if said is not Frequency.OFF):
        row = {"user_id": user_id, "reason": reasons[user_id], **about}
        connection.execute(insert_if_absent(connection, _table).values(row))
        if often[user_id] is Frequency.DAILY:
            payload = {LETTER: DIGEST, "user": user_id}
            queue.enqueue(connection, SEND, f"{DIGEST} {user_id}", payload, delay_ms=Frequency.DAILY.delay_ms())
        else:
            payload = {LETTER: THREAD, "user": user_id, "repo": event.repo_id, "number": number}
            queue.enqueue(connection, SEND, f"{THREAD} {user_id} {event.repo_id} {number}", payload)


class ThreadLetters:
    """Writes them."""

    def __init__(self, access: Access, head: Letterhead) -> None:
        self._access = access
        self._database = access.stores.database
        self._head = head

    @property
    def kinds(self) -> Mapping[str, Compose]:
        return {THREAD: self._of_thread, DIGEST: self._of_day}

    def _of_thread(self, about: dict[str, Any]) -> Letter | None:
        here = (_table.c.user_id == about["user"]) & (_table.c.repo_id == about["repo"])
        here &= _table.c.number == about["number"]
        rows = self._waiting(here)
        found = self._told(about["user"], rows)
        if found is None:
            self._let_go(here, rows)
            return None
        reader, ((repo, rows),) = found[0], found[1]
        language = self._head.speak(reader.language)
        parts = [part for row in rows for part in _parts(row)]
        last, root = rows[-1], f"thread-{repo.uid}-{about['number']}"
        is_first = rows[0].kind == "discussion.create"
        subject = f"[{repo.repo_id}] {last.title} (#{last.number})"
        return Letter(
            to=reader.address,
            language=language,
            subject=subject if is_first else f"Re: {subject}",
            parts=(*parts, Part(_("Read and answer"), url=self._address(repo, last.number))),
            footer=_why(rows),
            id=root if is_first else f"{root}-{last.event_id}",
            thread=root,
            list_id=f"{repo.repo_id.name}.{repo.repo_id.namespace}".lower(),
            **self._ending(reader),
            after=lambda: self._let_go(here, rows),
        )

    def _of_day(self, about: dict[str, Any]) -> Letter | None:
        here = _table.c.user_id == about["user"]
        waiting = self._waiting(here)
        found = self._told(about["user"], [row for row in waiting if not _is_seen(row)])
        if found is None:
            self._let_go(here, waiting)
            return None
        reader, threads = found
        language = self._head.speak(reader.language)
        parts = list[Part]()
        for repo, rows in threads[:_THREADS_MAX]:
            last = rows[-1]
            told = ngettext("%(num)s thing happened", "%(num)s things happened", len(rows)) % {"num": len(rows)}
            parts.append(
                Part(f"{repo.repo_id} #{last.number}: {last.title} ({told})", url=self._address(repo, last.number))
            )
        return Letter(
            to=reader.address,
            language=language,
            subject=_("What happened in your discussions"),
            parts=(*parts, Part(_("All of your notifications"), url=f"{self._head.base}/notifications")),
            footer=_("You get this once a day because your settings say so."),
            list_id="discussions",
            **self._ending(reader),
            after=lambda: self._let_go(here, waiting),
        )

    def _waiting(self, here: sa.ColumnElement[bool]) -> "list[sa.Row[Any]]":
        """In order; without what the reader muted since, and what was said by whom they blocked."""
        there = (_discussions.c.repo_id == _table.c.repo_id) & (_discussions.c.number == _table.c.number)
        bell = schema.notifications
        on_bell = (bell.c.user_id == _table.c.user_id) & (bell.c.repo_id == _table.c.repo_id)
        on_bell &= bell.c.number == _table.c.number
        columns = (
            *(_table.c[name] for name in ("repo_id", "number", "event_id", "reason", "kind")),
            _discussions.c.title, _accounts.c.name.label("actor"), _said.c.text, _said.c.hidden_at,
            bell.c.status.label("seen"), bell.c.event_id.label("seen_until"),
        )  # fmt: skip
        joined = _table.join(_discussions, there).outerjoin(_accounts, _accounts.c.id == _table.c.actor_id)
        joined = joined.outerjoin(_said, (_said.c.uid == _table.c.comment) & (_table.c.comment != "")).outerjoin(
            bell, on_bell
        )
        query = sa.select(*columns).select_from(joined).where(here, *_wanted()).order_by(_table.c.event_id)
        with self._database.read() as connection:
            return list(connection.execute(query))

    def _told(
        self, user_id: int, rows: "Sequence[sa.Row[Any]]"
    ) -> "tuple[Reader, list[tuple[Repo, list[sa.Row[Any]]]]] | None":
        """Who reads, and by thread what they may be told now; None when there is nobody or nothing."""
        reader = mail_addresses.reader(self._database, user_id)
        if reader is None or mail_choices.frequency(self._database, user_id) is Frequency.OFF:
            return None
        caller = mail_addresses.caller(self._database, reader)
        opened = self._access.open_all_sync(caller, sorted({row.repo_id for row in rows}), Action.READ)
        repos = {repo.id: repo for repo in opened}
        threads = dict[tuple[int, int], list[sa.Row[Any]]]()
        for row in rows:
            if row.repo_id in repos and row.hidden_at is None:
                threads.setdefault((row.repo_id, row.number), []).append(row)
        found = [(repos[repo_id], told) for (repo_id, _number), told in threads.items()]
        return (reader, found) if found else None

    def _let_go(self, here: sa.ColumnElement[bool], rows: "Sequence[sa.Row[Any]]") -> None:
        """What was sent, or may not be; what came meanwhile waits for the next letter. Without rows nothing of it may be told."""
        last = max((row.event_id for row in rows), default=None)
        upto = sa.true() if last is None else _table.c.event_id <= last
        with self._database.write() as connection:
            connection.execute(_table.delete().where(here, upto))

    def _address(self, repo: Repo, number: int) -> str:
        return f"{self._head.base}{repo.repo_id.web_path}/discussions/{number}"

    def _ending(self, reader: Reader) -> dict[str, str]:
        key = mail_choices.key(self._database, reader.user_id)
        return {
            "unsubscribe": f"{self._head.base}/notifications/unsubscribe?key={key}",
            "unsubscribe_label": _("No such mail any more"),
        }


def _wanted() -> list[sa.ColumnElement[bool]]:
    """What the reader still wants to hear of, in a repo where there are discussions."""
    user, repo, blocks = _table.c.user_id, _table.c.repo_id, schema.blocks
    mutes_repo = sa.exists().where(_watches.c.user_id == user, _watches.c.repo_id == repo, _watches.c.is_muted)
    mutes_thread = sa.exists().where(
        _thread_watches.c.user_id == user,
        _thread_watches.c.repo_id == repo,
        _thread_watches.c.number == _table.c.number,
        _thread_watches.c.is_muted,
    )
    blocks_actor = sa.exists().where(blocks.c.blocker_id == user, blocks.c.blocked_id == _table.c.actor_id)
    repos = schema.repos
    is_open = sa.exists().where(
        repos.c.id == repo,
        repos.c.discussions_off.is_(False),
        repos.c.disabled_at.is_(None),
        repos.c.deleted_at.is_(None),
    )
    return [~mutes_repo, ~mutes_thread, ~blocks_actor, is_open]


def _is_seen(row: "sa.Row[Any]") -> bool:
    """On the bell, before the day was over."""
    return row.seen is not None and row.seen != "unread" and row.seen_until >= row.event_id


def _parts(row: "sa.Row[Any]") -> list[Part]:
    name = row.actor or _("Somebody")
    if row.text is None:
        return [Part(_("%(name)s changed the discussion: it was closed, merged or renamed.") % {"name": name})]
    opened = _("%(name)s opened it:") if row.kind == "discussion.create" else _("%(name)s wrote:")
    return [Part(opened % {"name": name}), Part(row.text[:_TEXT_CHARACTERS_MAX], is_quote=True)]


def _why(rows: "Sequence[sa.Row[Any]]") -> str:
    reasons = {row.reason for row in rows}
    if MENTION in reasons:
        return _("You get this because your name was mentioned.")
    if PARTICIPATING in reasons:
        return _("You get this because you take part in this discussion, or subscribed to it.")
    return _("You get this because the repository is yours, or you watch it.")
