"""Garbage collection: what goes, what stays and why, over both databases."""

import os
import shutil
import threading
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from pioche.accounts.callers import Caller
from pioche.config import Config
from pioche.db import schema
from pioche.db.instance import now_ms
from pioche.errors import ContentNotFound, RepoNotFound, RevisionNotFound, Unavailable, Unprocessable
from pioche.git import program
from pioche.names import Sha256
from pioche.repos import history, refs, undo
from pioche.repos.access import Action, Repo
from pioche.repos.refs import RefChange, Update
from pioche.storage import collection
from pioche.storage.blobs import blob_key
from pioche.upkeep.collection import packs as removal
from pioche.upkeep.collection import repos, usage
from pioche.upkeep.collection.options import Options
from pioche.upkeep.collection.report import Report
from pioche.upkeep.collection.run import Collector
from pioche.upkeep.fsck.examination import examine
from pioche.upkeep.fsck.scene import Scene
from pioche.upkeep.progress import Silent
from tests.core import Core, git, main, paths, text

_HOUR_MS = 3_600_000


class Hours:
    """Lets time pass: every row and file becomes older."""

    def __init__(self, core: Core) -> None:
        self.core = core

    def pass_(self, hours: float) -> None:
        shift = int(hours * _HOUR_MS)
        with self.core.hub.database.write() as connection:
            for table in schema.metadata.sorted_tables:
                for name in ("created_at", "updated_at", "deleted_at", "at", "expires_at"):
                    if name in table.c and table is not schema.events:
                        connection.execute(table.update().values({name: table.c[name] - shift}))
        for path in self.core.hub.config.data_dir.rglob("*"):
            if "pioche.db" not in path.name:
                found = path.stat()
                os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns - shift * 1_000_000))


@pytest.fixture
def hours(core: Core) -> Hours:
    return Hours(core)


def collect(core: Core, **options: object) -> Report:
    hub = core.hub
    return Collector(hub.config, hub.database, hub.blobs, hub.access.stores.git).run(Options(**options))  # type: ignore[arg-type]


def stored(core: Core) -> set[str]:
    """Names of the files in the blob store, quarantine left out."""
    return {one.key.rpartition("/")[2] for one in core.hub.blobs.list("blobs")}


def committed(core: Core, repo: Repo, who: Caller, path: str, data: bytes) -> Sha256:
    sha256 = core.upload(repo, who, data)
    core.commit(repo, who, {path: sha256})
    return sha256


def overwrite(core: Core, repo: Repo, who: Caller) -> str:
    """Main is forced back to the first commit; returns what it was."""
    old = main(repo).commit
    refs.update(repo, who, Update([RefChange.to_commit("refs/heads/main", old, repo.genesis.commit)]))
    return old


# --- what stays -------------------------------------------------------------------------------------------------------


def test_what_any_ref_leads_to_stays(core: Core, ada: Caller, repo: Repo, hours: Hours) -> None:
    tip = committed(core, repo, ada, "tip.bin", b"tip" * 999)
    old = committed(core, repo, ada, "old.bin", b"old" * 999)
    core.commit(repo, ada, delete=["old.bin"])
    history.create_branch(repo, ada, "dev", None)
    branch = core.upload(repo, ada, b"branch" * 999)
    core.commit(repo, ada, {"b.bin": branch}, revision="dev")
    tag = core.upload(repo, ada, b"tag" * 999)
    core.commit(repo, ada, {"t.bin": tag}, revision="dev")
    history.create_tag(repo, ada, "dev", "v1", "annotated")
    history.squash(repo, ada, "dev", "one")
    hours.pass_(24 * 30)
    assert collect(core).total == 0
    assert stored(core) == {tip, old, branch, tag}
    for revision in ("dev", "v1"):
        assert text(repo, "t.bin", revision) == b"tag" * 999
    collect(core, now=True)
    assert stored(core) == {tip, old, branch, tag}


