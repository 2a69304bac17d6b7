"""The hashes of Xet: keyed BLAKE3 over chunks, trees, ranges (xet.md sections 2 to 4).

A hash is 32 raw bytes everywhere inside the hub; its text form exists only in URLs, headers, JSON and inside trees.
Lists of hashes travel packed: n hashes are one `bytes` of 32 * n.
"""

import re
import struct
from collections.abc import Iterable

from blake3 import blake3

from pioche.errors import BadRequest
from pioche.names import Sha256

HASH_BYTES = 32
EMPTY = bytes(HASH_BYTES)
"""The hash of an empty tree and of an empty file."""

_DATA_KEY = bytes.fromhex("6697f5775b9550de3135cbaca597181c9de421109beb2b58b4d0b04b93adf229")
_NODE_KEY = bytes.fromhex("017ec5c7a5472996fd946666b48a02e65ddd536f37c76dd2f86352e64a53713f")
_VERIFY_KEY = bytes.fromhex("7f1857d6ce56ed66127ff913e7a5c3f3a4cd26d5b5db49e64124987f28fb94c3")
_ZERO_KEY = bytes(32)

_WORDS = struct.Struct("<4Q")
Words = tuple[int, ...]
_TEXT = re.compile(r"[0-9a-f]{64}\Z")
_GROUP_MAX = 9
_GROUP_MIN = 3


def to_text(raw: bytes) -> str:
    """The string form: four little-endian 64-bit words, each printed as 16 hex digits. Not the plain hex."""
    a, b, c, d = _WORDS.unpack(raw)
    return f"{a:016x}{b:016x}{c:016x}{d:016x}"


def from_text(text: str) -> bytes:
    """Raises BadRequest unless `text` is 64 lower-case hex digits."""
    if not _TEXT.match(text):
        raise BadRequest(f"{text[:80]!r} is not a Xet hash: 64 lower-case hex digits are expected")
    return _WORDS.pack(*(int(text[i : i + 16], 16) for i in range(0, 64, 16)))


def sha256_of_record(raw: bytes) -> Sha256:
    """The ordinary sha256 of a shard's record: the client writes it as if its hex were a Xet hash string."""
    return Sha256(to_text(raw))


def record_of_sha256(sha256: Sha256) -> bytes:
    """The inverse of `sha256_of_record`."""
    return from_text(sha256)


def modulo(raw: bytes, divisor: int) -> int:
    """`h mod n` of the protocol: the last eight raw bytes as a little-endian number."""
    return int.from_bytes(raw[24:], "little") % divisor


def keyed(raw: bytes, key: bytes) -> bytes:
    """What Xet documents call HMAC: BLAKE3 of the hash under `key` (32 bytes)."""
    return blake3(raw, key=key).digest()


def chunk_hash(data: bytes | memoryview) -> bytes:
    return blake3(data, key=_DATA_KEY).digest()


def range_hash(hashes: bytes | memoryview) -> bytes:
    """Over the packed chunk hashes of a term: who can compute it knows those chunks."""
    return blake3(hashes, key=_VERIFY_KEY).digest()


class Tree:
    """The Merkle tree of (chunk hash, length) pairs, built as they come; it holds a few nodes per level only."""

    def __init__(self) -> None:
        self._levels = [_Level()]

    def add(self, hashes: bytes | memoryview, lengths: Iterable[int]) -> None:
        """Appends the chunks of packed `hashes`, whose raw lengths in bytes are `lengths`."""
        for words, length in zip(_WORDS.iter_unpack(hashes), lengths, strict=True):
            self._put(0, words, length)

    def root(self) -> bytes:
        """The hash of everything added; nothing may be added afterwards."""
        at = 0
        while self._levels[at].count > 1:
            if self._levels[at].lines:
                self._close(at)
            at += 1
        return _WORDS.pack(*self._levels[at].last)

    def _put(self, at: int, words: Words, length: int) -> None:
        level = self._levels[at]
        level.count += 1
        level.last = words
        a, b, c, d = words
        level.lines.append(f"{a:016x}{b:016x}{c:016x}{d:016x} : {length}\n")
        level.length += length
        size = len(level.lines)
        if size == _GROUP_MAX or (size >= _GROUP_MIN and not words[3] % 4):
            self._close(at)

    def _close(self, at: int) -> None:
        """Turns the waiting nodes of a level into one node of the next."""
        level = self._levels[at]
        digest = blake3("".join(level.lines).encode(), key=_NODE_KEY).digest()
        length = level.length
        level.lines.clear()
        level.length = 0
        if len(self._levels) == at + 1:
            self._levels.append(_Level())
        self._put(at + 1, _WORDS.unpack(digest), length)


class _Level:
    """The nodes of one height that wait for their group to be full."""

    __slots__ = ("count", "last", "length", "lines")

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.length = 0
        self.count = 0
        self.last: Words = (0, 0, 0, 0)


def xorb_hash(hashes: bytes, lengths: Iterable[int]) -> bytes:
    """The name of a xorb: the tree over its chunks."""
    tree = Tree()
    tree.add(hashes, lengths)
    return tree.root()


def file_hash(tree: Tree) -> bytes:
    """The name of a file, from the tree over its chunks. An empty file is named by 32 zero bytes, not hashed."""
    root = tree.root()
    return root if root == EMPTY else keyed(root, _ZERO_KEY)
