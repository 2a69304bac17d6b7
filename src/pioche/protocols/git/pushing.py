"""`POST git-receive-pack`: push."""

from pioche.errors import OutOfSpace
from pioche.git.receive import Body
from pioche.http.messages import Request, Response
from pioche.protocols.git import bodies
from pioche.repos import push

_COMMANDS_BYTES = 8 * 2**20  # what the commands may add to the pack


async def receive_pack(request: Request) -> Response:
    """Git first sends an empty request to see whether its password is right; then the push, chunked when it is large."""
    config = request.hub.config
    body = Body(bodies.stream(request, "git-receive-pack"), config.push_bytes_max + _COMMANDS_BYTES)
    commands = await body.commands()
    if commands is None:
        return _answer(b"")
    await push.check_may(request.hub.access, request.caller, request.repo, commands, request.run)
    try:
        await request.run(request.hub.room.check)
    except OutOfSpace:
        await body.drain()  # git tells its user nothing before it has sent everything
        raise
    limits = push.Limits(config.regular_file_bytes_max, config.push_bytes_max)
    wanted = push.Push(request.repo, request.caller, commands, limits)
    return _answer(await push.receive(wanted, body, request.run))


def _answer(body: bytes) -> Response:
    return Response(200, [("Content-Type", "application/x-git-receive-pack-result"), *bodies.NO_CACHE], body)
