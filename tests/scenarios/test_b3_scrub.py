"""B3, B4: a bit flips, a file is cut off or goes: scrub lists exactly that, the rest is served, and uploading it again mends."""

import asyncio
from collections.abc import Callable

import pytest

from pioche.errors import Corrupt
from pioche.observe import metrics
from pioche.upkeep import scrub
from pioche.upkeep.scrub import Found, Scrubber
from tests.damage import CHUNKED, IN_BUCKET, TWIN, WHOLE, World, sha256
from tests.stored import Stored, cut, flip, moved, remove, zero

_RATE = 2**40

_LONG = pytest.param("cluster", marks=pytest.mark.long)
both = pytest.mark.parametrize("sound_world", ["disk", _LONG], indirect=True)
"""Over SQLite and a disk, and over PostgreSQL and an object store."""


def scrubbed(world: World, *, rate: int = _RATE, period_ms: int = 0) -> tuple[Found, ...]:
    """What a whole pass finds."""
    scrubber = Scrubber(world.scene(), bytes_per_second=rate, looks_per_second=_RATE, period_ms=period_ms)
    while scrubber.run(seconds=60):
        continue
    last = scrub.notes(world.core.hub.database).last
    assert last is not None
    assert last.finished_at is not None
    return last.found


@both
def test_a_sound_hub(sound_world: World) -> None:
    assert scrubbed(sound_world) == ()
    last = scrub.notes(sound_world.core.hub.database).last
    assert last is not None
    blobs = sound_world.core.hub.blobs
    stored = sum(stored.size for place in ("blobs", "xet") for stored in blobs.list(place))
    packs = sound_world.packs()
    assert last.bytes >= stored + sum(path.stat().st_size - 20 for path in packs)
    assert b"pioche_scrubbed_bytes_total" in metrics.exposition()


_HARMS: list[tuple[str, Callable[[Stored], None]]] = [
    (kind, harm) for harm in (flip, cut, zero, remove) for kind in ("blob", "xorb")
]
_SOON_ON_A_CLUSTER = (("xorb", flip),)
_BOTH = [
    *(pytest.param("disk", kind, harm, id=f"{kind}-{harm.__name__}") for kind, harm in _HARMS),
    *(
        pytest.param(
            "cluster",
            kind,
            harm,
            id=f"{kind}-{harm.__name__}-cluster",
            marks=() if (kind, harm) in _SOON_ON_A_CLUSTER else pytest.mark.long,
        )
        for kind, harm in _HARMS
    ),
]


@pytest.mark.parametrize(("sound_world", "kind", "harm"), _BOTH, indirect=["sound_world"])
def test_exactly_what_is_damaged_is_listed_and_an_upload_mends_it(
    sound_world: World, kind: str, harm: Callable[[Stored], None]
) -> None:
    world, data = sound_world, {"blob": WHOLE, "xorb": CHUNKED}[kind]
    key = world.key(kind, data)
    harm(world.stored(key))
    (found,) = scrubbed(world)
    assert found.kind.startswith(f"{kind}-")
    assert found.subject == key
    with pytest.raises(Corrupt):
        world.read(data)
    for other in {WHOLE, TWIN, CHUNKED} - {data}:
        assert world.read(other) == other
    assert world.read(IN_BUCKET, world.bucket) == IN_BUCKET
    assert scrubbed(world) == ()  # it is known; nothing else is wrong
    if kind == "blob":
        world.core.upload(world.repo, world.ada, data)
    else:
        world.upload_chunks(world.repo, data)
    assert world.read(data) == data
    assert world.fsck().is_whole
    assert scrubbed(world) == ()


@both
def test_a_file_that_is_there_as_chunks_too_is_served_from_them(sound_world: World) -> None:
    flip(sound_world.blob(TWIN))
    (found,) = scrubbed(sound_world)
    assert (found.kind, "chunks" in found.done) == ("blob-damaged", True)
    assert sound_world.read(TWIN) == TWIN
    assert sound_world.stored(f"quarantine/{found.subject}").exists()


@both
def test_what_is_lost_is_an_error_for_head_too_and_asked_for_again(sound_world: World) -> None:
    flip(sound_world.blob(WHOLE))
    scrubbed(sound_world)
    contents = sound_world.core.hub.contents
    assert contents.get(sound_world.repo.id, sha256(WHOLE)).kind == "lost"
    with pytest.raises(Corrupt):
        asyncio.run(contents.locate(sound_world.repo.id, sha256(WHOLE)))


@pytest.mark.parametrize("suffix", [".pack", ".idx"])
def test_a_pack_of_git_objects(sound_world: World, suffix: str) -> None:
    path = sound_world.packs()[0].with_suffix(suffix)
    flip(moved(path) if suffix == ".idx" else path)
    (found,) = scrubbed(sound_world)
    assert (found.kind, found.subject) == (
        {".pack": "git-pack", ".idx": "git-index"}[suffix],
        str(path.relative_to(sound_world.config.data_dir)),
    )
    assert path.exists()


@both
def test_a_pass_goes_on_where_it_was_in_another_process(sound_world: World) -> None:
    flip(sound_world.blob(WHOLE))
    slices = 0
    while Scrubber(sound_world.scene(), bytes_per_second=_RATE, looks_per_second=_RATE, period_ms=0).run(seconds=0):
        slices += 1
    assert slices > 0
    last = scrub.notes(sound_world.core.hub.database).last
    assert last is not None
    assert [found.kind for found in last.found] == ["blob-damaged"]


def test_the_next_pass_waits_for_its_time(sound_world: World) -> None:
    assert scrubbed(sound_world) == ()
    flip(sound_world.blob(WHOLE))
    assert scrubbed(sound_world, period_ms=86_400_000) == ()
    assert [found.kind for found in scrubbed(sound_world)] == ["blob-damaged"]


def test_it_reads_no_faster_than_it_may(sound_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    slept = list[float]()
    monkeypatch.setattr("pioche.upkeep.scrub.time.sleep", slept.append)
    scrubbed(sound_world, rate=100_000)
    last = scrub.notes(sound_world.core.hub.database).last
    assert last is not None
    assert sum(slept) > last.bytes / 100_000 / 2


def test_an_item_that_never_ends_is_left_out_in_the_end(sound_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hubs that restart more often than a huge file can be read."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(scrub, "_LONG_SECONDS", 0)
    for _ in range(3):
        with monkeypatch.context() as patch:
            patch.setattr("pioche.upkeep.fsck.contents.hashes", stop)
            with pytest.raises(KeyboardInterrupt):
                scrubbed(sound_world)
    assert scrubbed(sound_world) == ()
    last = scrub.notes(sound_world.core.hub.database).last
    assert last is not None
    assert last.skipped == 1
