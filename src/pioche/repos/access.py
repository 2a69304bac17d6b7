"""Opening is the check: `Access.open(caller, repo_id, action)` returns a Repo, or says no.

A private repo and an absent one are the same RepoNotFound. The rules are the table of reliability.md section E.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Protocol

import msgspec

from pioche.accounts import audiences, policies, scopes
from pioche.accounts.callers import Caller
from pioche.accounts.scopes import Permission
from pioche.db.engine import Database, Lookup, Row
from pioche.errors import (
    Disabled,
    Forbidden,
    GatedRepo,
    HubError,
    ReadOnlyToken,
    RepoNotFound,
    Unauthenticated,
    Withdrawn,
)
from pioche.git.store import GitStore, Objects
from pioche.names import RepoId, RepoType
from pioche.repos import genesis
from pioche.storage.contents import Contents
from pioche.storage.quotas import UNLIMITED, Quotas


class Action(StrEnum):
    """What is about to be done with a repo."""

    READ = "read"
    """Metadata, listings, history."""
    CONTENT = "content"
    """Bytes of files: what gating guards."""
    PROPOSE = "propose"
    """Uploads and commits that end in a pull request: anyone who may read."""
    PARTICIPATE = "participate"
    """Liking, watching, discussing, asking for the files of what is gated: anyone with a name who may see it."""
    REVIEW = "review"
    """Reading who asked for the files of what is gated: of those who manage it."""
    WRITE = "write"
    """Commits, refs, uploads."""
    APPEAL = "appeal"
    """Asking for a disabled repo back: who may write to it."""
    MANAGE = "manage"
    """Settings, move, delete."""
    ADMINISTER = "administer"
    """The instance administrator's own actions."""


class Moved(HubError):
    """The repo has another name now: the answer is a relative redirect to it."""

    status = 307

    def __init__(self, target: RepoId) -> None:
        super().__init__(f"This repo is now {target}")
        self.target = target


class Policy(Protocol):
    """The first seam: may this happen? Asked after the built-in rules have said yes."""

    def check(self, caller: Caller, repo: "Repo", action: Action) -> None:
        """Raises a HubError to refuse. Must be fast: it runs on the event loop. What it says follows from the database:
        a reader who was let in is not asked about again for an equal request until something is committed."""
        ...


class Upstream(Protocol):
    """The second seam: it is not here; can you fetch it? (Mirrors of other hubs will fill it.)"""

    async def fetch(self, caller: Caller, repo_id: RepoId) -> bool:
        """True when the repo is here now, so that opening it again finds it."""
        ...


@dataclass(frozen=True, slots=True)
class Stores:
    """What rows and bytes of repos live in; wired once in `pioche.app`."""

    database: Database
    git: GitStore
    contents: Contents
    quotas: Quotas = UNLIMITED


class Repo(msgspec.Struct, frozen=True):
    """An opened repo: whoever holds one was allowed the action it was opened for."""

    id: int
    uid: str
    repo_id: RepoId
    namespace_id: int
    creator_id: int | None
    private: bool
    gated: str
    epoch: int
    genesis: genesis.Genesis
    stores: Stores
    group_id: int | None = None
    """The resource group that it is in."""

    @property
    def objects(self) -> Objects:
        """Its git objects; of a repo that nobody wrote to, the computed first commit."""
        git = self.stores.git
        seed = {} if git.exists(self.uid) else self.genesis.objects()
        return git.open(self.uid, seed, generation=self.epoch)

    @property
    def database(self) -> Database:
        return self.stores.database


_COLUMNS = f"""
    r.id, r.uid, r.type, r.full_name, r.namespace_id, r.creator_id, r.private, r.gated, r.epoch, r.genesis,
    r.group_id, CASE WHEN r.disabled_at IS NOT NULL THEN COALESCE(r.disabled_reason, '') END, r.disabled_by_law,
    {audiences.ROLE}, r.gates_members, CASE WHEN r.gated <> '' THEN
        (SELECT q.status FROM access_requests q WHERE q.repo_id = r.id AND q.user_id = :user) END
"""
_MEMBER = audiences.JOINED
# A deleted repo waits in its row to be restored or collected, and is absent to everybody until then.
_ALIVE = "r.deleted_at IS NULL"
_BY_NAME = Lookup(f"SELECT {_COLUMNS} FROM repos r {_MEMBER} WHERE r.type = :type AND r.full_key = :key AND {_ALIVE}")
_BY_UID = Lookup(f"SELECT {_COLUMNS} FROM repos r {_MEMBER} WHERE r.uid = :uid AND {_ALIVE}")
_THERE = Lookup(f"""SELECT r.private, o.address_ranges FROM repos r JOIN accounts o ON o.id = r.namespace_id
    WHERE r.uid = :uid AND r.disabled_at IS NULL AND {_ALIVE}""")
