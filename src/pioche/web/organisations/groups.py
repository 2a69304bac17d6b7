"""/organizations/{name}/settings/resource-groups: which repos are for whom (ui.md U3).

Who administers a group, and not the organisation, finds the same pages there: their groups, the members and repos of those.
Making and deleting groups, and letting in whom nobody chose, is for the organisation's administrators.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from pioche.accounts.account import Account
from pioche.accounts.callers import Caller
from pioche.accounts.groups import Group, parse_role
from pioche.accounts.members import Role
from pioche.errors import AccountNotFound, AlreadyExists, BadRequest, Forbidden, HubError, NotFound, RepoNotFound
from pioche.http.hub import Hub
from pioche.http.messages import Request, Response, redirect
from pioche.http.routes import Needs, Route
from pioche.i18n.texts import gettext as _
from pioche.names import RepoId, RepoType
from pioche.repos import grouping
from pioche.repos.access import Action
from pioche.web.forms import DONE, Form
from pioche.web.organisations import frame

_HERE = "resource-groups"
_OFFERED_MAX = 500


@dataclass(slots=True)
class _Shown:
    """The forms of a group's page, as they were sent."""

    about: Form = field(default_factory=Form)
    member: Form = field(default_factory=lambda: Form({"role": Role.READ.value}))
    repo: Form = field(default_factory=Form)
    status: int = 200


async def show(request: Request) -> Response:
    """GET /organizations/{name}/settings/resource-groups."""
    org = await request.run(_with_groups, request)
    return await _list(request, org, Form())


async def create(request: Request) -> Response:
    """POST /organizations/{name}/settings/resource-groups."""
    org = await request.run(frame.administered, request)
    form = Form.of(await request.form(), "name", "description")
    make = request.hub.directory.groups.create
    try:
        group = await request.run(make, org, request.caller, form["name"], description=form["description"])
    except (BadRequest, AlreadyExists) as error:
        _explain(form, error)
        return await _list(request, org, form)
    return _saved(org, group, "made")


async def one(request: Request) -> Response:
    """GET /organizations/{name}/settings/resource-groups/{group}."""
    org, group = await request.run(_opened, request)
    return await _page(request, org, group, _Shown(about=_about(group)))


async def change(request: Request) -> Response:
    """POST /organizations/{name}/settings/resource-groups/{group}: its name, what it is for, who is in it without being added."""
    org, group = await request.run(_opened, request)
    form = Form.of(await request.form(), "name", "description", "auto_join")
    try:
        await request.run(_change, request, org, group, form)
    except (BadRequest, AlreadyExists) as error:
        _explain(form, error)
        return await _page(request, org, group, _Shown(about=form, status=422))
    return _saved(org, group, "saved")


def _change(request: Request, org: Account, group: Group, form: Form) -> None:
    groups, auto_join = request.hub.directory.groups, parse_role(form["auto_join"]) if form["auto_join"] else None
    if not frame.administers(request, org):
        auto_join = group.auto_join
    changed = groups.change(org, request.caller, group, name=form["name"], description=form["description"])
    if auto_join is not changed.auto_join:
        groups.set_auto_join(org, request.caller, changed, auto_join)


async def delete(request: Request) -> Response:
    """POST /organizations/{name}/settings/resource-groups/{group}/delete."""
    await request.run(frame.administered, request)
    org, group = await request.run(_opened, request)
    await request.run(request.hub.directory.groups.delete, org, request.caller, group)
    return frame.saved(org, _HERE, "deleted")


async def add_member(request: Request) -> Response:
    """POST /organizations/{name}/settings/resource-groups/{group}/members."""
    org, group = await request.run(_opened, request)
    form = Form.of(await request.form(), "user", "role")
    try:
        await request.run(_add_member, request, org, group, form)
    except (AccountNotFound, Forbidden):
        form.errors["user"] = _("No member of the organisation has this name, or they are in the group already.")
        return await _page(request, org, group, _Shown(about=_about(group), member=form, status=422))
    return _saved(org, group, "added")