def test_an_upload_that_is_not_committed_yet_stays_for_its_grace(
    core: Core, ada: Caller, repo: Repo, hours: Hours
) -> None:
    waiting = core.upload(repo, ada, b"soon" * 999)
    hours.pass_(23)
    assert collect(core).total == 0
    core.commit(repo, ada, {"a.bin": waiting})
    never = core.upload(repo, ada, b"never" * 999)
    hours.pass_(25)
    report = collect(core)
    assert report.by_reason == {"no ref leads there": len(b"never" * 999)}
    assert (report.freed, report.waiting) == (0, len(b"never" * 999))
    assert stored(core) == {waiting}
    with pytest.raises(Unprocessable):
        core.commit(repo, ada, {"b.bin": never})
    hours.pass_(25)
    assert collect(core).freed == len(b"never" * 999)
    assert list(core.hub.blobs.list("quarantine")) == []


def test_sending_it_again_makes_it_young_again(core: Core, ada: Caller, repo: Repo, hours: Hours) -> None:
    sha256 = core.upload(repo, ada, b"x" * 999)
    hours.pass_(30)
    assert core.upload(repo, ada, b"x" * 999) == sha256
    collect(core)
    core.commit(repo, ada, {"a.bin": sha256})
    other = core.upload(repo, ada, b"y" * 999)
    hours.pass_(30)
    assert core.hub.contents.promise(repo.id, [other]).keys() == {other}
    collect(core)
    core.commit(repo, ada, {"b.bin": other})
    assert text(repo, "b.bin") == b"y" * 999


def test_a_forced_push_is_kept_until_it_cannot_be_undone(core: Core, ada: Caller, repo: Repo, hours: Hours) -> None:
    sha256 = committed(core, repo, ada, "a.bin", b"a" * 999)
    old = overwrite(core, repo, ada)
    hours.pass_(24 * 6)
    assert collect(core).total == 0
    assert text(repo, "a.bin", old) == b"a" * 999
    undo.restore_ref(repo, ada, undo.moves(repo, undo_days=7)[0].id)
    hours.pass_(24 * 30)
    assert collect(core).total == 0
    overwrite(core, repo, ada)
    hours.pass_(24 * 8)
    assert collect(core).by_repo == {"ada/words": 999}
    assert stored(core) == set()
    assert repo.database
    with core.hub.database.read() as connection:
        used = connection.execute(sa.select(schema.repos.c.used_storage).where(schema.repos.c.id == repo.id)).scalar()
    assert (used, sha256 in stored(core)) == (0, False)


# --- revisions that are gone (J11) --------------------------------------------------------------------------------------


def test_no_ref_can_lead_to_what_was_collected(core: Core, ada: Caller, repo: Repo, hours: Hours) -> None:
    sha256 = committed(core, repo, ada, "a.bin", b"a" * 999)
    core.commit(repo, ada, {"small.txt": b"small"})
    old = overwrite(core, repo, ada)
    assert (text(repo, "a.bin", old), text(repo, "small.txt", old)) == (b"a" * 999, b"small")
    hours.pass_(24 * 8)
    collect(core)
    again = core.open(ada, "ada/words")
    with pytest.raises(ContentNotFound):
        core.hub.contents.get(again.id, sha256)
    # No ref can be made to lead to what is no longer whole.
    with pytest.raises((Unprocessable, RevisionNotFound)):
        history.create_branch(again, ada, "dev", old)
    with pytest.raises((Unprocessable, RevisionNotFound)):
        history.create_tag(again, ada, old, "v1", None)
    with pytest.raises((Unprocessable, RevisionNotFound)):
        undo.restore_ref(again, ada, undo.moves(again, undo_days=7)[0].id)
    assert [ref.name for ref in refs.all_refs(again)] == ["refs/heads/main"]


# --- deleted repos ------------------------------------------------------------------------------------------------------


def delete(core: Core, who: Caller, name: str) -> str:
    repo = core.open(who, name, Action.MANAGE)
    core.hub.catalog.delete(who, repo)
    return repo.uid


