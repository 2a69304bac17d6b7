"""`POST git-upload-pack`: clone and fetch."""

from pioche.git import wire
from pioche.http.messages import Request, Response
from pioche.http.sources import Source, StreamSource
from pioche.protocols.git import bodies
from pioche.repos import fetching


async def upload_pack(request: Request) -> Response:
    """Version 2 brings a command; the older versions bring wants and haves right away."""
    body = await bodies.read(request, "git-upload-pack", fetching.REQUEST_BYTES_MAX)
    version = wire.protocol_version(request.headers.get("git-protocol", ""))
    found = await fetching.answer(request.repo, body, version, request.run)
    return _answer(found if isinstance(found, bytes) else StreamSource(found))


def _answer(body: bytes | Source) -> Response:
    return Response(200, [("Content-Type", "application/x-git-upload-pack-result"), *bodies.NO_CACHE], body)
