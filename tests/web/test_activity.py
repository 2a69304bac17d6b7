"""What people did (ui.md H3, U1) and the card of an organisation (U2)."""

from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.web.town import Town
from tests.web.visits import Visits


def test_h3_the_feed_pages_filters_by_type_and_its_links_are_right(
    visit: Visits, town: Town, accessible: Callable[[Page], None]
) -> None:
    page = visit("/", who=town.bob)
    panel = page.locator("section", has=page.get_by_role("heading", name="Activity"))
    expect(panel.locator(".deeds li")).to_have_count(8)
    accessible(page)
    panel.get_by_role("link", name="All activity").click()
    expect(page.locator(".deeds li")).to_have_count(30)
    expect(page.locator(".deeds li").first).to_contain_text("ada made a commit to lab/series-34")
    newest = page.locator(".deeds li").first.inner_text()
    page.get_by_role("link", name="Older").click()
    expect(page.locator(".deeds li").first).not_to_have_text(newest)
    page.locator(".deed-repo").first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("series-")
    page = visit("/feed?type=dataset", who=town.ada, lang="fr")
    expect(page.locator(".deeds li")).to_have_count(2)
    expect(page.locator(".deeds li").last).to_contain_text("ada a créé ada/avis")
    page.locator(".deeds").get_by_role("link").nth(2).click()
    assert "/datasets/ada/avis/commit/" in page.url
    expect(visit("/feed", who=town.eve).locator("main")).to_contain_text("Nothing happened here yet")
    assert visit("/feed").url.endswith("/login?next=/feed")


def test_h3_e_leak_what_is_private_is_in_the_feed_of_its_readers(visit: Visits, town: Town) -> None:
    for who, tells in ((None, False), (town.eve, False), (town.bob, True)):
        page = visit("/lab?tab=activity", who=who)
        while page.get_by_role("link", name="Older").count():
            page.get_by_role("link", name="Older").click()
        assert page.locator(".deeds", has_text="lab/secret").count() == tells
    page = visit("/feed", who=town.bob)
    while page.get_by_role("link", name="Older").count():
        page.get_by_role("link", name="Older").click()
    expect(page.locator(".deeds")).to_contain_text("lab/secret")


def test_u1_activity_of_a_person_with_a_calendar(visit: Visits, town: Town, accessible: Callable[[Page], None]) -> None:
    page = visit("/ada?tab=activity", theme="dark")
    calendar = page.locator(".calendar")
    mine = visit("/ada?tab=activity", who=town.ada).locator(".calendar figcaption")
    public, own = (int(one.inner_text().split()[0]) for one in (calendar.locator("figcaption"), mine))
    assert own == public + 2  # the private repo: its creation and its commit
    expect(calendar.locator("rect[data-level='4']")).to_have_count(1)
    calendar.get_by_text("As a table").click()
    expect(calendar.locator("tbody tr td").first).to_have_text(str(public))
    accessible(page)
    narrow = visit("/ada?tab=activity", lang="fr", width=360)
    assert narrow.evaluate("document.documentElement.scrollWidth") <= 360
    expect(narrow.locator(".calendar figcaption")).to_contain_text("activités en un an")


def test_u2_the_card_of_an_organisation_is_that_of_its_readme_space(
    visit: Visits, town: Town, accessible: Callable[[Page], None]
) -> None:
    expect(visit("/lab").locator(".profile-card")).to_have_count(0)
    card = "---\ntitle: Lab\nsdk: static\n---\n## We dig\n\nSee [the demo](/spaces/ada/demo).\n"
    town.repo("lab/README", {"README.md": card}, kind="space")
    page = visit("/lab", lang="fr")
    expect(page.locator(".profile-card").get_by_role("heading", name="We dig")).to_be_visible()
    expect(page.locator(".profile-card")).not_to_contain_text("sdk")
    accessible(page)
    expect(visit("/lab?tab=dataset").locator(".profile-card")).to_have_count(0)


def test_u2_e_leak_a_private_card_is_for_members(visit: Visits, town: Town) -> None:
    town.hub.org("guild", {"ada": "admin", "bob": "read"})
    town.repo("guild/README", {"README.md": "## Only us\n"}, kind="space", private=True)
    for who, count in ((None, 0), (town.eve, 0), (town.bob, 1)):
        expect(visit("/guild", who=who).locator(".profile-card")).to_have_count(count)
