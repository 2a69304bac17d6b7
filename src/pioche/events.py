"""What happened: the third seam. An event is written in the transaction of the change and delivered after its commit.

Kinds are `scope.action`, the names of the public Hub's audit log where it has one (reliability.md section 2.1).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable


@dataclass(frozen=True, slots=True)
class Event:
    """`id` is 0 until it is stored; `at` is Unix milliseconds; `payload` is JSON-able."""

    kind: str
    repo_id: int | None = None
    actor_id: int | None = None
    payload: dict[str, Any] = field(default_factory=dict)
    at: int = 0
    id: int = 0


class Consumer(Protocol):
    """Somebody who wants to know. Called at least once for each event, in order, never inside the transaction of the change."""

    name: str
    """Stable: the position reached is stored under it."""

    def handle(self, event: Event) -> None:
        """Must be idempotent. Raising means: deliver again later."""
        ...


@runtime_checkable
class BatchConsumer(Protocol):
    """One that takes what waits in one go: a transaction for each event would cost more than what it does in it."""

    name: str

    def handle_all(self, events: Sequence[Event]) -> None:
        """As `handle`, and raising means that none of them is handled."""
        ...
