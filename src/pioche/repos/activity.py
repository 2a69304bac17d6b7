"""What people do, kept: a row in the transaction of each change that is worth telling. `repos.feed` reads them."""

from typing import Any

import sqlalchemy as sa

from pioche.db import schema
from pioche.db.instance import now_ms
from pioche.events import Event
from pioche.names import DEFAULT_REF

BRANCH, TAG, PULL = "refs/heads/", "refs/tags/", "refs/pr/"

# Made once: making a statement takes longer than running it.
_KEEP = schema.activity.insert().values(
    {name: sa.bindparam(name) for name in ("kind", "repo_id", "actor_id", "ref", "commit", "at")}
)


def keep(connection: sa.Connection, event: Event) -> None:
    """In the transaction that the event is of, if it is worth telling."""
    told = _told(event)
    if told is not None:
        at = event.at or now_ms()
        connection.execute(_KEEP, {**told, "repo_id": event.repo_id, "actor_id": event.actor_id or None, "at": at})


def _told(event: Event) -> dict[str, Any] | None:
    """Kind, ref and commit; None for what nobody wants to read of. Of a push of many refs, one is told: the main one if it
    is among them."""
    if event.kind == "repo.create":
        return {"kind": "create", "ref": None, "commit": None}
    if event.kind != "repo.content.update":
        return None
    moved = [one for one in event.payload["updatedRefs"] if one["newSha"] is not None]
    moved.sort(key=lambda one: one["ref"] != DEFAULT_REF)
    for one in moved:
        kind = _kind(one["ref"], is_new=one["oldSha"] is None)
        if kind is not None:
            return {"kind": kind, "ref": one["ref"], "commit": one["newSha"]}
    return None


def _kind(ref: str, *, is_new: bool) -> str | None:
    if ref.startswith(PULL):
        return "pull" if is_new else None
    if ref.startswith(TAG):
        return "tag"
    if ref.startswith(BRANCH):
        return "branch" if is_new and ref != DEFAULT_REF else "commit"
    return None
