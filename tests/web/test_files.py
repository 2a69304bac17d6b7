"""The file pages in Chromium (ui.md F), over what a hub of three people has."""

import base64
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Dialog, Page, expect

from tests.web.town import Town
from tests.web.visits import Visits

REPO = "ada/files"
PYTHON = "".join(f"def function_{n}(x):\n    return x + {n}  # a comment\n\n" for n in range(40))
HOSTILE = "<img src=x onerror=alert(1)> #?%.py"


def _png(width: int, height: int, colour: bytes) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = (b"\0" + colour * width) * height
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def _commit(town: Town, repo: str, files: dict[str, bytes], summary: str = "Change") -> str:
    from huggingface_hub import CommitOperationAdd, HfApi

    api = HfApi(town.hub.endpoint, token=town.ada.token)
    operations = [CommitOperationAdd(path, data) for path, data in files.items()]
    return str(api.create_commit(repo, operations, commit_message=summary).oid)


@pytest.fixture(scope="module")
def oid(town: Town) -> str:
    """The repo of these tests; gives its second commit."""
    town.repo(REPO, {"README.md": "---\nlicense: mit\n---\n# Files\n", "src/main.py": PYTHON})
    _commit(
        town, REPO, {"picture.png": _png(40, 30, b"\xff\0\0"), "t.csv": b"name,value\na,1\nb,2\n", HOSTILE: b"x = 1\n"}
    )
    return _commit(
        town,
        REPO,
        {"picture.png": _png(40, 30, b"\0\0\xff"), "src/main.py": PYTHON.replace("+ 7 ", "+ 700 ").encode()},
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


def test_f2_keys_find_files_and_make_permalinks(visit: Visits, oid: str) -> None:
    page = visit(f"/{REPO}/blob/main/src/main.py#L3")
    page.keyboard.press("y")
    page.wait_for_url(f"**/{REPO}/blob/{oid}/src/main.py#L3")
    page.keyboard.press("t")
    page.wait_for_url(f"**/find/{oid}") if f"/find/{oid}" in page.url else page.wait_for_url("**/find/main")
    page.keyboard.type("mainpy")
    expect(page.locator(".paths li")).to_have_count(1)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url("**/src/main.py")


def test_f3_lines_are_chosen_and_shared(visit: Visits, oid: str) -> None:
    page = visit(f"/{REPO}/blob/main/src/main.py")
    page.locator("#L10 > a").click()
    page.locator("#L12 > a").click(modifiers=["Shift"])
    assert page.url.endswith("#L10-L12")
    expect(page.locator(".line.chosen")).to_have_count(3)
    shared = visit(f"/{REPO}/blob/main/src/main.py#L20-L21")
    expect(shared.locator("#L21.chosen")).to_be_in_viewport()
    page.get_by_role("button", name="Wrap lines").click()
    expect(page.locator("code-view.wraps")).to_have_count(1)


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


def test_f6_a_commit_in_two_forms(visit: Visits, oid: str) -> None:
    page = visit(f"/{REPO}/commit/{oid}")
    expect(page.locator(".diff .add")).to_have_count(1)
    expect(page.locator(".diff .add mark")).to_have_text("700")
    page.locator(".swipe input").fill("20")
    expect(page.locator("image-diff.swiping")).to_have_count(1)
    page.get_by_role("link", name="More lines around the changes").click()
    expect(page.locator(".diff tr:not(.hunk)")).not_to_have_count(8)
    page.get_by_role("link", name="Side by side").click()
    expect(page.locator(".diff.split")).to_have_count(1)


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


def test_f9_without_scripts_too(visit: Visits, town: Town, oid: str) -> None:
    page = visit(f"/{REPO}/new/main", who=town.ada, scripts=False)
    page.get_by_label("Path").fill("plain/new.txt")
    page.get_by_label("Content").fill("text without scripts")
    page.get_by_role("button", name="Commit", exact=True).click()
    expect(page.locator(".change h3")).to_contain_text("plain/new.txt")


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


def test_f10_files_are_uploaded_with_progress(visit: Visits, town: Town, oid: str, tmp_path: Path) -> None:
    (tmp_path / "small.txt").write_text("small")
    (tmp_path / "large.bin").write_bytes(bytes(range(256)) * 20_000)
    page = visit(f"/{REPO}/upload/main", who=town.ada)
    page.locator("input[type=file]").set_input_files([tmp_path / "small.txt", tmp_path / "large.bin"])
    page.get_by_label("Folder").fill("sent")
    page.get_by_label("Path in the repo").first.fill("renamed.txt")
    page.get_by_role("button", name="Commit", exact=True).click()
    page.wait_for_url(f"**/{REPO}/tree/main", timeout=30_000)
    with httpx.Client(base_url=town.hub.endpoint) as client:
        assert client.get(f"/{REPO}/resolve/main/sent/renamed.txt").text == "small"
        assert client.get(f"/{REPO}/resolve/main/sent/large.bin").content == bytes(range(256)) * 20_000


def test_f11_chosen_files_are_deleted(visit: Visits, town: Town, oid: str) -> None:
    _commit(town, REPO, {"gone/a": b"1", "gone/b": b"2", "gone/c": b"3"})
    page = visit(f"/{REPO}/tree/main/gone", who=town.ada)
    page.get_by_label("Choose a").check()
    page.get_by_label("Choose b").check()
    page.get_by_role("button", name="Delete what is chosen …").click()
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.locator(".change")).to_have_count(2)


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
