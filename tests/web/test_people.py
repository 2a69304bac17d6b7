"""People and organisations (ui.md U1, U2), new repositories (W1), finding (G1, Q1)."""

from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.web.town import Town
from tests.web.visits import Visits


def test_u1_a_person_with_repos_by_type(visit: Visits, town: Town) -> None:
    page = visit("/ada")
    expect(page.get_by_role("heading", level=1)).to_have_text("ada")
    expect(page.get_by_role("link", name="lab")).to_be_visible()
    expect(page.locator(".row")).to_have_count(2)
    page.get_by_role("navigation", name="What they publish").get_by_role("link", name="Datasets").click()
    expect(page.locator(".row-name")).to_have_text("ada/avis")
    page.goto("/ada")
    page.get_by_label("Filter by name").fill("emot")
    page.get_by_role("button", name="Filter").click()
    expect(page.locator(".row-name")).to_have_text("ada/emotions")
    page.goto("/ada")
    page.locator(".sort-menu summary").click()
    page.locator(".sort-menu").get_by_role("link", name="Recently created").click()
    assert "sort=" in page.url
    expect(page.locator(".row-name").first).to_have_text("ada/empty")
    expect(page.locator(".profile-around")).to_contain_text("0 followers")
    visit("/nobody-of-this-name", status=404)


def test_u2_private_repos_of_an_organisation_are_its_members(visit: Visits, town: Town) -> None:
    for who, count in ((None, "35"), (town.eve, "35"), (town.bob, "36")):
        page = visit("/lab?search=secret", who=who)
        expect(page.get_by_role("navigation", name="What they publish").locator(".count").first).to_have_text(count)
        expect(page.locator(".row")).to_have_count(int(count) - 35)
    expect(visit("/lab").locator(".profile-others")).to_contain_text("bob")


def test_w1_a_new_model_begins_with_a_card(visit: Visits, town: Town) -> None:
    page = visit("/new", who=town.ada)
    page.get_by_label("Owner").select_option("lab")
    page.get_by_label("Name", exact=False).first.fill("secret")
    expect(page.locator(".name-answer")).to_have_text("This name is taken: choose another one.")
    page.get_by_label("Name", exact=False).first.fill("fresh")
    expect(page.locator(".name-answer")).to_have_text("This name is free.")
    page.locator("#field-license").fill("MIT")
    page.get_by_label("Private").check()
    page.locator("#field-description").fill("Made on a page.")
    page.get_by_role("button", name="Create").click()
    expect(page.locator("main")).to_contain_text(f"git clone {town.hub.endpoint}/lab/fresh")
    page.get_by_role("link", name="See its page").click()
    expect(page.locator("main")).to_contain_text("Made on a page.")
    expect(page.locator("main")).to_contain_text("MIT")


def test_w1_what_is_wrong_stands_at_the_field_and_nothing_is_lost(visit: Visits, town: Town) -> None:
    page = visit("/new-dataset", who=town.ada, lang="fr", scripts=False)
    visit.guard.expected.add(page.url)
    page.get_by_label("Nom", exact=False).first.fill("avis")
    page.locator("#field-description").fill("Gardé")
    page.locator("#field-license").fill("ma licence")
    page.get_by_role("button", name="Créer").click()
    expect(page.locator("#error-license")).to_have_text("Choisissez une licence de la liste, ou aucune.")
    page.locator("#field-license").fill("")
    page.get_by_role("button", name="Créer").click()
    expect(page.locator("#error-name")).to_have_text("Ce nom est pris : choisissez-en un autre.")
    expect(page.locator("#field-description")).to_have_value("Gardé")


def test_w1_a_space_says_how_it_runs(visit: Visits, town: Town) -> None:
    page = visit("/new-space?name=appli", who=town.ada)
    page.get_by_label("Static", exact=False).check()
    page.get_by_role("button", name="Create").click()
    page.get_by_role("link", name="See its page").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("appli")


def test_w1_nobody_creates_without_signing_in(visit: Visits) -> None:
    assert visit("/new").url.endswith("/login?next=/new")


def test_g1_suggestions_come_while_one_types_and_the_keyboard_takes_them(visit: Visits, town: Town) -> None:
    page = visit("/", who=town.ada)
    page.keyboard.press("/")
    page.keyboard.type("emot", delay=20)
    option = page.get_by_role("option", name="ada/emotions")
    expect(option).to_be_visible()
    page.keyboard.press("ArrowDown")
    expect(option).to_have_attribute("aria-selected", "true")
    expect(page.locator("#site-search")).to_have_attribute("aria-activedescendant", "option-model-1")
    page.keyboard.press("Escape")
    expect(option).to_be_hidden()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url("**/ada/emotions")


def test_g1_what_is_private_is_suggested_to_its_readers_only(visit: Visits, town: Town) -> None:
    for who, count in ((None, 0), (town.eve, 0), (town.bob, 1)):
        page = visit("/search/suggest?q=secret", who=who)
        assert page.locator("[role=option]", has_text="lab/secret").count() == count


def test_q1_words_of_cards_with_fields_accents_and_marks(visit: Visits, town: Town) -> None:
    page = visit("/search/full-text?q=modele+emotions")
    expect(page.locator(".hits li")).to_have_count(1)
    expect(page.locator(".hits mark").first).to_be_visible()
    expect(visit("/search/full-text?q=modele+owner:lab").locator(".hits")).to_have_count(0)
    expect(visit("/search/full-text?q=modele+owner:lab", who=town.bob).locator(".hits li")).to_have_count(1)
    expect(visit("/search/full-text?q=restaurants&type=dataset").locator(".hits li")).to_have_count(1)
    expect(visit("/search/full-text?q=license:apache-2.0").locator(".tabs .count").first).to_have_text("35")


def test_u_w_q_pages_are_accessible(visit: Visits, town: Town, accessible: Callable[[Page], None]) -> None:
    for path, theme in (
        ("/ada", "light"),
        ("/lab", "dark"),
        ("/new", "light"),
        ("/new-space", "dark"),
        ("/search/full-text?q=modele", "dark"),
    ):
        accessible(visit(path, who=town.ada, theme=theme, lang="fr"))
