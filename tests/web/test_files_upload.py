"""Uploads from a browser (ui.md F10): by the Hub's own client, over LFS and Xet, through pauses and losses of the network."""

import json
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from huggingface_hub import CommitOperationAdd, HfApi
from playwright.sync_api import Dialog, Route, expect

from tests.web.town import Town
from tests.web.visits import Visits

PASSWORD = "a sentence to keep"


@dataclass(frozen=True)
class Sender:
    """Somebody who signed in in a browser, which `state` is of, and a repo of theirs."""

    town: Town
    name: str
    token: str
    state: dict[str, Any]

    @property
    def repo(self) -> str:
        return f"{self.name}/sent"

    def commit(self, files: dict[str, bytes]) -> None:
        api = HfApi(self.town.hub.endpoint, token=self.token)
        operations = [CommitOperationAdd(path, data) for path, data in files.items()]
        api.create_commit(self.repo, operations, commit_message="Before")

    def content(self, path: str) -> bytes:
        address = f"{self.town.hub.endpoint}/{self.repo}/resolve/main/{path}"
        return httpx.get(address, follow_redirects=True).content

    def titles(self) -> list[str]:
        found = httpx.get(f"{self.town.hub.endpoint}/api/models/{self.repo}/commits/main").json()
        return [commit["title"] for commit in found]


@pytest.fixture(scope="module")
def una(town: Town) -> Sender:
    name = town.hub.name("una")
    town.hub.cli("user", "create", name, "--password", PASSWORD, "--email", f"{name}@example.org")
    token = town.hub.token(name)
    with httpx.Client(base_url=town.hub.endpoint) as client:
        body, headers = {"name": "sent", "type": "model"}, {"authorization": f"Bearer {token}"}
        client.post("/api/repos/create", json=body, headers=headers).raise_for_status()
        client.post("/login", data={"username": name, "password": PASSWORD})
        cookies = [
            {"name": cookie.name, "value": cookie.value, "url": town.hub.endpoint, "sameSite": "Lax"}
            for cookie in client.cookies.jar
        ]
    found = [{**cookie, "domain": "localhost", "path": "/"} for cookie in cookies]
    for cookie in found:
        del cookie["url"]
    state = {
        "cookies": [{**cookie, "expires": -1, "httpOnly": True, "secure": False} for cookie in found],
        "origins": [],
    }
    return Sender(town, name, token, state)


@pytest.mark.parametrize("way", ["xet", "lfs"])
def test_f10_files_are_uploaded_with_progress(visit: Visits, una: Sender, tmp_path: Path, way: str) -> None:
    """By somebody who signed in, so that the page's token has to go along; a large file over Xet, with the client's wasm, and
    over LFS where the hub offers no other."""
    large = random.Random(way).randbytes(6_000_000)
    (tmp_path / "small.txt").write_text("small")
    (tmp_path / "large.bin").write_bytes(large)
    page = visit(f"/{una.repo}/upload/main", storage_state=una.state)
    if way == "lfs":
        page.route("**/objects/batch", lambda route: route.continue_(
            post_data=json.dumps(json.loads(route.request.post_data or "") | {"transfers": ["basic", "multipart"]})
        ))  # fmt: skip
    written = list[str]()
    page.on("request", lambda request: written.append(request.url) if request.method in ("PUT", "POST") else None)
    page.locator("#field-file").set_input_files([tmp_path / "small.txt", tmp_path / "large.bin"])
    page.get_by_label("Folder", exact=False).first.fill(way)
    page.get_by_label("Path in the repo").first.fill("renamed.txt")
    page.get_by_role("button", name="Commit", exact=True).click()
    page.wait_for_url(f"**/{una.repo}/tree/main", timeout=60_000)
    assert any("/v1/xorbs/" in url for url in written) == (way == "xet")
    assert una.content(f"{way}/renamed.txt") == b"small"
    assert una.content(f"{way}/large.bin") == large


def test_f10_the_network_is_lost_and_comes_back(visit: Visits, una: Sender, tmp_path: Path) -> None:
    visit.guard.loses_network = True
    (tmp_path / "kept.bin").write_bytes(random.Random(1).randbytes(400_000))
    page = visit(f"/{una.repo}/upload/main", storage_state=una.state)
    page.locator("#field-file").set_input_files(tmp_path / "kept.bin")
    page.get_by_label("Message").first.fill("Through a tunnel")

    def lose(route: Route) -> None:
        page.context.set_offline(True)
        route.continue_()

    page.route("**/objects/batch", lose, times=1)
    page.get_by_role("button", name="Commit", exact=True).click()
    expect(page.get_by_text("There is no network")).to_be_visible()
    page.context.set_offline(False)
    page.wait_for_url(f"**/{una.repo}/tree/main", timeout=30_000)
    assert una.content("kept.bin") == (tmp_path / "kept.bin").read_bytes()
    assert una.titles().count("Through a tunnel") == 1


