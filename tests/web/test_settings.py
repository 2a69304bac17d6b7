"""The settings of repos and accounts in a browser: axe, languages, themes, phones (ui.md S1, T1, T7)."""

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.hub import Hub
from tests.web.test_accounts import PASSWORD, sign_in
from tests.web.town import Town
from tests.web.visits import Visits


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """A town with one repo, and with somebody who has a password."""
    with Hub(tmp_path_factory.mktemp("town")) as hub:
        town = Town(hub, hub.user("ada"), hub.user("bob"), hub.user("eve"))
        town.repo("ada/emotions", {"README.md": "---\nlicense: mit\n---\n# Words\n"})
        town.commit("ada/emotions", {"model.safetensors": b"\0" * 20_000})
        yield town


def fits(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"))


@pytest.mark.parametrize("page_", ["", "/storage", "/webhooks"])
def test_s1_every_page_is_for_all(visit: Visits, town: Town, accessible: Callable[[Page], None], page_: str) -> None:
    address = f"/ada/emotions/settings{page_}"
    for lang, theme, width in (("en", "light", 1280), ("fr", "dark", 360)):
        page = visit(address, who=town.ada, lang=lang, theme=theme, width=width)
        accessible(page)
        assert fits(page), (lang, theme, width)
        tab = "Settings" if lang == "en" else "Réglages"
        expect(page.locator(".tabs a[aria-current=page]")).to_have_text(tab)
    assert visit("/ada/emotions", who=town.eve).locator("a[href='/ada/emotions/settings']").count() == 0


def test_t7_a_repo_is_renamed_deleted_and_restored_by_somebody_who_means_it(visit: Visits, town: Town) -> None:
    name = town.hub.name("grace")
    town.hub.cli("user", "create", name, "--password", PASSWORD, "--email", f"{name}@example.org")
    with town.client(type(town.ada)(name, town.hub.token(name))) as client:
        client.post("/api/repos/create", json={"name": "words"}).raise_for_status()
    page = visit(f"/{name}/words/settings")
    sign_in(page, name)
    page.wait_for_url(re.compile(r"/settings\Z"))
    page.get_by_label("Name", exact=True).fill("letters")
    page.locator("#field-confirm").fill(f"{name}/words")
    page.get_by_role("button", name="Rename or transfer").click()
    expect(page.locator(".notice[role=status]")).to_contain_text("new name")
    visit.guard.expected.add(f"{visit.endpoint}/{name}/letters/settings/delete")  # the first answer says what is wrong
    page.locator("#field-delete_confirm").fill("letters")
    page.get_by_role("button", name="Delete the repository").click()
    expect(page.locator("#errors")).to_contain_text(f"Type {name}/letters to confirm")
    page.locator("#field-delete_confirm").fill(f"{name}/letters")
    page.get_by_role("button", name="Delete the repository").click()
    expect(page.get_by_role("heading", name="Deleted repositories")).to_be_visible()
    page.get_by_text("Restore …").click()
    page.get_by_role("button", name="Restore", exact=True).click()
    page.wait_for_url(re.compile(r"/letters\Z"))


def test_u1_links_and_interests(visit: Visits, town: Town, accessible: Callable[[Page], None]) -> None:
    name = town.hub.name("grace")
    town.hub.cli("user", "create", name, "--password", PASSWORD)
    page = visit("/settings/profile")
    sign_in(page, name)
    page.wait_for_url(re.compile(r"/settings/profile\Z"))
    visit.guard.expected.add(f"{visit.endpoint}/settings/profile")  # the first answer says what is wrong
    page.get_by_label("More links").fill("javascript:alert(1)")
    page.get_by_label("Interests").fill("speech, small  models,, speech")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#error-links")).to_contain_text("At most five addresses")
    accessible(page)
    page.get_by_label("More links").fill("https://example.org/a\nhttps://example.com")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".notice[role=status]")).to_contain_text("saved")
    page.get_by_role("link", name="See your page").click()
    who = page.locator(".profile-who")
    for link in ("https://example.org/a", "https://example.com"):
        assert "nofollow" in (who.locator(f'a[href="{link}"]').get_attribute("rel") or "")
    expect(page.locator(".profile-interests")).to_have_text(re.compile(r"\s*speech\s+small models\s*"))
    accessible(page)


def test_t1_name_and_data_are_for_all(visit: Visits, town: Town, accessible: Callable[[Page], None]) -> None:
    name = town.hub.name("grace")
    town.hub.cli("user", "create", name, "--password", PASSWORD, "--email", f"{name}@example.org")
    page = visit("/settings/name")
    sign_in(page, name)
    page.wait_for_url(re.compile(r"/settings/name\Z"))
    accessible(page)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download my data").click()
    assert download.value.suggested_filename == f"pioche-{name}.json"
    page.goto("/settings/name?lang=fr")
    page.set_viewport_size({"width": 360, "height": 800})
    accessible(page)
    assert fits(page)
    page.goto("/settings/deleted-repos")
    accessible(page)
