"""Letters about requests for gated files: to who may decide, as often as the repo's owners chose, and the answer to who asked.

`QueueLetters` is a consumer of the outbox. A request that was decided or withdrawn before its letter goes is not told of.
"""

from collections.abc import Mapping
from typing import Any, Final

import sqlalchemy as sa

from pioche.accounts import mail_addresses, mail_choices
from pioche.accounts.letters import is_old
from pioche.accounts.mail_addresses import Reader
from pioche.accounts.mail_choices import Frequency
from pioche.db import schema
from pioche.db.dialect import upsert
from pioche.db.engine import Database
from pioche.events import Event
from pioche.i18n.texts import gettext as _
from pioche.i18n.texts import ngettext
from pioche.jobs import queue
from pioche.mail.message import Letter, Letterhead, Part
from pioche.mail.sending import LETTER, SEND, Compose
from pioche.repos.access import Access, Action, Repo
from pioche.repos.gating.requests import Status

ASKED, ANSWERED = "gate-asked", "gate-answered"
_NAMED_MAX: Final = 20
_DECIDERS: Final = ("admin", "write")

_table, _requests, _repos = schema.gate_mails, schema.access_requests, schema.repos
_members, _accounts = schema.memberships, schema.accounts


def frequency(repo: Repo) -> Frequency:
    """How often those who decide are written; at once, unless they said otherwise."""
    with repo.database.read() as connection:
        return _frequency(connection, repo.id)


def choose(repo: Repo, wanted: Frequency) -> None:
    """From the next request on."""
    with repo.database.write() as connection:
        row = {"repo_id": repo.id, "frequency": wanted.value}
        connection.execute(upsert(connection, _table, ("repo_id",), ("frequency",)), row)


class QueueLetters:
    """Of a hub that sends mail."""

    name = "mail-gates"

    def __init__(self, database: Database) -> None:
        self._database = database

    def handle(self, event: Event) -> None:
        if (
            is_old(event)
            or event.repo_id is None
            or event.kind not in ("access_request.create", "access_request.update")
        ):
            return
        status = Status(event.payload["status"])
        with self._database.write() as connection:
            if status is not Status.PENDING:
                if (
                    event.actor_id != event.payload["user"]
                ):  # of a gate that lets everybody in, who asks sees it at once
                    _queue_answer(connection, event.repo_id, event.payload["user"])
            elif event.kind == "access_request.create":
                _queue_question(connection, event)


def _queue_question(connection: sa.Connection, event: Event) -> None:
    often = _frequency(connection, event.repo_id or 0)
    if often is Frequency.OFF:
        return
    owner = sa.select(_repos.c.namespace_id).where(_repos.c.id == event.repo_id)
    deciders = sa.select(_members.c.user_id).where(_members.c.org_id.in_(owner), _members.c.role.in_(_DECIDERS))
    mine = (_requests.c.repo_id == event.repo_id) & (_requests.c.user_id == event.payload["user"])
    since = connection.execute(sa.select(_requests.c.created_at).where(mine)).scalar()
    if since is None:  # withdrawn meanwhile
        return
    users = {*connection.execute(owner).scalars(), *connection.execute(deciders).scalars()}
    for reader in mail_addresses.readers(connection, sorted(users)):
        payload = {LETTER: ASKED, "user": reader.user_id, "repo": event.repo_id, "since": since}
        key = f"{ASKED} {reader.user_id} {event.repo_id}"
        queue.enqueue(connection, SEND, key, payload, delay_ms=often.delay_ms())


def _queue_answer(connection: sa.Connection, repo_id: int, user_id: int) -> None:
    payload = {LETTER: ANSWERED, "user": user_id, "repo": repo_id}
    queue.enqueue(connection, SEND, f"{ANSWERED} {user_id} {repo_id}", payload)


