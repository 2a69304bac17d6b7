"""Search as the index process answers it; where there is none, as the database does.

The index process may be starting, or dead for a moment. On a small hub the database answers meanwhile, as exactly; on a large
one that would take minutes, and the question is refused with 503 instead. Nothing is ever answered from a part of the index.
"""

import socket
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from pioche import frames
from pioche.accounts import audiences
from pioche.accounts.callers import Caller
from pioche.db.engine import Database, Lookup
from pioche.errors import BadRequest, Unavailable
from pioche.search.messages import Ask, Reply, framed, reply_decoder
from pioche.search.query import Facets, Found, Query, Search
from pioche.search.rows import named_repos

T = TypeVar("T")

_CONNECT_SECONDS = 1.0
_ANSWER_SECONDS = 10.0
_SMALL_HUB = 20_000
"""Row ids up to which the database answers in the index's stead."""

_LARGEST = Lookup("SELECT max(id) FROM repos")


Snippets = dict[int, list[tuple[str, bool]]]
"""By row id: the parts of a text, and which of them are what was looked for."""


class NoIndex(Exception):
    """Nobody listens, or the index is being built."""


class IndexSearch:
    """A `query.Search`. Each thread has a connection of its own."""

    def __init__(self, database: Database, path: Path, fallback: Search) -> None:
        self._database = database
        self._path = str(path)
        self._fallback = fallback
        self._local = threading.local()
        self._opened = set[socket.socket]()

    def close(self) -> None:
        """No thread may be asking any more."""
        while self._opened:
            self._opened.pop().close()

    def find(self, caller: Caller, query: Query) -> Found:
        """See `query.Search`. Raises Unavailable while a large hub has no index."""
        try:
            return self._ask("find", caller, query, Found)
        except NoIndex as reason:
            return self._instead(reason).find(caller, query)

    def facets(self, caller: Caller, query: Query, *, each: int = 100) -> Facets:
        """As `find`."""
        try:
            return self._ask("facets", caller, query, dict[str, list[tuple[str, int]]], each=each)
        except NoIndex as reason:
            return self._instead(reason).facets(caller, query, each=each)

    def snippets(self, caller: Caller, query: Query, repo_ids: Sequence[int]) -> Snippets:
        """Of those that the caller may see, the place in the card where the words of `query` are. Empty without the index."""
        try:
            return self._ask("snippets", caller, query, dict[int, list[tuple[str, bool]]], ids=tuple(repo_ids))
        except NoIndex:
            return {}

    def _instead(self, reason: NoIndex) -> Search:
        row = self._database.fetch_one_sync(_LARGEST, {})
        if row is not None and (row[0] or 0) > _SMALL_HUB:
            raise Unavailable(f"The search index is being built{reason}: try again in a moment")
        return self._fallback

    def _ask(
        self, what: str, caller: Caller, query: Query, kind: type[T], *, each: int = 0, ids: tuple[int, ...] = ()
    ) -> T:
        everybody = caller.is_admin or caller.is_anonymous
        mine = () if everybody else audiences.of_caller(self._database, caller)
        repos = () if caller.scopes is None else self._named_repos(caller)
        reply = self._exchange(framed(Ask(what, query, caller.is_admin, mine, each, ids, repos)))
        if reply.kind == "bad":
            raise BadRequest(str(reply.value))
        if reply.kind == "failed":
            raise Unavailable("The search index cannot answer: try again")
        if reply.kind == "busy":
            raise NoIndex(f" ({reply.value} %)" if reply.value else "")
        return msgspec.convert(reply.value, kind)

    def _named_repos(self, caller: Caller) -> tuple[int, ...]:
        with self._database.read() as connection:
            return tuple(named_repos(connection, caller))

    def _exchange(self, message: bytes) -> Reply:
        """Once more when the connection is one of a process that has ended since."""
        for attempt in range(2):
            connection: socket.socket | None = getattr(self._local, "connection", None)
            is_new = connection is None
            try:
                if connection is None:
                    connection = self._local.connection = self._connect()
                connection.sendall(message)
                return reply_decoder.decode(_receive(connection))
            except OSError:
                self._local.connection = None
                if connection is not None:
                    self._opened.discard(connection)
                    connection.close()
                if is_new or attempt:
                    raise NoIndex from None
        raise NoIndex

    def _connect(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.settimeout(_CONNECT_SECONDS)
            connection.connect(self._path)
            connection.settimeout(_ANSWER_SECONDS)
        except OSError:
            connection.close()
            raise
        self._opened.add(connection)
        return connection


def _receive(connection: socket.socket) -> bytes:
    message = frames.receive(connection)
    if message is None:
        raise ConnectionResetError
    return message
