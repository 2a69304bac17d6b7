"""Named fail points: functions of the hub before or after which its process dies, and takes the whole hub with it.

Nothing in the hub knows of them. The test starts it with `injected/` on the import path and the variable TORTURE_FOLDER,
which only this file reads. In that folder, `point` has a name from `POINTS` (or `name#3` for the third pass of a process)
when the hub is to die there, and `clock` the seconds by which its clock is wrong.
"""

import functools
import importlib.abc
import importlib.util
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any


@dataclass(frozen=True)
class Point:
    """`when` is before or after the call of `function` (dotted, within `module`)."""

    module: str
    function: str
    when: str


def _point(text: str) -> Point:
    when, _, place = text.partition(" ")
    module, _, function = place.partition(":")
    return Point(module, function, when)


POINTS = {
    name: _point(text)
    for name, text in {
        "blob not synced": "before pioche.storage.blobs.local:sync_file",
        "blob before rename": "after pioche.storage.blobs.local:sync_file",
        "blob after rename": "after pioche.storage.blobs.local:LocalBlobs.put",
        "content before commit": "after pioche.storage.contents:insert_links",
        "content after commit": "after pioche.storage.contents:Contents.adopt",
        "part written": "after pioche.storage.uploads:Part.finish",
        "upload complete": "before pioche.storage.uploads:Uploads._end",
        "pack written": "after pioche.git.store:write_pack",
        "objects written": "after pioche.git.store:GitStore.write",
        "push before adoption": "before pioche.git.store:GitStore.adopt",
        "push after adoption": "after pioche.git.store:GitStore.adopt",
        "refs before commit": "after pioche.repos.refs:_event",
        "refs after commit": "after pioche.repos.refs:update",
        "xorb after row": "after pioche.storage.xet.uploads:XetUploads.put_xorb",
        "shard before rows": "after pioche.storage.blobs.local:LocalBlobs.put_bytes",
        "shard after rows": "after pioche.storage.xet.uploads:XetUploads.register",
        "repo before commit": "after pioche.repos.catalog:Catalog._insert",
        "repo created": "after pioche.repos.catalog:Catalog.create",
        "repo moved": "after pioche.repos.catalog:Catalog.move",
        "repo deleted": "after pioche.repos.catalog:Catalog.delete",
        "migration begins": "before pioche.db.migrate:run",
        "migration ends": "after pioche.db.migrate:run",
        "job begins": "before pioche.jobs.worker:Worker._attempt",
        "job done": "before pioche.jobs.queue:Queue.finish",
        "event handled": "before pioche.jobs.outbox:Dispatcher._advance",
    }.items()
}


def install() -> None:
    """Called at the start of each of the hub's processes."""
    folder = os.environ.get("TORTURE_FOLDER", "")
    if folder:
        sys.meta_path.insert(0, _Finder(_Traps(f"{folder}/point")))
        _bend_time(f"{folder}/clock")


def resolve(point: Point, module: ModuleType) -> tuple[Any, str]:
    """What holds the function, and its name there."""
    *holders, name = point.function.split(".")
    holder = functools.reduce(getattr, holders, module)
    if not callable(getattr(holder, name)):
        raise TypeError(f"{point} is no function")
    return holder, name


class _Traps:
    """Wraps the functions of modules."""

    def __init__(self, armed: str) -> None:
        self._armed = armed
        self._passes: Counter[str] = Counter()

    def set(self, module: ModuleType) -> None:
        for name, point in POINTS.items():
            if point.module == module.__name__:
                holder, function = resolve(point, module)
                setattr(holder, function, self._trapped(name, point.when, getattr(holder, function)))

    def _trapped(self, name: str, when: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def trapped(*arguments: Any, **options: Any) -> Any:
            if when == "before":
                self._pass(name)
            answer = function(*arguments, **options)
            if when == "after":
                self._pass(name)
            return answer

        return trapped

    def _pass(self, name: str) -> None:
        try:
            with open(self._armed) as file:
                wanted, _, passes = file.read().partition("#")
        except OSError:
            return
        if wanted != name:
            return
        self._passes[name] += 1
        if self._passes[name] < int(passes or 1):
            return
        os.unlink(self._armed)  # so that the test knows, and the next start lives
        if "serve" in sys.orig_argv and os.getsid(0) != os.getpid():  # the supervisor: all others end with it
            os.kill(os.getppid(), signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)


class _Finder(importlib.abc.MetaPathFinder):
    """Sets the traps of a module when it is imported."""

    def __init__(self, traps: _Traps) -> None:
        self._traps = traps
        self._waiting = {point.module for point in POINTS.values()}

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name not in self._waiting:
            return None
        self._waiting.discard(name)
        spec = importlib.util.find_spec(name)
        assert spec is not None
        assert spec.loader is not None
        spec.loader = _Loader(spec.loader, self._traps.set)
        return spec


class _Loader(importlib.abc.Loader):
    """The module's own loader, and something done after it."""

    def __init__(self, inner: importlib.abc.Loader, after: Callable[[ModuleType], None]) -> None:
        self._inner = inner
        self._after = after

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._inner.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._inner.exec_module(module)
        self._after(module)


def _bend_time(path: str) -> None:
    """The wall clock is wrong by what stands in the file; the monotonic one goes on."""
    real, real_ns = time.time, time.time_ns

    def off() -> int:
        try:
            with open(path) as file:
                return int(file.read() or 0)
        except OSError:
            return 0

    time.time = lambda: real() + off()
    time.time_ns = lambda: real_ns() + off() * 10**9
