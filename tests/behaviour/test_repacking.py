"""Xorbs that are mostly dead are written anew; the files that are made of them stay what they are."""

import pytest
import sqlalchemy as sa

from pioche.accounts.callers import Caller
from pioche.db import schema
from pioche.repos.access import Action, Repo
from pioche.storage.blobs import xorb_key
from pioche.storage.xet.hashing import from_text, to_text
from pioche.storage.xet.xorbs import verify
from pioche.upkeep.collection.options import Options
from pioche.upkeep.collection.report import Report
from pioche.upkeep.collection.run import Collector
from tests.core import Core, text
from tests.xet_client import File, Term, Xorb, chunk, drafted, make, shard_of


def collect(core: Core, **options: bool) -> Report:
    hub = core.hub
    return Collector(hub.config, hub.database, hub.blobs, hub.access.stores.git).run(Options(**options))


def send(core: Core, repo: Repo, who: Caller, files: list[File], xorbs: list[Xorb]) -> None:
    for xorb in xorbs:
        draft = drafted(core.hub.config.data_dir / "incoming", xorb.body)
        core.hub.xet.uploads.put_xorb(repo.id, who.user_id, xorb.name, draft)
    core.hub.xet.uploads.register(repo.id, who.user_id, shard_of(files, xorbs), lambda ids: set(ids))


def age(core: Core) -> None:
    with core.hub.database.write() as connection:
        for table in (schema.contents, schema.repo_contents, schema.xorbs):
            connection.execute(table.update().values(created_at=0))
        for table in (schema.xorb_uploads, schema.remembered_xorbs):
            connection.execute(table.update().values(at=0))


def stored(core: Core) -> dict[str, int]:
    return {one.key.rpartition("/")[2]: one.size for one in core.hub.blobs.list("xet/xorbs")}


@pytest.fixture
def xorbs() -> list[Xorb]:
    """Two of about 600 and 900 kB, the second with compressed chunks."""
    one, two = chunk(make("sparse one", 600_000)), chunk(b"words and words " * 30_000 + make("sparse two", 900_000))
    return [Xorb(one), Xorb(two, [index % 3 for index in range(len(two))])]


@pytest.fixture
def kept(core: Core, ada: Caller, repo: Repo, xorbs: list[Xorb]) -> list[File]:
    """Files of a few chunks of each, in two repos; all others are of files that were removed."""
    one, two = xorbs
    other = core.repo(ada, "ada/other")
    small = File([Term(one, 1, 2)])
    mixed = File([Term(two, 3, 4), Term(one, 1, 3), Term(two, 0, 1), Term(one, 2, 3)])
    garbage = [File([Term(one, 0, len(one.chunks))]), File([Term(two, 0, len(two.chunks))])]
    send(core, repo, ada, [small, *garbage], xorbs)
    send(core, other, ada, [mixed], xorbs)
    core.commit(repo, ada, {"small.bin": small.sha256})  # type: ignore[dict-item]
    core.commit(other, ada, {"mixed.bin": mixed.sha256})  # type: ignore[dict-item]
    age(core)
    return [small, mixed]


def assert_whole(core: Core, ada: Caller, kept: list[File]) -> None:
    small, mixed = kept
    assert text(core.open(ada, "ada/words"), "small.bin") == small.data
    assert text(core.open(ada, "ada/other"), "mixed.bin") == mixed.data
    for start, end in ((0, 1), (1000, len(mixed.data) - 5), (len(mixed.data) - 1, len(mixed.data))):
        assert b"".join(core.hub.xet.files.read(to_text(mixed.name), start, end)) == mixed.data[start:end]


def test_living_chunks_move_and_files_stay_the_same(
    core: Core, ada: Caller, repo: Repo, xorbs: list[Xorb], kept: list[File]
) -> None:
    before = sum(stored(core).values())
    report = collect(core)
    assert report.rewritten > 0
    assert report.skipped == []
    (new,) = set(stored(core)) - {to_text(xorb.name) for xorb in xorbs}
    assert_whole(core, ada, kept)
    with (core.hub.config.data_dir / xorb_key(new)).open("rb") as body:
        verify([body.read()], from_text(new))
    with core.hub.database.read() as connection:
        assert set(connection.execute(sa.select(schema.xet_file_xorbs.c.xorb)).scalars()) == {new}
        holders = sa.select(schema.repo_xorbs.c.repo_id).where(schema.repo_xorbs.c.hash == new)
        assert len(connection.execute(holders).all()) == 2
        assert list(connection.execute(sa.select(schema.xet_chunks.c.xorb).where(schema.xet_chunks.c.xorb == new)))
    # The old ones go in the next run, when nobody reads them any more.
    assert collect(core).rewritten == 0
    assert set(stored(core)) == {new}
    assert stored(core)[new] < before / 2
    assert_whole(core, ada, kept)
    send(core, repo, ada, [File([Term(xorbs[0], 0, 3)])], xorbs)
    assert_whole(core, ada, kept)


def test_chunks_that_came_twice_are_kept_once(core: Core, ada: Caller, repo: Repo) -> None:
    """Somebody without a memory sends in other xorbs what is there: the file stays as it is, and those go."""
    chunks = chunk(make("twice", 400_000))
    first, second = Xorb(chunks), Xorb([*chunks, b"one more"])
    file, again = File([Term(first, 0, len(chunks))]), File([Term(second, 0, len(chunks))])
    assert file.name == again.name
    other = core.repo(ada, "ada/other")
    for one, sent, xorb in ((repo, file, first), (other, again, second)):
        send(core, one, ada, [sent], [xorb])
        core.commit(one, ada, {"a.bin": file.sha256})  # type: ignore[dict-item]
    assert len(stored(core)) == 2
    age(core)
    collect(core)
    assert set(stored(core)) == {to_text(first.name)}
    core.hub.catalog.delete(ada, core.open(ada, "ada/words", Action.MANAGE))
    collect(core, now=True)
    assert text(core.open(ada, "ada/other"), "a.bin") == file.data


def test_what_clients_remember_is_left_as_it_is(core: Core, ada: Caller, xorbs: list[Xorb], kept: list[File]) -> None:
    with core.hub.database.write() as connection:
        connection.execute(schema.remembered_xorbs.update().values(at=2**50))
    assert collect(core).rewritten == 0
    epochs = sa.select(schema.repos.c.epoch).order_by(schema.repos.c.id)
    assert collect(core, now=True, dry_run=True).rewritten > 0
    report = collect(core, now=True)
    assert report.rewritten > 0
    assert len(stored(core)) == 1
    with core.hub.database.read() as connection:
        assert all(epoch > 1 for epoch in connection.execute(epochs).scalars())
    assert_whole(core, ada, kept)


def test_a_damaged_one_is_left_alone(core: Core, ada: Caller, xorbs: list[Xorb], kept: list[File]) -> None:
    key = xorb_key(to_text(xorbs[0].name))
    path = core.hub.config.data_dir / key
    data = bytearray(path.read_bytes())
    data[len(xorbs[0].chunks[0]) + 100] ^= 1  # in the second chunk, which is alive
    path.write_bytes(data)
    report = collect(core)
    assert (len(report.skipped), report.rewritten) == (1, 0)
    assert set(stored(core)) >= {to_text(xorb.name) for xorb in xorbs}
