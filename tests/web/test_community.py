"""Discussions and pull requests in Chromium (ui.md C), over a hub of three people."""

import re
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import httpx
import pytest
from huggingface_hub import CommitOperationAdd, HfApi
from playwright.sync_api import Dialog, Page, expect

from tests.hostile import SHORT
from tests.hub import Account, Hub
from tests.web.town import Town
from tests.web.visits import Visits

REPO = "ada/talk"
AT = f"/{REPO}/discussions"
UID = re.compile(r"#([0-9a-f]{24})$")


@dataclass
class Threads:
    """Makes threads by the same forms that pages have."""

    town: Town

    def send(self, who: Account, path: str, /, repo: str = REPO, **fields: str) -> str:
        """Sends a form; gives the address that the answer leads to."""
        with self.town.client(who) as client:
            answer = client.post(f"/{repo}/discussions{path}", data={"sent": "1", **fields})
        assert answer.status_code == 303, answer.text[:2000]
        return answer.headers["location"]

    def open(self, who: Account, title: str, text: str = "Why?", repo: str = REPO) -> int:
        return int(self.send(who, "", repo, title=title, description=text).rpartition("/")[2])

    def say(self, who: Account, number: int, text: str, repo: str = REPO, **fields: str) -> str:
        """The id of the new comment."""
        found = UID.search(self.send(who, f"/{number}/comment", repo, text=text, **fields))
        assert found is not None
        return found[1]

    def pull(self, who: Account, title: str, files: dict[str, str], *, draft: bool = False, repo: str = REPO) -> int:
        path = self.send(who, "", repo, type="pull_request", title=title, description="")
        number = int(path.rpartition("/")[2])
        self.commit(who, files, f"refs/pr/{number}", repo)
        if not draft:
            self.send(who, f"/{number}/status", repo, status="open")
        return number

    def rows(self, repo: str, *, opened: int = 0, said: tuple[int, int] = (0, 0)) -> None:
        """As many threads, or comments (of a thread, so many), written into the database at once."""
        with sqlite3.connect(self.town.hub.data_dir / "pioche.db") as database:
            (repo_id,) = database.execute("SELECT id FROM repos WHERE full_name = ?", (repo,)).fetchone()
            columns = "repo_id, number, is_pull_request, title, status, created_at"
            thread = f"INSERT INTO discussions ({columns}) VALUES (?, ?, 0, ?, 'open', 1)"
            database.executemany(thread, [(repo_id, 1000 + n, f"Question {n}") for n in range(opened)])
            number, count = said
            columns = "uid, repo_id, number, kind, at, data, text"
            comment = f"INSERT INTO thread_events ({columns}) VALUES (?, ?, ?, 'comment', 1, '{{}}', ?)"
            database.executemany(comment, [(f"{n:024x}", repo_id, number, f"comment {n}") for n in range(count)])

    def commit(self, who: Account, files: dict[str, str], revision: str = "main", repo: str = REPO) -> None:
        operations = [CommitOperationAdd(path, text.encode()) for path, text in files.items()]
        api = HfApi(self.town.hub.endpoint, token=who.token)
        api.create_commit(repo, operations, commit_message=f"Change {', '.join(files)}", revision=revision)


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """Smaller than that of other pages."""
    with Hub(tmp_path_factory.mktemp("town")) as hub:
        made = Town(hub, hub.user("ada"), hub.user("bob"), hub.user("eve"))
        hub.org("lab", {"ada": "admin", "bob": "read"})
        made.repo("lab/open", {})
        made.repo("lab/secret", {}, private=True)
        made.repo("ada/avis", {}, kind="dataset")
        yield made


@pytest.fixture(scope="module")
def threads(town: Town) -> Threads:
    town.repo(REPO, {"README.md": "# Talk\n", "a.txt": "one\ntwo\nthree\n", "b.txt": "1\n"})
    return Threads(town)


# --- C1: the list ---------------------------------------------------------------------------------------------------


