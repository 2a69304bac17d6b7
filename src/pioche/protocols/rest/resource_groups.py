"""Resource groups: how an organisation shares out its repos (hub-api.md sections 2 and 3; the public Hub's OpenAPI document).

`/api/organizations/{org}/resource-groups` is for who is in them; `/api/T/R/resource-group` says which one a repo is in.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from pioche.accounts.account import Account
from pioche.accounts.groups import USERS_MAX, Group, parse_role
from pioche.accounts.members import Role
from pioche.accounts.scopes import Permission
from pioche.errors import BadRequest
from pioche.http.messages import Request, Response, json_response
from pioche.http.routes import Needs, Route
from pioche.names import RepoId, RepoType
from pioche.protocols.rest.accounts import person
from pioche.protocols.rest.shapes import Json, date
from pioche.repos import grouping
from pioche.repos.access import Action, Repo

# --- of a repo ------------------------------------------------------------------------------------------------------


async def of_repo(request: Request) -> Response:
    """GET .../resource-group: null for none, and for who is not in it."""
    return json_response(_named(await request.run(grouping.group_of, request.repo, request.caller)))


class _Assign(msgspec.Struct):
    resourceGroupId: str | None = None


async def assign(request: Request) -> Response:
    """POST .../resource-group: into that group, or out of the one it is in."""
    body = await request.json(_Assign)
    return json_response(_named(await request.run(grouping.assign, request.repo, request.caller, body.resourceGroupId)))


def _named(group: Group | None) -> Json | None:
    return None if group is None else {"id": group.uid, "name": group.name}


async def expanded(request: Request) -> Json | None:
    """The field `resourceGroup` of a repo's description."""
    return _named(await request.run(grouping.group_of, request.repo, request.caller))


# --- of an organisation ---------------------------------------------------------------------------------------------


async def listing(request: Request) -> Response:
    """GET /api/organizations/O/resource-groups: those that the caller administers or belongs to."""
    return json_response(await request.run(_listing, request))


def _listing(request: Request) -> list[Json]:
    org = _org(request)
    return [_shape(request, group) for group in request.hub.directory.groups.of(org, request.caller)]


async def details(request: Request) -> Response:
    """GET /api/organizations/O/resource-groups/ID."""
    _, group = await request.run(_opened, request)
    return json_response(await request.run(_shape, request, group))


class _User(msgspec.Struct):
    user: str
    role: str


class _RepoName(msgspec.Struct):
    name: str
    type: str = "model"


class _AutoJoin(msgspec.Struct):
    enabled: bool
    role: str | None = None

    def parsed(self) -> Role | None:
        if not self.enabled:
            return None
        if self.role is None:
            raise BadRequest('"autoJoin" needs a "role" to give')
        return parse_role(self.role)


class _New(msgspec.Struct):
    name: str
    description: str = ""
    users: list[_User] = []
    repos: list[_RepoName] = []
    autoJoin: _AutoJoin | None = None


async def create(request: Request) -> Response:
    """POST /api/organizations/O/resource-groups: by the organisation's administrators; with who and what is in it."""
    body = await request.json(_New)
    org = await request.run(request.hub.directory.get_org, request.params["name"])
    repos = [await _managed(request, org, one) for one in _few(body.repos)]
    group = await request.run(_create, request, org, body, repos)
    return json_response(await request.run(_shape, request, group))


def _few(repos: list[_RepoName]) -> list[_RepoName]:
    if len(repos) > USERS_MAX:
        raise BadRequest(f"Name at most {USERS_MAX} repos at once")
    return repos


async def _managed(request: Request, org: Account, named: _RepoName) -> Repo:
    repo_type = RepoType.BUCKET if named.type == "bucket" else RepoType.parse(named.type)
    repo_id = RepoId.parse(repo_type, named.name)
    repo = await request.hub.access.open(request.caller, repo_id, Action.MANAGE)
    if repo.namespace_id != org.id:
        raise BadRequest(f"{repo.repo_id} is not a repo of {org.name}")
    return repo


def _create(request: Request, org: Account, body: _New, repos: list[Repo]) -> Group:
    groups, caller = request.hub.directory.groups, request.caller
    users = _users(request, body.users)
    auto_join = None if body.autoJoin is None else body.autoJoin.parsed()
    group = groups.create(org, caller, body.name, description=body.description, auto_join=auto_join)
    if users:
        groups.add(org, caller, group, users)
    for repo in repos:
        grouping.assign(repo, caller, group.uid)
    return group


class _Changed(msgspec.Struct):
    name: str | None = None
    description: str | None = None


async def change(request: Request) -> Response:
    """PATCH /api/organizations/O/resource-groups/ID: its name and description."""
    return json_response(await request.run(_change, request, await request.json(_Changed)))


def _change(request: Request, body: _Changed) -> Json:
    org, group = _opened(request)
    name = group.name if body.name is None else body.name
    description = group.description if body.description is None else body.description
    groups = request.hub.directory.groups
    return _shape(request, groups.change(org, request.caller, group, name=name, description=description))


class _Settings(msgspec.Struct):
    autoJoin: _AutoJoin


async def settings(request: Request) -> Response:
    """POST /api/organizations/O/resource-groups/ID/settings: who is in it without being added."""
    return json_response(await request.run(_settings, request, await request.json(_Settings)))


