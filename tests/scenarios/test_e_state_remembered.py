"""E-STATE for answers that are remembered (`http.answers`): asked twice, then asked after something changed.

Each story first proves that the answer is remembered, by counting how often the hub opens the repo for it.
"""

import time
from collections.abc import Iterator

import pytest

from pioche.accounts.callers import Caller
from pioche.db.engine import Database
from pioche.errors import Unavailable
from pioche.repos.access import Access, Action, Repo
from pioche.repos.catalog import Settings
from tests.core import Core
from tests.inside import Inside

FILE = "/ada/words/resolve/main/a.txt"
LARGE = "/ada/words/resolve/main/big.bin"
INFO = "/api/models/ada/words"
TREE = "/api/models/ada/words/tree/main?expand=true"
PLACES = [FILE, LARGE, INFO, TREE]


@pytest.fixture
def ada(inside: Inside) -> Caller:
    ada = inside.user("ada")
    repo = inside.repo(ada, "ada/words", private=True)
    inside.commit(repo, ada, {"a.txt": b"0123456789", "big.bin": inside.upload(repo, ada, bytes(range(200)) * 100)})
    return ada


@pytest.fixture
def opened(inside: Inside, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The repos that were opened for requests: a remembered answer opens none."""
    found = list[str]()
    original = Access.open

    async def counted(self: Access, caller: Caller, repo_id: object, action: Action) -> Repo:
        found.append(str(repo_id))
        return await original(self, caller, repo_id, action)  # type: ignore[arg-type]  # passed on as it is

    monkeypatch.setattr(Access, "open", counted)
    return iter([found])


def is_remembered(inside: Inside, opened: list[str], path: str, token: str | None, method: str = "GET") -> bool:
    inside.client.request(method, path, token=token)
    before = len(opened)
    inside.client.request(method, path, token=token)
    return len(opened) == before


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_e_state_the_second_answer_is_the_first(
    inside: Inside, ada: Caller, opened: Iterator[list[str]], place: str, method: str
) -> None:
    token, found = inside.token(ada), next(opened)
    first = inside.client.request(method, place, token=token)
    assert is_remembered(inside, found, place, token, method)
    second = inside.client.request(method, place, token=token)
    assert (first.status, first.body) == (second.status, second.body)
    assert {**first.headers, "x-request-id": ""} == {**second.headers, "x-request-id": ""}
    assert first.headers["x-request-id"] != second.headers["x-request-id"]


@pytest.mark.parametrize("place", PLACES)
def test_e_state_nobody_gets_what_another_was_told(inside: Inside, ada: Caller, place: str) -> None:
    token, eve = inside.token(ada), inside.token(inside.user("eve"))
    for _ in range(2):
        assert inside.client.get(place, token=token).status == 200
        assert inside.client.get(place, token=eve).status == 404
        assert inside.client.get(place).status == 401
        assert inside.client.get(place, token="hf_" + "x" * 37).status == 401


@pytest.mark.parametrize("place", PLACES)
def test_e_state_a_token_ends_on_time(
    inside: Inside, ada: Caller, opened: Iterator[list[str]], monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    now = time.time()
    tokens = inside.hub.directory.tokens
    token, _ = tokens.create(inside.accounts["ada"], expires_at=int((now + 600) * 1000))
    assert is_remembered(inside, next(opened), place, token)
    monkeypatch.setattr("pioche.accounts.callers.time.time", lambda: now + 601)
    assert inside.client.get(place, token=token).status == 401


@pytest.mark.parametrize("place", PLACES)
def test_e_state_another_process_commits(inside: Inside, ada: Caller, opened: Iterator[list[str]], place: str) -> None:
    """Two hubs over one database, as two web processes are."""
    token, other = inside.token(ada), Core(inside.hub.config)
    try:
        assert is_remembered(inside, next(opened), place, token)
        before = inside.client.get(place, token=token)
        repo = other.open(ada, "ada/words", Action.MANAGE)
        other.commit(repo, ada, {"a.txt": b"new", "big.bin": other.upload(repo, ada, b"n" * 20_000), "c.txt": b"c"})
        after = inside.client.get(place, token=token)
        assert (after.status, after.body) != (before.status, before.body)
        other.hub.directory.suspend(inside.accounts["ada"])
        assert inside.client.get(place, token=token).status == 401
    finally:
        other.close()


@pytest.mark.parametrize("place", PLACES)
def test_e_state_what_is_made_private_is_private(inside: Inside, ada: Caller, place: str) -> None:
    repo = inside.open(ada, "ada/words", Action.MANAGE)
    inside.hub.catalog.change(ada, repo, Settings(private=False))
    assert [inside.client.get(place).status for _ in range(2)] == [200, 200]
    inside.hub.catalog.change(ada, repo, Settings(private=True))
    assert inside.client.get(place).status == 401


def test_e_state_ranges_and_conditions_are_looked_at_each_time(inside: Inside, ada: Caller) -> None:
    token, data = inside.token(ada), bytes(range(200)) * 100
    for place, whole in ((FILE, b"0123456789"), (LARGE, data)):
        etag = inside.client.get(place, token=token).headers["etag"]
        for _ in range(2):
            for given, status, body in (
                ({"Range": "bytes=2-4"}, 206, whole[2:5]),
                ({"Range": "bytes=-3"}, 206, whole[-3:]),
                ({"Range": "bytes=999999-"}, 416, None),
                ({"Range": "bytes=2-4", "If-Range": '"another"'}, 200, whole),
                ({"Range": "bytes=2-4", "If-Range": etag}, 206, whole[2:5]),
                ({"If-None-Match": etag}, 304, b""),
                ({"If-None-Match": '"another"'}, 200, whole),
                ({}, 200, whole),
            ):
                answer = inside.client.get(place, token=token, headers=given)
                assert answer.status == status, (place, given)
                assert body is None or answer.body == body, (place, given)


def test_e_state_the_next_part_is_labelled_as_the_first(inside: Inside, ada: Caller) -> None:
    token, data = inside.token(ada), bytes(range(200)) * 100
    first, *later = (inside.client.get(LARGE, token=token, headers={"Range": "bytes=100-399"}) for _ in range(3))
    for answer in later:
        assert (answer.status, answer.body) == (first.status, first.body) == (206, data[100:400])
        assert {**answer.headers, "x-request-id": ""} == {**first.headers, "x-request-id": ""}
    last = inside.client.get(LARGE, token=token, headers={"Range": "bytes=19990-99999"})
    assert (last.status, last.body) == (206, data[19990:])
    assert last.headers["content-range"] == "bytes 19990-19999/20000"


def test_b3_a_part_of_a_file_that_was_written_to_is_refused(
    inside: Inside, ada: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pioche.storage.opened._LOOKED_AT_SECONDS", -1.0)
    token, part = inside.token(ada), {"Range": "bytes=0-99"}
    (path,) = [path for path in (inside.hub.config.data_dir / "blobs").rglob("*") if path.is_file()]
    whole = path.read_bytes()
    assert [inside.client.get(LARGE, token=token, headers=part).status for _ in range(3)] == [206] * 3
    time.sleep(0.02)  # the time of a change is as exact as the kernel's clock ticks
    path.write_bytes(bytes(byte ^ 1 for byte in whole))
    assert [inside.client.get(LARGE, token=token, headers=part).status for _ in range(2)] == [500] * 2
    assert "damaged" in inside.log.getvalue()
    inside.log.truncate(0)
    inside.log.seek(0)


def test_e_state_addresses_are_those_of_the_request(inside: Inside, ada: Caller) -> None:
    """The host is part of the question: what one client's Host header said is in nobody else's links."""
    token = inside.token(ada)
    for _ in range(2):
        for host, status in (("localhost:8000", 200), ("127.0.0.1:9", 200), ("evil.example", 400)):
            answer = inside.client.get("/api/models/ada/words/tree/main?limit=1", token=token, headers={"host": host})
            assert answer.status == status
            if status == 200:
                assert f"<http://{host}/" in answer.headers["link"]


def test_e_state_a_refusal_is_not_remembered(inside: Inside, ada: Caller) -> None:
    token = inside.token(ada)
    missing = "/ada/words/resolve/main/later.txt"
    assert [inside.client.get(missing, token=token).status for _ in range(2)] == [404, 404]
    inside.commit(inside.open(ada, "ada/words", Action.WRITE), ada, {"later.txt": b"here"})
    assert inside.client.get(missing, token=token).body == b"here"


def test_e_state_head_promises_what_the_disk_has(inside: Inside, ada: Caller) -> None:
    """A file that is gone from the disk is nobody's commit: what HEAD said before is not said again."""
    token = inside.token(ada)
    assert [inside.client.head(LARGE, token=token).status for _ in range(3)] == [200, 200, 200]
    (blob,) = [path for path in (inside.hub.config.data_dir / "blobs").rglob("*") if path.is_file()]
    blob.unlink()
    assert [inside.client.request(method, LARGE, token=token).status for method in ("HEAD", "GET")] == [500, 500]
    inside.log.seek(0)
    inside.log.truncate()


def test_b2_what_needs_no_database_is_answered_without_it(inside: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether an answer is still good is asked before anything else: that must not make `/healthz` need the database."""

    def fail(_database: Database) -> int:
        raise Unavailable("The database does not answer: try again")

    monkeypatch.setattr(Database, "data_version", fail)
    inside.hub.database.close()  # what was asked before is forgotten
    assert inside.client.get("/healthz").status == 200
