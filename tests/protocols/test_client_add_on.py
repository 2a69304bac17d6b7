"""The add-on: `pip install` takes it from the hub, and the stock clients then ask this hub's models by their names."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from pioche.web.addon import wheel
from tests import clients, encoders, publishing, writers
from tests.clients import VERSIONS
from tests.hub import Account, Hub

WORDS = {"good": [0, 4], "bad": [4, 0]}
ASK = """
import json, os, site, sys
site.addsitedir(sys.argv[1])  # what Python does with its own at the start
from huggingface_hub import InferenceClient, constants
client = InferenceClient()
print(json.dumps({
    "auto": client.text_classification("good", model="olga/sentiment")[0].label,
    "named": InferenceClient(provider="hf-inference").text_classification("bad", model="olga/sentiment")[0].label,
    "chat": client.chat_completion([{"role": "user", "content": "a"}], model="olga/writer", max_tokens=3)
        .choices[0].message.role,
    "endpoints": constants.INFERENCE_ENDPOINTS_ENDPOINT,
}))
"""
UNCHANGED = """
import json, site, sys
site.addsitedir(sys.argv[1])
from huggingface_hub import constants
print(json.dumps(constants.INFERENCE_PROXY_TEMPLATE))
"""


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    with Hub(tmp_path_factory.mktemp("addon"), {"INFERENCE_WAIT_SECONDS": "60"}) as hub:
        yield hub


@pytest.fixture(scope="module")
def owner(serving: Hub) -> Account:
    owner = serving.user("olga")
    classifier = encoders.classifier(WORDS, ["NEGATIVE", "POSITIVE"])
    for name, task, files in (
        ("sentiment", "text-classification", classifier),
        ("writer", "text-generation", {"model.gguf": writers.writer()}),
    ):
        with httpx.Client(base_url=serving.endpoint, headers=owner.bearer, timeout=60) as client:
            publishing.create(client, f"olga/{name}")
            publishing.commit(client, f"olga/{name}", {"README.md": f"---\npipeline_tag: {task}\n---\n", **files})
    return owner


@pytest.fixture(scope="module")
def installed(serving: Hub, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder)]
    subprocess.run([*pip, f"{serving.endpoint}/download/{wheel.NAME}"], check=True)
    return folder


def run(script: str, version: str, hub: Hub, home: Path, installed: Path, token: str, **settings: str) -> object:
    environment = clients.environment(hub, home, token=token) | settings
    python = str(clients.interpreter(version))
    done = subprocess.run(
        [python, "-c", script, str(installed)], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("version", VERSIONS)
def test_models_are_asked_by_their_names(
    serving: Hub, owner: Account, installed: Path, tmp_path: Path, version: str
) -> None:
    told = run(ASK, version, serving, tmp_path, installed, owner.token)
    assert told == {
        "auto": "POSITIVE",
        "named": "NEGATIVE",
        "chat": "assistant",
        "endpoints": f"{serving.endpoint}/api/endpoints/v2",
    }


def test_nothing_changes_for_the_public_hub(serving: Hub, owner: Account, installed: Path, tmp_path: Path) -> None:
    public = "https://huggingface.co"
    told = run(UNCHANGED, clients.CURRENT, serving, tmp_path, installed, owner.token, HF_ENDPOINT=public)
    assert told == "https://router.huggingface.co/{provider}"


def test_it_goes_as_it_came(installed: Path) -> None:
    """Each file is on its list, with its hash: pip checks them, and removes them by it."""
    shown = subprocess.run(
        [sys.executable, "-m", "pip", "show", "--files", "pioche-client"],
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "pioche_client.py" in shown
    assert "pioche_client.pth" in shown


def test_another_version_is_named(serving: Hub) -> None:
    answer = httpx.get(f"{serving.endpoint}/download/pioche_client-9.9-py3-none-any.whl", headers={"accept": "*/*"})
    assert answer.status_code == 404
    assert wheel.NAME in answer.text


def test_who_answers_for_a_model(serving: Hub, owner: Account) -> None:
    """A list, as the clients read it; nobody for what no engine takes."""
    with httpx.Client(base_url=serving.endpoint, headers=owner.bearer) as client:
        publishing.create(client, "olga/empty")
        found = {
            name: client.get(f"/api/models/olga/{name}?expand=inferenceProviderMapping&expand=inference").json()
            for name in ("sentiment", "writer", "empty")
        }
    assert found["sentiment"]["inference"] == "warm"
    assert found["sentiment"]["inferenceProviderMapping"] == [
        {"provider": "hf-inference", "providerId": "olga/sentiment", "status": "live", "task": "text-classification"}
    ]
    assert found["writer"]["inferenceProviderMapping"][0]["task"] == "conversational"
    assert found["empty"]["inferenceProviderMapping"] == []
