"""The bytes themselves, behind signed addresses: whole files in and out, parts, and what closes an upload."""

import asyncio
from contextlib import suppress

import msgspec

from pioche.errors import BadRequest, ContentMismatch, ContentNotFound, SignatureExpired, Unavailable, Unprocessable
from pioche.http import threads
from pioche.http.contents import open_content
from pioche.http.drafts import ended_in_a_thread, pour
from pioche.http.messages import Headers, Request, Response
from pioche.names import Sha256
from pioche.protocols.lfs import signed
from pioche.protocols.lfs.errors import lfs_response
from pioche.protocols.lfs.signed import Use
from pioche.repos.access import Repo
from pioche.storage.drafts import Draft
from pioche.storage.uploads import Busy, Upload

# A completion waits this long for parts that are still being written, or for another call that completes the same.
_BUSY_SECONDS_MAX = 60
_BUSY_STEP_SECONDS = 0.2

LABEL: Headers = [
    ("Content-Type", "application/octet-stream"),
    ("Content-Disposition", "attachment"),
    ("Content-Security-Policy", "default-src 'none'; sandbox"),
    ("Cache-Control", "private, no-store"),
]
"""Of a file that git-lfs fetches: saved, never shown."""


async def download(request: Request) -> Response:
    """`GET /lfs/{repo}/{oid}`, with Range: git-lfs resumes."""
    claim = signed.claim(request, Use.DOWNLOAD)
    repo = await claim.open(request)
    content = await request.hub.contents.locate(repo.id, claim.sha256)
    return await open_content(request, content, [*LABEL])


async def upload(request: Request) -> Response:
    """`PUT /lfs/{repo}/{oid}?size=`: a whole file. Its sha256 is computed while it arrives."""
    announced = request.query.get("size") or ""
    claim = signed.claim(request, Use.UPLOAD, announced)
    size = int(announced)
    _check_length(request, size)
    repo = await claim.open(request)
    take = request.hub.quotas.reserve
    async with (
        ended_in_a_thread(await request.run(take, repo.id, request.caller.user_id, {claim.sha256: size})) as reserved,
        ended_in_a_thread(Draft(request.hub.config.data_dir / "incoming", size=size)) as draft,
    ):
        await pour(request, draft.write)
        found = await request.run(draft.finish)
        if found != claim.sha256:
            raise ContentMismatch(f"The bytes sent have the sha256 {found}, not {claim.sha256}")
        repo = await claim.open(request)  # they may have taken hours: the repo may be gone, the token revoked
        await request.run(request.hub.contents.adopt, repo.id, request.caller.user_id, found, draft.path)
        await request.run(reserved.keep)
    return Response(200)


async def upload_part(request: Request) -> Response:
    """`PUT /lfs/{repo}/{oid}/parts/{upload}/{number}`."""
    repo, sha256, begun = await _open_upload(request, Use.PART)
    if begun is None:
        raise ContentNotFound(f"The upload of {sha256} is finished or has expired: ask for a new one")
    number = request.params["number"]
    if not number.isascii() or not number.isdigit() or len(number) > 9:
        raise Unprocessable(f"{number[:40]!r} is not the number of a part")
    async with ended_in_a_thread(request.hub.uploads.part(begun, int(number))) as part:
        _check_length(request, part.size)
        await pour(request, part.write)
        await request.run(part.finish)
    await request.run(request.hub.quotas.renew, repo.id, sha256)
    # Opaque, and sent back at completion. What the parts amount to is proved by the whole file's sha256.
    return Response(200, [("ETag", f'"{begun.id}-{number}"')])


class CompletedPart(msgspec.Struct, rename="camel"):
    """A part as the client knows it."""

    part_number: int
    etag: str


class Completion(msgspec.Struct):
    """The body of a completion (hub-api.md section 5)."""

    oid: str
    parts: list[CompletedPart]


