"""The server with asyncssh's client, in this process: what it offers, and what it does not wait for."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

import asyncssh
import pytest

from pioche.accounts import host_key, ssh, ssh_keys
from pioche.accounts.ssh_keys import Purpose
from pioche.protocols.ssh.doorman import Limits
from pioche.protocols.ssh.server import SshServer
from tests.core import Core
from tests.databases import SqliteTemplate

Story = Callable[["House"], Awaitable[None]]


class House:
    """A server, and ways to come to it."""

    def __init__(self, core: Core, port: int) -> None:
        self.core, self.port = core, port
        self.key = asyncssh.generate_private_key("ssh-ed25519")
        account = core.hub.directory.create_user("ada")
        public = ssh.parse_public(self.key.export_public_key().decode())
        ssh_keys.add(core.hub.database, account, "", public, Purpose.ACCESS)

    async def come(self) -> asyncssh.SSHClientConnection:
        theirs = asyncssh.import_public_key(host_key.public(self.core.hub.database).text)
        return await asyncssh.connect(
            "127.0.0.1", self.port, username="git", client_keys=[self.key], known_hosts=([theirs], [], []), config=None
        )


def tell(sqlite_template: SqliteTemplate, folder: Path, limits: Limits, story: Story) -> None:
    async def told() -> None:
        core = Core(sqlite_template.config(folder))
        listening = socket.create_server(("127.0.0.1", 0))
        server = SshServer(core.hub, limits)
        await server.start(listening)
        try:
            await story(House(core, server.port))
        finally:
            await server.stop()

    asyncio.run(asyncio.wait_for(told(), 60))


def test_who_shows_no_key_is_not_waited_for(sqlite_template: SqliteTemplate, tmp_path: Path) -> None:
    async def story(house: House) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", house.port)
        assert (await reader.read()).startswith(b"SSH-2.0-Pioche")  # to its end
        writer.close()

    tell(sqlite_template, tmp_path, Limits(login_seconds=1), story)


def test_a_connection_without_a_command_ends(sqlite_template: SqliteTemplate, tmp_path: Path) -> None:
    """Also one with a channel on which nothing is asked for."""

    async def story(house: House) -> None:
        connection = await house.come()
        done = await connection.run()
        assert str(done.stdout).startswith("Hi ada")
        await connection.wait_closed()

    tell(sqlite_template, tmp_path, Limits(lone_seconds=1), story)


def test_silence_within_a_command_ends_it(sqlite_template: SqliteTemplate, tmp_path: Path) -> None:
    async def story(house: House) -> None:
        core = house.core
        ada = await core.hub.callers.by_key(house.key.get_fingerprint("sha256"))
        core.repo(ada, "ada/words")
        async with await house.come() as connection:
            done = await connection.run("git-receive-pack 'ada/words'")
            assert done.exit_status == 1
            assert "Nothing came for 1 seconds" in str(done.stderr)

    tell(sqlite_template, tmp_path, Limits(idle_seconds=1), story)


def test_so_many_commands_on_a_connection(sqlite_template: SqliteTemplate, tmp_path: Path) -> None:
    async def story(house: House) -> None:
        house.core.repo(await house.core.hub.callers.by_key(house.key.get_fingerprint("sha256")), "ada/words")
        async with await house.come() as connection:
            for _ in range(2):
                await connection.create_process("git-upload-pack 'ada/words'", env={"GIT_PROTOCOL": "version=2"})
            with pytest.raises(asyncssh.ChannelOpenError, match="Too many commands"):
                await connection.create_process("git-upload-pack 'ada/words'")

    tell(sqlite_template, tmp_path, Limits(sessions_of_connection=2), story)


def test_so_many_keys_are_tried(sqlite_template: SqliteTemplate, tmp_path: Path) -> None:
    async def story(house: House) -> None:
        strange = [asyncssh.generate_private_key("ssh-ed25519") for _ in range(3)]
        with pytest.raises(asyncssh.DisconnectError, match="Too many keys"):
            await asyncssh.connect(
                "127.0.0.1", house.port, username="git", client_keys=strange, known_hosts=None, config=None
            )

    tell(sqlite_template, tmp_path, Limits(keys_tried=2), story)
