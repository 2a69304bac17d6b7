"""A1 to A4, A6, A7, A9 in a running hub: killed as a whole at each named fail point, started again, looked at."""

import contextlib
import importlib
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from pioche.db import schema
from pioche.db.engine import Database
from pioche.jobs import queue
from pioche.upkeep.tidying import SweepIncoming
from tests.hub import Account
from tests.torture import checker
from tests.torture.api import Api, Lost, Refused
from tests.torture.history import History
from tests.torture.points import POINTS, resolve
from tests.torture.pushing import Clone
from tests.torture.victim import Victim

REPO = "ada/model"
WAIT_S = 60


@pytest.mark.parametrize("name", POINTS)
def test_every_point_is_a_function(name: str) -> None:
    resolve(POINTS[name], importlib.import_module(POINTS[name].module))


class World:
    """A hub, one user, one repo; `at` kills it somewhere in the middle of something."""

    def __init__(self, folder: Path) -> None:
        self.victim = Victim(folder, {"LFS_PART_BYTES": "131072", "WORKERS": "1"}, injected=True)
        self.ada: Account = self.victim.accounts({"ada": True}, "lab")["ada"]
        self.history = History()
        self.folder = folder
        self.victim.start()
        self.api = Api(self.victim, self.ada, self.history)
        self.api.create_repo(REPO)

    def at(self, point: str, act: Callable[[], object]) -> None:
        """Does something during which the hub dies at this point, and starts the hub again."""
        self.victim.arm(point)
        with pytest.raises(Lost):
            act()
        self.revive()

    def revive(self) -> None:
        deadline = time.monotonic() + WAIT_S
        while self.victim.is_armed:
            assert time.monotonic() < deadline, "nothing passed there"
            time.sleep(0.05)
        self.victim.wait()
        self.victim.start()

    def close(self) -> None:
        self.api.close()
        self.victim.stop()
        assert checker.check(self.victim.config, self.history) == []


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    world = World(tmp_path_factory.mktemp("points"))
    yield world
    world.close()


def _title(point: str) -> str:
    return point.replace(" ", "-")


def _short(*names: str) -> list[object]:
    """The first goes with `make test`, the others are variations."""
    return [names[0], *(pytest.param(name, marks=pytest.mark.long) for name in names[1:])]


@pytest.mark.parametrize(
    "point", _short("blob after rename", "blob not synced", "blob before rename", "content before commit")
)
def test_a1_lfs(world: World, point: str) -> None:
    data = point.encode() * 1000
    world.at(point, lambda: world.api.upload_lfs(REPO, data))
    large = world.api.upload_lfs(REPO, data)
    world.api.commit(REPO, _title(point), {f"{_title(point)}.bin": large})
    assert world.api.download(REPO, f"{_title(point)}.bin") == data


@pytest.mark.long
@pytest.mark.parametrize("point", ["part written", "part written#2", "upload complete", "content after commit"])
def test_a1_lfs_in_parts(world: World, point: str) -> None:
    data = point.encode() * 160_000
    world.at(point, lambda: world.api.upload_lfs(REPO, data))
    large = world.api.upload_lfs(REPO, data)
    world.api.commit(REPO, _title(point), {f"{_title(point)}.parts": large})
    assert world.api.download(REPO, f"{_title(point)}.parts") == data


@pytest.mark.parametrize(
    ("point", "happened"),
    [
        ("refs before commit", False),
        pytest.param("pack written", False, marks=pytest.mark.long),
        pytest.param("objects written", False, marks=pytest.mark.long),
        pytest.param("refs after commit", True, marks=pytest.mark.long),
    ],
)
def test_a2_commit(world: World, point: str, happened: bool) -> None:
    """A repetition with the same parent succeeds, or is refused because the first attempt did."""
    parent = world.api.refs(REPO)["refs/heads/main"]
    path = f"{_title(point)}.txt"
    commit = partial(world.api.commit, REPO, _title(point), {path: b"1"}, parent=parent)
    world.at(point, commit)
    if happened:
        with pytest.raises(Refused):
            commit()
    else:
        commit()
    titles = [row["title"] for row in world.api.must("GET", f"/api/models/{REPO}/commits/main?limit=1000").json()]
    assert titles.count(_title(point)) == 1
    assert world.api.download(REPO, path) == b"1"


