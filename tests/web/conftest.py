"""Chromium on a live hub: `visit("/models", lang="fr", theme="dark", width=360, who=town.ada)` opens a page.

Every page is guarded: what the console reports, what the policy stops and what goes to another host fails the test at its
end. A test that goes where the answer is an error says so: `visit("/absent", status=404)`.
"""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from tests.hub import Hub
from tests.web.town import Town
from tests.web.visits import Visits

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
TOLD = "town.json"
SERIOUS = ("serious", "critical")


@pytest.fixture(scope="session")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a town where nothing happened yet, made by whoever of the processes of this run comes first."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "founded"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / TOLD).exists():
            with Hub(folder) as hub:
                town = Town.found(hub)
                hub.settle()
            town.tell(folder / TOLD)
    return folder


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory, founded: Path) -> Iterator[Town]:
    """One hub with people and repos for the tests of a file, whatever those of others wrote; see town.py."""
    directory: Path = tmp_path_factory.mktemp("town")
    shutil.copytree(founded / "data", directory / "data", symlinks=True)
    with Hub(directory) as hub:
        yield Town.told(hub, founded / TOLD)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Of one module: while it runs, this thread has an event loop, which other tests cannot have."""
    if CHROMIUM is None:
        pytest.fail("tests of pages need Chromium: scripts/need chromium")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield launched
        launched.close()


@pytest.fixture
def visit(browser: Browser, town: Town) -> Iterator[Visits]:
    visits = Visits(browser, town.hub)
    yield visits
    visits.close()


@pytest.fixture(scope="session")
def accessible() -> Callable[[Page], None]:
    """`accessible(page)`: axe finds nothing serious on it."""

    def check(page: Page) -> None:
        found = Axe().run(page).response["violations"]
        serious = [violation for violation in found if violation["impact"] in SERIOUS]
        told = [f"{v['id']}: {v['help']}: {[node['html'][:160] for node in v['nodes'][:3]]}" for v in serious]
        assert told == [], page.url

    return check
