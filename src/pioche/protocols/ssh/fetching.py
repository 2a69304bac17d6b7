"""`git-upload-pack`: clone and fetch."""

from contextlib import aclosing

from pioche.git import wire
from pioche.http import threads
from pioche.protocols.ssh.asking import Asking
from pioche.repos import fetching


async def upload_pack(asking: Asking) -> None:
    """Git is ended when the client leaves."""
    await asking.stream.until_left(_requests(asking) if asking.version == 2 else _conversation(asking))


async def _requests(asking: Asking) -> None:
    """Protocol 2: each request stands alone, as over HTTP."""
    stream = asking.stream
    await stream.write(wire.capabilities())
    async for request in stream.requests(fetching.REQUEST_BYTES_MAX):
        answer = await fetching.answer(asking.repo, request, asking.version, threads.run)
        if isinstance(answer, bytes):
            if not answer:
                return  # a lone flush is the end
            await stream.write(answer)
            continue
        async with aclosing(answer) as pieces:
            async for piece in pieces:
                await stream.write(piece)


async def _conversation(asking: Asking) -> None:
    stream = asking.stream
    async with aclosing(fetching.converse(asking.repo, stream.pieces(), asking.version)) as pieces:
        async for piece in pieces:
            await stream.write(piece)
