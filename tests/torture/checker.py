"""After the load, with no server running: is every acknowledged operation held, and is everything there whole?

Each branch is a register that only compare-and-swap changes. Its history names every operation that succeeded, so that
one pass over it decides (no search, as for general histories): each acknowledged commit stands there once, on the parent
that it was acknowledged with; no refused one does; and none that was acknowledged before another began comes after it.
"""

import hashlib
import subprocess
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from pioche import app
from pioche.accounts.callers import Caller
from pioche.config import Config
from pioche.db import schema
from pioche.errors import HubError
from pioche.git import pointers
from pioche.git.objects import Commit, ObjectMissing
from pioche.git.snapshot import Ref, Snapshot
from pioche.http.hub import Hub
from pioche.names import RepoId, RepoType, Sha256
from pioche.repos import refs
from pioche.repos.access import Action, Repo
from pioche.storage import incoming
from pioche.storage.contents import Content
from pioche.upkeep.fsck.examination import examine
from pioche.upkeep.fsck.scene import Scene
from tests.core import assert_table_equals_git
from tests.torture.clients import same
from tests.torture.history import ACKNOWLEDGED, COLLECTION, REFUSED, History, Operation
from tests.torture.owner import Own

_COMMITS = ("commit", "commit with parent", "commit of a large file", "push")


def check(config: Config, history: History, owned: Iterable[Own] = ()) -> list[str]:
    """Everything that is wrong, in sentences; nothing when all is well."""
    hub = app.build_hub(config)
    try:
        checker = _Checker(hub)
        return [
            *history.violations,
            *checker.database(),
            *checker.branches(history),
            *checker.uploads(history),
            *checker.names(history),
            *(line for own in owned for line in checker.owned(own)),
            *checker.repos(),
            *checker.contents(),
            *checker.leftovers(),
            *checker.fsck(),
        ]
    finally:
        hub.database.close()


