"""/api/organizations/{name}/scim/v2/Users: the people of an organisation's directory."""

from typing import Any

import msgspec

from pioche.accounts import scim_people
from pioche.accounts.scim_people import Person, Wanted
from pioche.errors import BadRequest
from pioche.http.messages import Request, Response
from pioche.http.routes import Needs, Route
from pioche.protocols.scim import calls
from pioche.protocols.scim.calls import Json
from pioche.protocols.scim.patches import Change, Patch

SCHEMA = "urn:ietf:params:scim:schemas:core:2.0:User"
_PATH = "/api/organizations/{name}/scim/v2/Users"
_FILTERS = ("username", "externalid", "id", "emails")
_TEXT_MAX = 300
_EMAILS_MAX = 20
_NAMES = ("formatted", "givenName", "familyName")


class _User(msgspec.Struct):
    userName: str
    externalId: str | None = None
    displayName: str | None = None
    name: dict[str, Any] | None = None
    emails: list[dict[str, Any]] = []
    active: Any = True


async def listing(request: Request) -> Response:
    """GET /api/organizations/O/scim/v2/Users: of the directory's people, in pages, or by `userName eq "..."`."""
    return await request.run(_listing, request)


def _listing(request: Request) -> Response:
    org = calls.org(request)
    page = calls.page(request, _FILTERS)
    total, found = scim_people.listing(request.hub.database, org, page.where, start=page.start, count=page.count)
    return calls.listed(total, page.start, [_shape(request, one) for one in found])


async def create(request: Request) -> Response:
    """POST /api/organizations/O/scim/v2/Users: invites or joins whom it names, if anybody; makes no account."""
    await request.run(calls.org, request)
    wanted = _wanted(await request.json(_User))
    person = await request.run(_create, request, wanted)
    return calls.answer(_shape(request, person), status=201, location=calls.location(request, "Users", person.uid))


def _create(request: Request, wanted: Wanted) -> Person:
    return scim_people.create(request.hub.database, calls.org(request), wanted)


async def details(request: Request) -> Response:
    """GET /api/organizations/O/scim/v2/Users/ID."""
    return calls.answer(_shape(request, await request.run(_details, request)))


def _details(request: Request) -> Person:
    return scim_people.get(request.hub.database, calls.org(request), request.params["uid"])


async def replace(request: Request) -> Response:
    """PUT /api/organizations/O/scim/v2/Users/ID: who is not active any more is no member any more."""
    await request.run(calls.org, request)
    wanted = _wanted(await request.json(_User))
    return calls.answer(_shape(request, await request.run(_replace, request, wanted)))


def _replace(request: Request, wanted: Wanted) -> Person:
    return scim_people.replace(request.hub.database, calls.org(request), request.params["uid"], wanted)


async def patch(request: Request) -> Response:
    """PATCH /api/organizations/O/scim/v2/Users/ID."""
    await request.run(calls.org, request)
    body = await request.json(Patch)
    return calls.answer(_shape(request, await request.run(_patch, request, body.changes())))


def _patch(request: Request, changes: list[Change]) -> Person:
    told = _told(_details(request))
    for change in changes:
        _apply(told, change)
    try:
        user = msgspec.convert(told, _User)
    except msgspec.ValidationError as error:
        raise BadRequest(f"What would be is not of the expected shape: {error}") from None
    return _replace(request, _wanted(user))


async def delete(request: Request) -> Response:
    """DELETE /api/organizations/O/scim/v2/Users/ID: no member any more; the account stays."""
    await request.run(_delete, request)
    return calls.nothing()


def _delete(request: Request) -> None:
    scim_people.delete(request.hub.database, calls.org(request), request.params["uid"])


# --- what a directory says ------------------------------------------------------------------------------------------


def _wanted(user: _User) -> Wanted:
    """Raises BadRequest."""
    told: Json = {}
    if user.displayName:
        told["displayName"] = _text(user.displayName, "displayName")
    name = {key: _text(value, f"name.{key}") for key in _NAMES if (value := (user.name or {}).get(key))}
    if name:
        told["name"] = name
    emails = _emails(user.emails)
    if emails:
        told["emails"] = emails
    first = next((one for one in emails if one.get("primary")), emails[0] if emails else None)
    user_name = _text(user.userName, "userName").strip()
    if not user_name:
        raise BadRequest('"userName" must not be empty')
    external = _text(user.externalId, "externalId") if user.externalId else None
    return Wanted(user_name, external, first["value"] if first else None, _flag(user.active), told)


