"""A hub in this process with one of everything, and ways to damage it: what `pioche fsck` is tried on (scenario J6).

world = World(config)
world.damage(kinds.ENTRIES.code)
assert [f.kind for f in world.fsck().findings] == [kinds.ENTRIES.code]
"""

import hashlib
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

import sqlalchemy as sa

from pioche.accounts.callers import Caller
from pioche.buckets import batch
from pioche.config import Config
from pioche.db import schema
from pioche.db.instance import now_ms
from pioche.names import EntryPath, RepoType, Sha256
from pioche.repos import history
from pioche.repos.access import Repo
from pioche.storage.blobs import blob_key, shard_key, xorb_key
from pioche.storage.xet.hashing import to_text
from pioche.upkeep.fsck.examination import examine
from pioche.upkeep.fsck.findings import Report
from pioche.upkeep.fsck.scene import Scene
from tests import xet_client
from tests.core import Core, main
from tests.stored import InBucket, Stored, age, cut, flip, moved
from tests.xet_client import File, Xorb, drafted, make, shard_of

CARD = b"---\nlicense: mit\ntags:\n- words\n---\n# Words\n"
WHOLE = b"whole " * 5000
TWIN = make("fsck-twin", 60_000)
CHUNKED = make("fsck-chunked", 60_000)
IN_BUCKET = make("fsck-bucket", 20_000)


@lru_cache
def file_of(data: bytes) -> tuple[File, Xorb]:
    return xet_client.file_of(data)


def sha256(data: bytes) -> Sha256:
    return Sha256(hashlib.sha256(data).hexdigest())


