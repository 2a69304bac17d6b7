"""Following a bucket: server-sent events, a client's way of keeping its listings fresh (hub-api.md section 8).

`changes` carry a cursor to go on behind; `ready` says that what was missed is told; `reset` that it cannot be, so that
the client lists anew; `reconnect` ends a stream that lived long enough, or whose process ends.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import msgspec

from pioche.buckets import changes
from pioche.buckets.changes import START, Change, Cursor
from pioche.errors import BadRequest, HubError
from pioche.http import placing
from pioche.http.dates import date
from pioche.http.messages import Request, Response
from pioche.http.sources import StreamSource
from pioche.repos.access import Action

_LOOK_SECONDS = 1.0
# The client takes a stream without a byte for 90 s for dead.
_PING_SECONDS = 25.0
_LIFE_SECONDS = 240.0
_PING = b": ping\n\n"


async def follow(request: Request) -> Response:
    """GET /api/buckets/{ns}/{name}/events[?cursor=|since=]."""
    query = request.query
    cursor, since = query.get("cursor"), query.get("since")
    start = None if cursor is None else Cursor.parse(cursor)
    begin = None if since is None else _milliseconds(since)
    headers = [("Content-Type", "text/event-stream"), ("Cache-Control", "no-store"), ("X-Accel-Buffering", "no")]
    return Response(200, headers, StreamSource(_events(request, start, begin)))


def _milliseconds(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
        return int(moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() * 1000)
    except (ValueError, OverflowError):
        raise BadRequest('"since" must be a date and time such as 2026-01-31T12:00:00.000Z') from None


async def _events(request: Request, cursor: Cursor | None, since: int | None) -> AsyncIterator[bytes]:
    oldest = cursor.at if cursor is not None else since
    if oldest is not None and changes.is_too_old(oldest):
        yield _event("reset", {"reason": "These changes are no longer kept: list the bucket again"})
        return
    database, bucket = request.hub.database, request.repo
    head = await changes.last(database)
    at = cursor or (START if since is not None else head or START)
    while found := await changes.after(database, bucket.id, at, since=since or 0):
        for batch in found:
            yield _event("changes", {"cursor": str(batch.cursor), "changes": [_shape(one) for one in batch.changes]})
        at = found[-1].cursor
    at = max(at, head or START)
    yield _event("ready", {} if at == START else {"cursor": str(at)})
    async for piece in _live(request, at):
        yield piece


async def _live(request: Request, at: Cursor) -> AsyncIterator[bytes]:
    end, heard = time.monotonic() + _LIFE_SECONDS, time.monotonic()
    while time.monotonic() < end and not request.hub.ending.is_set():
        await asyncio.sleep(_LOOK_SECONDS)
        found = await changes.after(request.hub.database, request.repo.id, at)
        if not found and time.monotonic() - heard < _PING_SECONDS:
            continue
        if not await _may_still_read(request):
            return
        for batch in found:
            yield _event("changes", {"cursor": str(batch.cursor), "changes": [_shape(one) for one in batch.changes]})
            at = batch.cursor
        if not found:
            yield _PING
        heard = time.monotonic()
    yield _event("reconnect", {} if at == START else {"cursor": str(at)})


async def _may_still_read(request: Request) -> bool:
    """A stream does not outlive the right to it: the token, the membership, the bucket."""
    hub, caller = request.hub, request.caller
    try:
        if caller.credential is not None:
            caller = placing.at_address(request, await hub.callers.by_credential(caller.credential))
        await hub.access.open_uid(caller, request.repo.uid, Action.READ)
    except HubError:
        return False
    return True


def _event(name: str, data: dict[str, object]) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (name.encode(), msgspec.json.encode(data))


def _shape(change: Change) -> dict[str, object]:
    found: dict[str, object] = {"op": change.op, "path": change.path}
    if change.size is not None:
        found |= {"size": change.size, "xetHash": change.xet_hash}
    if change.mtime is not None:
        found["mtime"] = date(change.mtime)
    if change.uploaded_at is not None:
        found["uploadedAt"] = date(change.uploaded_at)
    return found
