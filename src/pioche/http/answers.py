"""Answers that hold until something is committed: the same question, asked again, costs a look into a dictionary.

A handler that has only the database and git's immutable objects to go by says so with `Request.remember`. What it gives is
a finished Response, or for the bytes of a large file the way to answer (a range differs each time; the look-up does not).
It is forgotten with the next commit of any process, as the rows are (`db.remembered`): a right that was taken away, a
branch that moved, a token that was revoked count at once. A token's end is looked at each time.

SQLite only: PostgreSQL does not say cheaply whether anything was committed.
"""

from dataclasses import dataclass

from pioche.accounts.callers import Caller
from pioche.db.engine import Database
from pioche.http.messages import Answer, Question, Response
from pioche.http.router import Match
from pioche.repos.access import Repo
from pioche.repos.downloads import Download

_BYTES_MAX = 32 * 2**20
_BODY_BYTES_MAX = 64 * 1024
_OVERHEAD_BYTES = 2048  # of an answer without its body, about


@dataclass(frozen=True, slots=True)
class Known:
    """An answer and what had to be true for it: `caller` may do what `match` needs with `repo`."""

    match: Match
    caller: Caller
    repo: Repo | None
    answer: Answer
    download: Download | None = None


class Answers:
    """Those of one event loop. `as_of` is the generation of the database that they are about."""

    def __init__(self, database: Database) -> None:
        self.as_of: int | None = None
        self._database = database
        self._known: dict[Question, Known] = {}
        self._bytes = 0

    def find(self, question: Question) -> Known | None:
        """What was answered, nothing having been committed since."""
        if self.as_of != (as_of := self._database.generation()):
            self._forget(as_of)
            return None
        return self._known.get(question)

    def keep(self, question: Question, as_of: int | None, known: Known) -> None:
        """`as_of` is the database's generation before the first look at it: what changed meanwhile is not kept."""
        if as_of is None or as_of != self._database.generation() or as_of != self.as_of:
            return
        size = _OVERHEAD_BYTES
        if isinstance(known.answer, Response):
            body = known.answer.body
            if not isinstance(body, bytes) or len(body) > _BODY_BYTES_MAX:
                return
            size += len(body)
        if self._bytes + size > _BYTES_MAX:
            self._forget(as_of)
        self._known[question] = known
        self._bytes += size

    def _forget(self, as_of: int | None) -> None:
        self._known.clear()
        self._bytes = 0
        self.as_of = as_of
