"""One command, from its words to its exit status, in the steps that the kernel takes for a request."""

import secrets
import time
from dataclasses import dataclass

from pioche.accounts.callers import Caller
from pioche.errors import Corrupt, Failure, HubError, NotOffered
from pioche.git import wire
from pioche.git.objects import ObjectMissing
from pioche.http.hub import Hub
from pioche.http.limits import Bucket
from pioche.http.messages import ClientLeft
from pioche.names import RepoId
from pioche.observe import log, metrics
from pioche.protocols.ssh import commands
from pioche.protocols.ssh.asking import Asking
from pioche.protocols.ssh.channels import Stream
from pioche.repos.access import Action, Moved, Repo
from pioche.storage import disk

_METHOD = "SSH"
_GREETING = "greeting"


@dataclass(frozen=True, slots=True)
class Visit:
    """Who came, where from, and where to: `address` is theirs, `here` this machine's."""

    hub: Hub
    caller: Caller
    address: str
    here: str

    async def now(self) -> Caller:
        """As things are now: a connection may be kept for long. Raises InvalidToken."""
        found = await self.hub.callers.by_credential(self.caller.credential or "")
        return found.seen_from(self.address)


async def answer(visit: Visit, command: str | None, protocol: str, stream: Stream) -> int:
    """Does what is asked for; returns the exit status. `command` None: nothing was asked for."""
    started = time.perf_counter()
    log.request_id.set(secrets.token_hex(10))
    name, status = _GREETING if command is None else "other", 200
    try:
        if command is None:
            await _greet(visit, stream)
        else:
            verb, repo_id = commands.parse(command)
            name = verb.name
            await perform(visit, verb, repo_id, protocol, stream)
    except Exception as error:  # noqa: BLE001 - the last line: whatever it is, one command ends here, with its id
        refusal = _refusal(name, error)
        status = refusal.status if refusal else 499
        if refusal is not None:
            await _say_no(stream, refusal)
    seconds = time.perf_counter() - started
    metrics.request(_METHOD, name, status, seconds)
    log.access(_METHOD, name, status, 0, seconds)
    return 0 if status == 200 else 1


async def _greet(visit: Visit, stream: Stream) -> None:
    caller = await visit.now()
    await stream.write(f"Hi {caller.name}, welcome to Pioche. This hub gives no shell: use git with it.\n".encode())


async def perform(visit: Visit, verb: commands.Verb, repo_id: RepoId, protocol: str, stream: Stream) -> None:
    """Opens the repo for what the verb needs, and does it. Raises a HubError to refuse."""
    hub, caller = visit.hub, await visit.now()
    if hub.limits is not None:
        await hub.limits.take(Bucket.RESOLVERS, caller.user_id, visit.address)
    repo = await _open(hub, caller, repo_id, verb.needs, stream)
    asking = Asking(
        hub=hub,
        caller=caller,
        repo=repo,
        stream=stream,
        base_url=hub.addresses.of_machine(visit.here),
        version=wire.protocol_version(protocol),
        operation=verb.operation or "",
    )
    await verb.handler(asking)


async def _open(hub: Hub, caller: Caller, repo_id: RepoId, action: Action, stream: Stream) -> Repo:
    """There are no redirects over SSH: one that has moved is opened where it is, and its reader is told."""
    try:
        return await hub.access.open(caller, repo_id, action)
    except Moved as moved:
        repo = await hub.access.open(caller, moved.target, action)
        await stream.tell(f"{moved.message}: git remote set-url can tell your copy")
        return repo


def _refusal(name: str, error: Exception) -> HubError | None:
    """What ended a command, in our words; None when nobody is there to read them."""
    if isinstance(error, ClientLeft):
        return None
    found: HubError
    if isinstance(error, HubError):
        found = error
    elif isinstance(error, ObjectMissing):
        found = Corrupt("A stored git object is missing")
    elif isinstance(error, OSError) and disk.is_fault(error):
        found = disk.translate(error)
    else:
        found = Failure("Something went wrong on our side; it has been logged")
    if isinstance(found, Failure) and not isinstance(found, NotOffered):
        log.failure(_METHOD, name, error)
    return found


async def _say_no(stream: Stream, refusal: HubError) -> None:
    try:
        await stream.tell(f"ERROR: {refusal.explanation}")
    except ClientLeft:
        return
