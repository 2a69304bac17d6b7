"""Taking a pushed pack: into a quarantine, checked there by git, and only then moved into the repo.

A quarantine is a throw-away git directory (see `snapshot`): what is refused disappears with it. The pack's size and
object count are capped before git sees it, git's memory and processor time while it works.
"""

import asyncio
import contextlib
import re
import struct
import subprocess
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, NamedTuple

from pioche.errors import BadRequest, TooLarge, Unavailable, Unprocessable
from pioche.git import program
from pioche.git.history import Objects
from pioche.git.snapshot import Snapshot
from pioche.git.upload import stop, tell
from pioche.git.wire import Commands, Mark, parse_commands, take_packet
from pioche.names import Oid

COMMANDS_MAX = 10_000
OBJECTS_MAX = 500_000

_COMMAND_BYTES_MAX = 4 * 2**20
_MEMORY_BYTES_MAX = 2**30
_CPU_SECONDS_MAX = 600
_CHECK_TIMEOUT_S = 600
_PACK_HEADER = struct.Struct(">4sLL")
_NAME = re.compile(rb"pack\t([0-9a-f]{40})")
_CHECK_FORMAT = "%(objectname) %(objecttype) %(objectsize) %(rest)"


class PackRefused(Unprocessable):
    """The pack is broken, holds objects that git calls unsafe, or is too large; the message says which."""


class Disconnected(Unprocessable):
    """The push names objects that neither the pack nor the repo has."""

    def __init__(self) -> None:
        super().__init__("missing necessary objects")


class Incoming(NamedTuple):
    """A new object: `path` is one place where it stands, empty for commits and root trees."""

    oid: Oid
    kind: str
    size: int
    path: str


class Body:
    """The body of a push as a stream: first packets, then raw bytes. Raises TooLarge past `limit_bytes`.

    `ends_with_pack`: nobody says where it ends but the pack itself. Over SSH a client may wait for its answer with its side
    left open (libgit2 does), and waiting for its end would be waiting for ever.
    """

    def __init__(self, pieces: AsyncIterator[bytes], limit_bytes: int, *, ends_with_pack: bool = False) -> None:
        self.ends_with_pack = ends_with_pack
        self._pieces = pieces
        self._buffer = bytearray()
        self._left = limit_bytes
        self._limit = limit_bytes

    async def commands(self) -> Commands | None:
        """Everything up to the flush; None for the lone flush that git sends to try its credentials."""
        lines: list[bytes] = []
        at = 0
        while True:
            taken = take_packet(self._buffer, at)
            if taken is None:
                if at > _COMMAND_BYTES_MAX or not await self._more():
                    raise BadRequest("The push ends in the middle of its commands, or has too many")
                continue
            content, at = taken
            if content is Mark.FLUSH:
                break
            if isinstance(content, bytes):
                lines.append(content)
            if len(lines) > COMMANDS_MAX:
                raise BadRequest(f"A push may move at most {COMMANDS_MAX} refs at once")
        del self._buffer[:at]
        return parse_commands(lines) if lines else None

    async def head(self, size: int) -> bytes:
        """The next `size` bytes, which stay in the stream; fewer at its end."""
        while len(self._buffer) < size and await self._more():
            continue
        return bytes(self._buffer[:size])

    async def rest(self) -> AsyncIterator[bytes]:
        while self._buffer or await self._more():
            piece = bytes(self._buffer)
            self._buffer.clear()
            yield piece

    async def drain(self) -> None:
        """Reads what is left, so that the client gets to hear why its push was refused."""
        async for _ in self.rest():
            continue

    async def _more(self) -> bool:
        piece = await anext(self._pieces, None)
        if piece is None:
            return False
        self._left -= len(piece)
        if self._left < 0:
            raise TooLarge(f"A push may have at most {self._limit} bytes; send several, or use LFS for large files")
        self._buffer += piece
        return True


