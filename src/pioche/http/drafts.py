"""Bodies too large for memory: written to a file under `incoming/` while they arrive, which is gone afterwards."""

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, asynccontextmanager
from pathlib import Path
from typing import TypeVar

from pioche.errors import TooLarge
from pioche.http import threads
from pioche.http.messages import Request
from pioche.storage.disk import translated
from pioche.storage.drafts import write_all

Opened = TypeVar("Opened", bound=AbstractContextManager[object])

_BATCH_BYTES = 2**19
_BATCH_PIECES = 512


@asynccontextmanager
async def draft(request: Request, bytes_max: int) -> AsyncIterator[Path]:
    """The request's body as a file. Who takes the file over moves it away; what is left is removed at the end.

    Raises TooLarge, OutOfSpace, Unavailable, ClientLeft.
    """
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > bytes_max:
        raise TooLarge(f"The body may have at most {bytes_max} bytes")
    path = request.hub.config.data_dir / "incoming" / f"draft-{secrets.token_hex(8)}"
    try:
        await _receive(request, path, bytes_max)
        yield path
    finally:
        await threads.run(path.unlink, missing_ok=True)


@asynccontextmanager
async def ended_in_a_thread(opened: Opened) -> AsyncIterator[Opened]:
    """As `with opened`, for a Draft or a Part: closing and removing a file on a slow disk would hold up the loop."""
    try:
        yield opened
    finally:
        await threads.run(opened.__exit__, None, None, None)


async def _receive(request: Request, path: Path, bytes_max: int) -> None:
    descriptor = await threads.run(_create, path)
    received = 0

    def write(pieces: list[bytes]) -> None:
        nonlocal received
        received += sum(map(len, pieces))
        if received > bytes_max:
            raise TooLarge(f"The body may have at most {bytes_max} bytes")
        with translated():
            write_all(descriptor, pieces)

    try:
        await pour(request, write)
    finally:
        await threads.run(os.close, descriptor)


def _create(path: Path) -> int:
    with translated():
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)


async def pour(request: Request, write: Callable[[list[bytes]], None]) -> None:
    """Gives the body to `write`, batch by batch in a worker thread, while the next batch arrives.

    Never two calls at once, and none after this has ended. Raises what `write` raises, OutOfSpace and ClientLeft.
    """

    def take(pieces: list[bytes]) -> None:
        request.hub.room.check()
        write(pieces)

    writing: asyncio.Task[None] | None = None
    batch, size = list[bytes](), 0
    try:
        async for piece in request.stream():
            batch.append(piece)
            size += len(piece)
            if size >= _BATCH_BYTES or len(batch) >= _BATCH_PIECES:
                await _end(writing)
                writing = asyncio.ensure_future(threads.run(take, batch))
                batch, size = [], 0
        await _end(writing)
        if batch:
            writing = asyncio.ensure_future(threads.run(take, batch))
            await _end(writing)
    except BaseException:
        # Whatever broke off, the thread may be writing still, and what it writes to is about to be closed.
        if writing is not None and not writing.done():
            await asyncio.wait({writing})
        raise


async def _end(writing: "asyncio.Task[None] | None") -> None:
    if writing is not None:
        await asyncio.wait({writing})  # which, unlike awaiting it, does not cancel it when we are
        writing.result()
