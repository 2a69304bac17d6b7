"""`resolve` gives a file's bytes, `raw` what git holds: for a large file, its pointer (hub-recordings.md).

The Hub redirects to other hosts; this hub answers at once, from the same origin: clients read both (hub-api.md section 4).
"""

from functools import partial

from pioche.errors import ContentNotFound, Corrupt, EntryNotFound, RevisionNotFound
from pioche.http import cas, ranges
from pioche.http.contents import Delivery, check_promise
from pioche.http.messages import Headers, Request, Response
from pioche.names import Sha256
from pioche.protocols.files import presentation
from pioche.repos import downloads, files
from pioche.repos.files import Entry, Located

# Larger regular files are read in a thread: inflating them would hold up the event loop.
_INLINE_BYTES_MAX = 64 * 1024


async def resolve(request: Request) -> Response:
    """`GET|HEAD /{repo}/resolve/{rev}/{path}[?download=true]`."""
    located = await _locate(request)
    request.download = downloads.of_file(request.repo, located.entry.path)
    headers = _headers(request, located, is_large=located.entry.sha256 is not None)
    if located.entry.sha256 is not None:
        return await _large(request, located, headers)
    return await _from_git(request, located.entry, located.entry.size, headers)


async def raw(request: Request) -> Response:
    """`GET|HEAD /{repo}/raw/{rev}/{path}`."""
    located = await _locate(request)
    entry = located.entry
    headers = _headers(request, located, is_large=False)
    return await _from_git(request, entry, entry.size if entry.pointer_size is None else entry.pointer_size, headers)


async def _locate(request: Request) -> Located:
    """Raises RevisionNotFound, and EntryNotFound also for folders and submodules: they have no bytes."""
    located = await files.locate(request.repo, request.params["rev"], request.params["path"])
    if not located.entry.is_file:
        raise EntryNotFound(commit=located.commit)
    return located


def _headers(request: Request, located: Located, *, is_large: bool) -> Headers:
    repo, commit = request.repo, located.commit
    asked_to_save = bool(request.scope["query_string"]) and request.query.flag("download")
    return [
        *presentation.fixed(located.entry.path, is_large=is_large, is_attachment=asked_to_save),
        ("X-Repo-Commit", commit),
        presentation.caching(is_private=repo.private or bool(repo.gated), is_immutable=located.revision.text == commit),
    ]


async def _from_git(request: Request, entry: Entry, size: int, headers: Headers) -> Response:
    """A git blob: the ETag is its id, which is how clients name it in their caches."""
    etag = f'"{entry.oid}"'
    data = b""
    if request.method != "HEAD" and not ranges.is_known(request, etag):
        read = files.read_blob, request.repo, entry.oid
        data = files.read_blob(*read[1:]) if size <= _INLINE_BYTES_MAX else await request.run(*read)
        if len(data) != size:
            raise Corrupt("A stored object has another size than its entry says")
    response = ranges.answer(
        request, etag=etag, length=size, open_part=lambda start, end: data[start:end], headers=headers
    )
    request.remember(response)
    return response


async def _large(request: Request, located: Located, headers: Headers) -> Response:
    """A large file. Its ETag is the sha256, however the bytes are kept; a client that can may take them by Xet."""
    entry = located.entry
    assert entry.sha256 is not None  # noqa: S101 - the caller looked
    etag = f'"{entry.sha256}"'
    headers.append(("X-Linked-ETag", etag))
    headers.append(("X-Linked-Size", str(entry.size)))
    if entry.xet_hash is not None:
        headers.append(("X-Xet-Hash", entry.xet_hash))
        headers.append(await _xet_link(request, located.commit, entry.xet_hash))
    try:
        if request.method == "HEAD":
            response = ranges.answer(request, etag=etag, length=entry.size, open_part=_nothing, headers=headers)
            promise = partial(_promised, sha256=entry.sha256, size=entry.size, response=response)
            request.remember(promise)
            return await promise(request)
        content = await request.hub.contents.locate(request.repo.id, entry.sha256)
    except ContentNotFound:
        # A commit that no ref leads to any more: its objects may be there still when its large files were collected.
        if located.revision.ref is None and not located.revision.is_tip:
            raise RevisionNotFound(located.revision.text) from None
        raise await request.run(files.absent, request.repo, entry.sha256) from None
    answer = Delivery(content, headers)
    request.remember(answer)
    return await answer(request)


async def _promised(request: Request, *, sha256: Sha256, size: int, response: Response) -> Response:
    """The answer to HEAD. What the disk has is looked at each time: it changes without a commit."""
    await check_promise(request, sha256, size)
    return response


async def _xet_link(request: Request, commit: str, xet_hash: str) -> tuple[str, str]:
    """Where to get a token, and where to ask for the file's reconstruction (xet.md section 8.2)."""
    repo_id, base = request.repo.repo_id, request.base_url
    token = f"{base}/api/{repo_id.type.plural}/{repo_id}/xet-read-token/{commit}"
    plan = f"{await cas.url(request, request.repo)}/v1/reconstructions/{xet_hash}"
    return "Link", f'<{token}>; rel="xet-auth", <{plan}>; rel="xet-reconstruction-info"'


def _nothing(_start: int, _end: int) -> bytes:
    return b""
