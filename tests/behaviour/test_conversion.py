"""From whole files to chunks: over every database and bytes in memory and on disk, with a crash at every step."""

import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from pioche.config import Config
from pioche.db import schema
from pioche.db.engine import Database
from pioche.errors import Corrupt, Unavailable
from pioche.names import Sha256
from pioche.storage.blobs import BlobStore, blob_key, xorb_key
from pioche.storage.blobs.local import LocalBlobs
from pioche.storage.blobs.memory import MemoryBlobs
from pioche.storage.contents import Contents
from pioche.storage.xet import conversion, packing
from pioche.storage.xet.conversion import Converter
from pioche.storage.xet.hashing import from_text, to_text
from pioche.storage.xet.reconstruction import parse_terms
from pioche.storage.xet.service import Xet
from pioche.storage.xet.uploads import XetUploads
from pioche.upkeep.converting import ConvertFiles
from tests.behaviour import rows
from tests.xet_client import drafted, file_of, make, shard_of

pytest.importorskip("numba")

REPO, OTHER = 1, 2
TEXT = b"".join(b"%07d the same words\n" % (i % 5000) for i in range(60_000))
FLOATS = b"".join((0x3F800000 + i * 7919 % 0x7FFFFF).to_bytes(4, "little") for i in range(300_000))


@dataclass
class World:
    database: Database
    blobs: BlobStore
    folder: Path
    xet: Xet
    contents: Contents
    crashes: list[str] = field(default_factory=list)

    @property
    def converter(self) -> Converter:
        return Converter(self.database, self.blobs, self.xet.files, self.xet.uploads, self.folder / "incoming")

    def adopt(self, data: bytes, repo: int = REPO) -> Sha256:
        sha256 = Sha256(hashlib.sha256(data).hexdigest())
        draft = self.folder / "incoming" / f"draft-{sha256}"
        draft.write_bytes(data)
        self.contents.adopt(repo, 1, sha256, draft)
        return sha256

    def read(self, sha256: Sha256, repo: int = REPO) -> bytes:
        return b"".join(self.contents.read(self.contents.get(repo, sha256)))

    def kind(self, sha256: Sha256) -> tuple[str, str | None]:
        content = self.contents.get(REPO, sha256)
        return content.kind, content.xet_hash

    def stored(self) -> int:
        return sum(one.size for one in self.blobs.list("xet/xorbs"))

    def leftovers(self) -> list[str]:
        return [path.name for path in (self.folder / "incoming").iterdir()]


@pytest.fixture(params=["memory", "disk"])
def world(config: Config, database: Database, request: pytest.FixtureRequest) -> World:
    ann = rows.add_user(database, "ann")
    assert [rows.add_repo(database, ann, f"ann/{name}") for name in ("m", "other")] == [REPO, OTHER]
    blobs: BlobStore = MemoryBlobs() if request.param == "memory" else LocalBlobs(config.data_dir)
    xet = Xet.over(database, blobs, file_bytes_max=10**9)
    return World(database, blobs, config.data_dir, xet, Contents(database, blobs, xet.files))


@pytest.mark.parametrize("data", [TEXT, FLOATS], ids=["text", "floats"])
def test_what_compresses_is_kept_as_the_chunks_that_a_client_would_send(world: World, data: bytes) -> None:
    sha256 = world.adopt(data)
    world.adopt(data, OTHER)
    assert world.converter.improve(sha256)
    assert world.kind(sha256) == ("xet", to_text(file_of(data)[0].name))
    assert world.read(sha256) == world.read(sha256, OTHER) == data
    assert world.stored() < 0.95 * len(data)
    assert world.leftovers() == []
    reader = world.xet.files.reconstruction(OTHER, to_text(file_of(data)[0].name))
    assert sum(term.raw_bytes for term in reader.terms) == len(data)
    assert not world.converter.improve(sha256), "once is enough"
    world.adopt(data)
    assert world.read(sha256) == data


