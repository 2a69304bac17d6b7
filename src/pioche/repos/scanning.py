"""Reads what the pickles of a repo would import, and keeps it: pages and the API tell of it, a banner of what can run commands.

A job does it after the commit. It is no verdict: a file of which nothing is told is not "safe" (`preview.pickles`).
"""

from collections.abc import Iterable

import msgspec

from pioche.db.engine import Database, Lookup
from pioche.errors import Corrupt, EntryNotFound
from pioche.repos import files
from pioche.repos.access import Repo
from pioche.repos.facts import records
from pioche.repos.facts.observation import PICKLED, Observed, Scan
from pioche.repos.facts.whole import amend
from pioche.repos.files import Entry
from pioche.repos.preview import kinds, pickles, stored
from pioche.repos.preview.kinds import Kind
from pioche.repos.preview.pickles import Import
from pioche.repos.preview.spans import Span, Unreadable

_AT_ONCE = 100
_DANGEROUS_KEPT = 20
_IMPORTS_KEPT = 100
_OBSERVED = Lookup("SELECT observed FROM facts WHERE repo_id = :repo")


class _Scans(msgspec.Struct):
    """Of what is observed, the part that is looked at here."""

    scans: dict[str, Scan] = {}


_decode = msgspec.json.Decoder(_Scans).decode


def imports_of(repo: Repo, entries: Iterable[Entry]) -> dict[str, list[Import]]:
    """By path, what those of the entries import of which it was read; of a file that is no pickle, nothing."""
    wanted = [entry for entry in entries if entry.path.lower().endswith(PICKLED)]
    row = repo.database.fetch_one_sync(_OBSERVED, {"repo": repo.id}) if wanted else None
    if row is None or row[0] is None:
        return {}
    scans = _decode(row[0]).scans
    found = dict[str, list[Import]]()
    for entry in wanted:
        scan = scans.get(entry.path)
        if scan is not None and scan.oid == entry.oid and (names := scan.imports or scan.dangerous):
            found[entry.path] = [Import(name, pickles.kind_of(name)) for name in names]
    return found


def scan_missing(repo: Repo) -> bool:
    """Reads the imports that are not known yet, of a hundred files at most, and stores what follows; the job comes again
    for the others. False when some could not be read because their bytes are not there as they should be."""
    wanted = _unscanned(repo.database, repo.id)[:_AT_ONCE]
    found = {path: scan for path, oid in wanted if (scan := _scan(repo, path, oid)) is not None}
    if found:
        amend(repo, lambda seen: _add(seen, found))
    return len(found) == len(wanted)


def imports(path: str, span: Span) -> list[Import]:
    """What a file would import; nothing of a file that is no pickle, whatever it is called."""
    if kinds.of(path, span.at(0, min(kinds.HEAD_BYTES, span.size))) is not Kind.PICKLE:
        return []
    try:
        found, _is_whole = pickles.read(span)
    except Unreadable:
        return []
    return found


def _unscanned(database: Database, repo_id: int) -> list[tuple[str, str]]:
    with database.read() as connection:
        record = records.read(connection, repo_id)
    observed = record.observed if record is not None else None
    return [(path, observed.pickles[path]) for path in observed.unscanned] if observed is not None else []


def _scan(repo: Repo, path: str, oid: str) -> Scan | None:
    """None: not now. The file may also be another one by now: then a later job reads that."""
    try:
        entry = files.locate_sync(repo, "main", path).entry
        if entry.oid != oid:
            return None
        found = imports(path, stored.span(repo, entry))
    except (Corrupt, EntryNotFound):
        return None
    dangerous = [one.name for one in found if one.kind == "dangerous"]
    return Scan(oid, dangerous[:_DANGEROUS_KEPT], [one.name for one in found][:_IMPORTS_KEPT])


def _add(observed: Observed, found: dict[str, Scan]) -> None:
    """Those that are still the files that were read."""
    current = {path: scan for path, scan in found.items() if observed.pickles.get(path) == scan.oid}
    observed.scans = dict(sorted((observed.scans | current).items()))
