"""Resource groups: a way of the public Hub to share out an organisation's repos. This hub has none, and says so."""

import msgspec

from pioche.errors import NotFound
from pioche.http.messages import Request, Response, json_response


async def of_repo(_request: Request) -> Response:
    """GET .../resource-group: in none."""
    return json_response(None)


class _Group(msgspec.Struct):
    resourceGroupId: str | None = None


async def assign(request: Request) -> Response:
    """POST .../resource-group. Taking a repo out of its group is done already."""
    body = await request.json(_Group)
    if body.resourceGroupId is not None:
        raise NotFound(f"There is no resource group {body.resourceGroupId[:80]!r}: this hub has none")
    return json_response(None)
