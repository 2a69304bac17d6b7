"""Xorbs and shards in, files out: over every database, and over bytes in memory and on disk."""

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from pioche.config import Config
from pioche.db import schema
from pioche.db.engine import Database
from pioche.errors import (
    BadRequest,
    ContentMismatch,
    ContentNotFound,
    Corrupt,
    HubError,
    RangeNotSatisfiable,
    RepoNotFound,
    TooLarge,
)
from pioche.names import Sha256
from pioche.storage.blobs import BlobStore, xorb_key
from pioche.storage.contents import Content, insert_content
from pioche.storage.damage import lose_xorb
from pioche.storage.xet import shards
from pioche.storage.xet.dedup import Scope
from pioche.storage.xet.hashing import keyed, to_text
from pioche.storage.xet.service import Xet
from tests.behaviour.stores import STORES, open_store
from tests.xet_client import File, Term, Xorb, chunk, file_of, file_records, make, shard_body, shard_of, xorb_records

ANN, BOB = 1, 2  # users; each owns the repos of their tens
ANNS, ANNS_OTHER, BOBS = 11, 12, 21


@dataclass
class World:
    """A hub's Xet with two users, and who may read what."""

    database: Database
    blobs: BlobStore
    folder: Path
    xet: Xet
    readers: dict[int, set[int]] = field(default_factory=lambda: {ANN: {ANNS, ANNS_OTHER}, BOB: {BOBS}})

    def send_xorb(
        self, xorb: Xorb, user: int = ANN, *, repo: int = ANNS, body: bytes | None = None, name: bytes | None = None
    ) -> bool:
        draft = self.folder / "incoming" / "draft"
        draft.write_bytes(xorb.body if body is None else body)
        return self.xet.uploads.put_xorb(repo, user, name or xorb.name, draft)

    def register(self, body: bytes, user: int = ANN, repo: int = ANNS) -> None:
        self.xet.uploads.register(repo, user, body, lambda ids: self.readers[user] & set(ids))

    def send(self, data: bytes, user: int = ANN, repo: int = ANNS) -> File:
        file, xorb = file_of(data)
        self.send_xorb(xorb, user)
        self.register(shard_of([file], [xorb]), user, repo)
        return file

    def read(self, file: File, start: int = 0, end: int | None = None) -> bytes:
        stop = len(file.data) if end is None else end
        return b"".join(self.xet.files.read(to_text(file.name), start, stop))

    def ask(self, name: bytes, user: int = ANN, repo: int = ANNS, kind: str = "namespace") -> bytes:
        scope = Scope(kind, repo, user, f"run {user}")
        return self.xet.dedup.answer(name, scope, lambda ids: self.readers[user] & set(ids))

    def rows(self, table: sa.Table) -> list[sa.Row[tuple[object, ...]]]:
        with self.database.read() as connection:
            return list(connection.execute(sa.select(table)))


@pytest.fixture(params=STORES)
def world(config: Config, database: Database, request: pytest.FixtureRequest) -> World:
    _people_and_repos(database)
    blobs = open_store(request, config.data_dir)
    return World(database, blobs, config.data_dir, Xet.over(database, blobs, file_bytes_max=10**9))


def _people_and_repos(database: Database) -> None:
    with database.write() as connection:
        for user, name in ((ANN, "ann"), (BOB, "bob")):
            names = {"uid": f"u{user}", "name": name, "name_key": name, "fullname": name}
            connection.execute(schema.accounts.insert().values(id=user, kind="user", created_at=0, **names))
        for repo, owner in ((ANNS, ANN), (ANNS_OTHER, ANN), (BOBS, BOB)):
            names = {"uid": f"r{repo}", "name": f"{repo}", "full_name": f"x/{repo}", "full_key": f"x/{repo}"}
            times = {"created_at": 0, "updated_at": 0}
            connection.execute(
                schema.repos.insert().values(
                    id=repo, type="model", namespace_id=owner, private=True, genesis="{}", **names, **times
                )
            )


# --- the main path --------------------------------------------------------------------------------------------------


def test_a_file_goes_in_and_any_range_comes_out(world: World) -> None:
    data = make("in-and-out", 3_000_000)
    file = world.send(data)
    assert world.read(file) == data
    for start, end in [(0, 1), (1, 2), (999_999, 2_000_001), (2_999_999, 3_000_000), (5, 5)]:
        assert world.read(file, start, end) == data[start:end]
    pieces = list(world.xet.files.read(to_text(file.name), 0, len(data)))
    assert max(map(len, pieces)) < 1 << 21


