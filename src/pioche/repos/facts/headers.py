"""Reads what stands in the headers of weights: by ranges, through whatever holds the bytes. Done by a job, after the commit."""

from collections.abc import Callable

from pioche.db.engine import Database
from pioche.errors import Corrupt, EntryNotFound
from pioche.names import Oid
from pioche.repos import files
from pioche.repos.access import Repo
from pioche.repos.facts import gguf, records, safetensors
from pioche.repos.facts.observation import Observed, Seen
from pioche.repos.facts.ranges import Source, Unreadable
from pioche.repos.facts.whole import amend
from pioche.repos.files import Entry


def read_missing(repo: Repo) -> bool:
    """Reads the headers that are not known yet and stores what follows. False when some could not be read because their
    bytes are not there as they should be: worth another attempt. Raises Unavailable."""
    record = _record(repo.database, repo.id)
    if record is None:
        return True
    unread = record.observed.unread
    found = {path: seen for path in unread if (seen := _seen(repo, path, record.observed.weights[path])) is not None}
    if found:
        amend(repo, lambda seen: add(seen, found))
    return len(found) == len(unread)


def _record(database: Database, repo_id: int) -> records.Record | None:
    with database.read() as connection:
        return records.read(connection, repo_id)


def _seen(repo: Repo, path: str, oid: str) -> Seen | None:
    """None: not now. The file may also be another one by now: then a later job reads that."""
    try:
        entry = files.locate_sync(repo, "main", path).entry
        if entry.oid != oid:
            return None
        return read(path, entry, reader(repo, entry))
    except (Corrupt, EntryNotFound):
        return None


def reader(repo: Repo, entry: Entry) -> Callable[[int, int], bytes]:
    if entry.sha256 is None:
        blob = files.read_blob(repo, entry.oid)
        return lambda start, end: blob[start:end]
    content, contents = files.content(repo, entry), repo.stores.contents
    return lambda start, end: b"".join(contents.read(content, start, end))


def read(path: str, entry: Entry, give: Callable[[int, int], bytes]) -> Seen:
    """The header of one file; what is wrong with it is in `error`."""
    try:
        return (_gguf if path.lower().endswith(".gguf") else _safetensors)(entry, give)
    except Unreadable as error:
        return Seen(entry.oid, error=str(error))


def _safetensors(entry: Entry, give: Callable[[int, int], bytes]) -> Seen:
    header = safetensors.read(Source(entry.size, give, limit=safetensors.BYTES_READ_MAX))
    return Seen(entry.oid, _bounded(header.parameters()))


_OF_GGUF = {
    "chat_template": "tokenizer.chat_template",
    "quantize_imatrix_file": "quantize.imatrix.file",
    "name": "general.name",
}


def _gguf(entry: Entry, give: Callable[[int, int], bytes]) -> Seen:
    header = gguf.read(Source(entry.size, give, limit=gguf.BYTES_READ_MAX))
    info: dict[str, object] = {"architecture": header.architecture, "context_length": header.number("context_length")}
    info |= {name: header.values.get(key) for name, key in _OF_GGUF.items()}
    info |= {f"{name}_token": header.special_token(name) for name in ("bos", "eos")}
    kept = {name: value for name, value in info.items() if isinstance(value, str | int) and value != ""}
    return Seen(entry.oid, _bounded(header.parameters), kept)


def _bounded(parameters: dict[str, int]) -> dict[str, int]:
    """Raises Unreadable for more than fits a column: no machine holds such a model."""
    if sum(parameters.values()) >= 2**53:
        raise Unreadable("it says that it has more parameters than there can be")
    return parameters


def add(observed: Observed, found: dict[str, Seen]) -> None:
    """Those that are still the files that were read."""
    current = {path: seen for path, seen in found.items() if observed.weights.get(path) == Oid(seen.oid)}
    observed.headers = dict(sorted((observed.headers | current).items()))