def test_f10_a_commit_whose_answer_was_lost_is_made_once(visit: Visits, una: Sender, tmp_path: Path) -> None:
    visit.guard.loses_network = True
    (tmp_path / "once.txt").write_text("once")
    page = visit(f"/{una.repo}/upload/main", storage_state=una.state)
    page.locator("#field-file").set_input_files(tmp_path / "once.txt")
    page.get_by_label("Message").first.fill("Made once")

    def answer_lost(route: Route) -> None:
        route.fetch()
        route.abort()

    page.route("**/api/models/**/commit/**", answer_lost, times=1)
    page.get_by_role("button", name="Commit", exact=True).click()
    page.wait_for_url(f"**/{una.repo}/tree/main", timeout=30_000)
    assert una.titles().count("Made once") == 1


def test_f10_pausing_going_on_and_a_warning_on_closing(visit: Visits, una: Sender, tmp_path: Path) -> None:
    (tmp_path / "slow.bin").write_bytes(random.Random(2).randbytes(300_000))
    page = visit(f"/{una.repo}/upload/main", storage_state=una.state)
    page.locator("#field-file").set_input_files(tmp_path / "slow.bin")
    held = list[Route]()
    page.route("**/objects/batch", lambda route: held.append(route))
    with page.expect_request("**/objects/batch"):
        page.get_by_role("button", name="Commit", exact=True).click()
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_text("Paused.")).to_be_visible()
    asked = list[str]()

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    page.on("dialog", stay)
    page.evaluate("location.assign('/')")
    page.wait_for_timeout(300)
    assert asked == ["beforeunload"]
    page.unroute("**/objects/batch")
    page.get_by_role("button", name="Go on").click()
    page.wait_for_url(f"**/{una.repo}/tree/main", timeout=30_000)
    assert len(una.content("slow.bin")) == 300_000


def test_f10_duplicates_are_skipped_and_the_rest_opened_as_a_pull_request(
    visit: Visits, una: Sender, tmp_path: Path
) -> None:
    una.commit({"dup/a.txt": b"same", "dup/b.txt": b"here"})
    before = len(una.titles())
    (tmp_path / "a.txt").write_text("same")
    (tmp_path / "b.txt").write_text("else")
    page = visit(f"/{una.repo}/upload/main/dup", storage_state=una.state)
    page.locator("#field-file").set_input_files([tmp_path / "a.txt"])
    page.locator("#field-file").set_input_files([tmp_path / "a.txt"])
    expect(page.locator(".queue li")).to_have_count(1)
    page.get_by_role("button", name="Commit", exact=True).click()
    expect(page.get_by_text("there is nothing to commit")).to_be_visible()
    expect(page.get_by_text("there already, not sent")).to_be_visible()
    page.locator("#field-file").set_input_files([tmp_path / "b.txt"])
    page.get_by_label("Open as a pull request").check()
    page.get_by_role("button", name="Commit", exact=True).click()
    page.wait_for_url("**/commit/*")
    expect(page.locator(".change")).to_have_count(1)
    expect(page.locator(".change h3")).to_contain_text("dup/b.txt")
    assert len(una.titles()) == before, "main has not moved"


def test_f10_a_folder_is_dropped_on_a_phone_and_what_is_left_out_of_repos_is_told(
    visit: Visits, una: Sender, tmp_path: Path
) -> None:
    folder = tmp_path / "dropped"
    (folder / "__pycache__").mkdir(parents=True)
    (folder / "deep").mkdir()
    for name in ("deep/a.txt", "__pycache__/b.pyc"):
        (folder / name).write_bytes(name.encode())
    page = visit(f"/{una.repo}/upload/main", storage_state=una.state, width=360, has_touch=True, lang="fr")
    page.locator(".drop").scroll_into_view_if_needed()
    place = page.locator(".drop").bounding_box()
    assert place is not None
    data = {"items": [], "files": [str(folder)], "dragOperationsMask": 1}
    browser = page.context.new_cdp_session(page)
    for kind in ("dragEnter", "dragOver", "drop"):
        at = {"x": place["x"] + 20, "y": place["y"] + 20}
        browser.send("Input.dispatchDragEvent", {"type": kind, "data": data, **at})
    expect(page.locator(".queue li")).to_have_count(2)
    expect(page.locator(".queue li", has_text="D’habitude hors des dépôts")).to_have_count(1)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.get_by_role("button", name="Retirer").last.tap()
    expect(page.locator(".queue li")).to_have_count(1)
    page.get_by_label("Message").first.fill("From a phone")
    page.get_by_role("button", name="Commit", exact=True).first.tap()
    page.wait_for_url(f"**/{una.repo}/tree/main", timeout=30_000)
    assert una.titles().count("From a phone") == 1
