"""What all pages share (ui.md G): theme, language, keyboard, accessibility, errors."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.web.town import Town
from tests.web.visits import Visits


def test_g2_theme_is_remembered_and_there_from_the_first_paint(visit: Visits) -> None:
    page = visit("/")
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.get_by_role("link", name="Dark").click()
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert light != dark
    page.reload()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "dark"
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == dark
    assert page.url.endswith("/")


def test_g2_theme_of_the_system_is_followed(visit: Visits) -> None:
    backgrounds = {
        visit("/", theme=theme).evaluate("getComputedStyle(document.body).backgroundColor")
        for theme in ("light", "dark")
    }
    assert len(backgrounds) == 2


def test_g3_language_switch_keeps_the_page(visit: Visits) -> None:
    page = visit("/nothing/at/all?q=1", status=404)
    visit.guard.expected.add(page.url + "&lang=fr")
    page.get_by_role("link", name="Français").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Il n’y a rien ici")
    assert page.evaluate("document.documentElement.lang") == "fr"
    assert page.url.endswith("/nothing/at/all?q=1")


def test_g4_keys_lead_to_search_and_lists_and_are_off_while_typing(visit: Visits) -> None:
    page = visit("/")
    page.keyboard.press("/")
    expect(page.locator("#site-search")).to_be_focused()
    page.keyboard.type("g m")
    expect(page.locator("#site-search")).to_have_value("g m")
    page.locator("#main").focus()
    for keys, path in (("gm", "/models"), ("gd", "/datasets"), ("gs", "/spaces")):
        page.keyboard.type(keys)
        page.wait_for_url(f"**{path}")
    page.goto("/ada/emotions/blob/main/README.md?plain=1")
    page.on("dialog", lambda asks: asks.accept("3"))
    page.keyboard.press("l")
    page.wait_for_url("**#L3")


def test_g4_the_list_of_keys_opens_closes_and_switches_them_off(visit: Visits) -> None:
    page = visit("/")
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()
    page.locator("#keys-on").uncheck()
    page.keyboard.press("Escape")
    expect(page.locator("#keys")).to_be_hidden()
    page.keyboard.press("/")
    expect(page.locator("#site-search")).not_to_be_focused()


def test_g4_the_first_stop_of_the_tab_key_skips_to_the_content(visit: Visits) -> None:
    page = visit("/")
    page.keyboard.press("Tab")
    expect(page.locator(".skip-link")).to_be_focused()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("lang", ["en", "fr"])
def test_g5_axe_finds_nothing_serious(visit: Visits, accessible: Callable[[Page], None], lang: str, theme: str) -> None:
    accessible(visit("/", lang=lang, theme=theme))
    accessible(visit("/nothing/at/all", lang=lang, theme=theme, status=404))


@pytest.mark.parametrize("width", [360, 768, 1280, 1920])
def test_g6_nothing_scrolls_sideways(visit: Visits, width: int) -> None:
    for lang in ("en", "fr"):
        page = visit("/", width=width, lang=lang)
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_g9_copy_works_without_https_too(visit: Visits) -> None:
    page = visit("/")
    page.evaluate("Object.defineProperty(window, 'isSecureContext', {value: false})")
    page.locator("copy-button button").first.click()
    expect(page.locator("#toasts")).to_have_text("Copied")


def test_g13_without_scripts_theme_and_language_work(visit: Visits) -> None:
    page = visit("/", scripts=False)
    page.get_by_role("link", name="Dark").click()
    page.get_by_role("link", name="Français").click()
    assert page.locator("html").get_attribute("data-theme") == "dark"
    assert page.locator("html").get_attribute("lang") == "fr"


def test_g13_without_scripts_a_repo_is_made_set_up_and_downloaded(visit: Visits, town: Town) -> None:
    page = visit("/new", session=town.session(town.ada), scripts=False)
    page.locator("#field-name").fill("plain-pages")
    page.locator("main form button.button").last.click()
    page.wait_for_url("**/ada/plain-pages**")
    town.commit("ada/plain-pages", {"notes.txt": "kept"})
    page.goto("/ada/plain-pages/tree/main")
    page.get_by_role("link", name="notes.txt", exact=True).click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").first.click()
    assert download.value.path().read_text() == "kept"
    page.goto("/settings/profile")
    page.get_by_label("Full name").fill("Ada of the Pages")
    page.locator("main form button.button").first.click()
    expect(page.get_by_label("Full name")).to_have_value("Ada of the Pages")


def test_g5_pages_reflow_at_400_percent_and_move_for_nobody_who_minds(visit: Visits) -> None:
    for path in ("/", "/models", "/ada/emotions"):
        page = visit(path, width=320, reduced_motion="reduce")  # 1280 px at 400 %
        assert page.evaluate("document.documentElement.scrollWidth") <= 320, path
        moving = (
            "[...document.querySelectorAll('*')].filter(e => parseFloat(getComputedStyle(e).transitionDuration) > 0.01)"
        )
        assert page.evaluate(f"{moving}.length") == 0, path


def test_g14_going_back_finds_place_filters_and_panels_as_they_were(visit: Visits, town: Town) -> None:
    many = "".join(f"  - topic-{number}\n" for number in range(12))
    town.repo("ada/topics", {"README.md": f"---\ntags:\n{many}---\n"})
    page = visit("/models?sort=created")
    page.locator("[data-facet=other] .facet-more summary").click()
    page.evaluate("window.scrollTo(0, 700)")
    page.wait_for_function("window.scrollY > 600")
    page.locator(".row-name a").nth(12).click()
    page.wait_for_url("**/lab/**")
    page.go_back()
    page.wait_for_url("**/models?sort=created")
    page.wait_for_function("window.scrollY > 600")
    assert page.locator("[data-facet=other] .facet-more").evaluate("one => one.open")
    page.locator("#list-words").fill("emotions")
    page.wait_for_url("**search=emotions**")
    page.go_back()
    expect(page.locator("#list-words")).to_have_value("")
    expect(page.locator(".row")).to_have_count(30)
    kept = page.evaluate("[...Object.keys(sessionStorage), ...Object.keys(localStorage)]")
    assert "htmx-history-cache" not in kept  # no page is kept where the next person finds it


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_g16_a_card_prints_as_text_on_white(visit: Visits, town: Town, theme: str) -> None:
    page = visit("/ada/emotions", theme=theme)
    page.emulate_media(media="print", color_scheme="dark" if theme == "dark" else "light")
    expect(page.locator(".prose")).to_be_visible()
    expect(page.get_by_role("heading", level=1).first).to_be_visible()
    for left_out in (".site-header", ".site-footer", ".repo-side", ".tabs", ".clone-menu"):
        expect(page.locator(left_out).first).to_be_hidden()
    dark = "(e) => getComputedStyle(e).color.match(/\\d+/g).slice(0, 3).every((part) => part < 110)"
    assert page.locator(".prose p").first.evaluate(dark)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_g17_an_announcement_is_shown_in_the_readers_language_until_it_is_dismissed(
    visit: Visits, town: Town, accessible: Callable[[Page], None]
) -> None:
    town.hub.cli("announce", "Down on Sunday", "--french", "Arrêt dimanche", "--link", "/docs")
    page = visit("/models", scripts=False)
    banner = page.get_by_role("complementary", name="Announcement")
    for _ in range(60):  # processes look every ten seconds
        if banner.count():
            break
        page.wait_for_timeout(250)
        page.reload()
    expect(banner).to_contain_text("Down on Sunday")
    french = visit("/models?sort=likes", lang="fr", theme="dark", width=360)
    expect(french.get_by_role("complementary", name="Annonce")).to_contain_text("Arrêt dimanche")
    assert french.evaluate("document.documentElement.scrollWidth") <= 360
    accessible(french)
    french.get_by_role("link", name="Masquer l’annonce").click()
    expect(french.get_by_role("complementary", name="Annonce")).to_have_count(0)
    assert french.url.endswith("/models?sort=likes")
    french.goto("/")
    expect(french.get_by_role("complementary", name="Annonce")).to_have_count(0)
    town.hub.cli("announce", "--clear")


@pytest.mark.parametrize("name", ["js/card.js", "vendor/tasks.js"])
def test_g12_scripts_that_were_changed_on_the_way_do_not_run(visit: Visits, town: Town, name: str) -> None:
    """A tag's, and one that a script of ours imports."""
    page = visit("/")
    changed = "window.changed = 1;"
    page.route(f"**/{name}", lambda route: route.fulfill(body=changed, content_type="text/javascript"))
    with page.expect_console_message(lambda message: "integrity" in message.text, timeout=20_000):
        page.goto("/ada/emotions")
        page.locator("use-this").scroll_into_view_if_needed()
    assert page.evaluate("window.changed") is None
    page.goto("about:blank")  # nothing of the page is told any more after this
    visit.guard.faults.clear()  # that refusal, and what it led to


