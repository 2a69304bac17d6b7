"""Bodies too large for memory: written to a file under `incoming/` while they arrive, which is gone afterwards."""

import errno
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import BinaryIO

from pioche.errors import OutOfSpace, TooLarge, Unavailable
from pioche.http import threads
from pioche.http.messages import Request

_WRITE_BYTES = 2**20


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
    parts, waiting, size = list[bytes](), 0, 0
    async for part in request.stream():
        size += len(part)
        if size > bytes_max:
            raise TooLarge(f"The body may have at most {bytes_max} bytes")
        parts.append(part)
        waiting += len(part)
        if waiting >= _WRITE_BYTES:
            await threads.run(file.write, b"".join(parts))
            parts, waiting = [], 0
    await threads.run(file.write, b"".join(parts))
