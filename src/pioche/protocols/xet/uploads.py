"""Uploads to the CAS: chunk queries, xorbs, shards (xet.md sections 8.3 to 8.5)."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from functools import partial
from pathlib import Path

import msgspec

from pioche.errors import Failure, HubError, TooLarge
from pioche.http import threads
from pioche.http.drafts import draft, ended_in_a_thread, pour
from pioche.http.messages import Request, Response, json_response
from pioche.http.sources import StreamSource
from pioche.protocols.xet import tokens
from pioche.protocols.xet.tokens import Session
from pioche.repos.access import Action
from pioche.storage import quotas
from pioche.storage.xet.dedup import Scope
from pioche.storage.xet.drafts import BODY_BYTES_MAX, XorbDraft
from pioche.storage.xet.hashing import from_text, to_text
from pioche.storage.xet.shards import SHARD_BYTES_MAX

# A refusal found this quickly is a plain status; after that the answer has begun and only its last line can tell.
_QUIET_SECONDS = 10
# The clients give up reading after 300 s without a byte.
_BEAT_SECONDS = 20


async def query_chunk(request: Request) -> Response:
    """`GET /v1/chunks/default/{hash}`: a shard with the xorbs to refer to instead of sending bytes, or 404."""
    session = await tokens.reader(request)
    chunk = from_text(request.params["hash"])
    scope = Scope(request.hub.config.xet_dedup_scope, session.repo.id, session.repo.namespace_id, session.run)
    body = await request.run(request.hub.xet.dedup.answer, chunk, scope, partial(_may_read, request, session))
    return Response(200, [("Content-Type", "application/octet-stream")], body)


async def put_xorb(request: Request) -> Response:
    """`POST /v1/xorbs/default/{hash}`. Verified before 200: no client checks what it downloads."""
    session = await tokens.writer(request)
    name = from_text(request.params["hash"])
    size = _announced(request)
    await reserve(request, session, name, size)
    async with ended_in_a_thread(XorbDraft(request.hub.config.data_dir / "incoming", size=size)) as received:
        await pour(request, received.write)
        put = request.hub.xet.uploads.put_xorb
        inserted = await request.run(put, session.repo.id, session.caller.user_id, name, received)
    return json_response({"was_inserted": inserted})


async def reserve(request: Request, session: Session, name: bytes, size: int) -> None:
    """Until the shard comes that says what the xorb is for; a xorb that is sent again counts once. Raises QuotaExceeded."""
    take = partial(request.hub.quotas.reserve, seconds=quotas.UPLOAD_SECONDS)
    await request.run(take, session.repo.id, session.caller.user_id, {quotas.xorb_key(to_text(name)): size})


def _announced(request: Request) -> int:
    """How large a xorb will be, or may be where its length is not told. Raises TooLarge."""
    told = request.headers.get("content-length", "")
    size = int(told) if told.isdigit() else BODY_BYTES_MAX
    if size > BODY_BYTES_MAX:
        raise TooLarge(f"A xorb may have at most {BODY_BYTES_MAX} bytes")
    return size


async def put_shard(request: Request) -> Response:
    """`POST /v1/shards`."""
    session = await tokens.writer(request)
    await _register(request, session, await _shard(request))
    return json_response({"result": 1})


async def put_shard_streaming(request: Request) -> Response:
    """`POST /v2/shards`: lines of JSON while the files are verified, the last one says how it ended."""
    session = await tokens.writer(request)
    registration = asyncio.ensure_future(_register(request, session, await _shard(request)))
    registration.add_done_callback(_look)
    done, _ = await asyncio.wait({registration}, timeout=_QUIET_SECONDS)
    if done:
        registration.result()
        return Response(200, _NDJSON, _line({"type": "result", "result": 1}))
    return Response(200, _NDJSON, StreamSource(_progress(registration)))


async def drop_telemetry(_request: Request) -> Response:
    """`POST /v1/telemetry`, which clients send to the root of the origin. Nothing is kept."""
    return Response(200)


_NDJSON = [("Content-Type", "application/x-ndjson")]


def _line(message: dict[str, object]) -> bytes:
    return msgspec.json.encode(message) + b"\n"


def _look(registration: "asyncio.Future[None]") -> None:
    """The client may have left: then nobody else asks how it ended, and asyncio would complain."""
    if not registration.cancelled():
        registration.exception()


async def _progress(registration: "asyncio.Future[None]") -> AsyncIterator[bytes]:
    while not registration.done():
        yield _line({"type": "validating", "verified": 0, "total": 1})
        await asyncio.wait({registration}, timeout=_BEAT_SECONDS)
    try:
        registration.result()
    except HubError as error:
        yield _line({"type": "error", "message": error.message, "retryable": isinstance(error, Failure)})
    else:
        yield _line({"type": "result", "result": 1})


async def _shard(request: Request) -> bytes:
    async with draft(request, SHARD_BYTES_MAX) as path:
        return await request.run(Path.read_bytes, path)


async def _register(request: Request, session: Session, body: bytes) -> None:
    """Runs to its end even when the client leaves: what it finds verified then is kept."""
    register = request.hub.xet.uploads.register
    may_read = partial(_may_read, request, session)
    await threads.run_long(register, session.repo.id, session.caller.user_id, body, may_read)


def _may_read(request: Request, session: Session, repo_ids: Sequence[int]) -> set[int]:
    repos = request.hub.access.open_all_sync(session.caller, repo_ids, Action.CONTENT)
    return {repo.id for repo in repos}
