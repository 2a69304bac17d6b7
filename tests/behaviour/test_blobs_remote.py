"""A store behind a bad network (A12): what passes is waited out, what stays is Unavailable, and nothing is "not there"."""

import os
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pioche.errors import ConfigError, Corrupt, OutOfSpace, Unavailable
from pioche.storage.blobs import BlobStore, HasSignedUrls, blob_key
from pioche.storage.blobs.connect import check, open_store
from pioche.storage.blobs.remote import RemoteBlobs
from tests.behaviour.stores import config_of
from tests.faultystore import PASSING, Fault, FaultyStore
from tests.objectstore import ObjectStore

MIB = 2**20
KEY = blob_key("ab" * 32)
SMALL, LARGE = os.urandom(100_000), os.urandom(20 * MIB + 7)


@pytest.fixture
def faulty(object_store: ObjectStore) -> Iterator[FaultyStore]:
    with FaultyStore(object_store) as proxy:
        yield proxy


@pytest.fixture
def blobs(faulty: FaultyStore, tmp_path: Path) -> RemoteBlobs:
    """Tries as a hub does, but without the long pauses."""
    return open_store(config_of(faulty.store, tmp_path, storage_timeout_seconds=1), pauses=(0.01, 0.02, 0.05))


@pytest.fixture
def hasty(faulty: FaultyStore, tmp_path: Path) -> RemoteBlobs:
    """Tries once."""
    return open_store(config_of(faulty.store, tmp_path, storage_timeout_seconds=1), attempts=0, pauses=())


def draft(folder: Path, data: bytes) -> Path:
    path = folder / f"draft-{os.urandom(6).hex()}"
    path.write_bytes(data)
    return path


def whole(blobs: BlobStore, key: str = KEY) -> bytes:
    return b"".join(blobs.read(key, 0, blobs.size(key)))


TRIED = [(SMALL, fault) for fault in (*PASSING, Fault.HANG)] + [(LARGE, fault) for fault in PASSING]


@pytest.mark.parametrize(("data", "fault"), TRIED, ids=lambda value: value if isinstance(value, str) else len(value))
def test_what_passes_is_tried_again(
    blobs: RemoteBlobs, faulty: FaultyStore, tmp_path: Path, data: bytes, fault: Fault
) -> None:
    faulty.next(fault)
    blobs.put(KEY, draft(tmp_path, data))
    faulty.next(fault)
    assert blobs.size(KEY) == len(data)
    faulty.next(fault)
    assert b"".join(blobs.read(KEY, 0, len(data))) == data
    faulty.next(fault)
    assert b"".join(blobs.read(KEY, 50_000, 60_000)) == data[50_000:60_000]
    faulty.next(fault)
    assert [stored.size for stored in blobs.list("blobs")] == [len(data)]
    faulty.next(fault)
    blobs.move(KEY, f"quarantine/{KEY}")
    assert blobs.size(KEY) is None
    assert whole(blobs, f"quarantine/{KEY}") == data
    faulty.next(fault)
    blobs.delete(f"quarantine/{KEY}")
    assert list(blobs.list("quarantine")) == []
    assert faulty.faults == 7


def test_a_read_goes_on_where_it_broke_off(blobs: RemoteBlobs, faulty: FaultyStore, tmp_path: Path) -> None:
    blobs.put(KEY, draft(tmp_path, LARGE))
    faulty.requests.clear()
    faulty.next(*[Fault.TRUNCATED] * 6)
    assert b"".join(blobs.read(KEY, 3, len(LARGE))) == LARGE[3:]
    assert 6 < sum(request.startswith("GET") for request in faulty.requests) < 20


@pytest.mark.parametrize(
    ("fault", "expected"),
    [(fault, Unavailable) for fault in (Fault.ERROR, Fault.SLOW_DOWN, Fault.DROP, Fault.DENIED)]
    + [(Fault.FULL, OutOfSpace)],
)
def test_what_stays_is_said_and_never_taken_for_absence(
    hasty: RemoteBlobs, faulty: FaultyStore, tmp_path: Path, fault: Fault, expected: type[Exception]
) -> None:
    hasty.put_bytes(KEY, SMALL)
    faulty.always(fault)
    calls: list[Callable[[], object]] = [
        lambda: hasty.size(KEY),
        lambda: hasty.size(blob_key("cd" * 32)),
        lambda: list(hasty.read(KEY, 0, 10)),
        lambda: list(hasty.list("blobs")),
        lambda: hasty.put_bytes(blob_key("cd" * 32), b"x"),
        lambda: hasty.put(blob_key("cd" * 32), draft(tmp_path, LARGE)),
        lambda: hasty.delete(KEY),
        lambda: hasty.move(KEY, "elsewhere"),
    ]
    for call in calls:
        with pytest.raises(Unavailable if expected is Unavailable else (OutOfSpace, Unavailable)) as caught:
            call()
        assert "127.0.0.1" not in str(caught.value), "no address of the store leaves it"
    if fault is Fault.FULL:
        with pytest.raises(OutOfSpace):
            calls[4]()
    faulty.well()
    assert whole(hasty) == SMALL, "nothing was lost"
    assert hasty.size(blob_key("cd" * 32)) is None, "nothing is there by half"


