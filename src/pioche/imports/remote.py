"""The other side's git, over smart HTTP: which refs there are, and one pack with all that they lead to.

Spoken by ourselves (git's `gitprotocol-http`, `gitprotocol-v2`; the older protocol where a server knows no other), since the
git program would resolve names and follow redirects as it likes. What comes is only stored here: git's own check of it is
`taking`'s, without a network.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pioche.errors import BadRequest, TooLarge, Unprocessable, Unreachable
from pioche.git.wire import DELIMITER, FLUSH, Mark, Packet, packet, take_packet
from pioche.names import HEX40, Oid
from pioche.outbound.streams import Stream, Streams
from pioche.storage.disk import translated

REFS_MAX = 10_000
_ADVERTISEMENT_BYTES_MAX = 16 * 2**20
_AGENT = "agent=git/pioche"
_SERVICE = "git-upload-pack"
_SHOWN_CHARACTERS_MAX = 300
_DATA, _MESSAGE, _ERROR = 1, 2, 3
"""Bands (`gitprotocol-pack`, "Packfile Data")."""

Told = Callable[[int], None]
"""Called with the number of bytes that came."""


class SourceRefused(Unprocessable):
    """The other side said no, or what it says cannot be used; trying the same again would change nothing."""


@dataclass(frozen=True, slots=True)
class RemoteRef:
    """`target` is what the ref names, a tag object perhaps."""

    name: str
    target: Oid


@dataclass(frozen=True, slots=True)
class Advertised:
    """`head` is the default branch's full name, empty where the other side names none. `version` of the protocol."""

    refs: tuple[RemoteRef, ...]
    head: str
    version: int


class Remote:
    """One repo of another server. `authorization` is the header's value, or empty."""

    def __init__(self, streams: Streams, url: str, authorization: str = "") -> None:
        self._streams = streams
        self._headers = {"Authorization": authorization} if authorization else {}
        self.url = url
        """Where it is; after `advertised`, without the redirects that led there."""

    def advertised(self) -> Advertised:
        """Branches, tags and the default branch. Raises SourceRefused, Unreachable, ForbiddenAddress."""
        asked = f"{self.url}/info/refs?service={_SERVICE}"
        with self._streams.get(asked, {**self._headers, "Git-Protocol": "version=2"}) as answer:
            _check(answer, has_token=bool(self._headers))
            if answer.headers.get("content-type", "").partition(";")[0] != f"application/x-{_SERVICE}-advertisement":
                raise SourceRefused("There is no git repo at this address that can be cloned over http")
            found = list(_packets(answer.pieces(_ADVERTISEMENT_BYTES_MAX)))
        self._follow(answer.url)
        lines = [line.removesuffix(b"\n") for line in found if isinstance(line, bytes) and not line.startswith(b"# ")]
        if b"version 2" in lines:
            return self._listed()
        return _of_first_version(lines)

    def _follow(self, final_url: str) -> None:
        """As git does: what follows goes to where the first answer came from. Another host is not told the token."""
        base = final_url.removesuffix(f"/info/refs?service={_SERVICE}")
        if base == final_url:
            raise SourceRefused("The other side redirects git to an address that is not a repo's")
        if _origin(base) != _origin(self.url):
            self._headers = {}
        self.url = base

    def _listed(self) -> Advertised:
        ask = [packet("command=ls-refs\n"), packet(_AGENT), DELIMITER, packet("symrefs\n")]
        ask += [packet(f"ref-prefix {prefix}\n") for prefix in ("HEAD", "refs/heads/", "refs/tags/")]
        refs, head = list[RemoteRef](), ""
        with self._asked(b"".join(ask) + FLUSH, version=2) as answer:
            for line in _packets(answer.pieces(_ADVERTISEMENT_BYTES_MAX)):
                if not isinstance(line, bytes):
                    continue
                oid, _, rest = line.removesuffix(b"\n").decode("utf-8", "surrogateescape").partition(" ")
                name, *attributes = rest.split(" ")
                if name == "HEAD":
                    head = next((a.partition(":")[2] for a in attributes if a.startswith("symref-target:")), "")
                elif oid != "unborn":
                    refs.append(RemoteRef(name, _oid(oid)))
                _check_count(refs)
        return Advertised(tuple(refs), head, 2)

    def fetch(self, wants: Sequence[Oid], version: int, into: Path, bytes_max: int, told: Told) -> None:
        """Stores one pack with all that `wants` lead to. Raises SourceRefused, TooLarge, Unreachable, OutOfSpace."""
        if version == 2:
            lines = [
                packet("command=fetch\n"),
                packet(_AGENT),
                DELIMITER,
                packet("ofs-delta\n"),
                packet("no-progress\n"),
            ]
            body = b"".join([*lines, *(packet(f"want {oid}\n") for oid in wants), packet("done\n"), FLUSH])
        else:
            first, *others = wants
            asked = [packet(f"want {first} side-band-64k ofs-delta no-progress {_AGENT}\n")]
            asked += [packet(f"want {oid}\n") for oid in others]
            body = b"".join([*asked, FLUSH, packet("done\n")])
        with self._asked(body, version=version) as answer, translated(), into.open("wb") as file:
            limit = bytes_max + bytes_max // 100 + 2**20  # packets have heads
            for data in _pack(_packets(answer.pieces(limit))):
                file.write(data)
                told(len(data))
            if file.tell() > bytes_max:
                raise TooLarge(f"The history has more than {bytes_max} bytes (the setting push_bytes_max)")

    @contextmanager
    def _asked(self, body: bytes, *, version: int) -> Iterator[Stream]:
        headers = {"Content-Type": f"application/x-{_SERVICE}-request", "Accept": f"application/x-{_SERVICE}-result"}
        if version == 2:
            headers["Git-Protocol"] = "version=2"
        with self._streams.post(f"{self.url}/{_SERVICE}", body, {**headers, **self._headers}) as answer:
            _check(answer, has_token=bool(self._headers))
            yield answer


