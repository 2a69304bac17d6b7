"""The pictures of an item of a collection: a few, in order, each with words for who does not see it.

Who sees the item sees them; their bytes are kept as all pictures are (`repos.images`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from pioche.accounts.callers import Caller
from pioche.community.collections import finding, items
from pioche.community.collections.changing import note_change
from pioche.community.collections.collection import Collection, Item
from pioche.db import schema
from pioche.db.engine import Database
from pioche.errors import BadRequest, NotFound, TooLarge
from pioche.render.renderer import Renderer
from pioche.repos import images
from pioche.storage import images as stored
from pioche.storage.contents import Contents
from pioche.storage.images import SUFFIXES, Image

PICTURES_MAX: Final = 8
ALT_CHARACTERS_MAX: Final = 200

_pictures, _images, _items = schema.collection_pictures, schema.images, schema.collection_items
_ORDER = _pictures.c.position, _pictures.c.image_id
_BATCH = 500


@dataclass(frozen=True, slots=True)
class Picture:
    """`path` is its address on the hub; `width` and `height` are pixels."""

    uid: str
    path: str
    width: int
    height: int
    alt: str


def of(database: Database, shown: Sequence[Item]) -> dict[int, list[Picture]]:
    """By item (row), in order: of those that have any."""
    found = dict[int, list[Picture]]()
    both = _pictures.join(_images, _images.c.id == _pictures.c.image_id)
    about = _images.c.uid, _images.c.media_type, _images.c.width, _images.c.height
    query = sa.select(_pictures.c.item_id, _pictures.c.alt, *about).select_from(both)
    with database.read() as connection:
        for start in range(0, len(shown), _BATCH):
            here = _pictures.c.item_id.in_([item.id for item in shown[start : start + _BATCH]])
            rows: list[sa.Row[Any]] = list(connection.execute(query.where(here).order_by(*_ORDER)))
            for row in rows:
                found.setdefault(row.item_id, []).append(_picture(row))
    return found


def _picture(row: "sa.Row[Any]") -> Picture:
    return Picture(row.uid, f"/uploads/{row.uid}.{SUFFIXES[row.media_type]}", row.width, row.height, row.alt)


def get(database: Database, reader: Caller, uid: str) -> Image:
    """One whose item the reader sees. Raises NotFound, of all others in the same words."""
    try:
        with database.read() as connection:
            _row, found, item = _named(connection, reader, uid)
            items.named(connection, reader, found, item)
    except NotFound:
        raise _absent() from None
    kept = stored.in_gallery(database, uid)
    if kept is None:
        raise _absent()
    return kept


def add(
    database: Database,
    contents: Contents,
    renderer: Renderer,
    caller: Caller,
    slug: str,
    item: str,
    data: bytes,
    alt: str,
) -> None:
    """After the others of the item (its uid). Raises BadRequest, NotFound, Unauthenticated, Forbidden, TooLarge, and what a
    picture is refused with (`repos.images`)."""
    words = parse_alt(alt)
    with database.read() as connection:  # before anybody looks at the bytes
        asked = finding.get_within(connection, caller, slug)
        finding.check_edits(connection, caller, asked.owner_id, asked.owner, collection_id=asked.id)

    def place(connection: sa.Connection, image_id: int) -> None:
        found = finding.open_for_change(connection, caller, slug)
        here = items.named(connection, caller, found, item)
        mine = _pictures.c.item_id == here.id
        count, last = connection.execute(
            sa.select(sa.func.count(), sa.func.max(_pictures.c.position)).where(mine)
        ).one()
        if count >= PICTURES_MAX:
            raise TooLarge(f"An item has at most {PICTURES_MAX} pictures: take one out first")
        row = {"image_id": image_id, "item_id": here.id, "position": 0 if last is None else last + 1, "alt": words}
        connection.execute(_pictures.insert().values(row))
        _note(connection, found, caller, here)

    images.show(contents, renderer, asked.owner_id, data, place)


def bring_forward(database: Database, caller: Caller, slug: str, uid: str) -> None:
    """One place; the first one stays. Raises NotFound, Unauthenticated, Forbidden."""
    with database.write() as connection:
        image_id, found, item = _open(connection, caller, slug, uid)
        mine = sa.select(_pictures.c.image_id).where(_pictures.c.item_id == item.id)
        order = list(connection.execute(mine.order_by(*_ORDER)).scalars())
        place = order.index(image_id)
        order.insert(max(place - 1, 0), order.pop(place))
        for position, one in enumerate(order):
            connection.execute(_pictures.update().where(_pictures.c.image_id == one).values(position=position))
        _note(connection, found, caller, item)


def remove(database: Database, caller: Caller, slug: str, uid: str) -> None:
    """Raises NotFound, Unauthenticated, Forbidden."""
    with database.write() as connection:
        image_id, found, item = _open(connection, caller, slug, uid)
        connection.execute(_images.delete().where(_images.c.id == image_id))
        _note(connection, found, caller, item)


def parse_alt(text: str) -> str:
    """On one line; may be empty. Raises BadRequest."""
    words = " ".join(text.split())
    if len(words) > ALT_CHARACTERS_MAX or not words.isprintable():
        raise BadRequest(f"What a picture shows is said in at most {ALT_CHARACTERS_MAX} printable characters")
    return words


def _open(connection: sa.Connection, caller: Caller, slug: str, uid: str) -> tuple[int, Collection, Item]:
    """To be changed: the row of the picture, and where it is."""
    found = finding.open_for_change(connection, caller, slug)
    image_id, where, item = _named(connection, caller, uid)
    if where.id != found.id:
        raise _absent()
    return image_id, found, items.named(connection, caller, found, item)


def _named(connection: sa.Connection, reader: Caller, uid: str) -> tuple[int, Collection, str]:
    """The row of a picture, its collection as far as the reader may see it, and the uid of its item. Raises NotFound."""
    joined = _pictures.join(_images, _images.c.id == _pictures.c.image_id).join(
        _items, _items.c.id == _pictures.c.item_id
    )
    collections = schema.collections
    query = sa.select(_pictures.c.image_id, collections.c.uid, _items.c.uid.label("item"))
    query = query.select_from(joined.join(collections, collections.c.id == _items.c.collection_id))
    row = connection.execute(query.where(_images.c.uid == uid)).first()
    if row is None:
        raise _absent()
    return row.image_id, finding.get_within(connection, reader, row.uid), row.item


def _note(connection: sa.Connection, found: Collection, caller: Caller, item: Item) -> None:
    note_change(connection, found, caller, "picture", items.what(item))
    items.touch(connection, found)


def _absent() -> NotFound:
    return NotFound("There is nothing at this address")
