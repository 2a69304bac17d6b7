"""The index process: builds the index, keeps it true, and answers what web processes ask over a Unix socket.

One thread owns the index. Others read the database while it is built, sort orders anew, and search the cards.
"""

import asyncio
import contextlib
import time
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from pyroaring import BitMap

from pioche import frames
from pioche.db.engine import Database
from pioche.errors import Failure, HubError
from pioche.observe import log
from pioche.search import orders
from pioche.search.cards import Piece
from pioche.search.following import Follower
from pioche.search.index import Index
from pioche.search.messages import MESSAGE_BYTES_MAX, Ask, Reply, ask_decoder, framed
from pioche.search.plain import Scope
from pioche.search.providing import Serves
from pioche.search.query import Found, Sort
from pioche.search.reading import Reader

_PAUSE_SECONDS = 0.1
_PAUSE_SECONDS_SQLITE = 0.3  # whoever asks reads first what there is: changes one after another are read together
_WARM_SECONDS = 1.0
_CLOSING_SECONDS = 1.0
_RETRY_SECONDS = 5.0
_FACETS_KEPT = 400
_FACETS_SECONDS = 2.0
_TEXTS_KEPT = 64


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

    def __init__(self, database: Database, socket: Path, reader: Reader, serves: Serves | None = None) -> None:
        self._database = database
        self._reader = reader
        self._texts = Texts(reader)
        self._socket = socket
        self._follower = Follower(database, serves)
        self._index: Index | None = None
        self._built = 0
        self._is_asked = False
        self._warmed_at = 0.0
        self._facets = Facets()
        self._connections = set[asyncio.StreamWriter]()

    async def run(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            self._socket.unlink()
        server = await asyncio.start_unix_server(self._serve, self._socket)
        self._socket.chmod(0o600)
        self._reader.start()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._keep())
                await asyncio.get_running_loop().create_future()
        finally:
            server.close()
            self._reader.stop()
            await _closed(list(self._connections))
            with contextlib.suppress(FileNotFoundError):
                self._socket.unlink()

    async def answer_with(self, index: Index, follower: Follower) -> None:
        """As `run`, with an index that is there already and the follower that built it: for measuring."""
        self._index, self._follower = index, follower
        server = await asyncio.start_unix_server(self._serve, self._socket)
        async with server:
            await server.serve_forever()

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
        warming = self._index.warm()
        while True:
            self._warm(warming)
            try:
                more = self._follower.catch_up(self._index)
            except Failure as error:
                log.fault("search index not updated", error)
                more = False
            await self._sort_anew(self._index)
            pause = _PAUSE_SECONDS_SQLITE if self._database.is_sqlite else _PAUSE_SECONDS
            await asyncio.sleep(0 if more else pause)

    def _warm(self, warming: Iterator[None]) -> None:
        """A step, which whoever asks now would wait for: while questions come, there is one a second."""
        now = time.monotonic()
        if self._is_asked and now - self._warmed_at < _WARM_SECONDS:
            self._is_asked = False
            return
        self._is_asked, self._warmed_at = False, now
        next(warming, None)

    def _tell(self, count: int) -> None:
        self._built = count

    async def _sort_anew(self, index: Index) -> None:
        for order, ids, keys in index.stale():
            order.replace(await asyncio.to_thread(orders.sort, ids, keys))

    # --- questions ---

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections.add(writer)
        try:
            while (message := await frames.read(reader, bytes_max=MESSAGE_BYTES_MAX)) is not None:
                writer.write(await self._answer(ask_decoder.decode(message)))
                await writer.drain()
        except ConnectionError:
            return  # whoever asked has left
        finally:
            self._connections.discard(writer)
            writer.close()

    async def _answer(self, ask: Ask) -> bytes:
        if self._index is None:
            return framed(Reply("busy", 0))
        self._is_asked = True
        try:
            # Exact at this moment where that costs nothing (SQLite); a moment late where it does.
            if self._database.is_sqlite:
                self._follower.catch_up(self._index)
            if ask.query.text and not self._reader.is_whole:
                return framed(Reply("busy", round(100 * self._reader.progress.share)))
            match ask.what:
                case "facets":
                    return await self._count(self._index, ask)
                case "snippets":
                    return framed(Reply("snippets", await self._snippets(self._index, ask)))
                case _:
                    return framed(Reply("found", await self._find(self._index, ask)))
        except Failure as error:
            log.fault("search failed", error)
            return framed(Reply("failed"))
        except HubError as error:
            return framed(Reply("bad", error.message))

    async def _find(self, index: Index, ask: Ask) -> Found:
        text = await self._texts.matching(ask.scope, ask.query.text)
        found = index.find(ask.scope, ask.query, text)
        if found.total or text is None or not ask.query.tolerant:
            return found
        near = await self._texts.matching(ask.scope, ask.query.text, near=True)
        found = index.find(ask.scope, ask.query, near)
        return replace(found, corrected=found.total > 0)

    async def _count(self, index: Index, ask: Ask) -> bytes:
        query = replace(ask.query, sort=Sort.TRENDING, ascending=False, cursor=None, offset=0, limit=30)
        key = (ask.everything, ask.audiences, ask.repos, ask.each, query)
        answer = self._facets.find(index, key)
        if answer is None:
            text = await self._texts.matching(ask.scope, query.text)
            found = index.facets(ask.scope, query, text, each=ask.each)
            if not found and text is not None and query.tolerant:
                near = await self._texts.matching(ask.scope, query.text, near=True)
                found = index.facets(ask.scope, query, near, each=ask.each)
            answer = framed(Reply("facets", found))
            self._facets.keep(index, key, answer)
        return answer

    async def _snippets(self, index: Index, ask: Ask) -> dict[int, list[Piece]]:
        """Of the repos `ask.ids` that the scope shows."""
        shown = index.visible(ask.scope, ask.ids)
        words = ask.query.text or " ".join(ask.query.words)
        return await asyncio.to_thread(self._texts.snippets, shown, words)


class Texts:
    """What the cards answer, remembered until the next change of any; in other threads, since it may take a while."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._kept: OrderedDict[tuple[object, ...], tuple[int, BitMap]] = OrderedDict()

    async def matching(self, scope: Scope, text: str, *, near: bool = False) -> BitMap | None:
        """None: nothing is asked of the cards."""
        cards = self._reader.cards
        if not text or cards is None:
            return None
        key = (scope, text, near)
        known = self._kept.get(key)
        if known is None or known[0] != self._reader.generation:
            generation = self._reader.generation
            found = await asyncio.to_thread(cards.matching, scope, text, near=near)
            known = self._kept[key] = generation, found
            if len(self._kept) > _TEXTS_KEPT:
                self._kept.popitem(last=False)
        return known[1]

    def snippets(self, repo_ids: list[int], words: str) -> dict[int, list[Piece]]:
        cards = self._reader.cards
        if cards is None:
            return {}
        looked_for = cards.words(words)
        texts = {repo_id: cards.text(repo_id) for repo_id in repo_ids}
        return {repo_id: cards.snippet(text, looked_for) for repo_id, text in texts.items() if text}


async def _closed(connections: Sequence[asyncio.StreamWriter]) -> None:
    """Answers that are on their way are sent, if they can be at once."""
    for writer in connections:
        writer.close()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_CLOSING_SECONDS):
            await asyncio.gather(*(writer.wait_closed() for writer in connections), return_exceptions=True)