def test_file_over_several_xorbs(world: World) -> None:
    parts = chunk(make("several", 900_000))
    one, two = Xorb(parts[:5], [1] * 5), Xorb(parts[5:], [2] * len(parts[5:]))
    file = File([Term(one, 0, 5), Term(two, 0, len(two.chunks)), Term(one, 1, 3)])
    world.send_xorb(one)
    world.send_xorb(two)
    world.register(shard_of([file], [one, two]))
    assert world.read(file) == file.data
    assert world.read(file, 100_000, 880_000) == file.data[100_000:880_000]


def test_sending_again_is_success(world: World) -> None:
    file, xorb = file_of(make("again", 50_000))
    assert world.send_xorb(xorb) is True
    assert world.send_xorb(xorb) is False
    world.register(shard_of([file], [xorb]))
    world.register(shard_of([file], [xorb]))
    assert [row.sha256 for row in world.rows(schema.repo_contents)] == [file.sha256]


def test_rows_of_a_registered_file(world: World) -> None:
    file = world.send(make("rows", 400_000))
    (content,) = world.rows(schema.contents)
    assert (content.sha256, content.kind, content.xet_hash) == (file.sha256, "xet", to_text(file.name))
    assert [(row.repo_id, row.hash) for row in world.rows(schema.repo_xorbs)] == [
        (ANNS, to_text(file.terms[0].xorb.name))
    ]
    assert file.terms[0].xorb.hashes[0] in {row.hash for row in world.rows(schema.xet_chunks)}


def test_empty_file_and_file_without_stated_sha256(world: World) -> None:
    file, xorb = file_of(make("unstated", 1000))
    world.send_xorb(xorb)
    world.register(shard_body([file_records(file, sha256=None), file_records(File([]))], []))
    assert {row.sha256 for row in world.rows(schema.repo_contents)} == {file.sha256, hashlib.sha256(b"").hexdigest()}
    assert world.read(File([])) == b""


def test_a_file_kept_whole_gains_its_xet_hash(world: World) -> None:
    data = make("whole", 60_000)
    with world.database.write() as connection:
        insert_content(connection, Content(Sha256(hashlib.sha256(data).hexdigest()), len(data), "blob", None))
    file = world.send(data)
    (content,) = world.rows(schema.contents)
    assert (content.kind, content.xet_hash) == ("blob", to_text(file.name))


def test_reconstruction_of_a_range(world: World) -> None:
    file = world.send(make("reconstruct", 500_000))
    planned = world.xet.files.reconstruction(ANNS, to_text(file.name), 100_000, 200_000)
    assert sum(term.raw_bytes for term in planned.terms) - planned.skip >= 100_000
    with pytest.raises(RangeNotSatisfiable):
        world.xet.files.reconstruction(ANNS, to_text(file.name), 500_000)


def test_footer_of_other_tools_is_not_stored(world: World) -> None:
    _, xorb = file_of(b"footer")
    world.send_xorb(xorb, body=xorb.body + b"XETBLOB\x00" + b"f" * 500)
    assert world.blobs.size(xorb_key(to_text(xorb.name))) == len(xorb.body)


# --- what must not happen -------------------------------------------------------------------------------------------


def test_d_xet_wrong_xorb_leaves_nothing(world: World) -> None:
    _, xorb = file_of(make("wrong", 20_000))
    with pytest.raises(ContentMismatch):
        world.send_xorb(xorb, name=bytes(32))
    with pytest.raises(HubError):
        world.send_xorb(xorb, body=xorb.body[:-1])
    assert not world.rows(schema.xorbs)
    assert not list(world.blobs.list("xet/xorbs/"))


def test_d_xet_false_sha256(world: World) -> None:
    """xet.md section 11.1: else anyone could plant bytes under another file's name."""
    file, xorb = file_of(make("planted", 20_000))
    world.send_xorb(xorb)
    with pytest.raises(ContentMismatch, match="sha256"):
        world.register(shard_body([file_records(file, sha256="ab" * 32)], [xorb_records(xorb)]))
    assert not world.rows(schema.contents)
    world.register(shard_of([file], [xorb]))
    with pytest.raises(ContentMismatch, match="sha256"):
        world.register(shard_body([file_records(file, sha256="ab" * 32)], []))
    assert [row.sha256 for row in world.rows(schema.contents)] == [file.sha256]


