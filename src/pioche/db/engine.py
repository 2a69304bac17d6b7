"""Connections and transactions, for SQLite and PostgreSQL.

Two ways in: `read()` and `write()` give a SQLAlchemy Core connection to plain functions in worker threads;
`fetch_one` and `fetch_all` run one prepared text on the event loop, for the hot look-ups (measured: performance.md section 2).
"""

import asyncio
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event, exc

from pioche.config import Config
from pioche.db.grouped import GroupedWrites
from pioche.db.lookup import Lookup as Lookup
from pioche.db.lookup import Row as Row
from pioche.db.remembered import Remembered
from pioche.errors import BadRequest, Corrupt, HubError, OutOfSpace, Unavailable

_BUSY_SECONDS = 30
_MMAP_BYTES = 256 * 2**20
_RECONNECT_SECONDS = 2.0
_POOL_SECONDS = 5.0
"""How long a look-up waits for a connection to PostgreSQL before it is refused with 503."""
_LOOKUP_CONNECTIONS_MAX = 10

Params = Mapping[str, Any]


class Database:
    """One database. Cheap to create; connections are opened on first use, one pool per process."""

    def __init__(self, config: Config) -> None:
        self.is_sqlite = config.database_is_sqlite
        self._sqlite_path = config.data_dir / "pioche.db"
        self._local = threading.local()
        self._readers: list[_Reader] = []
        self._pool: Any = None
        self._opening = asyncio.Lock()
        self._url = config.database_url
        self._remembered = Remembered(self.fetch_all_sync, self.data_version)
        self.engine = self._sqlite_engine() if self.is_sqlite else self._postgres_engine()
        self._grouped = GroupedWrites(self.engine)

    # --- transactions, for plain functions ---

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A connection on one consistent snapshot; nothing may be written through it."""
        with _translated(), self.engine.connect() as connection:
            if not self.is_sqlite:  # which has snapshots only
                connection = connection.execution_options(isolation_level="REPEATABLE READ")
            with connection.begin():
                yield connection

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """One transaction: durable when the block ends, undone when it raises. Keep it short: it is the only writer."""
        if not self.is_sqlite:
            with _translated(), self.engine.begin() as connection:
                yield connection
            return
        # Waiting on a lock of our own is fair; SQLite's busy handler is not. Other processes still meet there.
        with _translated(), self._grouped.write() as connection:
            yield connection
        self._remembered.doubt()

    # --- hot look-ups, on the event loop ---

    async def fetch_one(self, lookup: Lookup, params: Params) -> Row | None:
        """The first row or None."""
        rows = self._remembered.fetch(lookup, params) if self.is_sqlite else await self._fetch_postgres(lookup, params)
        return rows[0] if rows else None

    async def fetch_all(self, lookup: Lookup, params: Params) -> list[Row]:
        """All rows. The list is shared: it must not be changed."""
        if self.is_sqlite:
            return self._remembered.fetch(lookup, params)
        return await self._fetch_postgres(lookup, params)

    def generation(self) -> int | None:
        """On the event loop: a number that is another one as soon as any process has committed. None when it cannot be
        told: on PostgreSQL, and while the database does not answer."""
        try:
            return self._remembered.generation() if self.is_sqlite else None
        except HubError:  # whoever needs the database will say so
            return None

    def fetch_one_sync(self, lookup: Lookup, params: Params) -> Row | None:
        """As `fetch_one`, for code that is in a thread already."""
        rows = self.fetch_all_sync(lookup, params)
        return rows[0] if rows else None

    def fetch_all_sync(self, lookup: Lookup, params: Params) -> list[Row]:
        if not self.is_sqlite:
            with self.read() as connection:
                return [tuple(row) for row in connection.execute(sa.text(lookup.sqlite), dict(params))]
        try:
            return self._reader().fetch(lookup.sqlite, params)
        except sqlite3.Error as error:
            raise _ours(error) from error

    def data_version(self) -> int:
        """Changes when another connection commits (SQLite); of use only beside an earlier answer in the same thread."""
        try:
            version: int = self._reader().fetch("PRAGMA data_version", {})[0][0]
        except sqlite3.Error as error:
            raise _ours(error) from error
        return version

    def close(self) -> None:
        """Closes every pooled connection of this process, but those of an open `fetch` pool (see `aclose`)."""
        for reader in self._readers:
            reader.close()
        self._readers.clear()
        self._local = threading.local()
        self._remembered.clear()
        self.engine.dispose()

    async def aclose(self) -> None:
        if self._pool is not None:
            await self._pool.close()
            self._pool = None
        self.close()

    # --- SQLite ---

    def _reader(self) -> "_Reader":
        reader: _Reader | None = getattr(self._local, "reader", None)
        if reader is None:
            reader = self._local.reader = _Reader(self._sqlite_path)
            self._readers.append(reader)
        return reader

    def _sqlite_engine(self) -> sa.Engine:
        engine = sa.create_engine(
            f"sqlite:///{self._sqlite_path}",
            connect_args={"timeout": _BUSY_SECONDS, "check_same_thread": False},
            hide_parameters=True,  # an error's text goes to the log
        )

        @event.listens_for(engine, "connect")
        def _connect(connection: sqlite3.Connection, _record: object) -> None:
            connection.isolation_level = None  # transactions are begun below, not by the driver's guesses
            for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", f"mmap_size={_MMAP_BYTES}"):
                connection.execute(f"PRAGMA {pragma}")

        @event.listens_for(engine, "begin")
        def _begin(connection: sa.Connection) -> None:
            writes = connection.get_execution_options().get("pioche_write")
            connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

        return engine

    # --- PostgreSQL ---

    def _postgres_engine(self) -> sa.Engine:
        url = sa.make_url(self._url).set(drivername="postgresql+psycopg")
        timeouts = "-c lock_timeout=30s -c idle_in_transaction_session_timeout=120s"
        arguments: dict[str, Any] = {"connect_args": {"options": timeouts}, "hide_parameters": True}
        return sa.create_engine(url, pool_size=10, max_overflow=20, pool_pre_ping=True, **arguments)

    async def _fetch_postgres(self, lookup: Lookup, params: Params) -> list[Row]:
        import psycopg
        from psycopg_pool import PoolTimeout

        try:
            await self._open_pool()
            try:
                return await self._fetch_pooled(lookup, params)
            except PoolTimeout:
                raise
            except psycopg.OperationalError as error:
                if error.sqlstate is not None and not error.sqlstate.startswith(_POSTGRES_LEFT):
                    raise
            # The server was restarted: what else the pool holds is as dead, and a look-up may be asked again.
            await self._pool.check()
            return await self._fetch_pooled(lookup, params)
        except psycopg.DataError:
            raise BadRequest(
                "A value in this request cannot be looked for (a NUL character, a number too large)"
            ) from None
        except psycopg.Error as error:  # PoolTimeout is one
            raise _ours(error) from error

    async def _open_pool(self) -> None:
        from psycopg_pool import AsyncConnectionPool

        async with self._opening:
            if self._pool is None:
                pool = AsyncConnectionPool(
                    self._url,
                    min_size=1,
                    max_size=_LOOKUP_CONNECTIONS_MAX,
                    open=False,
                    timeout=_POOL_SECONDS,
                    # Given up early, and begun anew by the next request: its pauses would grow to minutes.
                    reconnect_timeout=_RECONNECT_SECONDS,
                    kwargs={"autocommit": True},
                )
                await pool.open()
                self._pool = pool

    async def _fetch_pooled(self, lookup: Lookup, params: Params) -> list[Row]:
        async with self._pool.connection() as connection:
            cursor = await connection.execute(lookup.postgres, params)
            rows: list[Row] = await cursor.fetchall()
            return rows


class _Reader:
    """A read-only SQLite connection of one thread. Another one may close it, but never under a running look-up: Python's
    driver crashes on that."""

    __slots__ = ("_connection", "_lock")

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(
            f"file:{path}?mode=ro", uri=True, isolation_level=None, check_same_thread=False
        )
        self._connection.execute(f"PRAGMA mmap_size={_MMAP_BYTES}")
        self._connection.execute(f"PRAGMA busy_timeout={_BUSY_SECONDS * 1000}")

    def fetch(self, sql: str, params: Params) -> list[Row]:
        with self._lock:
            return self._connection.execute(sql, params).fetchall()

    def close(self) -> None:
        with self._lock:
            self._connection.close()


@contextmanager
def _translated() -> Iterator[None]:
    """Driver errors become ours here, once. IntegrityError passes: the caller knows which name was taken."""
    try:
        yield
    except exc.IntegrityError:
        raise
    except exc.DataError:
        raise BadRequest(
            "A value in this request cannot be stored or looked for (a NUL character, a number too large)"
        ) from None
    except (exc.DBAPIError, exc.TimeoutError) as error:
        raise _ours(getattr(error, "orig", None) or error) from error


_SQLITE_FULL = frozenset((sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE))
_SQLITE_DAMAGED = frozenset((sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB))
_POSTGRES_LEFT = ("08", "57P")  # connection_exception; the server is shutting down or starting
_POSTGRES_FULL = "53100"  # disk_full; the others: data_corrupted, index_corrupted
_POSTGRES_DAMAGED = frozenset(("XX001", "XX002"))


def _ours(error: BaseException) -> Unavailable | OutOfSpace | Corrupt:
    code, state = getattr(error, "sqlite_errorcode", None), getattr(error, "sqlstate", None)
    if code in _SQLITE_FULL or state == _POSTGRES_FULL or "no space left" in str(error).lower():
        return OutOfSpace("The disk that holds the database is full: nothing was changed")
    if state in _POSTGRES_DAMAGED or (code is not None and code & 0xFF in _SQLITE_DAMAGED):
        return Corrupt("The database is damaged: restore it from a backup")
    if code is not None and code & 0xFF == sqlite3.SQLITE_READONLY:
        return Unavailable("The database can only be read at this time: nothing was changed")
    return Unavailable("The database does not answer: try again")
