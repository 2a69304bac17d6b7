"""Second factors: codes that an app on one's telephone makes every thirty seconds (TOTP, RFC 6238), asked for after the
password; or one's passkeys, without which the password opens nothing then. It is about signing in: tokens, and git with them,
are as they were.

A code counts once: the step that it is of is kept, and neither it nor an earlier one counts again. The clocks may differ by
one step. Guesses are counted by who asks (`accounts.failures.of_code`), before a code is looked at.
"""

import hmac
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote

import pyotp
import sqlalchemy as sa

from pioche import keys
from pioche.accounts import recovery_codes, service_accounts, sessions
from pioche.accounts.account import Account
from pioche.db import schema
from pioche.db.dialect import insert_if_absent
from pioche.db.engine import Database
from pioche.db.instance import locking_key, now_ms
from pioche.errors import BadRequest, Conflict, Unauthenticated
from pioche.events import Event
from pioche.jobs import outbox

STEP_SECONDS = 30
_STEPS_APART = 1
_CODE = re.compile(r"[0-9]{6}\Z", re.ASCII)
_CHARACTERS_MAX = 64
_BLANKS = re.compile(r"\s+")

_PASSKEYS = ""
"""In place of an app's secret: one's passkeys are the second factor."""

_factors, _passkeys = schema.second_factors, schema.passkeys


@dataclass(frozen=True, slots=True)
class SecondFactor:
    """One that is on. `created_at` in Unix milliseconds; `codes_left`: recovery codes that were not used. Without an app it is
    one's passkeys."""

    created_at: int
    codes_left: int
    has_app: bool = True


