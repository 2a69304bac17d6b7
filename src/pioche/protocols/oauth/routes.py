"""The routes of OAuth 2 and OpenID Connect."""

from pioche.http.limits import Bucket
from pioche.http.routes import Protocol
from pioche.protocols.oauth import devices, errors, openid, token

PROTOCOL = Protocol("oauth", (*token.ROUTES, *devices.ROUTES, *openid.ROUTES), errors.render, Bucket.API)
