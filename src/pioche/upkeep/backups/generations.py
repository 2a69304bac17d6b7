"""What one backup is (docs/formats/backup.md): a small description that names everything else by sha256.

pioche-backup.json             whose backups these are
generations/<time>-<hash>.json the descriptions, each written last; the hash is its own
rows/ab/<sha256>.jsonl.gz      parts of tables
lists/ab/<sha256>.jsonl.gz     which files belong to a generation
blobs/ xet/ git/               files, under the names that they have in a data folder
"""

import hashlib
import zlib
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from pioche import __version__
from pioche.errors import Conflict, Corrupt, NotFound
from pioche.storage.blobs import BlobStore
from pioche.storage.drafts import Draft
from pioche.upkeep.backups.places import MARK, Place

FORMAT = 1

_PART_BYTES = 4 * 2**20
_PART_BYTES_MAX = 8 * _PART_BYTES
_HASH_DIGITS = 16
_GZIP = 16 + zlib.MAX_WBITS  # zlib's way to say "with gzip's header"


class Kept(msgspec.Struct, frozen=True, array_like=True):
    """A file of a backup: its key, its size in bytes, the sha256 of its bytes."""

    key: str
    size: int
    sha256: str


class Damaged(msgspec.Struct, frozen=True):
    """A file that the rows name and that could not be copied."""

    key: str
    why: str


class Table(msgspec.Struct, frozen=True):
    """The rows of one table, in `parts`: JSON arrays in the order of `columns`, one a line."""

    name: str
    columns: list[str]
    rows: int
    parts: list[Kept]


class Generation(msgspec.Struct, frozen=True):
    """One backup. `revision` is that of the schema, `version` that of Pioche; `lists` name `file_count` files."""

    identity: str
    created_at: str
    revision: str
    tables: list[Table]
    last_numbers: dict[str, int]
    lists: list[Kept]
    file_count: int
    file_bytes: int
    damaged: list[Damaged]
    version: str = __version__
    format: int = FORMAT


# --- writing ---------------------------------------------------------------------------------------------------------


def claim(place: Place, identity: str) -> None:
    """Makes the place the backups of the hub `identity`. Raises Conflict when it is another's."""
    if place.store.size(MARK) is None:
        _put(place, MARK, msgspec.json.encode({"format": FORMAT, "identity": identity}))
    elif msgspec.json.decode(_read(place.store, MARK)).get("identity") != identity:
        raise Conflict("The backups there are of another hub: name another place")


def save(place: Place, generation: Generation) -> str:
    """From here on it is a backup. Returns its id, under which it sorts by time."""
    data = msgspec.json.format(msgspec.json.encode(generation))
    at = "".join(char for char in generation.created_at if char.isalnum())
    generation_id = f"{at}-{_sha256(data)[:_HASH_DIGITS]}"
    _put(place, _key(generation_id), data)
    return generation_id


def save_lines(place: Place, folder: str, lines: Iterable[bytes]) -> Iterator[Kept]:
    """Lines in parts whose ends depend on the lines near them alone: where little changed, most parts are there already."""
    part, size = list[bytes](), 0
    for line in lines:
        part.append(line)
        size += len(line) + 1
        if size >= _PART_BYTES_MAX or zlib.crc32(line) * _PART_BYTES < len(line) << 32:
            yield _save_part(place, folder, part)
            part, size = [], 0
    if part:
        yield _save_part(place, folder, part)


def remove(store: BlobStore, generation_id: str) -> None:
    """It is a backup no more; its files are still there. Idempotent."""
    store.delete(_key(generation_id))


def _save_part(place: Place, folder: str, part: list[bytes]) -> Kept:
    packer = zlib.compressobj(level=1, wbits=_GZIP)
    data = packer.compress(b"\n".join([*part, b""])) + packer.flush()
    sha256 = _sha256(data)
    kept = Kept(f"{folder}/{sha256[:2]}/{sha256}.jsonl.gz", len(data), sha256)
    if not _is_there(place.store, kept):
        place.store.delete(kept.key)
        _put(place, kept.key, data)
    return kept


def _is_there(store: BlobStore, kept: Kept) -> bool:
    """By its bytes: without it nothing of the backup is of use."""
    return store.size(kept.key) == kept.size and _sha256(_read(store, kept.key)) == kept.sha256


def _put(place: Place, key: str, data: bytes) -> None:
    with Draft(place.scratch, size=len(data)) as draft:
        draft.write([data])
        draft.finish()
        if place.private:
            draft.path.chmod(0o600)  # keys and hashes of passwords are in here
        place.store.put(key, draft.path)


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


# --- reading ---------------------------------------------------------------------------------------------------------


def ids(store: BlobStore) -> list[str]:
    """Oldest first."""
    found = (stored.key.removeprefix("generations/") for stored in store.list("generations"))
    return sorted(name.removesuffix(".json") for name in found if name.endswith(".json"))


def load(store: BlobStore, generation_id: str) -> Generation:
    """Raises NotFound, Corrupt, and Conflict for one that a newer version wrote."""
    if generation_id not in ids(store):
        raise NotFound(f"There is no backup {generation_id} there")
    data = _read(store, _key(generation_id))
    if _sha256(data)[:_HASH_DIGITS] != generation_id.rpartition("-")[2]:
        raise Corrupt(f"The description of backup {generation_id} is damaged")
    if (written := msgspec.json.decode(data)["format"]) > FORMAT:
        raise Conflict(f"The backup was made by a newer Pioche (format {written}): use that version")
    return msgspec.json.decode(data, type=Generation)


def lines(store: BlobStore, parts: Iterable[Kept]) -> Iterator[bytes]:
    """What `save_lines` wrote. Raises Corrupt."""
    for part in parts:
        data = _read(store, part.key)
        if _sha256(data) != part.sha256:
            raise Corrupt(f"{part.key} of the backup is damaged")
        yield from zlib.decompress(data, wbits=_GZIP).split(b"\n")[:-1]


def rows(store: BlobStore, generation: Generation, name: str) -> Iterator[dict[str, Any]]:
    """The rows of one table, bytes as base64. Raises Corrupt."""
    table = next(table for table in generation.tables if table.name == name)
    for line in lines(store, table.parts):
        yield dict(zip(table.columns, msgspec.json.decode(line), strict=True))


def files(store: BlobStore, generation: Generation) -> Iterator[Kept]:
    """Every file of the generation; those of one git repo come together."""
    for line in lines(store, generation.lists):
        yield msgspec.json.decode(line, type=Kept)


def _key(generation_id: str) -> str:
    return f"generations/{generation_id}.json"


def _read(store: BlobStore, key: str) -> bytes:
    return b"".join(store.read(key))


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