# --- what comes back ------------------------------------------------------------------------------------------------


def _check(answer: Stream, *, has_token: bool) -> None:
    """Raises SourceRefused with what is to be done, Unreachable for what may pass."""
    if answer.status == 200:
        return
    refuse(answer.status, _shown(answer.beginning()), has_token=has_token)


def refuse(status: int, said: str, *, has_token: bool) -> None:
    """Raises what an answer that is no success means, here and of large files."""
    if status in (401, 403) and has_token:
        raise SourceRefused(f"The other side does not accept the token ({status}): give one that may read this repo")
    if status in (401, 403, 404):
        advice = "" if has_token else "; if it is private, give a token that may read it"
        raise SourceRefused(
            f"The other side has no such repo, or does not show it ({status}): check the address{advice}"
        )
    if status == 429 or status >= 500:
        raise Unreachable(f"The other side is busy or out of order ({status}) {said}".rstrip())
    raise SourceRefused(f"The other side answered with status {status} {said}".rstrip())


def _packets(pieces: Iterator[bytes]) -> Iterator[Packet]:
    """Raises SourceRefused for what is no git packet."""
    buffer, at = bytearray(), 0
    for piece in pieces:
        buffer += piece
        try:
            while (taken := take_packet(buffer, at)) is not None:
                content, at = taken
                if isinstance(content, bytes) and content.startswith(b"ERR "):
                    raise SourceRefused(f"The other side's git says: {_shown(content[4:])}")
                yield content
        except BadRequest:
            raise SourceRefused("What the other side answers is not git's protocol") from None
        del buffer[:at]
        at = 0
    if buffer:
        raise SourceRefused("The other side's git broke off in the middle")


def _pack(packets: Iterator[Packet]) -> Iterator[bytes]:
    """The pack in what follows a request for it: on band 1, after the other sections."""
    is_pack = False
    for content in packets:
        if isinstance(content, Mark):
            continue
        if content in (b"packfile\n", b"NAK\n", b"packfile", b"NAK"):
            is_pack = True
        elif is_pack and content[:1] == bytes([_DATA]):
            yield content[1:]
        elif is_pack and content[:1] == bytes([_ERROR]):
            raise SourceRefused(f"The other side's git says: {_shown(content[1:])}")
    if not is_pack:
        raise SourceRefused("The other side's git sent no pack")


def _of_first_version(lines: Sequence[bytes]) -> Advertised:
    """`oid name`, the first with its capabilities behind a NUL (`gitprotocol-pack`, "Reference Discovery")."""
    refs, head = list[RemoteRef](), ""
    for number, line in enumerate(lines):
        text, _, capabilities = line.decode("utf-8", "surrogateescape").partition("\0")
        if number == 0 and capabilities:
            if "side-band-64k" not in capabilities.split():
                raise SourceRefused("The other side's git is too old to be read")
            found = re.search(r"(?:\A| )symref=HEAD:(\S+)", capabilities)
            head = found[1] if found else ""
        oid, _, name = text.partition(" ")
        if name.startswith(("refs/heads/", "refs/tags/")) and not name.endswith("^{}"):
            refs.append(RemoteRef(name, _oid(oid)))
        _check_count(refs)
    return Advertised(tuple(refs), head, 0)


def _oid(text: str) -> Oid:
    if not HEX40.match(text):
        raise SourceRefused("The other side's repo does not use sha1: its objects cannot be taken")
    return Oid(text)


def _check_count(refs: Sequence[RemoteRef]) -> None:
    if len(refs) > REFS_MAX:
        raise SourceRefused(f"The other side's repo has more than {REFS_MAX} branches and tags: name one revision")


def _origin(url: str) -> str:
    return "/".join(url.split("/", 3)[:3])


def _shown(data: bytes) -> str:
    """A beginning of what the other side says, on one line; of a page nothing."""
    text = " ".join(data.decode("utf-8", "replace").split())
    if text.startswith("<"):
        return ""
    return "".join(char if char.isprintable() else "?" for char in text)[:_SHOWN_CHARACTERS_MAX]