def test_noise_stays_whole(world: World) -> None:
    sha256 = world.adopt(make("noise", 1_200_000))
    assert not world.converter.improve(sha256)
    assert world.kind(sha256) == ("blob", None)
    assert world.stored() == 0
    small = world.adopt(b"small " * 1000)
    assert not world.converter.improve(small)


def test_what_chunks_of_the_repo_already_hold_is_not_stored_again(world: World) -> None:
    old = make("old", 1_500_000)
    file, xorb = file_of(old)
    world.blobs.put_bytes(xorb_key(to_text(xorb.name)), xorb.body)
    world.xet.uploads.put_xorb(REPO, 1, xorb.name, drafted(world.folder / "incoming", xorb.body))
    world.xet.uploads.register(REPO, 1, shard_of([file], [xorb]), lambda ids: set(ids))
    before = world.stored()
    new = old[:1_000_000] + make("inserted", 100_000) + old[1_000_000:]
    sha256 = world.adopt(new)
    assert world.converter.improve(sha256)
    assert world.read(sha256) == new
    assert world.stored() - before < 400_000


def test_two_whole_versions_share_their_chunks(world: World) -> None:
    old = make("v1", 1_500_000)
    new = old[:1_000_000] + make("v2", 50_000) + old[1_000_000:]
    first, second = world.adopt(old), world.adopt(new)
    stranger = world.adopt(make("stranger", 1_500_000))
    assert world.converter.improve(second)
    assert (world.read(first), world.read(second)) == (old, new)
    assert [world.kind(one)[0] for one in (first, second, stranger)] == ["xet", "xet", "blob"]
    assert world.stored() < len(new) + 300_000


def test_a_large_file_is_judged_by_a_sample(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversion, "_WINDOWS", 4)
    monkeypatch.setattr(conversion, "_WINDOW_BYTES", 300_000)
    noise, text = world.adopt(make("large noise", 2_500_000)), world.adopt(TEXT)
    assert not world.converter.improve(noise)
    assert world.converter.improve(text)
    assert world.read(text) == TEXT


def test_a_file_of_several_xorbs_that_repeats_itself(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "XORB_CHUNKS_MAX", 7)
    data = make("repeats", 600_000) * 2 + bytes(300_000)
    sha256 = world.adopt(data)
    assert world.converter.improve(sha256)
    assert world.read(sha256) == data
    assert world.stored() < 900_000
    assert len(list(world.blobs.list("xet/xorbs"))) > 1


# --- what may go wrong ----------------------------------------------------------------------------------------------


def test_a_damaged_whole_file_is_left_as_it_is(world: World) -> None:
    sha256 = world.adopt(TEXT)
    world.blobs.delete(blob_key(sha256))
    world.blobs.put_bytes(blob_key(sha256), b"X" + TEXT[1:])
    with pytest.raises(Corrupt, match="hash"):
        world.converter.improve(sha256)
    assert world.kind(sha256) == ("blob", None)
    world.blobs.delete(blob_key(sha256))
    with pytest.raises(Corrupt):
        world.converter.improve(sha256)


