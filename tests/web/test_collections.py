"""Collections (ui.md O1), in the header's search (G1), beside cards (M), on profiles (U1) and in the sitemap (G8)."""

from collections.abc import Callable
from typing import Any

import httpx
from playwright.sync_api import FilePayload, Page, expect

from tests.binary_files import png
from tests.hub import Account
from tests.web.town import Town
from tests.web.visits import Visits


def make(town: Town, who: Account, title: str, *targets: str, **given: Any) -> str:
    """By the API; its path. A target is `type:name`."""
    with town.client(who) as client:
        slug: str = client.post("/api/collections", json={"title": title, "namespace": who.name, **given}).json()[
            "slug"
        ]
        for target in targets:
            kind, _, name = target.partition(":")
            answer = client.post(f"/api/collections/{slug}/items", json={"item": {"type": kind, "id": name}})
            assert answer.status_code == 200, answer.text
    return f"/collections/{slug}"


def names(page: Page) -> list[str]:
    return [text.strip() for text in page.locator(".item-name bdi").all_inner_texts()]


def test_o1_a_collection_is_made_filled_noted_ordered_and_deleted(
    visit: Visits, town: Town, accessible: Callable[[Page], None]
) -> None:
    page = visit("/collections/new", who=town.ada)
    visit.guard.expected.add(f"{visit.endpoint}/collections/new")
    page.locator("#field-title").fill(" ")
    page.get_by_role("button", name="Create").click()
    expect(page.locator("#errors")).to_contain_text("A title has 1 to 100 characters.")
    page.locator("#field-title").fill("Feelings & co")
    page.locator("#field-description").fill("What we use")
    page.get_by_role("button", name="Create").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Feelings & co")
    for words, label in (("emotions", "Add ada/emotions"), ("avis", "Add ada/avis"), ("2307.09288", "Add 2307.09288")):
        page.locator("#add-words").fill(words)
        page.locator("#add").get_by_role("button", name="Find").click()
        page.get_by_role("button", name=label, exact=True).click()
    expect(page.locator(".collection-item")).to_have_count(3)
    accessible(page)
    first = page.locator(".collection-item").first
    first.get_by_text("Add a note").click()
    first.locator("textarea").fill("See https://example.org/x?a=1. <b>Not bold</b>")
    first.get_by_role("button", name="Keep the note").click()
    note = page.locator(".item-note")
    expect(note).to_have_text("See https://example.org/x?a=1. <b>Not bold</b>")
    assert note.get_by_role("link").get_attribute("href") == "https://example.org/x?a=1"
    page.get_by_role("button", name="Move down ada/emotions").click()
    assert names(page) == ["avis", "emotions"]
    page.get_by_role("button", name="Take out 2307.09288").click()
    expect(page.locator(".collection-item")).to_have_count(2)
    page.get_by_role("link", name="History").click()
    expect(page.locator(".deeds")).to_contain_text("ada changed the order")
    expect(page.locator(".deeds")).to_contain_text("ada added ada/avis")
    page.go_back()
    page.get_by_role("link", name="Edit").click()
    accessible(page)
    page.locator("#field-title").fill("Moods")
    page.get_by_label("Garnet").check()
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".collection")).to_have_attribute("data-tone", "pink")
    assert "/moods-" in page.url
    page.get_by_role("link", name="Edit").click()
    address = page.url.removesuffix("/edit") + "/delete"
    visit.guard.expected.add(address)
    page.locator("#field-confirm").fill("Feelings")
    page.get_by_role("button", name="Delete the collection").click()
    expect(page.locator("#error-confirm")).to_contain_text("nothing was deleted")
    page.locator("#field-confirm").fill("Moods")
    page.get_by_role("button", name="Delete the collection").click()
    assert page.url.endswith("/ada?tab=collections")


def test_o1_the_gallery_of_an_item(visit: Visits, town: Town, accessible: Callable[[Page], None]) -> None:
    path = make(town, town.ada, "With pictures", "paper:2307.09288")
    page = visit(path, who=town.ada)
    for alt, colour in (("Before", b"\xff\0\0"), ("After", b"\0\0\xff")):
        page.get_by_text("Add a picture").click()
        picture: FilePayload = {"name": "p.png", "mimeType": "image/png", "buffer": png(40, 30, colour)}
        page.locator('input[name="picture"]').set_input_files(picture)
        page.locator('input[name="alt"]').fill(alt)
        page.get_by_role("button", name="Add the picture").click()
    shown = page.locator(".gallery img")
    expect(shown).to_have_count(2)
    assert shown.first.evaluate("one => one.decode().then(() => one.naturalWidth)") == 40
    accessible(page)
    page.get_by_role("button", name="Bring forward 2").click()
    expect(shown.first).to_have_attribute("alt", "After")
    page.get_by_role("button", name="Remove the picture 2").click()
    expect(shown).to_have_count(1)
    answer = httpx.get(f"{visit.endpoint}/api{path}").json()
    assert answer["items"][0]["gallery"] == [f"{visit.endpoint}{shown.first.get_attribute('src')}"]
    assert visit(path, lang="fr").locator(".gallery img").count() == 1


def test_o1_items_are_dragged_into_order(visit: Visits, town: Town) -> None:
    path = make(town, town.ada, "Dragged", *(f"model:lab/series-{number:02}" for number in range(4)))
    page = visit(path, who=town.ada)
    items = page.locator(".collection-item")
    items.nth(3).locator("[data-grip]").drag_to(items.nth(0), target_position={"x": 60, "y": 4})
    expect(page.locator(".toast")).to_have_text("The order is kept")
    page.reload()
    assert names(page) == ["series-03", "series-00", "series-01", "series-02"]
    plain = visit(path, who=town.ada, scripts=False)
    expect(plain.locator("[data-grip]").first).to_be_hidden()
    plain.get_by_role("button", name="Move up lab/series-00").click()
    assert names(plain)[:2] == ["series-00", "series-03"]


