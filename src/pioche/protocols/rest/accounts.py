"""Accounts of the REST API (hub-api.md section 2): who am I, who are they, and may I.

Likes and followers are in `people`. Papers belong to issues to come: until then nobody has any.
"""

from collections.abc import Sequence

import msgspec

from pioche.accounts import entities, former_names, overviews
from pioche.accounts.account import Account
from pioche.accounts.callers import Caller
from pioche.accounts.members import Member, Role
from pioche.accounts.oauth import grants
from pioche.accounts.oauth import scopes as oauth_scopes
from pioche.accounts.scopes import Permission
from pioche.community import follows, likes
from pioche.community.collections import changing as voting
from pioche.errors import AccountNotFound, Forbidden
from pioche.http.hub import Hub
from pioche.http.messages import Request, Response, cached_json, json_response, next_page, redirect, text_response
from pioche.http.routes import ANY_SCOPE, Needs, Route
from pioche.protocols.rest.shapes import Json, date
from pioche.repos.access import Action

_PAGE = 100
_PAGE_MAX = 1000


# --- who am I -------------------------------------------------------------------------------------------------------


async def whoami(request: Request) -> Response:
    """GET /api/whoami-v2: everything that the clients' `whoami`, `login` and git credentials read."""
    return json_response(await request.run(_identity, request))


def _identity(request: Request) -> Json:
    directory, caller = request.hub.directory, request.caller
    user = directory.by_id(caller.user_id)
    agreed = grants.agreed(request.hub.database, caller.token_id) if caller.token_id is not None else None
    tells_email = user.email and (agreed is None or oauth_scopes.EMAIL in agreed)
    return {
        "type": "user",
        "id": user.uid,
        "name": user.name,
        "fullname": user.fullname,
        **({"email": user.email, "emailVerified": False} if tells_email else {}),
        "canPay": False,
        "periodEnd": None,
        "isPro": False,
        "avatarUrl": _avatar_url(user),
        "orgs": [_org_of_mine(member) for member in directory.members.orgs_of(user.id)],
        "auth": _proof(request.hub, caller, is_of_application=agreed is not None),
    }


def _proof(hub: Hub, caller: Caller, *, is_of_application: bool) -> Json:
    """By what they are known: a token, or the session of a browser. The token of an application has no name of its own: the
    client then calls it after its user (huggingface_hub _login.py, _validate_and_save_token)."""
    if caller.token_id is None:
        return {"type": "session", **({"expiresAt": date(caller.expires_at)} if caller.expires_at else {})}
    token = hub.directory.tokens.get(caller.token_id)
    told: Json = {"role": token.role, "createdAt": date(token.created_at)}
    if not is_of_application:
        told = {"displayName": token.name, **told}
    if token.scopes is not None:
        told["fineGrained"] = entities.wire(token.scopes, entities.named(hub.database, token.user_id, token.scopes))
    return {"type": "access_token", "accessToken": told}


def _org_of_mine(member: Member) -> Json:
    org = member.account
    return {
        "type": "org",
        "id": org.uid,
        "name": org.name,
        "fullname": org.fullname,
        "email": org.email,
        "canPay": False,
        "periodEnd": None,
        "isEnterprise": False,
        "avatarUrl": _avatar_url(org),
        "roleInOrg": member.role,
    }


async def auth_check(_request: Request) -> Response:
    """GET /api/T/R/auth-check[/write]: opening the repo was the check."""
    return text_response("OK")


# --- who are they ---------------------------------------------------------------------------------------------------


async def user_overview(request: Request) -> Response:
    """GET /api/users/U/overview. A former name leads to the one of now, as pages and repos do."""
    try:
        return cached_json(request, await request.run(_user_overview, request))
    except AccountNotFound:
        return await _renamed(request, "users")


def _user_overview(request: Request) -> Json:
    directory = request.hub.directory
    user = directory.get_user(request.params["name"])
    seen = overviews.overview(request.hub.database, user, request.caller)
    around = follows.counts(request.hub.database, request.caller, user)
    return {
        **person(user),
        "type": "user",
        "numModels": seen.models,
        "numDatasets": seen.datasets,
        "numSpaces": seen.spaces,
        "numDiscussions": seen.discussions,
        "numPapers": 0,
        "numUpvotes": voting.votes_given(request.hub.database, user.id),
        "numLikes": likes.count_of_user(request.hub.database, request.caller, user),
        "numFollowing": around.following,
        "numFollowers": around.followers,
        "isFollowing": around.is_following,
        "orgs": [_org(member.account) for member in directory.members.orgs_shown(request.caller, user.id)],
        "createdAt": date(user.created_at),
    }


async def org_overview(request: Request) -> Response:
    """GET /api/organizations/O/overview."""
    try:
        return cached_json(request, await request.run(_org_overview, request))
    except AccountNotFound:
        return await _renamed(request, "organizations")


async def _renamed(request: Request, kind: str) -> Response:
    """Where whoever was called so is now. Raises AccountNotFound."""
    holder = await request.run(former_names.holder, request.hub.database, request.params["name"])
    if holder is None or holder.is_suspended or holder.is_user != (kind == "users"):
        raise AccountNotFound("There is nobody of this name")
    return redirect(f"/api/{kind}/{holder.name}/overview", status=307)


