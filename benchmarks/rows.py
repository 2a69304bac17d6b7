"""What a benchmark says: one line for each goal, whether it was reached and, where not, what limits it."""

import datetime
import os
import platform
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

BUSY = os.getloadavg()[0]


@dataclass(frozen=True)
class Goal:
    """A figure beside its limit, which it may not exceed (`is_most`) or must reach."""

    figure: float
    limit: float
    unit: str = ""
    is_most: bool = True

    @property
    def is_reached(self) -> bool:
        return self.figure <= self.limit if self.is_most else self.figure >= self.limit

    @property
    def text(self) -> str:
        return f"{number(self.figure)} {self.unit}".strip()

    @property
    def limit_text(self) -> str:
        return f"{'≤' if self.is_most else '≥'} {number(self.limit)} {self.unit}".strip()


@dataclass(frozen=True)
class Row:
    """One path of the hub. `seen` is what was measured, for people; `limits` says why a goal may be out of reach."""

    path: str
    seen: str
    goals: Sequence[Goal]
    limits: str = ""

    @property
    def is_reached(self) -> bool:
        return all(goal.is_reached for goal in self.goals)


def number(figure: float) -> str:
    """Three digits that count, or all before the point: 0.279, 4.5, 1,481."""
    return f"{figure:,.0f}" if abs(figure) >= 100 else f"{figure:.3g}"


def ratio(figure: float, limit: float) -> Goal:
    """Of the hub's speed to the reference's."""
    return Goal(figure, limit, "x", is_most=False)


def table(rows: Iterable[Row]) -> str:
    """Markdown; a path with several goals has several lines."""
    lines = ["| path | measured | figure | goal | reached |", "| --- | --- | --- | --- | --- |"]
    for row in rows:
        names = [(row.path, row.seen), *[("", "")] * (len(row.goals) - 1)]
        for (path, seen), goal in zip(names, row.goals, strict=True):
            lines.append(
                f"| {path} | {seen} | {goal.text} | {goal.limit_text} | {'yes' if goal.is_reached else '**no**'} |"
            )
    return "\n".join(lines)


def shortfalls(rows: Iterable[Row]) -> str:
    """What was not reached, and what limits it."""
    missed = [row for row in rows if not row.is_reached]
    if not missed:
        return "Every goal was reached."
    return "\n".join(f"- **{row.path}**: {row.limits or 'no reason is known: look into it'}" for row in missed)


def machine() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    model = models[0] if models else platform.machine()
    cores = os.cpu_count()
    return (
        f"{cores} cores ({model}), {gib:.0f} GiB, Linux {platform.release()}, load average {BUSY:.1f} before it began"
    )


def today() -> str:
    return datetime.datetime.now(datetime.UTC).date().isoformat()
