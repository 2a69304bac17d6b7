"""What git clients and servers say to one another, as bytes: packets, advertisements, commands, reports.

Pure functions over bytes; `upload` and `receive` run the conversations. Formats: git's `gitprotocol-common`,
`gitprotocol-pack`, `gitprotocol-v2`, `gitprotocol-http`. Everything a client can get wrong raises BadRequest.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from pioche.errors import BadRequest
from pioche.git.snapshot import Ref
from pioche.names import NULL_OID, Oid

AGENT = "agent=git/2.39-pioche"
FLUSH = b"0000"
DELIMITER = b"0001"

PACKET_BYTES_MAX = 65520  # the four digits of the length included
_BAND_BYTES_MAX = 65515  # what fits beside the length and the band's number
_OID = re.compile(rb"[0-9a-f]{40}\Z")
_PROTOCOL = re.compile(r"(?:\A|:)version=([012])(?:\Z|:)")

_UPLOAD_V0 = (
    "multi_ack thin-pack side-band side-band-64k ofs-delta shallow deepen-since deepen-not deepen-relative"
    " no-progress include-tag multi_ack_detailed no-done filter object-format=sha1"
)
_UPLOAD_V2 = ("version 2", AGENT, "ls-refs=unborn", "fetch=shallow wait-for-done filter", "object-format=sha1")
_RECEIVE = "report-status delete-refs side-band-64k quiet atomic ofs-delta object-format=sha1"


class Mark(Enum):
    """Packets without content."""

    FLUSH = 0
    DELIMITER = 1
    RESPONSE_END = 2


Packet = bytes | Mark


def packet(content: bytes | str) -> bytes:
    data = content.encode("utf-8", "surrogateescape") if isinstance(content, str) else content
    return b"%04x%s" % (len(data) + 4, data)


def band(number: int, data: bytes) -> Iterator[bytes]:
    """`data` in side-band packets: 1 is the answer itself, 2 is text for the person at the other end."""
    for start in range(0, len(data), _BAND_BYTES_MAX):
        yield packet(bytes([number]) + data[start : start + _BAND_BYTES_MAX])


def take_packet(buffer: bytes | bytearray, at: int = 0) -> tuple[Packet, int] | None:
    """The packet at `at` and where the next one begins; None while it is not all there. Raises BadRequest."""
    head = bytes(buffer[at : at + 4])
    if len(head) < 4:
        return None
    try:
        length = int(head, 16) if head.isalnum() else -1
    except ValueError:
        length = -1
    if length in (0, 1, 2):
        return Mark(length), at + 4
    if length < 4 or length > PACKET_BYTES_MAX:
        raise BadRequest(f"{head!r} is not the length of a git packet: four hex digits, 65520 at most")
    if len(buffer) < at + length:
        return None
    return bytes(buffer[at + 4 : at + length]), at + length


def packets(data: bytes) -> Iterator[Packet]:
    """All packets of a complete message. Raises BadRequest when it ends within one."""
    at = 0
    while at < len(data):
        taken = take_packet(data, at)
        if taken is None:
            raise BadRequest("The request ends in the middle of a git packet")
        content, at = taken
        yield content


def protocol_version(header: str) -> int:
    """From the `Git-Protocol` header: 2, 1 or 0."""
    return max((int(version) for version in _PROTOCOL.findall(header)), default=0)


# --- fetching -------------------------------------------------------------------------------------------------------


def capabilities() -> bytes:
    """What version 2 begins with. The refs are asked for later (`ls_refs`)."""
    return b"".join(packet(f"{line}\n") for line in _UPLOAD_V2) + FLUSH


def advertise_upload(refs: Iterable[Ref], head: str, version: int) -> bytes:
    """The answer to `info/refs?service=git-upload-pack`."""
    service = packet("# service=git-upload-pack\n") + FLUSH
    if version == 2:
        return service + capabilities()
    lines = list(_advertised(refs, head))
    symref = f" symref=HEAD:{head}" if lines and lines[0].endswith(" HEAD") else ""
    return service + _advertisement(lines, f"{_UPLOAD_V0}{symref} {AGENT}", version)


def advertise_receive(refs: Iterable[Ref]) -> bytes:
    """The answer to `info/refs?service=git-receive-pack`; pushing has no version 2."""
    return packet("# service=git-receive-pack\n") + FLUSH + receiving(refs)


def receiving(refs: Iterable[Ref]) -> bytes:
    """What a push is told first."""
    lines = [f"{ref.oid} {ref.name}" for ref in sorted(refs)]
    return _advertisement(lines, f"{_RECEIVE} {AGENT}", 0)


def _advertised(refs: Iterable[Ref], head: str) -> Iterator[str]:
    known = sorted(refs)
    yield from (f"{ref.oid} HEAD" for ref in known if ref.name == head)
    for ref in known:
        yield f"{ref.oid} {ref.name}"
        if ref.peeled:
            yield f"{ref.peeled} {ref.name}^{{}}"


def _advertisement(lines: Sequence[str], capabilities: str, version: int) -> bytes:
    first, rest = (lines[0], lines[1:]) if lines else (f"{NULL_OID} capabilities^{{}}", ())
    parts = [packet("version 1\n")] if version == 1 else []
    parts.append(packet(f"{first}\0{capabilities}\n"))
    parts += [packet(f"{line}\n") for line in rest]
    return b"".join(parts) + FLUSH


@dataclass(frozen=True, slots=True)
class Request:
    """A version 2 request: the command, what the client can do, and the command's arguments without line ends."""

    command: str
    capabilities: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()

    def values(self, key: str) -> list[str]:
        """What follows `key` in each argument that begins with it."""
        return [text.removeprefix(f"{key} ") for text in self.arguments if text.startswith(f"{key} ")]

    @property
    def wants(self) -> list[Oid]:
        """Raises BadRequest for a want that is not an object id."""
        return [parse_oid(text.encode("utf-8", "surrogateescape")) for text in self.values("want")]