async def complete(request: Request) -> Response:
    """`POST /lfs/{repo}/{oid}/parts/{upload}`: verified, durable and linked when this answers. Asking twice is fine."""
    repo, sha256, begun = await _open_upload(request, Use.COMPLETE)
    body = await request.json(Completion)
    if body.oid != sha256:
        raise Unprocessable(f"This upload is of {sha256}, not of {body.oid[:100]!r}")
    if begun is None:
        return await _finished_before(request, repo, sha256)
    if sorted(part.part_number for part in body.parts) != list(range(1, begun.part_count + 1)):
        raise Unprocessable(f"List each part once, from 1 to {begun.part_count}")
    try:
        await _complete(request, begun)
    except ContentNotFound:
        return await _finished_before(request, repo, sha256)
    return lfs_response({"oid": sha256, "size": begun.size})


async def verify(request: Request) -> Response:
    """`POST /lfs/{repo}/{oid}/verify`: 200 says that the file is here, for good, and as large as the client thinks."""
    granted = request.query.get("upload") or ""
    claim = signed.claim(request, Use.VERIFY, granted)
    repo, sha256 = await claim.open(request), claim.sha256
    body = await request.json(Verification)
    if body.oid != sha256:
        raise Unprocessable(f"This address verifies {sha256}, not {body.oid[:100]!r}")
    if granted:
        await _take_from_store(request, repo, granted)
    content = await request.hub.contents.locate(repo.id, sha256)
    if content.size != body.size:
        raise Unprocessable(f"This object has {content.size} bytes, not {body.size}")
    return lfs_response({"oid": sha256, "size": content.size})


class Verification(msgspec.Struct):
    """The body of a verification (git-lfs `docs/api/basic-transfers.md`)."""

    oid: str
    size: int


async def _take_from_store(request: Request, repo: Repo, upload_id: str) -> None:
    """What was sent straight to the store becomes the file. Nothing happens when it has become it before."""
    try:
        begun = await request.run(request.hub.uploads.get, upload_id)
    except ContentNotFound:
        return  # finished before, or expired: what counts is whether the file is in the repo
    if begun.repo_id != repo.id or begun.user_id != request.caller.user_id:
        raise SignatureExpired("This address was made for another upload")
    with suppress(ContentNotFound):  # nothing was sent, or another call was quicker: the same question again
        await _complete(request, begun)


async def _open_upload(request: Request, use: Use) -> tuple[Repo, Sha256, Upload | None]:
    """None for an upload that is finished or has expired. Raises as `signed.claim` and `Claim.open`."""
    claim = signed.claim(request, use, request.params["upload"])
    repo, sha256 = await claim.open(request), claim.sha256
    try:
        begun = await request.run(request.hub.uploads.get, request.params["upload"])
    except ContentNotFound:
        return repo, sha256, None
    if begun.repo_id != repo.id or begun.sha256 != sha256:
        raise SignatureExpired("This address was made for another upload")
    return repo, sha256, begun


async def _complete(request: Request, begun: Upload) -> None:
    complete = request.hub.grants.complete if request.hub.grants else request.hub.uploads.complete
    take = request.hub.quotas.reserve  # anew: it may have run out
    async with ended_in_a_thread(
        await request.run(take, begun.repo_id, begun.user_id, {begun.sha256: begun.size})
    ) as reserved:
        for _ in range(int(_BUSY_SECONDS_MAX / _BUSY_STEP_SECONDS)):
            try:
                await threads.run_long(complete, begun)
                return await request.run(reserved.keep)
            except Busy:
                await asyncio.sleep(_BUSY_STEP_SECONDS)
    raise Unavailable("Another request is completing this upload: try again")


async def _finished_before(request: Request, repo: Repo, sha256: Sha256) -> Response:
    """A client that lost our answer asks again: what counts is that the file is in this repo."""
    content = await request.hub.contents.locate(repo.id, sha256)
    return lfs_response({"oid": sha256, "size": content.size})


def _check_length(request: Request, size: int) -> None:
    """Refuses before the first byte what cannot be right. Raises ContentMismatch, BadRequest."""
    announced = request.headers.get("content-length")
    if announced is None:
        return  # chunked: counted while it arrives
    if not announced.isascii() or not announced.isdigit():
        raise BadRequest("Content-Length is not a number")
    if announced != str(size):
        raise ContentMismatch(f"{announced[:20]} bytes are announced where {size} are expected")
