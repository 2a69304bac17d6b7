"""What the calls of a directory have in common."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from pioche.accounts import scim_people
from pioche.accounts.account import Account
from pioche.errors import BadRequest, InvalidFilter, InvalidToken
from pioche.http import credentials
from pioche.http.messages import Request, Response
from pioche.protocols.scim.errors import TYPE

Json = dict[str, Any]

COUNT_MAX = 200
_FILTER = re.compile(r'\s*([A-Za-z][A-Za-z.]*)\s+[eE][qQ]\s+"((?:[^"\\]|\\["\\])*)"\s*\Z')
_LIST = "urn:ietf:params:scim:api:messages:2.0:ListResponse"


@dataclass(frozen=True, slots=True)
class Page:
    """What a list was asked for. `start` begins at 0; `where` is (attribute in lower case, value)."""

    start: int
    count: int
    where: tuple[str, str] | None


def org(request: Request) -> Account:
    """Whose directory calls: of the organisation that the address names, by its own token. For a worker thread. Raises
    InvalidToken, whatever is wrong."""
    value = credentials.token(request.headers.get("authorization"))
    if value is None:
        raise InvalidToken
    return scim_people.by_token(request.hub.database, request.params["name"], value)


def page(request: Request, attributes: tuple[str, ...]) -> Page:
    """By one of these attributes, in lower case. Raises BadRequest (InvalidFilter)."""
    start, count = _number(request, "startIndex", 1), _number(request, "count", 100)
    asked = request.query.get("filter")
    if asked is None:
        return Page(max(start, 1) - 1, min(max(count, 0), COUNT_MAX), None)
    found = _FILTER.match(asked)
    attribute = found[1].lower().removesuffix(".value") if found else ""
    if found is None or attribute not in attributes:
        raise InvalidFilter(f'A filter is of the form {attributes[0]} eq "value", by one of {", ".join(attributes)}')
    value = re.sub(r"\\(.)", r"\1", found[2])
    return Page(max(start, 1) - 1, min(max(count, 0), COUNT_MAX), (attribute, value))


def _number(request: Request, name: str, otherwise: int) -> int:
    """Below zero counts as the least (RFC 7644 section 3.4.2.4). Raises BadRequest."""
    text = request.query.get(name)
    if text is None:
        return otherwise
    if not re.fullmatch(r"-?[0-9]{1,9}", text, re.ASCII):
        raise BadRequest(f'"{name}" must be a whole number')
    return int(text)


def answer(content: object, *, status: int = 200, location: str = "") -> Response:
    headers = [("Content-Type", TYPE), ("Cache-Control", "no-store")]
    if location:
        headers.append(("Location", location))
    return Response(status, headers, msgspec.json.encode(content))


def nothing() -> Response:
    """204."""
    return Response(204, [("Cache-Control", "no-store")])


def listed(total: int, start: int, found: list[Json]) -> Response:
    """`start` begins at 0."""
    body = {
        "schemas": [_LIST],
        "totalResults": total,
        "startIndex": start + 1,
        "itemsPerPage": len(found),
        "Resources": found,
    }
    return answer(body)


def location(request: Request, kind: str, uid: str) -> str:
    return f"{request.base_url}/api/organizations/{request.params['name']}/scim/v2/{kind}/{uid}"


def moment(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
