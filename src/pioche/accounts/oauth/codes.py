"""The code that a browser brings back to an application, which changes it for a token (RFC 6749 section 4.1, RFC 7636).

Good for a minute and once: whoever comes with it again has a copy, so the token that it was changed for ends. Of the code
the hub keeps a hash. A public application must bring a challenge (PKCE, S256), any other may.
"""

import base64
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from pioche.accounts.account import COLUMNS, from_row
from pioche.accounts.callers import token_hash
from pioche.accounts.oauth import consents, grants, scopes
from pioche.accounts.oauth.applications import Application
from pioche.accounts.oauth.grants import Issued, Signed
from pioche.db import schema
from pioche.db.engine import Database
from pioche.db.instance import now_ms
from pioche.errors import GrantRefused

_SECONDS = 60
_KEPT_MS = 86_400_000
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}\Z")
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}\Z")

_table = schema.oauth_codes


@dataclass(frozen=True, slots=True)
class Asked:
    """What the application asked with, which its second request is held against."""

    redirect_uri: str
    nonce: str | None
    challenge: str | None


@dataclass(frozen=True, slots=True)
class Redeemed:
    """The token, and what the ID token says. Times are Unix milliseconds."""

    issued: Issued
    signed: Signed
    nonce: str | None
    signed_in_at: int


def is_challenge(text: str) -> bool:
    return bool(_CHALLENGE.match(text))


def give(database: Database, signed: Signed, asked: Asked, *, signed_in_at: int, was_asked: bool) -> str:
    """The code, in one transaction with the consent: a new one where somebody `was_asked` just now, or the last one again."""
    code = secrets.token_urlsafe(32)
    row = {
        "hash": token_hash(code),
        "application_id": signed.application.id,
        "user_id": signed.user.id,
        "redirect_uri": asked.redirect_uri,
        "scopes": " ".join(signed.scopes),
        "orgs": " ".join(map(str, signed.orgs)),
        "nonce": asked.nonce,
        "challenge": asked.challenge,
        "signed_in_at": signed_in_at,
        "expires_at": now_ms() + _SECONDS * 1000,
    }
    with database.write() as connection:
        connection.execute(_table.insert().values(row))
        if was_asked:
            consents.give(connection, signed.user, signed.application, signed.scopes, signed.orgs)
        else:
            consents.use(connection, signed.user, signed.application)
    return code


def redeem(database: Database, application: Application, code: str, redirect_uri: str, verifier: str) -> Redeemed:
    """Raises GrantRefused (`invalid_grant`)."""
    here = (_table.c.hash == token_hash(code)) & (_table.c.application_id == application.id)
    with database.write() as connection:
        row = connection.execute(sa.select(_table).where(here).with_for_update()).first()
        if row is None or row.expires_at < now_ms():
            raise GrantRefused("invalid_grant", "This code is not known here, or it is too old")
        if row.token_id is None:
            _check(row, redirect_uri, verifier)
            return _redeemed(connection, application, row)
        grants.end(connection, row.token_id)
    # Said after the transaction: raised inside, it would undo what it says.
    raise GrantRefused("invalid_grant", "This code was used before, so somebody has a copy of it: sign in again")


def sweep(database: Database) -> None:
    """Removes those that are long over."""
    with database.write() as connection:
        connection.execute(_table.delete().where(_table.c.expires_at < now_ms() - _KEPT_MS))


def _check(row: Any, redirect_uri: str, verifier: str) -> None:
    if row.redirect_uri != redirect_uri:
        raise GrantRefused("invalid_grant", "redirect_uri is another one than the code was asked for with")
    if row.challenge is None and not verifier:
        return
    if not _VERIFIER.match(verifier) or not hmac.compare_digest(_challenge(verifier), row.challenge or ""):
        raise GrantRefused(
            "invalid_grant", "code_verifier does not fit the code_challenge that the code was asked for with"
        )


def _challenge(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def _redeemed(connection: sa.Connection, application: Application, row: Any) -> Redeemed:
    user = from_row(connection.execute(sa.select(*COLUMNS).where(schema.accounts.c.id == row.user_id)).one())
    if user.is_suspended:
        raise GrantRefused("invalid_grant", "This account is suspended")
    signed = Signed(user, application, scopes.split(row.scopes), consents.rows(row.orgs))
    issued = grants.issue(connection, signed, refreshes=scopes.OFFLINE in signed.scopes)
    connection.execute(_table.update().where(_table.c.hash == row.hash).values(token_id=issued.token_id))
    return Redeemed(issued, signed, row.nonce, row.signed_in_at)
