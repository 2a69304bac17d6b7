"""The index process: builds the index, keeps it true, and answers what web processes ask over a Unix socket.

One thread owns the index. Others read the database while it is built, sort orders anew, and search the cards.
"""

import asyncio
import contextlib
import struct
import time
from collections import OrderedDict
from pathlib import Path

from pioche.db.engine import Database
from pioche.errors import Failure, HubError
from pioche.observe import log
from pioche.search import orders
from pioche.search.following import Follower
from pioche.search.index import Index
from pioche.search.messages import LENGTH, MESSAGE_BYTES_MAX, Ask, Reply, ask_decoder, framed
from pioche.search.query import Query, Sort

_PAUSE_SECONDS = 0.1
_RETRY_SECONDS = 5.0
_FACETS_KEPT = 400
_FACETS_SECONDS = 2.0


class Facets:
    """Answers of facets, framed, for as long as nobody sees less than before, and for two seconds after other changes."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[object, ...], tuple[int, int, float, bytes]] = OrderedDict()

    def find(self, index: Index, key: tuple[object, ...]) -> bytes | None:
        found = self._kept.get(key)
        if found is None:
            return None
        version, withdrawn, at, answer = found
        if withdrawn != index.withdrawn or (version != index.version and time.monotonic() - at > _FACETS_SECONDS):
            del self._kept[key]
            return None
        self._kept.move_to_end(key)
        return answer

    def keep(self, index: Index, key: tuple[object, ...], answer: bytes) -> None:
        self._kept[key] = index.version, index.withdrawn, time.monotonic(), answer
        if len(self._kept) > _FACETS_KEPT:
            self._kept.popitem(last=False)


class Service:
    """`run` serves until it is cancelled."""

    def __init__(self, database: Database, socket: Path) -> None:
        self._database = database
        self._socket = socket
        self._follower = Follower(database)
        self._index: Index | None = None
        self._built = 0
        self._facets = Facets()
        self._connections = set[asyncio.StreamWriter]()

    async def run(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            self._socket.unlink()
        server = await asyncio.start_unix_server(self._serve, self._socket)
        self._socket.chmod(0o600)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._keep())
                await asyncio.get_running_loop().create_future()
        finally:
            server.close()
            for writer in self._connections:
                writer.close()
            with contextlib.suppress(FileNotFoundError):
                self._socket.unlink()

    # --- the index ---

    async def _keep(self) -> None:
        """Builds the index, then follows; a database that does not answer is asked again."""
        while self._index is None:
            began = time.monotonic()
            try:
                self._index = await asyncio.to_thread(self._follower.build, self._tell)
            except Failure as error:
                log.fault("search index not built", error)
                await asyncio.sleep(_RETRY_SECONDS)
            else:
                log.info("search index built", repos=len(self._index), seconds=round(time.monotonic() - began, 2))
        while True:
            try:
                more = self._follower.catch_up(self._index)
            except Failure as error:
                log.fault("search index not updated", error)
                more = False
            await self._sort_anew(self._index)
            await asyncio.sleep(0 if more else _PAUSE_SECONDS)

    def _tell(self, count: int) -> None:
        self._built = count

    async def _sort_anew(self, index: Index) -> None:
        for order, ids, keys in index.stale():
            order.replace(await asyncio.to_thread(orders.sort, ids, keys))

    # --- questions ---

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections.add(writer)
        try:
            while True:
                (length,) = LENGTH.unpack(await reader.readexactly(LENGTH.size))
                if length > MESSAGE_BYTES_MAX:
                    return
                writer.write(self._answer(await reader.readexactly(length)))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, struct.error):
            return  # whoever asked has left
        finally:
            self._connections.discard(writer)
            writer.close()

    def _answer(self, message: bytes) -> bytes:
        ask = ask_decoder.decode(message)
        if self._index is None or ask.query is None:
            return framed(Reply("busy", self._built))
        try:
            # Exact at this moment where that costs nothing (SQLite); a moment late where it does.
            if self._database.is_sqlite:
                self._follower.catch_up(self._index)
            if ask.what == "facets":
                return self._count(self._index, ask, ask.query)
            return framed(Reply("found", self._index.find(ask.scope, ask.query)))
        except Failure as error:
            log.fault("search failed", error)
            return framed(Reply("failed"))
        except HubError as error:
            return framed(Reply("bad", error.message))

    def _count(self, index: Index, ask: Ask, query: Query) -> bytes:
        asked = _without_page(query)
        key = (ask.everything, ask.namespaces, ask.each, asked)
        answer = self._facets.find(index, key)
        if answer is None:
            answer = framed(Reply("facets", index.facets(ask.scope, asked, each=ask.each)))
            self._facets.keep(index, key, answer)
        return answer


def _without_page(query: Query) -> Query:
    """Facets are the same on all pages."""
    return Query(**{name: getattr(query, name) for name in _NOT_PAGES}, sort=Sort.TRENDING)


_NOT_PAGES = tuple(
    name for name in Query.__dataclass_fields__ if name not in ("sort", "ascending", "cursor", "offset", "limit")
)
