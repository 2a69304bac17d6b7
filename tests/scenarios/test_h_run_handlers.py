"""H-RUN-3 to 5: the code of models on a live hub: what it reaches, what it costs, and who let it run (issue 6 "Bad input")."""

import contextlib
import os
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import pytest

from pioche.errors import SandboxTooWeak
from pioche.runner.sandbox import Sandbox
from tests import publishing, writers
from tests.hub import Account, Hub

ATTACK = """
import json, os, socket, subprocess

MARKS = [os.environ["HOME"] + "/mark", "/tmp/mark", "/dev/shm/mark"]

def attempt(work):
    try:
        return repr(work())[:200]
    except BaseException as error:
        return f"refused: {type(error).__name__}"

def connect(family, address):
    with socket.socket(family) as wire:
        wire.settimeout(2)
        wire.connect(address)

class EndpointHandler:
    def __init__(self, path=""):
        self.path = path
        self.seen = []

    def __call__(self, data):
        given = data["inputs"]
        self.seen.append(given.get("say"))
        return {
            "calls the hub": attempt(lambda: connect(socket.AF_INET, ("127.0.0.1", given["port"]))),
            "calls the world": attempt(lambda: connect(socket.AF_INET, ("192.0.2.1", 80))),
            "calls a neighbour": attempt(lambda: connect(socket.AF_UNIX, given["socket"])),
            "reads the database": attempt(lambda: open(given["data"] + "/pioche.db").read(1)),
            "lists the hub's files": attempt(lambda: os.listdir(given["data"])[0]),
            "writes its model": attempt(lambda: open(self.path + "/handler.py", "a")),
            "writes beside it": attempt(lambda: open("/payload", "w")),
            "reads another process": attempt(lambda: open(f"/proc/{given['hub']}/environ").read()),
            "own files": sorted(os.listdir(self.path)),
            "environment": sorted(os.environ),
            "scratch": os.listdir(os.environ["HOME"]),
            "left by others": [place for place in MARKS if os.path.exists(place)],
            "marks": [open(place, "w").write("x") for place in MARKS],
            "seen": self.seen,
        }
"""
ECHO = """
class EndpointHandler:
    def __init__(self, path=""):
        pass
    def __call__(self, data):
        if data["inputs"] == "hang":
            while True:
                pass
        if data["inputs"] == "grow":
            kept = []
            while True:
                kept.append(b"x" * 2**29)
        if data["inputs"] == "raise":
            raise RuntimeError("no film of this name in " + __file__)
        if data["inputs"] == "wrong":
            raise ValueError("a film is needed")
        if data["inputs"] == "exit":
            import os
            os._exit(7)
        return [{"said": str(type(data["inputs"]).__name__), **{k: v for k, v in data.items() if k != "inputs"}}]
"""


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    folder = tmp_path_factory.mktemp("handlers")
    try:
        Sandbox(folder / "runs").demand(remote_code=True)
    except SandboxTooWeak as error:
        pytest.skip(error.message)
    settings = {"INFERENCE_CODE": "on", "INFERENCE_CODE_SECONDS": "5", "INFERENCE_WAIT_SECONDS": "60"}
    with Hub(folder, settings | {"INFERENCE_MEMORY_BYTES": str(5 * 2**30)}) as hub:
        yield hub


@pytest.fixture(scope="module")
def olga(hub: Hub) -> Account:
    return hub.user("olga")


@pytest.fixture(scope="module")
def sven(hub: Hub) -> Account:
    return hub.user("sven")


def publish(hub: Hub, owner: Account, name: str, files: Mapping[str, str | bytes], *, allow: bool = True) -> str:
    full = f"{owner.name}/{name}"
    with httpx.Client(base_url=hub.endpoint, headers=owner.bearer, timeout=60) as client:
        publishing.create(client, full)
        publishing.commit(client, full, files)
        if allow:
            client.put(f"/api/models/{full}/settings", json={"codeAllowed": True}).raise_for_status()
    return full


def ask(hub: Hub, name: str, inputs: object, **more: object) -> httpx.Response:
    return httpx.post(f"{hub.endpoint}/models/{name}", json={"inputs": inputs, **more}, timeout=60)