def test_the_space_of_a_deleted_repo_is_free_within_a_day(core: Core, ada: Caller, repo: Repo, hours: Hours) -> None:
    other = core.repo(ada, "ada/other")
    own, shared = b"own" * 5000, b"shared" * 5000
    gone = committed(core, repo, ada, "own.bin", own)
    for one in (repo, other):
        kept = committed(core, one, ada, "shared.bin", shared)
    hours.pass_(1)
    uid = delete(core, ada, "ada/words")
    assert usage.measure(core.hub.database).deleted_repos == len(own)
    hours.pass_(23)
    assert collect(core).total == 0
    assert stored(core) == {gone, kept}
    hours.pass_(1.1)
    report = collect(core)
    assert report.by_reason.keys() == {"deleted repo"}
    assert report.freed == report.total >= len(own)
    assert stored(core) == {kept}
    assert list(core.hub.blobs.list("quarantine")) == []
    assert not core.hub.access.stores.git.path(uid).exists()
    assert text(other, "shared.bin") == shared
    with pytest.raises(RepoNotFound):
        core.hub.access.open_deleted_sync(ada, uid, Action.MANAGE)
    assert usage.measure(core.hub.database).stored["blobs"] == len(shared)


def test_a_restored_repo_is_whole(core: Core, ada: Caller, repo: Repo, hours: Hours) -> None:
    committed(core, repo, ada, "own.bin", b"own" * 5000)
    uid = delete(core, ada, "ada/words")
    hours.pass_(23)
    collect(core)
    core.hub.catalog.restore(ada, core.hub.access.open_deleted_sync(ada, uid, Action.MANAGE))
    hours.pass_(24 * 30)
    collect(core)
    back = core.open(ada, "ada/words")
    assert text(back, "own.bin") == b"own" * 5000
    assert "own.bin" in paths(back)


def test_now_leaves_no_grace(core: Core, ada: Caller, repo: Repo) -> None:
    kept = committed(core, repo, ada, "kept.bin", b"kept" * 999)
    core.upload(repo, ada, b"never" * 999)
    other = core.repo(ada, "ada/other")
    committed(core, other, ada, "other.bin", b"other" * 999)
    delete(core, ada, "ada/other")
    plan = collect(core, now=True, dry_run=True)
    assert len(stored(core)) == 3
    report = collect(core, now=True)
    assert (report.by_reason, report.by_repo) == (plan.by_reason, plan.by_repo)
    assert report.by_reason.keys() == {"deleted repo", "no ref leads there"}
    assert stored(core) == {kept}
    assert report.freed == report.total
    assert collect(core, now=True).total == 0


def test_only_repos_that_hold_more_than_their_tip_are_looked_at(
    core: Core, ada: Caller, repo: Repo, hours: Hours
) -> None:
    """Of two million repos a run looks at a handful (decision 12): asking for each took an hour of a core, every hour."""
    committed(core, repo, ada, "tip.bin", b"tip" * 999)
    other = core.repo(ada, "ada/other")
    committed(core, other, ada, "a.bin", b"other" * 999)
    core.commit(other, ada, delete=["a.bin"])
    core.repo(ada, "ada/empty")
    hours.pass_(25)
    looked = Looked()
    hub = core.hub
    Collector(hub.config, hub.database, hub.blobs, hub.access.stores.git).run(Options(), progress=looked)
    assert looked.totals["contents of repos"] == 1


class Looked(Silent):
    """How much there was to do in each step."""

    def __init__(self) -> None:
        self.totals = dict[str, int | None]()

    def begin(self, title: str, total: int | None = None) -> None:
        self.totals[title] = total


def test_of_one_repo_only(core: Core, ada: Caller, repo: Repo) -> None:
    other = core.repo(ada, "ada/other")
    mine, theirs = core.upload(repo, ada, b"1" * 999), core.upload(other, ada, b"2" * 999)
    core.upload(repo, ada, b"3" * 999)
    both = core.upload(other, ada, b"3" * 999)
    assert stored(core) == {mine, theirs, both}
    collect(core, now=True, repo_ids=(repo.id,))
    assert stored(core) == {theirs, both}
    core.commit(other, ada, {"a.bin": theirs, "b.bin": both})


# --- leftovers --------------------------------------------------------------------------------------------------------


