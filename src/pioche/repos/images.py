"""Pictures that people send, from the bytes that arrive to who may see them (reliability.md F-UPLOAD).

Avatars are for everybody. The picture of a repo is for who may open the repo. An attachment is its sender's alone until a
comment has its address; then it is for whoever may open the repo of that thread, and only the sender can bring it there:
knowing an address gives nothing. What is in a gallery is for who sees the item of the collection (`community.collections`).
"""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Final

import sqlalchemy as sa

from pioche.accounts.callers import Caller
from pioche.db import schema
from pioche.db.dialect import insert_rows
from pioche.errors import (
    Forbidden,
    NotFound,
    TooLarge,
    TooManyRequests,
    Unavailable,
    Unprocessable,
    UnsupportedMediaType,
)
from pioche.events import Event
from pioche.render import pictures
from pioche.render.pictures import AttachmentJob, AvatarJob, Crop, Picture, PictureJob, Refusal, SocialJob
from pioche.render.renderer import Renderer
from pioche.render.results import Problem
from pioche.repos.access import Access, Action, Repo
from pioche.storage import images
from pioche.storage.contents import Contents
from pioche.storage.images import Image, New, Use

UNUSED_MAX: Final = 200
"""Attachments of one person that are in no thread."""
_IN_A_TEXT_MAX = 100
_REPOS_MAX = 20
_ADDRESS = re.compile(r"/uploads/([0-9a-f]{24})\.(?:png|webp)\b")
_images, _uses, _repos = schema.images, schema.image_uses, schema.repos


def set_avatar(contents: Contents, renderer: Renderer, account_id: int, data: bytes, crop: Crop | None = None) -> None:
    """Of a person or an organisation. Raises as `_remade`."""
    made = _remade(renderer, data, AvatarJob(data, crop))
    images.keep(contents, _new(Use.AVATAR, account_id, made))


def set_social(repo: Repo, caller: Caller, renderer: Renderer, data: bytes) -> None:
    """What stands for the repo where it is linked, instead of the one before; it is its owner's. Raises as `_remade`."""
    made = _remade(renderer, data, SocialJob(data))
    new = _new(Use.SOCIAL, repo.namespace_id, made, repo.id)
    images.keep(repo.stores.contents, replace(new, event=_event(repo, caller)))


def forget_social(repo: Repo, caller: Caller) -> None:
    """Idempotent."""
    images.forget(repo.database, Use.SOCIAL, 0, repo.id, _event(repo, caller))


def _event(repo: Repo, caller: Caller) -> Event:
    return Event("repo.update_picture", repo.id, caller.user_id or None, {"id": str(repo.repo_id)})


def attach(access: Access, renderer: Renderer, caller: Caller, data: bytes) -> Image:
    """A picture for a comment to come. Raises TooManyRequests for who sent many that are in no comment, and as `_remade`."""
    stores = access.stores
    if images.unused(stores.database, caller.user_id) >= UNUSED_MAX:
        raise TooManyRequests(
            f"You sent {UNUSED_MAX} pictures that are in no comment: wait until tomorrow, or use them"
        )
    made = _remade(renderer, data, AttachmentJob(data))
    uid = images.keep(stores.contents, _new(Use.ATTACHMENT, caller.user_id, made))
    kept = images.attachment(stores.database, uid)
    if kept is None:
        raise Forbidden("This account was removed")
    return kept


def show(
    contents: Contents, renderer: Renderer, account_id: int, data: bytes, place: Callable[[sa.Connection, int], None]
) -> None:
    """A picture of many that an account has, which `place` brings where it is shown. Raises what that raises, and as
    `_remade`."""
    made = _remade(renderer, data, AttachmentJob(data))
    images.keep(contents, replace(_new(Use.GALLERY, account_id, made), show=place))


def attachment(access: Access, caller: Caller, uid: str) -> tuple[Image, bool]:
    """One that the caller may see, and whether everybody may. Raises NotFound for all others, in the same words."""
    found = images.attachment(access.stores.database, uid)
    if found is not None:
        opened = access.open_all_sync(caller, _where(access, found), Action.READ)
        if opened:
            return found, not opened[0].private
        if found.account_id == caller.user_id and not caller.is_anonymous:
            return found, False
    raise NotFound("There is nothing at this address")


def _where(access: Access, image: Image) -> list[int]:
    """The repos whose threads have it, public ones first."""
    joined = _uses.join(_repos, _repos.c.id == _uses.c.repo_id)
    here = _uses.c.image_id == image.id, _repos.c.deleted_at.is_(None)
    query = sa.select(_repos.c.id, _repos.c.private).select_from(joined).where(*here).distinct()
    with access.stores.database.read() as connection:
        return [row.id for row in connection.execute(query.order_by(_repos.c.private, _repos.c.id).limit(_REPOS_MAX))]


def note_used(connection: sa.Connection, repo_id: int, number: int, author_id: int | None, text: str) -> None:
    """A comment of a thread says this: the pictures in it that its author sent, or that the repo has already, are the thread's
    from now on."""
    uids = list(dict.fromkeys(_ADDRESS.findall(text)))[:_IN_A_TEXT_MAX]
    if not uids or author_id is None:
        return
    of_repo = sa.select(_uses.c.image_id).where(_uses.c.image_id == _images.c.id, _uses.c.repo_id == repo_id).exists()
    may = sa.or_(_images.c.account_id == author_id, of_repo)
    named = sa.select(_images.c.id).where(_images.c.use == Use.ATTACHMENT.value, _images.c.uid.in_(uids), may)
    found = list(connection.execute(named.order_by(_images.c.id).with_for_update(key_share=True, read=True)).scalars())
    insert_rows(connection, _uses, [{"image_id": id_, "repo_id": repo_id, "number": number} for id_ in found])


def _new(use: Use, account_id: int, made: Picture, repo_id: int | None = None) -> New:
    return New(use, account_id, made.data, made.media_type, (made.width, made.height), repo_id)


def _remade(renderer: Renderer, data: bytes, job: PictureJob) -> Picture:
    """Raises UnsupportedMediaType, TooLarge, Unprocessable, Unavailable."""
    if len(data) > pictures.BYTES_MAX:
        raise TooLarge(f"A picture may have at most {pictures.BYTES_MAX // 2**20} MB")
    made = renderer.remade(job)
    if made is Problem.BUSY:
        raise Unavailable("Too many pictures are being looked at: try again in a minute")
    if isinstance(made, Problem):
        raise Unprocessable("This picture takes more time or memory than a picture may")
    if made.refusal is Refusal.NOT_A_PICTURE:
        raise UnsupportedMediaType("This is no picture: send a PNG, JPEG, WebP or GIF")
    if made.refusal is Refusal.TOO_LARGE:
        raise TooLarge(
            f"A picture may have at most {pictures.PIXELS_MAX // 10**6} million pixels, and {pictures.SIDE_MAX} on a side"
        )
    if made.refusal is not None:
        raise Unprocessable("This picture is damaged: part of it is missing or wrong")
    return made
