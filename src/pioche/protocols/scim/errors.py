"""How SCIM says no (RFC 7644 section 3.12)."""

import msgspec

from pioche.errors import AlreadyExists, BadRequest, HubError, InvalidFilter
from pioche.http import errors
from pioche.http.messages import Request, Response

TYPE = "application/scim+json"
_SCHEMA = "urn:ietf:params:scim:api:messages:2.0:Error"


def render(_request: Request, error: HubError) -> Response:
    body: dict[str, object] = {"schemas": [_SCHEMA], "status": str(error.status), "detail": error.message}
    if isinstance(error, AlreadyExists):
        body["scimType"] = "uniqueness"
    elif isinstance(error, InvalidFilter):
        body["scimType"] = "invalidFilter"
    elif isinstance(error, BadRequest):
        body["scimType"] = "invalidValue"
    headers = [("Content-Type", TYPE), *errors.headers(error)]
    return Response(error.status, headers, msgspec.json.encode(body))
