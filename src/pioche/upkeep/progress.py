"""How long work tells how far it is. The command line draws bars from it; jobs and tests stay silent."""

from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar

T = TypeVar("T")


class Progress(Protocol):
    """One piece of long work after another; each `begin` ends the one before."""

    def begin(self, title: str, total: int | None = None) -> None:
        """A new piece: `total` steps, None when nobody can know."""
        ...

    def advance(self, count: int = 1) -> None:
        """So many steps are done."""
        ...


class Silent:
    """Tells nobody."""

    def begin(self, title: str, total: int | None = None) -> None:
        pass

    def advance(self, count: int = 1) -> None:
        pass


SILENT = Silent()


def each(progress: Progress, items: Iterable[T]) -> Iterator[T]:
    """The items, one step each."""
    for item in items:
        yield item
        progress.advance()
