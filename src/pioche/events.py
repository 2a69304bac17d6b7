"""What happened: the third seam. An event is written in the transaction of the change and delivered after its commit.

Kinds are `scope.action`, the names of the public Hub's audit log where it has one (reliability.md section 2.1).
"""

from dataclasses import dataclass, field
from typing import Any, Protocol


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
