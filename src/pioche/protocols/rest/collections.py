"""Collections (hub-api.md section 7)."""

import re
from collections.abc import Sequence

import msgspec

from pioche.accounts.account import Account
from pioche.accounts.scopes import Permission
from pioche.community.collections import changing, finding, gallery, items
from pioche.community.collections.changing import NewCollection, TitleTaken
from pioche.community.collections.collection import Collection, Kind
from pioche.community.collections.finding import Listed, Place, Sort, Wanted
from pioche.community.collections.items import Shown
from pioche.errors import BadRequest, HubError, NotFound
from pioche.http import cursors
from pioche.http.errors import headers
from pioche.http.messages import Request, Response, cached_json, json_response, next_page
from pioche.http.routes import Needs, Route
from pioche.names import RepoId, RepoType
from pioche.protocols.rest import accounts
from pioche.protocols.rest.shapes import Json, date
from pioche.repos import info
from pioche.repos.access import Action
from pioche.repos.facts import telling
from pioche.repos.info import RepoInfo

_PAGE = 20
_PAGE_MAX = 100
_ITEMS_LISTED = 4
"""In lists; `get_collection` of the clients has all."""
_CHANGES_AT_ONCE = 100
_ASKED_MAX = 50
_PLACE = re.compile(r"(-?\d{1,18}):(\d{1,18})\Z")


# --- reading --------------------------------------------------------------------------------------------------------


async def listing(request: Request) -> Response:
    """GET /api/collections?owner=&item=models/ns/name&sort=&q=&limit=: those that the caller may see, in pages."""
    limit = max(1, request.query.number("limit", default=_PAGE, most=_PAGE_MAX))
    found, rows = await request.run(_list, request, limit)
    cursor = "{}:{}".format(*found[limit - 1].place) if len(found) > limit else None
    return cached_json(request, rows, headers=next_page(request, cursors.encode(cursor)))


def _list(request: Request, limit: int) -> tuple[list[Listed], list[Json]]:
    asked, hub = request.query, request.hub
    owners, named = asked.all("owner"), asked.all("item")
    if len(owners) > _ASKED_MAX or len(named) > _ASKED_MAX:
        raise BadRequest(f'At most {_ASKED_MAX} of "owner" and of "item" can be asked for')
    wanted = Wanted(
        owners=owners or None,
        repo_ids=_repo_ids(request, named) if named else None,
        words=(asked.get("q") or "")[:200],
        sort=Sort.parse(asked.get("sort") or Sort.MODIFIED),
        limit=limit + 1,
        before=_place(asked.get("cursor")),
    )
    found = finding.find(hub.database, request.caller, wanted)
    shown = [one.collection for one in found[:limit]]
    inside = items.of(hub.database, request.caller, shown, each=_ITEMS_LISTED)
    rows = _shape_all(request, shown, inside)
    for row in rows:
        del row["position"]  # the clients count it themselves
    return found, rows


def _repo_ids(request: Request, names: Sequence[str]) -> list[int]:
    """Of those that the caller may open: the others are in no collection that they are told of. Raises BadRequest."""
    found = list[int]()
    for text in names:
        kind, slash, name = text.partition("/")
        if not slash or kind not in [one.plural for one in RepoType]:
            raise BadRequest(f'"item" {text[:100]!r} is not of the form models/namespace/name')
        try:
            repo_id = RepoId.parse(RepoType(kind[:-1]), name)
            found.append(request.hub.access.open_sync(request.caller, repo_id, Action.READ).id)
        except HubError as error:
            if error.status >= 500:
                raise
    return found


def _place(text: str | None) -> Place | None:
    after = cursors.decode(text)
    if not after:
        return None
    found = _PLACE.match(after)
    if found is None:
        raise BadRequest("The cursor is not valid: follow the Link header as it is")
    return int(found[1]), int(found[2])


async def get(request: Request) -> Response:
    """GET /api/collections/N/SLUG: with all items; the title in the slug may be an older one."""
    return cached_json(request, await request.run(_get, request))


def _get(request: Request) -> Json:
    return _whole(request, finding.get(request.hub.database, request.caller, request.params["slug"]))


def _whole(request: Request, collection: Collection) -> Json:
    inside = items.of(request.hub.database, request.caller, [collection])
    return _shape_all(request, [collection], inside)[0]


# --- changing -------------------------------------------------------------------------------------------------------


class _New(msgspec.Struct):
    title: str
    namespace: str = ""
    description: str | None = None
    private: bool = False
    item: "_Item | None" = None
    resourceGroupId: str | None = None


class _Item(msgspec.Struct):
    id: str
    type: str


