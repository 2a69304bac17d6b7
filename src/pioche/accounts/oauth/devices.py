"""Signing in on a machine without a browser (RFC 8628): it shows a short code, somebody types it where they are signed in.

The machine asks again and again with a long code of its own. Of neither code the hub keeps more than a hash; the short one,
which could be tried out, is hashed under the instance's key, and guesses at it are counted (`failures.of_device_code`).
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from pioche.accounts.account import COLUMNS, Account, from_row
from pioche.accounts.callers import token_hash
from pioche.accounts.oauth import consents, grants, scopes
from pioche.accounts.oauth.applications import Application
from pioche.accounts.oauth.grants import Issued, Signed
from pioche.db import instance, schema
from pioche.db.engine import Database
from pioche.db.instance import now_ms
from pioche.errors import GrantRefused, NotFound
from pioche.events import Event
from pioche.jobs import outbox

SECONDS: Final = 900
WAIT_SECONDS: Final = 5
_LETTERS = "BCDFGHJKLMNPQRSTVWXZ"
"""No vowels, so no words, and nothing that is read for something else (RFC 8628 section 6.1)."""
_CODE_LETTERS = 8
_EARLY_MS = 1000  # a question that is a little too soon: the network was faster this time

_table, _applications = schema.oauth_devices, schema.oauth_applications


@dataclass(frozen=True, slots=True)
class Begun:
    """What the machine is told."""

    device_code: str
    user_code: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """A machine that waits for an answer, as the page shows it."""

    client_id: str
    scopes: tuple[str, ...]


def begin(database: Database, application: Application, asked: str | None) -> Begun:
    """Raises GrantRefused."""
    allowed = application.allowed(asked)
    if not allowed:
        raise GrantRefused("invalid_scope", "This application may ask for none of these scopes")
    device_code, letters = secrets.token_urlsafe(32), [secrets.choice(_LETTERS) for _ in range(_CODE_LETTERS)]
    row = {
        "hash": token_hash(device_code),
        "user_code_hash": _hash(database, "".join(letters)),
        "application_id": application.id,
        "status": "pending",
        "scopes": " ".join(allowed),
        "orgs": "",
        "wait_seconds": WAIT_SECONDS,
        "expires_at": now_ms() + SECONDS * 1000,
    }
    with database.write() as connection:
        connection.execute(_table.insert().values(row))
    return Begun(device_code, f"{''.join(letters[:4])}-{''.join(letters[4:])}")


def waiting(database: Database, user_code: str) -> Waiting:
    """Raises NotFound for a code that there is not, that is too old, or was answered."""
    joined = _table.join(_applications, _applications.c.id == _table.c.application_id)
    query = sa.select(_applications.c.client_id, _table.c.scopes).select_from(joined)
    with database.read() as connection:
        row = connection.execute(query.where(_is_open(database, user_code))).first()
    if row is None:
        raise _unknown()
    return Waiting(row.client_id, scopes.split(row.scopes))


def approve(database: Database, user_code: str, signed: Signed) -> None:
    """Once. Raises NotFound, as `waiting`."""
    values = {"orgs": " ".join(map(str, signed.orgs)), "status": "approved", "user_id": signed.user.id}
    with database.write() as connection:
        _answer(connection, _is_open(database, user_code), values)
        consents.give(connection, signed.user, signed.application, signed.scopes, signed.orgs)


def deny(database: Database, user_code: str, user: Account, application: Application) -> None:
    """Once. Raises NotFound, as `waiting`."""
    with database.write() as connection:
        _answer(connection, _is_open(database, user_code), {"status": "denied", "user_id": user.id})
        told = {"user": user.name, "name": application.name}
        outbox.append(connection, Event("application.deny", actor_id=user.id, payload=told))


def redeem(database: Database, application: Application, device_code: str) -> Issued:
    """The token, once. Raises GrantRefused: `authorization_pending`, `slow_down`, `expired_token`, `access_denied`,
    `invalid_grant`."""
    here = (_table.c.hash == token_hash(device_code)) & (_table.c.application_id == application.id)
    with database.write() as connection:
        row = connection.execute(sa.select(_table).where(here).with_for_update()).first()
        if row is None:
            raise GrantRefused("invalid_grant", "This code is not known here, or was used already")
        if row.expires_at < now_ms():
            raise GrantRefused("expired_token", "This took too long: begin again")
        if row.status == "approved":
            return _issued(connection, application, row)
        if row.status == "denied":
            raise GrantRefused("access_denied", "The answer was no")
        is_hasty = _note_question(connection, row)
    if is_hasty:
        raise GrantRefused("slow_down", f"Ask every {row.wait_seconds + WAIT_SECONDS} seconds at most")
    raise GrantRefused("authorization_pending", "Nobody has answered yet")


def sweep(database: Database) -> None:
    """Removes what nobody can answer any more; a little later, so that a machine still hears that it took too long."""
    with database.write() as connection:
        connection.execute(_table.delete().where(_table.c.expires_at < now_ms() - SECONDS * 1000))


def _issued(connection: sa.Connection, application: Application, row: Any) -> Issued:
    user = connection.execute(sa.select(*COLUMNS).where(schema.accounts.c.id == row.user_id)).one()
    connection.execute(_table.delete().where(_table.c.hash == row.hash))
    signed = Signed(from_row(user), application, scopes.split(row.scopes), consents.rows(row.orgs))
    return grants.issue(connection, signed, refreshes=True)


def _note_question(connection: sa.Connection, row: Any) -> bool:
    """Whether it came sooner than it was told to; then it has to wait longer from now on."""
    now = now_ms()
    is_hasty = row.asked_at is not None and now - row.asked_at < row.wait_seconds * 1000 - _EARLY_MS
    wait = row.wait_seconds + (WAIT_SECONDS if is_hasty else 0)
    here = _table.update().where(_table.c.hash == row.hash)
    connection.execute(here.values(asked_at=now, wait_seconds=wait))
    return is_hasty


def _answer(connection: sa.Connection, is_open: sa.ColumnElement[bool], values: dict[str, Any]) -> None:
    if connection.execute(_table.update().where(is_open).values(values)).rowcount != 1:
        raise _unknown()


def _is_open(database: Database, user_code: str) -> sa.ColumnElement[bool]:
    kept = _hash(database, "".join(letter for letter in user_code.upper() if letter.isalnum()))
    return (_table.c.user_code_hash == kept) & (_table.c.status == "pending") & (_table.c.expires_at > now_ms())


def _hash(database: Database, letters: str) -> str:
    key = instance.locking_key(database)
    return hmac.digest(key, b"user code\0" + letters.encode(errors="replace"), hashlib.sha256).hex()


def _unknown() -> NotFound:
    return NotFound("There is no such code, or it is too old, or it was answered already")