@pytest.mark.parametrize(
    ("point", "status"),
    [("refs before commit", "open"), pytest.param("refs after commit", "merged", marks=pytest.mark.long)],
)
def test_a7_merge(world: World, point: str, status: str) -> None:
    path = f"merged-{_title(point)}.txt"
    world.api.commit(REPO, path, {path: b"1"}, proposes=True)
    url = f"/api/models/{REPO}/discussions"
    number = world.api.must("GET", url).json()["discussions"][0]["num"]
    world.at(point, lambda: world.api.must("POST", f"{url}/{number}/merge"))
    assert world.api.must("GET", f"{url}/{number}").json()["status"] == status
    if status == "open":
        world.api.must("POST", f"{url}/{number}/merge")
    assert world.api.download(REPO, path) == b"1"


@pytest.mark.long
@pytest.mark.parametrize("point", ["push before adoption", "push after adoption", "refs before commit"])
def test_a3_push(world: World, point: str) -> None:
    branch = f"pushed-{_title(point)}"
    clone = Clone(world.victim, world.ada, REPO, world.folder)

    def push() -> None:
        result, facts = clone.push(branch, _title(point), {"pushed.txt": b"1"})
        if result != "acknowledged":
            raise Lost(str(facts))

    world.at(point, push)
    assert f"refs/heads/{branch}" not in world.api.refs(REPO)
    push()
    assert world.api.download(REPO, "pushed.txt", branch) == b"1"
    assert not list(world.victim.data_dir.glob("git/**/tmp_objdir*"))


@pytest.mark.parametrize(
    "point", _short("shard before rows", "blob after rename", "xorb after row", "shard after rows")
)
def test_a4_xet(world: World, point: str) -> None:
    data = point.encode() * 2000
    world.at(point, lambda: world.api.upload_xet(REPO, data))
    large = world.api.upload_xet(REPO, data)
    world.api.commit(REPO, _title(point), {f"{_title(point)}.xet": large})
    assert world.api.download(REPO, f"{_title(point)}.xet") == data


@pytest.mark.long
@pytest.mark.parametrize(("point", "there"), [("repo before commit", 404), ("repo created", 200)])
def test_a6_create(world: World, point: str, there: int) -> None:
    name = f"ada/{_title(point)}"
    world.at(point, lambda: world.api.create_repo(name))
    assert world.api.ask("GET", f"/api/models/{name}").status_code == there


@pytest.mark.long
def test_a6_move_and_delete(world: World) -> None:
    world.api.create_repo("ada/moves")
    world.api.commit("ada/moves", "first", {"a.txt": b"1"})
    world.at("repo moved", lambda: world.api.move_repo("ada/moves", "lab/moved"))
    assert [world.api.ask("GET", f"/api/models/{name}").status_code for name in ("ada/moves", "lab/moved")] == [
        307,
        200,
    ]
    world.at("repo deleted", lambda: world.api.delete_repo("lab/moved"))
    assert [world.api.ask("GET", f"/api/models/{name}").status_code for name in ("ada/moves", "lab/moved")] == [
        404,
        404,
    ]


@pytest.mark.long
def test_a9_an_event_is_delivered_again(world: World) -> None:
    world.victim.arm("event handled")
    with contextlib.suppress(Lost):
        world.api.commit(REPO, "event", {"event.txt": b"1"})
    world.revive()
    with opened(world.victim) as database:
        last = sa.select(sa.func.max(schema.events.c.id)).scalar_subquery()
        late = sa.select(schema.event_cursors.c.consumer).where(schema.event_cursors.c.event_id < last)
        until(database, late, lambda rows: not rows)


@pytest.mark.parametrize("point", _short("job begins", "job done"))
def test_a9_a_job_is_run_again(world: World, point: str) -> None:
    jobs = schema.jobs
    mine = sa.select(jobs.c.state).where(jobs.c.key == _title(point))
    with opened(world.victim) as database:
        world.victim.arm(point)
        with database.write() as connection:
            queue.enqueue(connection, SweepIncoming.kind, _title(point))
        world.revive()
        with database.write() as connection:  # as if a minute had gone by, if it was not run again at once
            connection.execute(jobs.update().where(jobs.c.key == _title(point)).values(leased_until=0))
        until(database, mine, lambda rows: rows == [])


@contextlib.contextmanager
def opened(victim: Victim) -> Iterator[Database]:
    database = Database(victim.config)
    try:
        yield database
    finally:
        database.close()


def until(database: Database, query: "sa.Select[Any]", is_right: Callable[[list[tuple[Any, ...]]], bool]) -> None:
    deadline = time.monotonic() + WAIT_S
    while True:
        with database.read() as connection:
            found = [tuple(row) for row in connection.execute(query)]
        if is_right(found):
            return
        assert time.monotonic() < deadline, found
        time.sleep(0.1)
