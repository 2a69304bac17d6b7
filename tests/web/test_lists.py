"""The lists of models, datasets and Spaces (ui.md L), and the front page (H)."""

from collections.abc import Callable

import httpx
import pytest
import sqlalchemy as sa
from playwright.sync_api import Page, expect

from pioche.config import Config
from pioche.db.engine import Database
from pioche.db.schema import facts, repos
from pioche.events import Event
from pioche.jobs import outbox
from pioche.repos.facts import whole
from tests.web.town import Town
from tests.web.visits import Visits


def test_h1_an_empty_start_shows_commands_for_this_host(visit: Visits, town: Town) -> None:
    page = visit("/")
    expect(page.locator("main")).to_contain_text(f"export HF_ENDPOINT={town.hub.endpoint}")
    expect(page.locator("main")).to_contain_text("hf upload me/my-model")


def test_h2_what_is_private_trends_for_nobody(visit: Visits, town: Town) -> None:
    for who in (None, town.ada):
        expect(visit("/", who=who).locator(".front-kinds")).not_to_contain_text("secret")


def test_h4_new_is_for_who_is_signed_in(visit: Visits, town: Town) -> None:
    assert visit("/").get_by_role("link", name="New model").count() == 0
    page = visit("/", who=town.ada)
    page.locator("details.menu summary").first.click()
    expect(page.get_by_role("link", name="New model")).to_be_visible()


def test_l1_the_name_filter_updates_list_and_address_and_keeps_the_focus(visit: Visits) -> None:
    page = visit("/models")
    page.locator("#list-words").press_sequentially("emotion", delay=20)
    expect(page.locator(".row")).to_have_count(1)
    expect(page.locator("#list-words")).to_be_focused()
    expect(page.locator("#results-count")).to_have_text("1 model")
    assert "search=emotion" in page.url
    while "search=" in page.url:  # a pause in typing is a step of its own, and slow machines pause
        page.go_back()
    expect(page.locator(".row")).to_have_count(30)


def test_l1_without_scripts_the_filter_has_a_button(visit: Visits) -> None:
    page = visit("/models", scripts=False)
    page.locator("#list-words").fill("emotion")
    page.get_by_role("button", name="Filter").click()
    expect(page.locator(".row")).to_have_count(1)


def test_l2_facets_are_chips_that_come_off(visit: Visits) -> None:
    page = visit("/models")
    page.get_by_role("link", name="Apache 2.0").click()
    page.get_by_role("link", name="s1", exact=False).first.click()
    expect(page.locator("#chips .chip")).to_have_count(2)
    expect(page.locator(".row")).to_have_count(7)
    page.get_by_role("link", name="Remove: s1").click()
    expect(page.locator("#results-count")).to_have_text("35 models")
    page.get_by_role("link", name="Remove: Apache 2.0").click()
    expect(page.locator("#chips .chip")).to_have_count(0)


@pytest.mark.parametrize("scripts", [True, False])
def test_l2_l3_a_long_facet_comes_when_it_is_opened_and_is_narrowed(visit: Visits, town: Town, scripts: bool) -> None:
    if "ada/sorted" not in town.repos:
        many = "".join(f"  - kind-{number}\n" for number in range(9))
        town.repo("ada/sorted", {"README.md": f"---\ntags:\n{many}---\n"})
    page = visit("/models?author=ada", scripts=scripts)
    if not scripts:
        page.locator(".facet-sheet > summary").click()
    other = page.locator("[data-facet=other]")
    expect(other.locator("li")).to_have_count(6)
    other.locator(".facet-more summary").click()
    if scripts:
        other.get_by_role("searchbox").fill("kínd-8")
        expect(other.locator(".facet-more li:visible")).to_have_count(1)
    else:
        other.get_by_role("link", name="Show them").click()
        page.wait_for_url("**more=other#facet-other")  # the browser opens what it is led to
    other.get_by_role("link", name="kind-8").click()
    expect(page.locator(".row")).to_have_count(1)
    assert "more=" not in page.url
    expect(other.locator("li").first).to_contain_text("kind-8")  # what holds now is always shown


def test_l_programs_that_run_a_model(visit: Visits, town: Town) -> None:
    page = visit("/models")
    page.locator("[data-facet=apps]").get_by_role("link", name="vLLM").click()
    expect(page.locator("#chips")).to_contain_text("vLLM")
    answer = httpx.get(f"{town.hub.endpoint}/api/models?apps=vllm").json()
    expect(page.locator(".row")).to_have_count(len(answer))


