"""The file pages in Chromium (ui.md F), over what a hub of three people has."""

import base64
from collections.abc import Callable

import httpx
import pytest
from playwright.sync_api import Dialog, Page, expect

from tests.binary_files import png
from tests.web.town import Town
from tests.web.visits import Visits

REPO = "ada/files"
PYTHON = "".join(f"def function_{n}(x):\n    return x + {n}  # a comment\n\n" for n in range(40))
HOSTILE = "<img src=x onerror=alert(1)> #?%.py"


@pytest.fixture(scope="module")
def oid(town: Town) -> str:
    """The repo of these tests; gives its second commit."""
    town.repo(REPO, {"README.md": "---\nlicense: mit\n---\n# Files\n", "src/main.py": PYTHON})
    town.commit(
        REPO, {"picture.png": png(40, 30, b"\xff\0\0"), "t.csv": b"name,value\na,1\nb,2\n", HOSTILE: b"x = 1\n"}
    )
    return town.commit(
        REPO,
        {"picture.png": png(40, 30, b"\0\0\xff"), "src/main.py": PYTHON.replace("+ 7 ", "+ 700 ").encode()},
        "Add 700 instead of 7",
    )


PAGES = ["tree/main", "blob/main/src/main.py", "blob/main/picture.png", "blob/main/t.csv", "blob/main/README.md",
         "commits/main", "commit/main", "commit/main?view=split", "compare/main~...main", "blame/main/src/main.py",
         "branches", "find/main", "new/main", "edit/main/src/main.py", "upload/main", "rename/main/t.csv",
         "delete/main/t.csv"]  # fmt: skip


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("lang", ["en", "fr"])
def test_f_pages_are_accessible(
    visit: Visits, town: Town, oid: str, accessible: Callable[[Page], None], lang: str, theme: str
) -> None:
    first = ("en", "fr").index(lang) * 2 + ("light", "dark").index(theme)
    for path in PAGES[first::4]:  # each kind of page once; the crawl goes everywhere
        accessible(visit(f"/{REPO}/{path.replace('main~', oid)}", lang=lang, theme=theme, who=town.ada))


def test_f_pages_do_not_scroll_sideways_on_a_phone(visit: Visits, town: Town, oid: str) -> None:
    page = visit(f"/{REPO}/tree/main", width=360, who=town.ada, lang="fr")
    for path in PAGES:
        page.goto(f"/{REPO}/{path.replace('main~', oid)}")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, path


def test_f1_branches_are_filtered_and_chosen(visit: Visits, town: Town, oid: str) -> None:
    httpx.post(f"{town.hub.endpoint}/api/models/{REPO}/branch/other%2Fone", headers=town.ada.bearer)
    page = visit(f"/{REPO}/tree/main/src")
    page.locator(".revisions summary").click()
    page.get_by_label("Filter branches and tags").fill("oth")
    expect(page.locator(".revisions li:visible")).to_have_count(1)
    page.get_by_role("link", name="other/one").click()
    assert page.url.endswith(f"/{REPO}/tree/other%2Fone/src")
    expect(page.locator(".revisions summary")).to_contain_text("other/one")


def test_f1_the_selector_finds_branches_that_it_does_not_list(visit: Visits, town: Town) -> None:
    town.repo("ada/branchy", {"a.txt": "1\n"})
    with httpx.Client(base_url=town.hub.endpoint, headers=town.ada.bearer) as client:
        for number in range(33):
            client.post(f"/api/models/ada/branchy/branch/topic%2F{number:02}").raise_for_status()
    page = visit("/ada/branchy/blob/main/a.txt")
    page.locator(".revisions summary").click()
    expect(page.locator(".revisions li", has_text="topic/32")).to_have_count(0)
    page.get_by_label("Filter branches and tags").fill("PIC/32")
    page.locator(".revisions .found-revisions").get_by_role("link", name="topic/32").click()
    page.wait_for_url("**/ada/branchy/blob/topic%2F32/a.txt")