class Quarantine:
    """One push on its way in. The snapshot is open, with the refs that the repo has now."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.path = snapshot.path
        self._snapshot = snapshot
        self._pack: Path | None = None
        self._objects: Objects | None = None

    @property
    def objects(self) -> Objects:
        """The repo's objects and the new ones together."""
        if self._objects is None:
            self._objects = Objects(self.path, {}, scratch=self.path)
        return self._objects

    @property
    def packs(self) -> list[Path]:
        """What `GitStore.adopt` is to move."""
        return [self._pack] if self._pack else []

    async def take(self, body: Body, limit_bytes: int) -> None:
        """Stores and checks the pack that follows in `body`. Raises PackRefused, TooLarge, BadRequest, OutOfSpace."""
        header = await body.head(_PACK_HEADER.size)
        if len(header) < _PACK_HEADER.size:
            raise BadRequest("The push has no pack after its commands")
        magic, version, count = _PACK_HEADER.unpack(header)
        if magic != b"PACK" or version not in (2, 3):
            raise BadRequest("What follows the commands is not a git pack of version 2 or 3")
        if count > OBJECTS_MAX:
            await body.drain()
            raise PackRefused(f"the pack holds {count} objects; at most {OBJECTS_MAX} are taken in one push")
        if count == 0:
            if not body.ends_with_pack:
                await body.drain()
            return
        self._pack = await self._index(body, limit_bytes)

    async def _index(self, body: Body, limit_bytes: int) -> Path:
        arguments = ["index-pack", "--stdin", "--fix-thin", "--strict", f"--max-input-size={limit_bytes}"]
        process = await asyncio.create_subprocess_exec(
            *program.command(self.path, arguments),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=program.environment(),
        )
        try:
            # A delta of a few bytes can unfold to gigabytes: git then runs out of its share, and only git.
            program.limit(process.pid, memory_bytes=_MEMORY_BYTES_MAX, cpu_seconds=_CPU_SECONDS_MAX)
            answer, complaint, _ = await asyncio.gather(
                _first(process.stdout), _first(process.stderr), _feed_pack(process, body)
            )
            await process.wait()
        finally:
            await stop(process)
        named = _NAME.match(answer)
        if process.returncode or named is None:
            raise program.fault(complaint, stored=False) or PackRefused(_reason(complaint))
        return self.path / "objects" / "pack" / f"pack-{named[1].decode()}.pack"

    def new_objects(self, tips: Sequence[Oid]) -> Iterator[Incoming]:
        """Every object that is reachable from `tips` and from no ref, commits included. Raises Disconnected.

        Goes through files beside the pack, not memory: a push may bring a million objects.
        """
        listing, checked = self.path / "new-objects", self.path / "new-objects-checked"
        stdin = "".join(f"{tip}\n" for tip in tips).encode()
        if self._run(["rev-list", "--objects", "--stdin", "--not", "--all"], stdin, listing):
            raise Disconnected
        if self._run(["cat-file", f"--batch-check={_CHECK_FORMAT}", "--buffer"], listing, checked):
            raise Unavailable("the pushed objects could not be read back")
        with checked.open("rb") as lines:
            for line in lines:
                oid, kind, size, path = line.rstrip(b"\n").split(b" ", 3)
                yield Incoming(Oid(oid.decode()), kind.decode(), int(size), path.decode("utf-8", "surrogateescape"))

    def contents(self, oids: Iterable[Oid], first_bytes: int) -> Iterator[tuple[Oid, bytes]]:
        """Each object's first bytes, in the order asked, streamed from one git process."""
        wanted = self.path / "wanted"
        wanted.write_text("".join(f"{oid}\n" for oid in oids), "ascii")
        with (
            wanted.open("rb") as stdin,
            subprocess.Popen(
                program.command(self.path, ["cat-file", "--batch", "--buffer"]),
                stdin=stdin,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=program.environment(),
            ) as process,
        ):
            try:
                yield from _batch(process.stdout, first_bytes) if process.stdout else ()
            finally:
                process.kill()

    def _run(self, arguments: Sequence[str], stdin: bytes | Path, stdout: Path) -> int:
        source = self.path / "stdin"
        if isinstance(stdin, bytes):
            source.write_bytes(stdin)
        else:
            source = stdin
        return program.to_file(self.path, arguments, source, stdout, timeout_s=_CHECK_TIMEOUT_S)


async def _feed_pack(process: asyncio.subprocess.Process, body: Body) -> None:
    feeding = asyncio.create_task(_feed(process.stdin, body))
    try:
        if body.ends_with_pack:
            ended = asyncio.create_task(process.wait())
            try:
                await asyncio.wait((feeding, ended), return_when=asyncio.FIRST_COMPLETED)
            finally:
                ended.cancel()
            if process.returncode == 0:  # git has the whole pack: it asks for no end of file
                return
        await feeding
    finally:
        feeding.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await feeding


async def _feed(stdin: asyncio.StreamWriter | None, body: Body) -> None:
    """All of the body, also after git has given up: the client hears the reason only when it has sent everything."""
    async for piece in body.rest():
        if stdin is not None and not await tell(stdin, piece):
            stdin = None
    if stdin is not None:
        stdin.close()


async def _first(stream: asyncio.StreamReader | None) -> bytes:
    """The beginning of what git says; all of it is read, since a full pipe would stop git."""
    kept = b""
    while stream is not None and (piece := await stream.read(65536)):
        kept = (kept + piece)[:65536]
    return kept


def _reason(complaint: bytes) -> str:
    """The most telling line of what git said, without this server's paths."""
    lines = [
        line for line in complaint.decode("utf-8", "replace").splitlines() if line.startswith(("error:", "fatal:"))
    ]
    text = lines[0].partition(": ")[2] if lines else "index-pack failed"
    return re.sub(r"(?:/[^\s'\":]+)+", "...", text)[:300] if "/" in text else text[:300]


def _batch(stdout: IO[bytes], first_bytes: int) -> Iterator[tuple[Oid, bytes]]:
    while header := stdout.readline():
        oid, _, size_text = header.rstrip(b"\n").split(b" ")
        size = int(size_text)
        data = stdout.read(min(size, first_bytes))
        left = size - len(data) + 1  # and the line end
        while left:
            left -= len(stdout.read(min(left, 2**20)))
        yield Oid(oid.decode()), data
