"""Apps of Spaces in a browser (ui.md P): each in an origin of its own, from the wizard to its settings."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from pioche.runner.sandbox import Sandbox
from pioche.runner.spec import LEAST_FOR_CODE
from tests import encoders
from tests.hub import Hub, free_port
from tests.web.town import Town
from tests.web.visits import Visits

_MS = 60_000
APP = """
import http.server, os

PAGE = b'''<!doctype html><title>x</title><p id="said"></p><script>
let seen = "cookies: " + document.cookie;
try { seen += " parent: " + parent.document.title; } catch (error) { seen += " parent: none"; }
document.getElementById("said").textContent = seen;
</script>'''

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        print("asked for", self.path, flush=True)
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(PAGE)

http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""


@pytest.fixture
def visit(visit: Visits, town: Town) -> Visits:
    visit.guard.apps = f".localhost:{town.hub.settings['SPACES_PORT']}"
    return visit


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    found = Sandbox(tmp_path_factory.mktemp("probe")).find_out()
    if found.level is None or found.level < LEAST_FOR_CODE:
        pytest.skip("no sandbox here that strangers' code may run in")
    with Hub(tmp_path_factory.mktemp("town"), {"SPACES_PORT": str(free_port())}) as hub:
        yield Town(hub, hub.user("ada"), hub.user("bob"), hub.user("eve"))


@pytest.mark.parametrize("private", [False, True], ids=["public", "private"])
def test_p2_f_iso_an_app_is_framed_and_reads_nothing_of_the_hub(visit: Visits, town: Town, *, private: bool) -> None:
    name = f"ada/demo{private:d}"
    town.repo(name, {"README.md": "---\nsdk: gradio\n---\n", "app.py": APP}, kind="space", private=private)
    page = visit(f"/spaces/{name}/app", who=town.ada)
    framed = page.frame_locator("iframe.space-frame")
    # What stands there first is the page that says that it is being built, and loads itself anew.
    expect(framed.locator("#said")).to_have_text("cookies:  parent: none", timeout=_MS)
    page.reload()
    expect(page.locator(".space-stage")).to_have_text("Running")
    page.get_by_role("link", name="Logs").click()
    expect(page.locator("log-lines code")).to_contain_text("asked for /", timeout=_MS)


def test_p6_w1_a_space_begins_with_a_template_and_runs_a_model_in_the_browser(
    visit: Visits, town: Town, accessible: Callable[[Page], None]
) -> None:
    files = encoders.classifier({"good": [0, 4], "bad": [4, 0], "film": [0, 0]}, ["NEGATIVE", "POSITIVE"])
    town.repo("ada/mood", {"README.md": "---\npipeline_tag: text-classification\n---\n", **files})
    page = visit("/new-space", who=town.ada)
    page.get_by_label("Name", exact=True).fill("in-here")
    page.get_by_text("In the browser").click()
    page.get_by_label("Model or dataset that it is about").fill("ada/mood")
    accessible(page)
    page.get_by_role("button", name="Create").click()
    expect(page).to_have_title("in-here · Pioche")
    framed = page.frame_locator("iframe.space-frame")
    framed.get_by_label("Text").fill("good film", timeout=_MS)
    framed.get_by_role("button", name="Ask").click()
    expect(framed.get_by_role("status")).to_contain_text("in this page", timeout=_MS)
    expect(framed.locator("li").first).to_contain_text("POSITIVE")


def test_p4_p5_it_is_paused_and_started_again_by_its_settings(visit: Visits, town: Town) -> None:
    town.repo("ada/turns", {"README.md": "---\nsdk: static\n---\n", "index.html": "<p>here"}, kind="space")
    page = visit("/spaces/ada/turns/settings/app", who=town.ada)
    page.get_by_role("button", name="Pause").click()
    expect(page.locator(".space-stage")).to_have_text("Paused")
    page = visit("/spaces/ada/turns/app")
    framed = page.frame_locator("iframe.space-frame")
    expect(framed.get_by_role("status")).to_have_text("This Space was paused by its authors.", timeout=_MS)
    page = visit("/spaces/ada/turns/settings/app", who=town.ada)
    page.get_by_role("button", name="Restart").click()
    page = visit("/spaces/ada/turns/app")
    expect(page.frame_locator("iframe.space-frame").get_by_text("here")).to_be_visible(timeout=_MS)


@pytest.mark.parametrize(("lang", "theme", "width"), [("en", "light", 1280), ("fr", "dark", 360)])
def test_g5_pages_of_spaces_are_accessible_and_fit(
    visit: Visits, town: Town, accessible: Callable[[Page], None], lang: str, theme: str, width: int
) -> None:
    name = f"ada/fits-{lang}"
    town.repo(name, {"README.md": "---\nsdk: static\n---\n", "index.html": "<p>here"}, kind="space")
    for path in ("app", "logs", "settings/app"):
        page = visit(f"/spaces/{name}/{path}", lang=lang, theme=theme, width=width, who=town.ada)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        accessible(page)
