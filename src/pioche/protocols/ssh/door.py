"""One connection: whose key it is, and how many commands run on it.

asyncssh checks the signature, right after `validate_public_key` has said yes to the key and with nothing in between: so the
last caller that was found is the one whose key was proved.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import asyncssh

from pioche.accounts.callers import Caller
from pioche.errors import HubError, InvalidToken
from pioche.http.hub import Hub
from pioche.observe import log
from pioche.protocols.ssh.channels import WINDOW_BYTES, Channel, Stream
from pioche.protocols.ssh.doorman import Doorman, Guest
from pioche.protocols.ssh.sessions import Visit

USER = "git"
_PACKET_BYTES = 32 * 1024

Begin = Callable[[Visit, asyncssh.SSHReader[bytes], Stream], "asyncio.Task[None]"]


class Door(asyncssh.SSHServer):
    """asyncssh calls these, one after another for one connection. `begin` runs a command in a task of its own."""

    def __init__(self, hub: Hub, doorman: Doorman, begin: Begin) -> None:
        self._hub, self._doorman, self._begin = hub, doorman, begin
        self._limits = doorman.limits
        self._caller: Caller | None = None
        self._fingerprint = ""
        self._tried = 0
        self._open = self._running = 0
        self._counting = set[asyncio.Task[None]]()
        self._alone: asyncio.TimerHandle | None = None
        self._has_left = False

    # --- coming and leaving ---

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn
        self._address = _address(conn.get_extra_info("peername"))
        self._here = _address(conn.get_extra_info("sockname"))
        self._guest: Guest = self._doorman.enter(self._address, self._leave)

    def _leave(self) -> None:
        """Soon: asyncssh may be in the middle of making the connection."""
        asyncio.get_running_loop().call_soon(self._connection.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        self._has_left = True
        self._doorman.left(self._guest)
        if self._alone is not None:
            self._alone.cancel()
        if self._tried and not self._guest.is_known:
            log.info("ssh key refused", address=self._address, keys=self._tried)

    # --- who it is ---

    def begin_auth(self, username: str) -> bool:
        return True

    def public_key_auth_supported(self) -> bool:
        return True

    async def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        self._tried += 1
        self._caller = None
        if self._tried > self._limits.keys_tried:
            self._connection.disconnect(asyncssh.DISC_NO_MORE_AUTH_METHODS_AVAILABLE, "Too many keys")
            return False
        if username != USER:
            return False
        fingerprint = key.get_fingerprint("sha256")
        try:
            found = await self._hub.callers.by_key(fingerprint)
        except InvalidToken:
            return False
        except HubError as error:
            log.fault("ssh key not looked up", error)
            return False
        self._caller, self._fingerprint = found, fingerprint
        return True

    def auth_completed(self) -> None:
        if self._caller is None or not self._doorman.know(self._guest):
            self._connection.disconnect(asyncssh.DISC_TOO_MANY_CONNECTIONS, "Too many connections from this address")
            return
        self._hub.callers.note_key(self._caller)
        log.info("ssh connection", user=self._caller.name, address=self._address, fingerprint=self._fingerprint)
        self._leave_when_alone()

    # --- what is asked for ---

    def session_requested(self) -> Any:
        """A channel of ours and what runs on it, as asyncssh wants it; everything else than a session it refuses itself."""
        if self._caller is None or self._open >= self._limits.sessions_of_connection:
            raise asyncssh.ChannelOpenError(asyncssh.OPEN_RESOURCE_SHORTAGE, "Too many commands at once")
        channel = Channel(
            self._connection,
            asyncio.get_running_loop(),
            allow_pty=False,
            line_editor=False,
            line_echo=False,
            line_history=0,
            max_line_length=0,
            encoding=None,
            errors="strict",
            window=WINDOW_BYTES,
            max_pktsize=_PACKET_BYTES,
        )
        self._open += 1
        # One that is opened and never used goes with the connection: what counts there is commands that run.
        counting = asyncio.get_running_loop().create_task(self._count(channel))
        self._counting.add(counting)
        counting.add_done_callback(self._counting.discard)
        return channel, self._handle

    def _handle(
        self,
        stdin: asyncssh.SSHReader[bytes],
        stdout: asyncssh.SSHWriter[bytes],
        stderr: asyncssh.SSHWriter[bytes],
    ) -> None:
        assert self._caller is not None  # noqa: S101 - sessions are for who is known
        visit = Visit(self._hub, self._caller, self._address, self._here)
        running = self._begin(visit, stdin, Stream(stdin, stdout, stderr, self._limits.idle_seconds))
        self._running += 1
        running.add_done_callback(self._ended)

    async def _count(self, channel: Channel) -> None:
        await channel.wait_closed()
        self._open -= 1

    def _ended(self, _command: "asyncio.Task[None]") -> None:
        self._running -= 1
        self._leave_when_alone()

    def _leave_when_alone(self) -> None:
        if self._has_left:
            return
        if self._alone is not None:
            self._alone.cancel()
        self._alone = asyncio.get_running_loop().call_later(self._limits.lone_seconds, self._leave_if_alone)

    def _leave_if_alone(self) -> None:
        if not self._running:
            self._connection.close()


def _address(name: tuple[str, int] | None) -> str:
    return name[0] if name else ""
