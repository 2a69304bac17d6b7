import struct

import pytest

from pioche.repos.preview.images import size

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II", 640, 480)
JPEG = b"\xff\xd8\xff\xe0\0\x04ab\xff\xff\xc0\0\x0b\x08" + struct.pack(">HH", 300, 200) + b"\x01"
WEBP = b"RIFF....WEBP"


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (PNG, (640, 480)),
        (b"GIF89a" + struct.pack("<HH", 3, 4), (3, 4)),
        (b"BM" + bytes(16) + struct.pack("<ii", 7, -8), (7, 8)),
        (JPEG, (200, 300)),
        (WEBP + b"VP8 " + bytes(10) + struct.pack("<HH", 0x4000 | 5, 6), (5, 6)),
        (WEBP + b"VP8L" + bytes(5) + struct.pack("<I", 99 | 49 << 14), (100, 50)),
        (WEBP + b"VP8X" + bytes(8) + b"\x09\0\0\x04\0\0", (10, 5)),
        (b"\xff\xd8\xff\xda\0\x02", None),
        (b"\xff\xd8" + b"\xff" * 1000, None),
        (b"<svg/>", None),
        (b"", None),
    ],
)
def test_the_size_is_in_the_head(head: bytes, expected: tuple[int, int] | None) -> None:
    assert size(head) == expected


@pytest.mark.parametrize("head", [PNG, JPEG, WEBP + b"VP8X" + bytes(14)])
def test_a_head_that_is_cut_says_nothing(head: bytes) -> None:
    for end in range(len(head) - 2):
        assert size(head[:end]) is None