def test_d_xet_one_bad_file_and_nothing_is_registered(world: World) -> None:
    good, xorb = file_of(make("good", 20_000))
    absent, _ = file_of(make("absent", 20_000))
    world.send_xorb(xorb)
    with pytest.raises(BadRequest):
        world.register(shard_of([good, absent], [xorb]))
    for table in (schema.contents, schema.repo_contents, schema.xet_files, schema.repo_xorbs, schema.xet_chunks):
        assert not world.rows(table)


def test_d_xet_file_larger_than_allowed(world: World) -> None:
    file, xorb = file_of(make("large", 20_000))
    small = Xet.over(world.database, world.blobs, file_bytes_max=19_999)
    world.send_xorb(xorb)
    with pytest.raises(TooLarge):
        small.uploads.register(ANNS, ANN, shard_of([file], [xorb]), lambda _: set())


def test_a_repo_deleted_meanwhile(world: World) -> None:
    file, xorb = file_of(make("late", 20_000))
    world.send_xorb(xorb)
    with pytest.raises(RepoNotFound):
        world.register(shard_of([file], [xorb]), repo=99)
    assert not world.rows(schema.contents)


def test_e_xet_2_a_file_of_another_repo_is_not_found(world: World) -> None:
    file = world.send(make("mine", 20_000))
    refusals = set()
    for repo, name in ((BOBS, to_text(file.name)), (ANNS_OTHER, to_text(file.name)), (ANNS, "0" * 63 + "1")):
        with pytest.raises(ContentNotFound) as caught:
            world.xet.files.reconstruction(repo, name)
        refusals.add(caught.value.message.replace(name, ""))
    assert len(refusals) == 1


def test_e_xet_3_xorbs_that_the_user_never_had(world: World) -> None:
    """Bob knows the hashes of Ann's chunks and the right range hash: he gets what an absent xorb would give him."""
    file = world.send(make("secret", 20_000))
    name = to_text(file.terms[0].xorb.name)
    messages = set()
    with pytest.raises(BadRequest) as caught:
        world.register(shard_of([file], []), BOB, BOBS)
    messages.add(caught.value.message.replace(name, ""))
    absent, other = file_of(make("nobody", 20_000))
    with pytest.raises(BadRequest) as caught:
        world.register(shard_of([absent], []), BOB, BOBS)
    messages.add(caught.value.message.replace(to_text(other.name), ""))
    with pytest.raises(BadRequest) as caught:
        world.register(shard_body([], [xorb_records(file.terms[0].xorb)]), BOB, BOBS)
    messages.add(caught.value.message.replace(name, ""))
    assert len(messages) == 1
    assert not [row for row in world.rows(schema.repo_contents) if row.repo_id == BOBS]


def test_e_xet_3_sending_the_bytes_is_what_counts(world: World) -> None:
    file = world.send(make("both", 20_000))
    with pytest.raises(HubError):
        world.send_xorb(file.terms[0].xorb, BOB, body=b"")
    with pytest.raises(BadRequest):
        world.register(shard_of([file], []), BOB, BOBS)
    assert world.send_xorb(file.terms[0].xorb, BOB) is True, "that somebody else sent it is not told"
    assert world.send_xorb(file.terms[0].xorb, BOB) is False
    world.register(shard_of([file], []), BOB, BOBS)


def test_e_xet_3_a_repo_that_the_user_may_read_now(world: World) -> None:
    file = world.send(make("shared", 20_000))
    world.readers[BOB].add(ANNS)
    world.register(shard_of([file], []), BOB, BOBS)
    other = world.send(make("shared later", 20_000))
    world.readers[BOB].remove(ANNS)
    with pytest.raises(BadRequest):
        world.register(shard_of([other], []), BOB, BOBS)


def test_e_xet_1_a_private_chunk_looks_unknown_to_a_stranger(world: World) -> None:
    file = world.send(make("private", 300_000))
    first = file.terms[0].xorb.hashes[0]
    for kind in ("repo", "namespace", "public"):
        with pytest.raises(ContentNotFound) as caught:
            world.ask(first, BOB, BOBS, kind)
        with pytest.raises(ContentNotFound) as unknown:
            world.ask(bytes(32), BOB, BOBS, kind)
        assert caught.value.message.replace(to_text(first), "") == unknown.value.message.replace("0" * 64, "")


