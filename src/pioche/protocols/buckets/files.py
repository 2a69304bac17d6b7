"""tree, paths-info and batch: what is in a bucket, and changing it."""

from functools import partial
from typing import Annotated

import msgspec

from pioche.buckets import batch, files
from pioche.buckets.batch import Add, Delete, Operation, Refused
from pioche.buckets.files import BucketFile, BucketFolder
from pioche.errors import BadRequest, IllegalPath
from pioche.http import cursors
from pioche.http.dates import date
from pioche.http.messages import Request, Response, cached_json, decode_json, json_response, next_page
from pioche.names import EntryPath, RepoId, RepoType, parse_path

_PAGE = 1000
_PATHS_MAX = 1000
_OPERATIONS_MAX = 1000

BATCH_BYTES_MAX = 16 * 2**20
"""Enough for so many operations with the longest paths."""

_Milliseconds = Annotated[int, msgspec.Meta(ge=-62_135_596_800_000, le=253_402_300_799_000)]
_Hash = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]


async def tree(request: Request) -> Response:
    """GET /api/buckets/{ns}/{name}/tree[/{prefix}]. The prefix is any text that paths begin with, as on the public Hub.

    Without `recursive` all files are told, folders only where it is false.
    """
    query = request.query
    page = await request.run(
        files.listing,
        request.repo,
        request.params.get("prefix", ""),
        recursive=query.get("recursive") is None or query.flag("recursive"),
        after=cursors.decode(query.get("cursor")),
        limit=max(1, query.number("limit", default=_PAGE, most=_PAGE)),
    )
    headers = next_page(request, cursors.encode(page.next_after))
    return cached_json(request, [_shape(item) for item in page.items], headers=headers)


def _shape(item: BucketFile | BucketFolder) -> dict[str, object]:
    if isinstance(item, BucketFolder):
        return {"type": "directory", "path": item.path, "uploadedAt": date(item.uploaded_at)}
    found = {"type": "file", "path": item.path, "size": item.size, "xetHash": item.xet_hash}
    if item.mtime is not None:
        found["mtime"] = date(item.mtime)
    return found | {"uploadedAt": date(item.uploaded_at)}


class _Paths(msgspec.Struct):
    paths: list[str]


async def paths_info(request: Request) -> Response:
    """POST /api/buckets/{ns}/{name}/paths-info; absent paths are left out."""
    body = await request.json(_Paths)
    if len(body.paths) > _PATHS_MAX:
        raise BadRequest(f'"paths" may have at most {_PATHS_MAX} items')
    found = await request.run(files.at_paths, request.repo, body.paths)
    return json_response([_shape(file) for file in found])


# --- changing -------------------------------------------------------------------------------------------------------


class _AddFile(msgspec.Struct, tag_field="type", tag="addFile"):
    path: str
    xetHash: _Hash
    mtime: _Milliseconds | None = None


class _CopyFile(msgspec.Struct, tag_field="type", tag="copyFile"):
    path: str
    xetHash: _Hash
    sourceRepoType: RepoType
    sourceRepoId: str
    mtime: _Milliseconds | None = None


class _DeleteFile(msgspec.Struct, tag_field="type", tag="deleteFile"):
    path: str


_Line = _AddFile | _CopyFile | _DeleteFile


async def change(request: Request) -> Response:
    """POST /api/buckets/{ns}/{name}/batch: an operation a line. 422 when every one was refused."""
    lines = _lines(await request.body())
    parse = partial(parse_path, backslashes=request.hub.config.backslash_names == "keep")
    operations, refused = list[Operation](), list[Refused]()
    for line in lines:
        try:
            operations.append(_operation(line, parse(line.path)))
        except IllegalPath as error:
            refused.append(Refused(line.path, error.message))
    if operations:
        refused += await request.run(batch.apply, request.hub.access, request.caller, request.repo, operations)
    answer = {
        "success": not refused,
        "processed": len(lines),
        "succeeded": len(lines) - len(refused),
        "failed": [{"path": one.path, "error": one.error} for one in refused],
    }
    return json_response(answer, status=422 if lines and len(refused) == len(lines) else 200)


def _lines(body: bytes) -> list[_Line]:
    """Raises BadRequest, naming the line."""
    texts = [text for text in body.split(b"\n") if text.strip()]
    if len(texts) > _OPERATIONS_MAX:
        raise BadRequest(f"A call may have at most {_OPERATIONS_MAX} operations: send them in several")
    found = list[_Line]()
    for number, text in enumerate(texts, 1):
        try:
            found.append(decode_json(text, _Line))  # type: ignore[arg-type]  # a union is no type to mypy
        except BadRequest as error:
            raise BadRequest(f"Line {number}: {error.message}") from None
    return found


def _operation(line: _Line, path: EntryPath) -> Operation:
    if isinstance(line, _DeleteFile):
        return Delete(path)
    source = None
    if isinstance(line, _CopyFile):
        namespace, _, name = line.sourceRepoId.rpartition("/")
        source = RepoId(line.sourceRepoType, namespace, name)
    return Add(path, line.xetHash, line.mtime, source)