class GateLetters:
    """Writes them."""

    def __init__(self, access: Access, head: Letterhead) -> None:
        self._access = access
        self._database = access.stores.database
        self._head = head

    @property
    def kinds(self) -> Mapping[str, Compose]:
        return {ASKED: self._asked, ANSWERED: self._answered}

    def _asked(self, about: dict[str, Any]) -> Letter | None:
        found = self._opened(about, Action.MANAGE)
        if found is None:
            return None
        reader, repo = found
        names = self._who_waits(repo, about["since"])
        is_off = Frequency.OFF in (mail_choices.frequency(self._database, reader.user_id), frequency(repo))
        if not names or is_off:
            return None
        language = self._head.speak(reader.language)
        told = {"num": len(names), "repo": str(repo.repo_id)}
        key = mail_choices.key(self._database, reader.user_id)
        subject = ngettext(
            "%(num)s person asks for the files of %(repo)s", "%(num)s people ask for the files of %(repo)s", len(names)
        )
        return Letter(
            to=reader.address,
            language=language,
            subject=subject % told,
            parts=(
                Part((subject + ":") % told),
                Part("\n".join(names[:_NAMED_MAX]), is_quote=True),
                Part(_("Look at the requests"), url=f"{self._head.base}{repo.repo_id.web_path}/settings/gate"),
            ),
            footer=_("You get this because you decide about it. How often is set on the same page."),
            list_id=f"requests.{repo.repo_id.name}.{repo.repo_id.namespace}".lower(),
            unsubscribe=f"{self._head.base}/notifications/unsubscribe?key={key}",
            unsubscribe_label=_("No such mail any more"),
        )

    def _answered(self, about: dict[str, Any]) -> Letter | None:
        found = self._opened(about, Action.READ)
        if found is None:
            return None
        reader, repo = found
        here = (_requests.c.repo_id == repo.id) & (_requests.c.user_id == reader.user_id)
        with self._database.read() as connection:
            row = connection.execute(sa.select(_requests.c.status, _requests.c.reason).where(here)).first()
        if row is None or row.status == Status.PENDING.value:
            return None
        language = self._head.speak(reader.language)
        told = {"repo": str(repo.repo_id)}
        is_in = row.status == Status.ACCEPTED.value
        said = _("You may read the files of %(repo)s") if is_in else _("You may not read the files of %(repo)s")
        reason = (Part(_("The owners say:")), Part(row.reason, is_quote=True)) if row.reason else ()
        return Letter(
            to=reader.address,
            language=language,
            subject=said % told,
            parts=(
                Part(said % told + "."),
                *reason,
                Part(_("To the repository"), url=self._head.base + repo.repo_id.web_path),
            ),
            footer=_("You get this because you asked for these files, or were let in by the owners."),
        )

    def _opened(self, about: dict[str, Any], action: Action) -> tuple[Reader, Repo] | None:
        """Who reads, and the repo, if they may do this at this moment and there is a gate."""
        reader = mail_addresses.reader(self._database, about["user"])
        if reader is None:
            return None
        asking = mail_addresses.caller(self._database, reader, may_write=action is Action.MANAGE)
        opened = self._access.open_all_sync(asking, [about["repo"]], action)
        repo = next((one for one in opened if one.gated), None)
        return None if repo is None else (reader, repo)

    def _who_waits(self, repo: Repo, since: int) -> list[str]:
        waits = (_requests.c.repo_id == repo.id) & (_requests.c.status == Status.PENDING.value)
        query = sa.select(_accounts.c.name).join_from(_requests, _accounts, _accounts.c.id == _requests.c.user_id)
        query = query.where(waits, _requests.c.created_at >= since).order_by(_requests.c.id)
        with self._database.read() as connection:
            return list(connection.execute(query).scalars())


def _frequency(connection: sa.Connection, repo_id: int) -> Frequency:
    said = connection.execute(sa.select(_table.c.frequency).where(_table.c.repo_id == repo_id)).scalar()
    return Frequency(said or Frequency.IMMEDIATE)
