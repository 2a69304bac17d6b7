"""What a fine-grained token allows: permissions in the public Hub's own names, each somewhere.

The names and the form of `FineGrained` are those that `whoami-v2` answers and that the Hub's documentation of access tokens
lists. A token may be given any of `KNOWN`; those that stand in `Permission` mean something on this hub today.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Annotated

import msgspec

from pioche.errors import BadRequest, Forbidden


class Permission(StrEnum):
    """Those that this hub asks for."""

    READ = "repo.content.read"
    """Private repos: that there are any, and their files. What is public everybody reads."""
    WRITE = "repo.write"
    """Content and settings of repos; of a namespace also creating, moving and deleting them. Reads what it may write."""
    REVIEW = "repo.access.read"
    """Who asked for the files of gated repos."""
    DISCUSS = "discussion.write"
    """Discussions, comments, pull requests, likes; everywhere: of public repos."""
    COLLECTIONS_READ = "collection.read"
    COLLECTIONS_WRITE = "collection.write"
    WEBHOOKS_READ = "user.webhooks.read"
    WEBHOOKS_WRITE = "user.webhooks.write"
    ORG_READ = "org.read"
    ORG_WRITE = "org.write"
    MEMBERS_READ = "org.members.read"
    MEMBERS_WRITE = "org.members.write"
    AUDIT_LOG_READ = "org.auditLog.read"
    SERVICE_ACCOUNTS_READ = "org.serviceAccounts.read"
    SERVICE_ACCOUNTS_WRITE = "org.serviceAccounts.write"
    GROUPS_WRITE = "resourceGroup.write"
    ENDPOINTS_WRITE = "inference.endpoints.write"
    """Making, changing and ending endpoints."""
    ENDPOINTS_ASK = "inference.endpoints.infer.write"
    """Asking private ones."""


class Kind(StrEnum):
    """What permissions are given on."""

    USER = "user"
    ORG = "org"
    MODEL = "model"
    DATASET = "dataset"
    SPACE = "space"
    KERNEL = "kernel"
    BUCKET = "bucket"
    COLLECTION = "collection"


_ACCOUNTS = frozenset((Kind.USER, Kind.ORG))
_OF_REPOS = frozenset(("repo.content.read", "repo.write", "repo.access.read", "discussion.write"))
_OF_COLLECTIONS = frozenset(("collection.read", "collection.write"))
_OF_BOTH = (
    _OF_REPOS
    | _OF_COLLECTIONS
    | frozenset((
        "inference.serverless.write", "inference.endpoints.infer.write", "inference.endpoints.write", "job.read",
        "job.write", "resourceGroup.write", "sql-console.embed.write",
    ))
)  # fmt: skip
_OF_USERS = _OF_BOTH | frozenset((
    "user.billing.read", "user.mcp.read", "user.notifications.read", "user.notifications.write", "user.papers.write",
    "user.preferences.write", "user.settings.notifications.write", "user.social.likes.write", "user.webhooks.read",
    "user.webhooks.write",
))  # fmt: skip
_OF_ORGS = _OF_BOTH | frozenset((
    "org.read", "org.write", "org.members.read", "org.members.write", "org.repos.read", "org.auditLog.read",
    "org.auditLog.write", "org.billing.read", "org.networkSecurity.read", "org.networkSecurity.write",
    "org.serviceAccounts.read", "org.serviceAccounts.write",
))  # fmt: skip
EVERYWHERE = frozenset(("discussion.write", "post.write", "inference.serverless.write"))
"""What is given once, and not on something."""
GIVEN_ON: Mapping[Kind, frozenset[str]] = {
    **dict.fromkeys(Kind, _OF_REPOS),
    Kind.USER: _OF_USERS,
    Kind.ORG: _OF_ORGS,
    Kind.COLLECTION: _OF_COLLECTIONS,
}
"""Which permissions there are on what."""
KNOWN = EVERYWHERE | _OF_USERS | _OF_ORGS
_READING = frozenset((Permission.READ, Permission.WRITE))
_COLLECTING = frozenset((Permission.COLLECTIONS_READ, Permission.COLLECTIONS_WRITE))
KNOW_MEMBERS = frozenset((
    Permission.ORG_READ, Permission.ORG_WRITE, Permission.MEMBERS_READ, Permission.MEMBERS_WRITE,
))  # fmt: skip
"""Any of these on an organisation tells who its members are, where it hides them from others."""
_NOTHING = frozenset[str]()
_GRANTS_MAX = 200


class Grant(msgspec.Struct, frozen=True):
    """Permissions on one thing; `row` is that of its table, which outlives its names."""

    kind: Kind
    row: int
    permissions: tuple[str, ...]


class FineGrained(msgspec.Struct, frozen=True, rename={"everywhere": "global", "reads_gated": "canReadGatedRepos"}):
    """As it is stored with a token."""

    everywhere: tuple[str, ...] = ()
    reads_gated: bool = False
    scoped: tuple[Grant, ...] = ()

    def dump(self) -> str:
        """The JSON of `tokens.scopes`."""
        return msgspec.json.encode(self).decode()


@dataclass(frozen=True, slots=True, eq=False)
class Scopes:
    """What a caller's token allows, ready to be asked: each question is one or two looks into a dictionary."""

    given: FineGrained
    accounts: Mapping[int, frozenset[str]]
    repos: Mapping[int, frozenset[str]]
    collections: Mapping[int, frozenset[str]]
    every: frozenset[str]

    @property
    def may_write(self) -> bool:
        """Whether it allows to change anything at all; what, is asked where that is changed."""
        return any(name.endswith(".write") for name in self.every)

    def on_repo(self, repo_id: int, namespace_id: int) -> frozenset[str]:
        """What is given on a repo, or on all of its namespace (rows)."""
        own, around = self.repos.get(repo_id, _NOTHING), self.accounts.get(namespace_id, _NOTHING)
        return own | around if own and around else own or around

    def on_account(self, account_id: int) -> frozenset[str]:
        return self.accounts.get(account_id, _NOTHING)

    def on_collection(self, collection_id: int, owner_id: int) -> frozenset[str]:
        return self.collections.get(collection_id, _NOTHING) | self.accounts.get(owner_id, _NOTHING)

    def readable_accounts(self) -> list[int]:
        """Whose private repos may be read, all of them."""
        return sorted(row for row, held in self.accounts.items() if held & _READING)

    def readable_repos(self) -> list[int]:
        """Private repos that may be read, one by one."""
        return sorted(row for row, held in self.repos.items() if held & _READING)

    def readable_collections(self) -> tuple[list[int], list[int]]:
        """Private ones: all of these accounts, and these one by one."""
        owners = sorted(row for row, held in self.accounts.items() if held & _COLLECTING)
        return owners, sorted(row for row, held in self.collections.items() if held & _COLLECTING)

    def discusses(self, held: frozenset[str], *, is_private: bool) -> bool:
        """`held` is of the repo. What is given everywhere is given on public repos."""
        return Permission.DISCUSS in held or (not is_private and Permission.DISCUSS in self.given.everywhere)


