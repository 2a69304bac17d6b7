"""The token that an application gets, and the next value of it.

One grant for each time that somebody signs in: a fine-grained token of theirs, with a last day. Refreshing gives that same
token another value, so that what organisations decided of it stays decided; the value before ends then. A refresh token has
two halves: by the first the grant is found, the second is another one after each use. Whoever comes with a second half that
was used before has a copy, or was copied from: then the grant ends for both (RFC 9700 section 4.14.2).
"""

import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from pioche.accounts.account import Account
from pioche.accounts.callers import token_hash
from pioche.accounts.oauth import scopes
from pioche.accounts.oauth.applications import Application
from pioche.accounts.scopes import FineGrained
from pioche.accounts.tokens import PREFIX, TokenRole, generated
from pioche.db import schema
from pioche.db.engine import Database
from pioche.db.instance import now_ms
from pioche.errors import GrantRefused
from pioche.events import Event
from pioche.jobs import outbox

ACCESS_PREFIX: Final = "hf_oauth_"
REFRESH_PREFIX: Final = "hf_refresh_"
_HALF_BYTES = 24
_DAY_SECONDS = 86_400
_COMMAND_LINE_SECONDS = 30 * _DAY_SECONDS  # its clients refresh on the last day (huggingface_hub utils/_auth.py)
_ACCESS_SECONDS = 8 * 3600
_REFRESH_SECONDS = 180 * _DAY_SECONDS
_SWEPT_MS = 30 * _DAY_SECONDS * 1000

_table, _tokens, _accounts = schema.oauth_grants, schema.tokens, schema.accounts
_refused: Final = "This is not valid any more: sign in again"


@dataclass(frozen=True, slots=True)
class Issued:
    """What an application gets: the only time that these are known."""

    token_id: int
    access_token: str
    refresh_token: str | None
    seconds: int
    scopes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Signed:
    """Who signs in where, and what they agreed to. `orgs` are rows."""

    user: Account
    application: Application
    scopes: tuple[str, ...]
    orgs: tuple[int, ...]


def issue(connection: sa.Connection, signed: Signed, *, refreshes: bool) -> Issued:
    """A new token, in the caller's transaction."""
    seconds = _COMMAND_LINE_SECONDS if signed.application.is_command_line else _ACCESS_SECONDS
    access, family, half = _access_token(), secrets.token_urlsafe(_HALF_BYTES), secrets.token_urlsafe(_HALF_BYTES)
    token_id = _insert_token(connection, signed, access, seconds)
    connection.execute(_table.insert().values(
        token_id=token_id,
        application_id=signed.application.id,
        scopes=" ".join(signed.scopes),
        family_hash=token_hash(family) if refreshes else None,
        refresh_hash=token_hash(half) if refreshes else None,
        refresh_expires_at=now_ms() + _REFRESH_SECONDS * 1000 if refreshes else None,
    ))  # fmt: skip
    told = {"user": signed.user.name, "name": signed.application.name, "scope": " ".join(signed.scopes)}
    outbox.append(connection, Event("application.sign_in", actor_id=signed.user.id, payload=told))
    return Issued(token_id, access, _refresh_token(family, half) if refreshes else None, seconds, signed.scopes)


def refresh(database: Database, application: Application, refresh_token: str) -> Issued:
    """The next value, of the token and of what it was asked for with. Raises GrantRefused."""
    family, _, half = refresh_token.removeprefix(REFRESH_PREFIX).partition(".")
    with database.write() as connection:
        row = _by_family(connection, family)
        if row is None or row.application_id != application.id or row.revoked_at is not None:
            raise GrantRefused("invalid_grant", _refused)
        if row.suspended_at is not None or row.refresh_expires_at < now_ms():
            raise GrantRefused("invalid_grant", _refused)
        is_copy = not hmac.compare_digest(row.refresh_hash, token_hash(half))
        if is_copy:
            _end(connection, row)
        else:
            return _next(connection, row, application, family)
    # Said after the transaction: raised inside, it would undo what it says.
    raise GrantRefused("invalid_grant", "This was used before, so somebody has a copy of it: sign in again")


def revoke(database: Database, application: Application, value: str) -> None:
    """An access token or a refresh token that its application is done with, and all that came of it. One that is not its own,
    or is nothing any more, changes nothing (RFC 7009 section 2.2)."""
    family = value.removeprefix(REFRESH_PREFIX).partition(".")[0]
    is_meant = (_tokens.c.hash == token_hash(value)) | (_table.c.family_hash == token_hash(family))
    query = sa.select(_table.c.token_id).join(_tokens, _tokens.c.id == _table.c.token_id)
    with database.write() as connection:
        own = query.where(_table.c.application_id == application.id, is_meant)
        found = connection.execute(own).scalar()
        if found is not None:
            end(connection, found)