def test_deduplication_within_the_namespace(world: World) -> None:
    file = world.send(make("dedup", 300_000))
    xorb = file.terms[0].xorb
    with pytest.raises(ContentNotFound):
        world.ask(xorb.hashes[0], repo=ANNS_OTHER, kind="repo")
    for repo, kind in ((ANNS, "repo"), (ANNS_OTHER, "namespace"), (ANNS_OTHER, "public")):
        body = world.ask(xorb.hashes[0], repo=repo, kind=kind)
        (answered,) = shards.parse(body).xorbs
        assert answered.hash == xorb.name
        assert all(name not in body for name in xorb.hashes), "E-XET-4: no plain chunk hash in an answer"
        key = body[-128:-96]
        assert keyed(xorb.hashes[0], key) == bytes(answered.chunks[:32])
    assert world.ask(xorb.hashes[0])[-128:-96] != world.ask(xorb.hashes[0])[-128:-96], "a key of its own each"


def _named(body: bytes, file: File) -> list[bytes]:
    """The chunks of the file that an answer names."""
    key = body[-128:-96]
    names = {keyed(name, key): name for term in file.terms for name in term.xorb.hashes}
    told = (entry.chunks[at : at + 32] for entry in shards.parse(body).xorbs for at in range(0, len(entry.chunks), 48))
    return [names[bytes(name)] for name in told if bytes(name) in names]


def test_an_answer_has_all_of_the_file_from_the_chunk_on(world: World) -> None:
    """xet.md 8.4: with the chunk's xorb alone a client without memory sends the rest of the file again."""
    parts = chunk(make("whole file", 1_500_000))
    xorbs = [Xorb(parts[:6]), Xorb(parts[6:12]), Xorb(parts[12:])]
    file = File([Term(xorb, 0, len(xorb.chunks)) for xorb in xorbs])
    middle = File([Term(xorbs[1], 0, 6)])
    for xorb in xorbs:
        world.send_xorb(xorb)
    world.register(shard_of([file, middle], xorbs))
    body = world.ask(xorbs[0].hashes[0])
    assert [entry.hash for entry in shards.parse(body).xorbs] == [xorb.name for xorb in xorbs]
    assert _named(body, file) == [name for xorb in xorbs for name in xorb.hashes]
    body = world.ask(xorbs[1].hashes[0])
    assert shards.parse(body).xorbs[0].hash == xorbs[1].name, "the neighbours first"
    assert len(shards.parse(body).xorbs) == 3


def test_an_unknown_first_chunk_is_answered_with_the_newest_files(world: World) -> None:
    """A changed header: the rest of the file is here, but nothing that the client would ask for (xet.md 8.4)."""
    file = world.send(make("newest", 400_000))
    unknown = b"\x01" * 32
    assert _named(world.ask(unknown, kind="repo"), file) == file.terms[0].xorb.hashes
    with pytest.raises(ContentNotFound):
        world.ask(bytes(32), kind="repo")  # one in 1024: asked for anywhere in a file
    with pytest.raises(ContentNotFound):
        world.ask(unknown, repo=ANNS_OTHER)
    for _ in range(10):
        with suppress(ContentNotFound):
            world.ask(unknown)
    with pytest.raises(ContentNotFound):
        world.ask(unknown)  # thousands of new files in one run are not told the same thousands of times


def test_e_xet_1_an_answer_names_no_chunk_of_a_file_that_may_not_be_read(world: World) -> None:
    """One xorb holds chunks of a secret file and of one that Bob may read: he learns of his alone."""
    parts = chunk(make("mixed", 600_000))
    xorb = Xorb(parts)
    secret, shared = File([Term(xorb, 0, 3)]), File([Term(xorb, 3, 5)])
    world.send_xorb(xorb)
    world.register(shard_of([secret], [xorb]))
    world.register(shard_of([shared], []), repo=ANNS_OTHER)
    world.readers[BOB].add(ANNS_OTHER)
    for asked in (xorb.hashes[3], xorb.hashes[0], b"\x01" * 32):  # his, the secret one, one that is nowhere
        body = world.ask(asked, BOB, ANNS_OTHER, "repo")
        assert _named(body, File([Term(xorb, 0, len(parts))])) == xorb.hashes[3:5]