def _settings(request: Request, body: _Settings) -> Json:
    org, group = _opened(request)
    groups = request.hub.directory.groups
    return _shape(request, groups.set_auto_join(org, request.caller, group, body.autoJoin.parsed()))


async def remove(request: Request) -> Response:
    """DELETE /api/organizations/O/resource-groups/ID: its repos fall to the organisation."""
    await request.run(_remove, request)
    return json_response({})


def _remove(request: Request) -> None:
    org, group = _opened(request)
    request.hub.directory.groups.delete(org, request.caller, group)


# --- who is in one --------------------------------------------------------------------------------------------------


class _Users(msgspec.Struct):
    users: list[_User]


async def add_users(request: Request) -> Response:
    """POST .../resource-groups/ID/users: all of them or none."""
    return json_response(await request.run(_add_users, request, await request.json(_Users)))


def _add_users(request: Request, body: _Users) -> Json:
    org, group = _opened(request)
    request.hub.directory.groups.add(org, request.caller, group, _users(request, body.users))
    return _shape(request, group)


class _NewRole(msgspec.Struct):
    role: str


async def change_role(request: Request) -> Response:
    """PATCH .../resource-groups/ID/users/U."""
    return json_response(await request.run(_change_role, request, await request.json(_NewRole)))


def _change_role(request: Request, body: _NewRole) -> Json:
    org, group = _opened(request)
    directory = request.hub.directory
    user = directory.get_user(request.params["user"])
    directory.groups.change_role(org, request.caller, group, user, parse_role(body.role))
    return _shape(request, group)


async def remove_user(request: Request) -> Response:
    """DELETE .../resource-groups/ID/users/U. Who leaves by themselves is told nothing more of it."""
    return json_response(await request.run(_remove_user, request))


def _remove_user(request: Request) -> Json:
    org, group = _opened(request)
    directory = request.hub.directory
    directory.groups.remove(org, request.caller, group, directory.get_user(request.params["user"]))
    return _shape(request, group) if directory.groups.role(group, request.caller) is not None else {}


# --- shapes ---------------------------------------------------------------------------------------------------------


def _org(request: Request) -> Account:
    """Looking asks a fine-grained token for what it may see of the organisation; changes ask for more themselves."""
    org = request.hub.directory.get_org(request.params["name"])
    if request.method == "GET":
        request.caller.check_token(Permission.ORG_READ, org.id, org.name)
    return org


def _opened(request: Request) -> tuple[Account, Group]:
    org = _org(request)
    return org, request.hub.directory.groups.get(org, request.params["group"], request.caller)


def _users(request: Request, named: list[_User]) -> list[tuple[Account, Role]]:
    if len(named) > USERS_MAX:
        raise BadRequest(f"Name at most {USERS_MAX} users at once")
    return [(request.hub.directory.get_user(one.user), parse_role(one.role)) for one in named]


def _shape(request: Request, group: Group) -> Json:
    members = request.hub.directory.groups.members(group)
    auto_join: dict[str, Any] = {"enabled": group.auto_join is not None}
    if group.auto_join is not None:
        auto_join["role"] = group.auto_join
    return {
        "id": group.uid,
        "name": group.name,
        "description": group.description,
        "autoJoin": auto_join,
        "users": [{**person(one.account), "type": "user", "role": one.role} for one in members],
        "repos": [
            {
                "name": str(one.repo_id),
                "type": one.repo_id.type.value,
                "private": one.private,
                "createdAt": date(one.created_at),
            }
            for one in grouping.repos_of(request.hub.database, group)
        ],
    }


_ONE = "/api/organizations/{name}/resource-groups/{group}"

ROUTES: Sequence[Route] = (
    Route("GET", "/api/{repo:api}/resource-group", Action.READ, of_repo),
    Route("POST", "/api/{repo:api}/resource-group", Action.MANAGE, assign),
    Route("GET", "/api/{repo:bucket}/resource-group", Action.READ, of_repo),
    Route("POST", "/api/{repo:bucket}/resource-group", Action.MANAGE, assign),
    Route("GET", "/api/organizations/{name}/resource-groups", Needs.USER, listing, scope=Permission.ORG_READ),
    Route("POST", "/api/organizations/{name}/resource-groups", Needs.USER_WRITE, create, scope=Permission.GROUPS_WRITE),
    Route("GET", _ONE, Needs.USER, details, scope=Permission.ORG_READ),
    Route("PATCH", _ONE, Needs.USER_WRITE, change, scope=Permission.GROUPS_WRITE),
    Route("DELETE", _ONE, Needs.USER_WRITE, remove, scope=Permission.GROUPS_WRITE),
    Route("POST", f"{_ONE}/settings", Needs.USER_WRITE, settings, scope=Permission.GROUPS_WRITE),
    Route("POST", f"{_ONE}/users", Needs.USER_WRITE, add_users, scope=Permission.GROUPS_WRITE),
    Route("PATCH", f"{_ONE}/users/{{user}}", Needs.USER_WRITE, change_role, scope=Permission.GROUPS_WRITE),
    Route("DELETE", f"{_ONE}/users/{{user}}", Needs.USER_WRITE, remove_user, scope=Permission.GROUPS_WRITE),
)
