"""How many connections there are. What somebody costs before they have shown a key is bounded, and nobody who has one is kept
out by those that have none: where too many wait to be let in, the one that waits longest goes, not the one that comes.

A client that is what it says needs a tenth of a second for that, and so is done before its turn to go.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from pioche.config import Config
from pioche.networks import customer


@dataclass(frozen=True, slots=True)
class Limits:
    """Of the server of one process. `waiting` are connections that have not shown a key yet."""

    connections: int = 512
    of_address: int = 128
    waiting: int = 128
    waiting_of_address: int = 32
    login_seconds: int = 30
    keys_tried: int = 20
    """An agent offers every key that it has."""
    idle_seconds: int = 600
    """Silence in the middle of a command: git may take so long to put a large pack together."""
    lone_seconds: int = 60
    """Without a command."""
    sessions_of_connection: int = 8
    sessions_of_account: int = 16

    @classmethod
    def of(cls, config: Config) -> "Limits":
        most = config.ssh_connections
        return cls(connections=most, of_address=max(1, most // 4), waiting=max(4, most // 4))


@dataclass(eq=False, slots=True)
class Guest:
    """One connection, by the doorman's book. `leave` ends it at once."""

    address: str
    leave: Callable[[], None]
    is_known: bool = False


@dataclass(slots=True)
class Doorman:
    """For one event loop."""

    limits: Limits
    _guests: dict[Guest, None] = field(default_factory=dict)  # in the order in which they came
    _sessions: Counter[int] = field(default_factory=Counter[int])

    def enter(self, address: str, leave: Callable[[], None]) -> Guest:
        """Somebody comes; it may be that they, or another, are asked to leave."""
        guest = Guest(customer(address), leave)
        self._guests[guest] = None
        limits = self.limits
        mine = [other for other in self._waiting() if other.address == guest.address]
        if len(mine) > limits.waiting_of_address:
            self._dismiss(mine[0])
        waiting = list(self._waiting())
        if len(waiting) > limits.waiting:
            self._dismiss(waiting[0])
        if len(self._guests) > limits.connections:
            self._dismiss(next(self._waiting()))
        return guest

    def know(self, guest: Guest) -> bool:
        """They have shown whose key they have. False where there are too many of that address."""
        known = sum(other.is_known and other.address == guest.address for other in self._guests)
        if known >= self.limits.of_address:
            return False
        guest.is_known = True
        return True

    def left(self, guest: Guest) -> None:
        self._guests.pop(guest, None)

    def dismiss_all(self) -> None:
        for guest in list(self._guests):
            self._dismiss(guest)

    def begin(self, user_id: int) -> bool:
        """One more command of somebody. False where they have too many running."""
        if self._sessions[user_id] >= self.limits.sessions_of_account:
            return False
        self._sessions[user_id] += 1
        return True

    def end(self, user_id: int) -> None:
        self._sessions[user_id] -= 1
        if not self._sessions[user_id]:
            del self._sessions[user_id]

    def _waiting(self) -> Iterator[Guest]:
        return (guest for guest in self._guests if not guest.is_known)

    def _dismiss(self, guest: Guest) -> None:
        self.left(guest)
        guest.leave()