def test_c1_a_list_has_tabs_filters_words_authors_and_counts(visit: Visits, town: Town, threads: Threads) -> None:
    repo = "ada/listed"
    town.repo(repo, {"README.md": "x"})
    first = threads.open(town.ada, "The first question", repo=repo)
    closed = threads.open(town.bob, "A closed question", "about giraffes", repo=repo)
    threads.send(town.bob, f"/{closed}/status", repo, status="closed")
    draft = threads.pull(town.bob, "A draft of a change", {"x.txt": "x"}, draft=True, repo=repo)
    merged = threads.pull(town.bob, "A merged change", {"y.txt": "y"}, repo=repo)
    threads.send(town.ada, f"/{merged}/merge", repo)
    for number in range(3):
        threads.open(town.bob, f"Another question {number}", repo=repo)
    threads.send(town.ada, f"/{first}/pin", repo, pinned="1")

    page = visit(f"/{repo}/discussions", who=town.ada)
    rows = page.locator(".threads > li")
    expect(rows).to_have_count(5)
    expect(rows.first).to_contain_text("The first question")  # pinned, though the oldest
    expect(rows.first).to_contain_text("Pinned")
    expect(rows.filter(has_text="A draft").locator(".state")).to_have_attribute("data-state", "draft")
    expect(page.locator(".repo-header .tabs [aria-current]")).to_contain_text("Community 5")
    page.get_by_role("link", name=re.compile("^Pull requests")).click()
    expect(rows).to_have_count(1)
    page.get_by_role("navigation", name="Status").get_by_role("link", name=re.compile("^Merged")).click()
    expect(rows).to_contain_text(["A merged change"])
    page.goto(f"/{repo}/discussions?status=closed")
    expect(rows).to_have_count(2)
    page.get_by_label("Words").fill("giraffes")
    page.get_by_label("Author").fill("bob")
    page.get_by_role("button", name="Find").click()
    expect(rows).to_contain_text(["A closed question"])
    assert "search=giraffes" in page.url
    page.goto(f"/{repo}/discussions?sort=oldest&status=all&author=bob")
    expect(rows.first).to_contain_text("A closed question")
    page.get_by_label("Sort").select_option(label="Most commented")
    page.get_by_role("button", name="Find").click()
    assert "sort=trending" in page.url
    assert draft == 3


def test_c1_an_empty_list_says_what_to_do(visit: Visits, town: Town) -> None:
    page = visit("/datasets/ada/avis/discussions", who=town.ada)
    command = page.locator(".empty .command")
    expect(command).to_contain_text(f"HF_ENDPOINT={town.hub.endpoint}")
    expect(command).to_contain_text("hf upload ada/avis . --create-pr --repo-type dataset")
    expect(page.get_by_role("link", name="New discussion")).to_be_visible()
    page = visit("/datasets/ada/avis/discussions?search=nothing")
    expect(page.locator(".empty")).to_contain_text("Nothing fits")
    visit("/datasets/ada/avis/discussions?status=sideways", status=400)


def test_c1_long_lists_have_pages(visit: Visits, town: Town, threads: Threads) -> None:
    repo = "ada/long-list"
    town.repo(repo, {"README.md": "x"})
    threads.rows(repo, opened=53)
    page = visit(f"/{repo}/discussions")
    expect(page.locator(".threads > li")).to_have_count(50)
    page.get_by_role("link", name="Next").click()
    expect(page.locator(".threads > li")).to_have_count(3)
    assert page.url.endswith("?p=1")


# --- C2: new ones ---------------------------------------------------------------------------------------------------


