"""lfs-files: what is large in a repo, removing it for good, giving it to another repo (hub-api.md section 3)."""

from functools import partial
from typing import Annotated

import msgspec

from pioche.errors import BadRequest
from pioche.http import cursors
from pioche.http.dates import date
from pioche.http.messages import Request, Response, cached_json, json_response, next_page
from pioche.names import RepoId, RepoType, Sha256
from pioche.repos import large_files
from pioche.repos.access import Action
from pioche.repos.large_files import LargeFile, Wanted

_PAGE = 1000
_DELETIONS_MAX = 1000
_COPIES_MAX = 500

_Hash = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]


async def listing(request: Request) -> Response:
    """GET /api/{type}s/{repo}/lfs-files. Both ids are the sha256: there is nothing else to name such a file by."""
    query = request.query
    page = await request.run(
        partial(
            large_files.listing,
            request.repo,
            after=cursors.decode(query.get("cursor")),
            limit=max(1, query.number("limit", default=_PAGE, most=_PAGE)),
        )
    )
    headers = next_page(request, cursors.encode(page.next_after))
    return cached_json(request, [_shape(file) for file in page.files], headers=headers)


def _shape(file: LargeFile) -> dict[str, object]:
    found = {"fileOid": file.sha256, "oid": file.sha256, "filename": file.path or file.sha256, "size": file.size}
    found["pushedAt"] = date(file.pushed_at)
    return found if file.ref is None else found | {"ref": file.ref}


class _Deletions(msgspec.Struct):
    sha: Annotated[list[_Hash], msgspec.Meta(max_length=_DELETIONS_MAX)]
    rewriteHistory: bool = True


class _Batch(msgspec.Struct):
    deletions: _Deletions


async def remove_all(request: Request) -> Response:
    """POST /api/{type}s/{repo}/lfs-files/batch."""
    body = await request.json(_Batch)
    return await _remove(request, body.deletions.sha, rewrite_history=body.deletions.rewriteHistory)


async def remove(request: Request) -> Response:
    """DELETE /api/{type}s/{repo}/lfs-files/{sha}[?rewriteHistory=]."""
    sha, query = request.params["sha"], request.query
    if len(sha) != 64 or sha.strip("0123456789abcdef"):
        raise BadRequest(f"{sha[:80]!r} is not the fileOid of a large file: 64 lower-case hex digits are expected")
    rewrite = query.get("rewriteHistory") is None or query.flag("rewriteHistory")
    return await _remove(request, [sha], rewrite_history=rewrite)


async def _remove(request: Request, shas: list[str], *, rewrite_history: bool) -> Response:
    sha256s = [Sha256(sha) for sha in dict.fromkeys(shas)]
    remove = partial(large_files.remove, rewrite_history=rewrite_history)
    await request.run(remove, request.repo, request.caller, sha256s)
    return json_response({})


class _Target(msgspec.Struct):
    type: str
    name: str


class _File(msgspec.Struct):
    """A bucket's listing knows no sha256, so that either hash will do; `filename` is for people."""

    sha256: _Hash | None = None
    xetHash: _Hash | None = None


class _Copies(msgspec.Struct):
    target: _Target
    files: Annotated[list[_File], msgspec.Meta(max_length=_COPIES_MAX)]


async def duplicate(request: Request) -> Response:
    """POST /api/{type}s/{repo}/lfs-files/duplicate, asked of the source: a commit to the target may name them then."""
    body = await request.json(_Copies)
    if any(file.sha256 is None and file.xetHash is None for file in body.files):
        raise BadRequest('Each of "files" needs a "sha256" or a "xetHash"')
    namespace, _, name = body.target.name.partition("/")
    repo_type = RepoType.BUCKET if body.target.type == "bucket" else RepoType.parse(body.target.type)
    # As for any upload: who may open a pull request may bring what it needs. A bucket has none.
    action = Action.WRITE if repo_type is RepoType.BUCKET else Action.PROPOSE
    target = await request.hub.access.open(request.caller, RepoId(repo_type, namespace, name), action)
    wanted = [Wanted(None if file.sha256 is None else Sha256(file.sha256), file.xetHash) for file in body.files]
    refused = await request.run(large_files.duplicate, request.repo, target, request.caller, wanted)
    failed = [
        {"sha256": want.sha256, "xetHash": want.xet_hash, "error": f"{request.repo.repo_id} has no such large file"}
        for want in refused
    ]
    return json_response({"success": not failed, "failed": failed})