def _breaks(world: World, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        world.crashes.append(step)
        raise RuntimeError(step)

    target, name = {
        "put": (world.blobs, "put"),
        "row": (XetUploads, "_record_made"),
        "verify": (world.xet.files, "sha256"),
        "switch": (Converter, "_switch"),
        "commit": (Converter, "_switching"),
    }[step]
    monkeypatch.setattr(target, name, broken)


@pytest.mark.parametrize("step", ["put", "row", "verify", "switch", "commit"])
def test_a_crash_at_any_step_leaves_the_whole_file_and_can_be_repeated(
    world: World, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    sha256 = world.adopt(TEXT)
    with monkeypatch.context() as patch:
        _breaks(world, patch, step)
        with pytest.raises(RuntimeError):
            world.converter.improve(sha256)
        assert world.crashes == [step]
    assert world.kind(sha256) == ("blob", None)
    assert world.read(sha256) == TEXT
    assert world.converter.improve(sha256)
    assert world.read(sha256) == TEXT


def test_a_file_that_goes_or_comes_as_chunks_meanwhile(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    sha256 = world.adopt(TEXT)
    verify = Converter._verify

    def meanwhile(self: Converter, *arguments: Any) -> None:
        verify(self, *arguments)
        with world.database.write() as connection:
            connection.execute(schema.repo_contents.delete())
            connection.execute(schema.contents.delete())

    monkeypatch.setattr(Converter, "_verify", meanwhile)
    assert not world.converter.improve(sha256)
    monkeypatch.setattr(Converter, "_verify", lambda self, *arguments: (verify(self, *arguments), world.adopt(TEXT)))
    sha256 = world.adopt(TEXT)
    assert world.converter.improve(sha256), "sent again while it is converted"
    assert world.read(sha256) == TEXT


def test_a_xorb_that_was_to_be_shared_is_collected_meanwhile(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    sha256, verify = world.adopt(TEXT), Converter._verify

    def collected(self: Converter, *arguments: Any) -> None:
        verify(self, *arguments)
        with world.database.write() as connection:
            connection.execute(schema.xorbs.delete())

    with monkeypatch.context() as patch:
        patch.setattr(Converter, "_verify", collected)
        with pytest.raises((Unavailable, Corrupt)):
            world.converter.improve(sha256)
    assert world.read(sha256) == TEXT
    assert world.kind(sha256) == ("blob", None)


def test_who_reads_the_whole_file_reads_on(world: World) -> None:
    sha256 = world.adopt(TEXT)
    reader = world.contents.read(world.contents.get(REPO, sha256))
    begun = next(reader)
    assert world.converter.improve(sha256)
    assert begun + b"".join(reader) == TEXT


# --- the job --------------------------------------------------------------------------------------------------------


def job(world: World, busy: Callable[[], bool] = lambda: False, idle_seconds: int = 1) -> ConvertFiles:
    return ConvertFiles(world.database, world.converter, idle_seconds=idle_seconds, busy=busy)


def _aged(world: World, sha256s: list[Sha256]) -> None:
    with world.database.write() as connection:
        for at, sha256 in enumerate(sha256s):
            table = schema.contents
            connection.execute(table.update().where(table.c.sha256 == sha256).values(created_at=1000 + at))


def test_the_job_looks_at_each_file_once_and_in_order(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    noise, broken, text, fresh = (
        world.adopt(data) for data in (make("job", 1_100_000), FLOATS, TEXT, bytes(1_500_000))
    )
    _aged(world, [noise, broken, text])
    world.blobs.delete(blob_key(broken))
    looked = list[Sha256]()
    improve = Converter.improve
    monkeypatch.setattr(Converter, "improve", lambda self, sha256: (looked.append(sha256), improve(self, sha256))[1])
    job(world, busy=lambda: True).run("", {})
    job(world, idle_seconds=0).run("", {})
    assert looked == []
    for _ in range(2):
        job(world, idle_seconds=600).run("", {})
    assert looked == [noise, broken, text]
    assert [world.contents.get(REPO, one).kind for one in (noise, broken, text, fresh)] == [
        "blob",
        "blob",
        "xet",
        "blob",
    ]


def test_the_job_goes_on_where_the_store_failed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    sha256 = world.adopt(TEXT)
    _aged(world, [sha256])

    def fails(*_: Any) -> Iterator[bytes]:
        raise Unavailable("The store does not answer")

    with monkeypatch.context() as patch:
        patch.setattr(world.blobs, "read", fails)
        with pytest.raises(Unavailable):
            job(world).run("", {})
    job(world).work(until=time.monotonic() + 60)
    assert world.contents.get(REPO, sha256).kind == "xet"
    terms = [bytes(row.terms) for row in _all(world, schema.xet_files)]
    named = {(to_text(term.xorb), row.hash) for row in _all(world, schema.xet_files) for term in parse_terms(terms[0])}
    assert {(row.xorb, row.file) for row in _all(world, schema.xet_file_xorbs)} == named
    assert all(from_text(row.hash) for row in _all(world, schema.repo_xorbs))


def _all(world: World, table: Any) -> list[Any]:
    with world.database.read() as connection:
        return list(connection.execute(table.select()))