class World:
    """ada's `ada/words` (text, a card, a branch, a tag, large files of each kind) and her bucket `ada/cold`."""

    def __init__(self, config: Config) -> None:
        """Fills the hub."""
        self._open(config)
        self.ada = self.core.user("ada")
        self.repo = self.core.repo(self.ada, "ada/words")
        self.bucket = self.core.repo(self.ada, "ada/cold", type=RepoType.BUCKET)
        self.core.repo(self.ada, "ada/untouched")
        large = {"whole.bin": self.core.upload(self.repo, self.ada, WHOLE), "twin.bin": self.upload_twin()}
        self.upload_chunks(self.repo, CHUNKED)
        self.first = self.commit({"README.md": CARD, "a/b/one.txt": b"one", "chunked.bin": sha256(CHUNKED)})
        self.second = self.commit({"a/two.txt": b"two", **large})
        history.create_branch(self.repo, self.ada, "side", "main")
        history.create_tag(self.repo, self.ada, "main", "v1", "the first")
        held = self.upload_chunks(self.bucket, IN_BUCKET)
        add = batch.Add(EntryPath("cold/data.bin"), to_text(held.name), None)
        assert batch.apply(self.core.hub.access, self.ada, self.bucket, [add]) == []

    @classmethod
    def over(cls, config: Config) -> Self:
        """A copy of one that was filled before."""
        world = cls.__new__(cls)
        world._open(config)
        world.ada = Caller(world.core.hub.directory.get("ada").id, "ada", may_write=True, is_admin=False)
        world.repo = world.core.open(world.ada, "ada/words")
        world.bucket = world.core.open(world.ada, "ada/cold", type=RepoType.BUCKET)
        world.second, world.first = (commit.oid for commit in world.repo.objects.log(main(world.repo).commit, limit=2))
        return world

    def _open(self, config: Config) -> None:
        self.config = config
        self.core = Core(config)

    def close(self) -> None:
        self.core.close()

    # --- filling it ---

    def commit(self, files: dict[str, bytes | Sha256]) -> str:
        return self.core.commit(self.repo, self.ada, files).oid

    def upload_chunks(self, repo: Repo, data: bytes) -> File:
        """As a Xet client does."""
        file, xorb = file_of(data)
        uploads = self.core.hub.xet.uploads
        draft = drafted(self.config.data_dir / "incoming", xorb.body)
        uploads.put_xorb(repo.id, self.ada.user_id, xorb.name, draft)
        uploads.register(repo.id, self.ada.user_id, shard_of([file], [xorb]), lambda ids: set(ids))
        return file

    def upload_twin(self) -> Sha256:
        """A file that is kept whole, and is there as chunks too."""
        uploaded = self.core.upload(self.repo, self.ada, TWIN)
        self.upload_chunks(self.repo, TWIN)
        return uploaded

    # --- looking at it ---

    def scene(self, only: frozenset[int] | None = None) -> Scene:
        return Scene(self.config, self.core.hub.database, self.core.hub.blobs, only)

    def fsck(self, *, deep: bool = True, repair: bool = False) -> Report:
        return examine(self.scene(), deep=deep, repair=repair)

    def kinds_of(self, repo: Repo) -> list[str]:
        """Of one repo alone."""
        report = examine(self.scene(frozenset([repo.id])), deep=True, repair=False)
        return sorted({finding.kind for finding in report.findings})

    def kinds(self, *, deep: bool = True) -> list[str]:
        return sorted({finding.kind for finding in self.fsck(deep=deep).findings})

    def read(self, data: bytes, repo: Repo | None = None) -> bytes:
        contents = self.core.hub.contents
        return b"".join(contents.read(contents.get((repo or self.repo).id, sha256(data))))

    # --- places ---

    def path(self, key: str) -> Path:
        """In the data folder."""
        return self.config.data_dir / key

    def stored(self, key: str) -> Stored:
        """Bytes of the store, wherever that is."""
        return InBucket(self.core.hub.blobs, key) if self.config.storage_url else self.path(key)

    def key(self, kind: str, data: bytes) -> str:
        """Of a file that is kept whole (`blob`), or of the `xorb` of one that is kept as chunks."""
        return blob_key(sha256(data)) if kind == "blob" else xorb_key(self.xorb_name(data))

    def blob(self, data: bytes) -> Stored:
        return self.stored(self.key("blob", data))

    def xorb(self, data: bytes) -> Stored:
        return self.stored(self.key("xorb", data))

    def xorb_name(self, data: bytes) -> str:
        return to_text(file_of(data)[1].name)

    def xet_hash(self, data: bytes) -> str:
        return to_text(file_of(data)[0].name)

    def folder(self) -> Path:
        return self.repo.stores.git.path(self.repo.uid)

    def packs(self) -> list[Path]:
        """The repo's packs, the oldest first."""
        return sorted((self.folder() / "objects/pack").glob("*.pack"), key=lambda path: path.stat().st_mtime_ns)

    # --- damaging it ---

    def execute(self, *statements: Any) -> None:
        with self.core.hub.database.write() as connection:
            for statement in statements:
                connection.execute(sa.text(statement) if isinstance(statement, str) else statement)

    @contextmanager
    def unchecked(self) -> Iterator[sa.Connection]:
        """A transaction in which references may lead nowhere."""
        if not self.config.database_is_sqlite:
            with self.core.hub.database.write() as connection:
                connection.execute(sa.text("SET LOCAL session_replication_role = replica"))
                yield connection
            return
        engine = sa.create_engine(f"sqlite:///{self.config.data_dir / 'pioche.db'}")  # which enforces none by itself
        with engine.begin() as connection:
            yield connection
        engine.dispose()

    def scalar(self, query: Any) -> Any:
        with self.core.hub.database.read() as connection:
            return connection.execute(query).scalar()


_Do = Callable[[World], None]


@dataclass(frozen=True)
class Damage:
    """`do` damages a world. `by_hand` is the manual step, for what a machine cannot repair; its advice is in the finding."""

    kind: str
    name: str
    do: _Do
    by_hand: _Do | None = None
    anew: bool = False
    """Whether `fsck --repair` has to run once more after the manual step."""


DAMAGES: list[Damage] = []


def damage(kind: str, *, by_hand: _Do | None = None, anew: bool = False) -> Callable[[_Do], _Do]:
    def declare(do: _Do) -> _Do:
        DAMAGES.append(Damage(kind, do.__name__.replace("_", "-").strip("-"), do, by_hand, anew))
        return do

    return declare


# --- the database ---------------------------------------------------------------------------------------------------


