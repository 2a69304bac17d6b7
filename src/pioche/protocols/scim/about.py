"""What this hub offers of SCIM (RFC 7643 sections 5 to 7)."""

from typing import Any

from pioche.errors import NotFound
from pioche.http.messages import Request, Response
from pioche.http.routes import Needs, Route
from pioche.protocols.scim import calls, groups, users
from pioche.protocols.scim.calls import COUNT_MAX, Json

_PATH = "/api/organizations/{name}/scim/v2"
_CONFIG = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"
_TYPE = "urn:ietf:params:scim:schemas:core:2.0:ResourceType"
_SCHEMA = "urn:ietf:params:scim:schemas:core:2.0:Schema"


async def config(request: Request) -> Response:
    """GET /api/organizations/O/scim/v2/ServiceProviderConfig."""
    await request.run(calls.org, request)
    no: Json = {"supported": False}
    scheme = {"type": "oauthbearertoken", "name": "Token", "description": "The token of the organization's settings"}
    return calls.answer(
        {
            "schemas": [_CONFIG],
            "patch": {"supported": True},
            "bulk": {"supported": False, "maxOperations": 0, "maxPayloadSize": 0},
            "filter": {"supported": True, "maxResults": COUNT_MAX},
            "changePassword": no,
            "sort": no,
            "etag": no,
            "authenticationSchemes": [scheme],
        }
    )


async def resource_types(request: Request) -> Response:
    """GET /api/organizations/O/scim/v2/ResourceTypes."""
    await request.run(calls.org, request)
    found: list[Json] = [
        {"schemas": [_TYPE], "id": name, "name": name, "endpoint": f"/{name}s", "schema": schema}
        for name, schema in (("User", users.SCHEMA), ("Group", groups.SCHEMA))
    ]
    return calls.listed(len(found), 0, found)


async def schemas(request: Request) -> Response:
    """GET /api/organizations/O/scim/v2/Schemas."""
    await request.run(calls.org, request)
    return calls.listed(len(_SCHEMAS), 0, list(_SCHEMAS.values()))


async def schema(request: Request) -> Response:
    """GET /api/organizations/O/scim/v2/Schemas/ID."""
    await request.run(calls.org, request)
    found = _SCHEMAS.get(request.params["id"])
    if found is None:
        raise NotFound("There is no such schema here")
    return calls.answer(found)


def _attribute(name: str, kind: str = "string", **more: Any) -> Json:
    known = {"multiValued": False, "required": False, "mutability": "readWrite", "returned": "default"}
    return {"name": name, "type": kind, **known, "uniqueness": "none", **more}


def _described(id_: str, name: str, attributes: list[Json]) -> Json:
    return {"schemas": [_SCHEMA], "id": id_, "name": name, "attributes": attributes}


_SCHEMAS = {
    users.SCHEMA: _described(
        users.SCHEMA,
        "User",
        [
            _attribute("userName", required=True, uniqueness="server"),
            _attribute("displayName"),
            _attribute(
                "name", "complex", subAttributes=[_attribute(part) for part in ("formatted", "givenName", "familyName")]
            ),
            _attribute(
                "emails",
                "complex",
                multiValued=True,
                subAttributes=[_attribute("value"), _attribute("type"), _attribute("primary", "boolean")],
            ),
            _attribute("active", "boolean"),
        ],
    ),
    groups.SCHEMA: _described(
        groups.SCHEMA,
        "Group",
        [
            _attribute("displayName", required=True, uniqueness="server"),
            _attribute(
                "members",
                "complex",
                multiValued=True,
                subAttributes=[
                    _attribute("value", mutability="immutable"),
                    _attribute("$ref", "reference", mutability="immutable", referenceTypes=["User"]),
                    _attribute("display", mutability="readOnly"),
                ],
            ),
        ],
    ),
}

ROUTES = (
    Route("GET", _PATH + "/ServiceProviderConfig", Needs.SIGNATURE, config),
    Route("GET", _PATH + "/ResourceTypes", Needs.SIGNATURE, resource_types),
    Route("GET", _PATH + "/Schemas", Needs.SIGNATURE, schemas),
    Route("GET", _PATH + "/Schemas/{id}", Needs.SIGNATURE, schema),
)
