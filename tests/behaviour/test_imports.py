"""Importing a repo from a git server with LFS, over both databases (`pioche.imports`)."""

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from pioche import app
from pioche.accounts.callers import Caller
from pioche.config import Config
from pioche.db import schema
from pioche.errors import Conflict, RepoNotFound, TooManyRequests
from pioche.imports import registry, running
from pioche.imports.registry import Phase, State, Wanted
from pioche.imports.sources import Credentials, Source
from pioche.imports.taking import Taking
from pioche.jobs.worker import Worker
from pioche.names import RepoType, Sha256
from pioche.repos import refs
from pioche.repos.access import Action, Repo
from pioche.repos.catalog import NewRepo
from tests.core import Core
from tests.gitserver import GitServer

WEIGHTS = b"\0weights" * 40_000
SECRET = "glpat-V3ryS3cretIndeed"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitServer]:
    with GitServer(tmp_path / "server") as server:
        (tmp_path / "server").mkdir()
        yield server


@pytest.fixture
def config(config: Config, server: GitServer) -> Config:
    return replace(config, outbound_allowed=(server.allowed,))


def wanted(server: GitServer, name: str = "tools", *, private: bool | None = None, revision: str = "") -> Wanted:
    new = NewRepo(type=RepoType.MODEL, namespace="ada", name=name, private=private)
    return Wanted(new, Source.of_git(server.url("lab/tools.git"), revision), Credentials("", server.token))


def begin(core: Core, caller: Caller, asked: Wanted) -> Repo:
    return core.hub.imports.begin(core.hub.catalog, caller, asked)


def work(core: Core) -> None:
    """One attempt of each import that is due."""
    worker = app.build_importer(core.hub.config, core.hub.database)
    while worker.step():
        continue


def again(core: Core) -> None:
    """As after the time that a job waits for its next attempt, or in which a lease ends."""
    with core.hub.database.write() as connection:
        connection.execute(schema.jobs.update().values(run_at=0, leased_until=0))
    work(core)


def test_a_history_with_large_files_comes_whole(core: Core, ada: Caller, server: GitServer) -> None:
    binary = b"\x89PNG\0" * 100  # which a push may not bring outside of LFS
    first = server.repo("lab/tools.git", {"README.md": b"---\nlicense: [\n---\n# Tools", "a/b.png": binary}, tag="v1")
    tip = server.repo("lab/tools.git", {"new.txt": b"2"}, large={"w.bin": WEIGHTS})
    side = server.repo("lab/tools.git", {"side.txt": b"3"}, branch="side/one")
    repo = begin(core, ada, wanted(server))
    assert repo.private
    work(core)
    found = core.hub.imports.get(repo)
    assert (found.state, found.error) == (State.DONE, "")
    assert (found.progress.files_done, found.progress.files_total) == (1, 1)
    assert found.progress.bytes_done == found.progress.bytes_total == len(WEIGHTS)
    there = {ref.name: ref.commit for ref in refs.all_refs(repo)}
    assert there == {"refs/heads/main": tip, "refs/heads/side/one": side, "refs/tags/v1": first}
    opened = core.open(Caller.nobody(), "ada/tools", Action.CONTENT)
    assert not opened.private  # it became what was asked for
    entry = core.hub.contents.find(opened.id, [Sha256(oid) for oid in server.files])
    assert [content.size for content in entry.values()] == [len(WEIGHTS)]
    with core.hub.database.read() as connection:
        assert connection.execute(sa.select(schema.imports.c.sealed)).scalar() is None


def test_the_old_protocol_and_another_default_branch(core: Core, ada: Caller, server: GitServer) -> None:
    server.version = 0
    tip = server.repo("lab/tools.git", {"a.txt": b"1"}, branch="master")
    repo = begin(core, ada, wanted(server, private=True))
    work(core)
    assert core.hub.imports.get(repo).state is State.DONE
    assert core.hub.imports.get(repo).notes == ("master → main",)
    assert {ref.name: ref.commit for ref in refs.all_refs(repo)} == {"refs/heads/main": tip}
    with pytest.raises(RepoNotFound):
        core.open(Caller.nobody(), "ada/tools")


def test_one_revision_becomes_main(core: Core, ada: Caller, server: GitServer) -> None:
    first = server.repo("lab/tools.git", {"a.txt": b"1"}, tag="v1")
    server.repo("lab/tools.git", {"a.txt": b"2"})
    repo = begin(core, ada, wanted(server, revision="v1"))
    work(core)
    assert {ref.name: ref.commit for ref in refs.all_refs(repo)} == {"refs/heads/main": first}
    other = begin(core, ada, wanted(server, "other", revision="v9"))
    work(core)
    assert "no tag 'v9'" in core.hub.imports.get(other).error


