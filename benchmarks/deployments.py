"""What an endpoint costs and keeps: its share of a canary, no answer lost while versions change, more deployments than memory."""

import http.client
import json
import statistics
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from benchmarks.bench import Bench
from benchmarks.rows import Goal, Row
from pioche.serving import needs
from pioche.serving.spec import EngineName
from tests import encoders
from tests.hub import Account, Hub

_MODEL = "bench/moods"
_WORDS = {"good": [0, 4], "bad": [4, 0]}
_CARD = b"---\npipeline_tag: text-classification\n---\n"
_CANARY = 10
_REQUESTS = 2000
_CLIENTS = 4
_PACED = 300
_PACE_SECONDS = 0.01
_MANY = 100
_ROOM = 5
_SECONDS = 300
_FAST = {"minRequests": 20, "holdSeconds": 1}


def deployments(bench: Bench) -> list[Row]:
    """On models whose answers cost next to nothing."""
    with _serving(bench, "deployed", {}) as (hub, owner):
        api = _Api(hub, owner)
        _publish(hub, owner, "BAD", "GOOD")
        api.create("moods")
        return [_hop(hub, owner), _canary(hub, owner, api), _changes(hub, owner, api), _many(bench)]


@contextmanager
def _serving(bench: Bench, name: str, more: dict[str, str]) -> Iterator[tuple[Hub, Account]]:
    folder = bench.folder / name
    folder.mkdir()
    with Hub(folder, {"WORKERS": "1", "LOG_LEVEL": "warning", "INFERENCE_WAIT_SECONDS": "120", **more}) as hub:
        yield hub, hub.user("bench")


def _hop(hub: Hub, owner: Account) -> Row:
    """In turn with the address of the model itself."""
    connection, waits = _connection(hub), dict[str, list[float]](endpoint=[], model=[])
    for _ in range(_PACED):
        for name, path in (("endpoint", "/endpoints/bench/moods"), ("model", f"/models/{_MODEL}")):
            began = time.perf_counter()
            status, _ = _ask(connection, owner, path)
            assert status == 200, f"{path} answered {status}"
            waits[name].append(1000 * (time.perf_counter() - began))
            time.sleep(max(0.0, _PACE_SECONDS - (time.perf_counter() - began)))
    connection.close()
    middle = {name: statistics.median(found[10:]) for name, found in waits.items()}
    return Row(
        "a model asked at its endpoint, over its own address",
        f"{middle['endpoint']:.2f} ms, {middle['model']:.2f} ms",
        [Goal(middle["endpoint"] - middle["model"], 0.5, "ms p50")],
    )


def _canary(hub: Hub, owner: Account, api: "_Api") -> Row:
    _publish(hub, owner, "bad", "good")
    api("POST", "/deployments")
    api("PUT", "/traffic", weights={"v1": 100 - _CANARY, "v2": _CANARY})
    api.until(lambda found: found["deployments"][1]["state"] == "ready")
    seen, wrong = _loaded(hub, owner, lambda load: load.wait(_REQUESTS))
    share = 100 * seen["v2"] / sum(seen.values())
    return Row(
        f"a canary of {_CANARY} %, over {_REQUESTS} requests of {_CLIENTS} clients",
        f"{share:.2f} %",
        [Goal(abs(share - _CANARY), 2, "points"), Goal(wrong, 0, "not 200")],
    )


def _changes(hub: Hub, owner: Account, api: "_Api") -> Row:
    """One version comes, the next is faulty and is taken back."""

    def change(_load: "_Load") -> None:
        api("POST", "/rollout", deployment="v2", steps=[50, 100], **_FAST)
        api.until(lambda found: found["rollout"] is None)
        _publish(hub, owner, "bad", "good", "neither")
        api("POST", "/deployments", rollout={"steps": [10, 100], **_FAST})
        api.until(lambda found: found["rollout"] is None)

    seen, wrong = _loaded(hub, owner, change)
    found = api("GET", "")
    weights = {one["name"]: one["weight"] for one in found["deployments"]}
    assert (found["status"]["state"], weights["v2"]) == ("updateFailed", 100), found
    return Row(
        "a rollout, and one of a faulty version that is taken back, under load",
        f"{sum(seen.values())} answers",
        [Goal(wrong, 0, "not 200")],
    )