def agreed(database: Database, token_id: int) -> tuple[str, ...] | None:
    """What the application asked for whose token this is. None: the token is no application's."""
    with database.read() as connection:
        found = connection.execute(sa.select(_table.c.scopes).where(_table.c.token_id == token_id)).scalar()
    return None if found is None else scopes.split(found)


def token_ids(database: Database, user_id: int) -> set[int]:
    """The tokens of somebody that applications got."""
    query = sa.select(_table.c.token_id).join(_tokens, _tokens.c.id == _table.c.token_id)
    with database.read() as connection:
        return set(connection.execute(query.where(_tokens.c.user_id == user_id)).scalars())


def end(connection: sa.Connection, token_id: int) -> None:
    """A token that somebody else may have got, too."""
    living = (_tokens.c.id == token_id) & _tokens.c.revoked_at.is_(None)
    connection.execute(_tokens.update().where(living).values(revoked_at=now_ms()))


def sweep(database: Database) -> None:
    """Removes tokens of applications some time after they ended: each sign-in leaves one."""
    before = now_ms() - _SWEPT_MS
    is_over = (_tokens.c.expires_at < before) & (
        _table.c.refresh_expires_at.is_(None) | (_table.c.refresh_expires_at < before)
    )
    over = sa.select(_table.c.token_id).join(_tokens, _tokens.c.id == _table.c.token_id)
    over = over.where((_tokens.c.revoked_at < before) | is_over)
    with database.write() as connection:
        connection.execute(_tokens.delete().where(_tokens.c.id.in_(over)))


def _access_token() -> str:
    return ACCESS_PREFIX + generated().removeprefix(PREFIX)


def _refresh_token(family: str, half: str) -> str:
    return f"{REFRESH_PREFIX}{family}.{half}"


def _insert_token(connection: sa.Connection, signed: Signed, value: str, seconds: int) -> int:
    now = now_ms()
    given: FineGrained = scopes.permissions(signed.scopes, signed.user.id, signed.orgs)
    row = {
        "user_id": signed.user.id,
        "name": signed.application.name,
        "role": TokenRole.FINE_GRAINED,
        "scopes": given.dump(),
        "hash": token_hash(value),
        "created_at": now,
        "expires_at": now + seconds * 1000,
    }
    return int(connection.execute(_tokens.insert().values(row).returning(_tokens.c.id)).scalar_one())


def _by_family(connection: sa.Connection, family: str) -> "sa.Row[Any] | None":
    """Locked: of two that come at once with the same half, the second is the one that came with an old one."""
    joined = _table.join(_tokens, _tokens.c.id == _table.c.token_id).join(
        _accounts, _accounts.c.id == _tokens.c.user_id
    )
    columns = (
        *_table.c,
        _tokens.c.revoked_at,
        _tokens.c.name,
        _accounts.c.suspended_at,
        _accounts.c.name.label("user"),
    )
    query = sa.select(*columns).select_from(joined).where(_table.c.family_hash == token_hash(family))
    return connection.execute(query.with_for_update(of=_table)).first()


def _next(connection: sa.Connection, row: Any, application: Application, family: str) -> Issued:
    seconds = _COMMAND_LINE_SECONDS if application.is_command_line else _ACCESS_SECONDS
    now, access, half = now_ms(), _access_token(), secrets.token_urlsafe(_HALF_BYTES)
    values = {"hash": token_hash(access), "expires_at": now + seconds * 1000}
    connection.execute(_tokens.update().where(_tokens.c.id == row.token_id).values(values))
    kept = {"refresh_hash": token_hash(half), "refresh_expires_at": now + _REFRESH_SECONDS * 1000}
    connection.execute(_table.update().where(_table.c.token_id == row.token_id).values(kept))
    return Issued(row.token_id, access, _refresh_token(family, half), seconds, scopes.split(row.scopes))


def _end(connection: sa.Connection, row: Any) -> None:
    end(connection, row.token_id)
    told = {"user": row.user, "id": row.token_id, "name": row.name, "role": TokenRole.FINE_GRAINED.value}
    outbox.append(connection, Event("token.revoke", payload={**told, "wasFound": True}))


def kept_orgs(chosen: Sequence[str], choosable: Sequence[tuple[int, str]]) -> tuple[int, ...]:
    """The rows of those that were chosen by name, of those that there are to choose from."""
    names = set(chosen)
    return tuple(row for row, name in choosable if name in names)
