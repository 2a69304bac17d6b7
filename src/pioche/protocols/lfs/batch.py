"""`POST {repo}.git/info/lfs/objects/batch`: what of these files may be fetched, what has to be sent, and where."""

from collections.abc import Mapping
from functools import partial
from urllib.parse import quote

import msgspec

from pioche.errors import Conflict, TooLarge, Unprocessable
from pioche.http import cas, lfs_passes, placing
from pioche.http.contents import signed_url
from pioche.http.messages import Request, Response
from pioche.names import HEX64, Sha256
from pioche.protocols.lfs.errors import lfs_response
from pioche.protocols.lfs.signed import Signer, Use
from pioche.protocols.lfs.transfers import LABEL
from pioche.repos.access import Action, Repo
from pioche.storage import admission
from pioche.storage.contents import Content
from pioche.storage.grants import GRANT_BYTES_MAX, Grants
from pioche.storage.quotas import UPLOAD_SECONDS, Room
from pioche.storage.uploads import PARTS_MAX, Upload

OBJECTS_MAX = 1000
_SHA256 = ("sha256", "sha_256")  # the second is what @huggingface/hub writes (its lib/commit.ts)
_MIB = 2**20


class BatchObject(msgspec.Struct):
    """One file. Wrong values are said beside it, in the answer; the others go on."""

    oid: str
    size: int


class BatchRef(msgspec.Struct):
    """The ref that is about to be pushed."""

    name: str = ""


class Batch(msgspec.Struct):
    """The body (git-lfs `docs/api/batch.md`, Requests)."""

    operation: str
    objects: list[BatchObject]
    transfers: list[str] = []
    hash_algo: str = "sha256"
    ref: BatchRef | None = None


async def batch(request: Request) -> Response:
    """The route asks for READ only: which right is needed stands in the body."""
    return await _answer(request, await request.json(Batch), request.repo.uid)


async def batch_by_pass(request: Request) -> Response:
    """`POST /lfs/{uid}/objects/batch`, for who came over SSH. What the pass says is believed of who they are, and of nothing
    else."""
    uid = request.params["uid"]
    shown = lfs_passes.verified(request.hub.keyring, request.headers.get("authorization"), uid)
    request.caller = placing.at_address(request, await request.hub.callers.by_credential(shown.by))
    body = await request.json(Batch)
    shown.check(body.operation)
    return await _answer(request, body, uid)


async def _answer(request: Request, body: Batch, uid: str) -> Response:
    if len(body.objects) > OBJECTS_MAX:
        raise TooLarge(f"A batch has at most {OBJECTS_MAX} objects: send several")
    if body.hash_algo not in _SHA256:
        raise Conflict(f"hash_algo {body.hash_algo[:40]!r} is not supported: use sha256")  # 409 by the specification
    action = _action(body)
    repo = await request.hub.access.open_uid(request.caller, uid, action)
    signer = Signer(request, repo, action)
    if action is Action.CONTENT:
        return lfs_response(await request.run(_download, request, repo, signer, body))
    by_xet = await _xet(request, repo, action, body) if "xet" in body.transfers else None
    return lfs_response(await request.run(_upload, request, repo, signer, body, by_xet))


def _action(body: Batch) -> Action:
    match body.operation:
        case "download":
            return Action.CONTENT
        case "upload" if body.ref and body.ref.name.startswith("refs/heads/"):
            return Action.WRITE  # git-lfs, about to push to a branch
        case "upload":
            # huggingface_hub names `main` here also when a pull request is to come of it, which whoever may read may
            # open: the commit is what decides, and until then the bytes are garbage that is swept.
            return Action.PROPOSE
    raise Unprocessable(f"operation {body.operation[:40]!r} is not known: use download or upload")


# --- download -------------------------------------------------------------------------------------------------------


def _download(request: Request, repo: Repo, signer: Signer, body: Batch) -> dict[str, object]:
    valid = [Sha256(item.oid) for item in body.objects if _fault(item, size_max=None) is None]
    found = repo.stores.contents.find(repo.id, valid)
    objects = [_download_of(request, item, found, signer) for item in body.objects]
    return {"transfer": "basic", "objects": objects, "hash_algo": "sha256"}


