"""Which cores workers run on: those that the fewest others have. One that has as many threads as cores, and no others', takes
nothing from them by waiting for itself."""

import os
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager


class Cores:
    """Methods may be called from any thread."""

    def __init__(self, cores: tuple[int, ...] = ()) -> None:
        self._taken = Counter(dict.fromkeys(cores or sorted(os.sched_getaffinity(0)), 0))
        self._lock = threading.Lock()

    @contextmanager
    def taken(self, count: int) -> Iterator[tuple[int, ...]]:
        """So many cores, while the block lasts; all where there are not so many."""
        with self._lock:
            chosen = tuple(sorted(core for core, _ in sorted(self._taken.items(), key=lambda item: item[1])[:count]))
            self._taken.update(chosen)
        try:
            yield chosen
        finally:
            with self._lock:
                self._taken.subtract(chosen)
