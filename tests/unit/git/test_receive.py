"""Packs on their way in, hostile ones above all (reliability.md D-GIT)."""

import asyncio
import hashlib
import struct
import subprocess
import zlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from pioche.errors import BadRequest, TooLarge
from pioche.git import wire
from pioche.git.objects import (
    MODE_FILE,
    MODE_LINK,
    MODE_TREE,
    NewObject,
    TreeEntry,
    build_commit,
    build_tree,
    object_id,
)
from pioche.git.packs import write_pack
from pioche.git.receive import COMMANDS_MAX, OBJECTS_MAX, Body, Disconnected, PackRefused, Quarantine
from pioche.git.snapshot import Ref, Snapshot
from pioche.git.store import GitStore
from pioche.names import NULL_OID, Oid
from tests.unit.git.conftest import AUTHOR, UID, Git

Make = Callable[..., Oid]
LIMIT = 10 * 2**20


async def _pieces(data: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(data), 1000):
        yield data[start : start + 1000]


def _take(quarantine: Quarantine, data: bytes, limit: int = LIMIT) -> None:
    asyncio.run(quarantine.take(Body(_pieces(data), LIMIT), limit))


def _quarantine(store: GitStore, *refs: Ref) -> Snapshot:
    return Snapshot(store.scratch, store.path(UID), store.open(UID).seed, refs)


def _pack(folder: Path, *objects: NewObject) -> bytes:
    name = write_pack(folder, objects)
    return (folder / f"pack-{name}.pack").read_bytes()


def _commit(tree: bytes, *parents: Oid) -> tuple[Oid, NewObject]:
    data = build_commit(object_id("tree", tree), parents, AUTHOR, AUTHOR, "m")
    return object_id("commit", data), ("commit", data)


def _tree_of(*entries: TreeEntry) -> bytes:
    return build_tree(entries)


FILE = ("blob", b"content\n")
FILE_OID = object_id(*FILE)


def test_a_pack_is_checked_listed_and_adopted(store: GitStore, git: Git, tmp_path: Path) -> None:
    inner = _tree_of(TreeEntry(MODE_FILE, "deep file", object_id("blob", b"other")))
    tree = _tree_of(TreeEntry(MODE_FILE, "é", FILE_OID), TreeEntry(MODE_TREE, "dir", object_id("tree", inner)))
    tip, commit = _commit(tree)
    data = _pack(tmp_path, FILE, ("blob", b"other"), ("tree", inner), ("tree", tree), commit)
    with _quarantine(store) as snapshot:
        quarantine = Quarantine(snapshot)
        _take(quarantine, data)
        found = {item.path: (item.kind, item.size) for item in quarantine.new_objects([tip])}
        assert found["é"] == ("blob", len(FILE[1]))
        assert found["dir"] == ("tree", len(inner))
        assert list(quarantine.contents([FILE_OID, object_id("tree", tree)], 4)) == [
            (FILE_OID, b"cont"),
            (object_id("tree", tree), tree[:4]),
        ]
        assert quarantine.objects.commit(tip).tree == object_id("tree", tree)
        assert tip not in store.open(UID)
        store.adopt(UID, quarantine.packs)
    git("fsck", "--full", "--strict")
    assert store.open(UID).blob(FILE_OID) == FILE[1]
    assert not list(store.scratch.iterdir())


def test_only_what_no_ref_has_is_new(store: GitStore, commit: Make, tmp_path: Path) -> None:
    first = commit(None, {"old": b"old"})
    root = store.open(UID).tree(store.open(UID).commit(first).tree)
    tree = _tree_of(*root, TreeEntry(MODE_FILE, "new", FILE_OID))
    tip, new = _commit(tree, first)
    with _quarantine(store, Ref("refs/heads/main", first)) as snapshot:
        quarantine = Quarantine(snapshot)
        _take(quarantine, _pack(tmp_path, FILE, ("tree", tree), new))
        assert {item.oid for item in quarantine.new_objects([tip])} == {FILE_OID, object_id("tree", tree), tip}


def test_a_thin_pack_is_completed(store: GitStore, commit: Make, git: Git, tmp_path: Path) -> None:
    base = commit(None, {"a": bytes(range(256)) * 40})
    old = store.open(UID).find(store.open(UID).commit(base).tree, "a")
    assert old
    changed = bytes(range(256)) * 40 + b"more"
    delta = b"\x80\x50\x84\x50" + b"\xb0\x00\x28" + b"\x04more"
    record = _header(7, len(delta)) + bytes.fromhex(old.oid) + zlib.compress(delta)
    tree = _tree_of(TreeEntry(MODE_FILE, "a", object_id("blob", changed)))
    _, new = _commit(tree, base)
    others = [_header(2, len(tree)) + zlib.compress(tree), _header(1, len(new[1])) + zlib.compress(new[1])]
    with _quarantine(store, Ref("refs/heads/main", base)) as snapshot:
        quarantine = Quarantine(snapshot)
        _take(quarantine, _raw_pack(record, *others))
        store.adopt(UID, quarantine.packs)
    assert store.open(UID).blob(object_id("blob", changed)) == changed
    git("fsck", "--full", "--strict")


