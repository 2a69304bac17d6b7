"""The process for Spaces: keeps apps, lets visitors in, and answers web processes."""

import asyncio
import contextlib
import ssl
from dataclasses import dataclass
from pathlib import Path
from socket import socket as Socket

import msgspec

from pioche import frames
from pioche.names import RepoId
from pioche.repos.access import Repo
from pioche.spaces import hosts, messages
from pioche.spaces.controller.house import House
from pioche.spaces.controller.keeper import Keeper
from pioche.spaces.messages import Hurry, Kind, Question, Said
from pioche.spaces.proxy.server import Proxy


@dataclass(frozen=True, slots=True)
class Service:
    """`run` serves until it is cancelled, and ends all apps then."""

    house: House
    proxy: Proxy
    socket: Path
    tls: ssl.SSLContext | None = None

    async def run(self, listener: Socket) -> None:
        with contextlib.suppress(FileNotFoundError):
            self.socket.unlink()
        server = await asyncio.start_unix_server(self._serve, self.socket)
        self.socket.chmod(0o600)
        try:
            async with asyncio.TaskGroup() as working:
                working.create_task(self.house.keep())
                working.create_task(self.proxy.serve(listener, self.tls))
        finally:
            server.close()
            with contextlib.suppress(FileNotFoundError):
                self.socket.unlink()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (message := await frames.read(reader, bytes_max=messages.BYTES_MAX)) is not None:
                writer.write(messages.framed(self._answer(messages.question_decoder.decode(message))))
                await writer.drain()
        except (ConnectionError, msgspec.DecodeError):
            return  # whoever asked has left, or is no process of this hub
        finally:
            writer.close()

    def _answer(self, question: Question) -> Said:
        if isinstance(question, Hurry):
            self.house.hurry()
            return Said()
        keeper = self.house.keepers.get(question.repo)
        if keeper is None:
            return Said()
        log = keeper.build_log if question.kind is Kind.BUILD else keeper.run_log
        return Said([(line.number, line.time, line.text) for line in log.since(question.since)])


class Directory:
    """Whose an address is, among the apps that are kept."""

    def __init__(self, house: House) -> None:
        self._house = house

    def find(self, label: str, repo_id: RepoId | None) -> tuple[Repo, Keeper] | None:
        wanted = str(repo_id).lower() if repo_id is not None else ""
        for keeper in self._house.keepers.values():
            repo = self._house.repos.get(keeper.app.repo)
            if repo is None:
                continue
            if (label and hosts.subdomain(repo.repo_id) == label) or (wanted and str(repo.repo_id).lower() == wanted):
                return repo, keeper
        return None
