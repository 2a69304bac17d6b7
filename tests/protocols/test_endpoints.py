"""HfApi's calls for Inference Endpoints, which the client's add-on leads to this hub (serving.md 2.4)."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from huggingface_hub import HfApi, InferenceClient, constants
from huggingface_hub.errors import HfHubHTTPError

from tests import encoders, publishing
from tests.hub import Account, Hub

WORDS = {"good": [0, 4], "bad": [4, 0], "film": [0, 0]}
CARD = "---\npipeline_tag: text-classification\n---\n# A model\n"
PLACE: dict[str, Any] = {
    "framework": "pytorch", "accelerator": "cpu", "instance_size": "x1", "instance_type": "local", "region": "local",
    "vendor": "pioche",
}  # fmt: skip


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    with Hub(tmp_path_factory.mktemp("managed"), {"INFERENCE_WAIT_SECONDS": "60"}) as hub:
        yield hub


@pytest.fixture(scope="module")
def owner(serving: Hub) -> Account:
    return serving.user("olga")


@pytest.fixture
def api(serving: Hub, owner: Account, monkeypatch: pytest.MonkeyPatch) -> HfApi:
    """As the add-on has it (test_client_add_on.py)."""
    monkeypatch.setattr(constants, "INFERENCE_ENDPOINTS_ENDPOINT", f"{serving.endpoint}/api/endpoints/v2")
    return HfApi(serving.endpoint, token=owner.token)


def publish(hub: Hub, owner: Account, *labels: str) -> str:
    full = f"{owner.name}/feelings"
    with httpx.Client(base_url=hub.endpoint, headers=owner.bearer, timeout=60) as client:
        if client.get(f"/api/models/{full}").status_code != 200:
            publishing.create(client, full)
        publishing.commit(client, full, {"README.md": CARD, **encoders.classifier(WORDS, labels)})
    return full


def test_the_client_makes_asks_changes_pauses_and_deletes_an_endpoint(api: HfApi, serving: Hub, owner: Account) -> None:
    model = publish(serving, owner, "BAD", "GOOD")
    [hardware] = api.list_inference_endpoints_hardware()
    assert (hardware.vendor, hardware.accelerator, hardware.price_per_hour) == ("pioche", "cpu", 0)
    made = api.create_inference_endpoint("feelings", repository=model, **PLACE, tags=["films"], token=owner.token)
    assert (made.name, made.repository, made.task, made.type) == (
        "feelings", model, "text-classification", "authenticated",
    )  # fmt: skip
    made.wait(timeout=60, refresh_every=1)
    assert made.client.text_classification("good film")[0].label == "GOOD"
    assert InferenceClient(made.url, token=owner.token).text_classification("bad film")[0].label == "BAD"
    assert [one.name for one in api.list_inference_endpoints()] == ["feelings"]

    publish(serving, owner, "sad", "glad")
    tip = api.model_info(model).sha
    changed = api.update_inference_endpoint(
        "feelings", revision="main", min_replica=0, scale_to_zero_timeout=15, token=owner.token
    )
    assert changed.status == "updating"
    changed.wait(timeout=60, refresh_every=1)
    assert changed.revision == tip
    assert changed.client.text_classification("good film")[0].label == "glad"
    scaling = changed.raw["compute"]["scaling"]
    assert (scaling["minReplica"], scaling["scaleToZeroTimeout"]) == (0, 15)
    assert changed.raw["tags"] == ["films"]

    assert api.pause_inference_endpoint("feelings").status == "paused"
    with pytest.raises(HfHubHTTPError, match="paused"):
        made.client.text_classification("good film")
    assert api.resume_inference_endpoint("feelings").status != "paused"
    assert api.resume_inference_endpoint("feelings", running_ok=True).name == "feelings"
    assert api.scale_to_zero_inference_endpoint("feelings").status == "scaledToZero"
    assert made.client.text_classification("good film")[0].label == "glad"
    api.delete_inference_endpoint("feelings")
    with pytest.raises(HfHubHTTPError) as absent:
        api.get_inference_endpoint("feelings")
    assert absent.value.response.status_code == 404


def test_what_cannot_be_is_refused_with_its_name(api: HfApi, serving: Hub, owner: Account) -> None:
    model = publish(serving, owner, "BAD", "GOOD")
    refused: dict[str, dict[str, Any]] = {
        "model.image": {"custom_image": {"url": "example/image", "health_route": "/"}},
        "model.env": {"env": {"A": "b"}},
        "pendingRequests": {"scaling_metric": "hardwareUsage", "scaling_threshold": 80.0},
        "maxReplica": {"min_replica": 3, "max_replica": 2},
        "name": {"name": "No_Name"},
        "Repository": {"repository": f"{owner.name}/absent"},
    }
    for field, more in refused.items():
        given: dict[str, Any] = {"name": "refused", "repository": model, **PLACE, **more}
        with pytest.raises(HfHubHTTPError, match=field):
            api.create_inference_endpoint(**given)
    assert "refused" not in [one.name for one in api.list_inference_endpoints()]
