"""F-XSS-1, F-XSS-2 and F-CSP in Chromium: hostile texts in every place of the card pages; nothing runs, covers or calls."""

import json

import pytest
from playwright.sync_api import Dialog, Page, Route

from tests.hostile import SHORT, TEXTS
from tests.web.town import Town
from tests.web.visits import Visits

_PIXEL = b'<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>'
_FIELDS = (
    "license", "license_name", "license_link", "language", "pipeline_tag", "library_name", "tags", "datasets", "base_model",
    "base_model_relation", "new_version", "deprecated",
    "pretty_name", "thumbnail", "extra_gated_heading", "extra_gated_prompt", "metrics",
    "mask_token", "instance_prompt", "title", "emoji", "colorFrom", "colorTo", "short_description", "models", "app_file",
    "sdk_version", "python_version", "task_categories", "size_categories", "configs",
)  # fmt: skip


def _card(text: str) -> str:
    fields: dict[str, object] = dict.fromkeys(_FIELDS, text)
    fields["tags"] = [text, "arxiv:" + text]
    fields["co2_eq_emissions"] = {"emissions": 3, "hardware_used": text, "source": text}
    metric = {"type": text, "name": text, "value": text}
    result = {
        "task": {"type": text},
        "dataset": {"name": text, "type": text},
        "metrics": [metric],
        "source": {"url": text, "name": text},
    }
    fields["model-index"] = [{"name": text, "results": [result]}]
    return f"---\n{json.dumps(fields)}\n---\n# {text}\n"


@pytest.fixture(scope="module")
def hostile(town: Town) -> Town:
    if "ada/hostile" not in town.repos:
        town.repo("ada/hostile", {"README.md": "\n\n".join(TEXTS)})
        for number, text in enumerate(SHORT):
            config = {"architectures": [text], "model_type": text}
            tokenizer = {"chat_template": text, "bos_token": text, "eos_token": {"content": text}}
            files = {
                "README.md": _card(text),
                "config.json": json.dumps(config),
                "tokenizer_config.json": json.dumps(tokenizer),
            }
            town.repo(f"ada/hostile-{number}", files)
            town.repo(f"ada/hostile-{number}", files, kind="dataset")
            town.repo(f"ada/hostile-{number}", {"README.md": _card(text)}, kind="space")
    return town


def _looked_at(visit: Visits, path: str, town: Town) -> Page:
    """The page after everything that could run had its chance. Pictures that do not exist are answered here: their 404 is
    no fault."""
    page = visit("/", who=town.ada)
    page.on("dialog", _fail)
    page.route("**/resolve/**", _pixel)
    answer = page.goto(path)
    assert answer is not None
    assert answer.status == 200
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
    page.mouse.wheel(0, 4000)
    assert page.evaluate("window.__pwned") is None, path
    return page


def _fail(dialog: Dialog) -> None:
    raise AssertionError(dialog.message)


def _pixel(route: Route) -> None:
    route.fulfill(content_type="image/svg+xml", body=_PIXEL)


def test_f_xss_1_a_card_full_of_payloads(visit: Visits, hostile: Town) -> None:
    page = _looked_at(visit, "/ada/hostile", hostile)
    inside = page.locator(".prose")
    assert inside.count() == 1
    for selector in (
        "script",
        "iframe",
        "object",
        "embed",
        "form",
        "input",
        "svg",
        "style",
        "[style]",
        "[name]",
        "base",
    ):
        assert inside.locator(selector).count() == 0, selector
    assert page.evaluate(
        "[...document.querySelectorAll('*')].every((e) => [...e.attributes].every((a) => !/^on/i.test(a.name)))"
    )


def test_f_xss_2_nothing_shadows_what_scripts_use(visit: Visits, hostile: Town) -> None:
    page = _looked_at(visit, "/ada/hostile", hostile)
    assert page.evaluate("document.cookie === '' || typeof document.cookie === 'string'")
    assert page.evaluate("String(window.location)").endswith("/ada/hostile")
    assert page.evaluate("document.querySelectorAll('#main, #toasts').length") == 2
    assert page.locator(".prose a[target]").count() == 0
    rels = page.evaluate(
        "[...document.querySelectorAll('.prose a[href]')].every((a) => a.relList.contains('noopener'))"
    )
    assert rels is True
    assert page.evaluate(
        "[...document.querySelectorAll('.prose *')].every((e) => getComputedStyle(e).position !== 'fixed')"
    )


@pytest.mark.parametrize(
    ("prefix", "number"), [*(("", n) for n in range(len(SHORT))), ("datasets/", 0), ("spaces/", 1)]
)
def test_f_xss_1_every_field_of_a_card(visit: Visits, hostile: Town, prefix: str, number: int) -> None:
    _looked_at(visit, f"/{prefix}ada/hostile-{number}", hostile)
