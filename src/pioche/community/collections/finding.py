"""Which collections there are, as far as the reader may see."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from pioche.accounts import scopes
from pioche.accounts.callers import Caller
from pioche.accounts.scopes import Permission
from pioche.community.collections.collection import Collection, uid_of
from pioche.db import schema
from pioche.db.engine import Database
from pioche.db.instance import now_ms
from pioche.errors import BadRequest, Forbidden, NotFound, ReadOnlyToken, Unauthenticated
from pioche.repos import info
from pioche.repos.access import READERS

_collections, _accounts, _members = schema.collections, schema.accounts, schema.memberships
_items, _votes, _repos = schema.collection_items, schema.collection_votes, schema.repos

_EDITORS = ("admin", "write", "contributor")
_TREND_MS = 14 * 86_400_000
_COLUMNS = tuple(
    _collections.c[name]
    for name in (
        "id", "uid", "owner_id", "creator_id", "title", "description", "private", "theme", "position", "upvotes",
        "created_at", "updated_at",
    )
)  # fmt: skip


class Sort(StrEnum):
    """In the words of the clients (`CollectionSort_T`); `position` is the order that their owner gave them."""

    MODIFIED = "lastModified"
    TRENDING = "trending"
    UPVOTES = "upvotes"
    POSITION = "position"

    @classmethod
    def parse(cls, text: str) -> "Sort":
        """Raises BadRequest."""
        try:
            return cls(text)
        except ValueError:
            raise BadRequest(f'"sort" must be one of [{", ".join(cls)}]') from None


Place = tuple[int, int]
"""(value that is sorted by, row) of a collection: where a page ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which ones to list. Of `owners` (names) and of `repo_ids` (rows that one of its items is) one is enough; None is any.
    `words` is a part of the title. Pages begin after `before`, or after `skip` of them."""

    owners: Sequence[str] | None = None
    repo_ids: Sequence[int] | None = None
    words: str = ""
    sort: Sort = Sort.MODIFIED
    limit: int = 20
    skip: int = 0
    before: Place | None = None


@dataclass(frozen=True, slots=True)
class Listed:
    """A collection in a list, and its place there."""

    collection: Collection
    place: Place


def get(database: Database, reader: Caller, slug: str) -> Collection:
    """By its slug, whatever the title in it. Raises NotFound, for a private one too."""
    with database.read() as connection:
        return get_within(connection, reader, slug)


def get_within(connection: sa.Connection, reader: Caller, slug: str) -> Collection:
    """As `get`, in a transaction of the caller's."""
    uid = uid_of(slug)
    row = None
    if uid is not None:
        row = connection.execute(_select().where(_collections.c.uid == uid, *visible(reader))).first()
    if row is None:
        raise NotFound("Collection not found")
    return _collection(row)


def open_for_change(connection: sa.Connection, caller: Caller, slug: str) -> Collection:
    """In a transaction that changes it, in which nobody else does meanwhile. Raises NotFound, Unauthenticated, Forbidden."""
    found = get_within(connection, caller, slug)
    check_edits(connection, caller, found.owner_id, found.owner, collection_id=found.id)
    locked = sa.select(_collections.c.id).where(_collections.c.id == found.id)
    if connection.execute(locked.with_for_update(key_share=True)).first() is None:
        raise NotFound("Collection not found")
    return get_within(connection, caller, slug)


def check_edits(
    connection: sa.Connection, caller: Caller, owner_id: int, owner: str, *, collection_id: int | None = None
) -> None:
    """Whether the caller may change the collections of an account; or this one, which a token may name.

    Raises Unauthenticated, Forbidden, ReadOnlyToken."""
    if caller.is_anonymous:
        raise Unauthenticated
    if not _may_edit(connection, caller, owner_id):
        raise Forbidden(f"You don't have the rights to change the collections of {owner}")
    if caller.scopes is None or collection_id is None:
        caller.check_token(Permission.COLLECTIONS_WRITE, owner_id, owner)
    elif Permission.COLLECTIONS_WRITE not in caller.scopes.on_collection(collection_id, owner_id):
        raise scopes.refused(Permission.COLLECTIONS_WRITE, "this collection")
    if not caller.may_write:
        raise ReadOnlyToken


def may_edit(database: Database, caller: Caller, collection: Collection) -> bool:
    """Whether the pages offer it."""
    with database.read() as connection:
        return not caller.is_anonymous and caller.may_write and _may_edit(connection, caller, collection.owner_id)


def _may_edit(connection: sa.Connection, caller: Caller, owner_id: int) -> bool:
    if caller.is_admin or caller.user_id == owner_id:
        return True
    mine = sa.select(_members.c.role).where(_members.c.org_id == owner_id, _members.c.user_id == caller.user_id)
    return connection.execute(mine).scalar() in _EDITORS


