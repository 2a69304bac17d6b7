"""Making, changing and deleting collections, and voting for them."""

from dataclasses import dataclass
from typing import Any

import msgspec
import sqlalchemy as sa

from pioche.accounts.callers import Caller
from pioche.accounts.directory import Directory
from pioche.community.collections import finding
from pioche.community.collections.collection import (
    THEMES,
    Collection,
    parse_description,
    parse_theme,
    parse_title,
    slugified,
)
from pioche.db import schema
from pioche.db.dialect import insert_if_absent
from pioche.db.engine import Database
from pioche.db.instance import new_uid, now_ms
from pioche.errors import AccountNotFound, AlreadyExists, ReadOnlyToken, Unauthenticated
from pioche.events import Event
from pioche.jobs import outbox
from pioche.names import parse_account_name

_collections, _votes, _changes = schema.collections, schema.collection_votes, schema.collection_changes


class TitleTaken(AlreadyExists):
    """The owner has a collection of this title; `slug` is what it is called, which `exists_ok` of the clients reads."""

    def __init__(self, slug: str) -> None:
        super().__init__("A collection with this title already exists")
        self.slug = slug


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCollection:
    """`namespace` empty: the caller's own."""

    title: str
    namespace: str = ""
    description: str = ""
    private: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """None leaves a field as it is. `position` is among the collections of its owner."""

    title: str | None = None
    description: str | None = None
    private: bool | None = None
    theme: str | None = None
    position: int | None = None


def create(database: Database, directory: Directory, caller: Caller, new: NewCollection) -> Collection:
    """At the end of its owner's. Raises BadRequest, InvalidName, AccountNotFound, Forbidden, TitleTaken."""
    title, description = parse_title(new.title), parse_description(new.description)
    owner = directory.get(parse_account_name(new.namespace or caller.name))
    uid, at = new_uid(), now_ms()
    row = {"uid": uid, "owner_id": owner.id, "creator_id": caller.user_id or None, "slug": slugified(title)}
    with database.write() as connection:
        finding.check_edits(connection, caller, owner.id, owner.name)
        _lock_owner(connection, owner.id)
        _check_free(connection, owner.id, owner.name, title)
        last = sa.select(sa.func.coalesce(sa.func.max(_collections.c.position), -1)).where(
            _collections.c.owner_id == owner.id
        )
        position = connection.execute(last).scalar_one() + 1
        row |= {"title": title, "description": description, "private": new.private, "position": position}
        row |= {"theme": THEMES[int(uid[-6:], 16) % len(THEMES)], "upvotes": 0, "created_at": at, "updated_at": at}
        connection.execute(_collections.insert().values(row))
        made = finding.get_within(connection, caller, uid)
        note_change(connection, made, caller, "create", {"title": title})
        _tell(connection, "collection.create", caller, made)
        return made


def change(database: Database, caller: Caller, slug: str, wanted: Change) -> Collection:
    """Raises BadRequest, NotFound, Unauthenticated, Forbidden."""
    values = dict[str, Any]()
    if wanted.title is not None:
        values["title"] = parse_title(wanted.title)
        values["slug"] = slugified(values["title"])
    if wanted.description is not None:
        values["description"] = parse_description(wanted.description)
    if wanted.private is not None:
        values["private"] = wanted.private
    if wanted.theme is not None:
        values["theme"] = parse_theme(wanted.theme)
    with database.write() as connection:
        found = finding.open_for_change(connection, caller, slug)
        changed = {name: value for name, value in values.items() if name != "slug" and getattr(found, name) != value}
        if changed:
            update = _collections.update().where(_collections.c.id == found.id)
            connection.execute(update.values(**values, updated_at=now_ms()))
            note_change(connection, found, caller, "update", changed)
            _tell(connection, "collection.update", caller, found)
        if wanted.position is not None:
            _move(connection, found, wanted.position)
        return finding.get_within(connection, caller, found.uid)


def delete(database: Database, caller: Caller, slug: str) -> None:
    """With its items, for good. Raises NotFound, Unauthenticated, Forbidden."""
    with database.write() as connection:
        found = finding.open_for_change(connection, caller, slug)
        connection.execute(_collections.delete().where(_collections.c.id == found.id))
        _tell(connection, "collection.delete", caller, found)


