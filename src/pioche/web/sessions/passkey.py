"""Signing in with a passkey: the question on the page of /login, and who answered it (ui.md A1, T2)."""

import secrets
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from typing import Any

from pioche.accounts import failures, passkeys
from pioche.accounts.account import Account
from pioche.accounts.passkeys import Party
from pioche.errors import AccountNotFound, SignatureExpired, Unauthenticated
from pioche.http.messages import Request

_PURPOSE = "passkey"
_SECONDS = 3600  # a page of /login may lie open for a while before somebody comes back to it
_CHALLENGE_BYTES = 32


@dataclass(frozen=True, slots=True)
class Question:
    """What the page asks a browser: `options` for it, `ticket` for the hub."""

    options: str
    ticket: str


def question(request: Request) -> Question:
    """Another one for each page."""
    challenge = secrets.token_bytes(_CHALLENGE_BYTES)
    claims = {"challenge": urlsafe_b64encode(challenge).decode(), "at": time.time_ns() // 1_000_000}
    ticket = request.hub.keyring.seal(_PURPOSE, claims, seconds=_SECONDS)
    return Question(passkeys.question(Party.of(request.base_url), challenge), ticket)


def bearer(request: Request, ticket: str, answer: str) -> Account:
    """Who answered the question of `ticket`. For a worker thread. Raises Unauthenticated, TooManyRequests."""
    directory = request.hub.directory
    guess = failures.of_passkey(request.hub.addresses.client(request.scope, request.headers))
    directory.failures.count(guess)
    try:
        claims: dict[str, Any] = request.hub.keyring.unseal(_PURPOSE, ticket)
        challenge = urlsafe_b64decode(claims["challenge"])
        user = directory.by_id(directory.passkeys.use(Party.of(request.base_url), challenge, int(claims["at"]), answer))
    except (SignatureExpired, AccountNotFound):
        raise Unauthenticated from None
    if user.is_suspended:
        raise Unauthenticated
    directory.failures.forgive(guess)
    return user