def test_a_file_that_no_row_knows_goes_when_it_is_old(
    core: Core, ada: Caller, repo: Repo, hours: Hours, tmp_path: Path
) -> None:
    key = blob_key("ab" * 32)
    core.hub.blobs.put_bytes(key, b"half an upload")
    folder = core.hub.access.stores.git.path("feedfacefeedface")
    (folder / "objects").mkdir(parents=True)
    collect(core)
    assert core.hub.blobs.size(key) is not None
    hours.pass_(25)
    assert collect(core).by_reason == {"no row knows it": len(b"half an upload")}
    assert core.hub.blobs.size(key) is None
    assert core.hub.blobs.size(collection.quarantine_key(key)) is not None
    assert folder.exists(), "it might be a repo that a database of yesterday does not know of"
    hours.pass_(24 * 7)
    collect(core)
    assert not folder.exists()


def test_what_is_in_quarantine_comes_back_when_it_is_sent_again(
    core: Core, ada: Caller, repo: Repo, hours: Hours
) -> None:
    data = b"again" * 999
    sha256 = core.upload(repo, ada, data)
    hours.pass_(25)
    collect(core)
    assert stored(core) == set()
    assert core.upload(repo, ada, data) == sha256
    core.commit(repo, ada, {"a.bin": sha256})
    hours.pass_(24 * 30)
    collect(core)
    assert text(repo, "a.bin") == data
    assert list(core.hub.blobs.list("quarantine")) == []


@pytest.fixture
def condemned(core: Core, ada: Caller, repo: Repo) -> tuple[Sha256, bytes]:
    """A content whose row is gone and whose bytes are where they were: a crash came before they were moved."""
    data = b"condemned" * 999
    sha256 = core.upload(repo, ada, data)
    with core.hub.database.write() as connection:
        connection.execute(schema.repo_contents.delete())
        connection.execute(schema.contents.delete())
        collection.condemn(connection, [(blob_key(sha256), len(data))])
    return sha256, data


def test_after_a_crash_the_next_run_puts_it_away(core: Core, condemned: tuple[Sha256, bytes]) -> None:
    sha256, data = condemned
    assert collect(core).waiting == len(data)
    assert core.hub.blobs.size(blob_key(sha256)) is None
    assert core.hub.blobs.size(collection.quarantine_key(blob_key(sha256))) == len(data)


def test_after_a_crash_an_upload_takes_it_back(
    core: Core, ada: Caller, repo: Repo, condemned: tuple[Sha256, bytes], hours: Hours
) -> None:
    _, data = condemned
    core.commit(repo, ada, {"a.bin": core.upload(repo, ada, data)})
    hours.pass_(100)
    assert collect(core).total == 0
    assert text(repo, "a.bin") == data


def test_corrupt_bytes_in_quarantine_are_not_for_collection(core: Core, ada: Caller, repo: Repo, hours: Hours) -> None:
    data = b"good" * 999
    sha256 = core.upload(repo, ada, data)
    key = blob_key(sha256)
    core.hub.blobs.move(key, collection.quarantine_key(key))
    row = {"key": key, "reason": "corrupt", "size": len(data), "at": now_ms()}
    with core.hub.database.write() as connection:
        connection.execute(schema.quarantine.insert().values(row))
    core.commit(repo, ada, {"a.bin": core.upload(repo, ada, data)})
    hours.pass_(100)
    collect(core, now=True)
    assert text(repo, "a.bin") == data
    assert core.hub.blobs.size(collection.quarantine_key(key)) == len(data)


def test_a_damaged_repo_is_left_alone(core: Core, ada: Caller, repo: Repo, hours: Hours) -> None:
    core.upload(repo, ada, b"never" * 999)
    sha256 = committed(core, repo, ada, "a.bin", b"a" * 999)
    core.commit(repo, ada, delete=["a.bin"])
    hours.pass_(25)
    for pack in core.hub.access.stores.git.path(repo.uid).glob("objects/pack/*"):
        pack.unlink()
    report = collect(core)
    assert len(report.skipped) == 2
    assert all("ada/words" in why for why in report.skipped)
    assert sha256 in stored(core)


