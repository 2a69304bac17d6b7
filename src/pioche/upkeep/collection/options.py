"""What a collection is asked to do, and the times that follow from it."""

from dataclasses import dataclass

from pioche.config import Config
from pioche.db.instance import now_ms

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
REMEMBERED_MS = 21 * DAY_MS
"""How long clients believe that a xorb they have sent is there (xet.md section 9)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """`now`: no grace, and clients are told to forget. `thorough`: also looks through all stored files for those that no
    row knows. `repo_ids`: only what these repos hold or held."""

    dry_run: bool = False
    now: bool = False
    thorough: bool = True
    repo_ids: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class Times:
    """Unix milliseconds. What is older than these may go."""

    started: int
    deleted_before: int
    moved_before: int
    young_after: int
    quarantined_before: int
    remembered_after: int

    @classmethod
    def of(cls, config: Config, options: Options) -> "Times":
        now = now_ms()
        if options.now:
            # A moment later than now: what was done in this very millisecond is over as well.
            return cls(now, now + 1, now + 1, now + 1, now + 1, now - REMEMBERED_MS)
        grace = now - config.gc_grace_hours * HOUR_MS
        deleted = now - config.undo_repo_hours * HOUR_MS
        moved = now - config.undo_ref_days * DAY_MS
        return cls(now, deleted, moved, grace, grace, now - REMEMBERED_MS)
