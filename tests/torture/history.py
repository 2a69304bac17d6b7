"""What clients asked, when, and what they were told: the history that the checker compares with the hub."""

import itertools
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

ACKNOWLEDGED, REFUSED, UNKNOWN = "acknowledged", "refused", "unknown"

COLLECTION = "collection"
"""The kind of operation that removes what no commit names."""


@dataclass(slots=True)
class Operation:
    """One request or push. `end` is None, and `result` unknown, while no answer came. `facts`: what the checker needs."""

    id: int
    kind: str
    client: int
    start: float
    end: float | None = None
    result: str = UNKNOWN
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """Stands in commit titles and file names: no two operations share one."""
        return f"op-{self.client}-{self.id}"


class History:
    """Operations of all clients, in the order in which they began. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ids = itertools.count(1)
        self._operations: list[Operation] = []
        self._violations: list[str] = []

    def begin(self, kind: str, client: int, **facts: Any) -> Operation:
        with self._lock:
            operation = Operation(next(self._ids), kind, client, time.monotonic(), facts=facts)
            self._operations.append(operation)
        return operation

    def end(self, operation: Operation, result: str, **facts: Any) -> None:
        operation.facts.update(facts)
        operation.result = result
        operation.end = time.monotonic()

    def violation(self, text: str) -> None:
        """Something that must not be, seen while the load ran."""
        with self._lock:
            self._violations.append(text)

    @property
    def violations(self) -> list[str]:
        with self._lock:
            return list(self._violations)

    def of(self, *kinds: str) -> Iterator[Operation]:
        """All operations of these kinds; of every kind when none is named."""
        with self._lock:
            operations = list(self._operations)
        return (operation for operation in operations if not kinds or operation.kind in kinds)

    def acknowledged(self) -> Counter[str]:
        return Counter(operation.kind for operation in self.of() if operation.result == ACKNOWLEDGED)

    def counts(self) -> Counter[str]:
        return Counter(operation.result for operation in self.of())

    def dump(self, path: Path) -> None:
        """One JSON object a line: what is left of a run that found something."""
        with path.open("w") as file:
            file.writelines(json.dumps(asdict(operation)) + "\n" for operation in self.of())
