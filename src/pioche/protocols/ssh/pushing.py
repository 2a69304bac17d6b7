"""`git-receive-pack`: push."""

from pioche.errors import OutOfSpace
from pioche.git import wire
from pioche.git.receive import Body
from pioche.http import threads
from pioche.protocols.ssh.asking import Asking
from pioche.repos import push

_COMMANDS_BYTES = 8 * 2**20  # what the commands may add to the pack


async def receive_pack(asking: Asking) -> None:
    """Nothing of it is cut short when the client leaves: what has come whole is taken, or refused, as over HTTP."""
    hub, repo, caller, stream = asking.hub, asking.repo, asking.caller, asking.stream
    await push.check_may_begin(hub.access, caller, repo, threads.run)
    await stream.write(wire.receiving(await threads.run(push.advertised, repo)))
    config = hub.config
    body = Body(stream.pieces(), config.push_bytes_max + _COMMANDS_BYTES, ends_with_pack=True)
    if not await body.head(1):
        return  # it has seen the refs, and there is nothing to push
    commands = await body.commands()
    if commands is None:
        return
    await push.check_may(hub.access, caller, repo, commands, threads.run)
    try:
        await threads.run(hub.room.check)
    except OutOfSpace:
        if commands.has_pack:
            await body.drain()  # git tells its user nothing before it has sent everything
        raise
    limits = push.Limits(config.regular_file_bytes_max, config.push_bytes_max)
    await stream.write(await push.receive(push.Push(repo, caller, commands, limits), body, threads.run))