def test_l3_counts_are_those_of_the_results_and_of_who_asks(visit: Visits, town: Town) -> None:
    for who, count in ((None, "1"), (town.eve, "1"), (town.bob, "2"), (town.ada, "2")):
        page = visit("/models", who=who)
        link = page.locator('[data-facet="license"] a', has_text="MIT")
        expect(link.locator(".count")).to_have_text(count)
        link.click()
        expect(page.locator(".row")).to_have_count(int(count))


def test_l4_sorts_are_links_and_the_order_is_stable(visit: Visits) -> None:
    page = visit("/models?author=lab")
    page.locator(".sort-menu summary").click()
    page.get_by_role("link", name="Recently created").click()
    first = page.locator(".row-name").first.inner_text()
    page.reload()
    assert page.locator(".row-name").first.inner_text() == first == "lab/series-34"


def test_l5_pages_of_thirty_answer_as_the_api_does(visit: Visits, town: Town) -> None:
    page = visit("/models?sort=created&p=1")
    shown = page.locator(".row-name a").evaluate_all("links => links.map(a => a.getAttribute('href').slice(1))")
    answer = httpx.get(f"{town.hub.endpoint}/api/models?sort=createdAt&limit=100").json()
    assert shown == [row["id"] for row in answer][30:]
    expect(page.get_by_role("link", name="Previous")).to_be_visible()
    expect(visit("/models?p=99").locator("main")).to_contain_text("The list is not that long")


def test_l6_the_texts_of_cards_are_searched(visit: Visits) -> None:
    page = visit("/models")
    page.get_by_role("link", name="In the cards").click()
    expect(page.locator("#list-words")).to_have_attribute("name", "text")
    page.locator("#list-words").fill("reconnait")
    expect(page.locator(".row")).to_have_count(1)


def test_l7_an_empty_result_offers_to_relax(visit: Visits) -> None:
    page = visit("/models?license=mit&search=series")
    page.get_by_role("link", name="without MIT").click()
    expect(page.locator("#results-count")).to_have_text("35 models")


def test_l8_the_compact_view_is_remembered(visit: Visits) -> None:
    page = visit("/models?license=mit")
    page.get_by_role("link", name="Compact").click()
    assert page.url.endswith("/models?license=mit")
    expect(page.locator('.rows[data-view="compact"]')).to_be_visible()
    page.goto("/datasets")
    expect(page.locator('.rows[data-view="compact"]')).to_be_visible()


