"""The other side's large files, by the LFS batch protocol (git-lfs `docs/api/batch.md`, `basic-transfers.md`).

Every address that the other side names is called through the guard as any other. A file counts when its sha256 is what the
pointer in git says; then it is durable and linked to the repo, and no later attempt fetches it again. One that breaks off in
the middle is asked for from there (`Range`).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import msgspec

from pioche.errors import ContentMismatch, TooLarge, Unreachable
from pioche.git.pointers import Pointer
from pioche.imports.remote import SourceRefused, Told, refuse
from pioche.names import Sha256
from pioche.outbound.streams import Streams
from pioche.outbound.targets import Target
from pioche.repos.access import Repo
from pioche.storage.disk import Room
from pioche.storage.drafts import Draft

_TYPE = "application/vnd.git-lfs+json"
_BATCH_FILES_MAX = 50
_BATCH_BYTES_MAX = 8 * 2**30
"""Addresses are signed for minutes: not more is asked for at once than is fetched soon."""
_ANSWER_BYTES_MAX = 4 * 2**20
_TRIES_WITHOUT_PROGRESS = 3
_PIECE = 2**20
_NOT_SENT = frozenset(
    "host connection content-length transfer-encoding te trailer upgrade expect range accept-encoding cookie".split()
)
"""Headers that an answer to a batch must not set: they would change what the request is."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A large file, and a path at which some commit has it."""

    pointer: Pointer
    path: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where one file is to be had."""

    href: str
    headers: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Shelf:
    """Where files are put: drafts in `incoming`, then the repo, in the name of `user_id`. `bytes_max` of one file."""

    repo: Repo
    user_id: int
    incoming: Path
    room: Room
    bytes_max: int


class LargeFiles:
    """Of one LFS server. `authorization` is the header's value, or empty."""

    def __init__(self, streams: Streams, lfs_url: str, authorization: str, shelf: Shelf) -> None:
        self._streams = streams
        self._url = lfs_url
        self._authorization = authorization
        self._shelf = shelf

    def missing(self, wanted: Sequence[Wanted]) -> list[Wanted]:
        """Those that the repo does not hold yet, each once; those that it does stay for as long as after an upload, though
        no commit leads to them yet. Raises TooLarge."""
        shelf = self._shelf
        for one in wanted:
            if one.pointer.size > shelf.bytes_max:
                raise TooLarge(
                    f"{one.path} has {one.pointer.size} bytes; a file of this hub has at most {shelf.bytes_max}"
                    " (the setting lfs_file_bytes_max)"
                )
        sha256s = list(dict.fromkeys(one.pointer.sha256 for one in wanted))
        held = shelf.repo.stores.contents.promise(shelf.repo.id, sha256s)
        new = {one.pointer.sha256: one for one in wanted if one.pointer.sha256 not in held}
        return list(new.values())

    def fetch(self, wanted: Sequence[Wanted], told: Told) -> Iterator[Wanted]:
        """Stores all of them; gives each when it is there. Raises SourceRefused and ContentMismatch, which name the file,
        Unreachable, QuotaExceeded, OutOfSpace, ForbiddenAddress."""
        for batch in _batches(wanted):
            places = self._places(batch)
            for one in batch:
                self._store(one, places[one.pointer.sha256], told)
                yield one

    # --- where they are ---

    def _places(self, wanted: Sequence[Wanted]) -> dict[Sha256, Place]:
        objects = [{"oid": one.pointer.sha256, "size": one.pointer.size} for one in wanted]
        body = {"operation": "download", "transfers": ["basic"], "hash_algo": "sha256", "objects": objects}
        headers = {"Content-Type": _TYPE, "Accept": _TYPE, **self._own_headers(self._url)}
        url = f"{self._url}/objects/batch"
        with self._streams.post(url, msgspec.json.encode(body), headers) as answer:
            if answer.status in (404, 405, 501):
                raise SourceRefused(f"{wanted[0].path} is an LFS file, and there is no LFS server at {self._url}")
            if answer.status != 200:
                refuse(answer.status, "", has_token=bool(self._authorization))
            data = b"".join(answer.pieces(_ANSWER_BYTES_MAX))
        try:
            found = {one.oid: one for one in msgspec.json.decode(data, type=_Batch).objects}
        except msgspec.DecodeError:
            raise SourceRefused("What the other side's LFS server answers is not its protocol") from None
        return {one.pointer.sha256: self._place(one, found.get(one.pointer.sha256)) for one in wanted}

    def _place(self, wanted: Wanted, found: "_Object | None") -> Place:
        action = found.actions.get("download") if found is not None else None
        if action is None:
            code, said = (found.error.code, found.error.message) if found is not None and found.error else (404, "")
            if code == 429 or code >= 500:
                raise Unreachable(f"{wanted.path}: the other side's LFS server is busy or out of order ({code})")
            raise SourceRefused(
                f"{wanted.path}: the other side does not have this LFS file ({code} {said[:200]}): have it uploaded there,"
                " or name a revision whose history does not need it"
            )
        given = {name: text for name, text in action.header.items() if name.lower() not in _NOT_SENT}
        if not any(name.lower() == "authorization" for name in given):
            given |= self._own_headers(action.href)
        return Place(action.href, given)

    def _own_headers(self, url: str) -> dict[str, str]:
        """The token is for the server that it was given for, and no other."""
        theirs, ours = Target.parse(url, characters_max=8192), Target.parse(self._url)
        is_same = (theirs.scheme, theirs.authority) == (ours.scheme, ours.authority)
        return {"Authorization": self._authorization} if self._authorization and is_same else {}

    # --- fetching one ---

    def _store(self, wanted: Wanted, place: Place, told: Told) -> None:
        shelf, (sha256, size) = self._shelf, wanted.pointer
        stores = shelf.repo.stores
        with (
            stores.quotas.reserve(shelf.repo.id, shelf.user_id, {sha256: size}) as reserved,
            Draft(shelf.incoming, size=size) as draft,
        ):
            try:
                self._pour(wanted, place, draft, told)
                found = draft.finish()
            except (ContentMismatch, TooLarge) as error:
                raise ContentMismatch(f"{wanted.path}: {error.message}") from None
            if found != sha256:
                raise ContentMismatch(
                    f"{wanted.path}: what the other side sent has the sha256 {found}, and should have {sha256}"
                )
            stores.contents.adopt(shelf.repo.id, shelf.user_id, sha256, draft.path)
            reserved.keep()

    def _pour(self, wanted: Wanted, place: Place, draft: Draft, told: Told) -> None:
        received, size = 0, wanted.pointer.size
        tries = count(1)
        while received < size:
            before = received
            try:
                for piece in self._pieces(wanted, place, received):
                    self._shelf.room.check()
                    draft.write([piece])
                    received += len(piece)
                    told(len(piece))
                if received < size:
                    raise Unreachable(f"{wanted.path}: the other side stopped after {received} of {size} bytes")
            except Unreachable:
                if received > before:
                    tries = count(1)
                elif next(tries) >= _TRIES_WITHOUT_PROGRESS:
                    raise

    def _pieces(self, wanted: Wanted, place: Place, start: int) -> Iterator[bytes]:
        """The bytes from `start` on."""
        headers = {**place.headers, **({"Range": f"bytes={start}-"} if start else {})}
        with self._streams.get(place.href, headers) as answer:
            if answer.status != (206 if start else 200):
                # A signed address may have run out: a later attempt asks for another one.
                raise Unreachable(f"{wanted.path}: its LFS server answered with status {answer.status}")
            gathered = bytearray()
            for piece in answer.pieces(wanted.pointer.size - start):
                gathered += piece
                if len(gathered) >= _PIECE:
                    yield bytes(gathered)
                    gathered.clear()
            yield bytes(gathered)


class _Action(msgspec.Struct):
    href: str
    header: dict[str, str] = {}


class _Error(msgspec.Struct):
    code: int = 0
    message: str = ""


class _Object(msgspec.Struct):
    oid: str
    actions: dict[str, _Action] = {}
    error: _Error | None = None


class _Batch(msgspec.Struct):
    """What is read of the answer; `transfer` can only be what was offered."""

    objects: list[_Object]
    transfer: Any = None


def _batches(wanted: Sequence[Wanted]) -> Iterator[list[Wanted]]:
    batch, size = list[Wanted](), 0
    for one in wanted:
        if batch and (len(batch) == _BATCH_FILES_MAX or size + one.pointer.size > _BATCH_BYTES_MAX):
            yield batch
            batch, size = [], 0
        batch.append(one)
        size += one.pointer.size
    if batch:
        yield batch
