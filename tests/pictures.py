"""Pictures for tests, made at test time: honest ones, ones that tell more than they should, and ones that are bombs."""

import io
import struct
import zlib

from PIL import Image

HALVES = ((200, 30, 40), (20, 60, 190))
"""The colours of a test picture: left, right."""


def picture(width: int = 80, height: int = 40, form: str = "PNG", *, seed: int = 0) -> bytes:
    """Red on the left, blue on the right; another `seed`, other bytes."""
    image = Image.new("RGB", (width, height), HALVES[0])
    image.paste(HALVES[1], (width // 2, 0, width, height))
    image.putpixel((0, 0), (seed % 256, seed // 256 % 256, 0))
    return encoded(image, form)


def telling(secret: bytes) -> bytes:
    """A photograph that says where it was taken, and lies on its side as a phone writes it."""
    image = Image.new("RGB", (60, 30), HALVES[0])
    image.paste(HALVES[1], (30, 0, 60, 30))
    notes = Image.Exif()
    notes[0x0112] = 6
    notes[0x010E] = secret.decode()
    notes.get_ifd(0x8825)[1] = "N"
    out = io.BytesIO()
    image.save(out, "JPEG", exif=notes, comment=secret, icc_profile=b"profile " + secret, quality=95)
    return out.getvalue()


def animated() -> bytes:
    """Two frames: the first one red, the second one blue."""
    first, second = (Image.new("RGB", (24, 24), colour) for colour in HALVES)
    out = io.BytesIO()
    first.save(out, "GIF", save_all=True, append_images=[second], duration=50)
    return out.getvalue()


def announced(width: int, height: int) -> bytes:
    """A PNG whose head says how large it is, and nearly nothing after it."""
    return png_of(width, height, zlib.compress(b"\0" * 64))


def bomb(side: int) -> bytes:
    """A square PNG of one colour: little to send, `side` * `side` * 3 bytes to unpack."""
    packer, row, parts = zlib.compressobj(9), b"\0" * (1 + 3 * side), list[bytes]()
    parts = [packer.compress(row) for _ in range(side)]
    return png_of(side, side, b"".join([*parts, packer.flush()]))


def png_of(width: int, height: int, packed: bytes) -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def encoded(image: Image.Image, form: str) -> bytes:
    out = io.BytesIO()
    image.save(out, form)
    return out.getvalue()


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def is_near(image: Image.Image, at: tuple[int, int], colour: tuple[int, int, int]) -> bool:
    """Whether a pixel is about of that colour: lossy formats change them a little."""
    found = image.convert("RGB").getpixel(at)
    assert isinstance(found, tuple)
    return all(abs(one - other) < 24 for one, other in zip(found, colour, strict=True))