def _download_of(
    request: Request, item: BatchObject, found: Mapping[Sha256, Content], signer: Signer
) -> dict[str, object]:
    fault = _fault(item, size_max=None)
    if fault is not None:
        return _refused(item, 422, fault)
    sha256 = Sha256(item.oid)
    content = found.get(sha256)
    if content is None:
        # Of another repo, or of none: the same answer, found by the same look-up (E-LFS-1).
        return _refused(item, 404, "This repo has no such object")
    href = signed_url(request, content, LABEL) or signer.base(sha256) + signer.query(Use.DOWNLOAD, sha256)
    return _allowed(sha256, content.size, {"download": _address(href, signer)})


# --- upload ---------------------------------------------------------------------------------------------------------


async def _xet(request: Request, repo: Repo, action: Action, body: Batch) -> dict[str, object]:
    """The upload action for whoever speaks Xet (client 0.x, JavaScript, git-xet): where to send, and where to ask again."""
    grant = await cas.grant(request, repo, cas.Use.WRITE if action is Action.WRITE else cas.Use.PROPOSE)
    branch = body.ref.name.removeprefix("refs/heads/") if body.ref and body.ref.name else "main"
    href = f"{request.base_url}/api/{repo.repo_id.type.plural}/{repo.repo_id}/xet-write-token/{quote(branch, safe='')}"
    if action is Action.PROPOSE:
        href += "?create_pr=1"
    return {"href": href, "header": dict(grant.headers), "expires_in": request.hub.config.xet_token_seconds}


def _upload(
    request: Request, repo: Repo, signer: Signer, body: Batch, by_xet: dict[str, object] | None
) -> dict[str, object]:
    fault_of = partial(_fault, size_max=request.hub.config.lfs_file_bytes_max)
    valid = [item for item in body.objects if fault_of(item) is None]
    # Only what is linked to this very repo need not be sent: elsewhere, a hash proves nothing (E-LFS-3).
    contents = repo.stores.contents
    held = contents.promise(repo.id, [Sha256(item.oid) for item in valid])
    here = {sha256: content for sha256, content in held.items() if contents.is_whole(content)}
    wanted = {Sha256(item.oid): item.size for item in valid if item.oid not in here}
    new = {sha256: size for sha256, size in wanted.items() if sha256 not in held}
    room = request.hub.quotas.room(repo.id, request.caller.user_id, new)
    over = _past(room, new)
    wanted = {sha256: size for sha256, size in wanted.items() if sha256 not in over}
    parts = {} if by_xet else _begin_parts(request, repo, body, wanted)
    grants = {} if by_xet or parts else _begin_grants(request, repo, wanted)
    objects = list[dict[str, object]]()
    for item in body.objects:
        fault, content = fault_of(item), here.get(Sha256(item.oid))
        if fault is not None:
            objects.append(_refused(item, 422, fault))
        elif item.oid in over:
            objects.append(_refused(item, 413, f"{room.refusal} This file has {admission.shown(item.size)}."))
        elif content is not None:
            objects.append(_already_here(item, content))
        elif by_xet is not None:
            objects.append(_allowed(Sha256(item.oid), item.size, {"upload": by_xet}))
        else:
            sha256 = Sha256(item.oid)
            if sha256 in parts:
                objects.append(_parts_of(item, parts[sha256], signer, request.hub.grants))
            else:
                objects.append(_upload_of(item, grants.get(sha256), signer, request.hub.grants))
    transfer = "xet" if by_xet and wanted else "multipart" if parts else "basic"
    return {"transfer": transfer, "objects": objects, "hash_algo": "sha256"}


def _past(room: Room, wanted: Mapping[Sha256, int]) -> set[Sha256]:
    """Those that there is no room for, when the others come first: to be told before anything is sent. What is sent is
    looked at again."""
    left, over = room.left, set[Sha256]()
    for sha256, size in wanted.items() if left is not None else ():
        if left is not None and size <= left:
            left -= size
        else:
            over.add(sha256)
    return over