def parse_request(body: bytes) -> Request | None:
    """One version 2 request; None for an empty one (a lone flush). Raises BadRequest."""
    before: list[str] = []
    after: list[str] = []
    lines = before
    for content in packets(body):
        if content is Mark.FLUSH:
            break
        if content is Mark.DELIMITER:
            lines = after
        elif isinstance(content, bytes):
            lines.append(content.removesuffix(b"\n").decode("utf-8", "surrogateescape"))
    if not before:
        return None
    if not before[0].startswith("command="):
        raise BadRequest("A git protocol 2 request begins with command=...")
    return Request(before[0].removeprefix("command="), tuple(before[1:]), tuple(after))


def ls_refs(request: Request, refs: Iterable[Ref], head: str) -> bytes:
    """The answer to `command=ls-refs`, from the refs alone: no git is started."""
    flags = set(request.arguments)
    prefixes = tuple(request.values("ref-prefix"))
    known = sorted(refs)
    lines = list(_head_line(known, head, flags))
    for ref in known:
        peeled = f" peeled:{ref.peeled}" if ref.peeled and "peel" in flags else ""
        lines.append(f"{ref.oid} {ref.name}{peeled}")
    chosen = [line for line in lines if not prefixes or line.split(" ")[1].startswith(prefixes)]
    return b"".join(packet(f"{line}\n") for line in chosen) + FLUSH


def _head_line(refs: Sequence[Ref], head: str, flags: set[str]) -> Iterator[str]:
    """HEAD first; of a repo without commits only the name of the branch to come, when the client can read that."""
    symref = f" symref-target:{head}" if "symrefs" in flags else ""
    tip = next((ref for ref in refs if ref.name == head), None)
    if tip is not None:
        yield f"{tip.oid} HEAD{symref}"
    elif "unborn" in flags:
        yield f"unborn HEAD{symref}"


def refusal(message: str) -> bytes:
    """An error that git prints as `fatal: remote error: ...`."""
    return packet(f"ERR {message}")


# --- pushing --------------------------------------------------------------------------------------------------------


class Command(NamedTuple):
    """One ref that a push wants moved; a null id stands for "absent"."""

    ref: str
    old: Oid
    new: Oid

    @property
    def creates(self) -> bool:
        return self.old == NULL_OID

    @property
    def deletes(self) -> bool:
        return self.new == NULL_OID


@dataclass(frozen=True, slots=True)
class Commands:
    """What a push asks for, before its pack."""

    commands: tuple[Command, ...]
    capabilities: frozenset[str]

    @property
    def has_pack(self) -> bool:
        """A push that only deletes sends no pack."""
        return any(not command.deletes for command in self.commands)


def parse_commands(lines: Sequence[bytes]) -> Commands:
    """From the packets before the first flush. Raises BadRequest; names of refs are the caller's to judge."""
    commands: list[Command] = []
    capabilities: frozenset[str] = frozenset()
    for line in lines:
        text, nul, options = line.partition(b"\0")
        if nul and not capabilities:
            capabilities = frozenset(options.decode("utf-8", "replace").split())
        if text.startswith(b"shallow "):
            parse_oid(text[8:].strip())
        elif text.startswith(b"push-cert"):
            raise BadRequest("Signed pushes are not offered by this server")
        else:
            commands.append(_parse_command(text.removesuffix(b"\n")))
    if len({command.ref for command in commands}) != len(commands):
        raise BadRequest("A ref stands twice among the commands of this push")
    if "object-format=sha256" in capabilities:
        raise BadRequest("This repo's object format is sha1")
    return Commands(tuple(commands), capabilities)


def _parse_command(line: bytes) -> Command:
    parts = line.split(b" ", 2)
    if len(parts) != 3 or not parts[2]:
        raise BadRequest("A push command is `old-id new-id ref`")
    name = parts[2].decode("utf-8", "surrogateescape")
    command = Command(name, parse_oid(parts[0]), parse_oid(parts[1]))
    if command.creates and command.deletes:
        raise BadRequest(f"The command for {name[:100]!r} asks for nothing: both ids are null")
    return command


def parse_oid(data: bytes) -> Oid:
    if not _OID.match(data):
        raise BadRequest(f"{data[:60]!r} is not an object id: 40 lower-case hex digits are expected")
    return Oid(data.decode())


@dataclass(frozen=True, slots=True)
class Report:
    """What became of a push: `unpack` is None when the objects were taken, `refused` gives a reason by ref."""

    unpack: str | None = None
    refused: dict[str, str] = field(default_factory=dict)
    messages: tuple[str, ...] = ()
    """Lines for the person who pushes; git shows each after `remote: `."""


def render_report(commands: Commands, report: Report) -> bytes:
    """The body of the answer to a push, in the form the client asked for."""
    if "report-status" not in commands.capabilities:
        status = b""
    else:
        lines = [f"unpack {_one_line(report.unpack or 'ok')}\n"]
        for command in commands.commands:
            reason = report.refused.get(command.ref)
            lines.append(f"ok {command.ref}\n" if reason is None else f"ng {command.ref} {_one_line(reason)}\n")
        status = b"".join(packet(line) for line in lines) + FLUSH
    if "side-band-64k" not in commands.capabilities:
        return status
    text = "".join(f"{_one_line(line)}\n" for line in report.messages)
    return b"".join([*band(2, text.encode("utf-8", "replace")), *band(1, status), FLUSH])


def _one_line(text: str) -> str:
    """Control characters would reach the terminal of whoever pushes."""
    return "".join(char if char.isprintable() else "?" for char in text)