def _lock_owner(connection: sa.Connection, owner_id: int) -> None:
    """Titles and positions are among those of an owner. Raises AccountNotFound for one that was deleted meanwhile."""
    accounts = schema.accounts
    query = sa.select(accounts.c.id).where(accounts.c.id == owner_id).with_for_update(key_share=True)
    if connection.execute(query).first() is None:
        raise AccountNotFound("This account does not exist")


def _check_free(connection: sa.Connection, owner_id: int, owner: str, title: str) -> None:
    same = sa.select(_collections.c.uid, _collections.c.slug).where(
        _collections.c.owner_id == owner_id, _collections.c.title == title
    )
    row = connection.execute(same.order_by(_collections.c.id).limit(1)).first()
    if row is not None:
        raise TitleTaken(f"{owner}/{row.slug}-{row.uid}" if row.slug else f"{owner}/{row.uid}")


def _move(connection: sa.Connection, found: Collection, position: int) -> None:
    _lock_owner(connection, found.owner_id)
    mine = sa.select(_collections.c.id, _collections.c.position).where(_collections.c.owner_id == found.owner_id)
    rows = connection.execute(mine.order_by(_collections.c.position, _collections.c.id)).all()
    order = [row.id for row in rows if row.id != found.id]
    order.insert(max(position, 0), found.id)
    stored = {row.id: row.position for row in rows}
    moved = [{"row": id_, "to": place} for place, id_ in enumerate(order) if stored[id_] != place]
    if moved:
        update = _collections.update().where(_collections.c.id == sa.bindparam("row"))
        connection.execute(update.values(position=sa.bindparam("to")), moved)


# --- votes ----------------------------------------------------------------------------------------------------------


def upvote(database: Database, caller: Caller, slug: str) -> int:
    """Again is no error. How many votes it has now. Raises NotFound, Unauthenticated, ReadOnlyToken."""
    return _vote(database, caller, slug, is_for=True)


def take_back(database: Database, caller: Caller, slug: str) -> int:
    """As `upvote`; of a vote that was not given, no error either."""
    return _vote(database, caller, slug, is_for=False)


def _vote(database: Database, caller: Caller, slug: str, *, is_for: bool) -> int:
    with database.write() as connection:
        found = finding.get_within(connection, caller, slug)
        if caller.is_anonymous:
            raise Unauthenticated
        if not caller.may_write:
            raise ReadOnlyToken
        if is_for:
            row = {"collection_id": found.id, "user_id": caller.user_id, "at": now_ms()}
            insert = insert_if_absent(connection, _votes).values(row).returning(_votes.c.at)
            step = 1 if connection.execute(insert).first() is not None else 0
        else:
            mine = (_votes.c.collection_id == found.id) & (_votes.c.user_id == caller.user_id)
            step = -connection.execute(_votes.delete().where(mine)).rowcount
        update = _collections.update().where(_collections.c.id == found.id)
        counted = update.values(upvotes=_collections.c.upvotes + step).returning(_collections.c.upvotes)
        return int(connection.execute(counted).scalar_one())


def has_voted(database: Database, caller: Caller, collection: Collection) -> bool:
    """Whether the caller voted for it."""
    mine = sa.select(_votes.c.at).where(_votes.c.collection_id == collection.id, _votes.c.user_id == caller.user_id)
    with database.read() as connection:
        return not caller.is_anonymous and connection.execute(mine).first() is not None


def votes_given(database: Database, user_id: int) -> int:
    """How many votes a user gave to public collections: what their overview counts."""
    both = _votes.join(_collections, _collections.c.id == _votes.c.collection_id)
    query = sa.select(sa.func.count()).select_from(both)
    with database.read() as connection:
        mine = (_votes.c.user_id == user_id) & _collections.c.private.is_(False)
        return connection.execute(query.where(mine)).scalar_one()


# --- what is kept of changes ----------------------------------------------------------------------------------------


def note_change(connection: sa.Connection, found: Collection, caller: Caller, kind: str, what: dict[str, Any]) -> None:
    """For the history of a collection, in the transaction of the change."""
    row = {"collection_id": found.id, "actor_id": caller.user_id or None, "kind": kind, "at": now_ms()}
    connection.execute(_changes.insert().values(**row, what=msgspec.json.encode(what).decode()))


def _tell(connection: sa.Connection, kind: str, caller: Caller, found: Collection) -> None:
    outbox.append(connection, Event(kind, actor_id=caller.user_id or None, payload={"slug": found.slug}))
