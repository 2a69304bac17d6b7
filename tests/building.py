"""Builders of environments for tests: packages that the test made, in sandboxes of this machine."""

import functools
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pioche.runner.sandbox import Sandbox
from pioche.runner.spec import LEAST_FOR_CODE, Level
from pioche.spaces.builds.building import Builder
from pioche.spaces.builds.environments import Environments
from pioche.spaces.builds.index import Index, Source
from pioche.spaces.builds.plan import Plan
from pioche.spaces.builds.pythons import Python
from pioche.spaces.builds.registry import Registry
from pioche.spaces.builds.requirements import Requirements, one
from pioche.spaces.builds.sources import Place
from pioche.spaces.builds.workshop import Caps, Tools
from tests import packages
from tests.packages import Packages

HERE = Python((*sys.version_info[:3],), Path(sys._base_executable).resolve(), Path(sys.base_prefix))  # type: ignore[attr-defined]
_MIB = 2**20


@functools.cache
def levels() -> tuple[Level, ...]:
    """Those of this machine in which strangers' code may run."""
    with tempfile.TemporaryDirectory() as folder:
        return tuple(
            level
            for level in Level
            if level >= LEAST_FOR_CODE and Sandbox(Path(folder, level.word), most=level).find_out().level == level
        )


@dataclass
class Yard:
    """A builder, what it builds from, and what it said."""

    folder: Path
    packages: Packages
    url: str
    level: Level = Level.FULL
    npm: str = ""
    lines: list[str] = field(default_factory=list)

    def builder(self, caps: Caps | None = None) -> Builder:
        place = self.folder / "environments"
        index = Index(lambda: [Source.of(self.url)], place / "index")
        small = Caps(
            seconds=120, memory_bytes=1024 * _MIB, disk_bytes=512 * _MIB, download_bytes=64 * _MIB, processes=128
        )
        npm = Registry(lambda: Source.of(self.npm) if self.npm else None)
        tools = Tools(Sandbox(self.folder / "sandboxes", most=self.level), index, npm, caps or small)
        return Builder(tools, self.environments())

    def environments(self, bytes_max: int = 2**30) -> Environments:
        return Environments(self.folder / "environments", bytes_max)

    @property
    def log(self) -> str:
        return "\n".join(self.lines)


@contextmanager
def yard(level: Level = Level.FULL) -> Iterator[Yard]:
    """In a folder that sandboxes of other users may pass."""
    folder = Path(tempfile.mkdtemp(prefix="builds-"))
    folder.chmod(0o711)
    try:
        made = Packages(folder / "index")
        made.folder.mkdir()
        with packages.serving(made) as url:
            yield Yard(folder, made, url, level)
    finally:
        shutil.rmtree(folder)


def plan(*requirements: str) -> Plan:
    wanted = tuple(one(text, Place("requirements.txt", line)) for line, text in enumerate(requirements, start=1))
    return Plan(sdk="docker", app_file="app.py", python=HERE, requirements=Requirements(wanted=wanted))
