"""Pictures of people, organisations and repos, and in comments, in a browser (ui.md T1, U1, U2, S1, G8, C3)."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.hub import Hub
from tests.pictures import HALVES, is_near, opened, picture
from tests.web.town import Town
from tests.web.visits import Visits

RED, BLUE = HALVES
PASSWORD = "a sentence to keep in mind"
PASTED = re.compile(r"^!\[halves\.png\]\(/uploads/[0-9a-f]{24}\.png\)\n$")
THREE = re.compile(r"^(!\[[\w.]+\]\(/uploads/[0-9a-f]{24}\.png\)\n){3}$")
GIVE = """(area, {event, kind, bytes}) => {
  const given = new DataTransfer();
  given.items.add(new File([new Uint8Array(bytes)], "one.png", {type: "image/png"}));
  area.dispatchEvent(kind === "clipboardData"
    ? new ClipboardEvent(event, {clipboardData: given, bubbles: true, cancelable: true})
    : new DragEvent(event, {dataTransfer: given, bubbles: true, cancelable: true}));
}"""


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """Smaller than that of other pages."""
    with Hub(tmp_path_factory.mktemp("town")) as hub:
        made = Town(hub, hub.user("ada"), hub.user("bob"), hub.user("eve"))
        hub.org("lab", {"ada": "admin", "bob": "read"})
        made.repo("ada/talk", {"README.md": "---\nlicense: mit\n---\n# Talk\n"})
        yield made


@pytest.fixture
def sent(tmp_path: Path) -> Path:
    file = tmp_path / "halves.png"
    file.write_bytes(picture(200, 100))
    return file


@pytest.fixture(scope="module")
def grace(town: Town) -> str:
    """Somebody with a password."""
    name = town.hub.name("grace")
    town.hub.cli("user", "create", name, "--password", PASSWORD)
    return name


def signed_in(visit: Visits, name: str, path: str, *, scripts: bool = True, lang: str = "en") -> Page:
    """The page that somebody sees who has just signed in."""
    page = visit(f"/login?next={path}", scripts=scripts, lang=lang)
    page.locator("#field-username").fill(name)
    page.locator("#field-password").fill(PASSWORD)
    page.locator("form[action='/login'] button.button").click()
    expect(page.locator("h1")).to_be_visible()
    return page


def bytes_of(page: Page, selector: str) -> bytes:
    address = page.locator(selector).first.get_attribute("src")
    assert address is not None
    return page.request.get(address).body()


def test_t1_a_picture_without_scripts_is_the_middle(visit: Visits, grace: str, sent: Path) -> None:
    page = signed_in(visit, grace, "/settings/profile", scripts=False)
    page.get_by_role("link", name="Change the picture").click()
    page.get_by_label("Picture", exact=True).set_input_files(sent)
    page.get_by_role("button", name="Use this picture").click()
    expect(page.locator("main")).to_contain_text("The picture is saved.")
    image = opened(bytes_of(page, ".profile-picture img.avatar"))
    assert is_near(image, (60, 256), RED)
    assert is_near(image, (450, 256), BLUE)
    page.goto("/settings/profile/picture")
    page.get_by_role("button", name="Remove the picture").click()
    expect(page.locator(".profile-picture span.avatar")).to_have_text(grace[0].upper())


def test_t1_avatar_crop_by_sliders_and_by_pointer(
    visit: Visits, grace: str, sent: Path, accessible: Callable[[Page], None]
) -> None:
    page = signed_in(visit, grace, "/settings/profile/picture", lang="fr")
    page.get_by_label("Image", exact=True).set_input_files(sent)
    canvas = page.get_by_role("img", name="Ce qui sera gardé")
    expect(canvas).to_be_visible()
    accessible(page)
    page.get_by_label("Agrandir").fill("50")
    page.get_by_label("De gauche à droite").fill("100")
    page.get_by_role("button", name="Utiliser cette image").click()
    expect(page.locator("main")).to_contain_text("L’image est enregistrée.")
    assert is_near(opened(bytes_of(page, ".profile-picture img.avatar")), (20, 256), BLUE)
    page.goto("/settings/profile/picture")
    page.get_by_label("Image", exact=True).set_input_files(sent)
    canvas = page.locator("picture-crop canvas")
    canvas.hover(position={"x": 40, "y": 100})  # once it is in sight, and stays where it is
    box = canvas.bounding_box()
    assert box is not None
    page.mouse.down()
    page.mouse.move(box["x"] + 240, box["y"] + 100, steps=4)
    page.mouse.up()
    expect(page.get_by_label("De gauche à droite")).to_have_value("0")


def test_t1_a_picture_that_is_none_says_so(visit: Visits, grace: str, tmp_path: Path) -> None:
    page = signed_in(visit, grace, "/settings/profile/picture")
    lie = tmp_path / "lie.png"
    lie.write_bytes(b"<svg xmlns='http://www.w3.org/2000/svg'/>")
    visit.guard.expected.add(page.url)
    page.get_by_label("Picture", exact=True).set_input_files(lie)
    page.get_by_role("button", name="Use this picture").click()
    expect(page.locator(".field-error")).to_have_text("Choose a PNG, a JPEG, a WebP or a GIF: this is none of them.")


def test_u1_the_picture_is_on_the_profile(visit: Visits, grace: str, sent: Path) -> None:
    page = signed_in(visit, grace, "/settings/profile/picture")
    page.get_by_label("Picture", exact=True).set_input_files(sent)
    page.get_by_role("button", name="Use this picture").click()
    expect(page.locator("main")).to_contain_text("The picture is saved.")
    for _ in range(12):  # another process of the hub knows it within ten seconds
        page.goto(f"/{grace}")
        if page.locator(".profile-who img.avatar.large").count():
            break
        page.wait_for_timeout(1000)
    assert opened(bytes_of(page, ".profile-who img.avatar.large")).size == (512, 512)
    expect(page.locator(".site-user img.avatar")).to_be_visible()


def test_u2_only_administrators_choose_the_picture_of_an_organisation(visit: Visits, town: Town, grace: str) -> None:
    page = signed_in(visit, grace, "/settings/profile")
    visit.guard.expected.add(town.hub.endpoint + "/organizations/lab/settings/picture")
    answer = page.goto("/organizations/lab/settings/picture")
    assert answer is not None
    assert answer.status == 403


def test_s1_a_picture_for_a_repo(visit: Visits, town: Town, sent: Path, accessible: Callable[[Page], None]) -> None:
    page = visit("/ada/talk/settings/picture", who=town.ada)
    accessible(page)
    assert opened(bytes_of(page, "img.picture-wide")).size == (1200, 630)
    page.get_by_label("Picture", exact=True).set_input_files(sent)
    page.get_by_role("button", name="Use this picture").click()
    expect(page.locator("main")).to_contain_text("The picture is saved.")
    assert is_near(opened(bytes_of(page, "img.picture-wide")), (30, 300), RED)
    visit("/ada/talk/settings/picture", who=town.eve, status=403)


def test_g8_a_public_repo_has_a_picture_for_who_links_it(visit: Visits, town: Town) -> None:
    page = visit("/ada/talk")
    address = page.locator("meta[property='og:image']").get_attribute("content")
    assert address == f"{town.hub.endpoint}/api/models/ada/talk/social.png"
    answer = httpx.get(address)
    assert answer.headers["content-type"] == "image/png"
    assert opened(answer.content).size == (1200, 630)


def test_c3_pictures_are_pasted_dropped_and_chosen(visit: Visits, town: Town, sent: Path) -> None:
    page = visit("/ada/talk/discussions/new", who=town.ada)
    area = page.locator("md-editor textarea")
    page.get_by_label("Add pictures").set_input_files(sent)
    expect(area).to_have_value(PASTED)
    for kind, event in (("clipboardData", "paste"), ("dataTransfer", "drop")):
        area.evaluate(GIVE, {"event": event, "kind": kind, "bytes": list(picture(30, 30, seed=7))})
    expect(area).to_have_value(THREE)
    visit.guard.expected.add(town.hub.endpoint + "/uploads")
    area.evaluate(GIVE, {"event": "paste", "kind": "clipboardData", "bytes": [1, 2, 3]})
    expect(page.locator("#toasts")).to_contain_text("The picture was not taken")
    page.get_by_label("Title").fill("With pictures")
    page.get_by_role("button", name="Open").click()
    shown = page.locator(".comment-text img")
    expect(shown).to_have_count(3)
    for number in range(3):
        assert shown.nth(number).evaluate("image => image.decode().then(() => image.naturalWidth)") in (200, 30)
