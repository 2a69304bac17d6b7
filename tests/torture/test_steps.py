"""A1 to A7: every operation killed before each of its steps; then the state is old or new, never half, what is
left is whole, and the client's repetition succeeds."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from pioche import app
from pioche.config import Config
from tests.databases import Postgres, SqliteTemplate
from tests.torture import checker, stories
from tests.torture.history import History
from tests.torture.steps import Doomed, doomed
from tests.torture.stories import STORIES, Story, opened

_STEPS_MAX = 200
_LONG = {"a5_collection_every_step", "a1_lfs_in_parts", "a2_commit_of_50", "a3_first_push", "a6_rename", "a7_squash"}
"""Variations of others, which `make test` leaves out."""

_NAMES = [pytest.param(name, marks=[pytest.mark.long] * (name in _LONG)) for name in STORIES]


@pytest.fixture(scope="session")
def process() -> Iterator[Doomed]:
    with doomed() as running:
        yield running


@pytest.mark.parametrize("name", _NAMES)
def test_killed_at_every_step(name: str, sqlite_template: SqliteTemplate, process: Doomed, tmp_path: Path) -> None:
    story = STORIES[name]()
    first = sqlite_template.config(tmp_path / "prepared", lfs_part_bytes=stories.PART_BYTES)
    story.prepare(first, tmp_path)
    for step in range(1, _STEPS_MAX, story.stride):
        config = Config(data_dir=tmp_path / f"step-{step}", lfs_part_bytes=stories.PART_BYTES)
        shutil.copytree(first.data_dir, config.data_dir)
        if not _kill_and_look(story, config, process, step):
            return
        shutil.rmtree(config.data_dir)
    raise AssertionError("the operation never came to its end")


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    server = Postgres()
    yield server
    server.stop()


@pytest.mark.parametrize("name", ["a2_commit", "a6_transfer"])
def test_killed_at_every_commit_on_postgresql(name: str, postgres: Postgres, process: Doomed, tmp_path: Path) -> None:
    """There only the ends of transactions can differ from SQLite: the rest is the same disk."""
    for step in [None, *_commits(name, postgres, process, tmp_path)]:
        story = STORIES[name]()
        with postgres.config(tmp_path / f"step-{step}") as config:
            story.prepare(config, tmp_path / f"scratch-{step}")
            assert _kill_and_look(story, config, process, step) == (step is not None)


def _commits(name: str, postgres: Postgres, process: Doomed, tmp_path: Path) -> list[int]:
    """The numbers of the steps that begin and end a commit."""
    story = STORIES[name]()
    with postgres.config(tmp_path / "first") as config:
        story.prepare(config, tmp_path)
        ended = process.run(story, config, None)
    return [number for number, step in enumerate(ended.steps, 1) if step in ("commit", "committed")]


def _kill_and_look(story: Story, config: Config, process: Doomed, step: int | None) -> bool:
    """False when the operation came to its end before that step."""
    ended = process.run(story, config, step)
    app.prepare_start(config)
    where = f"killed before step {step} of {ended.steps}"
    with opened(config) as hub:
        found = story.state(hub)
        assert ended.killed or found == "new", "acknowledged and lost"
        assert checker.check(config, History()) == [], where
        story.do(hub)
        assert story.state(hub) == "new", where
    return ended.killed