def reason(hub: Hub, name: str) -> str:
    """Why it failed, once the hub has seen it."""
    deadline = time.monotonic() + 20
    while not (told := httpx.get(f"{hub.endpoint}/models/{name}/info").json()["reason"]):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return str(told)


@pytest.fixture(scope="module")
def echo(hub: Hub, olga: Account) -> str:
    return publish(hub, olga, "echo", {"handler.py": ECHO})


def test_h_run_3_a_handler_answers_once_its_owner_lets_it(hub: Hub, olga: Account) -> None:
    name = publish(hub, olga, "asked", {"handler.py": ECHO}, allow=False)
    refused = ask(hub, name, "x")
    assert refused.status_code == 400
    assert "handler.py is not used: no owner of the repo has allowed it" in refused.json()["error"]
    settings = f"{hub.endpoint}/api/models/{name}/settings"
    httpx.put(settings, json={"codeAllowed": True}, headers=olga.bearer).raise_for_status()
    assert ask(hub, name, "x", date="today").json() == [{"said": "str", "date": "today", "parameters": {}}]
    told = httpx.get(f"{hub.endpoint}/models/{name}/info").json()
    assert (told["engine"], told["pipeline_tag"], told["state"]) == ("handler", "custom", "ready")
    sound = httpx.post(
        f"{hub.endpoint}/models/{name}", content=b"RIFF", headers={"content-type": "audio/wav"}, timeout=60
    )
    assert sound.json()[0]["said"] == "bytes"
    httpx.put(settings, json={"codeAllowed": False}, headers=olga.bearer).raise_for_status()
    assert ask(hub, name, "x").status_code == 400


def test_h_run_3_what_a_handler_raises_is_told_without_where(hub: Hub, echo: str) -> None:
    for inputs, status, said in (
        ("wrong", 400, "inputs: ValueError: a film is needed"),
        ("raise", 500, "The handler failed: RuntimeError: no film of this name in handler.py"),
    ):
        answer = ask(hub, echo, inputs)
        assert (answer.status_code, answer.json()["error"]) == (status, said)
    assert ask(hub, echo, ["a"]).json()[0]["said"] == "list"
    missing = httpx.post(f"{hub.endpoint}/models/{echo}", json={"text": "x"}, timeout=60)
    assert (missing.status_code, missing.json()["field"]) == (400, "inputs")


def test_h_run_3_a_missing_package_is_the_reason(hub: Hub, olga: Account) -> None:
    files = {"handler.py": "import no_such_package\n", "requirements.txt": "no_such_package\n"}
    answer = ask(hub, publish(hub, olga, "needy", files), "x")
    assert answer.status_code == 500
    assert "needs the package no_such_package" in answer.json()["error"]


@pytest.fixture(scope="module")
def attacked(hub: Hub, olga: Account, sven: Account) -> dict[str, Any]:
    """What the code of two people found, one after the other."""
    found = {}
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as wire:
        path = str(hub.data_dir / "neighbour")
        wire.bind(path)
        os.chmod(path, 0o777)
        wire.listen()
        given = {"port": hub.port, "data": str(hub.data_dir), "socket": path, "hub": os.getpid()}
        for owner in (olga, sven):
            name = publish(hub, owner, "attack", {"handler.py": ATTACK, f"{owner.name}.txt": "x"})
            answer = ask(hub, name, {**given, "say": f"the secret of {owner.name}"})
            assert answer.status_code == 200, answer.text
            found[owner.name] = answer.json()
    return found


def test_h_run_3_a_handler_reaches_nothing_but_its_files(attacked: dict[str, Any]) -> None:
    for found in attacked.values():
        tried = {name: told for name, told in found.items() if isinstance(told, str)}
        assert len(tried) == 8
        assert {name: told for name, told in tried.items() if not told.startswith("refused")} == {}
        assert not any(name.startswith("PIOCHE") or "TOKEN" in name for name in found["environment"])