def test_c2_a_discussion_is_opened_with_what_the_address_fills_in(visit: Visits, town: Town, threads: Threads) -> None:
    page = visit(f"{AT}/new?title=Filled%20in&description=By%20the%20link", who=town.bob, scripts=False)
    expect(page.get_by_label("Title")).to_have_value("Filled in")
    expect(page.get_by_label("Description")).to_have_value("By the link")
    page.get_by_label("Title").fill("x")
    page.locator("input[name=title]").evaluate("field => field.removeAttribute('minlength')")
    page.get_by_label("Title").fill("A real question")
    page.get_by_role("button", name="Open the discussion").click()
    expect(page.get_by_role("heading", level=2)).to_contain_text("A real question")
    expect(page.locator(".comment")).to_contain_text("By the link")


def test_c2_a_title_that_is_refused_comes_back_with_its_text(town: Town, threads: Threads) -> None:
    with town.client(town.bob) as client:
        answer = client.post(AT, data={"title": "x", "description": "kept <b>text</b>"})
    assert answer.status_code == 400
    assert "kept &lt;b&gt;text&lt;/b&gt;" in answer.text
    assert 'role="alert"' in answer.text


def test_c2_a_pull_request_starts_as_a_draft_with_its_commands_and_is_published(
    visit: Visits, town: Town, threads: Threads
) -> None:
    page = visit(f"{AT}/new?type=pull_request", who=town.bob)
    assert page.get_by_role("link", name="Choose a file to edit").get_attribute("href") == f"/{REPO}/tree/main"
    assert page.get_by_role("link", name="Upload files").get_attribute("href") == f"/{REPO}/upload/main"
    page.get_by_label("Title").fill("By git")
    page.get_by_role("button", name="Open a draft").click()
    page.wait_for_url(re.compile(r"/discussions/\d+$"))
    number = page.url.rpartition("/")[2]
    expect(page.locator("#thread-state")).to_contain_text("Draft")
    commands = page.locator(".checkout .command")
    expect(commands.first).to_contain_text(f"git fetch origin refs/pr/{number}:pr/{number}")
    expect(commands.nth(1)).to_contain_text(f"git push origin pr/{number}:refs/pr/{number}")
    threads.commit(town.bob, {"c.txt": "new\n"}, f"refs/pr/{number}")
    page.reload()
    page.get_by_role("button", name="Publish").click()
    expect(page.locator("#thread-state")).to_contain_text("Open")
    expect(page.locator(".timeline")).to_contain_text("Change c.txt")


# --- C3: the conversation -------------------------------------------------------------------------------------------


def test_c3_a_comment_is_written_previewed_sent_and_linked(visit: Visits, town: Town, threads: Threads) -> None:
    number = threads.open(town.ada, "About maths")
    page = visit(f"{AT}/{number}", who=town.bob)
    box = page.get_by_role("textbox", name="Comment")
    box.fill(f"**Bold** and $$x^2$$ of @ada in #{number}, as in never/was#7 <script>window.__pwned = 1</script>")
    page.get_by_role("button", name="Preview").click()
    shown = page.get_by_role("region", name="Preview")
    expect(shown.locator("strong")).to_have_text("Bold")
    expect(shown.locator("math")).to_have_count(1)
    page.get_by_role("button", name="Write").click()
    page.get_by_role("button", name="Comment", exact=True).click()
    page.wait_for_url(UID)
    uid = page.url.rpartition("#")[2]
    comment = page.locator(f"[id='{uid}']")
    expect(comment.get_by_role("link", name="@ada")).to_have_attribute("href", "/ada")
    expect(comment.get_by_role("link", name=f"#{number}")).to_have_attribute("href", f"{AT}/{number}")
    elsewhere = comment.get_by_role("link", name="never/was#7")
    expect(elsewhere).to_have_attribute("href", "/never/was/discussions/7")
    assert page.evaluate("window.__pwned") is None
    expect(comment.locator(".when")).to_have_attribute("href", f"{AT}/{number}?at={uid}#{uid}")