@damage("schema")
def table_dropped(world: World) -> None:
    world.execute("DROP TABLE event_cursors")


@damage("database-index")
def index_dropped(world: World) -> None:
    world.execute("DROP INDEX ix_redirects_repo_id")


@damage("dangling-row")
def redirect_to_nowhere(world: World) -> None:
    with world.unchecked() as connection:
        row = {"type": "model", "full_key": "ada/old", "repo_id": 4711, "created_at": 1}
        connection.execute(schema.redirects.insert().values(row))


@damage("signing-key")
def key_gone(world: World) -> None:
    world.execute(schema.signing_keys.delete())


@damage("signing-key")
def epoch_gone(world: World) -> None:
    world.execute(schema.instance.delete())


# --- refs and git objects -------------------------------------------------------------------------------------------


def _refs(world: World, name: str) -> sa.ColumnElement[bool]:
    return sa.and_(schema.refs.c.repo_id == world.repo.id, schema.refs.c.name == name)


@damage("ref-target")
def newest_pack_gone(world: World) -> None:
    world.commit({"three.txt": b"three"})
    pack = world.packs()[-1]
    pack.with_suffix(".idx").unlink()
    pack.unlink()


@damage("ref-commit")
def commit_beside_a_tag_wrong(world: World) -> None:
    world.execute(schema.refs.update().where(_refs(world, "refs/tags/v1")).values(commit=world.first))


def _delete_nested(world: World) -> None:
    world.execute(schema.refs.delete().where(_refs(world, "refs/heads/side/x")))


@damage("ref-name", by_hand=_delete_nested)
def ref_inside_another(world: World) -> None:
    row = {"repo_id": world.repo.id, "name": "refs/heads/side/x", "target": world.first, "commit": world.first}
    world.execute(schema.refs.insert().values(**row, updated_at=1))


@damage("reflog")
def log_ends_elsewhere(world: World) -> None:
    row = {"repo_id": world.repo.id, "ref": "refs/heads/side", "old": world.second, "new": world.first, "at": now_ms()}
    world.execute(schema.reflog.insert().values(row))


@damage("default-branch")
def main_gone(world: World) -> None:
    world.execute(schema.refs.delete().where(_refs(world, "refs/heads/main")))


def _restore_packs(world: World) -> None:
    for path in world.path("saved").iterdir():
        shutil.copy(path, world.folder() / "objects/pack" / path.name)


@damage("git-object", by_hand=_restore_packs)
def older_pack_gone(world: World) -> None:
    world.path("saved").mkdir()
    pack = world.packs()[0]
    for path in (pack, pack.with_suffix(".idx")):
        shutil.move(path, world.path("saved") / path.name)


@damage("git-object")
def object_that_another_repo_has(world: World) -> None:
    other = world.core.repo(world.ada, "ada/copy")
    pack = world.packs()[0]
    git = world.repo.stores.git
    held = world.repo.objects
    oids = [str(oid) for oid in held._odb]
    git.write(other.uid, [held.read(oid) for oid in oids if held.kind(oid) != "tag"], other.genesis.objects())  # type: ignore[arg-type]
    pack.with_suffix(".idx").unlink()
    pack.unlink()


@damage("git-pack")
def pack_damaged_whose_objects_are_elsewhere_too(world: World) -> None:
    before = set(world.packs())
    held = world.repo.objects
    world.repo.stores.git.write(world.repo.uid, [held.read(oid) for oid in sorted(str(oid) for oid in held._odb)])  # type: ignore[arg-type]
    (pack,) = set(world.packs()) - before
    flip(pack)


@damage("git-pack", by_hand=_restore_packs)
def pack_damaged(world: World) -> None:
    world.path("saved").mkdir()
    pack = world.packs()[0]
    for path in (pack, pack.with_suffix(".idx")):
        shutil.copy(path, world.path("saved") / path.name)
    flip(pack)


@damage("git-index")
def index_of_a_pack_gone(world: World) -> None:
    world.packs()[-1].with_suffix(".idx").unlink()


@damage("git-index")
def index_of_a_pack_damaged(world: World) -> None:
    flip(moved(world.packs()[0].with_suffix(".idx")))


