"""The list of kernels. Everything about one kernel is served as of any repo: `/api/kernels/{ns}/{name}/...`."""

from functools import partial

from pioche.errors import BadRequest
from pioche.http.messages import Request, Response, cached_json, next_page
from pioche.protocols.rest import shapes
from pioche.repos import kernels
from pioche.repos.facts import telling

_LIMIT, _LIMIT_MAX = 100, 1000


async def listing(request: Request) -> Response:
    """GET /api/kernels: `author`, `search`, `limit`, paged by `Link`; the newest first."""
    query = request.query
    limit = query.number("limit", default=_LIMIT, most=_LIMIT_MAX)
    find = partial(
        kernels.newest,
        request.hub.database,
        request.caller,
        author=query.get("author") or "",
        search=query.get("search") or "",
        before=_place(query.get("cursor")),
        limit=limit + 1,
    )
    found = await request.run(find)
    told = await request.run(telling.of_ids, request.hub.database, [one.id for one in found])
    rows = [shapes.repo(request, one, told[one.id]) for one in found[:limit]]
    following = str(found[limit - 1].id) if len(found) > limit else None
    return cached_json(request, rows, headers=next_page(request, following))


def _place(cursor: str | None) -> int | None:
    if cursor is None:
        return None
    if not cursor.isascii() or not cursor.isdecimal() or len(cursor) > 18:
        raise BadRequest("The cursor is not valid: follow the Link header as it is")
    return int(cursor)
