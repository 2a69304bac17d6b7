"""The instance's signing keys: short proofs that an address or a token was made by this hub.

HMAC-SHA256 under a named key (`kid`), so that keys rotate without breaking what was signed a minute ago. Where the keys
are kept is not known here: a `load` function is handed in (`pioche.db.instance.signing_keys`).
"""

import base64
import hashlib
import hmac
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from pioche.errors import Corrupt, SignatureExpired

_RELOAD_SECONDS = 60
_NONCE_BYTES = 16
_MAC_BYTES = 32
LOCKED_BYTES_MAX = 2**20
"""Of `lock`."""
_PAD_BYTES = 64


@dataclass(frozen=True, slots=True)
class SigningKey:
    """`retired` keys verify and no longer sign."""

    kid: str
    secret: bytes
    retired: bool = False


class Keyring:
    """Signs with the newest key, verifies with all. Sees a rotation made by another process within a minute."""

    def __init__(self, load: Callable[[], list[SigningKey]], *, clock: Callable[[], float] = time.time) -> None:
        self._load = load
        self._clock = clock
        self._keys: dict[str, SigningKey] = {}
        self._current: SigningKey | None = None
        self._loaded_at = float("-inf")

    def sign(self, purpose: str, parts: tuple[str, ...], *, seconds: int) -> str:
        """`kid.expiry.mac` over purpose and parts, good for `seconds` from now. Goes into a URL as it is."""
        key = self._signing_key()
        expiry = int(self._clock()) + seconds
        return f"{key.kid}.{expiry}.{_mac(key.secret, purpose, (*parts, str(expiry)))}"

    def verify(self, purpose: str, parts: tuple[str, ...], signature: str, *, leeway: int = 0) -> None:
        """Raises SignatureExpired unless `sign` made `signature` for exactly this purpose and these parts, in time."""
        kid, _, rest = signature.partition(".")
        expiry, _, mac = rest.partition(".")
        key = self._key(kid)
        expected = _mac(key.secret, purpose, (*parts, expiry)) if key else ""
        if not key or not hmac.compare_digest(expected.encode(), mac.encode(errors="replace")):
            raise SignatureExpired("This signed address is not valid: ask for a new one")
        if int(expiry) + leeway < self._clock():
            raise SignatureExpired("This signed address has expired: ask for a new one")

    def seal(self, purpose: str, claims: Mapping[str, Any], *, seconds: int) -> str:
        """A bearer token that carries `claims` (JSON-able, readable by its holder)."""
        body = base64.urlsafe_b64encode(msgspec.json.encode(claims)).decode().rstrip("=")
        return f"{body}.{self.sign(purpose, (body,), seconds=seconds)}"

    def unseal(self, purpose: str, token: str, *, leeway: int = 0) -> dict[str, Any]:
        """The claims of a token that `seal` made. Raises SignatureExpired."""
        body, _, signature = token.partition(".")
        self.verify(purpose, (body,), signature, leeway=leeway)
        claims: dict[str, Any] = msgspec.json.decode(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        return claims

    def _signing_key(self) -> SigningKey:
        if self._current is None or self._is_stale():
            self._reload()
        assert self._current is not None, "an instance always has a key: db.instance creates it"  # noqa: S101
        return self._current

    def _key(self, kid: str) -> SigningKey | None:
        # A key that was removed must stop verifying as well, also where nothing is ever signed.
        if self._is_stale() or (kid not in self._keys and self._age() > 1):
            self._reload()
        return self._keys.get(kid)

    def _age(self) -> float:
        return abs(self._clock() - self._loaded_at)

    def _is_stale(self) -> bool:
        return self._age() > _RELOAD_SECONDS

    def _reload(self) -> None:
        keys = self._load()
        self._keys = {key.kid: key for key in keys}
        self._current = next((key for key in reversed(keys) if not key.retired), None)
        self._loaded_at = self._clock()


def _mac(secret: bytes, purpose: str, parts: tuple[str, ...]) -> str:
    # Lengths keep ("a", "bc") and ("ab", "c") apart.
    message = "".join(f"{len(part)}:{part}" for part in (purpose, *parts))
    digest = hmac.digest(secret, message.encode(errors="surrogatepass"), hashlib.sha256)
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def lock(key: bytes, purpose: str, secret: bytes) -> str:
    """A secret, encrypted under `key` for one purpose: which names whose it is, so that no row stands in for another.

    Encrypt-then-MAC with HMAC as the pseudorandom function: blocks of HMAC-SHA512 over a random nonce and a counter are the pad,
    and HMAC-SHA256 covers nonce and text. Whoever has the key too can read it: it guards copies of a table, not of the hub.
    """
    assert len(secret) <= LOCKED_BYTES_MAX, "who takes a secret says how long it may be"  # noqa: S101
    nonce = secrets.token_bytes(_NONCE_BYTES)
    body = nonce + _padded(key, purpose, nonce, secret)
    return base64.urlsafe_b64encode(body + _proof(key, purpose, body)).decode()


def unlock(key: bytes, purpose: str, locked: str) -> bytes:
    """What `lock` was given. Raises Corrupt for anything that it did not make with this key, for this purpose."""
    try:
        whole = base64.urlsafe_b64decode(locked)
    except ValueError:
        whole = b""
    body, proof = whole[:-_MAC_BYTES], whole[-_MAC_BYTES:]
    if not hmac.compare_digest(proof, _proof(key, purpose, body)):
        raise Corrupt("A stored secret cannot be read: it was changed, or is of another hub")
    return _padded(key, purpose, body[:_NONCE_BYTES], body[_NONCE_BYTES:])


def _padded(key: bytes, purpose: str, nonce: bytes, text: bytes) -> bytes:
    blocks = range(-(-len(text) // _PAD_BYTES))
    pad = b"".join(_pad(key, purpose, nonce, block) for block in blocks)
    return bytes(one ^ other for one, other in zip(text, pad, strict=False))


def _pad(key: bytes, purpose: str, nonce: bytes, block: int) -> bytes:
    # The first has no number: when these were made first, one was all there was. The zero byte keeps a purpose and a number apart.
    number = b"" if not block else b"\0" + block.to_bytes(4)
    return hmac.digest(key, b"pad\0" + nonce + purpose.encode() + number, hashlib.sha512)


def _proof(key: bytes, purpose: str, body: bytes) -> bytes:
    return hmac.digest(key, b"proof\0" + len(body).to_bytes(4) + body + purpose.encode(), hashlib.sha256)
