"""Large files: the bytes of those that are kept whole, and those that were lost."""

import hashlib
from collections.abc import Iterator
from functools import partial
from typing import Any

import sqlalchemy as sa

from pioche.db import schema
from pioche.db.dialect import insert_if_absent
from pioche.db.instance import now_ms
from pioche.errors import Corrupt
from pioche.storage import collection, damage
from pioche.storage.blobs import blob_key
from pioche.storage.contents import LOST
from pioche.storage.verification import at_full_speed, blob_fault, size_fault
from pioche.upkeep.fsck import kinds, xorbs
from pioche.upkeep.fsck.findings import CannotMend, Problem
from pioche.upkeep.fsck.kinds import Kind
from pioche.upkeep.fsck.scene import Scene, after

_contents = schema.contents
_SHOWN_MAX = 5


def sizes(scene: Scene, prefix: str) -> Iterator[Problem]:
    """Every file that is kept whole and whose sha256 begins so has its bytes, as many as its row says."""
    rows = _rows(scene, prefix, "blob")
    scene.count("large files", len(rows))
    if not rows:
        return
    stored = {item.key: item.size for item in scene.blobs.list(f"blobs/{prefix}".rstrip("/"))}
    for row in rows:
        fault = size_fault(stored.get(blob_key(row.sha256)), row.size)
        if fault:
            kind = kinds.BLOB_TRUNCATED if blob_key(row.sha256) in stored else kinds.BLOB_MISSING
            yield _problem(scene, kind, row.sha256, row.size, fault)


def hashes(scene: Scene, sha256: str, size: int) -> Iterator[Problem]:
    """The bytes of one file are those of its name. Reads them all."""
    if scene.blobs.size(blob_key(sha256)) != size:
        return  # `sizes` has told
    fault = blob_fault(scene.blobs, sha256, size, scene.pace)
    if fault:
        yield _problem(scene, kinds.BLOB_DAMAGED, sha256, size, fault)


def one(scene: Scene, sha256: str) -> Iterator[Problem]:
    """Everything about the bytes of one file that is kept whole; nothing when it is not any more."""
    with scene.database.read() as connection:
        query = sa.select(_contents.c.size).where(_contents.c.sha256 == sha256, _contents.c.kind == "blob")
        size = connection.execute(query).scalar()
    if size is None:
        return
    stored = scene.blobs.size(blob_key(sha256))
    if fault := size_fault(stored, size):
        kind = kinds.BLOB_MISSING if stored is None else kinds.BLOB_TRUNCATED
        yield _problem(scene, kind, sha256, size, fault)
    yield from hashes(scene, sha256, size)


def whole_files(scene: Scene, prefix: str) -> list[tuple[str, int]]:
    """The sha256 and size of each file that is kept whole."""
    return [(row.sha256, row.size) for row in _rows(scene, prefix, "blob")]


def lost(scene: Scene, prefix: str) -> Iterator[Problem]:
    """Files whose bytes were lost; those that came back are taken into use."""
    for row in _rows(scene, prefix, LOST):
        yield Problem(
            kinds.CONTENT_LOST,
            blob_key(row.sha256),
            f"{row.size} bytes",
            partial(_take_back, scene, row.sha256, row.size),
            {**_places(scene, row.sha256), "parts": partial(_missing_parts, scene, row.sha256)},
        )


def rows(scene: Scene) -> Iterator[Problem]:
    """Every file that a repo holds, or that is shown as a picture, has a row."""
    links, images = schema.repo_contents, schema.images
    query = sa.select(links.c.sha256).where(_rowless(links))
    if scene.only is not None:
        query = query.where(links.c.repo_id.in_(sorted(scene.only)))
    shown = sa.select(images.c.sha256).where(_rowless(images))
    with scene.database.read() as connection:
        found = dict.fromkeys(connection.execute(query).scalars(), "a repo holds it")
        if scene.only is None:
            found |= dict.fromkeys(connection.execute(shown).scalars(), "it is a picture that people see") | found
    for sha256, why in sorted(found.items()):
        mend = partial(make_row, scene, sha256)
        yield Problem(kinds.CONTENT_ROW, blob_key(sha256), why, mend, _places(scene, sha256))


def _rowless(table: sa.Table) -> sa.ColumnElement[bool]:
    return ~sa.exists().where(_contents.c.sha256 == table.c.sha256)


def make_row(scene: Scene, sha256: str) -> str:
    """From the bytes that are stored under this name, which are read. Raises CannotMend."""
    size = scene.blobs.size(blob_key(sha256))
    if size is None or blob_fault(scene.blobs, sha256, size):
        raise CannotMend("its bytes are not stored whole")
    values = {"sha256": sha256, "size": size, "kind": "blob", "created_at": now_ms()}
    with scene.database.write() as connection:
        connection.execute(insert_if_absent(connection, _contents).values(values))
        connection.execute(_contents.update().where(_contents.c.sha256 == sha256).values(size=size))
    return "The row was made from the stored bytes"


