"""`GET info/refs`: what a client asks before it fetches or pushes."""

from pioche.errors import BadRequest
from pioche.git import wire
from pioche.http.messages import Request, Response
from pioche.names import DEFAULT_REF
from pioche.protocols.git.bodies import NO_CACHE
from pioche.repos import push


async def info_refs(request: Request) -> Response:
    """The old protocol of plain files ("dumb HTTP") is not spoken: it would need the refs on disk."""
    service = request.query.get("service")
    if service == "git-upload-pack":
        return await _advertise_upload(request)
    if service == "git-receive-pack":
        return await _advertise_receive(request)
    raise BadRequest("This server speaks git's smart HTTP protocol only: ask for service=git-upload-pack")


async def _advertise_upload(request: Request) -> Response:
    version = wire.protocol_version(request.headers.get("git-protocol", ""))
    # In version 2 the refs are asked for later: nothing of the database is needed here.
    refs = [] if version == 2 else await request.run(push.advertised, request.repo)
    return _answer("git-upload-pack", wire.advertise_upload(refs, DEFAULT_REF, version))


async def _advertise_receive(request: Request) -> Response:
    await push.check_may_begin(request.hub.access, request.caller, request.repo, request.run)
    return _answer("git-receive-pack", wire.advertise_receive(await request.run(push.advertised, request.repo)))


def _answer(service: str, body: bytes) -> Response:
    return Response(200, [("Content-Type", f"application/x-{service}-advertisement"), *NO_CACHE], body)
