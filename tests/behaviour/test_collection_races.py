"""A5: collection beside uploads, commits, copies and deletions of the very same content, and collection that is killed.

Nothing that was acknowledged may be lost. An upload may be told to come again: the story is about what was said to be kept.
"""

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from pioche.accounts.callers import Caller
from pioche.db import schema
from pioche.errors import AlreadyExists, HubError, RepoNotFound, Unavailable, Unprocessable
from pioche.names import RepoId, RepoType
from pioche.repos import undo
from pioche.repos.access import Action, Repo
from pioche.repos.catalog import NewRepo
from pioche.storage.blobs import BlobStore, Stored
from pioche.storage.xet.hashing import to_text
from pioche.upkeep.collection.options import Options
from pioche.upkeep.collection.report import Report
from pioche.upkeep.collection.run import Collector
from tests.core import Core, text
from tests.databases import SqliteTemplate
from tests.objectstore import ObjectStore
from tests.xet_client import File, drafted, file_of, make, shard_of

ROUNDS = 12


def collector(core: Core, blobs: BlobStore | None = None) -> Collector:
    hub = core.hub
    return Collector(hub.config, hub.database, blobs or hub.blobs, hub.access.stores.git)


@contextmanager
def collecting(core: Core) -> Iterator[list[Exception]]:
    """Collects without any grace, over and over, while the block runs."""
    stopping, errors = threading.Event(), list[Exception]()

    def work() -> None:
        try:
            while not stopping.is_set():
                collector(core).run(Options(now=True))
        except Exception as error:  # noqa: BLE001 - shown by the test
            errors.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield errors
    finally:
        stopping.set()
        thread.join()


def test_a5_what_is_committed_beside_a_collection_is_there(core: Core, ada: Caller) -> None:
    """Four people upload, commit and remove the same few contents in repos of their own."""
    contents = [f"content {number} ".encode() * 300 for number in range(3)]
    acknowledged = dict[str, dict[str, bytes]]()
    errors = list[Exception]()

    def person(number: int) -> None:
        try:
            _work(core, ada, number, contents, acknowledged)
        except Exception as error:  # noqa: BLE001 - shown by the test
            errors.append(error)

    with collecting(core) as failures:
        people = [threading.Thread(target=person, args=(number,)) for number in range(4)]
        for one in people:
            one.start()
        for one in people:
            one.join()
    assert (errors, failures) == ([], [])
    for name, files in acknowledged.items():
        repo = core.open(ada, name)
        assert {path: text(repo, path) for path in files} == files


def _work(
    core: Core, ada: Caller, number: int, contents: list[bytes], acknowledged: dict[str, dict[str, bytes]]
) -> None:
    chance = random.Random(number)
    name = f"ada/race{number}"
    repo = core.repo(ada, name)
    held = acknowledged[name] = {}
    for turn in range(ROUNDS):
        data = chance.choice(contents)
        path = f"{turn % 4}.bin"
        try:
            sha256 = core.upload(repo, ada, data)
            core.commit(repo, ada, {path: sha256})
            held[path] = data
        except (Unavailable, Unprocessable):
            continue  # collected between upload and commit: refused, not acknowledged
        if chance.random() < 0.4:
            core.commit(repo, ada, delete=[path])
            del held[path]
        if chance.random() < 0.1:
            core.hub.catalog.delete(ada, core.open(ada, name, Action.MANAGE))
            held.clear()
            repo = core.repo(ada, name)


def send(core: Core, repo: Repo, who: Caller, data: bytes) -> File:
    file, xorb = file_of(data)
    draft = drafted(core.hub.config.data_dir / "incoming", xorb.body)
    core.hub.xet.uploads.put_xorb(repo.id, who.user_id, xorb.name, draft)
    core.hub.xet.uploads.register(repo.id, who.user_id, shard_of([file], [xorb]), lambda ids: set(ids))
    return file


def test_a5_chunks_registered_beside_a_collection_are_there(core: Core, ada: Caller) -> None:
    contents = [make(f"race{number}", 60_000) for number in range(2)]
    errors, kept = list[Exception](), dict[str, File]()

    def person(number: int) -> None:
        repo = core.repo(ada, f"ada/xet{number}")
        for turn in range(ROUNDS):
            try:
                file = send(core, repo, ada, contents[(number + turn) % 2])
                core.commit(repo, ada, {"a.bin": file.sha256})  # type: ignore[dict-item]
                kept[str(repo.repo_id)] = file
            except HubError:
                continue
            except Exception as error:  # noqa: BLE001 - shown by the test
                errors.append(error)
                return

    with collecting(core) as failures:
        people = [threading.Thread(target=person, args=(number,)) for number in range(3)]
        for one in people:
            one.start()
        for one in people:
            one.join()
    assert (errors, failures) == ([], [])
    assert kept
    for name, file in kept.items():
        assert text(core.open(ada, name), "a.bin") == file.data


