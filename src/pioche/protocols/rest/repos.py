"""Create, delete, move, settings, info."""

from functools import partial
from typing import Any

import msgspec

from pioche.errors import AlreadyExists, BadRequest, Unauthenticated
from pioche.http.messages import Request, Response, cached_json, json_response
from pioche.names import DEFAULT_REF, RepoId, RepoType, parse_path
from pioche.protocols.rest import providers, related, resource_groups, shapes, spaces
from pioche.repos import catalog, commits, revisions
from pioche.repos import info as repo_info
from pioche.repos.access import Action, Repo
from pioche.repos.commits import AddFile, Plan
from pioche.repos.facts import telling
from pioche.spaces import templates


class _File(msgspec.Struct):
    path: str
    content: str = ""
    encoding: str = "utf-8"


class _Create(spaces.Wishes, kw_only=True):
    """hub-api.md section 3; fields that mean nothing on one's own machines (region ...) are accepted and unused."""

    name: str
    organization: str | None = None
    type: str | None = None
    private: bool | None = None
    visibility: str | None = None
    sdk: str | None = None
    resourceGroupId: str | None = None


async def create(request: Request) -> Response:
    """POST /api/repos/create. 409 carries the URL, which `exist_ok` reads."""
    body = await request.json(_Create)
    body.check(request.hub)
    namespace, name = _named(request, body.name, body.organization)
    new = catalog.NewRepo(
        type=RepoType.parse(body.type),
        namespace=namespace,
        name=name,
        private=_private(body.visibility, body.private),
        sdk=body.sdk,
        group=body.resourceGroupId,
    )
    try:
        repo = await request.run(request.hub.catalog.create, request.caller, new)
    except AlreadyExists as error:
        taken = RepoId(new.type, new.namespace, new.name)
        raise AlreadyExists(error.message, url=request.base_url + taken.web_path) from None
    if new.type is RepoType.SPACE:
        await request.run(_begun, request, repo, body, new)
    answer = {"url": request.base_url + repo.repo_id.web_path, "name": str(repo.repo_id), "id": repo.uid}
    return json_response(answer)


def _begun(request: Request, repo: Repo, body: _Create, new: catalog.NewRepo) -> None:
    """With the files of a template, and what was said of how it runs. For a thread."""
    hub, caller = request.hub, request.caller
    writable = hub.access.open_sync(caller, repo.repo_id, Action.WRITE)
    if body.template:
        template = templates.named(spaces.template_of(body.template))
        files = templates.files(template, new.name)
        operations = tuple(AddFile(parse_path(path), content) for path, content in files.items())
        commits.create(
            writable, caller, "main", Plan(f"Begin with the template {template.name}", operations=operations)
        )
    body.grant(hub, writable, caller.user_id)


def _named(request: Request, name: str, organization: str | None) -> tuple[str, str]:
    """`name` beside `organization`, or both in one; without either, the caller's own namespace."""
    if "/" in name:
        return _two_parts(name)
    return organization or request.caller.name, name


def _private(visibility: str | None, private: bool | None) -> bool | None:
    """`visibility` is what newer clients send, `private` the older ones; None is the namespace's default."""
    if visibility is None:
        return private
    if visibility not in ("public", "private"):
        raise BadRequest('"visibility" must be one of [public, private]')
    return visibility == "private"


class _Duplicate(spaces.Wishes, kw_only=True):
    """Of a Space, its variables are copied, and its secrets never."""

    repository: str
    visibility: str | None = None
    private: bool | None = None
    resourceGroupId: str | None = None


async def duplicate(request: Request) -> Response:
    """POST /api/{type}s/{repo}/duplicate. 409 carries the URL, which `exist_ok` reads."""
    body = await request.json(_Duplicate)
    body.check(request.hub)
    namespace, name = _named(request, body.repository, None)
    private = _private(body.visibility, body.private)
    if request.caller.is_anonymous:
        raise Unauthenticated
    make = partial(request.hub.catalog.duplicate, private=private, group_uid=body.resourceGroupId)
    try:
        repo = await request.run(make, request.caller, request.repo, namespace, name)
    except AlreadyExists as error:
        taken = RepoId(request.repo.repo_id.type, namespace, name)
        raise AlreadyExists(error.message, url=request.base_url + taken.web_path) from None
    if repo.repo_id.type is RepoType.SPACE:
        await request.run(body.grant, request.hub, repo, request.caller.user_id)
        await request.run(
            request.hub.apps.copy_variables, request.repo.id, repo
        )  # what was given stays as it was given
    answer = {"url": request.base_url + repo.repo_id.web_path, "name": str(repo.repo_id), "id": repo.uid}
    return json_response(answer)


