"""A12: PostgreSQL is restarted, and crashes, under load. Errors are 5xx, nothing acknowledged is lost, the hub goes on."""

import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.databases import Postgres
from tests.hub import Account, Hub
from tests.sender import Sender, fsck

WRITERS = 4


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    server = Postgres(is_durable=True)
    yield server
    server.stop()


def write(hub: Hub, ada: Account, number: int, acknowledged: dict[str, bytes], stop: threading.Event) -> None:
    """Commits one file after the other, and notes what the hub said yes to."""
    with Sender(hub, ada, "ada/load") as sender:
        count = 0
        while not stop.is_set():
            path, data = f"{number}-{count}.txt", f"{number} {count}".encode()
            answer = sender.commit({path: data})
            if answer.status_code == 200:
                acknowledged[path] = data
            else:
                assert 500 <= answer.status_code < 600, answer.text
                assert answer.headers["x-error-code"] == "Unavailable", answer.text
            count += 1


@pytest.mark.parametrize("number", [signal.SIGQUIT, pytest.param(signal.SIGINT, marks=pytest.mark.long)])
def test_a12_postgres_goes_and_comes_back(postgres: Postgres, tmp_path: Path, number: signal.Signals) -> None:
    with postgres.config(tmp_path / "data") as config:
        hub = Hub(tmp_path, {"DATABASE_URL": config.database_url})
        with hub, Sender(hub, hub.user("ada"), "ada/load") as ada:
            ada.create().raise_for_status()
            acknowledged, stop = dict[str, bytes](), threading.Event()
            threads = [
                threading.Thread(target=write, args=(hub, ada.account, k, acknowledged, stop)) for k in range(WRITERS)
            ]
            for thread in threads:
                thread.start()
            try:
                until(lambda: len(acknowledged) >= WRITERS)
                postgres.interrupt(number)
                until(lambda: readiness(ada, hub) == (503, "unavailable"))  # it looks every two seconds
                assert ada.get("0-0.txt").status_code == 503, "not there is not what it says"
                postgres.resume()
                before = len(acknowledged)
                until(lambda: len(acknowledged) >= before + WRITERS)
            finally:
                stop.set()
                postgres.resume()
                for thread in threads:
                    thread.join()
            for path, data in acknowledged.items():
                assert ada.get(path).content == data, path
            fsck(ada, tmp_path / "mirror")
            assert hub.ready()


def readiness(ada: Sender, hub: Hub) -> tuple[int, str]:
    answer = ada.plain("GET", f"{hub.endpoint}/readyz")
    return answer.status_code, answer.json()["status"]


def until(condition: object, *, seconds: float = 60) -> None:
    assert callable(condition)
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)