_DELETED = Lookup(f"SELECT {_COLUMNS} FROM repos r {_MEMBER} WHERE r.uid = :uid AND r.deleted_at > 0")
_BY_OLD_NAME = Lookup(
    f"""SELECT {_COLUMNS} FROM redirects d JOIN repos r ON r.id = d.repo_id {_MEMBER}
        WHERE d.type = :type AND d.full_key = :key AND {_ALIVE}"""
)

READERS = audiences.READERS
_WRITERS = frozenset(("write", "admin"))


class Access:
    """Opens repos. One for the whole hub."""

    def __init__(self, stores: Stores, policies: Sequence[Policy] = (), upstreams: Sequence[Upstream] = ()) -> None:
        self._stores = stores
        self._policies = policies
        self._upstreams = upstreams

    @property
    def stores(self) -> Stores:
        """For upkeep, which works on all repos at once and opens none."""
        return self._stores

    async def open(self, caller: Caller, repo_id: RepoId, action: Action) -> Repo:
        """Raises RepoNotFound, Moved, Unauthenticated, Forbidden (ReadOnlyToken, GatedRepo, Disabled)."""
        key = {"type": repo_id.type.value, "key": repo_id.key, "user": caller.user_id}
        row = await self._stores.database.fetch_one(_BY_NAME, key)
        if row is not None:
            return self._checked(caller, row, action)
        row = await self._stores.database.fetch_one(_BY_OLD_NAME, key)
        if row is not None:
            raise Moved(self._checked(caller, row, Action.READ).repo_id)
        for upstream in self._upstreams:
            if await upstream.fetch(caller, repo_id):
                row = await self._stores.database.fetch_one(_BY_NAME, key)
                if row is not None:
                    return self._checked(caller, row, action)
        raise RepoNotFound(anonymous=caller.is_anonymous)

    async def open_wherever(self, caller: Caller, repo_id: RepoId, action: Action) -> Repo:
        """As `open`, by a name that it had before too."""
        try:
            return await self.open(caller, repo_id, action)
        except Moved as moved:
            return await self.open(caller, moved.target, action)

    async def open_uid(self, caller: Caller, uid: str, action: Action) -> Repo:
        """As `open`, by the id that never changes (Xet tokens and signed addresses carry it)."""
        row = await self._stores.database.fetch_one(_BY_UID, {"uid": uid, "user": caller.user_id})
        if row is None:
            raise RepoNotFound(anonymous=caller.is_anonymous)
        return self._checked(caller, row, action)

    async def is_there(self, uid: str, address: str) -> bool:
        """Whether the repo is neither absent nor deleted nor disabled, and shown to `address`: for what was signed for whoever
        might open it."""
        row = await self._stores.database.fetch_one(_THERE, {"uid": uid})
        if row is None:
            return False
        private, ranges = row
        return not (private and ranges) or policies.admits(ranges, address)

    def open_sync(self, caller: Caller, repo_id: RepoId, action: Action) -> Repo:
        """As `open`, for plain functions in a thread (a copy from another repo, a worker). Follows a move."""
        key = {"type": repo_id.type.value, "key": repo_id.key, "user": caller.user_id}
        database = self._stores.database
        row = database.fetch_one_sync(_BY_NAME, key) or database.fetch_one_sync(_BY_OLD_NAME, key)
        if row is None:
            raise RepoNotFound(anonymous=caller.is_anonymous)
        return self._checked(caller, row, action)

    def allows(self, caller: Caller, repo: Repo, action: Action) -> bool:
        """Whether a repo that the caller holds would be opened for `action` as well. For plain functions in a thread."""
        row = self._stores.database.fetch_one_sync(_BY_UID, {"uid": repo.uid, "user": caller.user_id})
        if row is None:
            return False
        try:
            self._checked(caller, row, action)
        except HubError:
            return False  # refused is all there is to know
        return True

    def open_deleted_sync(self, caller: Caller, uid: str, action: Action) -> Repo:
        """As `open_sync`, a repo that was deleted and is kept; its `repo_id` is what it was called. For undoing."""
        row = self._stores.database.fetch_one_sync(_DELETED, {"uid": uid, "user": caller.user_id})
        if row is None:
            raise RepoNotFound(anonymous=caller.is_anonymous)
        return self._checked(caller, row, action)

    def open_all_sync(self, caller: Caller, repo_ids: Sequence[int], action: Action) -> list[Repo]:
        """Those of `repo_ids` (row ids) that the caller may do `action` with; the others are left out."""
        opened = list[Repo]()
        for repo_id in repo_ids:
            row = self._stores.database.fetch_one_sync(_BY_ID, {"id": repo_id, "user": caller.user_id})
            if row is None:
                continue
            try:
                opened.append(self._checked(caller, row, action))
            except HubError:
                continue  # refused is all there is to know: the repo is not in the answer
        return opened

    def _checked(self, caller: Caller, row: Row, action: Action) -> Repo:
        *_, disabled, by_law, role, gates_members, asked = row
        repo = self._repo(row)
        standing = _Relation(disabled, bool(by_law), role, bool(gates_members), asked)
        if caller.scopes is None and not caller.barred:
            _check(caller, repo, standing, action)
        else:
            _check_by_token(caller, repo, standing, action)
        for policy in self._policies:
            policy.check(caller, repo, action)
        return repo

    def _repo(self, row: Row) -> Repo:
        id_, uid, type_, full_name, namespace_id, creator_id, private, gated, epoch, recipe, group_id, *_ = row
        namespace, _, name = full_name.partition("/")
        return Repo(
            id=id_,
            uid=uid,
            repo_id=RepoId(RepoType(type_), namespace, name),
            namespace_id=namespace_id,
            creator_id=creator_id,
            private=bool(private),
            gated=gated,
            epoch=epoch,
            genesis=genesis.Genesis.load(recipe),
            stores=self._stores,
            group_id=group_id,
        )