def test_h_run_5_two_owners_code_shares_no_file_memory_or_scratch(attacked: dict[str, Any], hub: Hub) -> None:
    for owner, other in (("olga", "sven"), ("sven", "olga")):
        found = attacked[owner]
        assert f"{owner}.txt" in found["own files"]
        assert f"{other}.txt" not in found["own files"]
        assert (found["scratch"], found["left by others"], found["marks"]) == ([], [], [1, 1, 1])
        assert found["seen"] == [f"the secret of {owner}"]
    assert "the secret of" not in hub.output()  # what is asked is not logged


def test_h_run_3_code_that_ends_its_process_costs_its_own(hub: Hub, olga: Account, echo: str) -> None:
    name = publish(hub, olga, "ends", {"handler.py": ECHO})
    answer = ask(hub, name, "exit")
    assert answer.status_code == 500
    assert ask(hub, echo, "x").status_code == 200


def test_h_run_3_code_that_hangs_is_ended_and_says_so(hub: Hub, olga: Account, echo: str) -> None:
    name = publish(hub, olga, "hangs", {"handler.py": ECHO})
    answers = list[httpx.Response]()
    asking = threading.Thread(target=lambda: answers.append(ask(hub, name, "hang")))
    asking.start()
    assert ask(hub, echo, "x").status_code == 200  # the other ones answer meanwhile
    asking.join(50)
    assert [answer.status_code for answer in answers] == [500]
    assert answers[0].json()["error"] == "The model's code gave no answer within 5 seconds"
    told = httpx.get(f"{hub.endpoint}/models/{name}/info").json()
    assert (told["state"], told["reason"]) == ("failed", answers[0].json()["error"])


def test_h_run_3_code_that_grows_is_ended_and_says_so(hub: Hub, olga: Account, echo: str) -> None:
    name = publish(hub, olga, "grows", {"handler.py": ECHO})
    assert ask(hub, name, "grow").status_code == 500
    said = reason(hub, name)
    assert "MiB of memory" in said or "gave no answer" in said  # a slow machine fills it in more than five seconds
    assert ask(hub, echo, "x").status_code == 200


def test_h_run_4_a_language_model_whose_template_does_not_end_says_so(hub: Hub, olga: Account, echo: str) -> None:
    pytest.importorskip("xllamacpp")
    bomb = "{% for a in range(90000) %}{% for b in range(90000) %}{% endfor %}{% endfor %}"
    files = {"README.md": "---\npipeline_tag: text-generation\n---\n", "model.gguf": writers.writer(bomb)}
    name = publish(hub, olga, "bomb", files, allow=False)
    body = {"messages": [{"role": "user", "content": "a"}]}
    answer = httpx.post(f"{hub.endpoint}/models/{name}/v1/chat/completions", json=body, timeout=60)
    assert answer.status_code == 500
    assert answer.json()["error"]["message"] == "The chat template does not end within 2 seconds"
    assert ask(hub, echo, "x").status_code == 200


def test_h_run_3_a_deployment_ends_when_its_owner_takes_the_word_back(hub: Hub, olga: Account) -> None:
    name = publish(hub, olga, "deployed", {"handler.py": ECHO})
    every = f"{hub.endpoint}/api/endpoints/v2/endpoint/{olga.name}"
    body = {"name": "own", "type": "public", "model": {"repository": name}, "compute": {"scaling": {"minReplica": 1}}}
    made = httpx.post(every, json=body, headers=olga.bearer, timeout=60)
    assert made.status_code < 300, made.text
    url = f"{hub.endpoint}/endpoints/{olga.name}/own"
    assert httpx.post(url, json={"inputs": "x"}, timeout=60).json()[0]["said"] == "str"
    settings = f"{hub.endpoint}/api/models/{name}/settings"
    httpx.put(settings, json={"codeAllowed": False}, headers=olga.bearer).raise_for_status()
    deadline = time.monotonic() + 40
    while httpx.post(url, json={"inputs": "x"}, timeout=60).status_code == 200:
        assert time.monotonic() < deadline, "it runs on"
        time.sleep(0.2)
    while "no owner of the repo has allowed it" not in httpx.get(f"{every}/own", headers=olga.bearer).text:
        assert time.monotonic() < deadline, "nobody says why"
        time.sleep(0.2)
