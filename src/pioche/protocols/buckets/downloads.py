"""A file's bytes: `resolve`. By Xet where the client can, else through the hub."""

from urllib.parse import quote

from pioche.buckets import files
from pioche.buckets.files import EMPTY_XET_HASH
from pioche.errors import Corrupt
from pioche.http import cas, ranges
from pioche.http.contents import open_content
from pioche.http.messages import Headers, Request, Response

# What is in a bucket is saved, never shown: no browser runs it here (reliability.md F-RAW).
_SAVED: Headers = [
    ("Content-Type", "application/octet-stream"),
    ("Content-Security-Policy", "default-src 'none'; sandbox"),
]


async def resolve(request: Request) -> Response:
    """GET|HEAD /buckets/{ns}/{name}/resolve/{path}. The headers are those that clients read of any large file."""
    file, content = await files.locate(request.repo, request.params["path"])
    if content is None and file.xet_hash != EMPTY_XET_HASH:
        raise Corrupt("The bytes of this file are missing")
    etag = file.xet_hash if content is None else content.sha256
    headers: Headers = [
        *_SAVED,
        ("Content-Disposition", f"attachment; filename*=UTF-8''{quote(file.path.rpartition('/')[2], safe='')}"),
        ("Cache-Control", "private, no-store" if request.repo.private else "no-cache"),
        ("X-Linked-ETag", f'"{etag}"'),
        ("X-Linked-Size", str(file.size)),
        ("X-Xet-Hash", file.xet_hash),
        await _link(request, file.xet_hash),
    ]
    if content is None or request.method == "HEAD":
        return ranges.answer(request, etag=f'"{etag}"', length=file.size, open_part=_nothing, headers=headers)
    return await open_content(request, content, headers)


async def _link(request: Request, xet_hash: str) -> tuple[str, str]:
    """Where to get a token, and where to ask for the file's reconstruction (xet.md section 8.2)."""
    token = f"{request.base_url}/api/buckets/{request.repo.repo_id}/xet-read-token"
    plan = f"{await cas.url(request, request.repo)}/v1/reconstructions/{xet_hash}"
    return "Link", f'<{token}>; rel="xet-auth", <{plan}>; rel="xet-reconstruction-info"'


def _nothing(_start: int, _end: int) -> bytes:
    return b""