def test_f1_a_folder_has_its_last_commit_its_people_and_its_size(visit: Visits, town: Town, oid: str) -> None:
    page = visit(f"/{REPO}/tree/main")
    expect(page.locator(".latest .sha")).to_be_visible()
    expect(page.locator(".contributors")).to_contain_text("ada")
    expect(page.get_by_text("Total size:")).to_be_visible()
    expect(page.locator("tr[data-path='src'] .message")).to_contain_text("Add 700 instead of 7")
    expect(page.locator("tr[data-path='src'] time")).to_be_visible()
    expect(page.get_by_role("main").get_by_role("link", name="History")).to_be_visible()
    expect(page.get_by_text("Add file")).to_have_count(0)
    page = visit(f"/{REPO}/tree/main/src", who=town.ada)
    expect(page.locator(".crumbs")).to_contain_text("files")
    page.get_by_text("Add file").click()
    expect(page.get_by_role("link", name="Upload files")).to_be_visible()
    page.get_by_role("link", name="New file").click()
    expect(page.get_by_label("Path")).to_have_value("src/")


def test_f2_keys_find_files_and_make_permalinks(visit: Visits, town: Town, oid: str) -> None:
    page = visit(f"/{REPO}/blob/main/src/main.py#L3", permissions=["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy the path").click()
    expect(page.locator("#toasts")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == "src/main.py"
    page.locator(".file-head summary").click()
    permalink = f"{town.hub.endpoint}/{REPO}/blob/{oid}/src/main.py"
    expect(page.locator(f"copy-button[data-text='{permalink}'] button")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("main").get_by_role("link", name="Download").first.click()
    assert download.value.suggested_filename == "main.py"
    page.keyboard.press("y")
    page.wait_for_url(f"**/{REPO}/blob/{oid}/src/main.py#L3")
    page.keyboard.press("t")
    page.wait_for_url(f"**/find/{oid}") if f"/find/{oid}" in page.url else page.wait_for_url("**/find/main")
    page.keyboard.type("mainpy")
    expect(page.locator(".paths li")).to_have_count(1)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url("**/src/main.py")


def test_f3_lines_are_chosen_and_shared(visit: Visits, town: Town, oid: str) -> None:
    page = visit(f"/{REPO}/blob/main/src/main.py")
    page.locator("#L10 > a").click()
    page.locator("#L12 > a").click(modifiers=["Shift"])
    assert page.url.endswith("#L10-L12")
    expect(page.locator(".line.chosen")).to_have_count(3)
    shared = visit(f"/{REPO}/blob/main/src/main.py#L20-L21")
    expect(shared.locator("#L21.chosen")).to_be_in_viewport()
    page.get_by_role("button", name="Wrap lines").click()
    expect(page.locator("code-view.wraps")).to_have_count(1)
    expect(page.locator(".file-facts")).to_contain_text("120 lines")
    page = visit(f"/{REPO}/blob/main/src/main.py", who=town.ada)
    for name in ("Raw", "Download", "History", "Blame"):
        expect(page.locator(".file-head").get_by_role("link", name=name)).to_be_visible()
    page.locator(".file-head summary").click()
    for name in ("Permalink", "Edit", "Rename or move", "Delete"):
        expect(page.locator(".file-head").get_by_role("link", name=name, exact=True)).to_be_visible()


def test_f3_code_is_coloured_and_copied_without_numbers(visit: Visits, oid: str) -> None:
    page = visit(f"/{REPO}/blob/main/src/main.py")
    colours = page.evaluate(
        "[...new Set([...document.querySelectorAll('#L1 .text *')].map(e => getComputedStyle(e).color))].length"
    )
    assert colours > 1
    assert page.evaluate("document.querySelector('code-view').innerText").startswith("def function_0(x):")


def test_f3_a_picture_has_its_size_and_is_enlarged(visit: Visits, oid: str) -> None:
    page = visit(f"/{REPO}/blob/main/picture.png")
    expect(page.get_by_text("40 × 30 pixels")).to_be_visible()
    page.locator("image-zoom button").click()
    expect(page.locator("image-zoom.zoomed")).to_have_count(1)
    assert page.evaluate("document.querySelector('image-zoom img').naturalWidth") == 40


def test_f9_a_file_is_edited_in_the_editor(visit: Visits, town: Town, oid: str) -> None:
    page = visit(f"/{REPO}/edit/main/t.csv", who=town.ada)
    editor = page.locator(".editor-host .cm-content")
    expect(editor).to_be_visible()
    editor.press("Control+End")
    page.keyboard.type("c,3\n")
    page.get_by_role("button", name="Preview the change").click()
    expect(page.locator("#preview .add")).to_have_count(1)
    page.get_by_label("Message").first.fill("One row more")
    page.get_by_role("button", name="Commit", exact=True).click()
    expect(page.get_by_role("heading", name="One row more")).to_be_visible()


def test_f9_the_editor_knows_the_language_indents_and_searches(visit: Visits, town: Town, oid: str) -> None:
    page = visit(f"/{REPO}/edit/main/src/main.py", who=town.ada, lang="fr")
    editor = page.locator(".editor-host .cm-content")
    expect(editor).to_be_visible()
    line = "[...document.querySelector('.editor-host').shadowRoot.querySelectorAll('.cm-line')][0]"
    assert page.evaluate(f"new Set([...{line}.querySelectorAll('span')].map(e => getComputedStyle(e).color)).size") > 1
    editor.press("Control+Home")
    page.keyboard.press("Tab")
    assert page.evaluate(f"{line}.textContent").startswith("    def ")
    page.keyboard.press("Control+f")
    search = page.locator(".editor-host .cm-search input[name=search]")
    expect(search).to_be_focused()
    expect(search).to_have_attribute("placeholder", "Chercher")
    expect(page.get_by_role("button", name="tout remplacer")).to_be_visible()
    page.keyboard.type("function_30")
    page.keyboard.press("Enter")
    expect(page.locator(".editor-host .cm-searchMatch-selected")).to_have_text("function_30")


def test_f9_without_scripts_too(visit: Visits, town: Town, oid: str) -> None:
    page = visit(f"/{REPO}/new/main", who=town.ada, scripts=False)
    page.get_by_label("Path").fill("plain/new.txt")
    page.get_by_label("Content").fill("text without scripts")
    page.get_by_role("button", name="Commit", exact=True).click()
    expect(page.locator(".change h3")).to_contain_text("plain/new.txt")


def test_card5_the_metadata_are_checked_while_one_types(visit: Visits, town: Town, oid: str) -> None:
    """What a commit would be told of the card stands below the editor, with its line, and goes when it is mended."""
    page = visit(f"/{REPO}/edit/main/README.md", who=town.ada)
    editor = page.locator(".editor-host .cm-content")
    found = page.get_by_role("region", name="Metadata of the card")
    expect(found).to_contain_text("Nothing in the metadata is to be mended.")
    editor.press("Control+Home")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("End")
    page.keyboard.type("x")
    expect(found.locator("[data-kind=warning] li")).to_contain_text('"license" (line 2)')
    page.keyboard.type(": [")
    expect(found.locator("[data-kind=error]")).to_contain_text("(line 2)")
    for _ in range(4):
        page.keyboard.press("Backspace")
    expect(found).to_contain_text("Nothing in the metadata is to be mended.")
    page.get_by_label("Path").fill("docs/README.md")
    expect(found).to_be_empty()
    plain = visit(f"/{REPO}/edit/main/README.md", who=town.ada, scripts=False)
    plain.get_by_label("Content").fill("---\nlicense: [\n---\n# Files\n")
    plain.get_by_role("button", name="Preview the change").click()
    expect(plain.locator(".card-review")).to_contain_text("The metadata cannot be read")


def test_f9_leaving_with_a_text_asks_first(visit: Visits, town: Town, oid: str) -> None:
    page = visit(f"/{REPO}/edit/main/README.md", who=town.ada)
    page.locator(".editor-host .cm-content").press_sequentially("more ")
    asked = list[str]()

    def leave(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.accept()

    page.on("dialog", leave)
    page.goto(f"/{REPO}/tree/main")
    assert asked == ["beforeunload"]


def test_f9_a_session_that_ended_loses_no_text(
    visit: Visits, town: Town, oid: str, accessible: Callable[[Page], None]
) -> None:
    """Signed out while writing: the text is in the answer, and is committed after signing in again in another window."""
    name = town.hub.name("rose")
    town.hub.cli("user", "create", name, "--password", "a sentence to keep", "--email", f"{name}@example.org")
    page = visit("/login?next=/new")
    visit.guard.expected.add(f"{town.hub.endpoint}/{name}/notes/new/main")

    def sign_in(page: Page) -> None:
        page.locator("#field-username").fill(name)
        page.locator("#field-password").fill("a sentence to keep")
        page.locator("form[action='/login'] button.button").click()

    sign_in(page)
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.locator("#field-name").fill("notes")
    page.locator("main form button.button").last.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("notes")
    page.goto(f"/{name}/notes/new/main")
    page.get_by_label("Path").fill("long.md")
    page.locator(".editor-host .cm-content").press_sequentially("hours of work")
    page.context.clear_cookies()
    page.get_by_role("button", name="Commit", exact=True).click()
    expect(page.get_by_role("heading", name="Your text is kept")).to_be_visible()
    expect(page.get_by_label("Content")).to_have_value("hours of work")
    accessible(page)
    with page.expect_popup() as popup:
        page.get_by_role("link", name="in another window").click()
    sign_in(popup.value)
    expect(popup.value.get_by_label("Path")).to_be_visible()
    page.get_by_role("button", name="Send again").click()
    expect(page.get_by_text("signed in anew")).to_be_visible()
    page.get_by_role("button", name="Send again").click()
    expect(page.locator(".change h3")).to_contain_text("long.md")


def test_f9_a_head_that_moved_keeps_the_text_and_a_pull_request_is_opened(visit: Visits, town: Town, oid: str) -> None:
    town.commit(REPO, {"shared.txt": b"one\n"})
    page = visit(f"/{REPO}/edit/main/shared.txt", who=town.ada)
    page.locator(".editor-host .cm-content").press("Control+End")
    page.keyboard.type("mine")
    town.commit(REPO, {"shared.txt": b"theirs\n"})
    visit.guard.expected.add(page.url)
    page.get_by_role("button", name="Commit", exact=True).click()
    expect(page.get_by_text("Somebody else changed this file")).to_be_visible()
    expect(page.locator(".editor-host .cm-content")).to_contain_text("mine")
    expect(page.locator("#preview .del")).to_contain_text("theirs")
    page.get_by_label("Open as a pull request").check()
    page.get_by_role("button", name="Commit", exact=True).click()
    expect(page.locator(".change h3")).to_contain_text("shared.txt")
    pulls = httpx.get(f"{town.hub.endpoint}/api/models/{REPO}/refs?include_prs=1").json()["pullRequests"]
    assert len(pulls) == 1


def test_f11_chosen_files_are_deleted(visit: Visits, town: Town, oid: str) -> None:
    town.commit(REPO, {"gone/a": b"1", "gone/b": b"2", "gone/c": b"3"})
    page = visit(f"/{REPO}/tree/main/gone", who=town.ada)
    page.get_by_label("Choose a").check()
    page.get_by_label("Choose b").check()
    page.get_by_role("button", name="Delete what is chosen …").click()
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.locator(".change")).to_have_count(2)


def test_f11_chosen_files_are_moved(visit: Visits, town: Town, oid: str, accessible: Callable[[Page], None]) -> None:
    town.commit(REPO, {"from/a": b"1", "from/b": b"2", "from/c": b"3"})
    page = visit(f"/{REPO}/tree/main/from", who=town.ada)
    page.get_by_label("Choose a").check()
    page.get_by_label("Choose b").check()
    page.get_by_role("button", name="Move what is chosen …").click()
    accessible(page)
    page.get_by_label("Into the folder").fill("put/here")
    page.get_by_role("button", name="Move", exact=True).click()
    expect(page.locator(".change[data-status=R]")).to_have_count(2)
    expect(page.locator(".change h3").first).to_contain_text("put/here/a")


def test_f12_a_branch_is_made_and_deleted(visit: Visits, town: Town, oid: str) -> None:
    page = visit(f"/{REPO}/branches", who=town.ada)
    page.get_by_label("Name", exact=True).fill("made-here")
    page.get_by_role("button", name="Create").click()
    row = page.get_by_role("row", name="made-here")
    expect(row).to_be_visible()
    row.locator("summary").click()
    row.get_by_role("button", name="Yes, delete").click()
    expect(page.get_by_role("row", name="made-here")).to_have_count(0)


def test_f12_a_branch_is_protected(visit: Visits, town: Town) -> None:
    """Whoever is no owner is offered a pull request in place of a commit."""
    wim = town.hub.user("wim")
    town.hub.org("guild", {"ada": "admin", "wim": "write"})
    town.repo("guild/shared", {"a.txt": "1\n"})
    page = visit("/guild/shared/branches", who=town.ada)
    page.get_by_role("button", name="Protect main").click()
    expect(page.get_by_role("row", name="main").locator(".mark")).to_have_text("protected")
    other = visit("/guild/shared/branches", who=wim)
    expect(other.get_by_role("row", name="main").get_by_text("protected")).to_be_visible()
    expect(other.get_by_role("button", name="Take the protection off")).to_have_count(0)
    other = visit("/guild/shared/edit/main/a.txt", who=wim)
    expect(other.get_by_label("Commit to main")).to_have_count(0)
    expect(other.get_by_label("Open as a pull request")).to_be_checked()
    page.get_by_role("button", name="Take the protection off").click()
    expect(page.get_by_role("button", name="Protect main")).to_be_visible()


def test_f13_a_hostile_name_is_only_a_name(visit: Visits, town: Town, oid: str) -> None:
    page = visit(f"/{REPO}/tree/main")
    page.get_by_role("link", name=HOSTILE, exact=True).click()
    expect(page.locator("#L1 .text")).to_have_text("x = 1\n")
    for name in ("Blame", "History"):
        other = visit(page.url.removeprefix(town.hub.endpoint))
        other.get_by_role("link", name=name).first.click()
        expect(other.locator(".crumbs")).to_contain_text(HOSTILE)


def test_f14_a_large_folder_is_loaded_piece_by_piece(visit: Visits, town: Town, oid: str) -> None:
    lines = ['{"key": "header", "value": {"summary": "Many"}}']
    empty = base64.b64encode(b"").decode()
    for number in range(1200):
        value = f'{{"path": "many/{number:05}.txt", "content": "{empty}", "encoding": "base64"}}'
        lines.append(f'{{"key": "file", "value": {value}}}')
    headers = {**town.ada.bearer, "content-type": "application/x-ndjson"}
    address = f"{town.hub.endpoint}/api/models/{REPO}/commit/main"
    httpx.post(address, headers=headers, content="\n".join(lines), timeout=60).raise_for_status()
    page = visit(f"/{REPO}/tree/main/many")
    expect(page.locator("tr[data-path]")).to_have_count(1000)
    page.get_by_role("link", name="Load more files").click()
    expect(page.locator("tr[data-path]")).to_have_count(1200)
    expect(page.get_by_role("link", name="Load more files")).to_have_count(0)
