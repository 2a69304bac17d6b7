"""What `git-lfs-authenticate` gives over SSH: a proof, good for one repo and one direction, that somebody came with a key.

It gives no right of its own: the key is looked up again with each batch, and what its owner may is asked again.
"""

from dataclasses import dataclass

from pioche.errors import Forbidden, InvalidToken, SignatureExpired
from pioche.http import credentials
from pioche.keys import Keyring

SECONDS = 1800
_PURPOSE = "lfs-pass"


@dataclass(frozen=True, slots=True)
class Pass:
    """`by` is a `Caller.credential`, `operation` download or upload."""

    uid: str
    by: str
    operation: str

    def check(self, operation: str) -> None:
        """Raises Forbidden for another direction."""
        if operation != self.operation:
            raise Forbidden(f"These credentials are for {self.operation}: ask for others over SSH")


def issue(keyring: Keyring, made: Pass) -> str:
    """The value of a header Authorization."""
    claims = {"uid": made.uid, "by": made.by, "operation": made.operation}
    return f"Bearer {keyring.seal(_PURPOSE, claims, seconds=SECONDS)}"


def verified(keyring: Keyring, authorization: str | None, uid: str) -> Pass:
    """Raises InvalidToken for anything that `issue` did not make, for this repo, of late."""
    token = credentials.token(authorization)
    try:
        claims = keyring.unseal(_PURPOSE, token or "")
    except SignatureExpired:
        raise InvalidToken from None
    if claims["uid"] != uid:
        raise InvalidToken
    return Pass(uid, claims["by"], claims["operation"])
