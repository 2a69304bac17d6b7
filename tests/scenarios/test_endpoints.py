"""Deployments: two revisions side by side, a share of the traffic for the new one, a faulty one taken back by its errors, sleep
and wake, all of it while requests come in, of which none is lost (issue 6 item 5)."""

import importlib.util
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests import encoders, publishing
from tests.hub import Account, Hub, free_port

WORDS = {"good": [0, 4], "bad": [4, 0], "film": [0, 0]}
TASK = "text-classification"
FAST = {"minRequests": 10, "holdSeconds": 0.5}
ASKED = {"inputs": "good film"}


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    with Hub(tmp_path_factory.mktemp("endpoints"), {"INFERENCE_WAIT_SECONDS": "60"}) as hub:
        yield hub


@pytest.fixture(scope="module")
def owner(serving: Hub) -> Account:
    return serving.user("olga")


@pytest.fixture(scope="module")
def stranger(serving: Hub) -> Account:
    return serving.user("sven")


class Api:
    """What manages one endpoint."""

    def __init__(self, hub: Hub, owner: Account, name: str, seconds: float = 60) -> None:
        self.hub = hub
        self._seconds = seconds
        self.owner = owner
        self.url = f"{hub.endpoint}/endpoints/{owner.name}/{name}"
        self._all = f"{hub.endpoint}/api/endpoints/v2/endpoint/{owner.name}"
        self._name = name

    def __call__(self, method: str, path: str = "", **json: object) -> Any:
        answer = self.refused(method, path, **json)
        assert answer.status_code < 300, answer.text
        return answer.json()

    def create(self, model: str, **more: object) -> Any:
        body = {"name": self._name, "model": {"repository": model}, "type": "private", **more}
        answer = httpx.post(self._all, json=body, headers=self.owner.bearer, timeout=60)
        assert answer.status_code == 201, answer.text
        return answer.json()

    def refused(self, method: str, path: str = "", **json: object) -> httpx.Response:
        url = f"{self._all}/{self._name}{path}"
        return httpx.request(method, url, json=json or None, headers=self.owner.bearer, timeout=60)

    def ask(self, headers: dict[str, str] | None = None) -> httpx.Response:
        return httpx.post(
            self.url, json=ASKED, headers={**self.owner.bearer, **(headers or {})}, timeout=max(90, self._seconds)
        )

    def until(self, reached: Callable[[Any], bool]) -> Any:
        deadline = time.monotonic() + self._seconds
        while not reached(found := self("GET")):
            assert time.monotonic() < deadline, found
            time.sleep(0.2)
        return found

    def weights(self) -> dict[str, float]:
        return {one["name"]: one["weight"] for one in self("GET")["deployments"]}

    def kinds(self) -> list[str]:
        """What happened, the latest first."""
        return [one["kind"] for one in self("GET", "/events")["items"]]


class Load:
    """People who ask without a pause. At the end: every answer was a good one."""

    def __init__(self, api: Api, count: int = 3) -> None:
        self._api = api
        self.seen = Counter[str]()
        self.wrong = list[str]()
        self._over = threading.Event()
        self._people = [threading.Thread(target=self._ask) for _ in range(count)]

    def __enter__(self) -> "Load":
        for one in self._people:
            one.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for one in self._people:
            one.join()
        assert self.wrong == []

    def _ask(self) -> None:
        with httpx.Client(headers=self._api.owner.bearer, timeout=300) as client:
            while not self._over.is_set():
                answer = client.post(self._api.url, json=ASKED)
                if answer.status_code != 200:
                    self.wrong.append(f"{answer.status_code} {answer.text}")
                self.seen[answer.headers.get("x-deployment", "")] += 1


def publish(hub: Hub, owner: Account, name: str, *labels: str, private: bool = False) -> str:
    """A classifier with these labels, one more than it has classes being a fault that shows with each request."""
    with httpx.Client(base_url=hub.endpoint, headers=owner.bearer, timeout=60) as client:
        full = f"{owner.name}/{name}"
        if client.get(f"/api/models/{full}").status_code != 200:
            publishing.create(client, full, private=private)
        card = f"---\npipeline_tag: {TASK}\n---\n# {' '.join(labels)}\n"
        publishing.commit(client, full, {"README.md": card, **encoders.classifier(WORDS, labels)})
    return full


def revision(hub: Hub, owner: Account, model: str) -> str:
    return str(httpx.get(f"{hub.endpoint}/api/models/{model}", headers=owner.bearer).json()["sha"])


def test_a_canary_a_faulty_revision_and_sleep_under_load_lose_no_request(serving: Hub, owner: Account) -> None:
    rolled_out(serving, owner)


@pytest.mark.long
@pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="the extra ray is not installed")
def test_the_same_on_ray(tmp_path: Path) -> None:
    """On one that the hub starts: issue 6 item 8."""
    url = f"http://127.0.0.1:{free_port()}"
    on_ray = {"INFERENCE_BACKEND": "ray", "RAY_URL": url, "INFERENCE_WAIT_SECONDS": "240"}
    with Hub(tmp_path, on_ray) as hub:
        rolled_out(hub, hub.user("olga"), seconds=240)
        assert "/pioche-" in httpx.get(f"{url}/-/routes").text  # it was Ray who answered


