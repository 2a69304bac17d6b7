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

from pioche.accounts import blocks
from pioche.db import schema
from pioche.db.instance import new_uid, now_ms
from pioche.errors import EntryNotFound, Forbidden
from pioche.events import Event
from pioche.jobs import outbox
from pioche.repos import activity, images, numbers


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
    """The row of a new thread with its first comment, and the event that tells of it. Returns its number. Raises as
    `check_on`, and Forbidden for whom the repo's owner blocked."""
    check_on(connection, repo_id)
    blocks.check(connection, repo_id, author_id)
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
    if entry.kind is Kind.COMMENT:
        blocks.check(connection, repo_id, author_id)
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


def changed(
    connection: sa.Connection, repo_id: int, number: int, author_id: int | None, uid: str, kind: str = "update"
) -> None:
    """A comment of the log is no longer what it was: `kind` is what happened to it (`discussion.comment.update`)."""
    at = now_ms()
    touch(connection, repo_id, number, at)
    outbox.append(
        connection,
        Event(f"discussion.comment.{kind}", repo_id, author_id, {"number": number, "comment": uid}, at),
    )


def touch(connection: sa.Connection, repo_id: int, number: int, at: int | None = None, *, comments: int = 0) -> None:
    """Whoever watches the thread has something to read. `at` None: nothing happened that brings it up in lists."""
    here = (_discussions.c.repo_id == repo_id) & (_discussions.c.number == number)
    values: dict[str, Any] = {"version": _discussions.c.version + 1, "comments": _discussions.c.comments + comments}
    if at is not None:
        values["updated_at"] = at
    connection.execute(_discussions.update().where(here).values(values))


_ON = sa.select(schema.repos.c.discussions_off).where(schema.repos.c.id == sa.bindparam("repo"))


def check_on(connection: sa.Connection, repo_id: int) -> None:
    """Raises Forbidden for a repo whose owners want no discussions and no pull requests."""
    _check_on(connection.execute(_ON, {"repo": repo_id}).scalar())


def _check_on(is_off: bool | None) -> None:
    if is_off:
        raise Forbidden("Discussions are disabled for this repo")


# The repo's row first, as whoever moves refs takes it: what is written below refers to it, and would wait for them.
_ON_STILL = _ON.with_for_update(read=True, key_share=True)
_LOCKED = (
    sa.select(*_discussions.c)
    .where(_discussions.c.repo_id == sa.bindparam("repo"), _discussions.c.number == sa.bindparam("number"))
    .with_for_update()
)


def lock(connection: sa.Connection, repo_id: int, number: int) -> "sa.Row[Any]":
    """The row of a thread, which nobody else changes until the transaction ends (reliability.md C9). Raises EntryNotFound,
    and as `check_on`."""
    _check_on(connection.execute(_ON_STILL, {"repo": repo_id}).scalar())
    found = connection.execute(_LOCKED, {"repo": repo_id, "number": number}).first()
    if found is None:
        raise EntryNotFound(f"There is no discussion {number} here")
    return found


def _insert(connection: sa.Connection, who: Mapping[str, Any], entry: Entry, at: int) -> Logged:
    data = msgspec.json.encode(entry.data).decode()
    uid = new_uid()
    row = {"uid": uid, "kind": entry.kind.value, "at": at, "data": data, "text": entry.text}
    connection.execute(_events.insert().values(**who, **row))
    if entry.text is not None:
        images.note_used(connection, who["repo_id"], who["number"], who["author_id"], entry.text)
    return Logged(uid, at, entry)
