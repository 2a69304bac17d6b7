"""The log of a discussion or a pull request: what opened it, and what happened in it since.

Whoever changes a thread appends to its log in the same transaction. Commits of a pull request are not in the log: git has
them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import msgspec
import sqlalchemy as sa

from pioche.db import schema
from pioche.db.instance import new_uid, now_ms
from pioche.events import Event
from pioche.jobs import outbox
from pioche.repos import activity, numbers


class Kind(StrEnum):
    """What an entry of the log is, in the words of the clients (`type` of an event, hub-api.md section 6)."""

    COMMENT = "comment"
    STATUS = "status-change"
    TITLE = "title-change"
    PINNING = "pinning-change"
    LOCKING = "locking-change"


@dataclass(frozen=True, slots=True)
class Opening:
    """What a new thread says. `status` is `open`, or `draft` of a pull request; `base_ref` is None for a discussion."""

    title: str
    text: str
    status: str = "open"
    base_ref: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """What is to be logged. `data` is JSON-able; `text` is a comment's Markdown."""

    kind: Kind
    data: Mapping[str, Any] = field(default_factory=dict)
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Logged:
    """An entry that is in the log. `uid` is its `id` on the wire; `at` is Unix milliseconds."""

    uid: str
    at: int
    entry: Entry


_discussions, _events = schema.discussions, schema.thread_events


def start(connection: sa.Connection, repo_id: int, author_id: int | None, opening: Opening) -> int:
    """The row of a new thread with its first comment, and the event that tells of it. Returns its number."""
    number, at = numbers.take(connection, repo_id), now_ms()
    is_pull = opening.base_ref is not None
    about = {"title": opening.title, "status": opening.status, "base_ref": opening.base_ref, "is_pull_request": is_pull}
    who = {"repo_id": repo_id, "number": number, "author_id": author_id}
    connection.execute(_discussions.insert().values(**who, **about, created_at=at, updated_at=at))
    first = _insert(connection, who, Entry(Kind.COMMENT, text=opening.text), at)
    told = Event(
        "discussion.create", repo_id, author_id, {"number": number, "isPullRequest": is_pull, "comment": first.uid}, at
    )
    activity.keep(connection, told)
    outbox.append(connection, told)
    return number


def add(connection: sa.Connection, repo_id: int, number: int, author_id: int | None, entry: Entry) -> Logged:
    """Appends to the log of a thread that is there, and tells its readers that it changed. The event of the hub
    (`discussion.update`, `discussion.comment.create`) is written too."""
    at = now_ms()
    logged = _insert(connection, {"repo_id": repo_id, "number": number, "author_id": author_id}, entry, at)
    is_comment = entry.kind is Kind.COMMENT
    touch(connection, repo_id, number, at, comments=int(is_comment))
    payload = (
        {"number": number, "comment": logged.uid} if is_comment else {"number": number, entry.kind: dict(entry.data)}
    )
    told = Event("discussion.comment.create" if is_comment else "discussion.update", repo_id, author_id, payload, at)
    activity.keep(connection, told)
    outbox.append(connection, told)
    return logged


def touch(connection: sa.Connection, repo_id: int, number: int, at: int, *, comments: int = 0) -> None:
    """Whoever watches the thread has something to read."""
    here = (_discussions.c.repo_id == repo_id) & (_discussions.c.number == number)
    values = {"updated_at": at, "version": _discussions.c.version + 1, "comments": _discussions.c.comments + comments}
    connection.execute(_discussions.update().where(here).values(values))


@dataclass(frozen=True, slots=True)
class Shown:
    """An entry as readers see it. `author` is None when the account is gone; times are Unix milliseconds."""

    uid: str
    kind: Kind
    author: str | None
    at: int
    data: Mapping[str, Any]
    text: str | None
    edited_at: int | None
    hidden_at: int | None


def entries(connection: sa.Connection, repo_id: int, number: int) -> list[Shown]:
    """The whole log, the oldest first."""
    names = ("uid", "kind", "at", "data", "text", "edited_at", "hidden_at")
    joined = _events.outerjoin(schema.accounts, schema.accounts.c.id == _events.c.author_id)
    here = (_events.c.repo_id == repo_id) & (_events.c.number == number)
    query = sa.select(*(_events.c[name] for name in names), schema.accounts.c.name.label("author")).select_from(joined)
    return [
        Shown(**{**row._mapping, "kind": Kind(row.kind), "data": msgspec.json.decode(row.data)})
        for row in connection.execute(query.where(here).order_by(_events.c.id))
    ]


def _insert(connection: sa.Connection, who: Mapping[str, Any], entry: Entry, at: int) -> Logged:
    data = msgspec.json.encode(entry.data).decode()
    uid = new_uid()
    row = {"uid": uid, "kind": entry.kind.value, "at": at, "data": data, "text": entry.text}
    connection.execute(_events.insert().values(**who, **row))
    return Logged(uid, at, entry)
