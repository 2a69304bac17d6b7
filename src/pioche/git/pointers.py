"""LFS pointers: the small text that stands in git for a large file (git-lfs `docs/spec.md`, version 1)."""

import re
from typing import NamedTuple

from pioche.names import Sha256

POINTER_BYTES_MAX = 1024
"""A blob of this size or more is never a pointer (git-lfs `docs/spec.md`)."""

_POINTER = re.compile(
    rb"version https://git-lfs\.github\.com/spec/v1\n"
    rb"(?:ext-\d-[^\s]+ [^\n]+\n)*"
    rb"oid sha256:(?P<sha256>[0-9a-f]{64})\n"
    rb"size (?P<size>0|[1-9]\d{0,17})\n?\Z"
)


class Pointer(NamedTuple):
    """What a pointer says of the large file: its sha256 and its size in bytes."""

    sha256: Sha256
    size: int


def parse(data: bytes) -> Pointer | None:
    """None when `data` is an ordinary file."""
    if len(data) >= POINTER_BYTES_MAX or not data.startswith(b"version "):
        return None
    match = _POINTER.match(data)
    return Pointer(Sha256(match["sha256"].decode()), int(match["size"])) if match else None


def build(sha256: Sha256, size: int) -> bytes:
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {size}\n".encode()
