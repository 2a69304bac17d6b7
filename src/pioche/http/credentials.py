"""The token of a request: Bearer, or Basic with any user name and the token as password (hub-api.md section 2)."""

import base64
import binascii

from pioche.errors import InvalidToken


def token(authorization: str | None) -> str | None:
    """None without a header. Raises InvalidToken for one that cannot be read."""
    if not authorization:
        return None
    scheme, _, value = authorization.partition(" ")
    value = value.strip()
    match scheme.lower():
        case "bearer" if value:
            return value
        case "basic":
            return _basic(value)
    raise InvalidToken


def _basic(value: str) -> str:
    """git and git-lfs: the token is the password; alone, it may stand as the user name."""
    try:
        user, _, password = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise InvalidToken from None
    found = password or user
    if not found:
        raise InvalidToken
    return found