def _many(bench: Bench) -> Row:
    """Each has a worker of its own, and all of them together have room for five."""
    room = _ROOM * (needs.memory(EngineName.ONNX, 1000) + 2**20)
    with _serving(bench, "many", {"INFERENCE_MEMORY_BYTES": str(room)}) as (hub, owner):
        _publish(hub, owner, "BAD", "GOOD")
        api = _Api(hub, owner)
        for number in range(_MANY):
            api.create(f"moods-{number}", compute={"scaling": {"minReplica": 0, "maxReplica": 1}})
        connection, waits = _connection(hub), list[float]()
        answered = 0
        for number in range(_MANY):
            began = time.perf_counter()
            status, _ = _ask(connection, owner, f"/endpoints/bench/moods-{number}")
            answered += status == 200
            waits.append(time.perf_counter() - began)
        connection.close()
    return Row(
        f"{_MANY} deployments, room for {_ROOM}, asked one after the other",
        f"{answered} answered, {statistics.median(waits):.2f} s in the middle, {max(waits):.2f} s at most",
        [Goal(answered, _MANY, "answered", is_most=False)],
        "Each of them is a cold start.",
    )


class _Api:
    """What manages `moods`."""

    def __init__(self, hub: Hub, owner: Account) -> None:
        self._hub = hub
        self._owner = owner

    def __call__(self, method: str, path: str, **body: object) -> Any:
        return self._said(method, f"/moods{path}", body)

    def create(self, name: str, **more: object) -> None:
        self._said("POST", "", {"name": name, "model": {"repository": _MODEL}, **more})

    def until(self, reached: Callable[[Any], bool]) -> None:
        deadline = time.monotonic() + _SECONDS
        while not reached(found := self("GET", "")):
            assert time.monotonic() < deadline, found
            time.sleep(0.2)

    def _said(self, method: str, path: str, body: dict[str, object]) -> Any:
        connection = _connection(self._hub)
        content = json.dumps(body) if body or method == "POST" else None
        headers = {**self._owner.bearer, "Content-Type": "application/json"}
        connection.request(method, f"/api/endpoints/v2/endpoint/bench{path}", content, headers)
        answer = connection.getresponse()
        said = json.loads(answer.read())
        connection.close()
        assert answer.status < 300, said
        return said


class _Load:
    """Clients that ask without a pause."""

    def __init__(self, hub: Hub, owner: Account) -> None:
        self.seen = Counter[str]()
        self.wrong = 0
        self._over = threading.Event()
        self._people = [threading.Thread(target=self._run, args=(hub, owner)) for _ in range(_CLIENTS)]
        for one in self._people:
            one.start()

    def wait(self, count: int) -> None:
        while sum(self.seen.values()) < count:
            time.sleep(0.05)

    def end(self) -> None:
        self._over.set()
        for one in self._people:
            one.join()

    def _run(self, hub: Hub, owner: Account) -> None:
        connection = _connection(hub)
        while not self._over.is_set():
            status, deployment = _ask(connection, owner, "/endpoints/bench/moods")
            self.seen[deployment] += 1
            self.wrong += status != 200
        connection.close()


def _loaded(hub: Hub, owner: Account, do: Callable[[_Load], None]) -> tuple[Counter[str], int]:
    load = _Load(hub, owner)
    try:
        do(load)
    finally:
        load.end()
    return load.seen, load.wrong


def _ask(connection: http.client.HTTPConnection, owner: Account, path: str) -> tuple[int, str]:
    """The status, and who answered."""
    connection.request("POST", path, '{"inputs": "good"}', {**owner.bearer, "Content-Type": "application/json"})
    answer = connection.getresponse()
    answer.read()
    return answer.status, answer.headers.get("X-Deployment", "")


def _connection(hub: Hub) -> http.client.HTTPConnection:
    parts = urlsplit(hub.endpoint)
    return http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=_SECONDS)


def _publish(hub: Hub, owner: Account, *labels: str) -> None:
    """A version with these labels; one more than there are classes is a fault that each request shows."""
    from huggingface_hub import CommitOperationAdd, HfApi

    api = HfApi(hub.endpoint, token=owner.token)
    api.create_repo(_MODEL, exist_ok=True)
    files = {"README.md": _CARD, **encoders.classifier(_WORDS, labels)}
    api.create_commit(
        _MODEL, [CommitOperationAdd(path, data) for path, data in files.items()], commit_message="A version"
    )
