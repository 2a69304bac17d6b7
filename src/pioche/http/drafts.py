"""Bodies too large for memory: written to a file under `incoming/` while they arrive, which is gone afterwards."""

import asyncio
import errno
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import BinaryIO

from pioche.errors import OutOfSpace, TooLarge, Unavailable
from pioche.http import threads
from pioche.http.messages import Request

_BATCH_BYTES = 2 * 2**20
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
        path.unlink(missing_ok=True)


async def _receive(request: Request, path: Path, bytes_max: int) -> None:
    try:
        with path.open("xb") as file:
            await _copy(request, file, bytes_max)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise OutOfSpace("The disk is full: nothing was stored") from error
        raise Unavailable("The disk does not answer: try again") from error


async def _copy(request: Request, file: BinaryIO, bytes_max: int) -> None:
    received = 0

    def write(pieces: list[bytes]) -> None:
        nonlocal received
        received += sum(map(len, pieces))
        if received > bytes_max:
            raise TooLarge(f"The body may have at most {bytes_max} bytes")
        file.writelines(pieces)

    await pour(request, write)


async def pour(request: Request, write: Callable[[list[bytes]], None]) -> None:
    """Gives the body to `write`, batch by batch in a worker thread, while the next batch arrives.

    Never two calls at once, and none after this has ended. Raises what `write` raises, and ClientLeft.
    """
    writing: asyncio.Task[None] | None = None
    batch, size = list[bytes](), 0
    try:
        async for piece in request.stream():
            batch.append(piece)
            size += len(piece)
            if size >= _BATCH_BYTES or len(batch) >= _BATCH_PIECES:
                await _end(writing)
                writing = asyncio.ensure_future(threads.run(write, batch))
                batch, size = [], 0
        await _end(writing)
        if batch:
            writing = asyncio.ensure_future(threads.run(write, batch))
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