@damage("git-head")
def head_gone(world: World) -> None:
    (world.folder() / "HEAD").unlink()


# --- rows derived from git ------------------------------------------------------------------------------------------


@damage("entries")
def entry_gone(world: World) -> None:
    world.execute(schema.entries.delete().where(schema.entries.c.path == "a/b"))


@damage("entries")
def entry_of_another_size(world: World) -> None:
    world.execute(schema.entries.update().where(schema.entries.c.path == "a/two.txt").values(size=9))


@damage("card")
def card_forgotten(world: World) -> None:
    world.execute(schema.repos.update().where(schema.repos.c.id == world.repo.id).values(card="{}"))


@damage("pointer-row")
def pointer_forgotten(world: World) -> None:
    world.execute(schema.pointers.delete().where(schema.pointers.c.sha256 == sha256(WHOLE)))
    world.execute(schema.repos.update().where(schema.repos.c.id == world.repo.id).values(used_storage=120_000))


@damage("content-link")
def link_gone(world: World) -> None:
    world.execute(schema.repo_contents.delete().where(schema.repo_contents.c.sha256 == sha256(WHOLE)))


@damage("used-storage")
def storage_counted_wrongly(world: World) -> None:
    world.execute(schema.repos.update().where(schema.repos.c.id == world.repo.id).values(used_storage=7))


@damage("counter")
def likes_counted_wrongly(world: World) -> None:
    world.execute(schema.repos.update().where(schema.repos.c.id == world.repo.id).values(likes=7))


@damage("bucket-file")
def link_of_a_bucket_gone(world: World) -> None:
    world.execute(schema.repo_contents.delete().where(schema.repo_contents.c.repo_id == world.bucket.id))


# --- large files ----------------------------------------------------------------------------------------------------


@damage("content-row")
def row_of_a_large_file_gone(world: World) -> None:
    with world.unchecked() as connection:
        connection.execute(schema.contents.delete().where(schema.contents.c.sha256 == sha256(WHOLE)))


def _upload_whole(world: World) -> None:
    world.core.upload(world.repo, world.ada, WHOLE)


def _restore_whole(world: World) -> None:
    world.blob(WHOLE).write_bytes(WHOLE)


@damage("content-lost")
def bytes_that_came_back(world: World) -> None:
    world.execute(schema.contents.update().where(schema.contents.c.sha256 == sha256(WHOLE)).values(kind="lost"))


@damage("blob-missing", by_hand=_upload_whole)
def blob_gone(world: World) -> None:
    world.blob(WHOLE).unlink()


@damage("blob-missing")
def blob_gone_that_is_there_as_chunks(world: World) -> None:
    world.blob(TWIN).unlink()


@damage("blob-truncated", by_hand=_restore_whole, anew=True)
def blob_cut_off(world: World) -> None:
    cut(world.blob(WHOLE), 100)


@damage("blob-damaged", by_hand=_upload_whole)
def blob_bit_flipped(world: World) -> None:
    flip(world.blob(WHOLE))


@damage("blob-damaged")
def blob_bit_flipped_that_is_there_as_chunks(world: World) -> None:
    flip(world.blob(TWIN))


# --- Xet ------------------------------------------------------------------------------------------------------------


def _upload_chunked(world: World) -> None:
    world.upload_chunks(world.repo, CHUNKED)


def _restore_xorb(world: World) -> None:
    world.xorb(CHUNKED).write_bytes(file_of(CHUNKED)[1].body)


@damage("xorb-missing", by_hand=_upload_chunked)
def xorb_gone(world: World) -> None:
    world.xorb(CHUNKED).unlink()


@damage("xorb-missing")
def xorb_gone_whose_file_is_kept_whole(world: World) -> None:
    world.xorb(TWIN).unlink()


@damage("xorb-damaged", by_hand=_restore_xorb, anew=True)
def xorb_bit_flipped(world: World) -> None:
    flip(world.xorb(CHUNKED))


@damage("xorb-damaged", by_hand=_upload_chunked)
def xorb_cut_off(world: World) -> None:
    cut(world.xorb(CHUNKED), 1000)


