"""A `fleet.Starter` whose workers are on the nodes of a cluster."""

import asyncio
import secrets
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pioche.errors import EngineFailed, Unavailable
from pioche.serving import messages
from pioche.serving.address import Address
from pioche.serving.cluster.orders import ABOUT, END, Order, Told, encoder, told_decoder
from pioche.serving.leases import Leases
from pioche.serving.messages import Wanted
from pioche.serving.wire import Broken, Wire
from pioche.serving.worker.batcher import Stats

if TYPE_CHECKING:
    from pioche.serving.cluster.serve import Serve

_LOAD_SECONDS = 240.0
_POLL_SECONDS = 0.1
_LOOK_SECONDS = 5.0
_GONE_SECONDS = 60.0
"""Ray has started it again on another node by then, or will not."""
_THREADS = 4


@dataclass(frozen=True, slots=True)
class House:
    """What all workers of a hub have alike: the least sandbox, and the data folder that they do not see."""

    url: str
    sandbox: str
    hidden: Path


class ClusterWorker:
    """A `fleet.Worker`."""

    def __init__(
        self, address: Address, delete: Callable[[], None], held: ExitStack, refused: Callable[[], str]
    ) -> None:
        self.address = address
        self.ended: str | None = None
        self._wire = Wire(address, 0)
        self._delete = delete
        self._held = held
        self._refused = refused
        self._told = Told()
        self._reached_at = time.monotonic()

    def usage(self) -> tuple[int, float]:
        return self._told.memory_bytes, self._told.cpu_seconds

    def output(self) -> str:
        return self._told.output

    def refused(self) -> str:
        return self._refused()

    async def stats(self) -> Stats:
        told = await self.look()
        if told.ended is not None or told.stats is None:
            raise ConnectionRefusedError(told.ended or "it does not answer")
        return told.stats

    async def look(self) -> Told:
        """Asks how it is. Raises OSError, TimeoutError."""
        try:
            async with asyncio.timeout(_LOOK_SECONDS):
                answer = await self._wire.ask(ABOUT, b"", method="GET")
        except (Broken, TimeoutError):
            if time.monotonic() - self._reached_at > _GONE_SECONDS:
                self.ended = f"was not reached for {_GONE_SECONDS:.0f} seconds"
            raise ConnectionError("it is not reached") from None
        self._reached_at = time.monotonic()
        self._told = told_decoder.decode(answer.body)
        self.ended = self._told.ended
        return self._told

    async def end(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds + _LOOK_SECONDS):
                await self._wire.ask(END, encoder.encode(seconds))
        except (Broken, TimeoutError):
            pass  # its node is gone, or it is: deleting ends what is left
        finally:
            self._wire.close()
            await asyncio.to_thread(self._remove)

    def _remove(self) -> None:
        try:
            self._delete()
        finally:
            self._held.close()


class Placing:
    """`connect` gives the cluster when the first worker is to be started: Ray takes seconds to import."""

    def __init__(self, leases: Leases, connect: Callable[[], "Serve"], prefix: str, house: House) -> None:
        self._leases = leases
        self._connect = connect
        self._serve: Serve | None = None
        self._prefix = prefix
        self._house = house
        self._threads = ThreadPoolExecutor(_THREADS, "placing")

    async def start(self, wanted: Wanted, memory_bytes: int) -> ClusterWorker:
        loop = asyncio.get_running_loop()
        placing = loop.run_in_executor(self._threads, self._place, wanted, memory_bytes)
        try:
            worker = await asyncio.shield(placing)
        except asyncio.CancelledError:
            placing.add_done_callback(lambda done: None if done.exception() else done.result()._remove())
            raise
        try:
            await self._ready(worker)
        except BaseException:
            await asyncio.shield(worker.end(0.0))
            raise
        return worker

    def close(self) -> None:
        self._threads.shutdown()
        if self._serve is not None:
            self._serve.close()

    def _place(self, wanted: Wanted, memory_bytes: int) -> ClusterWorker:
        with ExitStack() as stack:
            snapshot = stack.enter_context(self._leases.files(*self._leases.opened(wanted), wanted.spec))
            if self._serve is None:
                self._serve = self._connect()
            serve, name, secret = self._serve, self._prefix + secrets.token_hex(8), secrets.token_urlsafe(32)
            order = Order(
                spec=wanted.spec,
                snapshot=str(snapshot.resolve()),
                memory_bytes=memory_bytes,
                secret=secret,
                sandbox=self._house.sandbox,
                hidden=str(self._house.hidden.resolve()),
            )
            serve.run(name, order)
            address = Address(url=f"{self._house.url}/{name}", secret=secret)
            refused = partial(self._leases.refused, wanted)
            return ClusterWorker(address, lambda: serve.delete(name), stack.pop_all(), refused)

    async def _ready(self, worker: ClusterWorker) -> None:
        """Returns when it is. Raises what it could not be started for, and Unavailable where Ray has no room."""
        deadline = time.monotonic() + _LOAD_SECONDS
        while time.monotonic() < deadline:
            try:
                told = await worker.look()
            except OSError:
                await self._check_trouble(worker)
                await asyncio.sleep(_POLL_SECONDS)
                continue
            if told.refused is not None:
                raise messages.refusal(told.refused)
            return
        raise Unavailable(f"Ray has not started this model within {_LOAD_SECONDS:.0f} seconds: is there room for it?")

    async def _check_trouble(self, worker: ClusterWorker) -> None:
        assert self._serve is not None  # noqa: S101 - it placed the worker
        name = worker.address.prefix.strip("/")
        trouble = await asyncio.get_running_loop().run_in_executor(self._threads, self._serve.trouble, name)
        if trouble is not None:
            raise EngineFailed(f"Ray could not start this model: {trouble}")