def _begin_parts(request: Request, repo: Repo, body: Batch, wanted: Mapping[Sha256, int]) -> dict[Sha256, Upload]:
    """With one large file, all of the batch go in parts: git-lfs gives a whole batch to one transfer agent."""
    size = request.hub.config.lfs_part_bytes
    if "multipart" not in body.transfers or not any(announced > size for announced in wanted.values()):
        return {}
    # Enough for any file: the number of addresses in one answer stays bounded.
    smallest = -(-sum(wanted.values()) // (PARTS_MAX // 2))
    part_bytes = max(size, -(-smallest // _MIB) * _MIB)
    seconds, user_id = request.hub.config.upload_url_seconds, request.caller.user_id
    request.hub.quotas.reserve(repo.id, user_id, wanted, seconds=UPLOAD_SECONDS)
    begun = request.hub.uploads.begin(repo.id, user_id, list(wanted.items()), part_bytes=part_bytes, seconds=seconds)
    return {upload.sha256: upload for upload in begun}


def _begin_grants(request: Request, repo: Repo, wanted: Mapping[Sha256, int]) -> dict[Sha256, Upload]:
    """Uploads in one part that go straight to the store, where that is offered and the store takes so much at once."""
    files = [(sha256, size) for sha256, size in wanted.items() if 0 < size <= GRANT_BYTES_MAX]
    if request.hub.grants is None or not files:
        return {}
    seconds, user_id = request.hub.config.upload_url_seconds, request.caller.user_id
    request.hub.quotas.reserve(repo.id, user_id, dict(files), seconds=UPLOAD_SECONDS)
    begun = request.hub.uploads.begin(repo.id, user_id, files, part_bytes=GRANT_BYTES_MAX, seconds=seconds)
    return {upload.sha256: upload for upload in begun}


def _upload_of(item: BatchObject, upload: Upload | None, signer: Signer, grants: Grants | None) -> dict[str, object]:
    """In one piece: through the hub, or to the store; then `verify` is what makes a file of it."""
    sha256 = Sha256(item.oid)
    base = signer.base(sha256)
    if upload is not None and grants is not None:
        send = _address(grants.url(upload, 1, seconds=signer.seconds), signer)
        verify = f"{base}/verify{signer.query(Use.VERIFY, sha256, upload.id)}&upload={upload.id}"
    else:
        query = signer.query(Use.UPLOAD, sha256, str(item.size))
        send = _address(f"{base}{query}&size={item.size}", signer)
        verify = f"{base}/verify{signer.query(Use.VERIFY, sha256)}"
    return _allowed(sha256, item.size, {"upload": send, "verify": _address(verify, signer)})


def _parts_of(item: BatchObject, upload: Upload, signer: Signer, grants: Grants | None) -> dict[str, object]:
    sha256 = Sha256(item.oid)
    base = signer.base(sha256)
    verify = _address(f"{base}/verify{signer.query(Use.VERIFY, sha256)}", signer)
    place = f"{base}/parts/{upload.id}"
    send = _address(place + signer.query(Use.COMPLETE, sha256, upload.id), signer)
    query = signer.query(Use.PART, sha256, upload.id)

    def url(number: int) -> str:
        return grants.url(upload, number, seconds=signer.seconds) if grants else f"{place}/{number}{query}"

    # In the order of their numbers: the git-lfs agent takes them as they come (clients.md section 5).
    send["header"] = {"chunk_size": str(upload.part_bytes)} | {
        str(number): url(number) for number in range(1, upload.part_count + 1)
    }
    return _allowed(sha256, item.size, {"upload": send, "verify": verify})


def _already_here(item: BatchObject, content: Content) -> dict[str, object]:
    if item.size != content.size:
        return _refused(item, 422, f"This object has {content.size} bytes, not {item.size}")
    return {"oid": item.oid, "size": item.size}  # no actions: nothing to send


# --- one object -----------------------------------------------------------------------------------------------------


def _fault(item: BatchObject, *, size_max: int | None) -> str | None:
    if not HEX64.match(item.oid):
        return "The oid is not a sha256: 64 lower-case hex digits are expected"
    if item.size < 0:
        return "The size is negative"
    if size_max is not None and item.size > size_max:
        return f"The file is larger than {size_max} bytes, the most that this hub takes"
    return None


def _refused(item: BatchObject, code: int, message: str) -> dict[str, object]:
    # A size that no 64-bit reader can hold is not sent back.
    size = item.size if abs(item.size) < 2**63 else 0
    return {"oid": item.oid[:100], "size": size, "error": {"code": code, "message": message}}


def _allowed(sha256: Sha256, size: int, actions: dict[str, dict[str, object]]) -> dict[str, object]:
    """`authenticated`: the addresses need no credentials, and git-lfs sends none."""
    return {"oid": sha256, "size": size, "authenticated": True, "actions": actions}


def _address(href: str, signer: Signer) -> dict[str, object]:
    return {"href": href, "expires_in": signer.seconds}
