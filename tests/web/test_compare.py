"""Two models side by side (issue item 6), and the tensors of one (ui.md M2)."""

import json
import struct
from collections.abc import Callable

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.local import LocalHub, User
from tests.web.town import Town
from tests.web.visits import Visits

CARD = """---
license: {licence}
language: {language}
pipeline_tag: text-classification
model-index:
- name: x
  results:
  - task: {{type: text-classification}}
    dataset: {{name: Avis, type: ada/avis}}
    metrics: [{{type: accuracy, value: {accuracy}, name: Accuracy}}]
---
# Model
"""


def weights(shapes: dict[str, list[int]]) -> bytes:
    """A safetensors file of zeros."""
    header, end = dict[str, object](), 0
    for name, shape in shapes.items():
        size = 4 * shape[0] * shape[-1]
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [end, end + size]}
        end += size
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + bytes(end)


def _files(licence: str, language: str, accuracy: float, hidden: int, shapes: dict[str, list[int]]) -> dict[str, bytes]:
    config = {"model_type": "bert", "hidden_size": hidden, "text_config": {"layers": 2}}
    readme = CARD.format(licence=licence, language=language, accuracy=accuracy)
    return {
        "README.md": readme.encode(),
        "config.json": json.dumps(config).encode(),
        "model.safetensors": weights(shapes),
    }


@pytest.fixture
def ada(local: LocalHub) -> User:
    user = local.user("ada")
    for name, files in {
        "small": _files("mit", "fr", 0.8, 4, {"a": [2, 4], "b": [1, 2]}),
        "large": _files("apache-2.0", "en", 0.9, 8, {"a": [2, 8], "b": [1, 2], "c": [3, 3]}),
    }.items():
        local.create_repo(user, f"ada/{name}")
        weight = files.pop("model.safetensors")
        local.commit(user, f"ada/{name}", files, large={"model.safetensors": weight})
    return user


def test_compare_shows_what_differs(local: LocalHub, ada: User) -> None:
    page = " ".join(local.client.get("/compare?a=ada/small&b=ada/large").text.split())
    for row in (
        '<tr class="differs"><th scope="row">Licence</th><td>MIT</td><td>Apache 2.0</td></tr>',
        '<tr class="differs"><th scope="row">Languages</th><td>French</td><td>English</td></tr>',
        '<tr><th scope="row">Task</th><td>Text classification</td><td>Text classification</td></tr>',
        '<tr class="differs"><th scope="row">hidden_size</th><td>4</td><td>8</td></tr>',
        '<tr><th scope="row">text_config.layers</th><td>2</td><td>2</td></tr>',
        '<tr class="differs"><th scope="row">Avis · Accuracy</th><td>0.8</td><td>0.9</td></tr>',
        '<tr class="differs"><th scope="row">a</th><td>F32 2 × 4</td><td>F32 2 × 8</td></tr>',
        '<tr class="differs"><th scope="row">c</th><td>–</td><td>F32 3 × 3</td></tr>',
    ):
        assert row in page, row
    assert "1 tensor is of the same type and shape in both" in page


def test_compare_tells_nothing_of_private_and_gated_models(local: LocalHub, ada: User) -> None:
    local.client.put("/api/models/ada/large/settings", token=ada.token, json={"private": True})
    for other in ("ada/large", "ada/nothing", "ada/x y", "../x"):
        answer = local.client.get(f"/compare?a=ada/small&b={other.replace(' ', '%20')}")
        assert answer.status == 404
        assert "There is no such model, or it is private" in answer.text
    assert "hidden_size" in local.client.get("/compare?a=ada/small&b=ada/large", token=ada.token).text
    local.client.put("/api/models/ada/large/settings", token=ada.token, json={"private": False, "gated": "auto"})
    shown = local.client.get("/compare?a=ada/small&b=ada/large").text
    assert "Apache 2.0" in shown
    assert "hidden_size" not in shown


def test_compare_of_one_model_leads_to_its_revisions(local: LocalHub, ada: User) -> None:
    answer = local.client.get("/compare?a=ada/small&b=ADA/small")
    assert (answer.status, answer.headers["location"]) == (303, "/ada/small/compare")


def test_compare_stands_odd_files(local: LocalHub, ada: User) -> None:
    for number, config in enumerate(
        (b"[", b"[1]", b'{"a": {"b": {"c": {"d": {"e": {"f": 1}}}}}}', b"\xff", b"[" * 5000)
    ):
        local.create_repo(ada, f"ada/odd-{number}")
        local.commit(ada, f"ada/odd-{number}", {"config.json": config, "model.safetensors": b"no weights"})
        assert local.client.get(f"/compare?a=ada/small&b=ada/odd-{number}").status == 200


def test_m2_tensors_of_a_file(local: LocalHub, ada: User) -> None:
    page = " ".join(local.client.get("/ada/large?show_tensors=model.safetensors").text.split())
    assert '<span class="tensor-name">a</span> <span>F32</span> <span>2 × 8</span>' in page
    assert "3 tensors" in page
    assert local.client.get("/ada/large?show_tensors=absent.safetensors").status == 200
    assert local.client.get("/ada/large?show_tensors=README.md").status == 200


@pytest.fixture(scope="module")
def pair(town: Town) -> Town:
    if "ada/large" not in town.repos:
        town.repo(
            "ada/small",
            {"README.md": CARD.format(licence="mit", language="fr", accuracy=0.8), "config.json": '{"h": 4}'},
        )
        town.repo(
            "ada/large",
            {"README.md": CARD.format(licence="mit", language="en", accuracy=0.9), "config.json": '{"h": 8}'},
        )
    return town


@pytest.mark.parametrize(("lang", "theme", "width"), [("en", "light", 1280), ("fr", "dark", 360)])
def test_compare_in_a_browser(
    visit: Visits, pair: Town, accessible: Callable[[Page], None], lang: str, theme: str, width: int
) -> None:
    page = visit("/compare", lang=lang, theme=theme, width=width)
    page.locator("#field-a").fill("ada/small")
    page.locator("#field-b").fill("ada/large")
    page.keyboard.press("Enter")
    expect(page.locator(".compared").first).to_contain_text("MIT")
    accessible(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert httpx.get(visit.endpoint + "/compare").status_code == 200