def test_what_is_missing_is_named_and_tried_again_by_hand(core: Core, ada: Caller, server: GitServer) -> None:
    server.repo("lab/tools.git", {"a.txt": b"1"}, large={"w.bin": WEIGHTS})
    kept = server.files.popitem()
    repo = begin(core, ada, wanted(server))
    work(core)
    found = core.hub.imports.get(repo)
    assert found.state is State.FAILED
    assert "w.bin: the other side does not have this LFS file (404 Object does not exist)" in found.error
    assert core.hub.access.open_sync(ada, repo.repo_id, Action.READ).private
    with pytest.raises(Conflict):
        core.hub.imports.retry(begin(core, ada, wanted(server, "second")))
    server.files.update([kept])
    core.hub.imports.retry(repo)
    work(core)
    assert core.hub.imports.get(repo).state is State.DONE


def test_bytes_that_are_not_what_the_pointer_says_are_refused(core: Core, ada: Caller, server: GitServer) -> None:
    server.repo("lab/tools.git", {}, large={"w.bin": WEIGHTS})
    oid = next(iter(server.files))
    for bad in (WEIGHTS[:-1] + b"!", WEIGHTS + b"more"):
        server.files[oid] = bad
        repo = begin(core, ada, wanted(server, f"bad{len(bad)}"))
        work(core)
        found = core.hub.imports.get(repo)
        assert (found.state, found.error[:7]) == (State.FAILED, "w.bin: ")
        assert core.hub.contents.find(repo.id, [Sha256(oid)]) == {}


def test_a_token_is_kept_sealed_and_told_to_nobody(
    core: Core, ada: Caller, server: GitServer, capfd: pytest.CaptureFixture[str]
) -> None:
    server.token = SECRET
    server.repo("lab/tools.git", {}, large={"w.bin": WEIGHTS})
    asked = wanted(server)
    assert SECRET not in repr(asked)
    repo = begin(core, ada, asked)
    with core.hub.database.read() as connection:
        rows = [*connection.execute(sa.select(schema.imports)), *connection.execute(sa.select(schema.jobs))]
    assert SECRET not in str(rows)
    work(core)
    assert core.hub.imports.get(repo).state is State.DONE
    assert not core.hub.imports.get(repo).has_credentials
    wrong = begin(core, ada, replace(wanted(server, "wrong"), credentials=Credentials("", SECRET + "x")))
    work(core)
    found = core.hub.imports.get(wrong)
    assert "does not accept the token (401)" in found.error
    assert not found.has_credentials
    # What is fetched from where the batch leads is on the same host, and told the token; the key of the answer too.
    assert server.asked[-1][2]["authorization"].startswith("Basic ")
    assert SECRET not in "".join(capfd.readouterr())


def test_it_goes_on_after_its_process_ended(core: Core, ada: Caller, server: GitServer) -> None:
    server.repo("lab/tools.git", {}, large={"a.bin": WEIGHTS, "b.bin": WEIGHTS[::-1]})
    repo = begin(core, ada, wanted(server))
    one = begin_and_hold(core, server)
    held = core.hub.imports.get(repo)
    assert (held.state, held.progress.phase) == (State.RUNNING, Phase.FILES)
    one.stop(seconds=0)  # as at SIGTERM: it is put back at once, whatever its thread does
    work(core)
    assert core.hub.imports.get(repo).state is State.DONE
    tip = refs.get(repo, "refs/heads/main").commit
    server.hold.set()  # had the process gone on in spite of that, nothing would have become of it
    ended(one)
    assert (core.hub.imports.get(repo).state, refs.get(repo, "refs/heads/main").commit) == (State.DONE, tip)


def test_files_that_came_are_not_fetched_again(core: Core, ada: Caller, server: GitServer) -> None:
    server.repo("lab/tools.git", {}, large={"a.bin": WEIGHTS, "b.bin": WEIGHTS[::-1]})
    oids = list(server.files)
    refused = set[str]()

    def bend(oid: str, found: dict[str, object]) -> dict[str, object]:
        if server.files[oid] and refused:
            return {"oid": oid, "size": 1, "error": {"code": 503, "message": "later"}}
        return found

    repo = begin(core, ada, wanted(server))
    core.upload(core.open(ada, "ada/tools", Action.WRITE), ada, WEIGHTS)  # as an earlier attempt left it
    refused.add("all")
    server.bend = bend
    work(core)
    found = core.hub.imports.get(repo)
    assert (found.state, found.failures) == (State.WAITING, 1)
    assert "busy or out of order (503)" in found.error
    refused.clear()
    again(core)
    assert core.hub.imports.get(repo).state is State.DONE
    fetched = [path.rpartition("/")[2] for path in server.paths() if "/files/" in path]
    assert fetched == [oids[1]]


