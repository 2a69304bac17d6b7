"""Service accounts of organisations: /api/organizations/O/service-accounts (operations.tsv), for their administrators.

Fine-grained tokens may see which there are, and change none: who makes tokens for others makes more than was given to them.
"""

from datetime import UTC, datetime

import msgspec

from pioche.accounts import entities
from pioche.accounts.account import Account
from pioche.accounts.members import Role
from pioche.accounts.scopes import FineGrained, Permission, WireScopes
from pioche.accounts.service_accounts import ServiceAccount
from pioche.accounts.tokens import Token, TokenRole
from pioche.errors import BadRequest, NotFound
from pioche.http.messages import Request, Response, json_response
from pioche.http.routes import Needs, Route
from pioche.names import RepoId, RepoType
from pioche.protocols.rest.shapes import Json, date
from pioche.protocols.rest.tokens import administered
from pioche.repos.access import Action


async def listing(request: Request) -> Response:
    """GET /api/organizations/O/service-accounts."""
    return json_response(await request.run(_listing, request))


def _listing(request: Request) -> list[Json]:
    org = administered(request, Permission.SERVICE_ACCOUNTS_READ)
    return [_shown(request, one) for one in request.hub.directory.service_accounts.of(org)]


class _New(msgspec.Struct):
    name: str
    fullname: str = ""
    role: str = "read"


async def create(request: Request) -> Response:
    """POST /api/organizations/O/service-accounts."""
    body = await request.json(_New)
    return json_response(await request.run(_create, request, body))


def _create(request: Request, body: _New) -> Json:
    org, directory = administered(request, Permission.SERVICE_ACCOUNTS_WRITE), request.hub.directory
    made = directory.service_accounts.create(
        org, body.name, Role.parse(body.role), fullname=body.fullname, actor=_actor(request)
    )
    return _shown(request, made)


async def get(request: Request) -> Response:
    """GET /api/organizations/O/service-accounts/ID."""
    return json_response(await request.run(_get, request))


def _get(request: Request) -> Json:
    org = administered(request, Permission.SERVICE_ACCOUNTS_READ)
    return _shown(request, request.hub.directory.service_accounts.get(org, request.params["uid"]))


async def delete(request: Request) -> Response:
    """DELETE /api/organizations/O/service-accounts/ID: its tokens end at once."""
    await request.run(_delete, request)
    return json_response({"success": True})


def _delete(request: Request) -> None:
    org = administered(request, Permission.SERVICE_ACCOUNTS_WRITE)
    request.hub.directory.service_accounts.delete(org, request.params["uid"], actor=_actor(request))


# --- their tokens ---------------------------------------------------------------------------------------------------


class _NewToken(msgspec.Struct):
    displayName: str = "token"
    role: str = TokenRole.FINE_GRAINED
    fineGrained: WireScopes | None = None
    expiresAt: datetime | None = None


async def make_token(request: Request) -> Response:
    """POST .../service-accounts/ID/tokens: the token itself is in this answer and in no other."""
    body = await request.json(_NewToken)
    return json_response(await request.run(_make_token, request, body), headers=[("Cache-Control", "no-store")])


def _make_token(request: Request, body: _NewToken) -> Json:
    org = administered(request, Permission.SERVICE_ACCOUNTS_WRITE)
    role, wire = TokenRole.parse(body.role), body.fineGrained
    if (wire is None) is (role is TokenRole.FINE_GRAINED):
        raise BadRequest('"fineGrained" goes with the role fineGrained, and with no other')

    def scopes(account: Account) -> FineGrained:
        def find_repo(kind: RepoType, name: str) -> int:
            repo = request.hub.access.open_sync(request.caller, RepoId.parse(kind, name), Action.READ)
            return repo.id

        return entities.find_wire(request.hub.database, account, wire or WireScopes(), find_repo)

    value, token = request.hub.directory.service_accounts.make_token(
        org,
        request.params["uid"],
        name=body.displayName,
        role=role,
        actor=_actor(request),
        expires_at=_milliseconds(body.expiresAt),
        scopes=None if wire is None else scopes,
    )
    return {"token": value, **_token(token)}


async def refresh_token(request: Request) -> Response:
    """POST .../service-accounts/ID/tokens/TOKEN/rotate: another value, and nothing else new."""
    value, token = await request.run(_refresh_token, request)
    return json_response({"token": value, **_token(token)}, headers=[("Cache-Control", "no-store")])


def _refresh_token(request: Request) -> tuple[str, Token]:
    org = administered(request, Permission.SERVICE_ACCOUNTS_WRITE)
    return request.hub.directory.service_accounts.refresh_token(org, request.params["uid"], _token_id(request))


async def revoke_token(request: Request) -> Response:
    """DELETE .../service-accounts/ID/tokens/TOKEN."""
    await request.run(_revoke_token, request)
    return json_response({"success": True})


def _revoke_token(request: Request) -> None:
    org = administered(request, Permission.SERVICE_ACCOUNTS_WRITE)
    request.hub.directory.service_accounts.revoke_token(org, request.params["uid"], _token_id(request))


def _token_id(request: Request) -> int:
    text = request.params["id"]
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise NotFound("This token does not exist any more")
    return int(text)


def _milliseconds(moment: datetime | None) -> int | None:
    """Without a zone it is UTC."""
    if moment is None:
        return None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def _actor(request: Request) -> Account:
    return request.hub.directory.by_id(request.caller.user_id)


def _shown(request: Request, found: ServiceAccount) -> Json:
    tokens = request.hub.directory.service_accounts.tokens_of(found)
    return {
        "id": found.account.uid,
        "name": found.account.name,
        "fullname": found.account.fullname,
        "role": found.role,
        "createdBy": found.creator,
        "createdAt": date(found.account.created_at),
        "tokens": [_token(token) for token in tokens],
    }


def _token(token: Token) -> Json:
    return {
        "id": str(token.id),
        "displayName": token.name,
        "role": token.role,
        "createdAt": date(token.created_at),
        "lastUsedAt": date(token.last_used_at) if token.last_used_at else None,
        "expiresAt": date(token.expires_at) if token.expires_at else None,
    }


_ALL = "/api/organizations/{name}/service-accounts"
_ONE = f"{_ALL}/{{uid}}"
_READ = Permission.SERVICE_ACCOUNTS_READ

ROUTES = (
    Route("GET", _ALL, Needs.USER, listing, scope=_READ),
    Route("POST", _ALL, Needs.USER_WRITE, create),
    Route("GET", _ONE, Needs.USER, get, scope=_READ),
    Route("DELETE", _ONE, Needs.USER_WRITE, delete),
    Route("POST", f"{_ONE}/tokens", Needs.USER_WRITE, make_token),
    Route("DELETE", f"{_ONE}/tokens/{{id}}", Needs.USER_WRITE, revoke_token),
    Route("POST", f"{_ONE}/tokens/{{id}}/rotate", Needs.USER_WRITE, refresh_token),
)