def test_l8_on_a_phone_the_filters_are_a_sheet(visit: Visits) -> None:
    page = visit("/models", width=360)
    expect(page.get_by_role("link", name="Apache 2.0")).to_be_hidden()
    page.locator(".facet-sheet > summary").click()
    expect(page.get_by_role("link", name="Apache 2.0")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_l10_names_are_in_the_readers_language_and_ids_in_the_address(visit: Visits) -> None:
    page = visit("/models", lang="fr")
    page.get_by_role("link", name="Classification de textes").first.click()
    assert "pipeline_tag=text-classification" in page.url
    expect(page.locator('[data-facet="language"]')).to_contain_text("français")


def test_l_lists_are_accessible(visit: Visits, town: Town, accessible: Callable[[Page], None]) -> None:
    for path, theme in (
        ("/models", "light"),
        ("/datasets", "dark"),
        ("/spaces", "light"),
        ("/spaces", "dark"),
        ("/models?search=nil", "dark"),
    ):
        accessible(visit(path, theme=theme, lang="fr", who=town.ada))


def test_unknown_values_of_filters_are_an_empty_list_or_a_page_that_says_so(visit: Visits) -> None:
    expect(visit("/models?license=nothing&other=%F0%9F%98%80").locator("#results-count")).to_have_text("0 models")
    page = visit("/models?sort=nothing", status=400)
    expect(page.locator(".error-detail")).to_contain_text('"sort" must be one of')


@pytest.mark.parametrize("scripts", [True, False])
def test_l_the_slider_of_parameters_narrows_the_list(visit: Visits, town: Town, scripts: bool) -> None:
    if "ada/tiny" not in town.repos:
        for name, count in (("ada/tiny", 40_000_000), ("ada/vast", 7_000_000_000)):
            town.repo(name, {"README.md": "# Sized\n"})
            has_parameters(town, name, count)
        page = visit("/models?num_parameters=min:1M")
        for _ in range(60):  # the index reads of it
            if page.locator(".row").count() == 2:
                break
            page.wait_for_timeout(250)
            page.reload()
    page = visit("/models?author=ada&sort=likes", scripts=scripts)
    if not scripts:
        page.locator(".facet-sheet > summary").click()
    slider = page.get_by_label("At least")
    slider.focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
        if scripts:
            page.wait_for_url("**num_parameters=min**")
            slider = page.get_by_label("At least")
            slider.focus()
    if not scripts:
        page.get_by_role("button", name="Apply").click()
    page.wait_for_url("**num_parameters=min%3A1B**")
    assert "author=ada" in page.url
    expect(page.locator(".row-name")).to_have_text("ada/vast")
    expect(page.locator(".chip").last).to_contain_text("> 1")
    expect(page.get_by_label("At least")).to_have_value("3")
    french = visit("/models?num_parameters=min:1M,max:100M", lang="fr", scripts=scripts)
    expect(french.locator(".row-name")).to_have_text("ada/tiny")
    expect(french.get_by_label("Au plus")).to_have_attribute("aria-valuetext", "100\u202fM")


@pytest.mark.parametrize("scripts", [True, False])
def test_l2_the_slider_of_rows_narrows_the_list(visit: Visits, town: Town, scripts: bool) -> None:
    if "ada/few" not in town.repos:
        for name, count in (("ada/few", 500), ("ada/plenty", 3_000_000)):
            town.repo(name, {"README.md": "# Sized\n"}, kind="dataset")
            has(town, name, rows=count)
        page = visit("/datasets?num_rows=min:1")
        for _ in range(60):  # the index reads of it
            if page.locator(".row").count() == 2:
                break
            page.wait_for_timeout(250)
            page.reload()
    page = visit("/datasets?author=ada", scripts=scripts)
    if not scripts:
        page.locator(".facet-sheet > summary").click()
    page.get_by_label("At least").focus()
    page.keyboard.press("ArrowRight")
    if not scripts:
        page.get_by_role("button", name="Apply").click()
    page.wait_for_url("**num_rows=min%3A1K**")
    expect(page.locator(".row-name")).to_have_text("ada/plenty")
    expect(page.locator(".chip").last).to_contain_text("rows")
    expect(visit("/datasets?num_rows=max:1K", lang="fr").locator(".row-name")).to_have_text("ada/few")


@pytest.mark.parametrize("scripts", [True, False])
def test_l2_the_groups_stand_in_tabs(visit: Visits, town: Town, scripts: bool) -> None:
    page = visit("/models?sort=likes", scripts=scripts)
    if not scripts:
        page.locator(".facet-sheet > summary").click()
    tabs = page.get_by_role("navigation", name="Kinds of filters")
    expect(tabs.locator("[aria-current]")).to_have_text("Main")
    expect(page.locator("[data-facet]").nth(1)).to_be_visible()
    tabs.get_by_role("link", name="Local programs").click()
    page.wait_for_url("**facet=apps**")
    if not scripts:
        page.locator(".facet-sheet > summary").click()
    expect(page.locator("[data-facet]")).to_have_count(1)
    expect(page.locator("[data-facet=apps] .facet-more")).to_have_count(0)  # all of them at once
    page.get_by_role("link", name="vLLM", exact=True).click()
    page.wait_for_url("**apps=vllm**")
    assert "facet=apps" in page.url, "the tab stays"
    assert "sort=likes" in page.url
    expect(page.locator("[data-facet]")).to_have_count(1)
    page.locator("#chips .chip").click()
    page.wait_for_url(lambda url: "vllm" not in url and "facet=apps" in url)


def has_parameters(town: Town, name: str, count: int) -> None:
    has(town, name, parameters=count)


def has(town: Town, name: str, **numbers: int) -> None:
    """As the job writes it that reads headers: a file with so many parameters would be large."""
    database = Database(Config(data_dir=town.hub.data_dir))
    with database.write() as connection:
        repo_id = connection.execute(sa.select(repos.c.id).where(repos.c.full_name == name)).scalar_one()
        connection.execute(facts.update().where(facts.c.repo_id == repo_id).values(numbers))
        outbox.append(connection, Event(whole.UPDATED, repo_id))
    database.close()
