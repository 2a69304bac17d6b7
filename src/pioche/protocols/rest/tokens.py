"""Tokens in the REST API: those that were found where they should not be, and what an organisation thinks of its members'.

No token makes or changes tokens: that is done in a browser, or by the hub's own commands.
"""

import msgspec

from pioche.accounts.account import Account
from pioche.accounts.approvals import Policy, Seen, Status
from pioche.accounts.members import Role
from pioche.accounts.scopes import Permission
from pioche.errors import BadRequest, Forbidden, NotFound
from pioche.http.messages import Request, Response, json_response
from pioche.http.routes import Needs, Route
from pioche.protocols.rest.shapes import Json, date

_FOUND_MAX = 100
_CHARACTERS_MAX = 200


class _Found(msgspec.Struct):
    token: str = ""
    tokens: list[str] = []


async def revoke_found(request: Request) -> Response:
    """POST /api/tokens/revoke {"tokens": ["hf_..."]}: whoever finds a token ends it. 202 whatever they sent, so that nothing
    can be learnt from the answer."""
    body = await request.json(_Found)
    values = [*body.tokens, *([body.token] if body.token else [])]
    if not values:
        raise BadRequest('"tokens" must have the tokens that were found')
    if len(values) > _FOUND_MAX:
        raise BadRequest(f'"tokens" may have at most {_FOUND_MAX} items: send them in several calls')
    wanted = [value for value in values if len(value) <= _CHARACTERS_MAX]
    await request.run(request.hub.directory.tokens.revoke_found, wanted)
    return json_response({}, status=202)


async def listing(request: Request) -> Response:
    """GET /api/organizations/O/settings/tokens: those that could act in it, and what was said of them."""
    found = await request.run(_listing, request)
    return json_response(found)


def _listing(request: Request) -> Json:
    org = administered(request, Permission.ORG_READ)
    approvals = request.hub.directory.approvals
    policy = approvals.policy(org.id)
    return {
        "policy": {"requireFineGrained": policy.wants_fine_grained, "requireApproval": policy.approves},
        "tokens": [_shown(one) for one in approvals.seen(org)],
    }


def _shown(one: Seen) -> Json:
    return {
        "id": str(one.id),
        "user": one.owner,
        **({"displayName": one.name} if one.name else {}),
        "role": one.role,
        "permissions": list(one.permissions),
        "createdAt": date(one.created_at),
        "lastUsedAt": date(one.last_used_at) if one.last_used_at else None,
        "expiresAt": date(one.expires_at) if one.expires_at else None,
        "status": one.status,
    }


class _Policy(msgspec.Struct):
    requireFineGrained: bool = False
    requireApproval: bool = False


async def set_policy(request: Request) -> Response:
    """PUT /api/organizations/O/settings/tokens."""
    body = await request.json(_Policy)
    await request.run(_set_policy, request, Policy(body.requireFineGrained, body.requireApproval))
    return json_response({"success": True})


def _set_policy(request: Request, policy: Policy) -> None:
    org = administered(request, Permission.ORG_WRITE)
    request.hub.directory.approvals.set_policy(org, policy, actor_id=request.caller.user_id)


class _Decision(msgspec.Struct):
    status: Status


async def decide(request: Request) -> Response:
    """POST /api/organizations/O/settings/tokens/ID {"status": approved | denied | revoked}."""
    body = await request.json(_Decision)
    await request.run(_decide, request, body.status)
    return json_response({"success": True})


def _decide(request: Request, status: Status) -> None:
    org, directory = administered(request, Permission.ORG_WRITE), request.hub.directory
    text = request.params["id"]
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise NotFound(f"There is no such token of a member of {org.name}")
    actor = directory.by_id(request.caller.user_id)
    directory.approvals.decide(org, int(text), status, actor=actor)


class _Value(msgspec.Struct):
    token: str


async def revoke(request: Request) -> Response:
    """POST /api/organizations/O/settings/tokens/revoke {"token": "hf_..."}: a member's, for what is the organisation's. The
    token lives on elsewhere."""
    body = await request.json(_Value)
    await request.run(_revoke, request, body.token)
    return json_response({"success": True})


def _revoke(request: Request, value: str) -> None:
    org, directory = administered(request, Permission.ORG_WRITE), request.hub.directory
    directory.approvals.revoke_value(org, value, actor=directory.by_id(request.caller.user_id))


def administered(request: Request, permission: Permission) -> Account:
    """The organisation, for its administrators and the hub's. Raises AccountNotFound, Forbidden."""
    directory, caller = request.hub.directory, request.caller
    org = directory.get_org(request.params["name"])
    if not caller.is_admin and directory.members.role(org.id, caller.user_id) is not Role.ADMIN:
        raise Forbidden(f"Only an administrator of {org.name} may do this")
    if not caller.is_admin:
        caller.check_token(permission, org.id, org.name)
    return org


_TOKENS = "/api/organizations/{name}/settings/tokens"
_WRITE = Permission.ORG_WRITE

ROUTES = (
    Route("POST", "/api/tokens/revoke", Needs.ANYONE, revoke_found),
    Route("GET", _TOKENS, Needs.USER, listing, scope=Permission.ORG_READ),
    Route("PUT", _TOKENS, Needs.USER_WRITE, set_policy, scope=_WRITE),
    Route("POST", f"{_TOKENS}/revoke", Needs.USER_WRITE, revoke, scope=_WRITE),
    Route("POST", f"{_TOKENS}/{{id}}", Needs.USER_WRITE, decide, scope=_WRITE),
)