def test_a5_a_link_that_is_being_made_is_waited_for(core: Core, ada: Caller, repo: Repo) -> None:
    """The transaction has looked at a content that nobody holds, and not yet committed that a repo does."""
    sha256 = core.upload(repo, ada, b"between" * 500)
    with core.hub.database.write() as connection:
        connection.execute(schema.repo_contents.delete())
    reports, begun = list[Report](), threading.Event()

    def work() -> None:
        begun.set()
        reports.append(collector(core).run(Options(now=True)))

    thread = threading.Thread(target=work)
    with core.hub.database.write() as connection:
        core.hub.contents.link(connection, repo.id, ada.user_id, [sha256])
        thread.start()
        begun.wait()
        thread.join(0.5)
        assert thread.is_alive(), "it did not wait"
    thread.join()
    assert len(reports) == 1, "it failed"
    if core.hub.contents.find(repo.id, [sha256]):
        core.commit(repo, ada, {"a.bin": sha256})
        assert text(repo, "a.bin") == b"between" * 500
    else:  # SQLite has one writer: everything began after the link, which no commit names
        assert core.hub.database.is_sqlite
        with pytest.raises(Unprocessable):
            core.commit(repo, ada, {"a.bin": sha256})


# --- killed -----------------------------------------------------------------------------------------------------------


class Killed(BaseException):
    """The process ends here."""


class Mortal:
    """A store whose process dies at the n-th change: before it, or just after it."""

    def __init__(self, inner: BlobStore, after: int) -> None:
        self.inner = inner
        self.left = after

    def _step(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise Killed

    def put(self, key: str, source: Path) -> None:
        self.inner.put(key, source)

    def put_bytes(self, key: str, data: bytes) -> None:
        self.inner.put_bytes(key, data)

    def size(self, key: str) -> int | None:
        return self.inner.size(key)

    def read(self, key: str, start: int = 0, end: int | None = None, *, once: bool = False) -> Iterator[bytes]:
        return self.inner.read(key, start, end, once=once)

    def delete(self, key: str) -> None:
        self._step()
        self.inner.delete(key)
        self._step()

    def list(self, prefix: str) -> Iterator[Stored]:
        return self.inner.list(prefix)

    def move(self, key: str, to: str) -> None:
        self._step()
        self.inner.move(key, to)
        self._step()


def _young(core: Core) -> None:
    """What was uploaded is old: a run without `--now` takes it."""
    with core.hub.database.write() as connection:
        for table in (schema.contents, schema.repo_contents, schema.xorbs):
            connection.execute(table.update().values(created_at=0))
        for table in (schema.xorb_uploads, schema.remembered_xorbs):
            connection.execute(table.update().values(at=0))


@pytest.mark.parametrize("now", [True, False])
def test_a5_killed_at_any_step_it_loses_nothing_and_the_next_run_goes_on(
    core: Core, ada: Caller, repo: Repo, now: bool
) -> None:
    _kill_at_every_step(core, ada, repo, now=now)


def test_a5_killed_over_an_object_store(sqlite: SqliteTemplate, object_store: ObjectStore, tmp_path: Path) -> None:
    """There moving is copying and then deleting: both may be there after a crash."""
    core = Core(sqlite.config(tmp_path / "data", **object_store.settings()))
    ada = core.user("ada")
    try:
        _kill_at_every_step(core, ada, core.repo(ada, "ada/words"), now=False)
        assert {one.key.partition("/")[0] for one in core.hub.blobs.list("quarantine")} <= {"quarantine"}
    finally:
        core.close()


def _kill_at_every_step(core: Core, ada: Caller, repo: Repo, *, now: bool) -> None:
    kept = send(core, repo, ada, make("kept", 50_000))
    core.commit(repo, ada, {"kept.bin": kept.sha256})  # type: ignore[dict-item]
    step, survived = 0, False
    while not survived:
        blob, chunks = f"garbage {step}".encode() * 500, make(f"garbage {step}", 40_000)
        core.upload(repo, ada, blob)
        send(core, repo, ada, chunks)
        if not now:
            _young(core)
        survived = _run_until(core, step, now=now)
        # Whoever sends the same bytes now, in the state that the crash has left, has them.
        again, file = core.upload(repo, ada, blob), send(core, repo, ada, chunks)
        core.commit(repo, ada, {f"{step}.bin": again, f"{step}.xet": file.sha256})  # type: ignore[dict-item]
        collector(core).run(Options(now=now))
        assert text(repo, f"{step}.bin") == blob
        assert text(repo, f"{step}.xet") == chunks
        assert text(repo, "kept.bin") == kept.data
        core.commit(repo, ada, delete=[f"{step}.bin", f"{step}.xet"])
        step += 1
    assert step > 4


def _run_until(core: Core, step: int, *, now: bool) -> bool:
    """False when it was killed."""
    try:
        collector(core, Mortal(core.hub.blobs, step)).run(Options(now=now))
    except Killed:
        return False
    return True


# --- C5, C8 -----------------------------------------------------------------------------------------------------------


def test_c8_one_copy_for_fifty_repos_of_which_forty_nine_go(core: Core, ada: Caller) -> None:
    data = b"shared by fifty" * 1000
    repos = [core.repo(ada, f"ada/c8-{number}") for number in range(50)]
    for repo in repos:
        core.commit(repo, ada, {"model.bin": core.upload(repo, ada, data)})
    assert len(list(core.hub.blobs.list("blobs"))) == 1
    for repo in repos[:49]:
        core.hub.catalog.delete(ada, core.open(ada, str(repo.repo_id), Action.MANAGE))
    report = collector(core).run(Options(now=True))
    assert report.by_reason["deleted repo"] > 0
    assert len(list(core.hub.blobs.list("blobs"))) == 1
    assert text(repos[49], "model.bin") == data
    with core.hub.database.read() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(schema.repos)).scalar() == 1