async def create(request: Request) -> Response:
    """POST /api/collections. 409 carries the slug, which `exists_ok` reads."""
    body = await request.json(_New)
    _check_group(body.resourceGroupId)
    try:
        return json_response(await request.run(_create, request, body))
    except TitleTaken as error:
        return json_response({"error": error.message, "slug": error.slug}, status=409, headers=headers(error))


def _create(request: Request, body: _New) -> Json:
    hub, caller = request.hub, request.caller
    kind = Kind.parse(body.item.type) if body.item else None
    new = NewCollection(
        title=body.title, namespace=body.namespace, description=body.description or "", private=body.private
    )
    made = changing.create(hub.database, hub.directory, caller, new)
    if body.item is not None and kind is not None:
        made = items.add(hub.database, hub.access, caller, made.slug, kind, body.item.id)
    return _whole(request, made)


class _Change(msgspec.Struct):
    title: str | None = None
    description: str | None = None
    private: bool | None = None
    theme: str | None = None
    position: int | None = None


async def change(request: Request) -> Response:
    """PATCH /api/collections/N/SLUG: what is not given stays as it is."""
    body = await request.json(_Change)
    wanted = changing.Change(**msgspec.structs.asdict(body))
    return json_response({"success": True, "data": await request.run(_change, request, wanted)})


def _change(request: Request, wanted: changing.Change) -> Json:
    return _whole(request, changing.change(request.hub.database, request.caller, request.params["slug"], wanted))


async def delete(request: Request) -> Response:
    """DELETE /api/collections/N/SLUG: for good."""
    await request.run(changing.delete, request.hub.database, request.caller, request.params["slug"])
    return json_response({"success": True})


async def upvote(request: Request) -> Response:
    """POST /api/collections/N/SLUG/upvote. How many votes it has now."""
    count = await request.run(changing.upvote, request.hub.database, request.caller, request.params["slug"])
    return json_response({"upvotes": count, "isUpvotedByUser": True})


async def take_vote_back(request: Request) -> Response:
    """DELETE /api/collections/N/SLUG/upvote."""
    count = await request.run(changing.take_back, request.hub.database, request.caller, request.params["slug"])
    return json_response({"upvotes": count, "isUpvotedByUser": False})


# --- items ----------------------------------------------------------------------------------------------------------


class _NewItem(msgspec.Struct):
    item: _Item
    note: str | None = None


async def add_item(request: Request) -> Response:
    """POST /api/collections/N/SLUG/items: at the end. 409 for what is in it already."""
    return json_response(await request.run(_add_item, request, await request.json(_NewItem)))


def _add_item(request: Request, body: _NewItem) -> Json:
    hub, slug = request.hub, request.params["slug"]
    kind = Kind.parse(body.item.type)
    found = items.add(hub.database, hub.access, request.caller, slug, kind, body.item.id, note=body.note or "")
    return _whole(request, found)


class _ItemChange(msgspec.Struct):
    note: str | None = None
    position: int | None = None


async def change_item(request: Request) -> Response:
    """PATCH /api/collections/N/SLUG/items/ID: its note, its position."""
    body = await request.json(_ItemChange)
    wanted = items.Change(uid=request.params["item"], note=body.note, position=body.position)
    await request.run(items.change, request.hub.database, request.caller, request.params["slug"], [wanted])
    return json_response({"success": True})


class _BatchLine(msgspec.Struct):
    action: str
    _id: str
    data: _ItemChange


async def change_items(request: Request) -> Response:
    """POST /api/collections/N/SLUG/items/batch: `[{action: "update", _id, data: {note, position}}]`, all or none."""
    lines = await request.json(list[_BatchLine])
    if len(lines) > _CHANGES_AT_ONCE:
        raise BadRequest(f"At most {_CHANGES_AT_ONCE} items are changed at once: send several requests")
    if any(line.action != "update" for line in lines):
        raise BadRequest('"action" must be update')
    changes = [items.Change(uid=line._id, note=line.data.note, position=line.data.position) for line in lines]
    await request.run(items.change, request.hub.database, request.caller, request.params["slug"], changes)
    return json_response({"success": True})


async def remove_item(request: Request) -> Response:
    """DELETE /api/collections/N/SLUG/items/ID."""
    database, slug = request.hub.database, request.params["slug"]
    await request.run(items.remove, database, request.caller, slug, request.params["item"])
    return json_response({"success": True})


# --- resource groups ------------------------------------------------------------------------------------------------


class _Group(msgspec.Struct):
    resourceGroupId: str | None = None


async def group(request: Request) -> Response:
    """GET /api/collections/N/SLUG/resource-group: in none."""
    await request.run(finding.get, request.hub.database, request.caller, request.params["slug"])
    return json_response(None)