@damage("xorb-row")
def table_of_a_xorb_damaged(world: World) -> None:
    xorbs = schema.xorbs
    name = world.xorb_name(CHUNKED)
    packed = bytearray(world.scalar(sa.select(xorbs.c.chunks).where(xorbs.c.hash == name)))
    packed[5] ^= 1
    world.execute(xorbs.update().where(xorbs.c.hash == name).values(chunks=bytes(packed)))


@damage("xorb-row")
def row_of_a_xorb_gone(world: World) -> None:
    with world.unchecked() as connection:
        for table in (schema.xorbs, schema.repo_xorbs, schema.xorb_uploads, schema.remembered_xorbs):
            connection.execute(table.delete().where(table.c.hash == world.xorb_name(CHUNKED)))
        chunks = schema.xet_chunks
        connection.execute(chunks.delete().where(chunks.c.xorb == world.xorb_name(CHUNKED)))
        parts = schema.xet_file_xorbs
        connection.execute(parts.delete().where(parts.c.xorb == world.xorb_name(CHUNKED)))


@damage("xet-file-missing")
def row_of_a_chunked_file_gone(world: World) -> None:
    world.execute(schema.xet_files.delete().where(schema.xet_files.c.hash == world.xet_hash(CHUNKED)))


@damage("xet-terms")
def terms_damaged(world: World) -> None:
    table, name = schema.xet_files, world.xet_hash(CHUNKED)
    terms = bytearray(world.scalar(sa.select(table.c.terms).where(table.c.hash == name)))
    terms[40] ^= 1
    world.execute(table.update().where(table.c.hash == name).values(terms=bytes(terms)))


@damage("xet-chunks")
def index_of_chunks_wrong(world: World) -> None:
    row = {"hash": b"\1" * 32, "xorb": world.xorb_name(CHUNKED), "position": 0}
    world.execute(schema.xet_chunks.insert().values(row))


@damage("file-xorbs")
def parts_of_a_file_forgotten(world: World) -> None:
    world.execute(schema.xet_file_xorbs.delete().where(schema.xet_file_xorbs.c.file == world.xet_hash(CHUNKED)))


@damage("xorb-link")
def link_to_a_xorb_gone(world: World) -> None:
    world.execute(schema.repo_xorbs.delete().where(schema.repo_xorbs.c.repo_id == world.repo.id))


@damage("shard-damaged")
def shard_bit_flipped(world: World) -> None:
    file, xorb = file_of(CHUNKED)
    flip(world.stored(shard_key(sha256(shard_of([file], [xorb])))))


@damage("quarantine-row")
def quarantined_bytes_gone(world: World) -> None:
    world.execute(schema.quarantine.insert().values(key="blobs/00/00/0", reason="corrupt", size=1, at=1))


@damage("cache-damaged")
def rebuilt_file_damaged(world: World) -> None:
    path = world.path(f"cache/files/{sha256(CHUNKED)}")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(CHUNKED[:-1] + b"?")


# --- what lies around -----------------------------------------------------------------------------------------------


@damage("stale-upload")
def upload_expired(world: World) -> None:
    row = {"id": "u1", "repo_id": world.repo.id, "user_id": world.ada.user_id, "sha256": "0" * 64}
    world.execute(schema.uploads.insert().values(**row, size=1, part_bytes=1, expires_at=1))


@damage("stale-upload")
def draft_forgotten(world: World) -> None:
    path = world.path("incoming/draft-old")
    path.write_bytes(b"half")
    age(path)


@damage("git-leftover")
def pack_half_written(world: World) -> None:
    path = world.folder() / "objects/pack/tmp_pack_x"
    path.write_bytes(b"PACK")
    age(path)


@damage("orphaned-folder")
def folder_of_no_repo(world: World) -> None:
    folder = world.path("git/ab/0123abcd.git")
    folder.mkdir(parents=True)
    age(folder)


@damage("stuck-lease")
def lease_of_a_dead_process(world: World) -> None:
    world.execute(schema.leases.insert().values(name="collection-old", holder="x", what="gc on host (1)", until=1))
