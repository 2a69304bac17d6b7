"""A12: the object store fails, and is killed and started again, while clients write and read.

Whatever happens to it, the hub answers 5xx or waits it out; what was acknowledged is there afterwards with every byte, no
commit is there by half, and the hub goes on by itself.
"""

import hashlib
import itertools
import json
import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from pioche.storage.xet.hashing import to_text
from tests.faultystore import Fault, FaultyStore
from tests.hub import Account, Hub
from tests.objectstore import Gateway, ObjectStore
from tests.xet_client import file_of, shard_of

MIB = 2**20
WRITERS = 4
REPO = "ada/load"


@pytest.fixture
def faulty(object_store: ObjectStore) -> Iterator[FaultyStore]:
    with FaultyStore(object_store) as proxy:
        yield proxy


@dataclass
class Load:
    """Writers that commit large files, by LFS and by Xet in turn; what the hub acknowledged, and what it answered."""

    hub: Hub
    ada: Account
    acknowledged: dict[str, str] = field(default_factory=dict)
    """Path and sha256."""
    tried: dict[str, str] = field(default_factory=dict)
    statuses: list[int] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)
    running: list[Future[None]] = field(default_factory=list)

    def write(self, writer: int) -> None:
        chance = random.Random(writer)
        with httpx.Client(base_url=self.hub.endpoint, headers=self.ada.bearer, timeout=120) as client:
            for number in itertools.count():
                if self.stopped.is_set():
                    return
                # The Xet client of these tests cuts in plain Python: 9 MiB of that would only keep it busy.
                data = chance.randbytes(chance.choice((1000, 300_000, 9 * MIB if number % 2 else 1000)))
                path, sha256 = f"{writer}/{number}.bin", hashlib.sha256(data).hexdigest()
                self.tried[path] = sha256
                send = self._by_lfs if number % 2 else self._by_xet
                if send(client, data, sha256) and self._commit(client, path, sha256, len(data)):
                    self.acknowledged[path] = sha256

    def read(self, reader: int) -> None:
        """What was acknowledged is never absent, and never wrong."""
        chance = random.Random(reader)
        with httpx.Client(base_url=self.hub.endpoint, headers=self.ada.bearer, timeout=120) as client:
            while not self.stopped.is_set():
                known = list(self.acknowledged.items())
                if not known:
                    time.sleep(0.05)
                    continue
                path, sha256 = chance.choice(known)
                try:
                    found = client.get(f"/{REPO}/resolve/main/{path}")
                except httpx.TransportError:
                    continue  # it broke off under way, and said so
                self.statuses.append(found.status_code)
                assert found.status_code != 200 or hashlib.sha256(found.content).hexdigest() == sha256, path

    def _by_lfs(self, client: httpx.Client, data: bytes, sha256: str) -> bool:
        asked = {"operation": "upload", "objects": [{"oid": sha256, "size": len(data)}]}
        batch = self._answer(client, "POST", f"/{REPO}.git/info/lfs/objects/batch", json=asked)
        if batch is None:
            return False
        actions = batch["objects"][0].get("actions")
        if not actions:
            return True
        if self._answer(client, "PUT", actions["upload"]["href"], content=data) is None:
            return False
        verified = {"oid": sha256, "size": len(data)}
        return self._answer(client, "POST", actions["verify"]["href"], json=verified) is not None

    def _by_xet(self, client: httpx.Client, data: bytes, sha256: str) -> bool:
        token = self._answer(client, "GET", f"/api/models/{REPO}/xet-write-token/main")
        if token is None:
            return False
        bearer = {"Authorization": f"Bearer {token['accessToken']}"}
        file, xorb = file_of(data)
        url = f"{token['casUrl']}/v1/xorbs/default/{to_text(xorb.name)}"
        if self._answer(client, "POST", url, content=xorb.body, headers=bearer) is None:
            return False
        body = shard_of([file], [xorb])
        return self._answer(client, "POST", f"{token['casUrl']}/v1/shards", content=body, headers=bearer) is not None

    def _commit(self, client: httpx.Client, path: str, sha256: str, size: int) -> bool:
        value = {"path": path, "algo": "sha256", "oid": sha256, "size": size}
        lines = [{"key": "header", "value": {"summary": path}}, {"key": "lfsFile", "value": value}]
        body = "\n".join(map(json.dumps, lines))
        return self._answer(client, "POST", f"/api/models/{REPO}/commit/main", content=body) is not None

    def _answer(self, client: httpx.Client, method: str, url: str, **options: Any) -> Any:
        """The JSON of a good answer (or {}); None for a refusal."""
        found = client.request(method, url, **options)
        self.statuses.append(found.status_code)
        if found.is_success:
            return found.json() if found.headers.get("content-type", "").count("json") else {}
        return None

    def under_way(self) -> ThreadPoolExecutor:
        pool = ThreadPoolExecutor(WRITERS + 1)
        self.running = [pool.submit(self.write, number) for number in range(WRITERS)]
        self.running.append(pool.submit(self.read, 99))
        return pool

    def until(self, count: int) -> None:
        """That many more files are acknowledged."""
        wanted, deadline = len(self.acknowledged) + count, time.monotonic() + 150
        while len(self.acknowledged) < wanted:
            assert time.monotonic() < deadline, (len(self.acknowledged), wanted, self.statuses[-20:])
            assert not any(future.done() and future.exception() for future in self.running), self.running
            time.sleep(0.05)

    def end(self) -> None:
        self.stopped.set()
        for future in self.running:
            future.result()

    def check(self) -> None:
        """Everything acknowledged is there, in history once; whatever else is there is whole as well."""
        assert {status for status in self.statuses if not 200 <= status < 300} <= {500, 502, 503, 504}
        with httpx.Client(base_url=self.hub.endpoint, headers=self.ada.bearer, timeout=120) as client:
            listed = client.get(f"/api/models/{REPO}").json()["siblings"]
            names = {entry["rfilename"] for entry in listed} - {".gitattributes"}
            assert set(self.acknowledged) <= names <= set(self.tried)
            for path in names:
                found = client.get(f"/{REPO}/resolve/main/{path}")
                assert found.status_code == 200, (path, found.status_code)
                assert hashlib.sha256(found.content).hexdigest() == self.tried[path], path