def test_c3_names_are_offered_after_an_at_sign(visit: Visits, town: Town, threads: Threads) -> None:
    number = threads.open(town.ada, "Who is there")
    page = visit(f"{AT}/{number}", who=town.ada)
    box = page.get_by_role("textbox", name="Comment")
    box.press_sequentially("Hello @bo")
    page.get_by_role("option", name="@bob").wait_for()
    box.press("Enter")
    expect(box).to_have_value("Hello @bob ")
    expect(page.get_by_role("listbox")).to_have_count(0)


def test_c3_names_of_a_private_repo_are_of_those_who_may_read_it(town: Town) -> None:
    with town.client(town.ada) as client:
        found = client.get("/lab/secret/discussions/people?q=").json()
        assert [one["name"] for one in found] == ["ada", "bob"]
    with town.client(town.eve) as client:
        assert client.get("/lab/secret/discussions/people?q=").status_code == 404


def test_c3_a_comment_is_edited_with_its_history_quoted_reacted_to_and_hidden(
    visit: Visits, town: Town, threads: Threads
) -> None:
    number = threads.open(town.ada, "To be worked on")
    uid = threads.say(town.bob, number, "First words")
    page = visit(f"{AT}/{number}", who=town.bob)
    comment = page.locator(f"[id='{uid}']")

    comment.get_by_role("link", name="Options of the comment by bob").click()
    comment.get_by_text("Edit", exact=True).click()
    comment.get_by_role("textbox").fill("Second words")
    comment.get_by_role("button", name="Save").click()
    expect(comment.locator(".comment-text").first).to_have_text("Second words")
    comment.get_by_role("link", name="edited").click()
    page.get_by_text("1 earlier version").click()
    expect(page.locator(".versions")).to_contain_text("First words")

    page.goto(f"{AT}/{number}")
    comment.get_by_role("link", name="Options of the comment by bob").click()
    comment.get_by_role("button", name="🔥").click()
    expect(comment.get_by_role("button", name="🔥 1")).to_have_attribute("aria-pressed", "true")
    comment.get_by_role("button", name="🔥 1").click()
    expect(comment.locator(".reactions")).to_have_count(0)

    comment.get_by_role("link", name="Options of the comment by bob").click()
    comment.get_by_role("link", name="Quote reply").click()
    expect(page.get_by_role("textbox", name="Comment")).to_have_value(re.compile("> Second words\\s+@bob"))

    comment.get_by_role("link", name="Options of the comment by bob").click()
    comment.get_by_text("Hide", exact=True).click()
    expect(comment.locator(".hide-comment")).to_contain_text("cannot be undone")
    comment.get_by_role("button", name="Hide for good").click()
    expect(comment).to_contain_text("This comment was hidden by bob.")
    assert "Second words" not in httpx.get(f"{town.hub.endpoint}{AT}/{number}").text


def test_c3_a_thread_is_renamed_closed_reopened_pinned_locked_and_tells_it(
    visit: Visits, town: Town, threads: Threads
) -> None:
    number = threads.open(town.bob, "Its first name")
    page = visit(f"{AT}/{number}", who=town.ada)
    page.get_by_text("Edit the title").click()
    page.get_by_label("Title").fill("Its second name")
    page.get_by_role("button", name="Save the title").click()
    timeline = page.locator(".timeline")
    expect(timeline.locator("del")).to_have_text("Its first name")
    page.get_by_role("textbox", name="Comment").fill("Enough said")
    page.get_by_role("button", name="Comment and close").click()
    expect(page.locator("#thread-state")).to_contain_text("Closed")
    expect(timeline).to_contain_text("closed this")
    page.get_by_role("textbox", name="Comment").fill("Or not")
    page.get_by_role("button", name="Comment and reopen").click()
    expect(page.locator("#thread-state")).to_contain_text("Open")
    page.get_by_role("button", name="Close", exact=True).click()
    page.get_by_role("button", name="Reopen", exact=True).click()
    expect(page.locator("#thread-state")).to_contain_text("Open")
    page.get_by_role("button", name="Pin", exact=True).click()
    expect(timeline).to_contain_text("pinned this thread")
    page.get_by_role("button", name="Lock", exact=True).click()
    expect(timeline).to_contain_text("locked this thread")
    page = visit(f"{AT}/{number}", who=town.bob)
    expect(page.locator(".answer")).to_contain_text("This thread is locked")
    expect(page.get_by_role("textbox")).to_have_count(0)