def test_settings_say_how_long(config: Config, core: Core, ada: Caller, repo: Repo, hours: Hours) -> None:
    core.upload(repo, ada, b"never" * 999)
    hours.pass_(2)
    hub = core.hub
    short = replace(config, gc_grace_hours=1)
    report = Collector(short, hub.database, hub.blobs, hub.access.stores.git).run(Options())
    assert report.waiting == 5 * 999


# --- git objects ------------------------------------------------------------------------------------------------------


def packs(core: Core, repo: Repo) -> int:
    return core.hub.access.stores.git.pack_count(repo.uid)


def git_storage(core: Core, repo: Repo) -> int:
    with core.hub.database.read() as connection:
        query = sa.select(schema.repos.c.git_storage).where(schema.repos.c.id == repo.id)
        return int(connection.execute(query).scalar_one())


def test_git_objects_that_nothing_leads_to_go(core: Core, ada: Caller, repo: Repo, hours: Hours) -> None:
    kept = core.commit(repo, ada, {"kept.txt": b"kept"}).oid
    history.create_branch(repo, ada, "dev", None)
    gone = core.commit(repo, ada, {"gone.txt": os.urandom(5000)}, revision="dev").oid
    history.delete_branch(repo, ada, "dev")
    hours.pass_(24 * 6)
    assert collect(core).total == 0
    assert text(repo, "gone.txt", gone)
    hours.pass_(24 * 2)
    before = packs(core, repo)
    assert git_storage(core, repo) == 4 + 5000
    report = collect(core)
    assert report.by_reason.keys() == {"git objects that no ref reaches"}
    assert report.freed == report.total > 5000
    assert packs(core, repo) == before - 1
    assert git_storage(core, repo) < 5000, "and they count no more"
    again = core.open(ada, "ada/words")
    for _ in range(2):
        with pytest.raises(RevisionNotFound):
            text(again, "gone.txt", gone)
    assert text(again, "kept.txt", kept) == b"kept"
    # A request that was under way cannot make a ref lead there.
    for late in (repo, again):
        with pytest.raises((RevisionNotFound, Unavailable)):
            history.create_branch(late, ada, "back", gone)
        refs.update(late, ada, Update([RefChange.to_commit(f"refs/heads/fine{late.epoch}", None, kept)]))
    core.commit(again, ada, {"new.txt": b"new"})
    assert collect(core).total == 0
    assert git(again, core.hub.config.data_dir / "incoming", "fsck", "--strict", "--no-dangling") == ""


def test_a_pack_that_is_dead_in_part_is_written_anew(core: Core, ada: Caller, repo: Repo, hours: Hours) -> None:
    large = os.urandom(200_000)
    for number in range(4):
        core.commit(repo, ada, {f"{number}.txt": b"%d" % number, "README.md": b"# words"})
    history.create_branch(repo, ada, "dev", None)
    core.commit(repo, ada, {"gone.txt": large}, revision="dev")
    history.delete_branch(repo, ada, "dev")
    store = core.hub.access.stores.git
    store.repack(repo.uid)
    program.output(store.path(repo.uid), ["repack", "-d", "-q", "-a", "-k"], timeout_s=60)
    hours.pass_(24 * 30)
    assert packs(core, repo) == 1
    plan = collect(core, dry_run=True)
    report = collect(core)
    assert report.by_reason == plan.by_reason
    assert report.freed >= len(large)
    assert packs(core, repo) == 1
    again = core.open(ada, "ada/words")
    assert [text(again, f"{number}.txt") for number in range(4)] == [b"%d" % number for number in range(4)]
    assert history.log(again, main(again), skip=0, limit=10).total == 5
    assert git(again, core.hub.config.data_dir / "incoming", "fsck", "--strict", "--no-dangling") == ""
    assert collect(core, now=True).total == 0


def test_a_commit_beside_a_collection_of_git_is_whole(core: Core, ada: Caller, repo: Repo) -> None:
    """Without any grace: the pack of a commit whose ref has not moved yet may be taken; then the commit is refused."""
    stopping, errors = threading.Event(), list[Exception]()

    def work() -> None:
        try:
            while not stopping.is_set():
                collect(core, now=True)
        except Exception as error:  # noqa: BLE001 - shown below
            errors.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    done = 0
    for number in range(30):
        try:
            core.commit(core.open(ada, "ada/words"), ada, {f"{number}.txt": b"%d" % number})
            done += 1
        except Unavailable:
            continue
    stopping.set()
    thread.join()
    assert errors == []
    again = core.open(ada, "ada/words")
    assert history.log(again, main(again), skip=0, limit=100).total == done + 1
    assert git(again, core.hub.config.data_dir / "incoming", "fsck", "--strict", "--no-dangling") == ""


