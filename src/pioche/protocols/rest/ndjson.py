"""The body of a commit call: one JSON object a line, `{"key", "value"}` (hub-api.md section 5.4).

It may have a gigabyte, in lines of some kilobytes or of many megabytes. So no more than a line is in memory at a time, and
the contents of files beyond the first few megabytes wait in a file.
"""

import base64
import binascii
import re
from collections.abc import AsyncIterator
from typing import Any

import msgspec

from pioche.errors import BadRequest, TooLarge
from pioche.git.objects import object_id
from pioche.http.messages import Request, decode_json
from pioche.names import EntryPath, parse_path, parse_sha256
from pioche.repos.commits import AddFile, AddLargeFile, CopyFile, DeleteFile, DeleteFolder, Operation, Plan
from pioche.storage.drafts import Spool, Spooled

_SUMMARY_CHARACTERS_MAX = 10_000
_DESCRIPTION_CHARACTERS_MAX = 1_000_000
_HELD_BYTES_MAX = 8 * 2**20  # of files' contents, in memory
_INLINE_BYTES_MAX = 64 * 1024  # a longer line is decoded in a thread
_EMPTY = msgspec.Raw(b'""')
_ESCAPE = re.compile(rb"\\")


class _Line(msgspec.Struct):
    key: str
    value: msgspec.Raw


class _Header(msgspec.Struct):
    summary: str
    description: str = ""
    parentCommit: str | None = None


class _File(msgspec.Struct):
    path: str
    content: msgspec.Raw = _EMPTY  # of many megabytes: not made a text first
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
    """The whole call. Raises BadRequest naming the line, IllegalPath, TooLarge, UnsupportedMediaType, OutOfSpace."""
    request.refuse_encoding()
    reader = _Reader(request)
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
        elif len(text) > _INLINE_BYTES_MAX or reader.is_spooling:
            operations.append(await request.run(reader.operation, line, number))
        else:
            operations.append(reader.operation(line, number))
        if number > request.hub.config.commit_operations_max:
            raise TooLarge(f"A commit may have at most {request.hub.config.commit_operations_max} operations")
    if header is None:
        raise BadRequest("The body is empty: its first line must be the header")
    return Plan(header.summary, header.description, header.parentCommit, operations)


async def _lines(request: Request) -> AsyncIterator[bytearray]:
    """Without blank ones. Whoever takes a line lets go of it before the next."""
    limits = request.hub.config
    line_max = limits.regular_file_bytes_max * 4 // 3 + 2**16
    size, line = 0, bytearray()
    async for chunk in request.stream():
        size += len(chunk)
        if size > limits.commit_bytes_max:
            raise TooLarge(f"A commit call may have at most {limits.commit_bytes_max} bytes: send it in several")
        first, *others = chunk.split(b"\n")
        line += first
        if len(line) > line_max:
            most = limits.regular_file_bytes_max // 2**20
            raise TooLarge(f"A file in a commit may have at most {most} MiB: upload larger ones by LFS or Xet")
        for other in others:
            if line.strip():
                yield line
            line = bytearray(other)
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) != size:
        raise BadRequest(f"The body broke off: {size} of {announced} bytes arrived")
    if line.strip():
        yield line


def _check_header(header: _Header) -> None:
    if not header.summary.strip():
        raise BadRequest('"summary" must not be empty')
    if len(header.summary) > _SUMMARY_CHARACTERS_MAX or len(header.description) > _DESCRIPTION_CHARACTERS_MAX:
        raise BadRequest('"summary" or "description" is too long')
    if "\x00" in header.summary or "\x00" in header.description:
        raise BadRequest('"summary" and "description" must not contain NUL')


class _Reader:
    """Makes operations of lines, one at a time."""

    def __init__(self, request: Request) -> None:
        self._keeps_backslashes = request.hub.config.backslash_names == "keep"
        self._room = request.hub.room
        self._spool = Spool(request.hub.config.data_dir / "incoming")
        self._held_bytes = 0

    @property
    def is_spooling(self) -> bool:
        """From here on contents go to the disk: that is for a thread."""
        return self._held_bytes > _HELD_BYTES_MAX

    def operation(self, line: _Line, number: int) -> Operation:
        """Raises BadRequest, IllegalPath, OutOfSpace, Unavailable."""
        match line.key:
            case "file":
                file = _decoded(line.value, _File, number)
                path = self._path(file.path)
                return AddFile(path, self._kept(_content(file, number)))
            case "lfsFile":
                large = _decoded(line.value, _LfsFile, number)
                if large.algo != "sha256" or (large.size is not None and large.size < 0):
                    raise BadRequest(f'Line {number}: "algo" must be sha256 and "size" not negative')
                return AddLargeFile(self._path(large.path), parse_sha256(large.oid), large.size)
            case "copyFile":
                copy = _decoded(line.value, _Copy, number)
                return CopyFile(self._path(copy.path), self._path(copy.srcPath), copy.srcRevision)
            case "deletedFile":
                return DeleteFile(self._path(_decoded(line.value, _Path, number).path))
            case "deletedFolder":
                return DeleteFolder(self._path(_decoded(line.value, _Path, number).path.rstrip("/")))
        raise BadRequest(
            f"Line {number}: {line.key[:40]!r} is not an operation: "
            "use file, lfsFile, copyFile, deletedFile or deletedFolder"
        )

    def _path(self, text: str) -> EntryPath:
        return parse_path(text, backslashes=self._keeps_backslashes)

    def _kept(self, content: bytes) -> bytes | Spooled:
        if self._held_bytes + len(content) <= _HELD_BYTES_MAX:
            self._held_bytes += len(content)
            return content
        self._held_bytes = _HELD_BYTES_MAX + 1
        self._room.check()
        return self._spool.add(content, object_id("blob", content))


def _content(file: _File, number: int) -> bytes:
    if file.encoding == "base64":
        try:
            return base64.b64decode(_base64(file.content, number), validate=True)
        except (binascii.Error, ValueError):
            raise BadRequest(f"Line {number}: the content of {file.path[:200]!r} is not valid base64") from None
    if file.encoding == "utf-8":
        text: str = _decoded(file.content, str, number)
        return text.encode()
    raise BadRequest(f'Line {number}: "encoding" must be base64 or utf-8')


def _base64(content: msgspec.Raw, number: int) -> str | memoryview:
    """What stands between the quotes, not copied where nothing in it is escaped."""
    raw = memoryview(content)
    if raw[:1].tobytes() == b'"' and not _ESCAPE.search(raw):
        return raw[1:-1]
    text: str = _decoded(content, str, number)
    return text


def _decoded(data: bytearray | msgspec.Raw, shape: type[Any], number: int) -> Any:
    try:
        return decode_json(data, shape)
    except BadRequest as error:
        raise BadRequest(f"Line {number}: {error.message}") from None