def _org_overview(request: Request) -> Json:
    org = request.hub.directory.get_org(request.params["name"])
    seen = overviews.overview(request.hub.database, org, request.caller)
    around = follows.counts(request.hub.database, request.caller, org)
    return {
        **_org(org),
        "type": "org",
        "isVerified": org.verified_at is not None,
        "isFollowing": around.is_following,
        **({} if seen.members is None else {"numUsers": seen.members}),
        "numModels": seen.models,
        "numDatasets": seen.datasets,
        "numSpaces": seen.spaces,
        "numFollowers": around.followers,
        "numPapers": 0,
        "createdAt": date(org.created_at),
    }


async def members(request: Request) -> Response:
    """GET /api/organizations/O/members, by name, in pages. Fellow members also see the roles; where the members are hidden,
    nobody else sees anything."""
    limit = max(1, request.query.number("limit", default=_PAGE, most=_PAGE_MAX))
    found, is_fellow = await request.run(_members, request, limit + 1)
    cursor = found[limit - 1].account.name if len(found) > limit else None
    rows = [
        {**person(member.account), "type": "user", **({"role": member.role} if is_fellow else {})}
        for member in found[:limit]
    ]
    return cached_json(request, rows, headers=next_page(request, cursor))


def _members(request: Request, limit: int) -> tuple[list[Member], bool]:
    of_orgs, caller = request.hub.directory.members, request.caller
    org = request.hub.directory.get_org(request.params["name"])
    if not of_orgs.are_shown_to(caller, org):
        raise Forbidden(f"{org.name} shows its members to each other only")
    is_member = of_orgs.role(org.id, caller.user_id) not in (None, Role.NO_ACCESS)
    is_fellow = caller.is_admin or (is_member and caller.sees_members_of(org.id))
    return of_orgs.of(org, after=request.query.get("cursor") or "", limit=limit), is_fellow


class _NewRole(msgspec.Struct):
    role: str


async def change_role(request: Request) -> Response:
    """PUT /api/organizations/O/members/U/role: by its administrators."""
    role = Role.parse((await request.json(_NewRole)).role)
    await request.run(_change_role, request, role)
    return json_response({"success": True})


def _change_role(request: Request, role: Role) -> None:
    directory = request.hub.directory
    org, user = directory.get_org(request.params["name"]), directory.get_user(request.params["user"])
    _check_administers(request.caller, org, directory.members.role(org.id, request.caller.user_id))
    directory.members.change(org, user, role, actor_id=request.caller.user_id)


def _check_administers(caller: Caller, org: Account, role: Role | None) -> None:
    if not caller.is_admin and role is not Role.ADMIN:
        raise Forbidden(f"Only an administrator of {org.name} may do this")
    if not caller.is_admin:
        caller.check_token(Permission.MEMBERS_WRITE, org.id, org.name)


# --- what the clients tell and ask on the way -----------------------------------------------------------------------


async def telemetry(_request: Request) -> Response:
    """HEAD|GET|POST /api/telemetry/...: heard politely, kept nowhere."""
    return Response(200)


async def agent_harnesses(_request: Request) -> Response:
    """GET /api/agent-harnesses: only builds the clients' user agent; nothing is known here."""
    return json_response({})


# --- shapes ---------------------------------------------------------------------------------------------------------


def person(user: Account) -> Json:
    """A user, or an organisation in a list that clients read as users."""
    return {
        "_id": user.uid,
        "user": user.name,
        "fullname": user.fullname,
        "avatarUrl": _avatar_url(user),
        "isPro": False,
    }


def _org(org: Account) -> Json:
    return {"id": org.uid, "name": org.name, "fullname": org.fullname, "avatarUrl": _avatar_url(org)}


def _avatar_url(account: Account) -> str:
    """Relative, as the public Hub's for those who uploaded none; it leads to the picture of who has one (`images`)."""
    return f"/avatars/{account.name}.svg"


ROUTES_ACCOUNTS: Sequence[Route] = (
    Route("GET", "/api/whoami-v2", Needs.USER, whoami, scope=ANY_SCOPE),
    Route("GET", "/api/{repo:api}/auth-check", Action.CONTENT, auth_check),
    Route("GET", "/api/{repo:api}/auth-check/write", Action.WRITE, auth_check),
    Route("GET", "/api/users/{name}/overview", Needs.ANYONE, user_overview),
    Route("GET", "/api/organizations/{name}/overview", Needs.ANYONE, org_overview),
    Route("GET", "/api/organizations/{name}/members", Needs.ANYONE, members),
    Route(
        "PUT",
        "/api/organizations/{name}/members/{user}/role",
        Needs.USER_WRITE,
        change_role,
        scope=Permission.MEMBERS_WRITE,
    ),
    Route("GET", "/api/telemetry/{topic*}", Needs.ANYONE, telemetry),
    Route("POST", "/api/telemetry/{topic*}", Needs.ANYONE, telemetry),
    Route("GET", "/api/agent-harnesses", Needs.ANYONE, agent_harnesses),
)
