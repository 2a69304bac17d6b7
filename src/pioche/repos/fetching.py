"""A fetch, whatever carries it (HTTP, SSH): what is asked for is looked at, then git answers.

Protocol 2 is a row of requests that each stand alone, over SSH too, and `answer` takes one. The older versions are a
conversation over SSH (`converse`), and requests over HTTP.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from weakref import WeakKeyDictionary

from pioche.git import upload, wire
from pioche.git.snapshot import Ref
from pioche.names import DEFAULT_REF, Oid
from pioche.repos import push
from pioche.repos.access import Repo

REQUEST_BYTES_MAX = 32 * 2**20
"""About 600,000 lines of wants and haves."""
_AT_ONCE_MAX = 8
_CONVERSATIONS_MAX = 32
_Slots = WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore]
_answers: _Slots = WeakKeyDictionary()
_conversations: _Slots = WeakKeyDictionary()


async def answer(repo: Repo, body: bytes, version: int, run: push.Run) -> bytes | AsyncGenerator[bytes, None]:
    """To one request; bytes where git is not needed. Raises BadRequest."""
    if version != 2:
        # Here git itself refuses wants that none of the refs leads to.
        return _stream(repo, body, version)
    asked = wire.parse_request(body)
    if asked is None:
        return b""
    refs = await run(push.advertised, repo)
    if asked.command == "ls-refs":
        return wire.ls_refs(asked, refs, DEFAULT_REF)
    if asked.command != "fetch":
        return wire.refusal(f"unknown command '{asked.command[:60]}'")
    foreign = await run(_foreign, repo, refs, asked.wants)
    if foreign is not None:
        return wire.refusal(f"upload-pack: not our ref {foreign}")
    return _stream(repo, body, version)


async def converse(repo: Repo, said: AsyncIterator[bytes], version: int) -> AsyncGenerator[bytes, None]:
    """Version 0 or 1, from the advertisement on. Git itself refuses wants that none of the refs leads to."""

    def begin() -> AsyncGenerator[bytes, None]:
        return upload.converse(push.snapshot(repo), said, version)

    async with _slot(_conversations, _CONVERSATIONS_MAX), aclosing(await _begun(begin)) as pieces:
        async for piece in pieces:
            yield piece


def _foreign(repo: Repo, refs: Sequence[Ref], wants: Sequence[Oid]) -> Oid | None:
    """Most fetches want tips of refs, and no git is needed to see that."""
    tips = {oid for ref in refs for oid in (ref.oid, ref.peeled)}
    if all(want in tips for want in wants):
        return None
    with push.snapshot(repo) as snapshot:
        return upload.foreign_wants(snapshot, repo.objects, refs, wants)


async def _stream(repo: Repo, body: bytes, version: int) -> AsyncGenerator[bytes, None]:
    """At most so many gits at once; the others wait their turn."""

    def begin() -> AsyncGenerator[bytes, None]:
        return upload.upload_pack(push.snapshot(repo), body, version)

    async with _slot(_answers, _AT_ONCE_MAX), aclosing(await _begun(begin)) as pieces:
        async for piece in pieces:
            yield piece


async def _begun(begin: Callable[[], AsyncGenerator[bytes, None]]) -> AsyncGenerator[bytes, None]:
    """The refs are read in a thread."""
    return await asyncio.to_thread(begin)


def _slot(slots: _Slots, at_once: int) -> asyncio.Semaphore:
    return slots.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(at_once))
