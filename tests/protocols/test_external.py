"""Deployments that a server outside answers for: another hub of ours, by OpenAI's API, and servers that mean harm (decision 46)."""

import json
import re
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import httpx
import pytest

from tests import encoders, publishing, writers
from tests.hub import Account, Hub

ROWS = {"good": [3.0, 4.0], "film": [3.0, 4.0], "[UNK]": [1.0, 0.0]}
TOKEN = "sk-" + "s" * 90
CHUNK = {"id": "c", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": "a"}}]}
FAST = {"minRequests": 5, "holdSeconds": 0.5}


class Hostile(ThreadingHTTPServer):
    """Speaks OpenAI as badly as `manner` says. Keeps what it was told, and whether a caller left."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.manner = "well"
        self.seen: list[tuple[str, str, Any]] = []
        self.left = threading.Event()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def allowed(self) -> str:
        return f"localhost:{self.server_port}"

    @property
    def url(self) -> str:
        return f"http://{self.allowed}/v1"


class _Handler(BaseHTTPRequestHandler):
    server: Hostile
    protocol_version = "HTTP/1.1"
    ANSWERS: ClassVar[dict[str, tuple[int, bytes]]] = {
        "500": (500, b"Traceback: " + TOKEN.encode()),
        "400": (400, json.dumps({"error": {"message": f"bad {TOKEN}", "param": "temperature"}}).encode()),
        "401": (401, b"no"),
        "429": (429, b"{}"),
        "garbage": (200, b"<html>"),
    }

    def do_GET(self) -> None:
        self._say(200, b'{"data": []}')

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.seen.append((self.path, self.headers.get("authorization", ""), body))
        manner = self.server.manner
        if manner in self.ANSWERS:
            self._say(*self.ANSWERS[manner])
        elif manner == "redirect":
            self._say(307, b"", Location="http://169.254.169.254/latest")
        elif manner == "huge":
            self._stream(b" " * 2**20 for _ in range(80))
        elif manner in ("cut", "endless"):
            self._stream(self._chunks())
        else:
            rows = [{"index": n, "embedding": [0.5, 0.5]} for n in range(len(body["input"]))]
            self._say(200, json.dumps({"data": rows}).encode())

    def _chunks(self) -> Iterator[bytes]:
        for _ in range(2 if self.server.manner == "cut" else 10_000):
            yield b"data: " + json.dumps(CHUNK).encode() + b"\n\n"
            time.sleep(0.01)

    def _stream(self, pieces: Iterator[bytes]) -> None:
        self.close_connection = True
        self.send_response(200)
        self.end_headers()
        try:
            for piece in pieces:
                self.wfile.write(piece)
        except OSError:
            self.server.left.set()

    def _say(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def hostile() -> Iterator[Hostile]:
    with Hostile() as server:
        yield server
        server.shutdown()


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    with Hub(tmp_path_factory.mktemp("outside")) as hub:
        yield hub


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory, outside: Hub, hostile: Hostile) -> Iterator[Hub]:
    allowed = f"localhost:{outside.port},{hostile.allowed}"
    with Hub(tmp_path_factory.mktemp("external"), {"INFERENCE_EXTERNAL": "on", "OUTBOUND_ALLOWED": allowed}) as hub:
        yield hub


@pytest.fixture(scope="module")
def owner(serving: Hub) -> Account:
    return serving.user("olga")


@pytest.fixture(autouse=True)
def well(hostile: Hostile) -> None:
    hostile.manner = "well"
    hostile.seen.clear()
    hostile.left.clear()


def publish(hub: Hub, owner: Account) -> str:
    name = f"{owner.name}/embeddings"
    with httpx.Client(base_url=hub.endpoint, headers=owner.bearer, timeout=60) as client:
        publishing.create(client, name)
        card = {"README.md": "---\npipeline_tag: feature-extraction\n---\n"}
        publishing.commit(client, name, {**card, **encoders.embedder(ROWS)})
    return name


def manage(hub: Hub, owner: Account, method: str, path: str = "", **body: object) -> httpx.Response:
    url = f"{hub.endpoint}/api/endpoints/v2/endpoint/{owner.name}{path}"
    return httpx.request(method, url, json=body or None, headers=owner.bearer, timeout=60)


def create(hub: Hub, owner: Account, name: str, **external: str) -> dict[str, Any]:
    answer = manage(hub, owner, "POST", name=name, type="private", external=external)
    assert answer.status_code == 201, answer.text
    until(hub, owner, name, "ready")
    return dict(answer.json())


def until(hub: Hub, owner: Account, name: str, state: str) -> dict[str, Any]:
    """The latest deployment of it, in this state."""
    deadline = time.monotonic() + 30
    while (found := manage(hub, owner, "GET", f"/{name}").json()["deployments"][-1])["state"] != state:
        assert time.monotonic() < deadline, found
        time.sleep(0.1)
    return dict(found)


def ask(hub: Hub, owner: Account, name: str, path: str, body: object) -> httpx.Response:
    url = f"{hub.endpoint}/endpoints/{owner.name}/{name}{path}"
    return httpx.post(url, json=body, headers=owner.bearer, timeout=60)


def test_another_hub_answers_as_if_its_model_were_here(serving: Hub, outside: Hub, owner: Account) -> None:
    far = outside.user("fay")
    model = publish(outside, far)
    made = create(
        serving, owner, "far", url=f"{outside.endpoint}/v1", model=model, task="feature-extraction", token=far.token
    )
    assert far.token not in json.dumps(made)
    shown = made["deployments"][0]["external"]
    assert shown == {"url": f"{outside.endpoint}/v1", "dialect": "openai", "model": model, "hasToken": True}
    expected = httpx.post(
        f"{outside.endpoint}/models/{model}", json={"inputs": ["good film"]}, headers=far.bearer, timeout=60
    )
    answer = ask(serving, owner, "far", "", {"inputs": ["good film"]})
    assert (answer.status_code, answer.json()) == (200, expected.json())
    assert answer.headers["x-deployment"] == "v1"
    by_openai = ask(serving, owner, "far", "/v1/embeddings", {"input": "good film", "model": "any"})
    assert by_openai.json()["data"][0]["embedding"] == expected.json()[0]
    near = {"inputs": {"source_sentence": "good", "sentences": ["film"]}}
    similar = ask(serving, owner, "far", "/pipeline/sentence-similarity", near)
    assert similar.json() == [pytest.approx(1.0)], similar.text
    assert ask(serving, owner, "far", "/embed", {"inputs": "good"}).json() == [[pytest.approx(0.6), pytest.approx(0.8)]]
    outer = {"url": f"{outside.endpoint}/models/{model}", "dialect": "tei", "model": model, "token": far.token}
    assert manage(serving, owner, "POST", "/far/deployments", external=outer).status_code == 201
    until(serving, owner, "far", "ready")
    manage(serving, owner, "PUT", "/far/traffic", weights={"v1": 0, "v2": 100})
    by_tei = ask(serving, owner, "far", "", {"inputs": ["good film"]})
    assert (by_tei.headers["x-deployment"], by_tei.json()) == ("v2", expected.json())
    outer = {"url": outside.endpoint, "dialect": "oip", "model": model, "token": far.token}
    assert manage(serving, owner, "POST", "/far/deployments", external=outer).status_code == 201
    until(serving, owner, "far", "ready")
    manage(serving, owner, "PUT", "/far/traffic", weights={"v1": 0, "v2": 0, "v3": 100})
    by_oip = ask(serving, owner, "far", "", {"inputs": ["good film"]})
    assert (by_oip.headers["x-deployment"], by_oip.json()) == ("v3", expected.json())
    assert manage(serving, owner, "POST", "/far/scale-to-zero").status_code == 400


def test_another_hub_writes_texts_and_chats_as_text_generation_inference_does(
    serving: Hub, outside: Hub, owner: Account
) -> None:
    far = outside.user("wim")
    model = f"{far.name}/writer"
    with httpx.Client(base_url=outside.endpoint, headers=far.bearer, timeout=60) as client:
        publishing.create(client, model)
        card = {"README.md": "---\npipeline_tag: text-generation\n---\n"}
        publishing.commit(client, model, {**card, "model-Q8_0.gguf": writers.writer()})
    url = f"{outside.endpoint}/models/{model}"
    create(serving, owner, "tgi", url=url, dialect="tgi", model=model, task="text-generation", token=far.token)
    for path, body in (
        ("", {"inputs": "stuvw", "parameters": {"max_new_tokens": 3}}),
        ("/generate_stream", {"inputs": "stuvw", "parameters": {"max_new_tokens": 3}}),
    ):
        direct = httpx.post(f"{url}{path}", json=body, headers=far.bearer, timeout=60)
        answer = ask(serving, owner, "tgi", path, body)
        assert (answer.status_code, direct.status_code) == (200, 200), answer.text
        assert without_logprobs(answer.text) == without_logprobs(direct.text)
    outer = {"url": outside.endpoint, "dialect": "oip", "model": model, "token": far.token}
    assert manage(serving, owner, "POST", "/tgi/deployments", external=outer).status_code == 201
    until(serving, owner, "tgi", "ready")
    by_oip = httpx.post(
        f"{serving.endpoint}/endpoints/{owner.name}/tgi", json={"inputs": "stuvw", "parameters": {"max_new_tokens": 3}},
        headers={**owner.bearer, "X-Deployment": "v2"}, timeout=60,
    )  # fmt: skip
    assert (
        by_oip.json() == ask(serving, owner, "tgi", "", {"inputs": "stuvw", "parameters": {"max_new_tokens": 3}}).json()
    )
    talk = {"messages": [{"role": "user", "content": "stuvw"}], "temperature": 0, "stream": True}
    chat = ask(serving, owner, "tgi", "/v1/chat/completions", talk)
    assert chat.text.rstrip().endswith("data: [DONE]"), chat.text
    wrong = ask(serving, owner, "tgi", "/v1/chat/completions", {**talk, "temperature": 99})
    assert (wrong.status_code, wrong.json()["error"]["param"]) == (400, "temperature")


def without_logprobs(text: str) -> str:
    return re.sub(r'"logprob":[-0-9.e]+', "", text)


def test_what_a_hostile_server_says_is_its_own_failure_and_tells_no_token(
    serving: Hub, owner: Account, hostile: Hostile
) -> None:
    create(serving, owner, "hostile", url=hostile.url, model="m", task="text-generation", token=TOKEN)
    talk = {"messages": [{"role": "user", "content": "hi"}], "temperature": 1}
    expected = {"500": 500, "400": 400, "401": 500, "429": 503, "garbage": 500, "redirect": 500, "huge": 500}
    for manner, status in expected.items():
        hostile.manner = manner
        answer = ask(serving, owner, "hostile", "/v1/chat/completions", talk)
        assert (manner, answer.status_code) == (manner, status), answer.text
        assert TOKEN not in answer.text
        assert "169.254" not in answer.text
        if manner == "400":
            assert answer.json()["error"]["param"] == "temperature"
        if manner == "429":
            assert int(answer.headers["retry-after"]) > 0
    assert {authorization for _, authorization, _ in hostile.seen} == {f"Bearer {TOKEN}"}
    assert TOKEN not in serving.output()
    assert TOKEN.encode() not in b"".join(one.read_bytes() for one in serving.data_dir.glob("*.db*"))
    hostile.manner = "cut"
    cut = ask(serving, owner, "hostile", "/v1/chat/completions", {**talk, "stream": True})
    assert cut.text.count('"content":"a"') == 2
    assert "server_error" in cut.text


def test_whoever_leaves_ends_the_request_outside(serving: Hub, owner: Account, hostile: Hostile) -> None:
    create(serving, owner, "left", url=hostile.url, model="m", task="text-generation")
    hostile.manner = "endless"
    url = f"{serving.endpoint}/endpoints/{owner.name}/left/v1/chat/completions"
    body = {"messages": [{"role": "user", "content": "hi"}], "stream": True}
    with httpx.stream("POST", url, json=body, headers=owner.bearer, timeout=60) as answer:
        assert next(answer.iter_lines()).startswith("data: ")
    assert hostile.left.wait(30)


def test_a_canary_outside_that_fails_is_taken_back_and_loses_no_request(
    serving: Hub, owner: Account, hostile: Hostile
) -> None:
    model = publish(serving, owner)
    body = {"name": "canary", "type": "private", "model": {"repository": model}}
    assert manage(serving, owner, "POST", **body).status_code == 201
    until(serving, owner, "canary", "ready")
    hostile.manner = "500"
    rollout = {"steps": [50, 100], **FAST}
    outer = {"url": hostile.url, "model": "m"}
    assert manage(serving, owner, "POST", "/canary/deployments", external=outer, rollout=rollout).status_code == 201
    deadline = time.monotonic() + 60
    while (found := manage(serving, owner, "GET", "/canary").json())["rollout"] is not None:
        assert time.monotonic() < deadline, found
        assert ask(serving, owner, "canary", "", {"inputs": ["good film"]}).status_code == 200
    assert "requests failed" in found["status"]["message"]
    assert [one["weight"] for one in found["deployments"]] == [100, 0]
    assert hostile.seen


def test_an_address_inside_that_nobody_allowed_is_not_called(serving: Hub, owner: Account) -> None:
    outer = {"model": "m", "task": "text-generation"}
    for url in ("http://169.254.169.254/v1", "http://127.0.0.1:1/v1", "ftp://example.org/", "http://u:p@example.org/"):
        answer = manage(serving, owner, "POST", name="inside", external={"url": url, **outer})
        assert answer.status_code == 400, answer.text
    by_name = {"url": "http://localhost:1/v1", **outer}  # where a name leads is seen when it is called
    assert manage(serving, owner, "POST", name="inside", external=by_name).status_code == 201
    assert "outbound_allowed" in until(serving, owner, "inside", "failed")["reason"]
    asked = ask(serving, owner, "inside", "/v1/completions", {"prompt": "a"})
    assert (asked.status_code, "localhost" in asked.text) == (500, False)


def test_the_command_deploys_what_a_server_outside_has(
    serving: Hub, owner: Account, hostile: Hostile, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    words = ("--external", hostile.url, "--task", "feature-extraction", "--token-file", str(tmp_path / "token"))
    done = serving.cli("deploy", "m", f"{owner.name}/command", "--user", owner.name, *words)
    assert done["weights"] == {"v1": 100}
    answer = ask(serving, owner, "command", "", {"inputs": ["good film"]})
    assert (answer.status_code, answer.json()) == (200, [[0.5, 0.5]])
    assert hostile.seen[0][1] == f"Bearer {TOKEN}"


def test_strangers_set_no_address_and_where_it_is_off_nobody_does(serving: Hub, outside: Hub, owner: Account) -> None:
    stranger = serving.user("sven")
    external = {"url": "https://llm.example.org/v1", "model": "m", "task": "text-generation"}
    url = f"{serving.endpoint}/api/endpoints/v2/endpoint/{owner.name}"
    body = {"name": "theirs", "external": external}
    assert httpx.post(url, json=body, headers=stranger.bearer).status_code == 403
    assert manage(outside, outside.user("otto"), "POST", **body).status_code == 501
