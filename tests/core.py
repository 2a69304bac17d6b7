"""The core of a hub in this process, without HTTP: accounts, repos and short ways to fill them.

core = Core(config)
ada = core.user("ada")
repo = core.repo(ada, "ada/words")
core.commit(repo, ada, {"a.txt": b"1"}, delete=["b.txt"])
"""

import hashlib
import subprocess
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

from pioche.accounts.account import Account
from pioche.accounts.callers import Caller
from pioche.accounts.members import Role
from pioche.app import build_hub
from pioche.config import Config
from pioche.errors import HubError
from pioche.git.snapshot import Ref as SnapshotRef
from pioche.git.snapshot import Snapshot
from pioche.names import RepoId, RepoType, Sha256, parse_path
from pioche.repos import commits, files, listing, refs, revisions
from pioche.repos.access import Action, Repo
from pioche.repos.catalog import NewRepo
from pioche.repos.commits import AddFile, AddLargeFile, Committed, CopyFile, DeleteFile, DeleteFolder, Operation, Plan
from pioche.repos.revisions import Revision


class Core:
    """One hub's services over a prepared data folder."""

    def __init__(self, config: Config) -> None:
        self.hub = build_hub(config)
        self.accounts: dict[str, Account] = {}

    def close(self) -> None:
        self.hub.database.close()

    # --- people ---

    def user(self, name: str, *, is_admin: bool = False) -> Caller:
        account = self.hub.directory.create_user(name, is_admin=is_admin)
        self.accounts[name] = account
        return Caller(account.id, account.name, may_write=True, is_admin=is_admin)

    def org(self, name: str, members: Mapping[Caller, str] | None = None) -> None:
        org = self.hub.directory.create_org(name)
        for member, role in (members or {}).items():
            self.hub.directory.members.add(org, self.accounts[member.name], Role(role))

    # --- repos ---

    def repo(self, owner: Caller, name: str, *, private: bool | None = None, type: RepoType = RepoType.MODEL) -> Repo:
        namespace, _, short = name.rpartition("/")
        sdk = "static" if type is RepoType.SPACE else None
        return self.hub.catalog.create(
            owner, NewRepo(type=type, namespace=namespace, name=short, private=private, sdk=sdk)
        )

    def open(self, caller: Caller, name: str, action: Action = Action.READ, *, type: RepoType = RepoType.MODEL) -> Repo:
        return self.hub.access.open_sync(caller, RepoId.parse(type, name), action)

    def upload(self, repo: Repo, caller: Caller, data: bytes) -> Sha256:
        """A large file, as after its upload by whatever protocol."""
        sha256 = Sha256(hashlib.sha256(data).hexdigest())
        # A name of its own: several threads upload the same bytes at once.
        draft = self.hub.config.data_dir / "incoming" / f"test-{uuid4().hex}"
        draft.write_bytes(data)
        self.hub.contents.adopt(repo.id, caller.user_id, sha256, draft)
        return sha256

    def commit(
        self,
        repo: Repo,
        caller: Caller,
        files: Mapping[str, bytes | Sha256] | None = None,
        *,
        delete: Iterable[str] = (),
        copy: Mapping[str, str] | None = None,
        revision: str = "main",
        parent: str | None = None,
        summary: str = "change",
    ) -> Committed:
        """`files`: bytes, or the sha256 of a large file. A name in `delete` that ends in a slash is a folder."""
        operations = [_removal(path) for path in delete]
        operations += [CopyFile(parse_path(new), parse_path(old), None) for new, old in (copy or {}).items()]
        operations += [_addition(path, content) for path, content in (files or {}).items()]
        return commits.create(repo, caller, revision, Plan(summary, "", parent, operations))


def _removal(path: str) -> Operation:
    if path.endswith("/"):
        return DeleteFolder(parse_path(path.rstrip("/")))
    return DeleteFile(parse_path(path))


def _addition(path: str, content: bytes | str) -> Operation:
    if isinstance(content, bytes):
        return AddFile(parse_path(path), content)
    return AddLargeFile(parse_path(path), Sha256(content), None)


def git(repo: Repo, scratch: Path, *arguments: str) -> str:
    """What the git program says about the repo as the database has its refs."""
    found = [SnapshotRef(ref.name, ref.target) for ref in refs.all_refs(repo)]
    objects = repo.objects
    with Snapshot(scratch, objects.path, objects.seed, found) as snapshot:
        done = subprocess.run(
            ["git", "--git-dir", str(snapshot.path), "-c", "core.quotePath=false", *arguments],
            capture_output=True,
            text=True,
            check=True,
        )
    return done.stdout


def main(repo: Repo) -> Revision:
    return revisions.resolve_sync(repo, "main")


def paths(repo: Repo, revision: str = "main") -> list[str]:
    return [entry.path for entry in listing.everything(repo, revisions.resolve_sync(repo, revision)).entries]


def text(repo: Repo, path: str, revision: str = "main") -> bytes:
    return files.read_all(repo, files.locate_sync(repo, revision, path).entry)


def at_once(count: int, function: Callable[[int], object]) -> list[object]:
    """What each call gave, a refusal included; all at the same time."""

    def call(number: int) -> object:
        try:
            return function(number)
        except HubError as error:
            return error

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(call, range(count)))


def older_view(revision: Revision) -> Revision:
    """The same commit, as if it were not the tip: read from git instead of from the table."""
    return Revision(revision.text, revision.commit, None, is_tip=False)


def assert_table_equals_git(repo: Repo, scratch: Path | None = None) -> None:
    """The rows of the tip: the same files, folders, sizes and last commits as a walk through git gives."""
    tip = main(repo)
    rows = {entry.path: entry for entry in listing.everything(repo, tip, limit=10**6).entries}
    walked = listing.with_last_commits(repo, tip, listing.everything(repo, older_view(tip), limit=10**6).entries)
    assert list(rows.values()) == walked
    if scratch is not None:
        for path, entry in rows.items():
            assert entry.last_commit == git(repo, scratch, "log", "-1", "--format=%H", "main", "--", path).strip(), path
