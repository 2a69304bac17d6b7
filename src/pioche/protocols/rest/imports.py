"""Repos from elsewhere: begin, follow, cancel and try again. Routes of our own; the public Hub has none."""

import msgspec

from pioche.accounts.scopes import Permission
from pioche.errors import BadRequest, InvalidName
from pioche.http.messages import Request, Response, decode_json, json_response
from pioche.http.routes import Needs, Route
from pioche.imports.registry import Import, Wanted
from pioche.imports.sources import Credentials, Source
from pioche.names import RepoId, RepoType
from pioche.protocols.rest import shapes
from pioche.protocols.rest.shapes import Json
from pioche.repos.access import Action
from pioche.repos.catalog import NewRepo

_TYPES = (RepoType.MODEL, RepoType.DATASET, RepoType.SPACE)


class _Begin(msgspec.Struct):
    """`hub` is the address of a hub and `repo` the id of one of its repos, of the same type; or `git` is the address of a git
    repo. `name` is what it is called here; without, as there. `token`, with `user` where a git server wants one, is used for
    this import and kept no longer."""

    type: str | None = None
    organization: str | None = None
    name: str | None = None
    private: bool | None = None
    sdk: str | None = None
    resourceGroupId: str | None = None
    hub: str | None = None
    repo: str | None = None
    git: str | None = None
    revision: str = ""
    user: str = ""
    token: str = ""

    def wanted(self, own_name: str) -> Wanted:
        """Raises BadRequest."""
        repo_type = RepoType.parse(self.type)
        if repo_type not in _TYPES:
            raise BadRequest('"type" must be one of [model, dataset, space]')
        source = self._source(repo_type)
        new = NewRepo(
            type=repo_type,
            namespace=self.organization or own_name,
            name=self.name or source.url.rpartition("/")[2].removesuffix(".git"),
            private=self.private,
            sdk=(self.sdk or "static") if repo_type is RepoType.SPACE else None,
            group=self.resourceGroupId,
        )
        return Wanted(new, source, Credentials.parse(self.user, self.token))

    def _source(self, repo_type: RepoType) -> Source:
        if (self.git is None) == (self.hub is None and self.repo is None):
            raise BadRequest('Say where it comes from: "hub" and "repo", or "git"')
        if self.git is not None:
            return Source.of_git(self.git, self.revision)
        if not self.hub or not self.repo:
            raise BadRequest('"hub" (its address) and "repo" (owner/name there) are needed together')
        return Source.of_hub(self.hub, repo_type, self.repo, self.revision)


class _Retry(msgspec.Struct):
    user: str = ""
    token: str = ""


async def begin(request: Request) -> Response:
    """POST /api/imports: makes a private repo, and fills it in the background; then it is as visible as was asked for."""
    wanted = (await request.json(_Begin)).wanted(request.caller.name)
    if not wanted.new.name:
        raise InvalidName('"name" is missing: what the repo is called here')
    hub = request.hub
    repo = await request.run(hub.imports.begin, hub.catalog, request.caller, wanted)
    found = await request.run(hub.imports.get, repo)
    return json_response(_shown(request, repo.repo_id, found), status=202)


async def listing(request: Request) -> Response:
    """GET /api/imports: the caller's own, newest first."""
    found = await request.run(request.hub.imports.of_user, request.caller.user_id)
    return json_response([_shown(request, repo_id, one) for repo_id, one in found])


async def get(request: Request) -> Response:
    """GET /api/{type}s/{repo}/import: how far it is, or how it ended."""
    found = await request.run(request.hub.imports.get, request.repo)
    return json_response(_shown(request, request.repo.repo_id, found))


async def cancel(request: Request) -> Response:
    """DELETE /api/{type}s/{repo}/import: stops it, and deletes the repo unless somebody wrote to it meanwhile."""
    hub = request.hub
    await request.run(hub.imports.cancel, hub.catalog, request.caller, request.repo)
    return json_response({})


async def retry(request: Request) -> Response:
    """POST /api/{type}s/{repo}/import: once more, after it failed. The token has to be given again."""
    data = await request.body()
    body = decode_json(data, _Retry) if data else _Retry()
    await request.run(request.hub.imports.retry, request.repo, Credentials.parse(body.user, body.token))
    return await get(request)


def _shown(request: Request, repo_id: RepoId, found: Import) -> Json:
    progress = found.progress
    return {
        "id": str(repo_id),
        "type": repo_id.type.value,
        "url": request.base_url + repo_id.web_path,
        "source": {"kind": found.source.kind.value, "url": found.source.url, "revision": found.source.revision or None},
        "private": found.private,
        "state": found.state.value,
        "phase": progress.phase.value,
        "filesDone": progress.files_done,
        "filesTotal": progress.files_total,
        "bytesDone": progress.bytes_done,
        "bytesTotal": progress.bytes_total or None,
        "error": found.error or None,
        "notes": list(found.notes),
        "createdAt": shapes.date(found.created_at),
        "updatedAt": shapes.date(found.updated_at),
    }


ROUTES = (
    Route("POST", "/api/imports", Needs.USER_WRITE, begin, scope=Permission.WRITE),
    Route("GET", "/api/imports", Needs.USER, listing),
    # Where it comes from is for those who may write to it.
    Route("GET", "/api/{repo:api}/import", Action.WRITE, get),
    Route("POST", "/api/{repo:api}/import", Action.MANAGE, retry),
    Route("DELETE", "/api/{repo:api}/import", Action.MANAGE, cancel),
)