def test_c3_somebody_subscribes_and_mutes(visit: Visits, town: Town, threads: Threads) -> None:
    number = threads.open(town.ada, "To follow")
    page = visit(f"{AT}/{number}", who=town.bob, scripts=False)
    page.get_by_role("button", name="Subscribe", exact=True).click()
    expect(page.locator(".thread-side")).to_contain_text("You are subscribed")
    page.get_by_role("button", name="Mute", exact=True).click()
    expect(page.locator(".thread-side")).to_contain_text("You muted")
    page.get_by_role("button", name="Unmute").click()
    expect(page.get_by_role("button", name="Subscribe", exact=True)).to_be_visible()
    expect(page.locator("#participants")).to_contain_text("1 participant")


def test_c3_a_thread_is_deleted_by_those_who_manage_the_repo(visit: Visits, town: Town, threads: Threads) -> None:
    number = threads.open(town.bob, "To be deleted")
    page = visit(f"{AT}/{number}", who=town.bob)
    expect(page.locator(".delete-thread")).to_have_count(0)
    page = visit(f"{AT}/{number}", who=town.ada, scripts=False)
    page.locator(".delete-thread summary").click()
    page.get_by_label("I am sure").check()
    page.get_by_role("button", name="Delete for good").click()
    assert page.url.endswith(AT)
    visit(f"{AT}/{number}", status=404, who=town.ada)


def test_c3_a_long_thread_is_folded_and_a_permalink_opens_it(visit: Visits, town: Town, threads: Threads) -> None:
    number = threads.open(town.ada, "A long one")
    early = f"{3:024x}"
    threads.rows(REPO, said=(number, 120))
    page = visit(f"{AT}/{number}")
    expect(page.locator(".timeline .comment")).to_have_count(101)
    expect(page.get_by_role("link", name="Show 20 earlier entries")).to_be_visible()
    page.goto(f"{AT}/{number}#{early}")
    page.reload()
    expect(page.locator(f"[id='{early}']")).to_contain_text("comment 3")
    page.goto(f"{AT}/{number}")
    page.get_by_role("link", name="Show 20 earlier entries").click()
    expect(page.locator(".timeline .comment")).to_have_count(121)


def test_c3_everything_works_without_scripts(visit: Visits, town: Town, threads: Threads) -> None:
    number = threads.open(town.ada, "Plainly")
    uid = threads.say(town.ada, number, "Ada's words")
    page = visit(f"{AT}/{number}", who=town.bob, scripts=False)
    page.get_by_role("textbox", name="Comment").fill("*written* plainly")
    page.get_by_role("button", name="Preview").click()
    expect(page.locator("#preview em")).to_have_text("written")
    page.go_back()
    page.get_by_role("textbox", name="Comment").fill("plain words")
    page.get_by_role("button", name="Comment", exact=True).click()
    expect(page.locator(".timeline .comment").last).to_contain_text("plain words")
    page.goto(f"{AT}/{number}/comment/{uid}")
    page.get_by_role("button", name="👍").click()
    expect(page.get_by_role("button", name="👍 1")).to_be_visible()
    page.goto(f"{AT}/{number}/comment/{uid}")
    page.get_by_role("link", name="Quote reply").click()
    expect(page.get_by_role("textbox", name="Comment")).to_have_value(re.compile("> Ada's words"))


# --- C4: pull requests ----------------------------------------------------------------------------------------------