def test_c5_a_restore_and_a_collection_agree(core: Core, ada: Caller) -> None:
    """Either the repo is back, whole, or it is gone: whoever was told that it is back has it."""
    for turn in range(8):
        repo = core.hub.catalog.create(ada, NewRepo(type=RepoType.MODEL, namespace="ada", name=f"agree{turn}"))
        data = f"agree {turn}".encode() * 500
        core.commit(repo, ada, {"a.bin": core.upload(repo, ada, data), "b.txt": b"b"})
        core.hub.catalog.delete(ada, core.open(ada, str(repo.repo_id), Action.MANAGE))
        with collecting(core):
            try:
                found = core.hub.access.open_deleted_sync(ada, repo.uid, Action.MANAGE)
                core.hub.catalog.restore(ada, found)
            except (RepoNotFound, AlreadyExists):
                with pytest.raises(RepoNotFound):
                    core.hub.access.open_sync(ada, RepoId.parse(RepoType.MODEL, f"ada/agree{turn}"), Action.READ)
                continue
        back = core.open(ada, f"ada/agree{turn}")
        assert (text(back, "a.bin"), text(back, "b.txt")) == (data, b"b")


# --- epochs -----------------------------------------------------------------------------------------------------------


def epoch(core: Core, repo: Repo) -> int:
    with core.hub.database.read() as connection:
        return int(connection.execute(sa.select(schema.repos.c.epoch).where(schema.repos.c.id == repo.id)).scalar_one())


def test_what_clients_remember_stays_until_they_are_told_to_forget(core: Core, ada: Caller, repo: Repo) -> None:
    file, xorb = file_of(make("remembered", 30_000))
    send(core, repo, ada, file.data)
    other = core.repo(ada, "ada/other")
    mine = send(core, other, ada, make("another", 30_000))
    core.commit(other, ada, {"a.bin": mine.sha256})  # type: ignore[dict-item]
    with core.hub.database.write() as connection:
        for table in (schema.contents, schema.repo_contents, schema.xorbs):
            connection.execute(table.update().values(created_at=0))
        connection.execute(schema.xorb_uploads.update().values(at=0))
    report = collector(core).run(Options())
    assert (report.total, report.remembered) == (0, len(xorb.body))
    before = epoch(core, repo), epoch(core, other)
    report = collector(core).run(Options(now=True))
    assert report.freed >= len(xorb.body)
    assert (epoch(core, repo), epoch(core, other)) == (before[0] + 1, before[1])
    assert not core.hub.xet.files.knows(to_text(xorb.name))
    assert text(other, "a.bin") == mine.data


def test_the_xorbs_of_a_deleted_repo_wait_for_no_client(core: Core, ada: Caller, repo: Repo) -> None:
    file = send(core, repo, ada, make("deleted", 30_000))
    core.commit(repo, ada, {"a.bin": file.sha256})  # type: ignore[dict-item]
    core.hub.catalog.delete(ada, core.open(ada, "ada/words", Action.MANAGE))
    with core.hub.database.write() as connection:
        for table in (schema.contents, schema.repo_contents, schema.xorbs):
            connection.execute(table.update().values(created_at=0))
        connection.execute(schema.xorb_uploads.update().values(at=0))
        connection.execute(schema.repos.update().values(deleted_at=1))
    report = collector(core).run(Options())
    assert report.by_reason.keys() == {"deleted repo"}
    assert list(core.hub.blobs.list("xet/xorbs")) == []
    assert report.freed == report.total
    assert undo.deleted_repos(core.hub.database, ada, undo_hours=24) == []
