"""Importing a repository in a browser (ui.md W1), from a git server that the hub may call."""

import re
from collections.abc import Callable, Iterator

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.gitserver import GitServer
from tests.hub import Hub
from tests.web.town import Town
from tests.web.visits import Visits

SECRET = "glpat-V3ryS3cretIndeed"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitServer]:
    with GitServer(tmp_path_factory.mktemp("server"), token=SECRET) as server:
        card = b"---\nlicense: mit\n---\n# Tools\n\nThey came from elsewhere.\n"
        server.repo("lab/tools.git", {"README.md": card}, large={"w.bin": b"\0weights" * 100_000})
        yield server


@pytest.fixture(scope="module")
def town(server: GitServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """A town whose hub may call the server."""
    with Hub(tmp_path_factory.mktemp("town"), {"OUTBOUND_ALLOWED": server.allowed}) as hub:
        yield Town(hub, hub.user("ada"), hub.user("bob"), hub.user("eve"))


def test_w1_import_from_git_is_followed_until_it_is_whole(
    visit: Visits, town: Town, server: GitServer, accessible: Callable[[Page], None]
) -> None:
    visit.guard.expected.add(f"{town.hub.endpoint}/new/import")  # a form that is sent back is 422
    page = visit("/new", session=town.hub.session("ada"))
    page.get_by_role("link", name="Import from elsewhere").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Import a repository")
    accessible(page)
    page.get_by_role("link", name="From a git server").click()
    page.locator("#field-git").fill("http://127.0.0.1:9/lab/tools.git")
    page.locator("#field-token").fill(SECRET)
    page.get_by_role("button", name="Import", exact=True).click()
    expect(page.locator("#error-git")).to_contain_text("lies inside the network")
    assert SECRET not in page.content()
    accessible(page)

    server.hold.clear()
    page.locator("#field-git").fill(server.url("lab/tools.git"))
    page.locator("#field-token").fill(SECRET)
    page.get_by_role("button", name="Import", exact=True).click()
    page.wait_for_url(re.compile("/new/import/ada/tools"))
    step = page.locator(".import-steps [aria-current=step]")
    expect(step).to_have_text("Fetch large files", timeout=20_000)
    accessible(page)
    page.goto("/ada/tools")
    page.get_by_role("link", name="How far it is").click()
    french = visit("/new/import/ada/tools", session=town.hub.session("ada"), lang="fr", theme="dark", width=360)
    expect(french.locator("#import .lead")).to_contain_text("Il est en route")
    assert httpx.get(f"{town.hub.endpoint}/ada/tools").status_code in (401, 404)

    server.hold.set()  # the page is not asked again by hand
    expect(page.locator("#import .notice")).to_contain_text("It is here", timeout=20_000)
    assert page.get_by_role("button", name="Cancel the import").count() == 0
    page.get_by_role("link", name="See its page").click()
    expect(page.get_by_text("They came from elsewhere.")).to_be_visible()


def test_w1_import_that_failed_says_why_and_is_tried_again_without_scripts(
    visit: Visits, town: Town, server: GitServer
) -> None:
    page = visit("/new/import?from=git&type=dataset", session=town.hub.session("bob"), scripts=False)
    page.locator("#field-git").fill(server.url("lab/tools.git"))
    page.get_by_role("button", name="Import", exact=True).click()
    page.wait_for_url(re.compile("/new/import/datasets/bob/tools"))
    failed = page.locator("#import .import-error")
    for _ in range(60):
        if failed.count():
            break
        page.wait_for_timeout(250)
        page.reload()
    expect(failed).to_contain_text("if it is private, give a token")
    page.locator("#field-token").fill(SECRET)
    page.get_by_role("button", name="Try again").click()
    for _ in range(60):
        if page.get_by_role("link", name="See its page").count():
            break
        page.wait_for_timeout(250)
        page.reload()
    expect(page.locator("#import .notice")).to_contain_text("It is here")