@dataclass
class _Checker:
    hub: Hub

    def __post_init__(self) -> None:
        with self.hub.database.read() as connection:
            users = connection.execute(sa.select(schema.accounts.c.id).where(schema.accounts.c.kind == "user"))
            first = int(users.scalars().all()[0])
        self._caller = Caller(first, "checker", may_write=True, is_admin=True)
        self._hashed: dict[Sha256, str] = {}

    def open(self, name: str) -> Repo:
        return self.hub.access.open_sync(self._caller, RepoId.parse(RepoType.MODEL, name), Action.READ)

    # --- the database --------------------------------------------------------------------------------------------------

    def database(self) -> Iterator[str]:
        if not self.hub.database.is_sqlite:
            return
        with self.hub.database.read() as connection:
            for (line,) in connection.execute(sa.text("PRAGMA integrity_check")):
                if line != "ok":
                    yield f"database: {line}"
            for row in connection.execute(sa.text("PRAGMA foreign_key_check")):
                yield f"database: a row of {row[0]} refers to nothing in {row[2]}"

    # --- branches as registers -----------------------------------------------------------------------------------------

    def branches(self, history: History) -> Iterator[str]:
        by_branch: dict[tuple[str, str], list[Operation]] = {}
        for operation in history.of(*_COMMITS):
            by_branch.setdefault((operation.facts["repo"], operation.facts["branch"]), []).append(operation)
        for (name, branch), operations in sorted(by_branch.items()):
            repo = self.open(name)
            tip = refs.find(repo, f"refs/heads/{branch}")
            where = f"{name} {branch}"
            try:
                chain = list(_chain(repo, tip.commit)) if tip else []
            except (ObjectMissing, HubError) as error:
                yield f"{where}: {error}"
                continue
            yield from (f"{where}: {line}" for line in judge(chain, operations))
            if tip:
                standing = {commit.title for commit in chain}
                for operation in operations:
                    if operation.label in standing:
                        yield from self._files(repo, chain[-1], operation)

    def _files(self, repo: Repo, tip: Commit, operation: Operation) -> Iterator[str]:
        """What the commit brought stands at the tip, byte by byte."""
        for path, known in operation.facts.get("files", {}).items():
            entry = repo.objects.find(tip.tree, path)
            if entry is None:
                yield f"{repo.repo_id}: {path} of {operation.label} is not at the tip"
                continue
            data = repo.objects.blob(entry.oid)
            pointer = pointers.parse(data)
            if pointer is None:
                if not same(data, known):
                    yield f"{repo.repo_id}: {path} of {operation.label} has other bytes"
            elif [pointer.sha256, pointer.size] != known:
                yield f"{repo.repo_id}: {path} of {operation.label} points to another file"
            else:
                yield from self._large(repo, pointer.sha256, pointer.size)

    # --- large files ---------------------------------------------------------------------------------------------------

    def uploads(self, history: History) -> Iterator[str]:
        """Each upload that was acknowledged is linked to its repo and reads back. (One that no commit names may be gone
        where garbage was collected without grace: those that commits name are looked at with these.)"""
        if any(history.of(COLLECTION)):
            return
        for operation in history.of("upload by LFS", "upload by LFS in parts", "upload by Xet"):
            if operation.result == ACKNOWLEDGED:
                repo, facts = self.open(operation.facts["repo"]), operation.facts
                yield from self._large(repo, Sha256(facts["sha256"]), facts["size"])

    def _large(self, repo: Repo, sha256: Sha256, size: int) -> Iterator[str]:
        try:
            content = self.hub.contents.get(repo.id, sha256)
            wrong = self._read(content)
        except HubError as error:
            wrong = error.message
        else:
            wrong = wrong or ("" if content.size == size else f"it has {content.size} bytes, not {size}")
        if wrong:
            yield f"{repo.repo_id}: large file {sha256}: {wrong}"

    def _read(self, content: Content) -> str:
        """What is wrong with the stored bytes; each file is read once."""
        if content.sha256 not in self._hashed:
            digest = hashlib.sha256()
            for piece in self.hub.contents.read(content):
                digest.update(piece)
            is_right = digest.hexdigest() == content.sha256
            self._hashed[content.sha256] = "" if is_right else "its bytes have another hash"
        return self._hashed[content.sha256]

    def contents(self) -> Iterator[str]:
        """Every row names bytes that are there, linked or not."""
        table = schema.contents
        with self.hub.database.read() as connection:
            rows = connection.execute(sa.select(table.c.sha256, table.c.size, table.c.kind, table.c.xet_hash)).all()
        for row in rows:
            try:
                wrong = self._read(Content(Sha256(row.sha256), row.size, row.kind, row.xet_hash))
            except HubError as error:
                wrong = error.message
            if wrong:
                yield f"content {row.sha256}: {wrong}"

    # --- names ---------------------------------------------------------------------------------------------------------

    def names(self, history: History) -> Iterator[str]:
        """C11: of all who wanted a name, one was told that it is theirs."""
        by_name: dict[str, Counter[str]] = {}
        for operation in history.of("race for a name"):
            by_name.setdefault(operation.facts["name"], Counter())[operation.result] += 1
        for name, results in by_name.items():
            exists = self._exists(name)
            if results[ACKNOWLEDGED] > 1:
                yield f"{name} was given {results[ACKNOWLEDGED]} times"
            if results[ACKNOWLEDGED] and not exists:
                yield f"{name} was given and is not there"
            if exists and results[REFUSED] == results.total():
                yield f"{name} is there, and nobody asked for it with success"

    def _exists(self, name: str) -> bool:
        try:
            self.open(name)
        except HubError:
            return False
        return True

    def owned(self, own: Own) -> Iterator[str]:
        if not self._exists(own.name):
            yield f"{own.name} is gone"
            return
        repo = self.open(own.name)
        found = {ref.name: ref.commit for ref in refs.all_refs(repo) if not ref.name.startswith("refs/pr/")}
        wanted = {"refs/heads/main": own.main, **own.refs}
        if found != wanted:
            yield f"{own.name} has the refs {found}, not {wanted}"
        if repo.private != own.private:
            yield f"{own.name} is private: {repo.private}"

    # --- every repo ----------------------------------------------------------------------------------------------------

    def repos(self) -> Iterator[str]:
        with self.hub.database.read() as connection:
            rows = connection.execute(sa.select(schema.repos.c.full_name, schema.repos.c.type)).all()
        for name in (row.full_name for row in rows if row.type == "model"):
            if not self._exists(name):
                continue  # deleted, within its grace period
            repo = self.open(name)
            yield from (f"{name}: {line}" for line in self._git(repo))
            yield from (f"{name}: {line}" for line in self._rows(repo))

    def _git(self, repo: Repo) -> Iterator[str]:
        found = [Ref(ref.name, ref.target) for ref in refs.all_refs(repo)]
        objects = repo.objects
        with Snapshot(self.hub.config.data_dir / "incoming", objects.path, objects.seed, found) as snapshot:
            arguments = ["git", "--git-dir", str(snapshot.path), "fsck", "--full", "--strict", "--no-dangling"]
            done = subprocess.run(arguments, capture_output=True, text=True, check=False)
        if done.returncode:
            yield f"git fsck: {done.stdout[:300]} {done.stderr[:300]}"

    def _rows(self, repo: Repo) -> Iterator[str]:
        """Rows that are derived from others agree with them."""
        try:
            assert_table_equals_git(repo)
        except AssertionError:
            yield "the rows of its tip are not what git has"
        except (ObjectMissing, HubError) as error:
            yield f"its tip cannot be read: {error}"
        pulls, log = schema.discussions, schema.reflog
        now = {ref.name: ref.target for ref in refs.all_refs(repo)}
        with self.hub.database.read() as connection:
            where = pulls.c.repo_id == repo.id, pulls.c.is_pull_request
            numbers = set(connection.execute(sa.select(pulls.c.number).where(*where)).scalars())
            newest = sa.select(sa.func.max(log.c.id)).where(log.c.repo_id == repo.id).group_by(log.c.ref)
            last = {row.ref: row.new for row in connection.execute(sa.select(log).where(log.c.id.in_(newest)))}
        if {f"refs/pr/{number}" for number in numbers} != {ref for ref in now if ref.startswith("refs/pr/")}:
            yield f"it has the pull requests {sorted(numbers)} and the refs {sorted(now)}"
        for ref, target in last.items():
            if now.get(ref) != target:
                yield f"{ref} is {now.get(ref)}; the last move of it went to {target}"

    # --- what a crash left ---------------------------------------------------------------------------------------------

    def leftovers(self) -> Iterator[str]:
        """Drafts, quarantines and half-written files go at the next start."""
        data_dir = self.hub.config.data_dir
        incoming.sweep(self.hub.database, data_dir, untouched_seconds=0)
        with self.hub.database.read() as connection:
            live = {f"upload-{id_}" for id_ in connection.execute(sa.select(schema.uploads.c.id)).scalars()}
        for path in (data_dir / "incoming").iterdir():
            if path.name not in live:
                yield f"{path.name} is left in incoming"
        for pattern in ("git/**/*tmp*", "git/**/*.deleted", "git/**/*.lock"):
            yield from (f"{path.relative_to(data_dir)} is left" for path in data_dir.glob(pattern))

    def fsck(self) -> Iterator[str]:
        """What the hub itself says: a crash is no damage."""
        report = examine(Scene(self.hub.config, self.hub.database, self.hub.blobs), deep=True, repair=False)
        for finding in report.findings:
            if finding.is_open_damage:
                yield f"fsck: {finding.kind} {finding.subject}: {finding.detail}"


