"""The body of a commit call: one JSON object a line, `{"key", "value"}` (hub-api.md section 5.4)."""

import base64
import binascii
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

import msgspec

from pioche.errors import BadRequest, TooLarge
from pioche.http.messages import Request, decode_json
from pioche.names import EntryPath, parse_path, parse_sha256
from pioche.repos.commits import AddFile, AddLargeFile, CopyFile, DeleteFile, DeleteFolder, Operation, Plan

_SUMMARY_CHARACTERS_MAX = 10_000
_DESCRIPTION_CHARACTERS_MAX = 1_000_000


class _Line(msgspec.Struct):
    key: str
    value: msgspec.Raw


class _Header(msgspec.Struct):
    summary: str
    description: str = ""
    parentCommit: str | None = None


class _File(msgspec.Struct):
    path: str
    content: str = ""
    encoding: str = "utf-8"


class _LfsFile(msgspec.Struct):
    path: str
    oid: str
    algo: str = "sha256"
    size: int | None = None


class _Copy(msgspec.Struct):
    path: str
    srcPath: str
    srcRevision: str | None = None


class _Path(msgspec.Struct):
    path: str


async def read_plan(request: Request) -> Plan:
    """The whole call. Raises BadRequest naming the line, IllegalPath, TooLarge, UnsupportedMediaType."""
    request.refuse_encoding()
    parse = partial(parse_path, backslashes=request.hub.config.backslash_names == "keep")
    header: _Header | None = None
    operations = list[Operation]()
    number = 0
    async for text in _lines(request):
        number += 1
        line = _decoded(text, _Line, number)
        if (line.key == "header") != (number == 1):
            raise BadRequest(f"Line {number}: the header must be the first line, once")
        if line.key == "header":
            header = _decoded(line.value, _Header, number)
            _check_header(header)
        else:
            operations.append(_operation(line, number, parse))
        if number > request.hub.config.commit_operations_max:
            raise TooLarge(f"A commit may have at most {request.hub.config.commit_operations_max} operations")
    if header is None:
        raise BadRequest("The body is empty: its first line must be the header")
    return Plan(header.summary, header.description, header.parentCommit, operations)


async def _lines(request: Request) -> AsyncIterator[bytes]:
    limits = request.hub.config
    line_max = limits.regular_file_bytes_max * 4 // 3 + 2**16
    size, rest = 0, b""
    pending = list[bytes]()
    async for chunk in request.stream():
        size += len(chunk)
        if size > limits.commit_bytes_max:
            raise TooLarge(f"A commit call may have at most {limits.commit_bytes_max} bytes: send it in several")
        if b"\n" not in chunk:
            pending.append(chunk)
            if sum(map(len, pending)) > line_max:
                most = limits.regular_file_bytes_max // 2**20
                raise TooLarge(f"A file in a commit may have at most {most} MiB: upload larger ones by LFS or Xet")
            continue
        *complete, rest = b"".join([*pending, chunk]).split(b"\n")
        pending = [rest]
        for line in complete:
            if line.strip():
                yield line
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) != size:
        raise BadRequest(f"The body broke off: {size} of {announced} bytes arrived")
    rest = b"".join(pending)
    if rest.strip():
        yield rest


def _check_header(header: _Header) -> None:
    if not header.summary.strip():
        raise BadRequest('"summary" must not be empty')
    if len(header.summary) > _SUMMARY_CHARACTERS_MAX or len(header.description) > _DESCRIPTION_CHARACTERS_MAX:
        raise BadRequest('"summary" or "description" is too long')
    if "\x00" in header.summary or "\x00" in header.description:
        raise BadRequest('"summary" and "description" must not contain NUL')


def _operation(line: _Line, number: int, parse: Callable[[str], EntryPath]) -> Operation:
    match line.key:
        case "file":
            file = _decoded(line.value, _File, number)
            return AddFile(parse(file.path), _content(file, number))
        case "lfsFile":
            large = _decoded(line.value, _LfsFile, number)
            if large.algo != "sha256" or (large.size is not None and large.size < 0):
                raise BadRequest(f'Line {number}: "algo" must be sha256 and "size" not negative')
            return AddLargeFile(parse(large.path), parse_sha256(large.oid), large.size)
        case "copyFile":
            copy = _decoded(line.value, _Copy, number)
            return CopyFile(parse(copy.path), parse(copy.srcPath), copy.srcRevision)
        case "deletedFile":
            return DeleteFile(parse(_decoded(line.value, _Path, number).path))
        case "deletedFolder":
            return DeleteFolder(parse(_decoded(line.value, _Path, number).path.rstrip("/")))
    raise BadRequest(
        f"Line {number}: {line.key[:40]!r} is not an operation: use file, lfsFile, copyFile, deletedFile or deletedFolder"
    )


def _content(file: _File, number: int) -> bytes:
    if file.encoding == "base64":
        try:
            return base64.b64decode(file.content, validate=True)
        except (binascii.Error, ValueError):
            raise BadRequest(f"Line {number}: the content of {file.path[:200]!r} is not valid base64") from None
    if file.encoding == "utf-8":
        return file.content.encode()
    raise BadRequest(f'Line {number}: "encoding" must be base64 or utf-8')


def _decoded(data: bytes | msgspec.Raw, shape: type[Any], number: int) -> Any:
    try:
        return decode_json(bytes(data), shape)
    except BadRequest as error:
        raise BadRequest(f"Line {number}: {error.message}") from None
