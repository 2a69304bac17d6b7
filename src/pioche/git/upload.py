"""Answering a fetch: the `wants` are checked, then `git upload-pack` runs in a throw-away directory."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Sequence

from pioche.errors import Unavailable
from pioche.git import program
from pioche.git.history import Objects
from pioche.git.snapshot import Ref, Snapshot
from pioche.names import Oid

_PIECE = 64 * 1024
_REACH_TIMEOUT_S = 120
_UPLOAD_TIMEOUT_S = "600"


def foreign_wants(snapshot: Snapshot, objects: Objects, refs: Iterable[Ref], wants: Sequence[Oid]) -> Oid | None:
    """The first want that is not reachable from the refs, or None. The snapshot is open and holds these refs.

    Protocol 2 lets a client ask for any object that exists, deleted branches and other people's rejected work
    included (scenario E-GIT-1); a partial clone rightly asks for blobs by id. So reachability is what counts.
    """
    tips = {oid for ref in refs for oid in (ref.oid, ref.peeled)}
    unknown = [want for want in wants if want not in tips]
    absent = next((want for want in unknown if want not in objects), None)
    if absent is not None or not unknown:
        return absent
    commits = [want for want in unknown if objects.kind(want) == "commit"]
    if commits and (foreign := _unreachable_commit(snapshot, commits)):
        return foreign
    return _unreachable_object(snapshot, set(unknown) - set(commits))


def _unreachable_commit(snapshot: Snapshot, commits: Sequence[Oid]) -> Oid | None:
    """What is reachable has only reachable ancestors: a commit that git prints here is a foreign one, or behind one."""
    for start in range(0, len(commits), 1000):
        stdin = "".join(f"{commit}\n" for commit in commits[start : start + 1000]).encode()
        arguments = ["rev-list", "--max-count=1", "--stdin", "--not", "--all"]
        found = program.output(snapshot.path, arguments, stdin=stdin, timeout_s=_REACH_TIMEOUT_S)
        if found:
            return Oid(found.split()[0].decode())
    return None


def _unreachable_object(snapshot: Snapshot, oids: set[Oid]) -> Oid | None:
    """Lists what is reachable, newest commits first, until all are seen."""
    if not oids:
        return None
    missing = {oid.encode() for oid in oids}
    arguments = ["rev-list", "--objects", "--in-commit-order", "--all"]
    with program.lines(snapshot.path, arguments, timeout_s=_REACH_TIMEOUT_S) as lines:
        for line in lines:
            missing.discard(line[:40])
            if not missing:
                return None
    return Oid(next(iter(missing)).decode())


async def upload_pack(snapshot: Snapshot, body: bytes, version: int) -> AsyncGenerator[bytes, None]:
    """What `git upload-pack` answers to one request, as it comes. Git is killed when the reader stops reading.

    The snapshot is opened at the first byte asked for and closed at the end, so that a reader who never comes costs
    nothing.
    """
    answer = _upload_pack(snapshot, ["--stateless-rpc"], _once(body), version)
    try:
        async for piece in answer:
            yield piece
    finally:
        await answer.aclose()


async def converse(snapshot: Snapshot, said: AsyncIterator[bytes], version: int) -> AsyncGenerator[bytes, None]:
    """As `upload_pack`, a whole conversation of version 0 or 1, from the advertisement on: what the client says is in
    `said`."""
    answer = _upload_pack(snapshot, [], said, version)
    try:
        async for piece in answer:
            yield piece
    finally:
        await answer.aclose()


async def _once(body: bytes) -> AsyncIterator[bytes]:
    yield body


async def _upload_pack(
    snapshot: Snapshot, options: Sequence[str], said: AsyncIterator[bytes], version: int
) -> AsyncGenerator[bytes, None]:
    await asyncio.to_thread(snapshot.open)
    try:
        arguments = ["upload-pack", *options, "--strict", f"--timeout={_UPLOAD_TIMEOUT_S}", str(snapshot.path)]
        process = await asyncio.create_subprocess_exec(
            *program.command(snapshot.path, arguments),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=program.environment(GIT_PROTOCOL=f"version={version}") if version else program.environment(),
        )
        try:
            async for piece in _talk(process, said):
                yield piece
        finally:
            await stop(process)
    finally:
        await asyncio.to_thread(snapshot.close)


async def _talk(process: asyncio.subprocess.Process, said: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    if process.stdin is None or process.stdout is None:
        raise Unavailable("git could not be started with pipes")
    feeding = asyncio.create_task(_feed(process.stdin, said))
    try:
        while piece := await process.stdout.read(_PIECE):
            yield piece
    finally:
        feeding.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await feeding


async def _feed(stdin: asyncio.StreamWriter, said: AsyncIterator[bytes]) -> None:
    async for piece in said:
        if not await tell(stdin, piece):
            break
    stdin.close()


async def tell(stdin: asyncio.StreamWriter, data: bytes) -> bool:
    """Writes to git; False when it listens no more: it has heard enough, or has given up and says so in its answer."""
    if stdin.is_closing():  # git has ended: uvloop would raise RuntimeError
        return False
    try:
        stdin.write(data)
        await stdin.drain()
    except ConnectionError:
        return False
    return True


async def stop(process: asyncio.subprocess.Process) -> None:
    """Ends the process if it runs, and reaps it."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    await process.wait()