def started(cluster: Callable[..., Hub], store: ObjectStore) -> Load:
    settings = {"storage_redirects": "off", "storage_timeout_seconds": "5"}
    hub = cluster(**store.settings(), **settings, cache_bytes_max="0")  # reading from the cache would prove nothing
    ada = hub.user("ada")
    body = {"name": "load", "type": "model"}
    httpx.post(f"{hub.endpoint}/api/repos/create", headers=ada.bearer, json=body).raise_for_status()
    return Load(hub, ada)


def test_a12_a_store_that_fails_often(cluster: Callable[..., Hub], faulty: FaultyStore) -> None:
    """500, 503 SlowDown, broken connections, lost answers, cut bodies: every fifth request."""
    load = started(cluster, faulty.store)
    pid = load.hub.pid
    with load.under_way():
        load.until(3)
        faulty.often(0.2, seed=12)
        load.until(15)
        faulty.well()
        load.until(3)
        load.end()
    assert faulty.faults > 5
    assert load.hub.pid == pid
    load.check()


def test_a12_a_gateway_killed_and_started_again(cluster: Callable[..., Hub], object_store: ObjectStore) -> None:
    if object_store.folder is None:
        pytest.skip("moto forgets everything when it ends")
    gateway = Gateway(object_store)
    gateway.start()
    try:
        load = started(cluster, gateway.store)
        pid = load.hub.pid
        with load.under_way():
            for _ in range(2):
                load.until(3)
                gateway.kill()
                time.sleep(1)
                gateway.start()
            load.until(3)
            load.end()
        assert load.hub.pid == pid
        load.check()
    finally:
        gateway.kill()


@pytest.mark.long
def test_a12_a_store_that_is_away_is_said_and_comes_back(cluster: Callable[..., Hub], faulty: FaultyStore) -> None:
    """What needs no large file goes on without the store."""
    load = started(cluster, faulty.store)
    with load.under_way():
        load.until(2)
        load.end()
    path = next(iter(load.acknowledged))
    faulty.always(Fault.SLOW_DOWN)
    with httpx.Client(base_url=load.hub.endpoint, headers=load.ada.bearer, timeout=180) as client:
        found = client.get(f"/{REPO}/resolve/main/{path}")
        assert (found.status_code, found.headers["x-error-code"]) == (503, "Unavailable")
        assert client.head(f"/{REPO}/resolve/main/{path}").status_code == 200
        assert client.get(f"/{REPO}/resolve/main/.gitattributes").status_code == 200
    faulty.well()
    load.check()
