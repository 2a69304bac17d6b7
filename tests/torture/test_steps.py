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

_STEPS_MAX = 400
_STRIDE = 4
_VARIATIONS = {
    "a1_lfs_in_parts", "a2_commit_of_50", "a2_commit_of_2000", "a3_first_push", "a3_push_of_500_refs", "a6_rename",
    "a7_squash",
}  # fmt: skip
"""With the long form only."""


@pytest.fixture(scope="session")
def process() -> Iterator[Doomed]:
    with doomed() as running:
        yield running


@pytest.mark.parametrize("name", [name for name in STORIES if name not in _VARIATIONS])
def test_killed_at_some_steps(name: str, sqlite_template: SqliteTemplate, process: Doomed, tmp_path: Path) -> None:
    """The short form: a few of the steps, among them the first and the end."""
    story = STORIES[name]()
    _kill_at_each(range(1, _STEPS_MAX, _STRIDE * story.stride), story, sqlite_template, process, tmp_path)


@pytest.mark.long
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("name", STORIES)
def test_killed_at_every_step(name: str, sqlite_template: SqliteTemplate, process: Doomed, tmp_path: Path) -> None:
    _kill_at_each(range(1, _STEPS_MAX), STORIES[name](), sqlite_template, process, tmp_path)


def _kill_at_each(steps: range, story: Story, template: SqliteTemplate, process: Doomed, folder: Path) -> None:
    first = template.config(folder / "prepared", lfs_part_bytes=stories.PART_BYTES)
    story.prepare(first, folder)
    for step in steps:
        config = Config(data_dir=folder / f"step-{step}", lfs_part_bytes=stories.PART_BYTES)
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


@pytest.mark.parametrize("name", ["a2_commit", pytest.param("a6_transfer", marks=pytest.mark.long)])
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