def _add_member(request: Request, org: Account, group: Group, form: Form) -> None:
    directory = request.hub.directory
    user = directory.get_user(form["user"].strip())
    directory.groups.add(org, request.caller, group, [(user, parse_role(form["role"]))])


async def change_role(request: Request) -> Response:
    """POST /organizations/{name}/settings/resource-groups/{group}/members/{user}/role."""
    role = parse_role((await request.form()).get("role") or "")
    return await _on_member(request, "role", partial(request.hub.directory.groups.change_role, role=role))


async def remove_member(request: Request) -> Response:
    """POST /organizations/{name}/settings/resource-groups/{group}/members/{user}/remove."""
    return await _on_member(request, "removed", request.hub.directory.groups.remove)


async def _on_member(request: Request, what: str, do: Callable[..., None]) -> Response:
    org, group = await request.run(_opened, request)
    user = await request.run(request.hub.directory.get_user, request.params["user"])
    await request.run(do, org, request.caller, group, user)
    return _saved(org, group, what)


async def add_repo(request: Request) -> Response:
    """POST /organizations/{name}/settings/resource-groups/{group}/repos: by its address, such as `datasets/lab/words`."""
    org, group = await request.run(_opened, request)
    form = Form.of(await request.form(), "repo")
    try:
        await _assign(request, org, form["repo"].strip(), group.uid)
    except (BadRequest, RepoNotFound, NotFound):
        form.errors["repo"] = _("This organisation has no such repository.")
        return await _page(request, org, group, _Shown(about=_about(group), repo=form, status=422))
    return _saved(org, group, "placed")


async def remove_repo(request: Request) -> Response:
    """POST /organizations/{name}/settings/resource-groups/{group}/repos/remove."""
    org, group = await request.run(_opened, request)
    await _assign(request, org, (await request.form()).get("repo") or "", None)
    return _saved(org, group, "taken")


async def _assign(request: Request, org: Account, path: str, group_uid: str | None) -> None:
    repo = await request.hub.access.open(request.caller, _repo_id(path), Action.MANAGE)
    if repo.namespace_id != org.id:
        raise BadRequest(f"{repo.repo_id} is not a repo of {org.name}")
    await request.run(grouping.assign, repo, request.caller, group_uid)


def _repo_id(path: str) -> RepoId:
    """As `RepoId.web_path` writes it, with or without the first slash. Raises BadRequest, InvalidName."""
    text = path.removeprefix("/")
    for repo_type in RepoType:
        if repo_type.prefix and text.startswith(repo_type.prefix):
            return RepoId.parse(repo_type, text.removeprefix(repo_type.prefix))
    return RepoId.parse(RepoType.MODEL, text.removeprefix("models/"))


def _opened(request: Request) -> tuple[Account, Group]:
    """The group that the address names. Raises AccountNotFound, NotFound, and Forbidden for who does not administer it."""
    directory, caller = request.hub.directory, request.caller
    org = frame.entered(request)
    if not frame.administers(request, org) and directory.members.role(org.id, caller.user_id) is None:
        raise Forbidden(frame.FOR_ADMINISTRATORS)
    group = directory.groups.get(org, request.params["group"], caller)
    if directory.groups.role(group, caller) is not Role.ADMIN:
        raise Forbidden("A resource group is changed by its administrators")
    return org, group


def _with_groups(request: Request) -> Account:
    """The organisation, for who administers it or one of its groups. Raises AccountNotFound, Forbidden."""
    org = frame.entered(request)
    if not frame.administers(request, org) and not administered(request.hub, request.caller, org):
        raise Forbidden(frame.FOR_ADMINISTRATORS)
    return org


def administered(hub: Hub, caller: Caller, org: Account) -> list[Group]:
    """The groups that the caller administers. For a worker thread."""
    groups = hub.directory.groups
    return [group for group in groups.of(org, caller) if groups.role(group, caller) is Role.ADMIN]