def test_c4_a_pull_request_shows_commits_files_and_is_merged(visit: Visits, town: Town, threads: Threads) -> None:
    repo = "ada/merged"
    town.repo(repo, {"a.txt": "one\ntwo\n"})
    number = threads.pull(town.bob, "Better numbers", {"a.txt": "one\n2\n"}, repo=repo)
    at = f"/{repo}/discussions/{number}"
    page = visit(at, who=town.ada)
    page.get_by_role("link", name="Commits 1").click()
    expect(page.locator(".commits")).to_contain_text("Change a.txt")
    page.get_by_role("link", name="Files changed 1").click()
    expect(page.locator(".diff .add")).to_contain_text("2")
    page.goto(at)
    expect(page.locator("#merging")).to_contain_text("This can be merged")
    page.get_by_label("Message of the commit").fill("Numbers, better")
    page.get_by_role("button", name="Merge", exact=True).click()
    expect(page.locator("#thread-state")).to_contain_text("Merged")
    expect(page.locator(".timeline")).to_contain_text("merged this")
    page.get_by_role("button", name="Delete the ref").click()
    expect(page.get_by_role("button", name="Delete the ref")).to_have_count(0)
    assert "Numbers, better" in httpx.get(f"{town.hub.endpoint}/{repo}/commits/main").text


def test_c4_conflicts_are_named_and_merging_is_disabled(visit: Visits, town: Town, threads: Threads) -> None:
    repo = "ada/conflict"
    town.repo(repo, {"a.txt": "one\n"})
    number = threads.pull(town.bob, "Mine", {"a.txt": "mine\n"}, repo=repo)
    threads.commit(town.ada, {"a.txt": "theirs\n"}, repo=repo)
    page = visit(f"/{repo}/discussions/{number}", who=town.ada)
    expect(page.locator("#merging")).to_contain_text("1 file was changed on both sides")
    expect(page.locator(".conflicts")).to_contain_text("a.txt")
    page.locator(".merge-form summary").click()
    expect(page.get_by_role("button", name="Merge", exact=True)).to_be_disabled()
    page = visit(f"/{repo}/discussions/{number}", who=town.bob)
    expect(page.locator("#merging")).to_contain_text("Those who may write to this repository can merge it")


def test_c4_what_was_not_looked_at_is_not_merged(town: Town, threads: Threads) -> None:
    repo = "ada/stale"
    town.repo(repo, {"a.txt": "one\n"})
    number = threads.pull(town.bob, "Moves on", {"b.txt": "1\n"}, repo=repo)
    with town.client(town.ada) as client:
        page = client.get(f"/{repo}/discussions/{number}").text
        head = re.search(r'name="head" value="([0-9a-f]{40})"', page)
        assert head is not None
        threads.commit(town.bob, {"b.txt": "2\n"}, f"refs/pr/{number}", repo)
        answer = client.post(f"/{repo}/discussions/{number}/merge", data={"head": head[1]})
        assert answer.status_code == 409
        assert "Commits were added since you opened the page" in answer.text


@pytest.mark.parametrize("scripts", [True, False])
def test_c4_lines_are_commented_on(visit: Visits, town: Town, threads: Threads, scripts: bool) -> None:
    repo = f"ada/lines-{int(scripts)}"
    town.repo(repo, {"a.txt": "one\ntwo\nthree\n"})
    number = threads.pull(town.bob, "Other lines", {"a.txt": "one\n2\nthree\n"}, repo=repo)
    at = f"/{repo}/discussions/{number}"
    page = visit(f"{at}/files", who=town.ada, scripts=scripts)
    if scripts:
        page.locator("tr.add").hover()
        page.get_by_role("button", name="Comment on line 2").last.click()
    else:
        page.get_by_label("Line", exact=True).fill("2")
    page.get_by_role("textbox", name="Comment").fill("Why a digit?")
    page.get_by_role("button", name="Comment", exact=True).click()
    expect(page.locator("tr.notes .comment")).to_contain_text("Why a digit?")
    expect(page.locator("tr.add + tr.notes")).to_have_count(1)
    page.goto(at)
    noted = page.locator(".timeline .comment", has_text="Why a digit?")
    expect(noted.locator(".place")).to_contain_text("a.txt line 2")
    threads.commit(town.bob, {"a.txt": "one\nzwei\nthree\n"}, f"refs/pr/{number}", repo)
    page.goto(at)
    expect(noted.locator(".place")).to_contain_text("outdated")
    page.goto(f"{at}/files")
    expect(page.get_by_role("heading", name="On lines that are gone")).to_be_visible()


