"""The signature that a commit carries, and the bytes that were signed: the commit without it (git `commit.c`,
parse_buffer_signed_by_header: every header of signatures is left out, whichever hash it is for)."""

from typing import NamedTuple

_HEADERS = (b"gpgsig ", b"gpgsig-sha256 ")


class Signed(NamedTuple):
    """`text` is the armoured signature, of whatever kind."""

    text: bytes
    payload: bytes


def parse(data: bytes) -> Signed | None:
    """Of a commit's bytes; None for a commit without a signature for SHA-1 objects."""
    head, blank, message = data.partition(b"\n\n")
    signature, kept = list[bytes](), list[bytes]()
    taking: list[bytes] | None = kept
    for line in head.split(b"\n"):
        if line.startswith(_HEADERS):
            taking = signature if line.startswith(_HEADERS[0]) else None
            line = line.partition(b" ")[2]
        elif not line.startswith(b" "):
            taking = kept
        elif taking is signature:
            line = line[1:]
        if taking is not None:
            taking.append(line)
    if not signature:
        return None
    return Signed(b"\n".join(signature), b"\n".join(kept) + blank + message)