@pytest.mark.parametrize("is_before_reading", [True, False])
def test_a5_killed_between_removing_objects_and_saying_so(
    core: Core, ada: Caller, repo: Repo, monkeypatch: pytest.MonkeyPatch, is_before_reading: bool
) -> None:
    """A commit that was under way must not lead to what the killed removal took, nor must one that is opened after it."""
    base = core.commit(repo, ada, {"first.txt": b"1"}).oid
    original = refs._new_tip

    def killed(_connection: sa.Connection, _repo_id: int) -> None:
        raise SystemExit("killed")

    def collect_and_die() -> None:
        with monkeypatch.context() as patch:
            patch.setattr(removal, "_end_pruning", killed)
            with pytest.raises(SystemExit):
                collect(core, now=True)

    def collected_meanwhile(opened: Repo, change: Update) -> object:
        if is_before_reading:
            collect_and_die()
        tip = original(opened, change)
        if not is_before_reading:
            collect_and_die()
        return tip

    for number in range(2):  # the second one is opened when the first removal has been killed
        late = core.open(ada, "ada/words")
        with monkeypatch.context() as patch:
            patch.setattr(refs, "_new_tip", collected_meanwhile)
            with pytest.raises(Unavailable):
                core.commit(late, ada, {f"late-{number}.txt": b"late"})
    assert main(core.open(ada, "ada/words")).commit == base
    assert collect(core, now=True).total == 0
    again = core.open(ada, "ada/words")
    core.commit(again, ada, {"late.txt": b"late"})
    assert text(again, "late.txt") == b"late"
    with core.hub.database.read() as connection:
        assert connection.execute(sa.select(schema.repos.c.pruning_at)).scalars().all() == [None]


def test_halves_of_packs_that_a_crash_left_are_no_damage_and_go(
    core: Core, ada: Caller, repo: Repo, hours: Hours
) -> None:
    for number in range(3):
        core.commit(repo, ada, {f"{number}.txt": b"%d" % number})
    folder = core.hub.access.stores.git.path(repo.uid) / "objects" / "pack"
    index = next(folder.glob("*.idx"))
    halves = [folder / f"pack-{'1' * 40}.idx", folder / f"pack-{'2' * 40}.pack"]
    for half in halves:
        shutil.copy(index if half.suffix == ".idx" else index.with_suffix(".pack"), half)
    hub = core.hub
    for expected in ([], ["git-leftover"]):
        found = examine(Scene(hub.config, hub.database, hub.blobs), deep=False, repair=False).findings
        assert [finding.kind for finding in found] == expected
        collect(core)
        assert all(half.exists() for half in halves) != bool(expected)
        hours.pass_(2)


def test_a_removal_that_broke_off_is_finished_and_nobody_restores_a_half(
    core: Core, ada: Caller, repo: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        committed(core, repo, ada, f"{number}.bin", b"%d" % number * 999)
    uid = delete(core, ada, "ada/words")

    def die(*_: object) -> bool:
        raise Unavailable("the process ended")

    with monkeypatch.context() as patch:
        patch.setattr(repos, "_remove_some", die)
        with pytest.raises(Unavailable):
            collect(core, now=True)
    with pytest.raises(RepoNotFound):
        core.hub.access.open_deleted_sync(ada, uid, Action.MANAGE)
    assert undo.deleted_repos(core.hub.database, ada, undo_hours=24) == []
    assert len(stored(core)) == 5
    monkeypatch.setattr(repos, "_ROWS_AT_ONCE", 2)
    collect(core, now=True)
    assert stored(core) == set()
    with core.hub.database.read() as connection:
        assert connection.execute(sa.select(schema.repos)).first() is None
