"""Failed sign-ins, counted by account and by address: whoever fails too often waits, ever longer.

The count is raised before the password is looked at, so that a hundred guesses sent at once are a hundred failures; the one
that was right takes its own back. Waiting is the same for accounts that do not exist. In the database, for all processes.
"""

import hashlib
from dataclasses import dataclass

import sqlalchemy as sa

from pioche.db import schema
from pioche.db.dialect import insert_rows
from pioche.db.engine import Database
from pioche.db.instance import now_ms
from pioche.errors import TooManyRequests
from pioche.networks import customer

_FORGOTTEN_MS = 3_600_000
"""Without another failure for so long, counting begins anew."""
_FIRST_WAIT_MS = 15_000
_WAIT_MS_MAX = 900_000

_failures = schema.sign_in_failures


@dataclass(frozen=True, slots=True)
class Subject:
    """What is counted, and how many failures are free."""

    key: str
    free: int


def of_sign_in(account: str, address: str) -> tuple[Subject, ...]:
    """A guess at a password: from one address at one account, from one address at any, from anywhere at one account.

    The last is generous: otherwise anybody could keep the owner of an account out.
    """
    account, network = account.strip().lower(), customer(address)
    return (
        Subject(_key("account and address", account, network), 5),
        Subject(_key("address", network), 30),
        Subject(_key("account", account), 100),
    )


def of_code(user_id: int, address: str) -> tuple[Subject, ...]:
    """A guess at somebody's second factor, by who has their password: so few that six digits are enough, wherever from."""
    user, network = str(user_id), customer(address)
    return Subject(_key("code and address", user, network), 5), Subject(_key("code", user), 10)


def of_passkey(address: str) -> tuple[Subject, ...]:
    """A passkey that is not one: nobody guesses one, but each costs the hub a look."""
    return (Subject(_key("passkey", customer(address)), 20),)


def of_sign_up(address: str) -> tuple[Subject, ...]:
    """An account more, or a guess at an invitation, from one address."""
    return (Subject(_key("sign-up", customer(address)), 10),)


def of_device_code(user_id: int, address: str) -> tuple[Subject, ...]:
    """A guess at the code of a machine that waits: thirty-five bits for a quarter of an hour, so ten are few enough. Whoever
    types a code of their own in between begins anew with the first count alone."""
    user, network = str(user_id), customer(address)
    return (
        Subject(_key("device code and address", user, network), 10),
        Subject(_key("device code", user), 30),
        Subject(_key("device code address", network), 60),
    )


def of_device(address: str) -> tuple[Subject, ...]:
    """A machine more that asks for a code, from one address."""
    return (Subject(_key("device", customer(address)), 300),)


def of_letter(asked: str, address: str) -> tuple[Subject, ...]:
    """A letter that somebody has sent to a person, or to whoever `asked` names, wherever they ask from."""
    asked, network = asked.strip().lower(), customer(address)
    return Subject(_key("letter", asked), 3), Subject(_key("letters and address", network), 20)


class Failures:
    """The counts of all subjects."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def count(self, subjects: tuple[Subject, ...]) -> None:
        """One more for each. Raises TooManyRequests while one of them has to wait; that does not count."""
        # Most are refused without a write: a flood of guesses must not keep the database busy.
        with self._database.read() as connection:
            _check(connection, subjects, now_ms())
        with self._database.write() as connection:
            keys = sorted(one.key for one in subjects)
            insert_rows(connection, _failures, [{"key": key, "times": 0, "last_at": 0} for key in keys])
            # Locked, and again: of many at once each has to see the one before.
            connection.execute(sa.select(_failures.c.key).where(_of(keys)).order_by(_failures.c.key).with_for_update())
            now = now_ms()
            counts = _check(connection, subjects, now)
            rows = [{"of": key, "raised": counts.get(key, 0) + 1} for key in keys]
            raised = _failures.update().where(_failures.c.key == sa.bindparam("of"))
            connection.execute(raised.values(times=sa.bindparam("raised"), last_at=now), rows)

    def forgive(self, subjects: tuple[Subject, ...]) -> None:
        """It was no failure: the first subject begins anew, the others have one less."""
        first, *others = [one.key for one in subjects]
        with self._database.write() as connection:
            connection.execute(_failures.delete().where(_failures.c.key == first))
            fewer = _failures.update().where(_of(others), _failures.c.times > 0)
            connection.execute(fewer.values(times=_failures.c.times - 1))


def sweep(database: Database) -> int:
    """Removes what does not count any more. Returns how many rows."""
    with database.write() as connection:
        return connection.execute(_failures.delete().where(_failures.c.last_at < now_ms() - _FORGOTTEN_MS)).rowcount


def _check(connection: sa.Connection, subjects: tuple[Subject, ...], now: int) -> dict[str, int]:
    """The counts that still count. Raises TooManyRequests."""
    found = sa.select(_failures).where(_of([one.key for one in subjects]), _failures.c.last_at > now - _FORGOTTEN_MS)
    rows = {row.key: row for row in connection.execute(found)}
    over = [(rows[one.key].last_at, rows[one.key].times - one.free) for one in subjects if one.key in rows]
    longest = max((last_at + _wait(excess) - now for last_at, excess in over if excess >= 0), default=0)
    if longest > 0:
        raise TooManyRequests("Too many attempts: wait a moment before you try again", seconds=-(-longest // 1000))
    return {key: row.times for key, row in rows.items()}


def _of(keys: list[str]) -> sa.ColumnElement[bool]:
    return _failures.c.key.in_(keys)


def _wait(excess: int) -> int:
    """Milliseconds after a failure that is not free: 15 s, 30 s, 60 s ... a quarter of an hour."""
    return min(_FIRST_WAIT_MS << min(excess, 16), _WAIT_MS_MAX)


def _key(*parts: str) -> str:
    # No names and addresses of people in the table; and a key of one length whatever was typed.
    return hashlib.sha256("\0".join(parts).encode(errors="surrogatepass")).hexdigest()
