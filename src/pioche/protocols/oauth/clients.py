"""Which application asks: by Basic credentials (RFC 6749 section 2.3.1), or by fields of the form."""

import base64
import binascii
from urllib.parse import unquote_plus

from pioche.accounts.oauth.applications import Application, Applications
from pioche.errors import GrantRefused, InvalidClient
from pioche.http.messages import Request

Fields = dict[str, str]


async def asking(request: Request, fields: Fields) -> Application:
    """Raises InvalidClient."""
    authorization = request.headers.get("authorization")
    client_id, secret = fields.get("client_id", ""), fields.get("client_secret")
    if authorization:
        client_id, secret = _basic(authorization)
    authenticate = Applications(request.hub.database).authenticate
    return await request.run(authenticate, client_id, secret)


def _basic(authorization: str) -> tuple[str, str]:
    scheme, _, value = authorization.partition(" ")
    try:
        text = base64.b64decode(value.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise InvalidClient from None
    client_id, colon, secret = text.partition(":")
    if scheme.lower() != "basic" or not colon:
        raise InvalidClient
    return unquote_plus(client_id), unquote_plus(secret)


def required(fields: Fields, name: str) -> str:
    """Raises GrantRefused."""
    found = fields.get(name)
    if not found:
        raise GrantRefused("invalid_request", f"{name} is missing")
    return found
