"""Diagrams of cards, drawn in a frame that has no origin (ui.md M1)."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Error, Frame, Page, expect

from tests.web.town import Town
from tests.web.visits import Visits

CARD = """# Drawn

Text before.

```mermaid
graph TD
  Corpus -->|tokens| Model
  Model --> Card
```

Text after.
"""
BROKEN = "# Broken\n\n```mermaid\nthis is no diagram\n```\n"
HOSTILE = """# Hostile

```mermaid
%%{init: {"securityLevel": "loose", "flowchart": {"htmlLabels": true}, "themeCSS": "* { background: url(/styled) }"}}%%
graph TD
  A["<img src=/asked onerror='parent.pwned=1;pwned=1;top.location=1'>"] --> B["<script>pwned=1</script><b onclick='pwned=1'>b</b>"]
  B --> C["<iframe srcdoc='<script>parent.parent.pwned=1</script>'></iframe><form action=/sent><button>go</button></form>"]
  click A call alert("pwned")
  click B "javascript:pwned=1"
  click C "/settings" _top
```
"""


@pytest.fixture(scope="module")
def drawn(town: Town) -> Town:
    """Cards with diagrams, and one without."""
    for name, card in (("drawn", CARD), ("broken", BROKEN), ("hostile", HOSTILE), ("plain", "# Plain\n")):
        town.repo(f"ada/{name}", {"README.md": card})
    return town


def _frame(page: Page) -> Frame:
    element = page.locator("iframe.md-diagram").element_handle()
    frame = element.content_frame() if element is not None else None
    assert frame is not None
    frame.wait_for_selector("svg")
    return frame


@pytest.mark.parametrize(("lang", "theme", "source"), [("en", "light", "Source of"), ("fr", "dark", "Source du")])
def test_m1_diagrams_are_drawn_in_a_frame_without_origin(
    visit: Visits, drawn: Town, accessible: Callable[[Page], None], lang: str, theme: str, source: str
) -> None:
    page = visit("/ada/drawn", lang=lang, theme=theme)
    shown = page.frame_locator("iframe.md-diagram")
    expect(shown.get_by_text("Corpus")).to_be_visible()
    expect(page.locator(".md-diagram-source summary")).to_contain_text(source)
    expect(page.locator("pre.md-mermaid")).to_be_hidden()
    assert page.locator("iframe.md-diagram").bounding_box()["height"] > 100  # type: ignore[index]  # it is there
    assert _frame(page).evaluate("self.origin") == "null"
    accessible(page)
    page.locator(".md-diagram-source summary").click()
    expect(page.locator("pre.md-mermaid")).to_contain_text("graph TD")
    file = visit("/ada/drawn/blob/main/README.md", lang=lang, theme=theme)
    expect(file.frame_locator("iframe.md-diagram").get_by_text("Corpus")).to_be_visible()


def test_m1_what_cannot_be_drawn_stays_its_source(visit: Visits, drawn: Town) -> None:
    page = visit("/ada/plain")
    with page.expect_event("framedetached"):  # it was tried
        page.goto("/ada/broken")
    expect(page.locator("iframe.md-diagram")).to_have_count(0)
    expect(page.locator("pre.md-mermaid")).to_contain_text("this is no diagram")
    plain = visit("/ada/drawn", scripts=False)
    expect(plain.locator("pre.md-mermaid")).to_contain_text("graph TD")


def test_m1_only_a_card_with_a_diagram_asks_for_what_draws_it(visit: Visits, drawn: Town) -> None:
    asked = list[str]()
    page = visit("/ada/plain")
    page.on("request", lambda request: asked.append(request.url))
    page.reload()
    page.wait_for_load_state("networkidle")
    assert not [url for url in asked if "diagram" in url or "mermaid" in url]
    page.goto("/ada/drawn")
    _frame(page)
    assert len([url for url in asked if "/vendor/mermaid.js" in url]) == 1


def test_f_xss_1_a_hostile_diagram_reaches_nothing(visit: Visits, drawn: Town) -> None:
    """What mermaid lets through runs nowhere near us: no handler, no markup of the diagram, and the frame has no origin, no
    network, no storage, no windows and cannot lead this page away."""
    page = visit("/ada/plain", session=drawn.session(drawn.ada))
    answered = list[str]()
    page.on("response", lambda response: answered.append(response.url))
    page.goto("/ada/hostile")
    frame = _frame(page)
    assert frame.evaluate("document.querySelectorAll('a[href^=javascript]').length") == 0
    for node in frame.locator(".node").all():
        node.click(force=True)
    assert frame.evaluate("typeof pwned") == "undefined"
    assert page.evaluate("typeof pwned") == "undefined"
    assert page.url.endswith("/ada/hostile")
    # And if something ran there after all:
    for attempt in ("document.cookie", "localStorage.length", "parent.document.title", "fetch('/api/whoami-v2')"):
        with pytest.raises(Error):
            frame.evaluate(attempt)
    frame.evaluate("try { top.location = '/settings' } catch {}; window.open('/settings'); new Image().src = '/asked'")
    page.wait_for_timeout(300)
    assert page.url.endswith("/ada/hostile")
    assert len(page.context.pages) == 1
    assert not [url for url in answered if "/settings" in url or "/asked" in url or "whoami" in url or "/styled" in url]
    visit.guard.faults = [
        fault for fault in visit.guard.faults if not fault.startswith("console")
    ]  # of what was stopped


def test_f_xss_1_the_frame_of_diagrams_has_no_origin_wherever_it_is_opened(visit: Visits, drawn: Town) -> None:
    page = visit("/embed/diagram", session=drawn.session(drawn.ada))
    assert page.evaluate("self.origin") == "null"
    with pytest.raises(Error):
        page.evaluate("document.cookie")
