"""Several requests on one network: a token of each in turn."""

import threading
from types import TracebackType


class Turns:
    """As a lock, in the order they came. All cores compute one token; two at once would fight for them."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._given = 0
        self._now = 0

    def __enter__(self) -> None:
        with self._changed:
            mine, self._given = self._given, self._given + 1
            self._changed.wait_for(lambda: self._now == mine)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._changed:
            self._now += 1
            self._changed.notify_all()

    def pass_on(self) -> None:
        """Whoever has the turn lets all the others have theirs."""
        self.__exit__(None, None, None)
        self.__enter__()