def test_a_draft_is_kept_until_its_bytes_are(hasty: RemoteBlobs, faulty: FaultyStore, tmp_path: Path) -> None:
    source = draft(tmp_path, LARGE)
    faulty.always(Fault.ERROR)
    with pytest.raises(Unavailable):
        hasty.put(KEY, source)
    assert source.read_bytes() == LARGE
    faulty.well()
    hasty.put(KEY, source)
    assert whole(hasty) == LARGE


def test_an_object_that_lost_its_end_is_corrupt_and_mended_by_putting_it_again(
    object_store: ObjectStore, tmp_path: Path
) -> None:
    blobs = open_store(config_of(object_store, tmp_path))
    blobs.put_bytes(KEY, SMALL[:-1])
    with pytest.raises(Corrupt):
        list(blobs.read(KEY, 0, len(SMALL)))
    with pytest.raises(Corrupt):
        list(blobs.read(KEY, len(SMALL) - 1, len(SMALL)))
    blobs.put(KEY, draft(tmp_path, SMALL))
    assert whole(blobs) == SMALL


def test_what_the_store_cannot_copy_by_itself_is_copied_through_us(object_store: ObjectStore, tmp_path: Path) -> None:
    """S3 copies up to 5 GiB; here, less."""
    small = open_store(config_of(object_store, tmp_path))
    blobs = RemoteBlobs(small._store, copy_bytes_max=MIB)
    blobs.put(KEY, draft(tmp_path, LARGE))
    blobs.move(KEY, "elsewhere")
    assert blobs.size(KEY) is None
    assert whole(blobs, "elsewhere") == LARGE


def test_memory_is_bounded_however_large_the_file(object_store: ObjectStore, tmp_path: Path) -> None:
    """What Python holds; what obstore holds is bounded by the number of parts it is given."""
    blobs = open_store(config_of(object_store, tmp_path))
    source = draft(tmp_path, LARGE)
    tracemalloc.start()
    try:
        blobs.put(KEY, source)
        for _ in blobs.read(KEY, 0, len(LARGE)):
            pass
        assert tracemalloc.get_traced_memory()[1] < 8 * MIB
    finally:
        tracemalloc.stop()


def test_addresses_are_signed_only_with_keys_that_are_ours(object_store: ObjectStore, tmp_path: Path) -> None:
    assert isinstance(open_store(config_of(object_store, tmp_path)), HasSignedUrls)
    unnamed = {"storage_access_key": "", "storage_secret_key": ""}
    assert not isinstance(open_store(config_of(object_store, tmp_path, **unnamed)), HasSignedUrls)


# --- J5: a mistake in the settings ------------------------------------------------------------------------------------


def test_j5_a_store_that_works_is_used(object_store: ObjectStore, tmp_path: Path) -> None:
    config = config_of(object_store, tmp_path)
    check(config)
    assert list(open_store(config).list("")) == [], "the look at it leaves nothing"


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({"storage_access_key": "WRONG"}, "storage_access_key"),
        ({"storage_secret_key": "WRONG"}, "storage_secret_key"),
        ({"storage_url": "s3://no-such-bucket"}, "storage_url"),
        ({"storage_endpoint": "http://127.0.0.1:1"}, "storage_endpoint"),
    ],
    ids=lambda value: value if isinstance(value, str) else next(iter(value)),
)
def test_j5_a_mistake_names_its_setting(
    object_store: ObjectStore, tmp_path: Path, settings: dict[str, str], key: str
) -> None:
    if not object_store.checks_signatures and "key" in key:
        pytest.skip("moto checks no keys")
    config = config_of(object_store, tmp_path, **settings)
    with pytest.raises(ConfigError) as caught:
        check(config)
    assert caught.value.key == key
    assert config.storage_secret_key not in str(caught.value)
