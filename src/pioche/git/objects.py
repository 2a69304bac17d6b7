"""Git's object formats: commits, trees and tags as values, and back to bytes.

Parsers raise BadObject for bytes that are not what they claim to be. Dates are clamped to what a calendar can show,
since git itself accepts any number.
"""

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from pioche.errors import Corrupt
from pioche.names import Oid

MODE_FILE = 0o100644
MODE_EXECUTABLE = 0o100755
MODE_LINK = 0o120000
MODE_TREE = 0o040000
MODE_GITLINK = 0o160000

NewObject = tuple[str, bytes]
"""An object to be stored: its kind (commit, tree, blob, tag) and its bytes without git's header."""


class StoredBlob(Protocol):
    """A blob that waits outside of memory; whoever put it there has computed its id. `size` in bytes."""

    @property
    def oid(self) -> Oid: ...

    @property
    def size(self) -> int: ...

    def read(self) -> bytes:
        """All of it. Raises Unavailable."""
        ...


AnyObject = NewObject | StoredBlob
"""An object to be stored, in memory or not."""

KINDS = ("commit", "tree", "blob", "tag")
EMPTY_TREE = Oid("4b825dc642cb6eb9a060e54bf8d69288fbee4904")

_SECONDS_MAX = 253_402_300_799  # 9999-12-31T23:59:59Z
_MINUTES_MAX = 24 * 60 - 1
_OID = re.compile(rb"[0-9a-f]{40}\Z")
_PERSON = re.compile(rb"(?P<name>[^<>]*)<(?P<email>[^<>]*)>(?: (?P<at>-?\d{1,20})(?: (?P<zone>[+-]\d{4,9}))?)?")
# Encodings that a commit may declare and that are safe and quick to decode; any other is read as UTF-8.
_ENCODINGS = frozenset(
    "cp1252 euc-jp gb18030 gbk iso-8859-1 iso-8859-15 iso-8859-2 koi8-r latin1 shift_jis windows-1251".split()
)


class ObjectMissing(Corrupt, KeyError):
    """No object of this id in the repo. Where it was not the caller who named it, the repo has lost a part (J2)."""

    def __init__(self, oid: str) -> None:
        super().__init__(f"The git object {oid} is missing")
        self.oid = oid

    def __str__(self) -> str:
        return self.message


class BadObject(ValueError):
    """Bytes that are not an object of the kind they claim to be."""


@dataclass(frozen=True, slots=True)
class Signature:
    """Who and when: `at` in unix seconds, `offset` from UTC in minutes."""

    name: str
    email: str
    at: int
    offset: int = 0

    def encode(self) -> bytes:
        """As it stands in a commit; characters that would end the field early are left out, as git does."""
        name, email = _person_field(self.name) or "unknown", _person_field(self.email)
        sign, minutes = ("-" if self.offset < 0 else "+"), abs(self.offset)
        zone = f"{sign}{minutes // 60:02d}{minutes % 60:02d}"
        return f"{name} <{email}> {max(self.at, 0)} {zone}".encode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class Commit:
    oid: Oid
    tree: Oid
    parents: tuple[Oid, ...]
    author: Signature
    committer: Signature
    message: str
    is_signed: bool = False
    """It carries a signature; what that is worth is asked of `repos.signatures`."""

    @property
    def title(self) -> str:
        """The first line of the message."""
        return self.message.lstrip("\n").partition("\n")[0].strip()

    @property
    def body(self) -> str:
        """What follows the first line, without the blank lines around it."""
        return self.message.lstrip("\n").partition("\n")[2].strip("\n")


class TreeEntry(NamedTuple):
    mode: int
    name: str
    oid: Oid

    @property
    def is_tree(self) -> bool:
        return self.mode == MODE_TREE


@dataclass(frozen=True, slots=True)
class Tag:
    """An annotated tag; `kind` is the kind of its `target`. Very old tags have no tagger."""

    oid: Oid
    target: Oid
    kind: str
    name: str
    tagger: Signature | None
    message: str


def object_id(kind: str, data: bytes) -> Oid:
    digest = hashlib.sha1(f"{kind} {len(data)}\0".encode(), usedforsecurity=False)
    digest.update(data)
    return Oid(digest.hexdigest())


# --- commits and tags ------------------------------------------------------------------------------------------------


def parse_commit(oid: Oid, data: bytes) -> Commit:
    fields, message = _headers(data)
    if "tree" not in fields or "author" not in fields or "committer" not in fields:
        raise BadObject(f"commit {oid} lacks a tree, an author or a committer")
    return Commit(
        oid,
        _parse_oid(fields["tree"][0]),
        tuple(_parse_oid(parent) for parent in fields.get("parent", ())),
        parse_signature(fields["author"][0]),
        parse_signature(fields["committer"][0]),
        _decode(message, fields),
        "gpgsig" in fields or "gpgsig-sha256" in fields,
    )


