"""Moderation in a browser (ui.md C5, R6, S2, U3, Z2, Z6): readable by everybody, on a phone, in both languages and themes."""

from collections.abc import Callable

import pytest
from huggingface_hub import HfApi
from huggingface_hub.errors import DisabledRepoError
from playwright.sync_api import Page, expect

from tests.web.test_accounts import PASSWORD, person, sign_in
from tests.web.town import Town
from tests.web.visits import Visits

REASON = "Personal data of third parties"
LOOKS = [("en", "light", 1280), ("fr", "dark", 360)]


@pytest.fixture(scope="module")
def chief(town: Town) -> str:
    """An administrator of the hub."""
    name = town.hub.name("chief")
    town.hub.cli("user", "create", name, "--password", PASSWORD, "--admin")
    return name


@pytest.fixture(scope="module")
def grace(town: Town) -> str:
    return person(town)


def fits(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0, page.url


def test_r6_a_disabled_repo_shows_its_reason(visit: Visits, town: Town, accessible: Callable[[Page], None]) -> None:
    town.repo("ada/withdrawn", {"README.md": "# Names\n"})
    town.hub.cli("repo", "disable", "ada/withdrawn", "--reason", REASON)
    for lang, theme, width in LOOKS:
        page = visit("/ada/withdrawn", status=403, who=town.ada, lang=lang, theme=theme, width=width)
        expect(page.get_by_text(REASON)).to_be_visible()
        expect(page.locator("form.appeal textarea")).to_be_visible()  # ada's own
        accessible(page)
        fits(page)
    stranger = visit("/ada/withdrawn", status=403, who=town.eve)
    expect(stranger.get_by_text(REASON)).to_be_visible()
    expect(stranger.locator("form.appeal")).to_have_count(0)


def test_g7_what_a_law_takes_out_of_use_says_so(visit: Visits, town: Town, accessible: Callable[[Page], None]) -> None:
    town.repo("ada/forbidden", {"README.md": "# Names\n"})
    town.hub.cli("repo", "disable", "ada/forbidden", "--reason", REASON, "--legal")
    for lang, words in (("en", "It was withdrawn for legal reasons."), ("fr", "Cela a été retiré")):
        page = visit("/ada/forbidden", status=451, lang=lang)
        expect(page.get_by_text(words)).to_be_visible()
        expect(page.get_by_text(REASON)).to_be_visible()
        accessible(page)
    for client in ("model_info", "list_repo_files"):
        with pytest.raises(DisabledRepoError):
            getattr(HfApi(endpoint=town.hub.endpoint, token=town.eve.token), client)("ada/forbidden")


def test_c5_a_report_goes_from_the_menu_of_a_repo_to_the_queue(
    visit: Visits, town: Town, grace: str, chief: str, accessible: Callable[[Page], None]
) -> None:
    page = visit("/login?next=/ada/emotions")
    sign_in(page, grace)
    page.locator("details.repo-menu summary").click()
    page.get_by_role("link", name="Report").click()
    accessible(page)
    page.get_by_label("It is advertising, or noise").check()
    page.get_by_label("More").fill("The whole card")
    page.get_by_role("button", name="Send the report").click()
    expect(page.get_by_role("status").first).to_contain_text("The administrators have your report")
    accessible(page)
    for lang, theme, width in LOOKS:
        queue = visit("/login?next=/admin/reports", lang=lang, theme=theme, width=width)
        sign_in(queue, chief)
        expect(queue.get_by_text("The whole card")).to_be_visible()
        accessible(queue)
        fits(queue)
        queue.locator("article.report .button").first.click()
        expect(queue.locator("form.decide")).to_be_visible()
        accessible(queue)
        fits(queue)


def test_c5_somebody_is_blocked_from_their_profile(
    visit: Visits, town: Town, accessible: Callable[[Page], None]
) -> None:
    page = visit(f"/login?next=/{town.eve.name}")
    sign_in(page, person(town))
    page.locator("details.profile-menu summary").click()
    page.get_by_role("link", name="Block").click()
    expect(page.locator("#field-name")).to_have_value(town.eve.name)
    page.get_by_role("button", name="Block", exact=True).click()
    expect(page.get_by_role("button", name=f"Unblock {town.eve.name}")).to_be_visible()
    accessible(page)
    fits(page)


def test_u3_audit_log_filters_and_is_a_table_that_scrolls(
    visit: Visits, town: Town, chief: str, accessible: Callable[[Page], None]
) -> None:
    for lang, theme, width in LOOKS:
        page = visit("/login?next=/organizations/lab/settings/audit-log", lang=lang, theme=theme, width=width)
        sign_in(page, chief)
        expect(page.locator("table.log")).to_be_visible()
        accessible(page)
        fits(page)
    page.locator("#log-kind").select_option("org.add_user")
    page.locator("form.log-filter button").click()
    expect(page.locator("table.log tbody tr code").first).to_have_text("org.add_user")
    assert "kind=org.add_user" in page.url


def test_z6_the_log_of_the_whole_hub(visit: Visits, chief: str, accessible: Callable[[Page], None]) -> None:
    page = visit("/login?next=/admin/audit-log")
    sign_in(page, chief)
    expect(page.locator("table.log")).to_be_visible()
    accessible(page)
    with page.expect_download() as download:
        page.get_by_role("link", name="Export as JSON").click()
    assert download.value.suggested_filename == "audit-log-hub.json"
