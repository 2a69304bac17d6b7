"""Counting downloads (docs/reference/downloads.md), on both databases."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from pioche.accounts.callers import Caller
from pioche.config import Config
from pioche.db import instance, schema
from pioche.db.dialect import upsert
from pioche.names import RepoType
from pioche.repos import downloads, info
from pioche.repos.access import Repo
from pioche.repos.downloads import DATASET_WINDOW_MS, DAY_MS, Download, Downloads
from pioche.upkeep import ranking
from tests.core import Core
from tests.inside import Inside


@pytest.fixture
def inside(config: Config) -> Iterator[Inside]:
    with Inside(config) as inside:
        yield inside
        assert inside.log.getvalue() == ""


def counted(core: Core, repo: Repo) -> tuple[int, int]:
    """In the last 30 days, and in all."""
    core.hub.downloads.flush()
    found = info.of_ids(core.hub.database, Caller.operator(), [repo.id])[0]
    return found.downloads, found.downloads_all


def know(core: Core, repo: Repo, library: str) -> None:
    with core.hub.database.write() as connection:
        insert = upsert(connection, schema.facts, ("repo_id",), ("library_name",))
        connection.execute(insert.values(repo_id=repo.id, library_name=library))


def test_the_query_file_of_a_model_counts_once_a_download(inside: Inside) -> None:
    ada = inside.user("ada")
    repo = inside.repo(ada, "ada/words")
    inside.commit(repo, ada, {"config.json": b"{}", "vocab.txt": b"a", "adapter_config.json": b"{}", "q.GGUF": b"g"})
    resolve = "/ada/words/resolve/main"
    for _ in range(3):  # the second and third answers are remembered ones
        inside.client.request("HEAD", f"{resolve}/config.json")
        inside.client.get(f"{resolve}/config.json")
        inside.client.get(f"{resolve}/vocab.txt")
    assert counted(inside, repo) == (3, 3)
    inside.client.get(f"{resolve}/config.json")  # without HEAD, as curl does
    inside.client.request("HEAD", f"{resolve}/q.GGUF")
    inside.client.request("HEAD", f"{resolve}/adapter_config.json")
    inside.client.get("/ada/words/raw/main/config.json")
    inside.client.get(f"{resolve}/absent/config.json")
    assert counted(inside, repo) == (5, 5)
    know(inside, repo, "peft")
    inside.client.request("HEAD", f"{resolve}/config.json")
    inside.client.request("HEAD", f"{resolve}/adapter_config.json")
    assert counted(inside, repo) == (6, 6)
    assert downloads.by_day(inside.hub.database, repo.id)[-1] == 6
    told = inside.client.get("/api/models/ada/words").json()
    assert (told["downloads"], told["downloadsAllTime"]) == (6, 6)


def test_parts_of_a_file_count_with_the_first(inside: Inside) -> None:
    ada = inside.user("ada")
    repo = inside.repo(ada, "ada/words")
    inside.commit(repo, ada, {"config.json": b"0123456789"})
    for part in ("bytes=0-3", "bytes=4-7", "bytes=8-"):
        inside.client.get("/ada/words/resolve/main/config.json", headers={"Range": part})
    assert counted(inside, repo) == (1, 1)


def test_what_is_refused_is_no_download(inside: Inside) -> None:
    ada = inside.user("ada")
    repo = inside.repo(ada, "ada/secret", private=True)
    inside.commit(repo, ada, {"config.json": b"{}"})
    assert inside.client.get("/ada/secret/resolve/main/config.json").status == 401
    assert counted(inside, repo) == (0, 0)


def test_a_reader_of_a_dataset_counts_once_in_five_minutes(inside: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    ada, bob = inside.user("ada"), inside.user("bob")
    repo = inside.repo(ada, "ada/rows", type=RepoType.DATASET)
    inside.commit(repo, ada, {"a.csv": b"1", "b.csv": b"2"})
    for name in ("a.csv", "b.csv", "a.csv"):
        inside.client.get(f"/datasets/ada/rows/resolve/main/{name}", token=inside.token(ada))
    assert counted(inside, repo) == (1, 1)
    inside.client.get("/datasets/ada/rows/resolve/main/b.csv", token=inside.token(bob))
    assert counted(inside, repo) == (2, 2)
    # Another process has not seen them, the database has.
    other, download = Downloads(inside.hub.database), Download(repo.id, "")
    for reader in (ada.user_id, bob.user_id, "192.0.2.1"):
        other.record(download, reader, is_head=False)
    other.flush()
    assert counted(inside, repo) == (3, 3)
    now = instance.now_ms()
    monkeypatch.setattr(instance, "now_ms", lambda: now + DATASET_WINDOW_MS + 1)
    later = Downloads(inside.hub.database)
    later.record(download, ada.user_id, is_head=False)
    later.flush()
    assert counted(inside, repo) == (4, 4)
    with inside.hub.database.read() as connection:
        readers = connection.execute(sa.select(schema.dataset_readers.c.reader)).scalars().all()
    assert len(readers) == 3
    assert not any(b"192" in bytes(reader) for reader in readers)


def test_a_repo_that_is_gone_costs_nobody_elses_count(core: Core) -> None:
    ada = core.user("ada")
    repo = core.repo(ada, "ada/words")
    counting = Downloads(core.hub.database)
    for repo_id in (10**9, repo.id):
        counting.record(Download(repo_id, "config.json"), "x", is_head=True)
        counting.record(Download(repo_id, ""), "x", is_head=True)
    counting.flush()
    assert counted(core, repo) == (2, 2)


def test_thirty_days_move_on_and_the_whole_stays(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    ada = core.user("ada")
    repo, other = core.repo(ada, "ada/words"), core.repo(ada, "ada/others")
    now = instance.now_ms()
    with core.hub.database.write() as connection:
        downloads.add(connection, {repo.id: 5, other.id: 1}, at=now - 29 * DAY_MS)
        downloads.add(connection, {repo.id: 7}, at=now - 3 * DAY_MS)
        downloads.add(connection, {repo.id: 1}, at=now)
    rank = ranking.Rank(core.hub.database)
    rank.run("", {})
    assert counted(core, repo) == (13, 13)
    monkeypatch.setattr(instance, "now_ms", lambda: now + DAY_MS)
    rank.run("", {})
    assert (counted(core, repo), counted(core, other)) == ((8, 13), (0, 1))
    # The hub was switched off for long: nothing of the days between is forgotten.
    monkeypatch.setattr(instance, "now_ms", lambda: now + 100 * DAY_MS)
    rank.run("", {})
    assert counted(core, repo) == (0, 13)


def test_what_is_downloaded_and_what_is_new_trends(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    ada = core.user("ada")
    liked, plain = core.repo(ada, "ada/liked"), core.repo(ada, "ada/plain")
    now = instance.now_ms()
    with core.hub.database.write() as connection:
        downloads.add(connection, {liked.id: 7})
    rank = ranking.Rank(core.hub.database)

    def scores() -> list[int]:
        rank.run("", {})
        found = info.of_ids(core.hub.database, Caller.operator(), [liked.id, plain.id])
        return [repo.trending for repo in found]

    assert scores() == [35_000, 5_000]  # 10 log2(8) + 5, and 5
    monkeypatch.setattr(instance, "now_ms", lambda: now + 7 * DAY_MS)
    assert scores() == [ranking.trending({7: 7}, 7), 2_500]
    monkeypatch.setattr(instance, "now_ms", lambda: now + 60 * DAY_MS)
    assert scores() == [0, 0]
    told = [payload for kind, payload in _events(core) if kind == "repo.numbers"]
    assert told[0] == f'{{"repos":[{liked.id}]}}'
    assert len(told) == 5  # counted, scored three times, and rolled out of the 30 days


def _events(core: Core) -> list[tuple[str, str]]:
    with core.hub.database.read() as connection:
        return [(row.kind, row.payload) for row in connection.execute(sa.select(schema.events))]
