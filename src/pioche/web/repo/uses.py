"""How often a repo was downloaded: the last 30 days, and week by week as long as days are kept (ui.md M7)."""

import time
from dataclasses import dataclass

from pioche.names import RepoType
from pioche.repos import downloads, query_files
from pioche.repos.access import Repo
from pioche.repos.downloads import DAY_MS, WINDOW_DAYS
from pioche.repos.overviews import Overview

_WEEKS = 52
_WEEK_DAYS = 7

Bar = tuple[int, int]
"""When it begins (Unix milliseconds), and how many."""


@dataclass(frozen=True, slots=True)
class Uses:
    """`files` are those of which a request counts, for models."""

    days: list[Bar]
    weeks: list[Bar]
    total: int
    total_all: int
    files: tuple[str, ...]


def of(repo: Repo, overview: Overview) -> Uses | None:
    """None of a Space: nobody downloads one."""
    if overview.repo_id.type is RepoType.SPACE:
        return None
    counts = downloads.by_day(repo.database, repo.id, days=_WEEKS * _WEEK_DAYS)
    first = (int(time.time() * 1000) // DAY_MS - len(counts) + 1) * DAY_MS
    bars = [(first + place * DAY_MS, count) for place, count in enumerate(counts)]
    weeks = [
        (bars[start][0], sum(count for _, count in bars[start : start + _WEEK_DAYS]))
        for start in range(0, len(bars), _WEEK_DAYS)
    ]
    last = bars[-WINDOW_DAYS:]
    begun = next((place for place, (_, count) in enumerate(weeks) if count), len(weeks))
    files = query_files.of_library(overview.library_name) if overview.repo_id.type is RepoType.MODEL else ()
    total = sum(count for _, count in last)
    return Uses(last, weeks[begun:], total, max(overview.downloads_all, total), files)