_BY_ID = Lookup(f"SELECT {_COLUMNS} FROM repos r {_MEMBER} WHERE r.id = :id AND {_ALIVE}")


class _Relation(NamedTuple):
    """What the database says of a repo and somebody: `disabled` the public reason, None of a repo that is not, `by_law`
    whether a law or a court asked for it; `role` in its resource group, or else in its organisation; `asked` the status of
    their access request."""

    disabled: str | None
    by_law: bool
    role: str | None
    gates_members: bool
    asked: str | None

    def of_stranger(self) -> "_Relation":
        """Of somebody who does not belong to the organisation, and was let in to the files or not."""
        return self._replace(role=None)


def _check(caller: Caller, repo: Repo, standing: _Relation, action: Action) -> None:
    """The built-in rules, default deny."""
    role = standing.role
    if repo.private and not _may_read(caller, repo, role):
        raise RepoNotFound(anonymous=caller.is_anonymous)
    if standing.disabled is not None and not caller.is_admin and action is not Action.APPEAL:
        may_appeal = not caller.is_anonymous and _may_write(caller, repo, role)
        refusal = Withdrawn if standing.by_law else Disabled
        raise refusal(standing.disabled, appeal=f"{repo.repo_id.web_path}/appeal" if may_appeal else "")
    if action is Action.READ:
        return
    if action is Action.CONTENT:
        if repo.gated and not _passes_gate(caller, repo, standing):
            raise _gated(caller, repo, standing.asked)
        return
    if caller.is_anonymous:
        raise Unauthenticated
    if not _allowed(caller, repo, standing, action):
        raise Forbidden(
            f"You don't have the rights to {action.value} this repo: ask a member of {repo.repo_id.namespace}"
        )
    if not caller.may_write and caller.scopes is None:
        raise ReadOnlyToken


