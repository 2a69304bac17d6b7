"""npy and npz: the name, type and shape of arrays, from their headers alone (numpy.lib.format, versions 1 to 3)."""

import ast
import struct
from dataclasses import dataclass
from itertools import islice

from pioche.repos.preview.archives import open_zip, zip_member_head
from pioche.repos.preview.spans import BAD_ZIP, Span, Unreadable

_HEADER_BYTES_MAX = 10_000  # numpy refuses longer ones too, unless it is told to trust the file
_ARRAYS_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Array:
    """`shape` as numpy writes it. `has_objects`: reading the values would run a pickle."""

    name: str
    type: str
    shape: str
    has_objects: bool


def read(span: Span, name: str) -> list[Array]:
    """The array of an npy, the arrays of an npz. Raises Unreadable."""
    if not name.lower().endswith(".npz"):
        return [_array("", span.at(0, min(span.size, _HEADER_BYTES_MAX + 12)))]
    try:
        with open_zip(span) as archive:
            members = [info for info in archive.infolist() if info.filename.endswith(".npy")]
            return [
                _array(info.filename.removesuffix(".npy"), zip_member_head(archive, info, _HEADER_BYTES_MAX + 12))
                for info in islice(members, _ARRAYS_SHOWN)
            ]
    except BAD_ZIP as error:
        raise Unreadable(str(error)[:200]) from None


def _array(name: str, head: bytes) -> Array:
    if not head.startswith(b"\x93NUMPY") or len(head) < 12:
        raise Unreadable("it does not begin as an array of numpy")
    wide = head[6] > 1
    (length,) = struct.unpack_from("<I" if wide else "<H", head, 8)
    start = 12 if wide else 10
    if length > _HEADER_BYTES_MAX or len(head) < start + length:
        raise Unreadable("its header is longer than numpy would read")
    try:
        found = ast.literal_eval(head[start : start + length].decode("utf-8" if head[6] > 2 else "latin-1").strip())
        kind, shape = found["descr"], found["shape"]
    except (ValueError, SyntaxError, TypeError, KeyError, MemoryError, RecursionError):
        raise Unreadable("its header is not one of numpy's") from None
    text = kind if isinstance(kind, str) else repr(kind)
    return Array(name, text[:200], repr(shape)[:200], "O" in text)
