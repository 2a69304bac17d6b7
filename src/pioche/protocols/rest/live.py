"""Following a thread: server-sent events that tell when there is something new to read.

`version` carries a number that goes up with whatever a reader would see; `gone` ends the stream of a thread that was
deleted; `reconnect` one that lived long enough, or whose process ends. Nothing of the thread itself is in it: whoever hears
of a change asks for it, with the rights that they have then.
"""

import asyncio
import time
from collections.abc import AsyncIterator

import msgspec

from pioche.community import reading
from pioche.community.live import LOOK_SECONDS
from pioche.errors import BadRequest, HubError
from pioche.http import placing
from pioche.http.messages import Request, Response
from pioche.http.sources import StreamSource
from pioche.repos.access import Action

_CHECK_SECONDS = 5.0
"""How long a stream may outlive the right to it, when nothing happens."""
_PING_SECONDS = 25.0
_LIFE_SECONDS = 240.0
_PING = b": ping\n\n"


async def follow(request: Request) -> Response:
    """GET /api/{type}s/{repo}/discussions/{number}/events: server-sent events, the version of the thread when it is not (any
    more) `version`."""
    known = request.query.number("version", default=-1, most=2**31)
    text = request.params["number"]
    if not text.isascii() or not text.isdecimal() or len(text) > 9:
        raise BadRequest("The number of a discussion is expected")
    number = int(text)
    await request.run(reading.get, request.repo, number)
    headers = [("Content-Type", "text/event-stream"), ("Cache-Control", "no-store"), ("X-Accel-Buffering", "no")]
    return Response(200, headers, StreamSource(_events(request, number, known)))


async def _events(request: Request, number: int, told: int) -> AsyncIterator[bytes]:
    yield _PING  # so that the browser knows that it is connected
    begun = checked = heard = time.monotonic()
    while time.monotonic() - begun < _LIFE_SECONDS and not request.hub.ending.is_set():
        now, version = time.monotonic(), await request.hub.thread_versions.of(request.repo, number)
        if version != told or now - checked >= _CHECK_SECONDS:
            if not await _may_still_read(request):
                return
            checked = now
        if version is None:
            yield _event("gone", {})
            return
        if version != told:
            yield _event("version", {"version": version})
            told, heard = version, now
        elif now - heard >= _PING_SECONDS:
            yield _PING
            heard = now
        await asyncio.sleep(LOOK_SECONDS)
    yield _event("reconnect", {})


async def _may_still_read(request: Request) -> bool:
    """A stream does not outlive the right to it: the token, the membership, the repo."""
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