class _Delete(msgspec.Struct):
    name: str
    organization: str | None = None
    type: str | None = None


async def delete(request: Request) -> Response:
    """DELETE /api/repos/delete."""
    body = await request.json(_Delete)
    repo_id = RepoId(RepoType.parse(body.type), *_named(request, body.name, body.organization))
    repo = await request.hub.access.open(request.caller, repo_id, Action.MANAGE)
    await request.run(request.hub.catalog.delete, request.caller, repo)
    return json_response({})


class _Move(msgspec.Struct):
    fromRepo: str
    toRepo: str
    type: str | None = None


async def move(request: Request) -> Response:
    """POST /api/repos/move."""
    body = await request.json(_Move)
    repo_type = RepoType.BUCKET if body.type == "bucket" else RepoType.parse(body.type)
    source = _two_parts(body.fromRepo)
    repo = await request.hub.access.open(request.caller, RepoId(repo_type, *source), Action.MANAGE)
    target = await request.run(request.hub.catalog.move, request.caller, repo, *_two_parts(body.toRepo))
    return json_response({"url": request.base_url + target.web_path})


def _two_parts(text: str) -> tuple[str, str]:
    namespace, _, name = text.partition("/")
    if not namespace or not name or "/" in name:
        raise BadRequest(f"{text[:100]!r} is not of the form namespace/name")
    return namespace, name


class _Settings(msgspec.Struct):
    gated: bool | str | None = None
    orgMembersGated: bool | None = None
    visibility: str | None = None
    private: bool | None = None
    discussionsDisabled: bool | None = None
    duplicationDisabled: bool | None = None
    """A field of our own: the public Hub has none."""
    codeAllowed: bool | None = None
    """As this one: whether the model's own code may run."""


async def settings(request: Request) -> Response:
    """PUT /api/{type}s/{repo}/settings."""
    body = await request.json(_Settings)
    if body.gated not in (None, False, "auto", "manual"):
        raise BadRequest('"gated" must be one of [auto, manual, false]')
    changes = catalog.Settings(
        private=_private(body.visibility, body.private),
        gated=None if body.gated is None else (body.gated or ""),  # type: ignore[arg-type]  # True was refused above
        gates_members=body.orgMembersGated,
        discussions_off=body.discussionsDisabled,
        duplication_off=body.duplicationDisabled,
        code_allowed=body.codeAllowed,
    )
    await request.run(request.hub.catalog.change, request.caller, request.repo, changes)
    return json_response({"private": request.repo.private if changes.private is None else changes.private})


async def info(request: Request) -> Response:
    """GET /api/{type}s/{repo}[/revision/{rev}]."""
    repo, query = request.repo, request.query
    expand = shapes.parse_expand(repo.repo_id.type, query.all("expand"))
    facts = await repo_info.get(repo)
    text = request.params.get("rev")
    if text is None:
        revision = revisions.Revision("main", facts.sha, DEFAULT_REF, is_tip=True)
    else:
        revision = await revisions.resolve(repo, text)
    told = await telling.get(repo)
    found: dict[str, Any] = shapes.repo(request, facts, told, sha=revision.commit)
    if not expand or "siblings" in expand:
        found["siblings"] = shapes.siblings(await _siblings(request, revision), with_blobs=query.flag("blobs"))
    if query.flag("securityStatus"):
        found["securityRepoStatus"] = shapes.repo_security(told.read().get("unsafe", ()))
    if "resourceGroup" in expand:
        found["resourceGroup"] = await resource_groups.expanded(request)
    if providers.NAMES & set(expand):
        found |= await providers.told(request, revision, found["tags"])
    others = related.NAMES & set(expand)
    if others:
        found |= await request.run(related.related, request.hub, request.caller, repo, told.read(), others)
    if "runtime" in found and (not expand or "runtime" in expand):
        found["runtime"] = spaces.shown(request.hub, await request.run(request.hub.apps.get, repo.id))
    response = cached_json(request, shapes.expanded(found, expand))
    if not others:  # which may change without a commit to any repo: the index follows a moment later
        request.remember(response)
    return response


async def _siblings(request: Request, revision: revisions.Revision) -> list[repo_info.Sibling]:
    if revision.is_tip:
        found = await repo_info.siblings_of_tip(request.repo, revision.commit)
        if found is not None:
            return found
    return await request.run(repo_info.siblings, request.repo, revision)