def reads(held: frozenset[str]) -> bool:
    """Whether these permissions on a repo, or its namespace, show what is private."""
    return bool(held & _READING)


@lru_cache(maxsize=10_000)
def load(text: str) -> Scopes:
    """What `FineGrained.dump` made; remembered, since every request asks."""
    given = msgspec.json.decode(text, type=FineGrained)
    accounts, repos, collections = dict[int, frozenset[str]](), dict[int, frozenset[str]](), dict[int, frozenset[str]]()
    every = set(given.everywhere)
    for grant in given.scoped:
        table = accounts if grant.kind in _ACCOUNTS else collections if grant.kind is Kind.COLLECTION else repos
        table[grant.row] = table.get(grant.row, _NOTHING) | frozenset(grant.permissions)
        every.update(grant.permissions)
    return Scopes(given, accounts, repos, collections, frozenset(every))


# --- from what somebody asks for ------------------------------------------------------------------------------------


class Wanted(msgspec.Struct, frozen=True):
    """Permissions on something, by its name: `user/NAME`, `org/NAME`, `model/NS/NAME`, `collection/NS/SLUG` ..."""

    kind: Kind
    name: str
    permissions: tuple[str, ...]


def parse_wanted(text: str) -> Wanted:
    """`KIND/NAME=permission,permission`, as commands and forms write it. Raises BadRequest, naming what is wrong."""
    target, equals, listed = text.partition("=")
    kind, slash, name = target.strip().partition("/")
    if not (equals and slash and name):
        raise BadRequest(f"{text[:100]!r} is not a scope: write KIND/NAME=permission,permission")
    return Wanted(parse_kind(kind), name, parse_permissions(parse_kind(kind), listed.split(",")))


def parse_kind(text: str) -> Kind:
    """Raises BadRequest."""
    try:
        return Kind(text)
    except ValueError:
        raise BadRequest(f"{text[:40]!r} has no permissions: use one of {', '.join(Kind)}") from None


def parse_permissions(kind: Kind, names: Sequence[str]) -> tuple[str, ...]:
    """Each once, in order. Raises BadRequest for one that there is not, or not on such a thing, and for none."""
    found = sorted({name.strip() for name in names} - {""})
    if not found:
        raise BadRequest(f"Say which permissions on this {kind}: such as {Permission.READ}")
    for name in found:
        if name not in KNOWN:
            raise BadRequest(f"{name[:60]!r} is not a permission: see the documentation of tokens")
        if name not in GIVEN_ON[kind]:
            raise BadRequest(f"{name} is not a permission on a {kind}: give it on a user or an organization")
    return tuple(found)


def parse_everywhere(names: Sequence[str]) -> tuple[str, ...]:
    """Raises BadRequest."""
    found = sorted({name.strip() for name in names} - {""})
    for name in found:
        if name not in EVERYWHERE:
            raise BadRequest(f"{name[:60]!r} is no global permission: use one of {', '.join(sorted(EVERYWHERE))}")
    return tuple(found)


def check_size(wanted: Sequence[object]) -> None:
    """Raises BadRequest for more than a token may name."""
    if len(wanted) > _GRANTS_MAX:
        raise BadRequest(f"A token names at most {_GRANTS_MAX} repos, organizations and collections")


Name = Annotated[str, msgspec.Meta(max_length=300)]


class WireEntity(msgspec.Struct, rename={"uid": "_id"}):
    """What permissions are given on, as the Hub writes it. One of `_id` and `name` is enough."""

    type: Name
    uid: Name = ""
    name: Name = ""


class WireGrant(msgspec.Struct):
    entity: WireEntity
    permissions: list[Name]


class WireScopes(msgspec.Struct, rename={"everywhere": "global"}):
    """As `whoami-v2` answers it, and as a token is asked for."""

    everywhere: list[Name] = []
    canReadGatedRepos: bool = False
    scoped: list[WireGrant] = []


def refused(permission: str, where: str) -> Forbidden:
    """What is said where a token's own limits are what stands in the way."""
    return Forbidden(f"This token does not have the permission {permission} on {where}: make one that has")