# --- C5: who is who -------------------------------------------------------------------------------------------------


def test_c5_authors_owners_and_members_are_marked(visit: Visits, town: Town, threads: Threads) -> None:
    number = threads.open(town.bob, "Who are you")
    threads.say(town.ada, number, "The owner")
    threads.say(town.bob, number, "I asked")
    page = visit(f"{AT}/{number}")
    heads = page.locator(".comment-head")
    expect(heads.nth(1)).to_contain_text("Owner")
    expect(heads.nth(2)).to_contain_text("Author")
    repo = "lab/open"
    number = threads.open(town.bob, "Of the lab", repo=repo)
    page = visit(f"/{repo}/discussions/{number}")
    expect(page.locator(".comment-head")).to_contain_text("Member")


# --- C6: switched off -----------------------------------------------------------------------------------------------


def test_c6_where_discussions_are_off_there_is_no_tab_and_no_page(visit: Visits, town: Town, threads: Threads) -> None:
    repo = "ada/quiet"
    town.repo(repo, {"README.md": "x"})
    number = threads.open(town.ada, "Before it was off", repo=repo)
    expect(visit(f"/{repo}").locator(".repo-header .tabs")).to_contain_text("Community")
    with town.client(town.ada) as client:
        client.put(f"/api/models/{repo}/settings", json={"discussionsDisabled": True}).raise_for_status()
        for path in ("", "/new", f"/{number}", f"/{number}/files"):
            absent = client.get(f"/{repo}/nothing/like/this")
            answer = client.get(f"/{repo}/discussions{path}")
            assert answer.status_code == absent.status_code == 404
            assert answer.headers["x-error-message"] == absent.headers["x-error-message"]
        assert client.post(f"/{repo}/discussions/{number}/comment", data={"text": "hello"}).status_code == 404
    expect(visit(f"/{repo}").locator(".repo-header .tabs")).not_to_contain_text("Community")


# --- C7: while one reads --------------------------------------------------------------------------------------------


def test_c7_what_others_say_comes_without_a_reload(visit: Visits, town: Town, threads: Threads) -> None:
    number = threads.open(town.ada, "Live")
    page = visit(f"{AT}/{number}", who=town.ada)
    page.evaluate("window.stays = 1")
    box = page.get_by_role("textbox", name="Comment")
    box.fill("half a sent")
    uid = threads.say(town.bob, number, "News from bob")
    expect(page.locator(f"[id='{uid}']")).to_contain_text("News from bob")
    expect(page.locator("#live")).to_have_text("There is something new in this thread.")
    threads.send(town.ada, f"/{number}/status", status="closed")
    expect(page.locator("#thread-state")).to_contain_text("Closed")
    expect(box).to_have_value("half a sent")
    assert page.evaluate("window.stays") == 1


def test_c7_a_text_whose_session_has_ended_comes_back(town: Town, threads: Threads) -> None:
    number = threads.open(town.ada, "Signed out")
    at = f"{town.hub.endpoint}{AT}/{number}/comment"
    answer = httpx.post(at, data={"text": "kept <b>words</b>"}, headers={"accept": "text/html"})
    assert answer.status_code == 401
    assert "kept &lt;b&gt;words&lt;/b&gt;" in answer.text
    assert "You are not signed in any more." in answer.text