def editable(database: Database, caller: Caller, *, limit: int) -> list[Collection]:
    """Those that the caller may add to, the latest changed first; of an administrator of the hub, their own ones."""
    orgs = sa.select(_members.c.org_id).where(_members.c.user_id == caller.user_id, _members.c.role.in_(_EDITORS))
    mine = sa.or_(_collections.c.owner_id == caller.user_id, _collections.c.owner_id.in_(orgs))
    query = _select().where(mine).order_by(_collections.c.updated_at.desc(), _collections.c.id.desc()).limit(limit)
    with database.read() as connection:
        return [_collection(row) for row in connection.execute(query)]


def visible(reader: Caller) -> list[sa.ColumnElement[bool]]:
    """As `repos.info.visible`: a private collection is for those who may read its owner's private repos. Suspended users
    show none."""
    shown = _accounts.c.suspended_at.is_(None)
    if reader.is_admin:
        return []
    if reader.is_anonymous:
        return [shown, _collections.c.private.is_(False)]
    orgs = sa.select(_members.c.org_id).where(_members.c.user_id == reader.user_id, _members.c.role.in_(READERS))
    mine = sa.or_(_collections.c.owner_id == reader.user_id, _collections.c.owner_id.in_(orgs))
    return [shown, sa.or_(_collections.c.private.is_(False), mine), *_shown_by_token(reader)]


def _shown_by_token(reader: Caller) -> Iterator[sa.ColumnElement[bool]]:
    """Which private ones a token shows that allows less than its user may see."""
    public = _collections.c.private.is_(False)
    if reader.barred:
        yield sa.or_(public, _collections.c.owner_id.not_in([one.org_id for one in reader.barred]))
    if reader.scopes is not None:
        owners, each = reader.scopes.readable_collections()
        yield sa.or_(public, _collections.c.owner_id.in_(owners), _collections.c.id.in_(each))


def find(database: Database, reader: Caller, wanted: Wanted) -> list[Listed]:
    """One page, by what is sorted by."""
    value = _value(wanted.sort)
    query = _select(value.label("sorted_by")).where(*visible(reader), *_conditions(reader, wanted))
    if wanted.before is not None:
        place = sa.tuple_(value, _collections.c.id)
        query = query.where(place < sa.tuple_(*(sa.literal(one, sa.BigInteger) for one in wanted.before)))
    query = query.order_by(value.desc(), _collections.c.id.desc()).limit(wanted.limit).offset(wanted.skip)
    with database.read() as connection:
        rows: list[sa.Row[Any]] = list(connection.execute(query))
    return [Listed(_collection(row), (row.sorted_by, row.id)) for row in rows]


def count(database: Database, reader: Caller, wanted: Wanted) -> int:
    """How many `find` has in all."""
    query = sa.select(sa.func.count()).select_from(_joined())
    with database.read() as connection:
        return connection.execute(query.where(*visible(reader), *_conditions(reader, wanted))).scalar_one()


def _value(sort: Sort) -> sa.ColumnElement[int]:
    match sort:
        case Sort.UPVOTES:
            return _collections.c.upvotes
        case Sort.TRENDING:
            recent = (_votes.c.collection_id == _collections.c.id) & (_votes.c.at >= now_ms() - _TREND_MS)
            return (
                sa.select(sa.func.count()).select_from(_votes).where(recent).correlate(_collections).scalar_subquery()
            )
        case Sort.POSITION:
            return -_collections.c.position
        case _:
            return _collections.c.updated_at


def _conditions(reader: Caller, wanted: Wanted) -> list[sa.ColumnElement[bool]]:
    found = list[sa.ColumnElement[bool]]()
    if wanted.owners is not None:
        found.append(_accounts.c.name_key.in_([name.lower() for name in wanted.owners]))
    if wanted.repo_ids is not None:
        # Which repos are in a collection is for those who may open them.
        seen = sa.select(_repos.c.id).where(_repos.c.id.in_(list(wanted.repo_ids)), *info.visible(reader))
        holders = sa.select(_items.c.collection_id).where(_items.c.repo_id.in_(seen))
        found.append(_collections.c.id.in_(holders))
    if wanted.words:
        found.append(sa.func.lower(_collections.c.title).contains(wanted.words.lower(), autoescape=True))
    return found


def _joined() -> sa.FromClause:
    return _collections.join(_accounts, _accounts.c.id == _collections.c.owner_id)


def _select(*more: sa.ColumnElement[Any]) -> "sa.Select[Any]":
    names = (_accounts.c.name.label("owner"), _collections.c.slug.label("slug_title"))
    return sa.select(*_COLUMNS, *names, *more).select_from(_joined())


def _collection(row: sa.Row[Any]) -> Collection:
    return Collection(**{name: row._mapping[name] for name in Collection.__dataclass_fields__})
