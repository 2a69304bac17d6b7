"""Deduplication answers: what a client that remembers nothing needs to know so as to send little (xet.md 8.4 and 11).

A client asks for one chunk in 1024 and for each file's first. What it is told decides what it sends: so the answer is
not the xorb that holds the chunk but all xorbs of the files that do, in file order from there on. And where the first
chunk is unknown, as when a header was changed, it is the newest large files of the repo that the upload is for.

Nothing is told of what the caller may not read: only chunks of files in readable repos have names in an answer.
"""

import secrets
import time
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from threading import Lock

import sqlalchemy as sa

from pioche.db import schema
from pioche.db.engine import Database, Lookup
from pioche.errors import ContentNotFound
from pioche.storage.xet import shards
from pioche.storage.xet.hashing import from_text, modulo, to_text
from pioche.storage.xet.reconstruction import Term, parse_terms
from pioche.storage.xet.tables import ChunkTables

_ASKED_ONE_IN = 1024
_KEY_BYTES = 32
# Rights may change: what a client remembers of an answer should not outlive them by much.
_ANSWER_SECONDS = 3600

_CHUNKS_MAX = 32_768
"""About 2 GB of content and 1.5 MB of answer. A client asks again where it finds nothing more."""
_FILES_MAX = 10_000
"""A xorb of tiny files is part of at most 8192."""
_NEWEST_MAX = 64
_GUESSES_MAX = 8
"""Answers without the chunk, for one session in one process: a client that sends 9000 small files asks 9000 times."""
_SESSIONS_MAX = 4096

# At most 64 candidates: one that the caller may read is nearly always among them, and this must stay one short read.
_CANDIDATES = {
    "repo": Lookup(
        """
        SELECT c.xorb, c.position, l.repo_id FROM xet_chunks c JOIN repo_xorbs l ON l.hash = c.xorb
        WHERE c.hash = :chunk AND l.repo_id = :repo LIMIT 64
        """
    ),
    "namespace": Lookup(
        """
        SELECT c.xorb, c.position, l.repo_id FROM xet_chunks c JOIN repo_xorbs l ON l.hash = c.xorb
        JOIN repos r ON r.id = l.repo_id WHERE c.hash = :chunk AND r.namespace_id = :namespace
        AND r.deleted_at IS NULL LIMIT 64
        """
    ),
    "public": Lookup(
        """
        SELECT c.xorb, c.position, l.repo_id FROM xet_chunks c JOIN repo_xorbs l ON l.hash = c.xorb
        JOIN repos r ON r.id = l.repo_id WHERE c.hash = :chunk
        AND (r.namespace_id = :namespace OR NOT r.private) AND r.deleted_at IS NULL LIMIT 64
        """
    ),
}

_NEWEST = Lookup(
    f"""
    SELECT f.size, f.terms FROM (
        SELECT sha256 FROM repo_contents WHERE repo_id = :repo ORDER BY created_at DESC LIMIT {_NEWEST_MAX}
    ) l JOIN contents c ON c.sha256 = l.sha256 JOIN xet_files f ON f.hash = c.xet_hash ORDER BY f.size DESC
    """
)

MayRead = Callable[[Sequence[int]], set[int]]
"""Of these repos (row ids), those whose bytes the caller may read now."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Where an answer may come from: `kind` is the setting `xet_dedup_scope`, the ids are those of the token's repo.

    `session` tells one client's run from another's: its token.
    """

    kind: str
    repo_id: int
    namespace_id: int
    session: str


def is_asked_for(chunk: bytes) -> bool:
    """Whether clients ask for this chunk wherever it stands; for others they ask only where they begin a file."""
    return modulo(chunk, _ASKED_ONE_IN) == 0