def test_c7_a_draft_is_kept_until_it_is_sent(visit: Visits, town: Town, threads: Threads) -> None:
    number = threads.open(town.ada, "Drafts")
    page = visit(f"{AT}/{number}", who=town.ada)
    box = page.get_by_role("textbox", name="Comment")
    box.fill("not sent yet")
    page.goto(AT)
    page.goto(f"{AT}/{number}")
    expect(box).to_have_value("not sent yet")
    page.get_by_role("button", name="Comment", exact=True).click()
    expect(page.locator(".timeline .comment").last).to_contain_text("not sent yet")
    expect(box).to_have_value("")
    page.reload()
    expect(box).to_have_value("")


# --- in all of them -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pages(town: Town, threads: Threads) -> list[str]:
    """One of each kind."""
    repo = "ada/pages"
    town.repo(repo, {"a.txt": "one\ntwo\n"})
    talk = threads.open(town.bob, "A question with a title that is long enough to need a second line", repo=repo)
    uid = threads.say(town.ada, talk, "```\n" + "long " * 60 + "\n```", repo=repo)
    for path, fields in ((f"/{talk}/pin", {"pinned": "1"}), (f"/{talk}/title", {"title": "Another title"})):
        threads.send(town.ada, path, repo, **fields)
    threads.send(town.bob, f"/{talk}/comment/{uid}/reaction", repo, add="🤗")
    pull = threads.pull(town.bob, "A change", {"a.txt": "one\n2\n"}, repo=repo)
    threads.say(town.ada, pull, "On a line", repo, path="a.txt", line="2", side="new")
    at = f"/{repo}/discussions"
    return [at, f"{at}/new", f"{at}/new?type=pull_request", f"{at}/{talk}", f"{at}/{pull}", f"{at}/{pull}/commits",
            f"{at}/{pull}/files", f"{at}/{talk}/comment/{uid}"]  # fmt: skip


@pytest.mark.parametrize(("lang", "theme"), [("en", "light"), ("fr", "dark")])
def test_c_pages_are_accessible(
    visit: Visits, town: Town, pages: list[str], accessible: Callable[[Page], None], lang: str, theme: str
) -> None:
    page = visit(pages[0], lang=lang, theme=theme, who=town.ada)
    for path in pages:
        page.goto(path)
        accessible(page)


def test_c_pages_do_not_scroll_sideways_on_a_phone(visit: Visits, town: Town, pages: list[str]) -> None:
    page = visit(pages[0], width=360, who=town.ada, lang="fr")
    for path in pages:
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, path


@pytest.fixture
def shouting(visit: Visits, town: Town) -> Page:
    page = visit("/", who=town.ada)
    page.on("dialog", _fail)
    return page


def _fail(dialog: Dialog) -> None:
    raise AssertionError(dialog.message)


def test_f_xss_1_hostile_titles_comments_and_places_are_inert(shouting: Page, town: Town, threads: Threads) -> None:
    repo = "ada/hostile-talk"
    town.repo(repo, {"a.txt": "1\n"})
    for text in SHORT:
        title = " ".join(text.split()).ljust(3, ".")[:200]
        number = threads.open(town.bob, title, f"{text}\n\n# {text}\n\n[x]({text})", repo=repo)
        uid = threads.say(town.bob, number, f"> {text}\n\n@{text} #{text}", repo=repo)
        for path in (f"/{number}", f"/{number}/comment/{uid}", f"/{number}?quote={uid}"):
            answer = shouting.goto(f"/{repo}/discussions{path}")
            assert answer is not None
            assert answer.status == 200
            shouting.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
            assert shouting.evaluate("window.__pwned") is None, text
            inside = shouting.locator(".comment-text")
            assert inside.locator("script, iframe, object, form, input, style, [style], [name], [id]").count() == 0
    shouting.goto(
        f"/{repo}/discussions?status=all&search=%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E&author=%22%3E%3Cscript%3E"
    )
    shouting.goto(
        f"/{repo}/discussions/new?title=%22%3E%3Cscript%3Ealert(1)%3C/script%3E&description=%3C/textarea%3E%3Cscript%3E"
    )
    assert shouting.evaluate("window.__pwned") is None