def test_nothing_known_is_one_read(world: World) -> None:
    looked = list[str]()
    fetch, engine = world.database.fetch_all_sync, world.database.engine
    world.database.fetch_all_sync = lambda *told: looked.append("look-up") or fetch(*told)  # type: ignore[method-assign]
    event.listen(engine, "before_cursor_execute", lambda *told: looked.append(told[2]))
    with pytest.raises(ContentNotFound):
        world.ask(bytes(32))
    assert looked.count("look-up") == 1
    assert len([text for text in looked if "xet_chunks" not in text]) == 1


@pytest.mark.parametrize("damage", ["flip", "cut", "lose"])
def test_sending_a_damaged_xorb_again_mends_it(world: World, damage: str) -> None:
    file = world.send(make("mended", 300_000))
    xorb = file.terms[0].xorb
    key = xorb_key(to_text(xorb.name))
    stored = bytearray(b"".join(world.blobs.read(key)))
    stored[1000] ^= damage == "flip"
    world.blobs.delete(key)
    if damage != "lose":
        world.blobs.put_bytes(key, bytes(stored[: -1 if damage == "cut" else None]))
    with pytest.raises(Corrupt):
        world.read(file)
    other = Xorb(xorb.chunks, [1] * len(xorb.chunks))
    with pytest.raises(Corrupt):
        world.send_xorb(other)  # its places are not those that files and clients remember
    world.send_xorb(xorb, BOB)
    assert world.read(file) == file.data


def test_the_same_chunks_compressed_otherwise_change_nothing(world: World) -> None:
    parts = chunk(b"".join(b"%06d " % i for i in range(40_000)))
    plain, packed = Xorb(parts), Xorb(parts, [1] * len(parts))
    assert plain.name == packed.name
    file = File([Term(plain, 0, len(parts))])
    world.send_xorb(plain)
    world.register(shard_of([file], [plain]))
    world.send_xorb(packed, BOB)
    assert world.read(file) == file.data
    assert world.blobs.size(xorb_key(to_text(plain.name))) == len(plain.body)


@pytest.mark.parametrize("scheme", [0, 1, 2])
def test_a_damaged_xorb_is_never_served(world: World, scheme: int) -> None:
    parts = chunk(b"".join(b"%06d " % i for i in range(40_000)))
    xorb = Xorb(parts, [scheme] * len(parts))
    file = File([Term(xorb, 0, len(parts))])
    world.send_xorb(xorb)
    world.register(shard_of([file], []))
    key = xorb_key(to_text(xorb.name))
    stored = bytearray(b"".join(world.blobs.read(key)))
    stored[len(stored) // 2] ^= 1
    world.blobs.delete(key)
    world.blobs.put_bytes(key, bytes(stored))
    with pytest.raises(Corrupt):
        world.read(file)
    world.blobs.delete(key)
    with pytest.raises(Corrupt):
        world.read(file)


def test_no_plan_is_made_over_a_xorb_that_was_lost(world: World) -> None:
    """Its table is remembered by the process that read it before."""
    file = world.send(make("lost", 50_000))
    name = to_text(file.terms[0].xorb.name)
    assert world.xet.files.reconstruction(ANNS, to_text(file.name)).terms
    world.blobs.delete(xorb_key(name))
    assert lose_xorb(world.database, world.blobs, name) == [file.sha256]
    with pytest.raises(Corrupt):
        world.xet.files.reconstruction(ANNS, to_text(file.name))
    with pytest.raises(Corrupt):
        world.xet.files.check(to_text(file.name))


def test_rights_are_asked_once_for_all_repos(world: World) -> None:
    one, two = file_of(make("one", 10_000)), file_of(make("two", 10_000))
    for _, xorb in (one, two):
        world.send_xorb(xorb)
    world.register(shard_of([one[0]], []))
    world.register(shard_of([two[0]], []), repo=ANNS_OTHER)
    asked: list[Sequence[int]] = []

    def may_read(ids: Sequence[int]) -> set[int]:
        asked.append(ids)
        return set(ids)

    world.xet.uploads.register(BOBS, BOB, shard_of([one[0], two[0]], []), may_read)
    assert asked == [[ANNS, ANNS_OTHER]]