def _header(kind: int, size: int) -> bytes:
    out, byte, size = bytearray(), kind << 4 | size & 15, size >> 4
    while size:
        out.append(byte | 0x80)
        byte, size = size & 0x7F, size >> 7
    return bytes([*out, byte])


def _raw_pack(*records: bytes, count: int | None = None) -> bytes:
    body = b"PACK" + struct.pack(">LL", 2, len(records) if count is None else count) + b"".join(records)
    return body + hashlib.sha1(body).digest()


def test_a_thin_pack_whose_base_nobody_has(store: GitStore) -> None:
    delta = b"\x05\x05\x05hello"
    record = _header(7, len(delta)) + b"\xab" * 20 + zlib.compress(delta)
    with _quarantine(store) as snapshot, pytest.raises(PackRefused, match="delta"):
        _take(Quarantine(snapshot), _raw_pack(record))


def test_a_delta_that_names_itself(store: GitStore) -> None:
    delta = b"\x05\x05\x05hello"
    own = object_id("blob", b"hello")
    record = _header(7, len(delta)) + bytes.fromhex(own) + zlib.compress(delta)
    with _quarantine(store) as snapshot, pytest.raises(PackRefused):
        _take(Quarantine(snapshot), _raw_pack(record))


def test_a_delta_bomb_costs_only_itself(store: GitStore) -> None:
    """Some kilobytes that unfold to 64 GiB: git gets no such memory."""
    base = b"\0" * 65536
    size = 1_048_576 * 65536
    varint = bytearray()
    left = size
    while left > 0x7F:
        varint.append(left & 0x7F | 0x80)
        left >>= 7
    varint.append(left)
    delta = b"\x80\x80\x04" + bytes(varint) + b"\x80" * 1_048_576  # each byte copies the whole base
    records = [
        _header(3, len(base)) + zlib.compress(base),
        _header(7, len(delta)) + bytes.fromhex(object_id("blob", base)) + zlib.compress(delta),
    ]
    data = _raw_pack(*records)
    assert len(data) < 4000
    with _quarantine(store) as snapshot, pytest.raises(PackRefused):
        _take(Quarantine(snapshot), data)


@pytest.mark.parametrize(
    "entry",
    [
        TreeEntry(MODE_FILE, ".git", FILE_OID),
        TreeEntry(MODE_FILE, ".GIT", FILE_OID),
        TreeEntry(MODE_FILE, "git~1", FILE_OID),
        TreeEntry(MODE_FILE, "..", FILE_OID),
        TreeEntry(MODE_FILE, ".g\u200dit", FILE_OID),
        TreeEntry(MODE_LINK, ".gitmodules", FILE_OID),
    ],
)
def test_trees_that_git_calls_unsafe(store: GitStore, tmp_path: Path, entry: TreeEntry) -> None:
    tree = _tree_of(entry)
    _, new = _commit(tree)
    with _quarantine(store) as snapshot, pytest.raises(PackRefused):
        _take(Quarantine(snapshot), _pack(tmp_path, FILE, ("tree", tree), new))


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("tree", b"100644 a/b\0" + bytes.fromhex(FILE_OID)),
        ("tree", b"0100644 a\0" + bytes.fromhex(FILE_OID)),
        ("tree", (b"100644 a\0" + bytes.fromhex(FILE_OID)) * 2),
        ("tree", b"100644 b\0" + bytes.fromhex(FILE_OID) + b"100644 a\0" + bytes.fromhex(FILE_OID)),
        ("commit", b"nonsense"),
        ("commit", b"tree " + FILE_OID.encode() + b"\nauthor a\nb <c> 1 +0000\ncommitter a <c> 1 +0000\n\n"),
        ("tag", b"object " + FILE_OID.encode() + b"\ntype blob\n"),
    ],
)
def test_objects_that_are_malformed(store: GitStore, tmp_path: Path, kind: str, data: bytes) -> None:
    with _quarantine(store) as snapshot, pytest.raises(PackRefused):
        _take(Quarantine(snapshot), _pack(tmp_path, FILE, (kind, data)))


def test_a_commit_whose_tree_is_missing(store: GitStore, tmp_path: Path) -> None:
    _, commit = _commit(_tree_of(TreeEntry(MODE_FILE, "a", FILE_OID)))
    with _quarantine(store) as snapshot, pytest.raises(PackRefused):
        _take(Quarantine(snapshot), _pack(tmp_path, commit))


def test_a_ref_to_an_object_that_nobody_has(store: GitStore, tmp_path: Path) -> None:
    with _quarantine(store) as snapshot:
        quarantine = Quarantine(snapshot)
        _take(quarantine, _pack(tmp_path, FILE))
        with pytest.raises(Disconnected):
            list(quarantine.new_objects([Oid("f" * 40)]))


