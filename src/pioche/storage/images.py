"""Pictures that people sent, as rows: whose they are, where they are shown. Their bytes are contents like all others.

Every one was written anew by `render.pictures` before it comes here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import sqlalchemy as sa

from pioche.db import schema
from pioche.db.engine import Database
from pioche.db.instance import new_uid, now_ms
from pioche.events import Event
from pioche.jobs import outbox
from pioche.names import Sha256
from pioche.storage.contents import Content, Contents

_table, _uses, _contents = schema.images, schema.image_uses, schema.contents
_pictures = schema.collection_pictures
_UNUSED_MS = 86_400_000
SUFFIXES: Final = {"image/png": "png", "image/webp": "webp"}


class Use(StrEnum):
    """What a picture is for."""

    AVATAR = "avatar"
    SOCIAL = "social"
    """What is shown where somebody links a repo."""
    ATTACHMENT = "attachment"
    """In a comment."""
    GALLERY = "gallery"
    """Of an item of a collection."""


_MANY: Final = (Use.ATTACHMENT, Use.GALLERY)
"""Of others an account or a repo has one."""


@dataclass(frozen=True, slots=True)
class Image:
    """A picture that is kept. `uid` is the address of those of which there are many; others are known by their content."""

    id: int
    uid: str
    account_id: int
    content: Content
    media_type: str
    width: int
    height: int

    @property
    def suffix(self) -> str:
        return SUFFIXES[self.media_type]


@dataclass(frozen=True, slots=True)
class New:
    """A picture to keep. `repo_id` of those that show a repo; `event` tells of it, where that is to be told. `show` is given
    its row, in the same transaction, to bring it where it is shown."""

    use: Use
    account_id: int
    data: bytes
    media_type: str
    size: tuple[int, int]
    repo_id: int | None = None
    event: Event | None = None
    show: Callable[[sa.Connection, int], None] | None = None


def keep(contents: Contents, image: New) -> str:
    """Durable when this returns; the picture that was there for the same account or repo is gone. Returns its uid.

    Raises RepoNotFound when the account or the repo was removed meanwhile, and what `show` raises.
    """
    uid = new_uid()

    def link(connection: sa.Connection, sha256: Sha256) -> None:
        if image.use not in _MANY:
            connection.execute(_table.delete().where(*_shown(image.use, image.account_id, image.repo_id)))
        width, height = image.size
        whose = {"account_id": image.account_id, "repo_id": image.repo_id, "use": image.use.value}
        what = {"sha256": sha256, "media_type": image.media_type, "width": width, "height": height}
        insert = _table.insert().values(uid=uid, at=now_ms(), **whose, **what).returning(_table.c.id)
        row_id = connection.execute(insert).scalar_one()
        if image.show is not None:
            image.show(connection, row_id)
        if image.event is not None:
            outbox.append(connection, image.event)

    contents.keep(image.data, link)
    return uid


def forget(
    database: Database, use: Use, account_id: int, repo_id: int | None = None, event: Event | None = None
) -> bool:
    """The picture of an account or a repo, which `event` tells of. False when there was none."""
    with database.write() as connection:
        was_there = connection.execute(_table.delete().where(*_shown(use, account_id, repo_id))).rowcount > 0
        if was_there and event is not None:
            outbox.append(connection, event)
    return was_there


def _shown(use: Use, account_id: int, repo_id: int | None) -> tuple[sa.ColumnElement[bool], ...]:
    whose = _table.c.account_id == account_id if repo_id is None else _table.c.repo_id == repo_id
    return _table.c.use == use.value, whose


def avatar(database: Database, sha256: str) -> Image | None:
    """By its content: whose ever it is, everybody may see it."""
    return _find(database, _table.c.use == Use.AVATAR.value, _table.c.sha256 == sha256)


def avatar_of(database: Database, account_id: int) -> Image | None:
    return _find(database, *_shown(Use.AVATAR, account_id, None))


def of_repo(database: Database, repo_id: int) -> Image | None:
    """What its owners chose to stand for it."""
    return _find(database, *_shown(Use.SOCIAL, 0, repo_id))


def attachment(database: Database, uid: str) -> Image | None:
    return _find(database, _table.c.use == Use.ATTACHMENT.value, _table.c.uid == uid)


def in_gallery(database: Database, uid: str) -> Image | None:
    return _find(database, _table.c.use == Use.GALLERY.value, _table.c.uid == uid)


def _find(database: Database, *conditions: sa.ColumnElement[bool]) -> Image | None:
    held = _contents.c.sha256, _contents.c.size, _contents.c.kind, _contents.c.xet_hash
    about = _table.c.id, _table.c.uid, _table.c.account_id, _table.c.media_type, _table.c.width, _table.c.height
    joined = _table.join(_contents, _contents.c.sha256 == _table.c.sha256)
    query = sa.select(*about, *held).select_from(joined).where(*conditions).order_by(_table.c.id.desc()).limit(1)
    with database.read() as connection:
        row = connection.execute(query).first()
    if row is None:
        return None
    content = Content(Sha256(row.sha256), row.size, row.kind, row.xet_hash)
    return Image(row.id, row.uid, row.account_id, content, row.media_type, row.width, row.height)


def unused(database: Database, account_id: int) -> int:
    """How many pictures somebody sent that are in no thread (yet)."""
    query = sa.select(sa.func.count()).select_from(_table).where(_unused(), _table.c.account_id == account_id)
    with database.read() as connection:
        return connection.execute(query).scalar_one()


def sweep(database: Database) -> int:
    """Forgets attachments that have been in no thread for a day, and pictures of items that are gone. Returns how many;
    collection frees their bytes."""
    with database.write() as connection:
        doomed = _table.delete().where(_unused() | _without_item(), _table.c.at < now_ms() - _UNUSED_MS)
        return connection.execute(doomed).rowcount


def _unused() -> sa.ColumnElement[bool]:
    in_threads = sa.select(_uses.c.image_id).where(_uses.c.image_id == _table.c.id).exists()
    return (_table.c.use == Use.ATTACHMENT.value) & ~in_threads


def _without_item() -> sa.ColumnElement[bool]:
    shown = sa.select(_pictures.c.image_id).where(_pictures.c.image_id == _table.c.id).exists()
    return (_table.c.use == Use.GALLERY.value) & ~shown