def _emails(sent: list[dict[str, Any]]) -> list[Json]:
    if len(sent) > _EMAILS_MAX:
        raise BadRequest(f"At most {_EMAILS_MAX} addresses are kept")
    kept = list[Json]()
    for one in sent:
        value = _text(one.get("value") or "", "emails.value")
        if value:
            kind = _text(one.get("type") or "work", "emails.type")
            kept.append({"value": value, "type": kind, "primary": _flag(one.get("primary") or False)})
    return kept


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str) or len(value) > _TEXT_MAX or not value.isprintable():
        raise BadRequest(f'"{name}" must be a text of at most {_TEXT_MAX} printable characters')
    return value


def _flag(value: Any) -> bool:
    """Entra sends booleans as texts."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    raise BadRequest('"active" must be a boolean')


def _told(person: Person) -> Json:
    """As it was sent."""
    wanted = person.wanted
    return {
        "userName": wanted.user_name,
        "externalId": wanted.external_id,
        "active": wanted.is_active,
        **wanted.attributes,
    }


_ATTRIBUTES = {name.lower(): name for name in ("userName", "externalId", "displayName", "active", "name", "emails")}
_NAME_ATTRIBUTES = {name.lower(): name for name in _NAMES}


def _apply(told: Json, change: Change) -> None:
    """What this hub does not keep changes nothing, as directories send much more."""
    attribute = _ATTRIBUTES.get(change.attribute)
    if attribute is None:
        return
    if attribute == "emails" and (change.chosen is not None or change.sub):
        _apply_email(told, change)
    elif attribute == "name" and change.sub:
        name = _NAME_ATTRIBUTES.get(change.sub)
        if name is not None:
            told["name"] = {**(told.get("name") or {}), name: None if change.op == "remove" else change.value}
    elif change.op == "remove":
        if attribute in ("userName", "active"):
            raise BadRequest(f'"{attribute}" cannot be removed')
        told.pop(attribute, None)
    elif attribute == "emails" and change.op == "add":
        told["emails"] = [
            *(told.get("emails") or []),
            *(change.value if isinstance(change.value, list) else [change.value]),
        ]
    else:
        told[attribute] = change.value


def _apply_email(told: Json, change: Change) -> None:
    """`emails[type eq "work"].value`."""
    key, wanted = change.chosen or ("type", "work")
    emails = list(told.get("emails") or [])
    chosen = [one for one in emails if str(one.get(key, "")).lower() == wanted.lower()]
    if change.op == "remove":
        told["emails"] = [one for one in emails if one not in chosen]
        return
    value = (
        change.value if change.sub else (change.value or {}).get("value") if isinstance(change.value, dict) else None
    )
    if not chosen:
        chosen = [{key: wanted}]
        emails += chosen
    for one in chosen:
        one[change.sub or "value"] = value
    told["emails"] = emails


def _shape(request: Request, person: Person) -> Json:
    meta = {
        "resourceType": "User",
        "created": calls.moment(person.created_at),
        "lastModified": calls.moment(person.changed_at),
        "location": calls.location(request, "Users", person.uid),
    }
    told = {key: value for key, value in _told(person).items() if value is not None}
    return {"schemas": [SCHEMA], "id": person.uid, **told, "meta": meta}


ROUTES = (
    Route("GET", _PATH, Needs.SIGNATURE, listing),
    Route("POST", _PATH, Needs.SIGNATURE, create),
    Route("GET", _PATH + "/{uid}", Needs.SIGNATURE, details),
    Route("PUT", _PATH + "/{uid}", Needs.SIGNATURE, replace),
    Route("PATCH", _PATH + "/{uid}", Needs.SIGNATURE, patch),
    Route("DELETE", _PATH + "/{uid}", Needs.SIGNATURE, delete),
)