def _about(group: Group) -> Form:
    auto_join = group.auto_join.value if group.auto_join else ""
    return Form({"name": group.name, "description": group.description, "auto_join": auto_join})


def _explain(form: Form, error: HubError) -> None:
    if isinstance(error, AlreadyExists):
        form.errors["name"] = _("This organisation has a resource group of this name already.")
    elif not form["name"].strip():
        form.errors["name"] = _("Give it a name.")
    else:
        form.error = error.message


def _roles() -> list[tuple[str, str]]:
    labels = {
        Role.READ: _("Read"),
        Role.CONTRIBUTOR: _("Contributor"),
        Role.WRITE: _("Read and write"),
        Role.ADMIN: _("Administrator"),
    }
    return [(role.value, label) for role, label in labels.items()]


def _saved(org: Account, group: Group, what: str) -> Response:
    address = f"{frame.base(org)}/{_HERE}/{group.uid}?{DONE}={what}"
    return redirect(address, status=303, headers=[("Cache-Control", "no-store")])


async def _list(request: Request, org: Account, form: Form) -> Response:
    rows = await request.run(_rows, request, org)
    administers = await request.run(frame.administers, request, org)
    status = 422 if form.is_wrong else 200
    return frame.page(request, "groups.html", _HERE, org, status=status, rows=rows, form=form, administers=administers)


def _rows(request: Request, org: Account) -> list[dict[str, Any]]:
    groups = request.hub.directory.groups
    return [
        {
            "group": group,
            "members": len(groups.members(group)),
            "repos": len(grouping.repos_of(request.hub.database, group)),
        }
        for group in administered(request.hub, request.caller, org)
    ]


async def _page(request: Request, org: Account, group: Group, shown: _Shown) -> Response:
    values = await request.run(_values, request, org, group)
    return frame.page(
        request, "group.html", _HERE, org, status=shown.status, group=group, shown=shown, roles=_roles(), **values
    )


def _values(request: Request, org: Account, group: Group) -> dict[str, Any]:
    directory, database = request.hub.directory, request.hub.database
    members = directory.groups.members(group)
    inside = {member.account.id for member in members}
    administers = frame.administers(request, org)
    are_shown = directory.members.are_shown_to(request.caller, org)
    others = directory.members.of(org, limit=_OFFERED_MAX) if are_shown else []
    # What is in no group is offered to who sees all of it.
    free = grouping.ungrouped(database, org.id, limit=_OFFERED_MAX) if administers else []
    return {
        "administers": administers,
        "members": members,
        "repos": grouping.repos_of(database, group),
        "people": [other.account.name for other in others if other.account.id not in inside],
        "free": [placed.repo_id for placed in free],
    }


_BASE = f"/organizations/{{name}}/settings/{_HERE}"
_ONE = f"{_BASE}/{{group}}"

ROUTES = (
    Route("GET", _BASE, Needs.SESSION, show),
    Route("POST", _BASE, Needs.SESSION, create, frame.FORM_BYTES_MAX),
    Route("GET", _ONE, Needs.SESSION, one),
    Route("POST", _ONE, Needs.SESSION, change, frame.FORM_BYTES_MAX),
    Route("POST", f"{_ONE}/delete", Needs.SESSION, delete, frame.FORM_BYTES_MAX),
    Route("POST", f"{_ONE}/members", Needs.SESSION, add_member, frame.FORM_BYTES_MAX),
    Route("POST", f"{_ONE}/members/{{user}}/role", Needs.SESSION, change_role, frame.FORM_BYTES_MAX),
    Route("POST", f"{_ONE}/members/{{user}}/remove", Needs.SESSION, remove_member, frame.FORM_BYTES_MAX),
    Route("POST", f"{_ONE}/repos", Needs.SESSION, add_repo, frame.FORM_BYTES_MAX),
    Route("POST", f"{_ONE}/repos/remove", Needs.SESSION, remove_repo, frame.FORM_BYTES_MAX),
)
