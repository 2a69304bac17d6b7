"""The pages of endpoints: from a model's page to production, by forms and with the keyboard (issue 6 item 7)."""

from collections.abc import Callable

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests import encoders
from tests.web.test_inference import card
from tests.web.town import Town
from tests.web.visits import Visits

WORDS = {"good": [0, 4], "bad": [4, 0]}
STATES = ("running", "en marche")


def publish(town: Town, name: str, *labels: str) -> None:
    files: dict[str, str | bytes] = {"README.md": card("text-classification")}
    files |= encoders.classifier(WORDS, labels)
    if name in town.repos:
        town.commit(name, files)
    else:
        town.repo(name, files)


def until_running(page: Page) -> None:
    expect(page.locator(".endpoint-state .tag")).to_have_attribute("data-state", "running", timeout=60_000)


def test_a_model_goes_to_production_and_a_new_version_after_it(
    visit: Visits, town: Town, accessible: Callable[[Page], None]
) -> None:
    publish(town, "ada/moods", "BAD", "GOOD")
    page = visit("/ada/moods", session=town.session(town.ada))
    page.get_by_role("link", name="Deploy").click()
    expect(page.get_by_label("Name")).to_have_value("moods")
    accessible(page)
    page.get_by_role("button", name="Deploy").click()
    until_running(page)
    assert page.url == f"{visit.endpoint}/endpoints/ada/moods"
    asked = httpx.post(page.url, json={"inputs": "good"}, headers=town.bob.bearer, timeout=60)
    assert asked.json()[0][0]["label"] == "GOOD"
    accessible(page)

    publish(town, "ada/moods", "sad", "glad")
    page.get_by_label("Steps").fill("50, 100")
    page.get_by_text("When a step is passed").click()
    page.get_by_label("Seconds that a step lasts at least").fill("600")
    page.get_by_role("button", name="Deploy").click()
    expect(page.get_by_role("heading", name="Rollout of v2")).to_be_visible()
    expect(page.locator(".steps [aria-current]")).to_have_text("50 %", timeout=60_000)
    page.get_by_role("button", name="Give it all of the traffic").click()
    row = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name="v2"))
    expect(row.first).to_contain_text("100 %")
    assert (
        httpx.post(f"{visit.endpoint}/endpoints/ada/moods", json={"inputs": "good"}, headers=town.bob.bearer).json()[0][
            0
        ]["label"]
        == "glad"
    )

    page.locator("#weight-v1").fill("30")
    page.locator("#weight-v1").blur()
    expect(page.locator("#weight-v2")).to_have_value("70")
    page.get_by_role("button", name="Set the traffic").click()
    expect(page.locator("#weight-v1")).to_have_value("30")
    page.locator("#weight-v1").fill("-1")
    page.locator("#weight-v1").evaluate("one => one.form.noValidate = true")
    visit.guard.expected.add(f"{visit.endpoint}/endpoints/ada/moods/change")
    page.get_by_role("button", name="Set the traffic").click()
    expect(page.get_by_role("alert").first).to_contain_text("percent, between 0 and 100")
    page.get_by_role("button", name="Pause").click()
    expect(page.locator(".endpoint-state .tag")).to_have_text("paused")
    page.goto("/endpoints")
    expect(page.get_by_role("row").filter(has_text="ada/moods")).to_contain_text("paused")


@pytest.mark.parametrize(("lang", "theme", "width"), [("en", "light", 1280), ("fr", "dark", 360)])
def test_g5_pages_of_endpoints_are_accessible_and_fit(
    visit: Visits, town: Town, accessible: Callable[[Page], None], lang: str, theme: str, width: int
) -> None:
    publish(town, f"ada/fits-{lang}", "BAD", "GOOD")
    body = {"name": f"fits-{lang}", "model": {"repository": f"ada/fits-{lang}"}}
    url = f"{visit.endpoint}/api/endpoints/v2/endpoint/ada"
    assert httpx.post(url, json=body, headers=town.ada.bearer, timeout=60).status_code == 201
    for path in ("", "/new?model=ada/moods", f"/ada/fits-{lang}", f"/ada/fits-{lang}/logs"):
        page = visit(f"/endpoints{path}", session=town.session(town.ada), lang=lang, theme=theme, width=width)
        accessible(page)
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), path


def test_e_leak_a_stranger_is_shown_no_endpoint(visit: Visits, town: Town) -> None:
    publish(town, "ada/hidden", "BAD", "GOOD")
    body = {"name": "hidden", "model": {"repository": "ada/hidden"}}
    url = f"{visit.endpoint}/api/endpoints/v2/endpoint/ada"
    assert httpx.post(url, json=body, headers=town.ada.bearer, timeout=60).status_code == 201
    shown = [
        visit(f"/endpoints/ada/{name}", session=town.session(town.eve), status=404).locator(".error-page").inner_text()
        for name in ("hidden", "absent")
    ]
    assert shown[0].rpartition("\n")[0] == shown[1].rpartition("\n")[0]
    page = visit("/endpoints", session=town.session(town.eve))
    expect(page.get_by_role("heading", name="No endpoint yet")).to_be_visible()
