"""What permissions of tokens are given on: found by the names that people write, and named again when a token is shown."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from pioche.accounts import scopes
from pioche.accounts.account import Account
from pioche.accounts.scopes import FineGrained, Grant, Kind, Wanted, WireScopes
from pioche.db import schema
from pioche.db.engine import Database
from pioche.errors import AccountNotFound, BadRequest, NotFound
from pioche.names import RepoType

FindRepo = Callable[[RepoType, str], int]
"""The row of a repo that somebody may see, by its name. Raises RepoNotFound, InvalidName."""

_accounts, _members, _repos = schema.accounts, schema.memberships, schema.repos
_collections = schema.collections
_UID_LETTERS = 24


@dataclass(frozen=True, slots=True)
class Named:
    """A grant as it is shown. `uid` is `_id` on the wire."""

    kind: Kind
    uid: str
    name: str
    permissions: tuple[str, ...]


def find(
    database: Database,
    user: Account,
    wanted: Sequence[Wanted],
    find_repo: FindRepo,
    *,
    everywhere: Iterable[str] = (),
    reads_gated: bool = False,
) -> FineGrained:
    """What a token of `user` is to allow: on themselves, their organisations, and what they may see.

    Raises BadRequest, AccountNotFound, RepoNotFound, NotFound.
    """
    scopes.check_size(wanted)
    merged = dict[tuple[Kind, int], set[str]]()
    for one in wanted:
        merged.setdefault((one.kind, _row(database, user, one, find_repo)), set()).update(one.permissions)
    grants = tuple(Grant(kind, row, tuple(sorted(held))) for (kind, row), held in merged.items())
    return FineGrained(scopes.parse_everywhere(tuple(everywhere)), reads_gated, grants)


def find_wire(database: Database, user: Account, wire: WireScopes, find_repo: FindRepo) -> FineGrained:
    """As `find`, from what a client sent."""
    scopes.check_size(wire.scoped)
    wanted = list[Wanted]()
    for one in wire.scoped:
        kind = scopes.parse_kind(one.entity.type)
        name = one.entity.name or _name_of(database, kind, one.entity.uid)
        wanted.append(Wanted(kind, name, scopes.parse_permissions(kind, one.permissions)))
    return find(
        database, user, wanted, find_repo, everywhere=wire.everywhere, reads_gated=wire.canReadGatedRepos
    )  # fmt: skip


def _row(database: Database, user: Account, wanted: Wanted, find_repo: FindRepo) -> int:
    match wanted.kind:
        case Kind.USER:
            if wanted.name.lower() != user.name.lower():
                raise BadRequest(f"A token of {user.name} gives permissions on no other user than {user.name}")
            return user.id
        case Kind.ORG:
            return _org(database, user, wanted.name)
        case Kind.COLLECTION:
            return _collection(database, user, wanted.name)
        case _:
            return find_repo(RepoType(wanted.kind.value), wanted.name)


def _org(database: Database, user: Account, name: str) -> int:
    both = _accounts.join(_members, (_members.c.org_id == _accounts.c.id) & (_members.c.user_id == user.id))
    query = sa.select(_accounts.c.id).select_from(both).where(_accounts.c.name_key == name.lower())
    with database.read() as connection:
        found = connection.execute(query).scalar()
    if found is None:
        raise AccountNotFound(f"{user.name} belongs to no organization {name[:100]!r}")
    return int(found)


def _collection(database: Database, user: Account, slug: str) -> int:
    orgs = sa.select(_members.c.org_id).where(_members.c.user_id == user.id, _members.c.role != "no_access")
    mine = sa.or_(_collections.c.owner_id == user.id, _collections.c.owner_id.in_(orgs))
    query = sa.select(_collections.c.id).where(_collections.c.uid == slug[-_UID_LETTERS:], mine)
    with database.read() as connection:
        found = connection.execute(query).scalar()
    if found is None:
        raise NotFound(f"There is no collection {slug[:100]!r} that is yours")
    return int(found)


def _name_of(database: Database, kind: Kind, uid: str) -> str:
    """Raises NotFound: where it may be seen at all is asked next, in the same words."""
    if kind is Kind.COLLECTION:
        return uid
    table = _accounts if kind in (Kind.USER, Kind.ORG) else _repos
    column = _accounts.c.name if table is _accounts else _repos.c.full_name
    with database.read() as connection:
        found = connection.execute(sa.select(column).where(table.c.uid == uid)).scalar()
    return str(found) if found is not None else uid


# --- shown again ----------------------------------------------------------------------------------------------------


def named(database: Database, user_id: int, given: FineGrained) -> list[Named]:
    """What is still there and the user may know of, by its name of today."""
    with database.read() as connection:
        accounts = _names(connection, _of_accounts(_rows(given, Kind.USER, Kind.ORG)))
        others = (kind for kind in Kind if kind not in (Kind.USER, Kind.ORG, Kind.COLLECTION))
        repos = _names(connection, _of_repos(user_id, _rows(given, *others)))
        collections = _names(connection, _of_collections(_rows(given, Kind.COLLECTION)))
    found = list[Named]()
    for grant in given.scoped:
        names = collections if grant.kind is Kind.COLLECTION else repos
        names = accounts if grant.kind in (Kind.USER, Kind.ORG) else names
        if grant.row in names:
            found.append(Named(grant.kind, *names[grant.row], grant.permissions))
    return found


def wire(given: FineGrained, found: Sequence[Named]) -> dict[str, Any]:
    """As `whoami-v2` tells it."""
    scoped = [
        {"entity": {"_id": one.uid, "type": one.kind, "name": one.name}, "permissions": list(one.permissions)}
        for one in found
    ]
    return {"canReadGatedRepos": given.reads_gated, "global": list(given.everywhere), "scoped": scoped}


def _rows(given: FineGrained, *kinds: Kind) -> list[int]:
    return [grant.row for grant in given.scoped if grant.kind in kinds]


def _names(connection: sa.Connection, query: "sa.Select[Any]") -> dict[int, tuple[str, str]]:
    return {row[0]: (row[1], row[2]) for row in connection.execute(query)}


def _of_accounts(rows: Sequence[int]) -> "sa.Select[Any]":
    return sa.select(_accounts.c.id, _accounts.c.uid, _accounts.c.name).where(_accounts.c.id.in_(rows))


def _of_repos(user_id: int, rows: Sequence[int]) -> "sa.Select[Any]":
    """Not those that became private and somebody else's: what they are called now is not for the user."""
    orgs = sa.select(_members.c.org_id).where(_members.c.user_id == user_id, _members.c.role != "no_access")
    own = sa.or_(_repos.c.namespace_id == user_id, _repos.c.namespace_id.in_(orgs))
    alive = _repos.c.deleted_at.is_(None) & sa.or_(_repos.c.private.is_(False), own)
    return sa.select(_repos.c.id, _repos.c.uid, _repos.c.full_name).where(_repos.c.id.in_(rows), alive)


def _of_collections(rows: Sequence[int]) -> "sa.Select[Any]":
    both = _collections.join(_accounts, _accounts.c.id == _collections.c.owner_id)
    name = _accounts.c.name + "/" + _collections.c.slug + "-" + _collections.c.uid
    return sa.select(_collections.c.id, _collections.c.uid, name).select_from(both).where(_collections.c.id.in_(rows))
