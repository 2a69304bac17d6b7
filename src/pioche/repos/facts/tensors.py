"""The headers of a model's safetensors files as they are written: one file's, or those of all the parts that an index names."""

from dataclasses import dataclass
from typing import Any

import msgspec

from pioche.errors import EntryNotFound, Unprocessable
from pioche.repos import files
from pioche.repos.access import Repo
from pioche.repos.facts import headers, safetensors
from pioche.repos.facts.ranges import Source, Unreadable
from pioche.repos.files import Entry

_PARTS_MAX = 1_000
_INDEX_BYTES_MAX = 32 * 2**20
_HEADERS_BYTES_MAX = 64 * 2**20


class _Index(msgspec.Struct):
    weight_map: dict[str, str]
    metadata: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Tensors:
    """`headers` by file, as JSON; `metadata` is the index's, None where there is none."""

    metadata: dict[str, Any] | None
    headers: dict[str, msgspec.Raw]


def read(repo: Repo, revision: str, path: str) -> Tensors:
    """Of the file or the index at `path`.

    Raises EntryNotFound, also for a part that is not there; Unprocessable for files that are not what they should be, or
    have more header than can be read at once.
    """
    entry = _file(repo, revision, path)
    if not path.endswith(".index.json"):
        return Tensors(None, {path: _header(repo, path, entry)})
    index = _index(repo, path, entry)
    folder = path.rpartition("/")[0]
    found, size = dict[str, msgspec.Raw](), 0
    for part in sorted(set(index.weight_map.values())):
        place = f"{folder}/{part}" if folder else part
        found[part] = _header(repo, place, _file(repo, revision, place))
        size += len(bytes(found[part]))
        if size > _HEADERS_BYTES_MAX:
            raise Unprocessable(
                f"The headers of these files have more than {_HEADERS_BYTES_MAX} bytes: read them one by one"
            )
    return Tensors(index.metadata, found)


def _file(repo: Repo, revision: str, path: str) -> Entry:
    located = files.locate_sync(repo, revision, path)
    if not located.entry.is_file:
        raise EntryNotFound(commit=located.commit)
    return located.entry


def _index(repo: Repo, path: str, entry: Entry) -> _Index:
    if entry.size > _INDEX_BYTES_MAX:
        raise Unprocessable(f"{path} is larger than any index")
    try:
        index = msgspec.json.decode(files.read_all(repo, entry), type=_Index)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise Unprocessable(f"{path} is not an index of safetensors files") from None
    if len(set(index.weight_map.values())) > _PARTS_MAX:
        raise Unprocessable(f"{path} names more than {_PARTS_MAX} files")
    return index


def _header(repo: Repo, path: str, entry: Entry) -> msgspec.Raw:
    source = Source(entry.size, headers.reader(repo, entry), limit=2 * safetensors.BYTES_READ_MAX)
    try:
        safetensors.read(source)
        return msgspec.Raw(safetensors.read_json(source)[0])
    except Unreadable as error:
        raise Unprocessable(f"{path} cannot be read: {error}") from None