def test_what_came_is_not_taken_for_a_leftover_while_the_rest_comes(
    core: Core, ada: Caller, server: GitServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.repo("lab/tools.git", {}, large={"a.bin": WEIGHTS, "b.bin": WEIGHTS[::-1]})
    repo = begin(core, ada, wanted(server))
    monkeypatch.setattr(running, "_KEEP_SECONDS", 0.0)
    links = schema.repo_contents

    def bend(_oid: str, found: dict[str, object]) -> dict[str, object]:
        with core.hub.database.write() as connection:  # as if hours had gone by
            connection.execute(links.update().values(created_at=1))
        for folder in (core.hub.config.data_dir / "incoming").glob("git-*"):
            os.utime(folder, (1, 1))
        return found

    server.bend = bend
    core.upload(core.open(ada, "ada/tools", Action.WRITE), ada, WEIGHTS)
    swept = list[float]()
    monkeypatch.setattr(Taking, "touch", touched(Taking.touch, core, swept))
    work(core)
    assert core.hub.imports.get(repo).state is State.DONE
    assert swept
    with core.hub.database.read() as connection:
        assert min(connection.execute(sa.select(links.c.created_at)).scalars()) > 1


def touched(touch: Callable[[Taking], None], core: Core, times: list[float]) -> Callable[[Taking], None]:
    """Notes how old the quarantine looks afterwards."""

    def call(taking: Taking) -> None:
        touch(taking)
        times.extend(path.stat().st_mtime for path in (core.hub.config.data_dir / "incoming").glob("git-*"))
        assert min(times) > 1

    return call


def begin_and_hold(core: Core, server: GitServer) -> Worker:
    """Starts work, and returns when a file has stopped half way."""
    server.hold.clear()
    worker = app.build_importer(core.hub.config, core.hub.database)
    worker.start()
    assert server.held.wait(60)
    return worker


def ended(worker: Worker) -> None:
    """Its threads are gone, and what they held."""
    for thread in worker._workers:
        thread.join(60)


def test_cancelled_it_stops_and_leaves_no_refs(core: Core, ada: Caller, server: GitServer) -> None:
    server.repo("lab/tools.git", {}, large={"a.bin": WEIGHTS, "b.bin": WEIGHTS[::-1]})
    repo = begin(core, ada, wanted(server))
    worker = begin_and_hold(core, server)
    core.hub.imports.cancel(core.hub.catalog, ada, repo)
    worker.stop(seconds=0)
    server.hold.set()
    ended(worker)
    assert core.hub.imports.get(repo).state is State.CANCELLED
    assert [ref.commit for ref in refs.all_refs(repo)] == [repo.genesis.commit]
    with pytest.raises(RepoNotFound):  # and the name is free
        core.open(ada, "ada/tools")


def test_it_stops_with_the_rights_of_who_began_it(core: Core, ada: Caller, server: GitServer) -> None:
    server.repo("lab/tools.git", {"a.txt": b"1"})
    core.org("lab", {ada: "write"})
    asked = wanted(server)
    repo = begin(core, ada, replace(asked, new=replace(asked.new, namespace="lab")))
    with core.hub.database.write() as connection:
        connection.execute(schema.memberships.delete())
    work(core)
    assert core.hub.imports.find(repo.id) is not None
    found = core.hub.imports.get(repo)
    assert (found.state, found.error) == (State.FAILED, "Repository not found")


def test_limits_hold(core: Core, ada: Caller, server: GitServer) -> None:
    server.repo("lab/tools.git", {}, large={"w.bin": WEIGHTS})
    with core.hub.database.write() as connection:
        connection.execute(schema.accounts.update().values(storage_max=1000))
    repo = begin(core, ada, wanted(server))
    work(core)
    found = core.hub.imports.get(repo)
    assert (found.state, "Storage limit reached" in found.error) == (State.FAILED, True)
    for number in range(registry.UNDER_WAY_MAX):
        begin(core, ada, wanted(server, f"more{number}"))
    with pytest.raises(TooManyRequests, match="are under way"):
        begin(core, ada, wanted(server, "one-more"))


def test_a_job_that_took_its_process_down_each_time_has_failed(core: Core, ada: Caller, server: GitServer) -> None:
    repo = begin(core, ada, wanted(server))
    with core.hub.database.write() as connection:
        connection.execute(schema.jobs.update().values(state="failed"))
    assert core.hub.imports.get(repo).state is State.FAILED
    core.hub.imports.retry(repo)
    assert core.hub.imports.get(repo).state is State.WAITING