class SecondFactors:
    """Those of all users."""

    def __init__(self, database: Database, *, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self.clock = clock

    def of(self, user_id: int) -> SecondFactor | None:
        """None for who has none: their password is enough."""
        with self._database.read() as connection:
            mine = _factors.c.user_id == user_id
            row = connection.execute(sa.select(_factors.c.created_at, _factors.c.secret).where(mine)).first()
            if row is None:
                return None
            return SecondFactor(row.created_at, recovery_codes.left(connection, user_id), row.secret != _PASSKEYS)

    def turn_on(self, user: Account, secret: str, code: str, *, session_id: int | None = None) -> list[str]:
        """With a code that the app made of `secret`. Ends all sessions but this one: they began with less. Returns the
        recovery codes, for the only time. Raises BadRequest for a wrong code, Conflict where one is on."""
        step = self._step_of(secret, _BLANKS.sub("", code[:_CHARACTERS_MAX]))
        if step is None:
            raise BadRequest("This is not the code that the app shows now")
        locked = keys.lock(locking_key(self._database), _purpose(user.id), secret.encode())
        with self._database.write() as connection:
            return _turned_on(connection, user, locked, step, session_id)

    def turn_on_passkeys(self, user: Account, *, session_id: int | None = None) -> list[str]:
        """As `turn_on`, without an app: after the password one of the passkeys is asked for. Raises Conflict where there is
        none, or a second factor is on."""
        with self._database.write() as connection:
            if (
                connection.execute(sa.select(_passkeys.c.id).where(_passkeys.c.user_id == user.id).limit(1)).first()
                is None
            ):
                raise Conflict("Add a passkey first")
            return _turned_on(connection, user, _PASSKEYS, 0, session_id)

    def use(self, user: Account, code: str) -> None:
        """A code of the app, or a recovery code: neither counts a second time. Raises Unauthenticated."""
        plain = _BLANKS.sub("", code[:_CHARACTERS_MAX])
        key = locking_key(self._database)
        with self._database.write() as connection:
            if _CODE.match(plain):
                used = self._use_step(connection, user.id, key, plain)
            else:
                used = recovery_codes.use(connection, user.id, plain)
                if used:
                    _tell(connection, "user.2fa.use_recovery_code", user, user.id)
        if not used:
            raise Unauthenticated

    def renew_codes(self, user: Account) -> list[str]:
        """Other recovery codes, for the only time; the old ones count no more. Raises Conflict where no second factor is on."""
        with self._database.write() as connection:
            if connection.execute(sa.select(_factors.c.user_id).where(_factors.c.user_id == user.id)).first() is None:
                raise Conflict("Turn the second factor on first")
            _tell(connection, "user.2fa.renew_recovery_codes", user, user.id)
            return recovery_codes.renew(connection, user.id)

    def turn_off(self, user: Account, *, actor_id: int | None = None) -> bool:
        """The password is enough again. By somebody else it says in the log that it was reset. Returns whether there was
        one."""
        with self._database.write() as connection:
            gone = connection.execute(_factors.delete().where(_factors.c.user_id == user.id)).rowcount
            recovery_codes.drop(connection, user.id)
            if gone:
                _tell(connection, "user.2fa.disable" if actor_id == user.id else "user.2fa.reset", user, actor_id)
        return bool(gone)

    def reset(self, user: Account, *, actor_id: int | None = None, reason: str = "") -> bool:
        """As `turn_off`, for somebody who lost it, by an administrator or a command. Their passkeys go, too: they are on what
        was lost. Their sessions end. `reason` is for them and for the log."""
        with self._database.write() as connection:
            gone = connection.execute(_factors.delete().where(_factors.c.user_id == user.id)).rowcount
            gone += connection.execute(_passkeys.delete().where(_passkeys.c.user_id == user.id)).rowcount
            recovery_codes.drop(connection, user.id)
            if gone:
                sessions.end_all(connection, user.id)
                told = {"name": user.name, **({"reason": reason} if reason else {})}
                outbox.append(connection, Event("user.2fa.reset", actor_id=actor_id, payload=told))
        return bool(gone)

    def _use_step(self, connection: sa.Connection, user_id: int, key: bytes, code: str) -> bool:
        locked = connection.execute(sa.select(_factors.c.secret).where(_factors.c.user_id == user_id)).scalar()
        if locked is None or locked == _PASSKEYS:
            return False
        step = self._step_of(keys.unlock(key, _purpose(user_id), locked).decode(), code)
        if step is None:
            return False
        later = _factors.update().where(_factors.c.user_id == user_id, _factors.c.last_step < step)
        return bool(connection.execute(later.values(last_step=step)).rowcount)

    def _step_of(self, secret: str, code: str) -> int | None:
        """The step, near now, that the code is of. All are looked at, so that time tells nothing."""
        if not _CODE.match(code):
            return None
        now, codes = int(self.clock()) // STEP_SECONDS, pyotp.TOTP(secret, interval=STEP_SECONDS)
        steps = range(now - _STEPS_APART, now + _STEPS_APART + 1)
        fitting = [step for step in steps if hmac.compare_digest(codes.generate_otp(step), code)]
        return fitting[-1] if fitting else None


def _turned_on(connection: sa.Connection, user: Account, secret: str, step: int, session_id: int | None) -> list[str]:
    service_accounts.check_is_person(connection, user.id)
    row = {"user_id": user.id, "secret": secret, "last_step": step, "created_at": now_ms()}
    fresh = insert_if_absent(connection, _factors).values(row).returning(_factors.c.user_id)
    if connection.execute(fresh).first() is None:
        raise Conflict("The second factor is on already: turn it off first, to use another one")
    sessions.end_all(connection, user.id, but=session_id)
    _tell(connection, "user.2fa.enable", user, user.id)
    return recovery_codes.renew(connection, user.id)


def new_secret() -> str:
    """160 bits (RFC 4226, section 4), in base32, as apps take it from a keyboard."""
    return pyotp.random_base32()


def address(secret: str, name: str, hub: str) -> str:
    """The `otpauth:` address that a QR code holds; `hub` is the host that the app shows."""
    label = quote(f"{hub}:{name}", safe=":")
    return f"otpauth://totp/{label}?secret={secret}&issuer={quote(hub, safe='')}"


def _purpose(user_id: int) -> str:
    return f"second factor of {user_id}"


def _tell(connection: sa.Connection, kind: str, user: Account, actor_id: int | None) -> None:
    outbox.append(connection, Event(kind, actor_id=actor_id, payload={"name": user.name}))
