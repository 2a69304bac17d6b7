"""Reads what the pickles of a repo would import, and keeps what can run commands: a banner on its pages tells of it.

A job does it after the commit. It is no verdict: a file of which nothing is told is not "safe" (`preview.pickles`).
"""

from pioche.db.engine import Database
from pioche.errors import Corrupt, EntryNotFound
from pioche.repos import files
from pioche.repos.access import Repo
from pioche.repos.facts import records
from pioche.repos.facts.observation import Observed, Scan
from pioche.repos.facts.whole import amend
from pioche.repos.preview import kinds, pickles, stored
from pioche.repos.preview.kinds import Kind
from pioche.repos.preview.spans import Span, Unreadable

_AT_ONCE = 100
_IMPORTS_KEPT = 20


def scan_missing(repo: Repo) -> bool:
    """Reads the imports that are not known yet, of a hundred files at most, and stores what follows; the job comes again
    for the others. False when some could not be read because their bytes are not there as they should be."""
    wanted = _unscanned(repo.database, repo.id)[:_AT_ONCE]
    found = {path: scan for path, oid in wanted if (scan := _scan(repo, path, oid)) is not None}
    if found:
        amend(repo, lambda seen: _add(seen, found))
    return len(found) == len(wanted)


def dangerous(path: str, span: Span) -> list[str]:
    """What a file would import that can run commands; nothing of a file that is no pickle, whatever it is called."""
    if kinds.of(path, span.at(0, min(kinds.HEAD_BYTES, span.size))) is not Kind.PICKLE:
        return []
    try:
        imports, _is_whole = pickles.read(span)
    except Unreadable:
        return []
    return [one.name for one in imports if one.kind == "dangerous"][:_IMPORTS_KEPT]


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
        return Scan(oid, dangerous(path, stored.span(repo, entry)))
    except (Corrupt, EntryNotFound):
        return None


def _add(observed: Observed, found: dict[str, Scan]) -> None:
    """Those that are still the files that were read."""
    current = {path: scan for path, scan in found.items() if observed.pickles.get(path) == scan.oid}
    observed.scans = dict(sorted((observed.scans | current).items()))
