"""What is in a zip or a tar, without unpacking it: names, sizes, and the bytes of small members.

Archives lie: about sizes, about how many members there are, by names that climb out of the folder. Nothing is ever written;
names are shown as they are; what is unpacked is counted while it is unpacked.
"""

import io
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from pioche.errors import EntryNotFound
from pioche.repos.preview.spans import BAD_ZIP, Span, Unreadable

MEMBERS_SHOWN = 1000
MEMBER_BYTES_MAX = 256 * 1024
_INFLATED_BYTES_MAX = 32 * 2**20
_DIRECTORY_BYTES_MAX = 4 * 2**20
_END_BYTES = 22 + 65_535  # the record at the end of a zip, and the longest comment after it
_UNREADABLE = (*BAD_ZIP, tarfile.TarError, ValueError)


@dataclass(frozen=True, slots=True)
class Member:
    """`kind` is file, folder, or what else a tar can hold: link, other."""

    name: str
    size: int
    kind: str = "file"
    packed: int | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """`is_cut`: there are more members, or they are further inside than a preview looks."""

    members: list[Member]
    is_cut: bool


def is_archive(name: str) -> bool:
    lower = name.lower()
    return lower.endswith((".zip", ".tar", ".tar.gz", ".tgz"))


def listing(span: Span, name: str) -> Listing:
    """The first members. Raises Unreadable."""
    found = list[Member]()
    try:
        for member in islice(_members(span, name), MEMBERS_SHOWN + 1):
            found.append(member)
    except Unreadable:
        if not found:
            raise
        return Listing(found[:MEMBERS_SHOWN], is_cut=True)
    return Listing(found[:MEMBERS_SHOWN], len(found) > MEMBERS_SHOWN)


def head(span: Span, name: str, member: str) -> bytes:
    """The first MEMBER_BYTES_MAX bytes of the first file of that name. Raises EntryNotFound, Unreadable."""
    try:
        if name.lower().endswith(".zip"):
            return _zip_head(span, member)
        with _tar(span, name) as archive:
            for info in archive:
                if info.name == member and info.isreg():
                    file = archive.extractfile(info)
                    return file.read(MEMBER_BYTES_MAX) if file else b""
    except _UNREADABLE as error:
        raise _unreadable(error) from None
    raise EntryNotFound(f"{member[:200]!r} is not in this archive")


def _members(span: Span, name: str) -> Iterator[Member]:
    try:
        yield from _zip_members(span) if name.lower().endswith(".zip") else _tar_members(span, name)
    except _UNREADABLE as error:
        raise _unreadable(error) from None


def _unreadable(error: Exception) -> Unreadable:
    return error if isinstance(error, Unreadable) else Unreadable(str(error)[:200] or "it is cut short")


# --- zip --------------------------------------------------------------------------------------------------------------


def open_zip(span: Span) -> zipfile.ZipFile:
    """Raises Unreadable, BadZipFile. The directory is read at once, so its size is looked at first."""
    tail = span.at(max(span.size - _END_BYTES, 0), span.size)
    place = tail.rfind(b"PK\x05\x06")
    size = int.from_bytes(tail[place + 12 : place + 16], "little") if place >= 0 else 0
    if size != 0xFFFFFFFF and size > _DIRECTORY_BYTES_MAX:
        raise Unreadable("its list of members is larger than a preview reads")
    return zipfile.ZipFile(io.BufferedReader(span, 64 * 1024))


def _zip_members(span: Span) -> Iterator[Member]:
    with open_zip(span) as archive:
        for info in archive.infolist():
            yield Member(info.filename, info.file_size, "folder" if info.is_dir() else "file", info.compress_size)


def _zip_head(span: Span, member: str) -> bytes:
    with open_zip(span) as archive:
        try:
            info = archive.getinfo(member)
        except KeyError:
            raise EntryNotFound(f"{member[:200]!r} is not in this archive") from None
        return zip_member_head(archive, info, MEMBER_BYTES_MAX)


def zip_member_head(archive: zipfile.ZipFile, info: zipfile.ZipInfo, count: int) -> bytes:
    """The first `count` bytes; only what is stored or deflated, the two whose unpacking is quick. Raises Unreadable."""
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) or info.flag_bits & 1:
        raise Unreadable("it is encrypted, or packed in a way that is not looked into")
    with archive.open(info) as file:
        return file.read(count)


# --- tar --------------------------------------------------------------------------------------------------------------


def _tar(span: Span, name: str) -> tarfile.TarFile:
    if name.lower().endswith((".tar.gz", ".tgz")):
        return tarfile.open(fileobj=_Inflated(span), mode="r|", errorlevel=0)
    return tarfile.open(fileobj=io.BufferedReader(span, 4096), mode="r:", errorlevel=0)


def _tar_members(span: Span, name: str) -> Iterator[Member]:
    with _tar(span, name) as archive:
        for info in archive:
            kind = "file" if info.isreg() else "folder" if info.isdir() else "link" if _is_link(info) else "other"
            yield Member(info.name, info.size, kind)


def _is_link(info: tarfile.TarInfo) -> bool:
    return info.issym() or info.islnk()


class _Inflated(io.RawIOBase):
    """The bytes inside a gzip, at most so many: past them it raises Unreadable."""

    def __init__(self, span: Span) -> None:
        super().__init__()
        self._span = span
        self._inflate = zlib.decompressobj(31)
        self._left = _INFLATED_BYTES_MAX

    def readable(self) -> bool:
        return True

    def read(self, count: int = -1, /) -> bytes:
        wanted = 10_240 if count < 0 else count
        parts = list[bytes]()
        while wanted > 0:
            data = self._inflate.unconsumed_tail or self._span.read(16 * 1024)
            part = self._inflate.decompress(data, wanted)
            self._left -= len(part)
            if self._left < 0:
                raise Unreadable("more to unpack than a preview may")
            if not part and (self._inflate.eof or not data):
                break
            parts.append(part)
            wanted -= len(part)
        return b"".join(parts)
