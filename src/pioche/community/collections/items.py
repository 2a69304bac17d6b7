"""The items of a collection: what is in it, in which order, with which notes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from pioche.accounts.callers import Caller
from pioche.community.collections import finding
from pioche.community.collections.changing import note_change
from pioche.community.collections.collection import (
    ITEMS_MAX,
    Collection,
    Item,
    Kind,
    parse_note,
    parse_paper,
    uid_of,
)
from pioche.db import schema
from pioche.db.engine import Database
from pioche.db.instance import new_uid, now_ms
from pioche.errors import AlreadyExists, BadRequest, NotFound, TooLarge
from pioche.names import RepoId
from pioche.repos import info
from pioche.repos.access import Access, Action

_collections, _items, _repos = schema.collections, schema.collection_items, schema.repos
_BATCH = 500


@dataclass(frozen=True, slots=True)
class Shown:
    """An item that the reader may see, `position` counted among those. `collection` is of an item that is one."""

    item: Item
    collection: Collection | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Of the item `uid`. None leaves a field as it is; `position` is among those that the caller sees."""

    uid: str
    note: str | None = None
    position: int | None = None


@dataclass(frozen=True, slots=True)
class _Target:
    name: str
    key: str
    repo_id: int | None


# --- reading --------------------------------------------------------------------------------------------------------


def of(
    database: Database, reader: Caller, collections: Sequence[Collection], *, each: int | None = None
) -> dict[int, list[Shown]]:
    """The items that the reader may see, by collection (row); the first ones of each, where `each` says how many."""
    with database.read() as connection:
        return {one.id: _shown(connection, reader, one, each) for one in collections}


def count_hidden(database: Database, reader: Caller, collection: Collection) -> list[Item]:
    """Those that `of` leaves out: for who may change the collection, and then may take them out of it."""
    with database.read() as connection:
        every = _all(connection, collection)
        seen = {one.item.id for one in _seen(connection, reader, every)}
    return [item for item in every if item.id not in seen]


def _shown(connection: sa.Connection, reader: Caller, collection: Collection, each: int | None) -> list[Shown]:
    return _seen(connection, reader, _all(connection, collection))[:each]


def _all(connection: sa.Connection, collection: Collection) -> list[Item]:
    """In order, the hidden ones too; a repo by its name of now."""
    both = _items.outerjoin(_repos, _repos.c.id == _items.c.repo_id)
    columns = [_items.c[name] for name in Item.__dataclass_fields__ if name != "target"]
    target = sa.func.coalesce(_repos.c.full_name, _items.c.target).label("target")
    query = sa.select(*columns, target).select_from(both).where(_items.c.collection_id == collection.id)
    rows: list[sa.Row[Any]] = list(connection.execute(query.order_by(_items.c.position, _items.c.id)))
    return [Item(**{**row._mapping, "kind": Kind(row.kind)}) for row in rows]


def _seen(connection: sa.Connection, reader: Caller, every: Sequence[Item]) -> list[Shown]:
    repos = _open_repos(connection, reader, [item.repo_id for item in every if item.repo_id is not None])
    others = _open_collections(connection, reader, [item.target for item in every if item.kind is Kind.COLLECTION])
    found = list[Shown]()
    for item in every:
        is_open = item.kind is Kind.PAPER or item.repo_id in repos or item.target in others
        if is_open:
            place = replace(item, position=len(found))
            found.append(Shown(place, others.get(item.target) if item.kind is Kind.COLLECTION else None))
    return found


def _open_repos(connection: sa.Connection, reader: Caller, repo_ids: Sequence[int]) -> set[int]:
    found = set[int]()
    for start in range(0, len(repo_ids), _BATCH):
        here = _repos.c.id.in_(repo_ids[start : start + _BATCH])
        found.update(connection.execute(sa.select(_repos.c.id).where(here, *info.visible(reader))).scalars())
    return found


def _open_collections(connection: sa.Connection, reader: Caller, uids: Sequence[str]) -> dict[str, Collection]:
    found = dict[str, Collection]()
    for uid in uids:
        try:
            found[uid] = finding.get_within(connection, reader, uid)
        except NotFound:
            continue  # hidden or gone: the same
    return found


# --- changing -------------------------------------------------------------------------------------------------------


class ItemTaken(AlreadyExists):
    """It is in the collection already."""

    def __init__(self) -> None:
        super().__init__("This item is already in the collection")


def add(
    database: Database, access: Access, caller: Caller, slug: str, kind: Kind, target: str, *, note: str = ""
) -> Collection:
    """At the end. Raises BadRequest, NotFound (of the collection, and of what the caller may not see), Forbidden,
    ItemTaken, TooLarge."""
    text = parse_note(note)
    with database.read() as connection:
        found = finding.get_within(connection, caller, slug)
        finding.check_edits(connection, caller, found.owner_id, found.owner, collection_id=found.id)
        wanted = _target(connection, access, caller, kind, target)
    if wanted.key == found.uid:
        raise BadRequest("A collection cannot be in itself")
    try:
        with database.write() as connection:
            found = finding.open_for_change(connection, caller, slug)
            row = {"uid": new_uid(), "collection_id": found.id, "kind": kind.value, "repo_id": wanted.repo_id}
            row |= {"target": wanted.name, "target_key": wanted.key, "note": text, "added_at": now_ms()}
            connection.execute(_items.insert().values(**row, position=_end(connection, found)))
            note_change(connection, found, caller, "add", _what(kind, wanted))
            touch(connection, found)
    except sa.exc.IntegrityError:
        raise ItemTaken from None
    return finding.get(database, caller, slug)