async def assign_group(request: Request) -> Response:
    """POST /api/collections/N/SLUG/resource-group. Taking it out of its group is done already."""
    body = await request.json(_Group)
    nothing = changing.Change()
    await request.run(changing.change, request.hub.database, request.caller, request.params["slug"], nothing)
    _check_group(body.resourceGroupId)
    return json_response(None)


def _check_group(uid: str | None) -> None:
    if uid is not None:
        raise NotFound(f"There is no resource group {uid[:80]!r}: collections are in none here")


# --- shapes ---------------------------------------------------------------------------------------------------------


def _shape_all(request: Request, collections: Sequence[Collection], inside: dict[int, list[Shown]]) -> list[Json]:
    """With their items, whose repos are read all at once."""
    database, directory = request.hub.database, request.hub.directory
    ids = {one.item.repo_id for shown in inside.values() for one in shown if one.item.repo_id is not None}
    repos = {repo.id: repo for repo in info.of_ids(database, request.caller, sorted(ids))}
    told = telling.of_ids(database, list(repos), with_details=False)
    owners = {owner_id: directory.by_id(owner_id) for owner_id in {one.owner_id for one in collections}}
    pictures = gallery.of(database, [one.item for shown in inside.values() for one in shown])
    found = list[Json]()
    for one in collections:
        rows = [
            {**_item(shown, repos, told), "gallery": _addresses(request, pictures.get(shown.item.id, []))}
            for shown in inside[one.id]
        ]
        is_mine = changing.has_voted(database, request.caller, one)
        found.append({**_shape(one, owners[one.owner_id]), "isUpvotedByUser": is_mine, "items": rows})
    return found


def _addresses(request: Request, pictures: Sequence[gallery.Picture]) -> list[str]:
    return [f"{request.base_url}{picture.path}" for picture in pictures]


def _shape(one: Collection, owner: Account) -> Json:
    return {
        "_id": one.uid,
        "slug": one.slug,
        "title": one.title,
        **({"description": one.description} if one.description else {}),
        "owner": {**accounts.person(owner), "name": owner.name, "type": owner.kind.value},
        "lastUpdated": date(one.updated_at),
        "gating": False,
        "private": one.private,
        "theme": one.theme,
        "position": one.position,
        "upvotes": one.upvotes,
    }


def _item(shown: Shown, repos: dict[int, RepoInfo], told: dict[int, telling.Told]) -> Json:
    item = shown.item
    note = {"text": item.note} if item.note else None
    row: Json = {"_id": item.uid, "position": item.position, "type": item.kind.value, "id": item.target}
    if note is not None:
        row["note"] = note
    repo = repos.get(item.repo_id) if item.repo_id is not None else None
    if repo is not None:
        row |= {
            "author": repo.repo_id.namespace,
            "private": repo.private,
            "gated": repo.gated or False,
            "likes": repo.likes,
            "downloads": repo.downloads,
            "lastModified": date(repo.updated_at),
            "repoType": repo.repo_id.type.value,
        }
        task = told[repo.id].pipeline_tag
        row |= {"pipeline_tag": task} if task else {}
    if shown.collection is not None:
        other = shown.collection
        row |= {"slug": other.slug, "title": other.title, "lastUpdated": date(other.updated_at), "theme": other.theme}
    return row


_ONE = "/api/collections/{namespace}/{slug}"

ROUTES: Sequence[Route] = (
    Route("GET", "/api/collections", Needs.ANYONE, listing),
    Route("POST", "/api/collections", Needs.USER_WRITE, create, scope=Permission.COLLECTIONS_WRITE),
    Route("GET", _ONE, Needs.ANYONE, get),
    Route("PATCH", _ONE, Needs.USER_WRITE, change, scope=Permission.COLLECTIONS_WRITE),
    Route("DELETE", _ONE, Needs.USER_WRITE, delete, scope=Permission.COLLECTIONS_WRITE),
    Route("POST", f"{_ONE}/items", Needs.USER_WRITE, add_item, scope=Permission.COLLECTIONS_WRITE),
    Route("POST", f"{_ONE}/items/batch", Needs.USER_WRITE, change_items, scope=Permission.COLLECTIONS_WRITE),
    Route("PATCH", f"{_ONE}/items/{{item}}", Needs.USER_WRITE, change_item, scope=Permission.COLLECTIONS_WRITE),
    Route("DELETE", f"{_ONE}/items/{{item}}", Needs.USER_WRITE, remove_item, scope=Permission.COLLECTIONS_WRITE),
    Route("POST", f"{_ONE}/upvote", Needs.USER_WRITE, upvote),
    Route("DELETE", f"{_ONE}/upvote", Needs.USER_WRITE, take_vote_back),
    Route("GET", f"{_ONE}/resource-group", Needs.ANYONE, group),
    Route("POST", f"{_ONE}/resource-group", Needs.USER_WRITE, assign_group),
)