def test_o1_from_the_menu_of_a_repo_and_m_beside_its_card(
    visit: Visits, town: Town, accessible: Callable[[Page], None]
) -> None:
    path = make(town, town.bob, "Shelf of bob")
    page = visit("/ada/emotions", who=town.bob, lang="fr")
    page.locator(".repo-menu summary").click()
    page.get_by_role("link", name="Ajouter à une collection").click()
    accessible(page)
    page.get_by_role("button", name="Ajouter Shelf of bob").click()
    expect(page.locator(".addable")).to_contain_text("Il est dans celle-ci")
    page = visit("/ada/emotions")
    section = page.locator(".side-section", has_text="In 1 collection")
    section.get_by_role("link", name="Shelf of bob").click()
    assert page.url.endswith(path)
    expect(page.locator(".collection-item")).to_have_count(1)
    expect(page.locator(".item-does")).to_have_count(0)
    assert visit("/ada/emotions/collect").url.endswith("/login?next=/ada/emotions/collect")


def test_o1_votes_and_lists(visit: Visits, town: Town, accessible: Callable[[Page], None]) -> None:
    path = make(town, town.ada, "Voted for", "model:ada/emotions", description="Best of all")
    page = visit(path, who=town.eve)
    vote = page.get_by_role("button", name="Vote for this collection")
    vote.click()
    expect(vote).to_have_attribute("aria-pressed", "true")
    page.wait_for_load_state("networkidle")
    page.reload()
    expect(vote).to_have_attribute("aria-pressed", "true")
    for theme, width in (("light", 1280), ("dark", 360)):
        page = visit("/collections", theme=theme, width=width)
        expect(page.locator(".collection-card").first).to_contain_text("Voted for")
        expect(page.locator(".collection-card").first).to_contain_text("Best of all")
        accessible(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    expect(visit("/collections?q=voted").locator(".collection-card")).to_have_count(1)
    page = visit("/ada", lang="fr")
    page.locator(".profile-collections").get_by_role("link", name="Voted for").click()
    assert page.url.endswith(path)
    narrow = visit(path, who=town.ada, width=360, lang="fr", theme="dark")
    accessible(narrow)
    assert narrow.evaluate("document.documentElement.scrollWidth") <= 360


def test_o1_e_leak_private_collections_and_private_items(visit: Visits, town: Town) -> None:
    hidden = make(town, town.ada, "Hidden shelf", "model:ada/emotions", private=True)
    mixed = make(town, town.ada, "Mixed shelf", "model:lab/secret", "model:ada/emotions")
    for who in (None, town.eve):
        visit(hidden, who=who, status=404)
        page = visit(mixed, who=who)
        assert names(page) == ["emotions"]
        expect(page.locator(".collection-head")).to_contain_text("1 item")
        expect(page.locator("main")).not_to_contain_text("Unavailable")
        expect(visit("/ada?tab=collections", who=who).locator("main")).not_to_contain_text("Hidden shelf")
        expect(visit("/search/suggest?q=hidden", who=who).locator("body")).not_to_contain_text("Hidden shelf")
        expect(visit("/ada/emotions", who=who).locator(".repo-side")).not_to_contain_text("Hidden shelf")
    assert names(visit(mixed, who=town.bob)) == ["secret", "emotions"]
    expect(visit("/search/suggest?q=hidden", who=town.ada).locator("body")).to_contain_text("Hidden shelf")
    with town.client(town.eve) as client:
        known = client.get("/sitemap.xml").text
    assert mixed in known
    assert hidden not in known


def test_o1_what_was_deleted_is_unavailable_to_the_owner_alone(visit: Visits, town: Town) -> None:
    town.repo("ada/doomed", {})
    path = make(town, town.ada, "Ruins", "model:ada/doomed", "model:ada/emotions")
    with town.client(town.ada) as client:
        assert client.request("DELETE", "/api/repos/delete", json={"name": "doomed"}).status_code == 200
    page = visit(path, who=town.ada)
    expect(page.locator("#hidden-title")).to_have_text("Unavailable")
    page.locator(".collection-hidden").get_by_role("button", name="Take out").click()
    expect(page.locator("#hidden-title")).to_have_count(0)
    assert names(visit(path)) == ["emotions"]


def test_o1_a_hundred_items_and_an_old_address(visit: Visits, town: Town) -> None:
    numbers = [f"paper:{2000 + number}.{10000 + number}" for number in range(105)]
    path = make(town, town.ada, "Reading list", *numbers)
    page = visit(path, who=town.ada)
    expect(page.locator(".collection-item")).to_have_count(105)
    page.get_by_role("button", name="Move up 2104.10104").click()
    expect(page.locator(".collection-item").nth(103)).to_contain_text("2104.10104")
    uid = path.rpartition("-")[2]
    assert visit(f"/collections/ada/older-title-{uid}").url.endswith(path)
    assert visit("/collections/ada").url.endswith("/ada?tab=collections")


def test_g1_collections_are_suggested_while_one_types(visit: Visits, town: Town) -> None:
    path = make(town, town.ada, "Zeolites of the quarry")
    page = visit("/")
    page.locator("#site-search").fill("zeolites")
    option = page.get_by_role("option", name="ada/Zeolites of the quarry")
    expect(option).to_be_visible()
    option.click()
    page.wait_for_url(f"**{path}")
