"""J9: two nodes behind nginx are restarted one after the other under load, and no client notices."""

import base64
import json
import ssl
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests import nginx
from tests.databases import Postgres
from tests.hub import Account, Hub

pytestmark = pytest.mark.skipif(nginx.PROGRAM is None, reason="nginx is not installed")

READERS, WRITERS = 3, 2


class Load:
    """Clients that read and commit through nginx until told to end; what they were answered is counted."""

    def __init__(self, address: str, folder: Path, ada: Account) -> None:
        self.answers: Counter[str] = Counter()
        self.acknowledged: list[str] = []
        self._ended = threading.Event()
        self._lock = threading.Lock()
        context = ssl.create_default_context(cafile=str(folder / "cert.pem"))
        self._client = httpx.Client(base_url=address, headers=ada.bearer, verify=context, timeout=60)
        work = [self._read] * READERS + [self._write] * WRITERS
        self._threads = [threading.Thread(target=each, args=(n,), daemon=True) for n, each in enumerate(work)]

    def __enter__(self) -> "Load":
        self._ask("POST", "/api/repos/create", json={"name": "words", "type": "model"})
        self._commit("first.txt")
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join(60)
        self._client.close()

    def wait(self, more: int) -> None:
        """Until so many more requests were answered."""
        goal, deadline = self.answers.total() + more, time.monotonic() + 60
        while self.answers.total() < goal:
            assert time.monotonic() < deadline, self.answers
            time.sleep(0.01)

    def _read(self, _: int) -> None:
        while not self._ended.is_set():
            self._ask("GET", "/ada/words/resolve/main/first.txt")

    def _write(self, number: int) -> None:
        count = 0
        while not self._ended.is_set():
            count += 1
            self._commit(f"{number}-{count}.txt")

    def _commit(self, path: str) -> None:
        file = {"path": path, "content": base64.b64encode(path.encode()).decode(), "encoding": "base64"}
        lines = [{"key": "header", "value": {"summary": path}}, {"key": "file", "value": file}]
        content = b"\n".join(json.dumps(line).encode() for line in lines)
        headers = {"content-type": "application/x-ndjson"}
        if self._ask("POST", "/api/models/ada/words/commit/main", content=content, headers=headers) == "200":
            self.acknowledged.append(path)

    def _ask(self, method: str, url: str, **options: Any) -> str:
        try:
            found = str(self._client.request(method, url, **options).status_code)
        except httpx.TransportError as error:
            found = repr(error)
        with self._lock:
            self.answers[f"{method} {found}"] += 1
        return found


@pytest.fixture
def nodes(postgres: Postgres, tmp_path: Path) -> Iterator[list[Hub]]:
    """Two hubs on one database and one data folder."""
    with postgres.config(tmp_path / "unused") as config:
        settings = {"DATABASE_URL": config.database_url, "TRUSTED_PROXIES": "127.0.0.1"}
        first, second = Hub(tmp_path / "first", settings), Hub(tmp_path / "second", settings)
        second.data_dir = first.data_dir
        second.log.parent.mkdir(parents=True)
        with first, second:
            yield [first, second]


def test_j9_rolling_restarts_under_load_are_not_noticed(nodes: list[Hub], tmp_path: Path) -> None:
    ada = nodes[0].user("ada")
    folder = tmp_path / "nginx"
    with nginx.running(folder, nodes[0].data_dir, [node.port for node in nodes]) as address:
        with Load(address, folder, ada) as load:
            load.wait(20)
            for node in nodes:
                assert node.stop() == 0
                load.wait(20)
                node.start()
                load.wait(20)
        assert set(load.answers) == {"POST 200", "GET 200"}, load.answers
        entries = httpx.get(f"{nodes[0].endpoint}/api/models/ada/words/tree/main", headers=ada.bearer).json()
        assert set(load.acknowledged) <= {entry["path"] for entry in entries}
