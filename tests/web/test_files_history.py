"""Large files, history, changes and blame in Chromium (ui.md F4 to F8)."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.binary_files import png
from tests.web.town import Town
from tests.web.visits import Visits

REPO = "ada/past"
TEXT = "".join(f"line {number}\n" for number in range(1, 61))


@pytest.fixture(scope="module")
def past(town: Town) -> list[str]:
    """The ids of the commits, the oldest first."""
    town.repo(REPO, {"a.txt": TEXT, "old.txt": "".join(f"word {number}\n" for number in range(20))})
    first = town.commit(REPO, {"w.bin": bytes(range(256)) * 40, "picture.png": png(40, 30, b"\xff\0\0")}, "Weights")
    changed = TEXT.replace("line 30", "line thirty").replace("line 5\n", "  line 5\n")
    second = town.commit(
        REPO,
        {"a.txt": changed.encode(), "w.bin": bytes(range(256)) * 60, "picture.png": png(40, 30, b"\0\0\xff")},
        "Thirty in words",
    )
    form = town.commit(REPO, {"a.txt": changed.replace("line 1\n", "LINE 1\n").encode()}, "Form alone")
    last = town.commit(REPO, {".git-blame-ignore-revs": f"# form\n{form}\n".encode()}, "Look behind form")
    return [first, second, form, last]


@pytest.mark.parametrize(("lang", "theme"), [("fr", "light"), ("en", "dark")])
def test_f4_f8_pages_are_accessible(
    visit: Visits, past: list[str], accessible: Callable[[Page], None], lang: str, theme: str
) -> None:
    page = visit(f"/{REPO}/blob/main/w.bin", lang=lang, theme=theme)
    accessible(page)
    for path in (f"commit/{past[1]}", f"compare/{past[0]}...main?view=split", "blame/main/a.txt", "commits/main/a.txt"):
        page.goto(f"/{REPO}/{path}")
        accessible(page)


def test_f4_a_large_file_has_its_hash_and_its_pointer(visit: Visits, past: list[str]) -> None:
    page = visit(f"/{REPO}/blob/main/w.bin")
    expect(page.locator(".large")).to_contain_text("sha256")
    expect(page.locator(".large")).to_contain_text("15,360 bytes")
    page.locator(".large summary").first.click()
    expect(page.locator(".large")).to_contain_text("version https://git-lfs.github.com/spec/v1")


def test_f5_history_by_day_with_ids_to_copy_and_of_one_file(visit: Visits, past: list[str]) -> None:
    page = visit(f"/{REPO}/commits/main")
    expect(page.locator("h3.day")).to_have_count(1)
    expect(page.locator("li.commit")).to_have_count(6)
    expect(page.get_by_role("button", name="Copy the commit's id").first).to_be_visible()
    page.locator("li.commit", has_text="Weights").get_by_role("link", name="Browse the files at this commit").click()
    page.wait_for_url(f"**/tree/{past[0]}")
    page.goto(f"/{REPO}/commits/main/a.txt")
    expect(page.locator("li.commit")).to_have_count(3)


def test_f6_a_commit_in_two_forms(visit: Visits, past: list[str]) -> None:
    page = visit(f"/{REPO}/commit/{past[1]}")
    expect(page.locator(".diff .add")).to_have_count(2)
    expect(page.locator(".diff .add mark").last).to_have_text("thirty")
    page.locator(".swipe input").fill("20")
    expect(page.locator("image-diff.swiping")).to_have_count(1)
    page.get_by_role("link", name="More lines around the changes").click()
    expect(page.locator(".diff tr:not(.hunk)")).not_to_have_count(8)
    page.get_by_role("link", name="Side by side").click()
    expect(page.locator(".diff.split")).to_have_count(1)


def test_f6_blanks_are_hidden_and_pointers_compared(visit: Visits, past: list[str]) -> None:
    page = visit(f"/{REPO}/commit/{past[1]}")
    expect(page.locator("#file-w\\.bin .pointers")).to_contain_text("10.2")
    expect(page.locator("#file-w\\.bin .pointers")).to_contain_text("15.4")
    page.get_by_role("link", name="Hide blanks").click()
    expect(page.locator(".diff .add")).to_have_count(1)


def test_f6_a_large_change_is_shown_when_it_is_asked_for_and_a_renamed_file_is_one(
    visit: Visits, town: Town, past: list[str]
) -> None:
    large = town.commit("ada/avis", {"long.txt": b"line\n" * 5000, "short.txt": b"1\n"}, "Long", kind="dataset")
    page = visit(f"/datasets/ada/avis/commit/{large}")
    expect(page.locator(".diff .add")).to_have_count(1)
    page.get_by_role("link", name="Show it").click()
    expect(page.locator(".diff .add").nth(4000)).to_be_attached()
    page = visit(f"/{REPO}/rename/main/old.txt", who=town.ada)
    page.get_by_label("New path").fill("deep/new.txt")
    page.get_by_role("button", name="Rename", exact=True).click()
    expect(page.locator(".change[data-status=R] h3")).to_contain_text("old.txt → deep/new.txt")


def test_f7_two_revisions_are_compared(visit: Visits, past: list[str]) -> None:
    page = visit(f"/{REPO}/compare")
    page.get_by_label("From").fill(past[0])
    page.get_by_label("To", exact=True).fill(past[2])
    page.get_by_role("main").get_by_role("button", name="Compare").click()
    expect(page.get_by_role("heading", name="2 commits")).to_be_visible()
    expect(page.locator(".change")).to_have_count(3)


def test_f8_commits_of_form_are_looked_behind_and_one_goes_to_the_parent(visit: Visits, past: list[str]) -> None:
    page = visit(f"/{REPO}/blame/main/a.txt")
    expect(page.locator(".blame .who", has_text="Form alone")).to_have_count(0)
    page.get_by_role("link", name="All commits").click()
    expect(page.locator(".blame .who", has_text="Form alone")).to_have_count(1)
    page.locator(".blame .who", has_text="Thirty in words").last.get_by_role("link", name="before").click()
    page.wait_for_url(f"**/blame/{past[0]}/a.txt")
    expect(page.locator(".blame .t", has_text="line 30")).to_be_visible()
