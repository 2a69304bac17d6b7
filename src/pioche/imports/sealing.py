"""Credentials of an import at rest: encrypted under the instance's key, and told apart from what somebody changed.

They have to outlive a process, and a machine where there are several, so they are in the database; whoever sees a row, a
log of statements or an export of the table sees nothing of them. Whoever has the whole database has the key as well: against
that the disk has to be encrypted, and the row is emptied as soon as the import ends. HMAC-SHA256 in counter mode, then
HMAC-SHA256 over what came out (encrypt-then-MAC, NIST SP 800-108 for the keys); each nonce is used once.
"""

import base64
import hmac
import secrets

import msgspec

from pioche.errors import BadRequest
from pioche.imports.sources import Credentials
from pioche.keys import SigningKey

_NONCE_BYTES = 16
_MAC_BYTES = 32
_BLOCK_BYTES = 32


def seal(keys: list[SigningKey], credentials: Credentials, context: str) -> str:
    """Under the newest key; `context` is the repo's uid: it opens nowhere else."""
    key = next(key for key in reversed(keys) if not key.retired)
    nonce = secrets.token_bytes(_NONCE_BYTES)
    body = nonce + _mixed(key, nonce, msgspec.json.encode([credentials.user, credentials.token]))
    return f"{key.kid}.{base64.b64encode(body + _mac(key, context, body)).decode()}"


def open_(keys: list[SigningKey], sealed: str, context: str) -> Credentials:
    """Raises BadRequest when the key is gone, or these were not sealed for this."""
    kid, _, text = sealed.partition(".")
    key = next((key for key in keys if key.kid == kid), None)
    data = base64.b64decode(text)
    body, mac = data[:-_MAC_BYTES], data[-_MAC_BYTES:]
    if key is None or not hmac.compare_digest(_mac(key, context, body), mac):
        raise BadRequest("The token of this import can no longer be read: give it again")
    user, token = msgspec.json.decode(_mixed(key, body[:_NONCE_BYTES], body[_NONCE_BYTES:]), type=tuple[str, str])
    return Credentials(user, token)


def _mixed(key: SigningKey, nonce: bytes, data: bytes) -> bytes:
    secret = hmac.digest(key.secret, b"pioche import encryption", "sha256")
    blocks = -(-len(data) // _BLOCK_BYTES)
    stream = b"".join(hmac.digest(secret, nonce + number.to_bytes(8), "sha256") for number in range(blocks))
    return bytes(one ^ other for one, other in zip(data, stream, strict=False))


def _mac(key: SigningKey, context: str, body: bytes) -> bytes:
    secret = hmac.digest(key.secret, b"pioche import authentication", "sha256")
    return hmac.digest(secret, context.encode() + b"\0" + body, "sha256")
