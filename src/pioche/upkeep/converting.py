"""Keeps large files as chunks where that saves, in the background, when the machine has nothing better to do.

Files are looked at once each, in the order in which they came: a row says how far. What was worth it is done at once, what
was not stays whole. Nothing is lost by stopping anywhere: a file that was not finished is looked at again.
"""

import os
import threading
import time
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from pioche.db import schema
from pioche.db.dialect import upsert
from pioche.db.engine import Database
from pioche.db.instance import now_ms
from pioche.errors import Corrupt, HubError, OutOfSpace, Unavailable
from pioche.names import Sha256
from pioche.observe import log
from pioche.storage.xet import chunking
from pioche.storage.xet.conversion import BYTES_MIN, Converter

_PLACE = "converted"
"""The row of `instance` that says how far: `created_at sha256`."""
_AT_ONCE_SECONDS = 600.0
_NICE = 15

_contents, _instance = schema.contents, schema.instance


def is_busy() -> bool:
    """Whether more wants to run than there are processors."""
    return os.getloadavg()[0] > (os.cpu_count() or 1)


class ConvertFiles:
    """The job. `idle_seconds` is how long a file lies before it is looked at; 0 is for ever."""

    kind = "xet.convert"
    attempts_max = 10
    every_seconds: int | None = 300

    def __init__(
        self, database: Database, converter: Converter, *, idle_seconds: int, busy: Callable[[], bool] = is_busy
    ) -> None:
        self._database = database
        self._converter = converter
        self._idle_seconds = idle_seconds
        self._busy = busy

    def run(self, key: str, payload: dict[str, Any]) -> None:
        """Raises Unavailable and OutOfSpace, to be tried again."""
        if not self._idle_seconds or not chunking.is_available():
            return
        failures = list[HubError]()
        # In a thread of its own, which is nicer than the others: only the administrator could take that back.
        worker = threading.Thread(target=self._work, args=(failures,), name="convert", daemon=True)
        worker.start()
        worker.join()
        if failures:
            raise failures[0]

    def _work(self, failures: list[HubError]) -> None:
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
        try:
            self.work(until=time.monotonic() + _AT_ONCE_SECONDS)
        except HubError as error:
            failures.append(error)

    def work(self, *, until: float) -> None:
        """Looks at files until there are none, the machine is busy or it is `until` (as `time.monotonic` has it)."""
        while time.monotonic() < until and not self._busy():
            found = self._next()
            if found is None:
                return
            self._improve(Sha256(found.sha256))
            self._remember(f"{found.created_at} {found.sha256}")

    def _improve(self, sha256: Sha256) -> None:
        """One that cannot be converted must not keep the others from it."""
        began = time.monotonic()
        try:
            done = self._converter.improve(sha256)
        except (Unavailable, OutOfSpace):
            raise
        except HubError as error:
            log.fault("file not converted", error, sha256=sha256)
            if not isinstance(error, Corrupt):
                raise
        else:
            log.info("file examined", sha256=sha256, converted=done, seconds=round(time.monotonic() - began, 1))

    def _next(self) -> "sa.Row[int, str] | None":
        place = sa.select(_instance.c.value).where(_instance.c.key == _PLACE)
        columns = _contents.c.created_at, _contents.c.sha256
        with self._database.read() as connection:
            at, _, sha256 = (connection.execute(place).scalar() or "0 ").partition(" ")
            query = (
                sa.select(*columns)
                .where(_contents.c.kind == "blob", _contents.c.size >= BYTES_MIN)
                .where(sa.tuple_(*columns) > sa.tuple_(sa.literal(int(at)), sa.literal(sha256)))
                .where(_contents.c.created_at < now_ms() - self._idle_seconds * 1000)
                .order_by(*columns)
                .limit(1)
            )
            return connection.execute(query).first()

    def _remember(self, place: str) -> None:
        with self._database.write() as connection:
            row = upsert(connection, _instance, ["key"], ["value"])
            connection.execute(row.values(key=_PLACE, value=place))