# --- mending --------------------------------------------------------------------------------------------------------


def _problem(scene: Scene, kind: Kind, sha256: str, size: int, fault: str) -> Problem:
    return Problem(kind, blob_key(sha256), fault, partial(_mend, scene, sha256, size), _places(scene, sha256))


def _mend(scene: Scene, sha256: str, size: int) -> str:
    """Sets bad bytes aside; then the file is what its chunks or its quarantined bytes make, or lost."""
    key = blob_key(sha256)
    if blob_fault(scene.blobs, sha256, size) is None:
        return "Its bytes are good again"
    damage.set_aside(scene.database, scene.blobs, key)
    if from_quarantine(scene, key, sha256, size):
        return "Its bytes were taken back from quarantine"
    if _serve_from_chunks(scene, sha256, size):
        return "It is served from its chunks, which hold the same bytes"
    damage.lose_blob(scene.database, scene.blobs, sha256)
    raise CannotMend("no other copy is here; the file is marked as lost")


def from_quarantine(scene: Scene, key: str, sha256: str, size: int) -> bool:
    """Bytes that were set aside, by collection or by mistake, and are good."""
    aside = collection.quarantine_key(key)
    if scene.blobs.size(aside) != size:
        return False
    digest = hashlib.sha256()
    for piece in scene.blobs.read(aside):
        digest.update(piece)
    if digest.hexdigest() != sha256:
        return False
    scene.blobs.move(aside, key)
    _forget_quarantine(scene, key)
    return True


def _forget_quarantine(scene: Scene, key: str) -> None:
    with scene.database.write() as connection:
        connection.execute(schema.quarantine.delete().where(schema.quarantine.c.key == key))


def _serve_from_chunks(scene: Scene, sha256: str, size: int) -> bool:
    """Whether the file also is there as chunks; they are read and hashed, and then serve it."""
    with scene.database.read() as connection:
        xet_hash = connection.execute(sa.select(_contents.c.xet_hash).filter_by(sha256=sha256)).scalar()
    if xet_hash is None or chunks_sha256(scene, xet_hash, size) != sha256:
        return False
    with scene.database.write() as connection:
        connection.execute(_contents.update().where(_contents.c.sha256 == sha256).values(kind="xet"))
    return True


def chunks_sha256(scene: Scene, xet_hash: str, size: int) -> str | None:
    """Of the bytes that a file's chunks make; None when they cannot be read."""
    digest = hashlib.sha256()
    try:
        for piece in scene.files.read(xet_hash, 0, size):
            digest.update(piece)
            scene.pace(len(piece))
    except Corrupt:
        return None
    return digest.hexdigest()


def _take_back(scene: Scene, sha256: str, size: int) -> str:
    key = blob_key(sha256)
    if blob_fault(scene.blobs, sha256, size, at_full_speed) is None or from_quarantine(scene, key, sha256, size):
        with scene.database.write() as connection:
            back = _contents.update().where(_contents.c.sha256 == sha256, _contents.c.kind == LOST)
            connection.execute(back.values(kind="blob"))
        return "Its bytes are back"
    if scene.blobs.size(key) is not None:
        damage.set_aside(scene.database, scene.blobs, key)
    xorbs.take_back(scene, sha256)
    if _serve_from_chunks(scene, sha256, size):
        return "It is served from its chunks, which are back"
    raise CannotMend("its bytes are not back")


def _missing_parts(scene: Scene, sha256: str) -> str:
    """What has to come back: the xorbs that are gone of a file that is made of them, or the whole file."""
    gone = [key for key in xorbs.keys_of(scene, sha256) if scene.blobs.size(key) is None]
    shown = ", ".join(gone[:_SHOWN_MAX]) or blob_key(sha256)
    return shown if len(gone) <= _SHOWN_MAX else f"{shown} and {len(gone) - _SHOWN_MAX} more xorbs"


# --- reading rows ---------------------------------------------------------------------------------------------------


def _rows(scene: Scene, prefix: str, kind: str) -> "list[sa.Row[Any]]":
    query = (
        sa.select(_contents.c.sha256, _contents.c.size)
        .where(_contents.c.sha256 >= prefix, _contents.c.sha256 < after(prefix), _contents.c.kind == kind)
        .where(*scene.in_scope(schema.repo_contents, _contents.c.sha256, "sha256"))
        .order_by(_contents.c.sha256)
    )
    with scene.database.read() as connection:
        return list(connection.execute(query))


def _places(scene: Scene, sha256: str) -> dict[str, Any]:
    return {"used_by": partial(scene.used_by, sha256)}