def _chain(repo: Repo, tip: Any) -> Iterator[Commit]:
    """The commits of a branch, the first one first."""
    commits, at = [], tip
    while at is not None:
        commit = repo.objects.commit(at)
        commits.append(commit)
        at = commit.parents[0] if commit.parents else None
    yield from reversed(commits)


def judge(chain: Sequence[Commit], operations: Sequence[Operation]) -> Iterator[str]:
    """What the history of one branch says against the operations on it; linear in both."""
    by_label = {operation.label: operation for operation in operations}
    standing = Counter(commit.title for commit in chain)
    for label, operation in by_label.items():
        if operation.result == ACKNOWLEDGED and not standing[label]:
            yield f"{label} was acknowledged and is not in history"
        if operation.result == REFUSED and standing[label]:
            yield f"{label} was refused and is in history"
    yield from (f"{title} is in history {count} times" for title, count in standing.items() if count > 1)
    earliest_end = float("inf")
    for commit in reversed(chain):
        found = by_label.get(commit.title)
        if found is None:
            continue
        if found.facts.get("oid", commit.oid) != commit.oid:
            yield f"{found.label} was acknowledged as {found.facts['oid']} and is {commit.oid}"
        if found.facts.get("parent") not in (None, *commit.parents):
            yield f"{found.label} was acknowledged on {found.facts['parent']} and stands on {commit.parents}"
        if found.start > earliest_end:
            yield f"{found.label} began after another had ended that stands above it"
        if found.end is not None and found.result == ACKNOWLEDGED:
            earliest_end = min(earliest_end, found.end)