def build_commit(tree: Oid, parents: Sequence[Oid], author: Signature, committer: Signature, message: str) -> bytes:
    """NUL characters are left out of the message: git refuses them."""
    lines = [f"tree {tree}".encode(), *(f"parent {parent}".encode() for parent in parents)]
    lines += [b"author " + author.encode(), b"committer " + committer.encode(), b""]
    return b"\n".join([*lines, _message(message)])


def parse_tag(oid: Oid, data: bytes) -> Tag:
    fields, message = _headers(data)
    kind = fields.get("type", [b""])[0].decode("ascii", "replace")
    if "object" not in fields or "tag" not in fields or kind not in KINDS:
        raise BadObject(f"tag {oid} lacks an object, a type or a name")
    tagger = parse_signature(fields["tagger"][0]) if "tagger" in fields else None
    name = fields["tag"][0].decode("utf-8", "replace")
    return Tag(oid, _parse_oid(fields["object"][0]), kind, name, tagger, _decode(message, fields))


def build_tag(target: Oid, kind: str, name: str, tagger: Signature, message: str) -> bytes:
    lines = [f"object {target}\ntype {kind}\ntag {name}".encode(), b"tagger " + tagger.encode(), b""]
    return b"\n".join([*lines, _message(message)])


def parse_signature(data: bytes) -> Signature:
    """Lenient, because history written by odd tools must stay readable: a missing or absurd date becomes 0."""
    match = _PERSON.match(data)
    if match is None:
        return Signature(data.decode("utf-8", "replace").strip(), "", 0)
    at = min(max(int(match["at"] or 0), 0), _SECONDS_MAX)
    name, email = (match[field].decode("utf-8", "replace").strip() for field in ("name", "email"))
    return Signature(name, email, at, _zone_minutes(match["zone"] or b"+0000"))


def _zone_minutes(zone: bytes) -> int:
    amount = int(zone[1:])
    minutes = min(amount // 100 * 60 + amount % 100, _MINUTES_MAX)
    return -minutes if zone.startswith(b"-") else minutes


def _headers(data: bytes) -> tuple[dict[str, list[bytes]], bytes]:
    """The header fields of a commit or tag, in order, and the message. Continuation lines (signatures) are skipped."""
    head, _, message = data.partition(b"\n\n")
    fields: dict[str, list[bytes]] = {}
    for line in head.split(b"\n"):
        if line.startswith(b" "):
            continue
        key, _, value = line.partition(b" ")
        fields.setdefault(key.decode("ascii", "replace"), []).append(value)
    return fields, message


def _decode(message: bytes, fields: dict[str, list[bytes]]) -> str:
    declared = fields.get("encoding", [b""])[0].decode("ascii", "replace").lower()
    try:
        return message.decode("utf-8")
    except UnicodeDecodeError:
        return message.decode(declared if declared in _ENCODINGS else "utf-8", "replace")


def _message(text: str) -> bytes:
    return text.replace("\0", "").encode("utf-8", "replace")


def _person_field(text: str) -> str:
    return re.sub(r"[<>\x00-\x1f\x7f]+", " ", text).strip(" .,:;\"'")


def _parse_oid(data: bytes) -> Oid:
    if not _OID.match(data):
        raise BadObject(f"{data[:60]!r} is not an object id")
    return Oid(data.decode())


# --- trees -----------------------------------------------------------------------------------------------------------


def parse_tree(data: bytes) -> list[TreeEntry]:
    """In the order in which they stand, which is git's sort order in a valid tree."""
    entries: list[TreeEntry] = []
    at, end = 0, len(data)
    try:
        while at < end:
            nul = data.index(b"\0", at)
            mode, _, name = data[at:nul].partition(b" ")
            at = nul + 21
            oid = Oid(data[nul + 1 : at].hex())
            entries.append(TreeEntry(int(mode, 8), name.decode("utf-8", "surrogateescape"), oid))
    except ValueError:
        raise BadObject("a tree entry is cut short or has no mode") from None
    if at != end:
        raise BadObject("a tree is cut short")
    return entries


def build_tree(entries: Iterable[TreeEntry]) -> bytes:
    """Sorts as git does: by bytes, a folder as if its name ended in a slash. Raises BadObject for a doubtful name."""
    rows: list[tuple[bytes, bytes]] = []
    seen: set[str] = set()
    for mode, name, oid in entries:
        encoded = name.encode("utf-8", "surrogateescape")
        if not encoded or b"/" in encoded or b"\0" in encoded or name in seen:
            raise BadObject(f"{name!r} cannot be an entry of a tree here: it is empty, has a slash, or stands twice")
        seen.add(name)
        key = encoded + b"/" if mode == MODE_TREE else encoded
        rows.append((key, b"%o %s\0%s" % (mode, encoded, bytes.fromhex(oid))))
    return b"".join(row for _, row in sorted(rows))
