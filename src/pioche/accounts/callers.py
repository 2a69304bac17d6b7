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


class Caller(msgspec.Struct, frozen=True):
    """`user_id` 0 is nobody, or who runs commands on the machine. `may_write` tells what the token allows, not what the
    user may do."""

    user_id: int
    name: str
    may_write: bool
    is_admin: bool
    token_id: int | None = None
    expires_at: int | None = None
    """Of the token, in Unix milliseconds."""

    @property
    def is_anonymous(self) -> bool:
        return self.user_id == 0 and not self.is_admin

    @classmethod
    def operator(cls) -> Self:
        """Who runs commands on the hub's own machine: an administrator without an account."""
        return cls(0, "operator", may_write=True, is_admin=True)

    @classmethod
    def nobody(cls) -> Self:
        return cls(0, "", may_write=False, is_admin=False)


def token_hash(token: str) -> str:
    """What is stored of a token: it has 200 bits and more, so a plain sha256 cannot be searched backwards."""
    return hashlib.sha256(token.encode(errors="surrogateescape")).hexdigest()


class Callers:
    """Turns a token into a Caller, by one indexed look-up."""

    def __init__(self, database: Database, *, used: Callable[[int], None] = lambda _token_id: None) -> None:
        self._database = database
        self._used = used

    async def by_token(self, token: str) -> Caller:
        """Raises InvalidToken for a token that is unknown, expired, revoked or whose user is suspended."""
        return self._caller(await self._database.fetch_one(_BY_TOKEN, {"hash": token_hash(token)}))

    async def by_token_id(self, token_id: int) -> Caller:
        """As `by_token`, for what the hub signed for a token (a Xet token): it lives no longer than that."""
        return self._caller(await self._database.fetch_one(_BY_TOKEN_ID, {"id": token_id}))

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


def _has_ended(expires_at: int | None) -> bool:
    return expires_at is not None and expires_at <= time.time() * 1000