class XetDedup:
    """Answers chunk queries. One indexed read when there is nothing to tell: clients ask once per file."""

    def __init__(self, database: Database, tables: ChunkTables) -> None:
        self._database = database
        self._tables = tables
        self._guesses = _Guesses()

    def answer(self, chunk: bytes, scope: Scope, may_read: MayRead) -> bytes:
        """A shard with the xorbs of the files that hold `chunk` (raw hash), or of those that its file may be like;
        the chunk hashes are hidden under a key of this answer. `may_read` has said yes to the scope's own repo.

        Raises ContentNotFound, the same for a chunk that is nowhere and one that the caller may not know of.
        """
        files = self._holding(chunk, scope, may_read)
        if not files and not is_asked_for(chunk) and self._guesses.may(scope.session):
            files = self._newest(scope)
        if not files:
            raise ContentNotFound(f"The chunk {to_text(chunk)} is not known here")
        now = int(time.time())
        key = secrets.token_bytes(_KEY_BYTES)
        return shards.answer(self._within_bounds(files), key=key, created=now, expiry=now + _ANSWER_SECONDS)

    def _holding(self, chunk: bytes, scope: Scope, may_read: MayRead) -> list[list[Term]]:
        """The terms of the readable files that hold the chunk's xorb, each from that xorb on; none when none of them
        has the chunk itself."""
        ids = {"chunk": chunk, "repo": scope.repo_id, "namespace": scope.namespace_id}
        rows = self._database.fetch_all_sync(_CANDIDATES[scope.kind], ids)
        if not rows:
            return []
        readable = may_read(sorted({repo_id for _, _, repo_id in rows}))
        rows = sorted((row for row in rows if row[2] in readable), key=lambda row: bool(row[2] != scope.repo_id))
        for name, position in dict.fromkeys((name, position) for name, position, _ in rows):
            xorb = from_text(name)
            files = [_from(parse_terms(terms), xorb, position) for terms in self._files_with(name, readable)]
            if any(_holds(terms[0], xorb, position) for terms in files):
                return sorted(files, key=lambda terms: (not _holds(terms[0], xorb, position), -len(terms)))
        return []

    def _files_with(self, xorb: str, repo_ids: Iterable[int]) -> list[bytes]:
        parts, files = schema.xet_file_xorbs, schema.xet_files
        contents, links = schema.contents, schema.repo_contents
        linked = sa.select(links.c.sha256).where(links.c.sha256 == contents.c.sha256, links.c.repo_id.in_(repo_ids))
        query = (
            sa.select(files.c.terms)
            .select_from(parts.join(files, files.c.hash == parts.c.file))
            .join(contents, contents.c.xet_hash == parts.c.file)
            .where(parts.c.xorb == xorb, linked.exists())
            .limit(_FILES_MAX)
        )
        with self._database.read() as connection:
            return [bytes(terms) for terms in connection.execute(query).scalars()]

    def _newest(self, scope: Scope) -> list[list[Term]]:
        """The files that were added to the repo last, the largest first: there is most to save."""
        rows = self._database.fetch_all_sync(_NEWEST, {"repo": scope.repo_id})
        return [parse_terms(bytes(terms)) for _, terms in rows]

    def _within_bounds(self, files: list[list[Term]]) -> Iterator[shards.AnsweredXorb]:
        """The xorbs in the order of the files' terms, as many as an answer may have."""
        shown = defaultdict[bytes, set[tuple[int, int]]](set)
        for terms in files:
            for term in terms:
                shown[term.xorb].add((term.start, term.end))
        count = 0
        for xorb, spans in shown.items():
            table = self._tables(xorb)
            count += table.count
            if count > _CHUNKS_MAX and count > table.count:
                return
            yield shards.AnsweredXorb(xorb, table, sorted(spans))


class _Guesses:
    """How often each session was answered without its chunk being here. Counted in memory: losing it costs little."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._counts: OrderedDict[str, int] = OrderedDict()

    def may(self, session: str) -> bool:
        with self._lock:
            count = self._counts.pop(session, 0) + 1
            self._counts[session] = count
            if len(self._counts) > _SESSIONS_MAX:
                self._counts.popitem(last=False)
            return count <= _GUESSES_MAX


def _holds(term: Term, xorb: bytes, position: int) -> bool:
    return term.xorb == xorb and term.start <= position < term.end


def _from(terms: list[Term], xorb: bytes, position: int) -> list[Term]:
    """Beginning with the term of the chunk: what comes next in the file is what the client sends next."""
    at = next((index for index, term in enumerate(terms) if _holds(term, xorb, position)), 0)
    return terms[at:] + terms[:at][::-1]
