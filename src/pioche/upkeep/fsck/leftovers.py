"""What lies around that no row knows: stored bytes, folders of git objects, drafts, damaged files of the cache."""

import hashlib
import os
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from pioche.db import schema
from pioche.db.instance import now_ms
from pioche.names import HEX64
from pioche.storage.collection import UNREACHABLE, quarantine_key
from pioche.storage.disk import sync_folder, translated
from pioche.storage.incoming import upload_path
from pioche.upkeep.fsck import kinds
from pioche.upkeep.fsck.findings import CannotMend, Problem
from pioche.upkeep.fsck.scene import Scene, after

_DRAFT_SECONDS = 24 * 3600
_PIECE = 2**20

PLACES: tuple[tuple[str, "sa.Column[Any]"], ...] = (
    ("blobs", schema.contents.c.sha256),
    ("xet/xorbs", schema.xorbs.c.hash),
)
"""Folders of the store, and the column that names what is in them."""


def stored(scene: Scene, folder: str, column: "sa.Column[Any]", prefix: str) -> Iterator[Problem]:
    """Bytes that are older than the time an upload may take, and of which no row is known."""
    before = now_ms() - scene.grace_ms
    items = [item for item in scene.blobs.list(f"{folder}/{prefix}".rstrip("/")) if item.modified_at < before]
    if not items:
        return
    with scene.database.read() as connection:
        query = sa.select(column).where(column >= prefix, column < after(prefix))
        known = set(connection.execute(query).scalars())
    unknown = [item for item in items if item.key.rpartition("/")[2] not in known]
    if unknown:
        size = sum(item.size for item in unknown)
        detail = f"{len(unknown)} keys, {size} bytes, such as {unknown[0].key}"
        yield Problem(kinds.ORPHANED_BYTES, f"{folder}/{prefix}", detail)


def quarantined(scene: Scene) -> Iterator[Problem]:
    """Rows of quarantine whose bytes are gone: nothing can be taken back from there.

    Not those of a collection, which condemns before it moves or deletes: the next one ends what was broken off.
    """
    table = schema.quarantine
    with scene.database.read() as connection:
        rows = connection.execute(sa.select(table.c.key).where(table.c.reason != UNREACHABLE)).scalars().all()
    for key in rows:
        if scene.blobs.size(quarantine_key(key)) is None:
            yield Problem(kinds.QUARANTINE_ROW, quarantine_key(key), "", partial(_forget, scene, key))


def _forget(scene: Scene, key: str) -> str:
    with scene.database.write() as connection:
        connection.execute(schema.quarantine.delete().where(schema.quarantine.c.key == key))
    return "The row was removed"


# --- git folders ----------------------------------------------------------------------------------------------------


def git_folders(scene: Scene) -> Iterator[Problem]:
    """Folders of git objects of which no repo is known."""
    repos = schema.repos
    with scene.database.read() as connection:
        known = set(connection.execute(sa.select(repos.c.uid)).scalars())
    for folder in sorted((scene.config.data_dir / "git").glob("??/*")):
        uid = folder.name.partition(".")[0]
        if uid not in known and _age_seconds(folder) * 1000 > scene.grace_ms:
            place = str(folder.relative_to(scene.config.data_dir))
            yield Problem(kinds.ORPHANED_FOLDER, place, "", partial(_set_folder_aside, scene, folder))


def _set_folder_aside(scene: Scene, folder: Path) -> str:
    """Never removed here: after the restore of an older database it may be all that is left of a repo."""
    aside = scene.config.data_dir / "quarantine" / "git" / folder.name
    with translated():
        aside.parent.mkdir(parents=True, exist_ok=True)
        if aside.exists():
            raise CannotMend(f"{aside} is there already")
        folder.rename(aside)
        sync_folder(aside.parent)
        sync_folder(folder.parent)
    return "It was moved to quarantine/git"


# --- uploads --------------------------------------------------------------------------------------------------------


def uploads(scene: Scene) -> Iterator[Problem]:
    """Rows that have expired, and files that belong to no upload and that nobody writes to."""
    table, now = schema.uploads, now_ms()
    with scene.database.read() as connection:
        rows = connection.execute(sa.select(table.c.id, table.c.expires_at)).all()
    for row in rows:
        if row.expires_at < now - scene.grace_ms:
            yield Problem(kinds.STALE_UPLOAD, f"upload {row.id}", "it has expired", partial(_end, scene, row.id))
    live = {upload_path(scene.config.data_dir, row.id) for row in rows}
    for path in sorted((scene.config.data_dir / "incoming").glob("*")):
        if path not in live and _age_seconds(path) > _DRAFT_SECONDS:
            place = str(path.relative_to(scene.config.data_dir))
            yield Problem(kinds.STALE_UPLOAD, place, "no upload needs it", partial(_remove, path))


def _end(scene: Scene, upload_id: str) -> str:
    with translated():
        upload_path(scene.config.data_dir, upload_id).unlink(missing_ok=True)
    with scene.database.write() as connection:
        connection.execute(schema.uploads.delete().where(schema.uploads.c.id == upload_id))
    return "The upload was ended"


# --- caches ---------------------------------------------------------------------------------------------------------


def caches(scene: Scene, *, deep: bool) -> Iterator[Problem]:
    """Files of the cache that cannot be read; `deep`, also rebuilt files that are not what they are named after."""
    for folder, _, names in os.walk(scene.config.data_dir / "cache"):
        for name in sorted(names):
            path = Path(folder) / name
            fault = _cache_fault(scene, path, deep=deep)
            if fault:
                place = str(path.relative_to(scene.config.data_dir))
                yield Problem(kinds.CACHE_DAMAGED, place, fault, partial(_remove, path))


def _cache_fault(scene: Scene, path: Path, *, deep: bool) -> str | None:
    digest, named = hashlib.sha256(), bool(HEX64.match(path.name)) and path.parent.name == "files"
    try:
        with path.open("rb") as file:
            while piece := file.read(_PIECE):
                if not (deep and named):
                    return None
                digest.update(piece)
                scene.pace(len(piece))
    except FileNotFoundError:
        return None  # it was just evicted
    except OSError as error:
        return error.strerror
    return "its bytes are not those of its name" if deep and named and digest.hexdigest() != path.name else None


def _remove(path: Path) -> str:
    with translated():
        if path.is_dir() and not path.is_symlink():
            for inside in path.iterdir():
                _remove(inside)
            path.rmdir()
        else:
            path.unlink(missing_ok=True)
    return "It was removed"


def _age_seconds(path: Path) -> float:
    """Since the newest change in it; what vanishes meanwhile is being used."""
    try:
        inside = [entry.lstat().st_mtime for entry in path.rglob("*")] if path.is_dir() else []
        return time.time() - max([path.lstat().st_mtime, *inside])
    except FileNotFoundError:
        return 0.0
