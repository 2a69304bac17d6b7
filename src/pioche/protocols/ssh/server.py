"""The server: what it offers to clients, and how it ends.

Of algorithms only those that are quick and that every OpenSSH of the last ten years has: an exchange of keys over a large
prime field costs a hundred times as much, before anybody has said who they are. Nothing is compressed: packs are already.
"""

import asyncio
import logging
import socket
from contextlib import suppress
from typing import cast

import asyncssh

from pioche.accounts import host_key
from pioche.http import threads
from pioche.http.buffers import Flusher
from pioche.http.hub import Hub
from pioche.protocols.ssh import sessions
from pioche.protocols.ssh.channels import Channel, Stream
from pioche.protocols.ssh.door import Door
from pioche.protocols.ssh.doorman import Doorman, Limits
from pioche.protocols.ssh.sessions import Visit

_KEY_EXCHANGES = ["curve25519-sha256", "curve25519-sha256@libssh.org", "ecdh-sha2-nistp256"]
_CIPHERS = ["aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "aes128-ctr", "aes256-ctr"]
_MACS = ["hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com", "hmac-sha2-256", "hmac-sha2-512"]
_SIGNATURES = [
    "ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "rsa-sha2-256", "rsa-sha2-512",
]  # fmt: skip
_BACKLOG = 256
_KEEPALIVE_SECONDS = 60


class SshServer:
    """`start`, then `stop`; both belong to one event loop. `port` is where it listens."""

    def __init__(self, hub: Hub, limits: Limits | None = None) -> None:
        self._hub = hub
        self._doorman = Doorman(limits or Limits.of(hub.config))
        self._running = set[asyncio.Task[None]]()
        self._flusher = Flusher(hub.buffers)
        self._is_ending = False

    async def start(self, listening: socket.socket) -> None:
        """Takes connections from a bound socket."""
        logging.getLogger("asyncssh").setLevel(logging.CRITICAL)  # what clients do wrong is no news
        key = asyncssh.import_private_key(await threads.run(host_key.private, self._hub.database))
        self._acceptor = await asyncssh.listen(
            sock=listening,
            backlog=_BACKLOG,
            server_factory=lambda: Door(self._hub, self._doorman, self._begin),
            server_host_keys=[key],
            server_version="Pioche",
            kex_algs=_KEY_EXCHANGES,
            encryption_algs=_CIPHERS,
            mac_algs=_MACS,
            signature_algs=_SIGNATURES,
            compression_algs=None,
            login_timeout=self._doorman.limits.login_seconds,
            keepalive_interval=_KEEPALIVE_SECONDS,
            public_key_auth=True,
            password_auth=False,
            kbdint_auth=False,
            host_based_auth=False,
            gss_host=None,
            allow_pty=False,
            agent_forwarding=False,
            x11_forwarding=False,
            line_editor=False,
            encoding=None,
        )
        self._flusher.start()

    @property
    def port(self) -> int:
        return self._acceptor.get_port()

    async def stop(self) -> None:
        """Takes no more connections and commands, and waits for those that run."""
        self._is_ending = True
        self._acceptor.close()
        while self._running:
            await asyncio.wait(self._running)
        self._doorman.dismiss_all()
        await asyncio.sleep(0)
        await self._flusher.stop()
        self._hub.renderer.close()
        await self._hub.database.aclose()

    def _begin(self, visit: Visit, stdin: asyncssh.SSHReader[bytes], stream: Stream) -> "asyncio.Task[None]":
        """Not asyncssh's own tasks: those end with the connection, and a push that has come whole goes on."""
        task = asyncio.get_running_loop().create_task(self._run(visit, stdin, stream))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    async def _run(self, visit: Visit, stdin: asyncssh.SSHReader[bytes], stream: Stream) -> None:
        channel = cast("Channel", stdin.channel)
        user_id, status = visit.caller.user_id, 1
        if channel.get_subsystem() is None and not self._is_ending and self._doorman.begin(user_id):
            try:
                environment = channel.get_environment()
                status = await sessions.answer(
                    visit, channel.get_command(), environment.get("GIT_PROTOCOL", ""), stream
                )
            finally:
                self._doorman.end(user_id)
        with suppress(OSError):  # closed already
            channel.exit(status)
