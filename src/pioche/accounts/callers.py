"""Who is asking. A `Caller` is made from a token once a request and handed down; nothing below reads credentials."""

import hashlib
import time
from collections.abc import Callable
from typing import Self

import msgspec

from pioche.db.engine import Database, Lookup, Row
from pioche.errors import InvalidToken

_SELECT = """
    SELECT t.id, t.role, t.expires_at, t.revoked_at, a.id, a.name, a.is_admin, a.suspended_at
    FROM tokens t JOIN accounts a ON a.id = t.user_id
"""
_BY_TOKEN = Lookup(_SELECT + "WHERE t.hash = :hash")
_BY_TOKEN_ID = Lookup(_SELECT + "WHERE t.id = :id")

_SELECT_SESSION = """
    SELECT s.id, s.expires_at, a.id, a.name, a.is_admin, a.suspended_at, a.fullname, a.language, a.theme
    FROM sessions s JOIN accounts a ON a.id = s.user_id
"""
_BY_SESSION = Lookup(_SELECT_SESSION + "WHERE s.hash = :hash")
_BY_SESSION_ID = Lookup(_SELECT_SESSION + "WHERE s.id = :id")
_SESSION_MARK = "s"


class Caller(msgspec.Struct, frozen=True):
    """`user_id` 0 is nobody, or who runs commands on the machine. `may_write` tells what the token allows, not what the
    user may do."""

    user_id: int
    name: str
    may_write: bool
    is_admin: bool
    token_id: int | None = None
    expires_at: int | None = None
    """Of the token or the session, in Unix milliseconds."""
    session_id: int | None = None
    """Of who is signed in in a browser, and came without a token."""

    @property
    def is_anonymous(self) -> bool:
        return self.user_id == 0 and not self.is_admin

    @property
    def credential(self) -> str | None:
        """What they proved themselves with, for what the hub signs in their name: see `Callers.by_credential`."""
        if self.session_id is not None:
            return f"{_SESSION_MARK}{self.session_id}"
        return None if self.token_id is None else str(self.token_id)

    @classmethod
    def operator(cls) -> Self:
        """Who runs commands on the hub's own machine: an administrator without an account."""
        return cls(0, "operator", may_write=True, is_admin=True)

    @classmethod
    def nobody(cls) -> Self:
        return cls(0, "", may_write=False, is_admin=False)


class SignedIn(msgspec.Struct, frozen=True):
    """Who sits in front of a browser, with what every page needs to know of them."""

    caller: Caller
    fullname: str
    language: str | None
    theme: str | None


def token_hash(token: str) -> str:
    """What is stored of a token: it has 200 bits and more, so a plain sha256 cannot be searched backwards."""
    return hashlib.sha256(token.encode(errors="surrogateescape")).hexdigest()


class Callers:
    """Turns a token, or the cookie of a session, into a Caller, by one indexed look-up. `used` and `session_used` are told
    the ids of those that were good."""

    def __init__(
        self,
        database: Database,
        *,
        used: Callable[[int], None] = lambda _token_id: None,
        session_used: Callable[[int], None] = lambda _session_id: None,
    ) -> None:
        self._database = database
        self._used = used
        self._session_used = session_used

    async def by_token(self, token: str) -> Caller:
        """Raises InvalidToken for a token that is unknown, expired, revoked or whose user is suspended."""
        return self._caller(await self._database.fetch_one(_BY_TOKEN, {"hash": token_hash(token)}))

    async def by_session(self, secret: str) -> SignedIn | None:
        """None for a session that is unknown, over or ended, or whose user is suspended: that is nobody, and no error."""
        return self._signed_in(await self._database.fetch_one(_BY_SESSION, {"hash": token_hash(secret)}))

    async def by_credential(self, credential: str | int) -> Caller:
        """As `by_token`, for what the hub signed in somebody's name (a Xet token): it lives no longer than what they
        proved themselves with. `credential` is what `Caller.credential` was."""
        text = str(credential)
        if not text.startswith(_SESSION_MARK):
            return self._caller(await self._database.fetch_one(_BY_TOKEN_ID, {"id": int(text)}))
        row = await self._database.fetch_one(_BY_SESSION_ID, {"id": int(text.removeprefix(_SESSION_MARK))})
        found = self._signed_in(row)
        if found is None:
            raise InvalidToken
        return found.caller

    def counts_still(self, caller: Caller) -> bool:
        """Of a caller found earlier, when nothing was committed since: False once its token has run out. Notes the use."""
        if caller.token_id is None:
            return True
        if _has_ended(caller.expires_at):
            return False
        self._used(caller.token_id)
        return True

    def _caller(self, row: Row | None) -> Caller:
        if row is None:
            raise InvalidToken
        token_id, role, expires_at, revoked_at, user_id, name, is_admin, suspended_at = row
        if revoked_at is not None or suspended_at is not None:
            raise InvalidToken
        if _has_ended(expires_at):
            raise InvalidToken
        self._used(token_id)
        return Caller(user_id, name, role == "write", bool(is_admin), token_id, expires_at)

    def _signed_in(self, row: Row | None) -> SignedIn | None:
        if row is None:
            return None
        session_id, expires_at, user_id, name, is_admin, suspended_at, fullname, language, theme = row
        if suspended_at is not None or _has_ended(expires_at):
            return None
        self._session_used(session_id)
        caller = Caller(
            user_id, name, may_write=True, is_admin=bool(is_admin), expires_at=expires_at, session_id=session_id
        )
        return SignedIn(caller, fullname, language, theme)


def _has_ended(expires_at: int | None) -> bool:
    return expires_at is not None and expires_at <= time.time() * 1000
