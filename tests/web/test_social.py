"""Likes (ui.md R1, R3, R8, H2), following and watching (U1, U2, U4)."""

from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.web.town import Town
from tests.web.visits import Visits


def test_r8_likes_toggle_instantly_and_survive_reload(visit: Visits, town: Town) -> None:
    page = visit("/ada/emotions", who=town.eve)
    heart, count = page.get_by_role("button", name="Like", exact=True), page.locator(".like-count")
    expect(heart).to_have_attribute("aria-pressed", "false")
    before = int(count.locator("[data-count]").inner_text())
    heart.click()
    expect(heart).to_have_attribute("aria-pressed", "true")
    expect(count).to_contain_text(str(before + 1))
    page.wait_for_load_state("networkidle")
    page.reload()
    expect(heart).to_have_attribute("aria-pressed", "true")
    expect(count).to_contain_text(str(before + 1))
    count.click()
    expect(page.locator(".people")).to_contain_text("eve")
    page.get_by_role("button", name="Like", exact=True).click()
    expect(page.locator(".like-count")).to_contain_text(str(before))


def test_r8_g13_likes_work_without_scripts(visit: Visits, town: Town) -> None:
    page = visit("/datasets/ada/avis", who=town.eve, scripts=False)
    page.get_by_role("button", name="Like", exact=True).click()
    expect(page.get_by_role("button", name="Like", exact=True)).to_have_attribute("aria-pressed", "true")
    assert page.url.endswith("/datasets/ada/avis")
    page.get_by_role("button", name="Like", exact=True).click()
    expect(page.get_by_role("button", name="Like", exact=True)).to_have_attribute("aria-pressed", "false")


def test_r8_who_is_nobody_signs_in_and_comes_back(visit: Visits, town: Town) -> None:
    page = visit("/ada/emotions")
    page.get_by_role("link", name="Sign in to like").click()
    assert page.url.endswith("/login?next=/ada/emotions")


def test_r1_r8_a_like_that_fails_is_taken_back_on_the_page(visit: Visits, town: Town) -> None:
    page = visit("/ada/empty", who=town.eve)
    page.route("**/like", lambda route: route.abort())
    visit.guard.expected.add(f"{visit.endpoint}/api/models/ada/empty/like")
    page.get_by_role("button", name="Like", exact=True).click()
    expect(page.locator(".toast")).to_have_text("That did not work. Try again.")
    expect(page.get_by_role("button", name="Like", exact=True)).to_have_attribute("aria-pressed", "false")
    expect(page.locator(".like-count")).to_contain_text("0")


def test_r1_r3_the_menu_of_a_repo_watches_mutes_and_duplicates(
    visit: Visits, town: Town, accessible: Callable[[Page], None]
) -> None:
    page = visit("/ada/emotions", who=town.bob, theme="dark")
    menu = page.locator(".repo-menu")
    menu.locator("summary").click()
    accessible(page)
    menu.get_by_role("button", name="Watch").click()
    menu.locator("summary").click()
    expect(menu.get_by_role("button", name="Stop watching")).to_be_visible()
    menu.get_by_role("button", name="Mute").click()
    menu.locator("summary").click()
    expect(menu.get_by_role("button", name="Watch", exact=True)).to_be_visible()
    menu.get_by_role("button", name="Follow ada").click()
    menu.locator("summary").click()
    expect(menu.get_by_role("button", name="Unfollow ada")).to_be_visible()
    menu.get_by_role("button", name="Copy the address").click()
    expect(page.locator(".toast")).to_have_text("Copied")
    menu.get_by_role("link", name="Duplicate").click()
    accessible(page)
    page.locator("#field-name").fill("emotions-2")
    page.get_by_role("button", name="Duplicate").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("emotions-2")
    assert page.url.endswith("/bob/emotions-2")


def test_u1_u2_following_people_and_organisations(
    visit: Visits, town: Town, accessible: Callable[[Page], None]
) -> None:
    for path, kind in (("/ada", True), ("/lab", False)):
        page = visit(path, who=town.eve)
        button = page.locator(".profile-follow").get_by_role("button")
        expect(button).to_contain_text("Follow")
        button.click()
        expect(button).to_contain_text("Unfollow")
        page.wait_for_load_state("networkidle")
        page.reload()
        page.locator(".profile-around").get_by_role("link", name="follower").click()
        expect(page.locator(".people")).to_contain_text("eve")
        accessible(page)
        assert kind == (page.locator(".profile-around", has_text="follows 0").count() == 1)
    page = visit("/eve?tab=following", lang="fr", width=360)
    expect(page.locator(".people li")).to_have_count(2)
    expect(page.locator(".profile-around")).to_contain_text("abonnements : 2")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page = visit("/lab", who=town.eve, scripts=False)
    page.locator(".profile-follow").get_by_role("button").click()
    expect(page.locator(".profile-follow")).to_contain_text("Follow")
    expect(page.locator(".profile-around")).to_contain_text("0 followers")
    expect(visit("/ada").get_by_role("link", name="Follow", exact=True)).to_be_visible()


def test_u4_following_and_watching_change_the_feed(visit: Visits, town: Town) -> None:
    zoe = town.hub.user("zoe")
    expect(visit("/feed", who=zoe).locator("main")).to_contain_text("Nothing happened here yet")
    with town.client(zoe) as client:
        assert client.post("/api/users/ada/follow").json() == {"isFollowing": True}
    page = visit("/feed?type=dataset", who=zoe)
    expect(page.locator(".deeds")).to_contain_text("ada/avis")
    page = visit("/datasets/ada/avis", who=zoe)
    page.locator(".repo-menu summary").click()
    page.locator(".repo-menu").get_by_role("button", name="Mute").click()
    expect(visit("/feed?type=dataset", who=zoe).locator(".deeds", has_text="ada/avis")).to_have_count(0)
    with town.client(zoe) as client:
        assert client.patch("/api/settings/watch", json={"delete": [{"id": "datasets/ada/avis"}]}).status_code == 200
        assert client.delete("/api/users/ada/follow").json() == {"isFollowing": False}
        assert client.patch("/api/settings/watch", json={"add": [{"id": "spaces/ada/demo"}]}).status_code == 200
    expect(visit("/feed", who=zoe).locator(".deeds")).to_contain_text("ada/demo")
    expect(visit("/feed", who=zoe).locator(".deeds", has_text="lab/series")).to_have_count(0)


def test_u1_likes_of_a_person_and_e_leak_private_ones(visit: Visits, town: Town) -> None:
    with town.client(town.bob) as client:
        for repo in ("models/lab/secret", "spaces/ada/demo"):
            assert client.post(f"/api/{repo}/like").json()["isLiked"]
    for who, count in ((None, 1), (town.eve, 1), (town.bob, 2)):
        page = visit("/bob?tab=likes", who=who)
        expect(page.locator(".row")).to_have_count(count)
        expect(page.get_by_role("link", name="Likes").locator(".count")).to_have_text(str(count))
    expect(visit("/bob?tab=activity").locator(".deeds")).to_contain_text("bob likes ada/demo")


def test_h2_search_by_likes_follows_and_private_never_appears(visit: Visits, town: Town) -> None:
    with town.client(town.bob) as client:
        client.post("/api/models/lab/series-07/like")
        client.post("/api/models/lab/secret/like")
    page = visit("/models?sort=likes")
    for _ in range(40):
        if "series-07" in page.locator(".row-name").first.inner_text():
            break
        page.wait_for_timeout(100)
        page.reload()
    expect(page.locator(".row-name").first).to_contain_text("series-07")
    expect(page.locator(".row", has_text="secret")).to_have_count(0)
