"""What people do, kept: a row in the transaction of each change that is worth telling. `repos.feed` reads them."""

from typing import Any

import sqlalchemy as sa

from pioche.db import schema
from pioche.db.instance import now_ms
from pioche.events import Event
from pioche.names import DEFAULT_REF

BRANCH, TAG, PULL = "refs/heads/", "refs/tags/", "refs/pr/"

_MERGED = "merged"
_FIELDS = ("kind", "repo_id", "actor_id", "ref", "commit", "number", "at")
_NOTHING_MORE = {"ref": None, "commit": None, "number": None}

# Made once: making a statement takes longer than running it.
_KEEP = schema.activity.insert().values({name: sa.bindparam(name) for name in _FIELDS})


def keep(connection: sa.Connection, event: Event) -> None:
    """In the transaction that the event is of, if it is worth telling."""
    told = _told(event)
    if told is not None:
        at = event.at or now_ms()
        row = {**_NOTHING_MORE, **told}
        connection.execute(_KEEP, {**row, "repo_id": event.repo_id, "actor_id": event.actor_id or None, "at": at})


def add(connection: sa.Connection, kind: str, repo_id: int, actor_id: int, *, at: int) -> None:
    """What is no event of the hub and worth telling all the same: a like."""
    connection.execute(_KEEP, {**_NOTHING_MORE, "kind": kind, "repo_id": repo_id, "actor_id": actor_id, "at": at})


def take_back(connection: sa.Connection, kind: str, repo_id: int, actor_id: int) -> None:
    """What somebody undid is told of no more."""
    rows = schema.activity
    mine = (rows.c.repo_id == repo_id) & (rows.c.actor_id == actor_id) & (rows.c.kind == kind)
    connection.execute(rows.delete().where(mine))


def _told(event: Event) -> dict[str, Any] | None:
    """Kind, ref, commit and number; None for what nobody wants to read of. Of a push of many refs, one is told: the main
    one if it is among them. A pull request is told of when its ref is made, and not as a discussion besides."""
    if event.kind == "repo.create":
        return {"kind": "create"}
    if event.kind.startswith("discussion."):
        return _told_of_thread(event)
    if event.kind != "repo.content.update":
        return None
    moved = [one for one in event.payload["updatedRefs"] if one["newSha"] is not None]
    moved.sort(key=lambda one: one["ref"] != DEFAULT_REF)
    for one in moved:
        kind = _kind(one["ref"], is_new=one["oldSha"] is None)
        if kind is not None:
            return {"kind": kind, "ref": one["ref"], "commit": one["newSha"]}
    return None


def _told_of_thread(event: Event) -> dict[str, Any] | None:
    number = event.payload["number"]
    if event.kind == "discussion.create":
        return None if event.payload["isPullRequest"] else {"kind": "discussion", "number": number}
    if event.kind == "discussion.comment.create":
        return {"kind": "comment", "number": number}
    change = event.payload.get("status-change")
    if event.kind == "discussion.update" and change and change.get("status") == _MERGED:
        return {"kind": "merge", "number": number}
    return None


def _kind(ref: str, *, is_new: bool) -> str | None:
    if ref.startswith(PULL):
        return "pull" if is_new else None
    if ref.startswith(TAG):
        return "tag"
    if ref.startswith(BRANCH):
        return "branch" if is_new and ref != DEFAULT_REF else "commit"
    return None