def rolled_out(serving: Hub, owner: Account, seconds: float = 60) -> None:
    """The story, whichever the backend is. `seconds` is how long each of its steps may take."""
    model = publish(serving, owner, "sentiment", "BAD", "GOOD", private=True)
    api = Api(serving, owner, "mood", seconds)
    made = api.create(model)
    assert made["status"]["url"] == api.url
    api.until(lambda found: found["status"]["state"] == "running")
    assert api.ask().json()[0][0]["label"] == "GOOD"

    with Load(api) as load:
        publish(serving, owner, "sentiment", "negative", "positive")
        api("POST", "/deployments", revision="main")
        assert api.weights() == {"v1": 100, "v2": 0}
        assert api.ask({"X-Deployment": "v2"}).json()[0][0]["label"] == "positive"
        api("PUT", "/traffic", weights={"v1": 90, "v2": 10})
        api.until(lambda found: found["deployments"][1]["state"] == "ready")
        load.seen.clear()
        while sum(load.seen.values()) < 600:
            time.sleep(0.1)
        share = load.seen["v2"] / sum(load.seen.values())
        assert share == pytest.approx(0.10, abs=0.02)

        api("POST", "/rollout", deployment="v2", steps=[50, 100], **FAST)
        api.until(lambda found: found["rollout"] is None)
        assert api.weights() == {"v1": 0, "v2": 100}

        publish(serving, owner, "sentiment", "negative", "positive", "neutral")
        api("POST", "/deployments", rollout={"steps": [10, 50, 100], **FAST})
        found = api.until(lambda found: found["rollout"] is None)
        assert found["status"]["state"] == "updateFailed"
        assert "requests failed" in found["status"]["message"]
        assert api.weights() == {"v1": 0, "v2": 100, "v3": 0}

        api("POST", "/scale-to-zero")
        api.until(lambda found: "wake" in api.kinds() and found["deployments"][1]["state"] == "ready")

    assert load.seen["v3"] == 0
    kinds = [kind for kind in reversed(api.kinds()) if kind != "step"]
    assert kinds == [
        "create", "deploy", "traffic", "rollout", "done", "deploy", "rollout", "taken back", "sleep", "wake",
    ]  # fmt: skip
    minutes = api("GET", "/metrics")["deployments"]
    assert sum(minute["requests"] for minute in minutes["v2"]) > 0
    assert sum(minute["failures"] for minute in minutes["v3"]) > 0
    assert httpx.get(f"{api.url}/health", headers=owner.bearer).json()["task"] == TASK


def test_what_is_paused_says_so_and_what_is_private_is_not_there_for_strangers(
    serving: Hub, owner: Account, stranger: Account
) -> None:
    model = publish(serving, owner, "small", "BAD", "GOOD", private=True)
    api = Api(serving, owner, "paused")
    api.create(model)
    api("POST", "/pause")
    answer = api.ask()
    assert (answer.status_code, "paused" in answer.text) == (400, True)
    assert api.refused("POST", "/pause").status_code == 200
    for who in (stranger.bearer, {}):
        absent = httpx.post(f"{serving.endpoint}/endpoints/{owner.name}/absent", json=ASKED, headers=who)
        hidden = httpx.post(api.url, json=ASKED, headers=who)
        assert (hidden.status_code, hidden.text) == (absent.status_code, absent.text)
    listed = httpx.get(f"{serving.endpoint}/api/endpoints/v2/endpoint/{owner.name}", headers=stranger.bearer)
    assert listed.status_code == 403
    assert api("POST", "/resume")["status"]["state"] != "paused"
    assert api.refused("POST", "/resume").status_code == 400
    assert api.ask().status_code == 200
    assert api.refused("DELETE", "/deployments/v1").status_code == 409
    assert api.refused("PUT", "/traffic", weights={"v1": 50}).status_code == 400
    api("DELETE")
    assert api.ask().status_code == 404


def test_e_state_a_deployment_ends_when_its_files_are_closed_to_whoever_deployed_it(
    serving: Hub, owner: Account, stranger: Account
) -> None:
    model = publish(serving, owner, "open", "BAD", "GOOD")
    api = Api(serving, stranger, "borrowed")
    api.create(model, type="public")
    assert api.ask().status_code == 200
    settings = httpx.put(
        f"{serving.endpoint}/api/models/{model}/settings", json={"private": True}, headers=owner.bearer
    )
    assert settings.status_code == 200, settings.text
    found = api.until(lambda found: found["deployments"][0]["state"] == "closed")
    assert found["status"]["state"] == "failed"
    assert api.ask().status_code == 503


def test_the_command_deploys_and_waits_until_the_traffic_has_moved(serving: Hub, owner: Account) -> None:
    model, fast = publish(serving, owner, "told", "BAD", "GOOD"), ("--min-requests", "0", "--hold", "0.5")
    arguments = ("deploy", model, f"{owner.name}/told", "--user", owner.name)
    made = serving.cli(*arguments, "--audience", "private")
    assert made == {"endpoint": f"{owner.name}/told", "state": "running", "weights": {"v1": 100}}
    publish(serving, owner, "told", "bad", "good")
    moved = serving.cli(*arguments, "--steps", "50,100", *fast)
    assert moved == {"endpoint": f"{owner.name}/told", "state": "running", "weights": {"v1": 0, "v2": 100}}
    assert Api(serving, owner, "told").ask().json()[0][0]["label"] == "good"
    refused = serving.command("deploy", model, f"{owner.name}/told", "--user", owner.name, "--steps", "50")
    assert (refused.returncode, "rise to 100" in refused.stderr) == (1, True)
    taken = serving.cli("deploy-export", f"{owner.name}/told", "--format", "kserve", "--hub", serving.endpoint)
    assert f"--model_id={model}" in taken["content"]