@pytest.mark.parametrize("lang", ["en", "fr"])
def test_g7_what_is_private_and_what_is_not_there_look_the_same(
    visit: Visits, town: Town, accessible: Callable[[Page], None], lang: str
) -> None:
    pages = [visit(path, status=404, who=town.eve, lang=lang) for path in ("/lab/secret", "/lab/absent")]
    texts = [page.locator(".error-page").inner_text().rpartition("\n")[0] for page in pages]
    assert texts[0] == texts[1]
    for page in pages:
        expect(page.locator("html")).to_have_attribute("lang", lang)
        expect(page.locator(".error-id code")).not_to_be_empty()
    accessible(pages[0])
    pages[0].locator(".error-page").get_by_role("link").last.click()
    pages[0].wait_for_url(f"{visit.endpoint}/")


def test_g7_who_must_sign_in_is_led_there_and_back(visit: Visits) -> None:
    page = visit("/settings/profile")
    page.wait_for_url("**/login?next=/settings/profile")


def test_g7_addresses_of_the_api_answer_json(visit: Visits, town: Town) -> None:
    page = visit("/api/models/lab/secret", status=401)
    assert "text/html" not in str(page.evaluate("document.contentType"))


def test_x1_the_guide_is_read_searched_and_copied_from(
    visit: Visits, town: Town, accessible: Callable[[Page], None]
) -> None:
    page = visit("/docs")
    expect(page.locator("main")).to_contain_text(f"export HF_ENDPOINT={visit.endpoint}")
    accessible(page)
    page = visit("/docs?q=metadonnees", lang="fr")
    page.locator("main a[href='/docs/cards']").last.click()
    page.wait_for_url("**/docs/cards")
    expect(page.get_by_role("heading", level=1)).to_be_visible()


def test_x1_the_api_is_described_from_this_host(visit: Visits, town: Town, accessible: Callable[[Page], None]) -> None:
    page = visit("/docs/api")
    expect(page.locator("main")).to_contain_text("/api/models")
    accessible(page)
    page.get_by_label("Address", exact=True).fill("/api/whoami-v2")
    page.get_by_label("Access token").fill(town.bob.token)
    page.get_by_role("button", name="Send").click()
    expect(page.locator(".try-answer")).to_contain_text("HTTP 200")
    expect(page.locator(".try-answer pre")).to_contain_text('"name": "bob"')


def test_g10_times_are_relative_and_exact(visit: Visits, town: Town) -> None:
    time = visit("/ada/emotions/commits/main").locator("time").first
    assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d", time.get_attribute("datetime") or "")
    assert re.search(r"\d{4}", time.get_attribute("title") or "")
    expect(visit("/ada/emotions/commits/main", lang="fr").locator("time").first).to_contain_text(
        re.compile("il y a|maintenant|à l’instant")
    )
