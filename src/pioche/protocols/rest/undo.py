"""Undoing: deleted repos, and refs that were deleted or force-pushed. Routes of our own; the public Hub has none."""

from functools import partial

import msgspec

from pioche.http.messages import Request, Response, decode_json, json_response
from pioche.protocols.rest import shapes
from pioche.repos import undo
from pioche.repos.access import Action

_MOVES = 100
_MOVES_MAX = 1000


async def deleted_repos(request: Request) -> Response:
    """GET /api/deleted-repos: those that the caller may restore, the last deleted first."""
    hub = request.hub
    find = partial(undo.deleted_repos, undo_hours=hub.config.undo_repo_hours)
    return json_response(
        [
            {
                "uid": found.uid,
                "type": found.repo_id.type.value,
                "id": str(found.repo_id),
                "deletedAt": shapes.date(found.deleted_at),
                "deletedBy": found.deleted_by,
                "restorableUntil": shapes.date(found.restorable_until),
                "usedStorage": found.used_storage,
            }
            for found in await request.run(find, hub.database, request.caller)
        ]
    )


class _Restore(msgspec.Struct):
    name: str = ""


async def restore_repo(request: Request) -> Response:
    """POST /api/deleted-repos/{uid}/restore: as it was, under `name` (`namespace/name`) where its own is taken."""
    data = await request.body()  # there is nothing to say when the name is free
    body = decode_json(data, _Restore) if data else _Restore()
    hub, uid = request.hub, request.params["uid"]
    repo = await request.run(hub.access.open_deleted_sync, request.caller, uid, Action.MANAGE)
    restored = await request.run(hub.catalog.restore, request.caller, repo, body.name)
    return json_response({"url": request.base_url + restored.web_path, "id": str(restored), "uid": repo.uid})


async def reflog(request: Request) -> Response:
    """GET /api/{type}s/{repo}/reflog[?ref=refs/heads/main&limit=100]: where the refs were, newest first."""
    query = request.query
    limit = max(1, query.number("limit", default=_MOVES, most=_MOVES_MAX))
    days = request.hub.config.undo_ref_days
    find = partial(undo.moves, undo_days=days, ref=query.get("ref") or None, limit=limit)
    return json_response(
        [
            {
                "id": move.id,
                "ref": move.ref,
                "old": move.old,
                "new": move.new,
                "actor": move.actor,
                "at": shapes.date(move.at),
                "restorableUntil": shapes.date(move.restorable_until),
            }
            for move in await request.run(find, request.repo)
        ]
    )


class _RestoreRef(msgspec.Struct):
    move: int


async def restore_ref(request: Request) -> Response:
    """POST /api/{type}s/{repo}/restore-ref: the ref of that move is where it was before it."""
    body = await request.json(_RestoreRef)
    restored = await request.run(undo.restore_ref, request.repo, request.caller, body.move)
    return json_response({"ref": restored.name, "targetCommit": restored.commit})