def change(database: Database, caller: Caller, slug: str, changes: Sequence[Change]) -> Collection:
    """All or none, one after the other. Raises BadRequest, NotFound, Unauthenticated, Forbidden."""
    with database.write() as connection:
        found = finding.open_for_change(connection, caller, slug)
        for one in changes:
            item = named(connection, caller, found, one.uid)
            if one.note is not None:
                text = parse_note(one.note)
                connection.execute(_items.update().where(_items.c.id == item.id).values(note=text))
                note_change(connection, found, caller, "note", {**what(item), "note": text or ""})
            if one.position is not None:
                _move(connection, caller, found, item, one.position)
        if changes:
            touch(connection, found)
    return finding.get(database, caller, slug)


def arrange(database: Database, caller: Caller, slug: str, uids: Sequence[str]) -> None:
    """In this order; those that are not named come after it, in theirs. Raises as `change`."""
    with database.write() as connection:
        found = finding.open_for_change(connection, caller, slug)
        every = _all(connection, found)
        place = {uid: number for number, uid in enumerate(uids)}
        order = sorted(every, key=lambda item: place.get(item.uid, len(place)))
        if _store(connection, every, order):
            note_change(connection, found, caller, "move", {})
            touch(connection, found)


def remove(database: Database, caller: Caller, slug: str, uid: str) -> None:
    """Hidden ones too. Raises NotFound, Unauthenticated, Forbidden."""
    with database.write() as connection:
        found = finding.open_for_change(connection, caller, slug)
        item = next((one for one in _all(connection, found) if one.uid == uid), None)
        if item is None:
            raise NotFound("Item not found in the collection")
        connection.execute(_items.delete().where(_items.c.id == item.id))
        note_change(connection, found, caller, "remove", what(item))
        touch(connection, found)


def _target(connection: sa.Connection, access: Access, caller: Caller, kind: Kind, text: str) -> _Target:
    """What an item stands for. Raises BadRequest, NotFound."""
    repo_type = kind.repo_type
    if repo_type is not None:
        name = text.removeprefix(repo_type.prefix) if repo_type.prefix else text
        repo = access.open_sync(caller, RepoId.parse(repo_type, name), Action.READ)
        return _Target(str(repo.repo_id), repo.uid, repo.id)
    if kind is Kind.PAPER:
        return _Target(parse_paper(text), text, None)
    uid = uid_of(text)
    other = finding.get_within(connection, caller, uid or text)
    return _Target(other.uid, other.uid, None)


def _end(connection: sa.Connection, found: Collection) -> int:
    """The position after the last one. Raises TooLarge."""
    mine = _items.c.collection_id == found.id
    count, last = connection.execute(sa.select(sa.func.count(), sa.func.max(_items.c.position)).where(mine)).one()
    if count >= ITEMS_MAX:
        raise TooLarge(f"A collection has at most {ITEMS_MAX} items: begin another one")
    return 0 if last is None else last + 1


def named(connection: sa.Connection, caller: Caller, found: Collection, uid: str) -> Item:
    """One that the caller sees. Raises NotFound."""
    seen = _seen(connection, caller, _all(connection, found))
    item = next((one.item for one in seen if one.item.uid == uid), None)
    if item is None:
        raise NotFound("Item not found in the collection")
    return item


def _move(connection: sa.Connection, caller: Caller, found: Collection, item: Item, position: int) -> None:
    """Before the one that the caller sees at `position`; hidden ones stay where they are."""
    every = _all(connection, found)
    order = [one for one in every if one.id != item.id]
    seen = [one.item.id for one in _seen(connection, caller, order)]
    if 0 <= position < len(seen):
        index = next(number for number, one in enumerate(order) if one.id == seen[position])
    else:
        index = len(order) if position > 0 else 0
    order.insert(index, next(one for one in every if one.id == item.id))
    if _store(connection, every, order):
        note_change(connection, found, caller, "move", what(item))


def _store(connection: sa.Connection, every: Sequence[Item], order: Sequence[Item]) -> bool:
    """Writes the positions that are other ones; whether there were any."""
    moved = [{"row": one.id, "to": place} for place, one in enumerate(order) if one.position != place]
    if moved:
        update = _items.update().where(_items.c.id == sa.bindparam("row"))
        connection.execute(update.values(position=sa.bindparam("to")), moved)
    return [one.id for one in every] != [one.id for one in order]


def touch(connection: sa.Connection, found: Collection) -> None:
    connection.execute(_collections.update().where(_collections.c.id == found.id).values(updated_at=now_ms()))


def _what(kind: Kind, wanted: _Target) -> dict[str, Any]:
    return {"kind": kind.value, "target": wanted.name, "repo": wanted.repo_id}


def what(item: Item) -> dict[str, Any]:
    return {"kind": item.kind.value, "target": item.target, "repo": item.repo_id}
