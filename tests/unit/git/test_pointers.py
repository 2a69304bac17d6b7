import pytest

from pioche.git.pointers import Pointer, build, parse
from pioche.names import Sha256

OID = Sha256("ab" * 32)


def test_a_pointer_is_git_lfs_s_text() -> None:
    data = build(OID, 12345)
    assert data == b"version https://git-lfs.github.com/spec/v1\noid sha256:" + OID.encode() + b"\nsize 12345\n"
    assert parse(data) == Pointer(OID, 12345)
    assert parse(data.rstrip(b"\n")) == Pointer(OID, 12345)


def test_a_pointer_with_an_extension() -> None:
    head, _, rest = build(OID, 1).partition(b"\n")
    assert parse(head + b"\next-0-foo sha256:" + b"0" * 64 + b"\n" + rest) == Pointer(OID, 1)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"version https://git-lfs.github.com/spec/v1\n",
        build(OID, 1).replace(b"sha256", b"sha512"),
        build(OID, 1).replace(b"ab", b"AB"),
        build(OID, 1).replace(b"size 1", b"size -1"),
        build(OID, 1).replace(b"size 1", b"size 01"),
        build(OID, 1).replace(b"size 1", b"size 99999999999999999999"),
        build(OID, 1) + b"trailing",
        b" " + build(OID, 1),
        build(OID, 1).replace(b"\n", b"\r\n"),
        build(OID, 1) + b"\n" * 1024,
    ],
)
def test_what_is_no_pointer(data: bytes) -> None:
    assert parse(data) is None
