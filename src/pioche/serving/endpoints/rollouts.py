"""Whether a rollout goes on, ends, or is taken back. No clock and no database: all that counts is given."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto

from pioche.serving.endpoints.endpoint import Rollout
from pioche.serving.endpoints.tallies import Tally, total

_SLOW_MS = 20.0
"""A difference below this is no reason to take anything back, whatever the proportion."""
_QUANTILE = 0.95


class Verdict(Enum):
    WAIT = auto()
    NEXT = auto()
    """To the next step; to the first one where it was waited for the new deployment to be ready."""
    DONE = auto()
    BACK = auto()


@dataclass(frozen=True, slots=True)
class Judged:
    """`reason` is why it is taken back, in words."""

    verdict: Verdict
    reason: str = ""


_WAIT = Judged(Verdict.WAIT)


def judge(rollout: Rollout, counted: Mapping[int, Tally], now_ms: int, *, is_ready: bool, failed: str) -> Judged:
    """`counted`: what each deployment has counted until now. `failed` is why the new one is not there, where it is not."""
    if failed:
        return Judged(Verdict.BACK, failed)
    if rollout.step < 0:
        return Judged(Verdict.NEXT) if is_ready else _WAIT
    new, others = _lately(rollout, counted)
    reason = _too_many_errors(rollout, new, others) or _too_slow(rollout, new, others)
    if reason:
        return Judged(Verdict.BACK, reason)
    held = (now_ms - rollout.since) / 1000
    if new.requests < rollout.guards.min_requests or held < rollout.guards.hold_seconds:
        return _WAIT
    return Judged(Verdict.NEXT if rollout.step + 1 < len(rollout.steps) else Verdict.DONE)


def _lately(rollout: Rollout, counted: Mapping[int, Tally]) -> tuple[Tally, Tally]:
    """Since the step began: the new deployment, and all the others together."""
    since = {row: tally.minus(rollout.baseline.get(row, Tally())) for row, tally in counted.items()}
    others = [tally for row, tally in since.items() if row != rollout.deployment]
    return since.get(rollout.deployment, Tally()), total(others)


def _too_many_errors(rollout: Rollout, new: Tally, others: Tally) -> str:
    """As soon as it is certain that the step cannot end well: not only when it has seen all of its requests."""
    guards = rollout.guards
    seen = max(new.requests, guards.min_requests, 1)
    if new.failures <= guards.max_error_rate * seen or new.error_rate <= others.error_rate:
        return ""
    return f"{new.failures} of {new.requests} requests failed, and {guards.max_error_rate:.1%} may"


def _too_slow(rollout: Rollout, new: Tally, others: Tally) -> str:
    guards = rollout.guards
    if new.requests < max(guards.min_requests, 1):
        return ""
    mine, theirs = new.quantile(_QUANTILE), others.quantile(_QUANTILE)
    if mine is None or theirs is None or mine <= theirs * guards.max_slowdown or mine - theirs <= _SLOW_MS:
        return ""
    return f"95 % of its answers took up to {mine:.0f} ms, and those of the others {theirs:.0f} ms"
