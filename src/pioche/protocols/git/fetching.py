"""`POST git-upload-pack`: clone and fetch."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from weakref import WeakKeyDictionary

from pioche.git import upload, wire
from pioche.git.snapshot import Ref
from pioche.http.messages import Request, Response
from pioche.http.sources import Source, StreamSource
from pioche.names import DEFAULT_REF, Oid
from pioche.protocols.git import bodies
from pioche.repos import push
from pioche.repos.access import Repo

_BODY_BYTES_MAX = 32 * 2**20  # about 600,000 lines of wants and haves
_AT_ONCE_MAX = 8
_slots: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()


async def upload_pack(request: Request) -> Response:
    """Version 2 brings a command; the older versions bring wants and haves right away."""
    body = await bodies.read(request, "git-upload-pack", _BODY_BYTES_MAX)
    version = wire.protocol_version(request.headers.get("git-protocol", ""))
    if version != 2:
        # Here git itself refuses wants that none of the refs leads to.
        return _answer(StreamSource(_stream(request.repo, body, version)))
    asked = wire.parse_request(body)
    if asked is None:
        return _answer(b"")
    refs = await request.run(push.advertised, request.repo)
    if asked.command == "ls-refs":
        return _answer(wire.ls_refs(asked, refs, DEFAULT_REF))
    if asked.command != "fetch":
        return _answer(wire.refusal(f"unknown command '{asked.command[:60]}'"))
    foreign = await request.run(_foreign, request.repo, refs, asked.wants)
    if foreign is not None:
        return _answer(wire.refusal(f"upload-pack: not our ref {foreign}"))
    return _answer(StreamSource(_stream(request.repo, body, version)))


def _foreign(repo: Repo, refs: Sequence[Ref], wants: Sequence[Oid]) -> Oid | None:
    """Most fetches want tips of refs, and no git is needed to see that."""
    tips = {oid for ref in refs for oid in (ref.oid, ref.peeled)}
    if all(want in tips for want in wants):
        return None
    with push.snapshot(repo) as snapshot:
        return upload.foreign_wants(snapshot, repo.objects, refs, wants)


async def _stream(repo: Repo, body: bytes, version: int) -> AsyncIterator[bytes]:
    """At most so many gits at once; the others wait their turn."""
    slots = _slots.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(_AT_ONCE_MAX))
    async with slots:
        snapshot = await asyncio.to_thread(push.snapshot, repo)
        pieces = upload.upload_pack(snapshot, body, version)
        try:
            async for piece in pieces:
                yield piece
        finally:
            await pieces.aclose()


def _answer(body: bytes | Source) -> Response:
    return Response(200, [("Content-Type", "application/x-git-upload-pack-result"), *bodies.NO_CACHE], body)
