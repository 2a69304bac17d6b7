"""/api/organizations/{name}/scim/v2/Groups: resource groups, as an organisation's directory sees them."""

from collections.abc import Iterable
from typing import Any

import msgspec

from pioche.accounts.groups import Group
from pioche.accounts.scim_groups import Directory
from pioche.errors import BadRequest
from pioche.http.messages import Request, Response
from pioche.http.routes import Needs, Route
from pioche.protocols.scim import calls
from pioche.protocols.scim.calls import Json
from pioche.protocols.scim.patches import Change, Patch

SCHEMA = "urn:ietf:params:scim:schemas:core:2.0:Group"
_PATH = "/api/organizations/{name}/scim/v2/Groups"
_FILTERS = ("displayname", "externalid", "id")
_MEMBERS_MAX = 5000
_EXTERNAL_MAX = 300


class _Group(msgspec.Struct):
    displayName: str
    externalId: str | None = None
    members: list[dict[str, Any]] = []


async def listing(request: Request) -> Response:
    """GET /api/organizations/O/scim/v2/Groups: the resource groups, in pages, or by what `displayName`,
    `externalId` or `id` equals."""
    return await request.run(_listing, request)


def _listing(request: Request) -> Response:
    directory = _directory(request)
    page = calls.page(request, _FILTERS)
    found = directory.all()
    if page.where is not None:
        found = [one for one in found if _equals(one, *page.where)]
    shown = found[page.start : page.start + page.count]
    return calls.listed(len(found), page.start, [_shape(request, directory, one) for one in shown])


def _equals(group: Group, attribute: str, value: str) -> bool:
    if attribute == "displayname":
        return group.name.lower() == value.lower()
    return value == (group.external_id if attribute == "externalid" else group.uid)


async def create(request: Request) -> Response:
    """POST /api/organizations/O/scim/v2/Groups: a resource group, with the people of the directory who are in it."""
    await request.run(calls.org, request)
    body = await request.json(_Group)
    made = await request.run(_create, request, body)
    return calls.answer(made, status=201, location=made["meta"]["location"])


def _create(request: Request, body: _Group) -> Json:
    directory, external = _directory(request), _external(body.externalId)
    made = directory.create(body.displayName, _uids(body.members))
    return _shape(request, directory, directory.name_outside(made, external))


async def details(request: Request) -> Response:
    """GET /api/organizations/O/scim/v2/Groups/ID."""
    return calls.answer(await request.run(_details, request))


def _details(request: Request) -> Json:
    directory = _directory(request)
    return _shape(request, directory, directory.get(request.params["group"]))


async def replace(request: Request) -> Response:
    """PUT /api/organizations/O/scim/v2/Groups/ID: its name, and who is in it."""
    await request.run(calls.org, request)
    return calls.answer(await request.run(_replace, request, await request.json(_Group)))


def _replace(request: Request, body: _Group) -> Json:
    directory, external = _directory(request), _external(body.externalId)
    group = directory.rename(directory.get(request.params["group"]), body.displayName)
    group = directory.name_outside(group, external)
    _set(directory, group, _uids(body.members))
    return _shape(request, directory, group)


async def patch(request: Request) -> Response:
    """PATCH /api/organizations/O/scim/v2/Groups/ID."""
    await request.run(calls.org, request)
    body = await request.json(Patch)
    return calls.answer(await request.run(_patch, request, body.changes()))


def _patch(request: Request, changes: list[Change]) -> Json:
    directory = _directory(request)
    group = directory.get(request.params["group"])
    for change in changes:
        if change.attribute == "displayname":
            if not isinstance(change.value, str) or change.op == "remove":
                raise BadRequest('"displayName" must be a text')
            group = directory.rename(group, change.value)
        elif change.attribute == "externalid":
            group = directory.name_outside(group, None if change.op == "remove" else _external(change.value))
        elif change.attribute == "members":
            _apply(directory, group, change)
    return _shape(request, directory, group)


def _apply(directory: Directory, group: Group, change: Change) -> None:
    if change.op == "remove" and change.chosen is not None:
        directory.change(group, removed=[change.chosen[1]])
    elif change.op == "remove":
        everybody = [one.uid for one in directory.people(group)] if change.value is None else _uids(change.value)
        directory.change(group, removed=everybody)
    elif change.op == "replace":
        _set(directory, group, _uids(change.value))
    else:
        directory.change(group, added=_uids(change.value))


def _set(directory: Directory, group: Group, wanted: list[str]) -> None:
    before = [one.uid for one in directory.people(group)]
    directory.change(group, added=wanted, removed=[uid for uid in before if uid not in set(wanted)])


async def delete(request: Request) -> Response:
    """DELETE /api/organizations/O/scim/v2/Groups/ID: not while it has repos, which all members would see then."""
    await request.run(_delete, request)
    return calls.nothing()


def _delete(request: Request) -> None:
    directory = _directory(request)
    directory.delete(directory.get(request.params["group"]))


def _directory(request: Request) -> Directory:
    return Directory(request.hub.database, request.hub.directory.groups, calls.org(request))


def _uids(members: Any) -> list[str]:
    listed: Iterable[Any] = members if isinstance(members, list) else [members]
    uids = [one.get("value") if isinstance(one, dict) else None for one in listed]
    if len(uids) > _MEMBERS_MAX or not all(isinstance(uid, str) and "\x00" not in uid for uid in uids):
        raise BadRequest(f'"members" must be a list of at most {_MEMBERS_MAX} objects, each with the id as "value"')
    return [str(uid) for uid in uids]


def _external(sent: Any) -> str | None:
    if sent is not None and (not isinstance(sent, str) or len(sent) > _EXTERNAL_MAX or not sent.isprintable()):
        raise BadRequest(f'"externalId" must be a text of one line, of {_EXTERNAL_MAX} characters at most')
    return sent or None


def _shape(request: Request, directory: Directory, group: Group) -> Json:
    members = [
        {"value": one.uid, "display": one.user_name, "$ref": calls.location(request, "Users", one.uid)}
        for one in directory.people(group)
    ]
    meta = {
        "resourceType": "Group",
        "created": calls.moment(group.created_at),
        "location": calls.location(request, "Groups", group.uid),
    }
    named = {"id": group.uid, "externalId": group.external_id, "displayName": group.name}
    kept = {name: value for name, value in named.items() if value is not None}
    return {"schemas": [SCHEMA], **kept, "members": members, "meta": meta}


ROUTES = (
    Route("GET", _PATH, Needs.SIGNATURE, listing),
    Route("POST", _PATH, Needs.SIGNATURE, create),
    Route("GET", _PATH + "/{group}", Needs.SIGNATURE, details),
    Route("PUT", _PATH + "/{group}", Needs.SIGNATURE, replace),
    Route("PATCH", _PATH + "/{group}", Needs.SIGNATURE, patch),
    Route("DELETE", _PATH + "/{group}", Needs.SIGNATURE, delete),
)
