"""What a collection did, or would do."""

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum


class Reason(StrEnum):
    """Why bytes go."""

    DELETED_REPO = "deleted repo"
    UNREACHABLE = "no ref leads there"
    ABANDONED = "uploaded, never used"
    ORPHAN = "no row knows it"
    GIT = "git objects that no ref reaches"


@dataclass(slots=True)
class Report:
    """In bytes. `freed` are gone for good, `waiting` are in quarantine until its grace is over, `remembered` would go but
    for clients that may name them still; `by_reason` and `by_repo` divide what left use in this run."""

    dry_run: bool
    freed: int = 0
    waiting: int = 0
    remembered: int = 0
    rewritten: int = 0
    by_reason: Counter[str] = field(default_factory=Counter)
    by_repo: Counter[str] = field(default_factory=Counter)
    items: Counter[str] = field(default_factory=Counter)
    skipped: list[str] = field(default_factory=list)

    def add(self, reason: Reason, size: int, repo: str | None = None) -> None:
        """One thing that goes; `repo` is where it was, when one repo alone held it."""
        self.by_reason[reason.value] += size
        self.items[reason.value] += 1
        if repo:
            self.by_repo[repo] += size

    @property
    def total(self) -> int:
        """Everything that left use."""
        return self.by_reason.total()
