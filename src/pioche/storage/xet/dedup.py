"""Deduplication answers: does a repo that the caller may read hold this chunk? (xet.md sections 8.4 and 11)."""

import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pioche.db.engine import Database, Lookup
from pioche.errors import ContentNotFound
from pioche.storage.xet import shards
from pioche.storage.xet.hashing import from_text, modulo, to_text
from pioche.storage.xet.tables import ChunkTables

_ASKED_ONE_IN = 1024
_KEY_BYTES = 32
# Rights may change: what a client remembers of an answer should not outlive them by much.
_ANSWER_SECONDS = 3600

# At most 64 candidates: one that the caller may read is nearly always among them, and this must stay one short read.
_CANDIDATES = {
    "repo": Lookup(
        """
        SELECT c.xorb, l.repo_id FROM xet_chunks c JOIN repo_xorbs l ON l.hash = c.xorb
        WHERE c.hash = :chunk AND l.repo_id = :repo LIMIT 64
        """
    ),
    "namespace": Lookup(
        """
        SELECT c.xorb, l.repo_id FROM xet_chunks c JOIN repo_xorbs l ON l.hash = c.xorb
        JOIN repos r ON r.id = l.repo_id WHERE c.hash = :chunk AND r.namespace_id = :namespace
        AND r.deleted_at IS NULL LIMIT 64
        """
    ),
    "public": Lookup(
        """
        SELECT c.xorb, l.repo_id FROM xet_chunks c JOIN repo_xorbs l ON l.hash = c.xorb
        JOIN repos r ON r.id = l.repo_id WHERE c.hash = :chunk
        AND (r.namespace_id = :namespace OR NOT r.private) AND r.deleted_at IS NULL LIMIT 64
        """
    ),
}

MayRead = Callable[[Sequence[int]], set[int]]
"""Of these repos (row ids), those whose bytes the caller may read now."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Where an answer may come from: `kind` is the setting `xet_dedup_scope`, the ids are those of the token's repo."""

    kind: str
    repo_id: int
    namespace_id: int


def is_asked_for(chunk: bytes) -> bool:
    """Whether clients ask for this chunk wherever it stands; for others they ask only where they begin a file."""
    return modulo(chunk, _ASKED_ONE_IN) == 0


class XetDedup:
    """Answers chunk queries. One indexed read when the chunk is unknown: clients ask once per file."""

    def __init__(self, database: Database, tables: ChunkTables) -> None:
        self._database = database
        self._tables = tables

    def answer(self, chunk: bytes, scope: Scope, may_read: MayRead) -> bytes:
        """A shard with the xorb that holds `chunk` (raw hash), its chunk hashes hidden under a key of this answer.

        Raises ContentNotFound, the same for a chunk that is nowhere and one that the caller may not know of.
        """
        ids = {"chunk": chunk, "repo": scope.repo_id, "namespace": scope.namespace_id}
        rows = self._database.fetch_all_sync(_CANDIDATES[scope.kind], ids)
        readable = may_read(sorted({repo_id for _, repo_id in rows})) if rows else set()
        found = next((xorb for xorb, repo_id in rows if repo_id in readable), None)
        if found is None:
            raise ContentNotFound(f"The chunk {to_text(chunk)} is not known here")
        xorb = from_text(found)
        now = int(time.time())
        answered = shards.AnsweredXorb(xorb, self._tables(xorb))
        key = secrets.token_bytes(_KEY_BYTES)
        return shards.answer([answered], key=key, created=now, expiry=now + _ANSWER_SECONDS)
