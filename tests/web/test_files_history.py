"""Large files, history, changes and blame in Chromium (ui.md F4 to F8)."""

import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

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
    expect(page.locator(".large")).to_contain_text("Stored with Xet")
    expect(page.get_by_role("button", name="Copy the Xet hash")).to_be_visible()
    expect(page.locator(".file-facts .mark").first).to_have_text("Xet")
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


@dataclass(frozen=True)
class Desk:
    """A folder of ada's with a clone and an SSH key; what is committed there is pushed by git."""

    folder: Path
    address: str

    def git(self, *arguments: str, stdin: bytes = b"") -> str:
        environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_TERMINAL_PROMPT": "0"}
        done = subprocess.run(
            ["git", *arguments], cwd=self.folder, env=environment, input=stdin, capture_output=True, check=True
        )
        return done.stdout.decode().strip()

    def key(self, name: str) -> str:
        """A new key that commits are signed with from now on; gives its public line."""
        path = self.folder / ".git" / name
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", f"{name} of ada", "-f", path], check=True)
        for setting, value in (("gpg.format", "ssh"), ("user.signingkey", str(path)), ("user.name", "ada")):
            self.git("config", setting, value)
        return path.with_suffix(".pub").read_text()

    def commit(self, title: str, email: str) -> str:
        self.git("-c", f"user.email={email}", "commit", "-q", "--allow-empty", "-S", "-m", title)
        return self.git("rev-parse", "HEAD")

    def rewritten(self, old: str, new: str) -> None:
        """The last commit with other words in it, and its signature as it was."""
        data = self.git("cat-file", "commit", "HEAD").replace(old, new) + "\n"
        made = self.git("hash-object", "-t", "commit", "-w", "--stdin", stdin=data.encode())
        self.git("update-ref", "refs/heads/main", made)


@pytest.fixture
def desk(town: Town, tmp_path: Path) -> Desk:
    return _desk_for("ada/signed", town, tmp_path)


@pytest.fixture
def another_desk(town: Town, tmp_path: Path) -> Desk:
    return _desk_for("ada/long", town, tmp_path)


def _desk_for(repo: str, town: Town, folder: Path) -> Desk:
    town.repo(repo, {"a.txt": "1\n"})
    address = town.hub.endpoint.replace("://", f"://ada:{town.ada.token}@")
    desk = Desk(folder, "ada@users.noreply.pioche")
    desk.git("clone", "-q", f"{address}/{repo}", ".")
    return desk


def test_t4_f1_f5_f6_signed_commits_say_who_signed_them(
    visit: Visits, town: Town, desk: Desk, accessible: Callable[[Page], None]
) -> None:
    mine = desk.key("mine")
    desk.commit("By her", desk.address)
    desk.commit("From elsewhere", "ada@elsewhere.example")
    desk.key("lost")
    desk.commit("With a lost key", desk.address)
    desk.commit("As it was", desk.address)
    desk.rewritten("As it was", "As it is now")
    desk.git("push", "-q", "origin", "main")

    page = visit("/settings/keys", session=town.session(town.ada), scripts=False)
    visit.guard.expected.add(page.url)
    page.get_by_label("Public key").fill("ssh-dss AAAA")
    page.get_by_role("button", name="Add the key").click()
    expect(page.locator("#error-key")).to_contain_text("of this type")
    page.get_by_label("Public key").fill(mine)
    page.get_by_role("button", name="Add the key").click()
    expect(page.locator(".row", has_text="mine of ada")).to_contain_text("SHA256:")

    page = visit("/ada/signed/commits/main", lang="fr", theme="dark")
    marks = {title: page.locator("li.commit", has_text=title).locator(".signature") for title in TITLES}
    for title, words in TITLES.items():
        expect(marks[title]).to_have_text(words)
    accessible(page)
    marks["By her"].click()
    page.wait_for_url("**/ada")
    page = visit("/ada/signed/tree/main")
    expect(page.locator(".latest .signature")).to_have_text("Wrong signature")
    page.locator(".latest-title").click()
    expect(page.locator(".commit-head .signature")).to_have_text("Wrong signature")

    page = visit("/settings/keys", session=town.session(town.ada), width=360, lang="fr")
    accessible(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.locator(".row summary").click()
    page.get_by_role("button", name="Retirer la clé").click()
    expect(page.get_by_text("Vous n’avez pas encore de clé")).to_be_visible()
    page.goto("/ada/signed/commits/main")
    expect(page.locator("li.commit", has_text="By her").locator(".signature")).to_have_text("Signé, clé inconnue")


TITLES = {
    "By her": "Vérifié : ada",
    "From elsewhere": "Signé par ada",
    "With a lost key": "Signé, clé inconnue",
    "As it is now": "Signature fausse",
}


def test_f5_ten_thousand_commits_have_pages(visit: Visits, another_desk: Desk) -> None:
    lines = list[str]()
    for number in range(10_000):
        lines.append(
            f"commit refs/heads/main\ncommitter ada <{another_desk.address}> {1_700_000_000 + number * 60} +0000"
        )
        lines.append(f"data <<E\nStep {number}\nE\n" + ("from refs/heads/main^0\n" if number == 0 else ""))
    another_desk.git("fast-import", "--quiet", stdin="\n".join(lines).encode())
    another_desk.git("push", "-q", "origin", "main")
    page = visit("/ada/long/commits/main?p=199")
    expect(page.locator("h2 .count")).to_have_text("10,002 commits")
    expect(page.locator(".commit-title").last).to_have_text("Step 0")
    page.get_by_role("link", name="Older").click()
    expect(page.locator(".commit-title").last).to_have_text("initial commit")
    expect(page.get_by_role("link", name="Older")).to_have_count(0)
