import gzip
import io
import random
import struct
import tarfile
import zipfile
from contextlib import suppress

import pytest

from pioche.errors import EntryNotFound
from pioche.repos.preview import archives
from pioche.repos.preview.archives import Member, head, listing
from pioche.repos.preview.spans import Unreadable, of_bytes

FILES = {"a.txt": b"hello", "dir/b.bin": b"\0" * 100_000, "../../evil": b"x"}


def _zip(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


def _tar(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    return out.getvalue()


ARCHIVES = {"x.zip": _zip(FILES), "x.tar": _tar(FILES), "x.tar.gz": gzip.compress(_tar(FILES))}


@pytest.mark.parametrize("name", ARCHIVES)
def test_names_and_sizes(name: str) -> None:
    found = listing(of_bytes(ARCHIVES[name]), name)
    assert [(member.name, member.size) for member in found.members if member.kind == "file"] == [
        (path, len(data)) for path, data in FILES.items()
    ]
    assert not found.is_cut


def test_links_are_told() -> None:
    assert listing(of_bytes(ARCHIVES["x.tar"]), "x.tar").members[-1] == Member("link", 0, "link")


@pytest.mark.parametrize("name", ARCHIVES)
def test_the_head_of_a_member(name: str) -> None:
    assert head(of_bytes(ARCHIVES[name]), name, "a.txt") == b"hello"
    assert head(of_bytes(ARCHIVES[name]), name, "../../evil") == b"x"
    with pytest.raises(EntryNotFound):
        head(of_bytes(ARCHIVES[name]), name, "absent")


def test_a_bomb_gives_its_first_bytes_only() -> None:
    bomb = {"bomb": bytes(50 * 2**20)}
    assert len(head(of_bytes(_zip(bomb)), "x.zip", "bomb")) == archives.MEMBER_BYTES_MAX
    packed = gzip.compress(_tar({**bomb, "after": b"x"}), 1)
    found = listing(of_bytes(packed), "x.tgz")
    assert [member.name for member in found.members] == ["bomb"]
    assert found.is_cut


def test_only_the_first_members_are_listed() -> None:
    many = {f"{number}": b"" for number in range(archives.MEMBERS_SHOWN + 5)}
    for name, data in (("x.zip", _zip(many)), ("x.tar", _tar(many))):
        found = listing(of_bytes(data), name)
        assert (len(found.members), found.is_cut) == (archives.MEMBERS_SHOWN, True)


def test_a_directory_that_lies_about_its_size() -> None:
    data = bytearray(ARCHIVES["x.zip"])
    end = data.rfind(b"PK\x05\x06")
    struct.pack_into("<I", data, end + 12, 2**31)
    with pytest.raises(Unreadable):
        listing(of_bytes(bytes(data)), "x.zip")


@pytest.mark.parametrize("name", ARCHIVES)
def test_broken_archives_are_refused_or_listed(name: str) -> None:
    """Cut at each place, and with bytes changed: an answer or Unreadable, and nothing else."""
    data, dice = ARCHIVES[name], random.Random(1)
    broken = [data[:end] for end in range(0, len(data), max(len(data) // 60, 1))]
    for _ in range(150):
        changed = bytearray(data)
        for _ in range(3):
            changed[dice.randrange(min(len(data), 2000))] = dice.randrange(256)
        broken.append(bytes(changed))
    for one in broken:
        with suppress(Unreadable):
            listing(of_bytes(one), name)
        with suppress(Unreadable, EntryNotFound):
            head(of_bytes(one), name, "a.txt")


def test_a_negative_size_does_not_go_round_in_circles() -> None:
    """CVE-2025-8194: tarfile steps backwards over such a member, for ever."""
    info = tarfile.TarInfo("a")
    block = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    block[124:136] = b"\xff" * 11 + b"\x00"
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    with suppress(Unreadable):
        listing(of_bytes(bytes(block) * 3, reads_max=2000), "x.tar")
