"""Where stories of sandboxes take place: a level, and who the hub is."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pioche.runner import groups
from pioche.runner.spec import Level
from tests.sandboxed import Attempt, Outcome, Who, everybody

WHO = {who.name: who for who in everybody()}


@dataclass(frozen=True)
class Here:
    """A level as a user has it, and a folder that is this user's."""

    who: Who
    level: Level
    folder: Path

    def attempt(self, script: str, **given: Any) -> Outcome:
        runs = self.folder / "runs"
        return self.who.attempt(Attempt(script=script, level=self.level, folder=str(runs), **given))

    def make(self, name: str) -> Path:
        place = self.folder / name
        place.mkdir()
        os.chown(place, self.who.user, self.who.user)
        return place


@contextmanager
def standing(name: str, level: Level, levels: dict[str, list[Level]]) -> Iterator[Here]:
    """Skips what this machine has not; what runs leave behind is a failure. `levels` remembers what was found out."""
    who = WHO[name]
    folder = Path(tempfile.mkdtemp(prefix="sandbox-"))
    try:
        folder.chmod(0o755)
        os.chown(folder, who.user, who.user)
        if name not in levels:
            levels[name] = who.levels(folder / "levels")
        if level not in levels[name]:
            pytest.skip(f"this machine has no level {level.word} for {name}")
        yield Here(who, level, folder)
        assert not any((folder / "runs").iterdir()), "runs leave folders behind"
        ours = groups.name(folder / "runs" / "x").removesuffix("x")
        assert [name for name, _ in groups.leftovers() if name.startswith(ours)] == []
    finally:
        shutil.rmtree(folder)