@pytest.mark.parametrize(
    "data",
    [b"", b"PAC", b"JUNK" + bytes(40), b"PACK" + struct.pack(">LL", 9, 1) + bytes(30)],
)
def test_what_is_no_pack(store: GitStore, data: bytes) -> None:
    with _quarantine(store) as snapshot, pytest.raises(BadRequest):
        _take(Quarantine(snapshot), data)


@pytest.mark.parametrize(
    "data", [_raw_pack(b"garbage"), _raw_pack(count=3), _raw_pack(b"\x30\x78\x9c\x03\x00\x00\x00\x00\x01")[:-1] + b"x"]
)
def test_a_pack_that_is_broken(store: GitStore, data: bytes) -> None:
    with _quarantine(store) as snapshot, pytest.raises(PackRefused) as refused:
        _take(Quarantine(snapshot), data)
    assert str(store.root) not in str(refused.value)
    assert str(store.scratch) not in str(refused.value)


def test_too_many_objects_and_too_many_bytes(store: GitStore, tmp_path: Path) -> None:
    data = _pack(tmp_path, ("blob", bytes(range(256)) * 400))
    with _quarantine(store) as snapshot:
        with pytest.raises(PackRefused, match="objects"):
            _take(Quarantine(snapshot), b"PACK" + struct.pack(">LL", 2, OBJECTS_MAX + 1) + bytes(100))
        with pytest.raises(PackRefused, match="maximum"):
            _take(Quarantine(snapshot), data, limit=100)
        with pytest.raises(TooLarge):
            asyncio.run(Quarantine(snapshot).take(Body(_pieces(data), 300), LIMIT))


def test_a_push_of_no_objects(store: GitStore) -> None:
    with _quarantine(store) as snapshot:
        quarantine = Quarantine(snapshot)
        _take(quarantine, _raw_pack())
        assert quarantine.packs == []


def test_commands_come_before_the_pack() -> None:
    line = f"{NULL_OID} {FILE_OID} refs/heads/main\0report-status".encode()

    async def read() -> tuple[wire.Commands | None, bytes]:
        body = Body(_pieces(wire.packet(line) + wire.FLUSH + b"PACK and so on"), LIMIT)
        return await body.commands(), b"".join([piece async for piece in body.rest()])

    commands, rest = asyncio.run(read())
    assert commands
    assert commands.commands[0].ref == "refs/heads/main"
    assert rest == b"PACK and so on"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"00",
        wire.packet(b"x" * 45),
        b"zz",
        wire.packet(f"{NULL_OID} {FILE_OID} r") * (COMMANDS_MAX + 2) + b"0000",
    ],
)
def test_commands_that_do_not_end(data: bytes) -> None:
    with pytest.raises(BadRequest):
        asyncio.run(Body(_pieces(data), LIMIT).commands())


def test_the_probe_that_git_sends_first() -> None:
    assert asyncio.run(Body(_pieces(b"0000"), LIMIT).commands()) is None


def test_a_very_deep_tree_is_refused_or_harmless(store: GitStore, tmp_path: Path) -> None:
    data = _tree_of(TreeEntry(MODE_FILE, "f", FILE_OID))
    objects: list[NewObject] = [FILE, ("tree", data)]
    for _ in range(3000):
        data = _tree_of(TreeEntry(MODE_TREE, "d", object_id("tree", data)))
        objects.append(("tree", data))
    tip, commit = _commit(data)
    with _quarantine(store) as snapshot:
        quarantine = Quarantine(snapshot)
        _take(quarantine, _pack(tmp_path, *objects, commit))
        assert max(item.path.count("/") for item in quarantine.new_objects([tip])) == 3000


def test_git_itself_made_the_pack(store: GitStore, tmp_path: Path) -> None:
    work = tmp_path / "work"
    subprocess.run(["git", "init", "-q", str(work)], check=True)
    for n in range(3):
        (work / "f").write_text("line\n" * 1000 + str(n))
        subprocess.run(["git", "-C", str(work), "add", "."], check=True)
        who = ["-c", "user.name=a", "-c", "user.email=a@b"]
        subprocess.run(["git", "-C", str(work), *who, "commit", "-qm", str(n)], check=True)
    tip = subprocess.run(["git", "-C", str(work), "rev-parse", "HEAD"], check=True, capture_output=True).stdout
    pack = subprocess.run(
        ["git", "-C", str(work), "pack-objects", "--revs", "--stdout", "-q"], input=tip, check=True, capture_output=True
    ).stdout
    with _quarantine(store) as snapshot:
        quarantine = Quarantine(snapshot)
        _take(quarantine, pack)
        assert len(list(quarantine.new_objects([Oid(tip.decode().strip())]))) == 9
