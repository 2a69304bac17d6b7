import asyncio
from collections.abc import Callable

from pioche.git import wire
from pioche.git.genesis import genesis
from pioche.git.snapshot import Ref, Snapshot
from pioche.git.store import GitStore
from pioche.git.upload import foreign_wants, upload_pack
from pioche.names import Oid
from tests.unit.git.conftest import AUTHOR, UID

Make = Callable[..., Oid]


def _snapshot(store: GitStore, refs: list[Ref]) -> Snapshot:
    return Snapshot(store.scratch, store.path(UID), store.open(UID).seed, refs)


def _fetch(want: Oid) -> bytes:
    return (
        wire.packet("command=fetch") + wire.DELIMITER + wire.packet(f"want {want}") + wire.packet("done") + wire.FLUSH
    )


async def _all(snapshot: Snapshot, body: bytes) -> bytes:
    return b"".join([piece async for piece in upload_pack(snapshot, body, 2)])


def test_a_fetch_brings_a_pack_and_leaves_nothing(store: GitStore, commit: Make) -> None:
    tip = commit(None, {"a": b"1"})
    answer = asyncio.run(_all(_snapshot(store, [Ref("refs/heads/main", tip)]), _fetch(tip)))
    assert answer.startswith(wire.packet("packfile\n"))
    assert b"PACK" in answer
    assert not list(store.scratch.iterdir())


def test_a_fetch_from_a_repo_without_files(store: GitStore) -> None:
    oid, seed = genesis(AUTHOR, "initial commit", {"README.md": b"hi"})
    store.open(UID, seed)
    answer = asyncio.run(_all(_snapshot(store, [Ref("refs/heads/main", oid)]), _fetch(oid)))
    assert b"PACK" in answer
    assert not store.exists(UID)


def test_a_reader_who_stops_ends_git(store: GitStore, commit: Make) -> None:
    tip = commit(None, {f"f{n}": bytes(range(256)) * 400 + b"%d" % n for n in range(50)})

    async def leave() -> None:
        pieces = upload_pack(_snapshot(store, [Ref("refs/heads/main", tip)]), _fetch(tip), 2)
        await anext(pieces)
        await pieces.aclose()

    asyncio.run(leave())
    assert not list(store.scratch.iterdir())


def test_a_broken_request_ends_by_itself(store: GitStore, commit: Make) -> None:
    tip = commit(None, {"a": b"1"})
    asyncio.run(_all(_snapshot(store, [Ref("refs/heads/main", tip)]), b"0032want nonsense"))
    assert not list(store.scratch.iterdir())


def test_e_git_1_only_what_a_ref_leads_to_may_be_wanted(store: GitStore, commit: Make) -> None:
    first = commit(None, {"a": b"1", "d/b": b"2"})
    tip = commit(first, {"a": b"3"})
    hidden = commit(first, {"secret": b"s"})
    objects = store.open(UID)
    secret = objects.find(objects.commit(hidden).tree, "secret")
    old_blob = objects.find(objects.commit(first).tree, "a")
    assert secret
    assert old_blob
    refs = [Ref("refs/heads/main", tip)]
    with _snapshot(store, refs) as snapshot:

        def foreign(*wants: Oid) -> Oid | None:
            return foreign_wants(snapshot, objects, refs, wants)

        assert foreign(tip) is None
        assert foreign(first, tip) is None
        assert foreign(old_blob.oid, objects.commit(tip).tree, first) is None
        assert foreign(hidden) == hidden
        assert foreign(tip, secret.oid) == secret.oid
        assert foreign(objects.commit(hidden).tree) == objects.commit(hidden).tree
        assert foreign(Oid("f" * 40)) == "f" * 40
