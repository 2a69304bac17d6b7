"""Create, info, list, delete, settings."""

import msgspec

from pioche.buckets import info
from pioche.buckets.info import BucketInfo
from pioche.errors import AlreadyExists, BadRequest, NotFound, Unauthenticated
from pioche.http import cursors
from pioche.http.dates import date
from pioche.http.messages import Request, Response, cached_json, json_response, next_page
from pioche.names import RepoId, RepoType
from pioche.repos import catalog

_PAGE = 1000


class _Visibility(msgspec.Struct):
    """Fields that mean nothing on one's own machines (region) are accepted and unused."""

    private: bool | None = None
    visibility: str | None = None

    def is_private(self) -> bool | None:
        """None: nothing was said. Raises BadRequest."""
        if self.visibility is None:
            return self.private
        if self.visibility not in ("public", "private"):
            raise BadRequest('"visibility" must be one of [public, private]')
        return self.visibility == "private"


class _New(_Visibility):
    resourceGroupId: str | None = None


async def create(request: Request) -> Response:
    """POST /api/buckets/{ns|me}/{name}. 409 carries the URL, which `exist_ok` reads."""
    body = await request.json(_New)
    namespace = request.params["namespace"]
    new = catalog.NewRepo(
        type=RepoType.BUCKET,
        namespace=request.caller.name if namespace == "me" else namespace,
        name=request.params["name"],
        private=body.is_private(),
        group=body.resourceGroupId,
    )
    try:
        bucket = await request.run(request.hub.catalog.create, request.caller, new)
    except AlreadyExists as error:
        taken = RepoId(new.type, new.namespace, new.name)
        raise AlreadyExists(error.message, url=request.base_url + taken.web_path) from None
    url = request.base_url + bucket.repo_id.web_path
    return json_response({"url": url, "name": str(bucket.repo_id), "id": bucket.uid})


async def details(request: Request) -> Response:
    """GET /api/buckets/{ns}/{name}."""
    return cached_json(request, _shape(await request.run(info.get, request.repo)))


async def listing(request: Request) -> Response:
    """GET /api/buckets/{ns|me}[?search=]. Pages follow by `Link`."""
    name, query = request.params["name"], request.query
    if name == "me" and request.caller.is_anonymous:
        raise Unauthenticated
    account = await request.run(request.hub.directory.get, request.caller.name if name == "me" else name)
    page = await request.run(
        info.list_buckets,
        request.hub.database,
        request.caller,
        account.id,
        search=query.get("search") or "",
        after=cursors.decode(query.get("cursor")),
        limit=max(1, query.number("limit", default=_PAGE, most=_PAGE)),
    )
    headers = next_page(request, cursors.encode(page.next_after))
    return cached_json(request, [_shape(found) for found in page.buckets], headers=headers)


async def delete(request: Request) -> Response:
    """DELETE /api/buckets/{ns}/{name}."""
    await request.run(request.hub.catalog.delete, request.caller, request.repo)
    return json_response({})


async def delete_unnamed(request: Request) -> Response:
    """DELETE /api/buckets/{name}: no bucket is named so, and clients take 404 for that."""
    raise NotFound("A bucket is named NAMESPACE/NAME")


async def settings(request: Request) -> Response:
    """PUT /api/buckets/{ns}/{name}/settings."""
    body = await request.json(_Visibility)
    changes = catalog.Settings(private=body.is_private())
    await request.run(request.hub.catalog.change, request.caller, request.repo, changes)
    return json_response({"private": request.repo.private if changes.private is None else changes.private})


def _shape(found: BucketInfo) -> dict[str, object]:
    return {
        "_id": found.uid,
        "id": found.full_name,
        "author": found.full_name.partition("/")[0],
        "private": found.private,
        "createdAt": date(found.created_at),
        "updatedAt": date(found.updated_at),
        "size": found.size,
        "totalFiles": found.file_count,
    }