def _check_by_token(caller: Caller, repo: Repo, standing: _Relation, action: Action) -> None:
    """As `_check`, for a token that allows less than its user may do: a fine-grained one, or one that an organisation has
    nothing to do with; and for who does not meet what an organisation asks for. What that does not show is absent, as to a
    stranger."""
    held = None if caller.scopes is None else caller.scopes.on_repo(repo.id, repo.namespace_id)
    if held is not None and repo.private and not scopes.reads(held):
        raise RepoNotFound
    barred = caller.barred_from(repo.namespace_id)
    if barred is None:
        _check(caller, repo, standing, action)
    else:
        try:
            _check(caller, repo, standing.of_stranger(), action)
        except HubError:
            _check(caller, repo, standing, action)  # nor may the user: in the usual words
            raise barred.refusal() from None
    if caller.scopes is not None and held is not None:
        _check_scopes(caller.scopes, held, repo, action)


def _check_scopes(allowed: scopes.Scopes, held: frozenset[str], repo: Repo, action: Action) -> None:
    """What a fine-grained token needs for what its user may do. An action that is not named here is refused."""
    if action is Action.READ:
        return
    if action is Action.CONTENT:
        if repo.gated and not (allowed.given.reads_gated or scopes.reads(held)):
            raise GatedRepo(
                "This fine-grained token does not read gated repositories: enable that in its permissions.",
                repo.repo_id.web_path,
            )
        return
    if action in (Action.PROPOSE, Action.PARTICIPATE) and allowed.discusses(held, is_private=repo.private):
        return
    wanted = _PERMISSIONS.get(action, ())
    if not wanted:
        raise Forbidden("No fine-grained token allows this")
    if not held.intersection(wanted):
        raise scopes.refused(wanted[0], str(repo.repo_id))


_PERMISSIONS: dict[Action, tuple[Permission, ...]] = {
    Action.PROPOSE: (Permission.DISCUSS, Permission.WRITE),
    Action.PARTICIPATE: (Permission.DISCUSS,),
    Action.REVIEW: (Permission.REVIEW, Permission.WRITE),
    Action.WRITE: (Permission.WRITE,),
    Action.APPEAL: (Permission.WRITE,),
    Action.MANAGE: (Permission.WRITE,),
}


def _allowed(caller: Caller, repo: Repo, standing: _Relation, action: Action) -> bool:
    if action is Action.PROPOSE:
        return not repo.gated or _passes_gate(caller, repo, standing)
    if action is Action.PARTICIPATE:
        return True
    return caller.is_admin if action is Action.ADMINISTER else _may_write(caller, repo, standing.role)


def _may_read(caller: Caller, repo: Repo, role: str | None) -> bool:
    """Reading what is private: members and owners."""
    if caller.is_anonymous:
        return False
    return caller.is_admin or caller.user_id == repo.namespace_id or role in READERS


def _passes_gate(caller: Caller, repo: Repo, standing: _Relation) -> bool:
    """The bytes of what is gated: owners, who was accepted, and members, unless the gate is for members too. Its
    organisation's administrators and whoever created the repo pass then still."""
    if caller.is_anonymous:
        return False
    if standing.asked == "accepted":
        return True
    if not standing.gates_members:
        return _may_read(caller, repo, standing.role)
    if caller.is_admin or caller.user_id == repo.namespace_id or standing.role == "admin":
        return True
    return standing.role in READERS and repo.creator_id == caller.user_id


def _may_write(caller: Caller, repo: Repo, role: str | None) -> bool:
    if caller.is_admin or caller.user_id == repo.namespace_id or role in _WRITERS:
        return True
    return role == "contributor" and repo.creator_id == caller.user_id


def _gated(caller: Caller, repo: Repo, asked: str | None) -> GatedRepo:
    """In the public Hub's words, which clients match."""
    what, page = f"{repo.repo_id.type} {repo.repo_id}", repo.repo_id.web_path
    if caller.is_anonymous:
        needs = "You must have access to it and be authenticated to access it. Please log in."
        return GatedRepo(f"Access to {what} is restricted. {needs}", page, status=401)
    if asked == "pending":
        return GatedRepo(f"Your request to access {what} is awaiting a review from the repo authors.", page)
    if asked == "rejected":
        return GatedRepo(f"Your request to access {what} has been rejected by the repo's authors.", page)
    return GatedRepo(
        f"Access to {what} is restricted and you are not in the authorized list. Visit {page} to ask for access.", page
    )
