"""The head of a repo and its card page (ui.md R and M; datasets and Spaces as far as cards go)."""

import json
import os
import pickle
from collections import OrderedDict
from collections.abc import Callable

import httpx
import pytest
import sqlalchemy as sa
from playwright.sync_api import Page, expect

from pioche.config import Config
from pioche.db import instance
from pioche.db.engine import Database
from pioche.db.schema import repos
from pioche.repos import downloads
from tests.web.town import Town
from tests.web.visits import Visits

README = """---
license: mit
language: [fr, en]
pipeline_tag: text-classification
library_name: transformers
tags: [legal, medical, "arxiv:1706.03762"]
datasets: [ada/avis, squad, lab/hidden-set]
base_model: ada/emotions
new_version: ada/newer
co2_eq_emissions: {emissions: 1234, hardware_used: "1 H100"}
model-index:
- name: rich
  results:
  - task: {type: text-classification}
    dataset: {name: Avis, type: ada/avis}
    metrics: [{type: accuracy, value: 0.914, name: Accuracy}, {type: f1, value: 0.8}]
---
# Émotions

See [the usage](#usage), [the config](./config.json), https://example.org :rocket:

> [!WARNING]
> Do not use it to judge people.

## Usage

```python
from transformers import pipeline
```

## Results

| set | accuracy |
|---|--:|
| test | 0.907 |

- [x] train it
- [ ] measure it

## Mathematics

$$\\frac{a}{b}$$

Inline \\\\(E = mc^2\\\\) costs $5. A note[^1]. ![chart](plot.png#hf-dark-mode-only) ![elsewhere](https://img.example/x.png)

<details><summary>More</summary>

Hidden **text**.

</details>
<video src="film.mp4"></video>

```mermaid
graph TD; A-->B
```

[^1]: The note.
"""
ADULT = "---\ntags: [not-for-all-audiences]\n---\n# Grim\n\nDetails.\n"


@pytest.fixture(scope="module")
def rich(town: Town) -> Town:
    """More repos in the town."""
    config = {"model_type": "bert", "architectures": ["BertForSequenceClassification"]}
    if "ada/rich" not in town.repos:
        town.repo("ada/newer", {"README.md": "---\nlicense: mit\n---\n# Newer\n"})
        town.repo("lab/hidden-set", {"README.md": "# Hidden\n"}, kind="dataset", private=True)
        town.repo("ada/rich", {"README.md": README, "config.json": json.dumps(config), "plot.png": "x"})
        town.repo("ada/grim", {"README.md": ADULT})
        many = "".join(f"  - topic-{number}\n" for number in range(20))
        town.repo("ada/many-tags", {"README.md": f"---\ntags:\n{many}---\n# Tags\n"})
    return town


def test_r1_name_copy_tags_and_marks(visit: Visits, rich: Town) -> None:
    page = visit("/ada/rich")
    expect(page.get_by_role("heading", level=1)).to_contain_text("rich")
    expect(page.get_by_role("link", name="ada", exact=True)).to_have_attribute("href", "/ada")
    page.get_by_role("button", name="Copy the name").click()
    expect(page.locator("#toasts")).to_have_text("Copied")
    tags = page.locator(".repo-tags")
    expect(tags.get_by_role("link", name="Text classification")).to_have_attribute(
        "href", "/models?pipeline_tag=text-classification"
    )
    expect(tags.get_by_role("link", name="French")).to_have_attribute("href", "/models?language=fr")
    expect(tags.get_by_role("link", name="MIT")).to_have_attribute("href", "/models?license=license:mit")
    expect(tags.get_by_role("link", name="arXiv 1706.03762")).to_be_visible()


def test_r1_many_tags_fold(visit: Visits, rich: Town) -> None:
    page = visit("/ada/many-tags")
    expect(page.get_by_role("link", name="topic-19")).to_be_hidden()
    page.locator(".more-tags summary").click()
    expect(page.get_by_role("link", name="topic-19")).to_be_visible()


def test_r1_a_private_repo_says_so(visit: Visits, rich: Town) -> None:
    page = visit("/lab/secret", who=rich.bob)
    expect(page.locator(".repo-title").get_by_text("Private")).to_be_visible()
    page = visit("/lab/secret", who=rich.eve, status=404)
    expect(page.locator(".repo-title")).to_have_count(0)


def test_r2_tabs_lead_to_card_and_files(visit: Visits, rich: Town) -> None:
    tabs = visit("/ada/rich").get_by_role("navigation", name="Parts of the repository")
    expect(tabs.get_by_role("link", name="Model card")).to_have_attribute("aria-current", "page")
    expect(tabs.get_by_role("link", name="Files and versions")).to_have_attribute("href", "/ada/rich/tree/main")


def test_r4_clone_dialog_names_this_host(visit: Visits, rich: Town) -> None:
    page = visit("/datasets/ada/avis")
    page.get_by_text("Clone", exact=True).click()
    panel = page.locator(".clone-menu .panel")
    expect(panel).to_contain_text(f"git clone {visit.endpoint}/datasets/ada/avis")
    expect(panel).to_contain_text("hf download ada/avis --repo-type dataset")
    expect(panel).to_contain_text("GIT_LFS_SKIP_SMUDGE=1")
    page.keyboard.press("Escape")
    expect(panel).to_be_hidden()


def test_r5_a_renamed_repo_redirects(visit: Visits, rich: Town) -> None:
    if "ada/after" not in rich.repos:
        rich.repo("ada/before", {"README.md": "# Moved\n"})
        body = {"fromRepo": "ada/before", "toRepo": "ada/after", "type": "model"}
        httpx.post(f"{visit.endpoint}/api/repos/move", json=body, headers=rich.ada.bearer).raise_for_status()
        rich.repos.append("ada/after")
    page = visit("/ada/before")
    assert page.url == f"{visit.endpoint}/ada/after"


def test_m1_the_card_is_rendered(visit: Visits, rich: Town) -> None:
    page = visit("/ada/rich")
    card = page.locator(".prose")
    expect(card.locator("h2").first).to_have_text("Émotions#")
    assert "license: mit" not in card.inner_text()
    expect(card.get_by_role("link", name="the config")).to_have_attribute("href", "/ada/rich/blob/main/config.json")
    expect(card.locator(".md-note-warning")).to_contain_text("Do not use it")
    expect(card.locator("pre .kn").first).to_have_text("from")
    expect(card.locator('td[align="right"]')).to_have_text("0.907")
    expect(card.locator(".md-box-done")).to_have_text("☑")
    expect(card.locator("math mfrac")).to_have_count(1)
    assert "costs $5" in card.inner_text()
    expect(card.locator(".footnotes")).to_contain_text("The note.")
    expect(card.get_by_role("link", name="elsewhere")).to_have_attribute("href", "https://img.example/x.png")
    expect(card.locator("img[src='/ada/rich/resolve/main/plot.png#hf-dark-mode-only']")).to_be_hidden()
    expect(card.get_by_text("Hidden text.")).to_be_hidden()
    card.get_by_text("More").click()
    expect(card.get_by_text("Hidden text.")).to_be_visible()
    expect(card.locator("video[src='/ada/rich/resolve/main/film.mp4']")).to_have_count(1)
    expect(card.get_by_text("graph TD; A-->B")).to_be_visible()
    assert "🚀" in card.inner_text()


def test_m1_contents_and_anchors(visit: Visits, rich: Town) -> None:
    page = visit("/ada/rich")
    page.get_by_text("In this card").click()
    page.get_by_role("navigation", name="In this card").get_by_role("link", name="Mathematics").click()
    assert page.url.endswith("#md-mathematics")
    page = visit("/ada/rich#mathematics")
    expect(page.get_by_role("heading", name="Mathematics")).to_be_in_viewport()


def test_m1_code_is_copied(visit: Visits, rich: Town) -> None:
    page = visit("/ada/rich")
    page.locator(".code-frame").first.hover()
    page.locator(".code-copy").first.click()
    expect(page.locator("#toasts")).to_have_text("Copied")


def test_m5_snippets_name_this_host(visit: Visits, rich: Town) -> None:
    for scripts in (True, False):
        use = visit("/ada/rich", scripts=scripts).locator(".use")
        expect(use).to_contain_text(f"export HF_ENDPOINT={visit.endpoint}")
        expect(use).to_contain_text('model="ada/rich"')
        expect(use).not_to_contain_text("huggingface.co")
        expect(use).to_contain_text("hf download ada/rich")


def test_m8_model_tree_links_and_counts_what_the_reader_may_see(visit: Visits, rich: Town) -> None:
    tree = visit("/ada/rich").locator(".model-tree")
    expect(tree).to_contain_text("Finetuned from")
    expect(tree.get_by_role("link", name="ada/emotions")).to_have_attribute("href", "/ada/emotions")
    page = visit("/ada/rich")
    expect(page.get_by_role("link", name="ada/avis")).to_have_attribute("href", "/datasets/ada/avis")
    expect(page.locator(".repo-side")).to_contain_text("squad not on this hub")
    assert page.get_by_role("link", name="lab/hidden-set").count() == 0, (
        "e-leak: a private dataset is as one that is not here"
    )
    assert visit("/ada/rich", who=rich.bob).get_by_role("link", name="lab/hidden-set").count() == 1


def test_m9_results_sort_and_link_their_dataset(visit: Visits, rich: Town) -> None:
    page = visit("/ada/rich")
    table = page.locator(".results")
    expect(table.locator("tbody tr").first).to_contain_text("0.914")
    table.get_by_role("button", name="Value").click()
    expect(table.locator("tbody tr").first).to_contain_text("0.8")
    expect(table.locator("th[aria-sort=ascending]")).to_have_text("Value")
    expect(table.get_by_role("link", name="Avis").first).to_have_attribute("href", "/datasets/ada/avis")


def test_m10_newer_version_and_click_through(visit: Visits, rich: Town) -> None:
    page = visit("/ada/rich")
    expect(page.locator(".notice").get_by_role("link", name="ada/newer")).to_be_visible()
    page = visit("/ada/grim")
    expect(page.get_by_text("Details.")).to_have_count(0)
    page.get_by_role("link", name="Show the card").click()
    expect(page.get_by_text("Details.")).to_be_visible()


def test_m10_a_deprecated_model_says_so(visit: Visits, rich: Town, accessible: Callable[[Page], None]) -> None:
    why = "It gets <b>dates</b> wrong: use ada/newer."
    rich.repo("ada/old", {"README.md": f'---\ndeprecated: "{why}"\n---\n# Old\n'})
    rich.repo("ada/old-set", {"README.md": "---\ndeprecated: true\n---\n# Old\n"}, kind="dataset")
    page = visit("/ada/old")
    expect(page.locator(".notice")).to_contain_text(why)
    accessible(page)
    expect(visit("/datasets/ada/old-set", lang="fr").locator(".notice")).to_contain_text("déconseillent")
    rich.repo("ada/young", {"README.md": "---\ndeprecated: false\n---\n# Young\n"})
    expect(visit("/ada/young").locator(".notice")).to_have_count(0)


def test_m11_no_card_says_what_to_do(visit: Visits, rich: Town) -> None:
    page = visit("/ada/empty", who=rich.ada)
    expect(page.get_by_text("Nobody has written a card yet")).to_be_visible()
    expect(page.get_by_role("link", name="Write the card")).to_be_visible()
    assert visit("/ada/empty").get_by_role("link", name="Write the card").count() == 0


class _Runs:
    """Its pickle runs a command when it is loaded; nobody here loads it."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("true",)


def test_r7_f1_unsafe_files_are_named_until_they_are_mended(
    visit: Visits, town: Town, accessible: Callable[[Page], None]
) -> None:
    bad, good = pickle.dumps(_Runs(), protocol=2), pickle.dumps(OrderedDict(a=1), protocol=2)
    town.repo("ada/risky", {"README.md": "# Risky\n", "a/model.pt": bad, "kept.pkl": good, "words.bin": "no pickle"})
    page = visit("/ada/risky")
    banner = page.locator(".unsafe")
    for _ in range(60):  # a job reads the files
        if banner.count():
            break
        page.wait_for_timeout(250)
        page.reload()
    expect(banner).to_contain_text("1 file can run commands when it is loaded")
    expect(banner).to_contain_text("Pioche’s own reading of pickle imports")
    expect(banner.get_by_role("link", name="a/model.pt")).to_have_attribute("href", "/ada/risky/blob/main/a/model.pt")
    expect(banner).to_contain_text("posix.system")
    expect(banner).not_to_contain_text("kept.pkl")
    accessible(page)
    tree = visit("/ada/risky/tree/main")
    expect(tree.locator("tr", has_text="kept.pkl").locator(".imports")).to_have_text("1 import")
    assert "collections.OrderedDict" in (tree.locator(".imports").get_attribute("title") or "")
    blob = visit("/ada/risky/blob/main/a/model.pt").locator(".file-facts .imports")
    expect(blob).to_have_attribute("data-kind", "error")
    french = visit("/ada/risky/tree/main", lang="fr").locator(".unsafe")
    expect(french).to_contain_text("1 fichier peut exécuter des commandes quand on le charge")
    town.commit("ada/risky", {"a/model.pt": good})
    expect(visit("/ada/risky").locator(".unsafe")).to_have_count(0)


def test_m7_downloads_of_thirty_days_and_of_all_time(
    visit: Visits, town: Town, accessible: Callable[[Page], None]
) -> None:
    town.repo("ada/used", {"README.md": "# Used\n", "config.json": "{}"})
    _download("ada/used", town, {0: 7, 3: 5, 100: 1200})
    page = visit("/ada/used")
    uses = page.locator(".uses")
    expect(uses.locator(".uses-total")).to_have_text("12 in the last 30 days")
    chart = uses.get_by_role("img", name="Downloads a day, the last 30 days")
    expect(chart.locator("g")).to_have_count(30)
    expect(chart.locator("title").last).to_contain_text(": 7")
    uses.get_by_text("As a table").first.click()
    expect(uses.locator("tbody").first.locator("tr").nth(3).locator("td")).to_have_text("5")
    uses.get_by_text("All time:").click()
    expect(uses).to_contain_text("1,212")
    uses.get_by_text("What counts as a download").click()
    expect(uses.locator(".uses-rule")).to_contain_text("config.json")
    accessible(page)
    expect(visit("/ada/used", lang="fr").locator(".uses")).to_contain_text("Depuis le début\u00a0: 1\u202f212")
    expect(visit("/spaces/ada/demo").locator(".uses")).to_have_count(0)


def _download(name: str, town: Town, counts: dict[int, int]) -> None:
    """So many times, so many days ago, as the hub's processes write it."""
    database = Database(Config(data_dir=town.hub.data_dir))
    with database.write() as connection:
        repo_id = connection.execute(sa.select(repos.c.id).where(repos.c.full_name == name)).scalar_one()
        for days, count in counts.items():
            downloads.add(connection, {repo_id: count}, at=instance.now_ms() - days * downloads.DAY_MS)
        recent = sum(count for days, count in counts.items() if days < downloads.WINDOW_DAYS)
        connection.execute(repos.update().where(repos.c.id == repo_id).values(downloads=recent))
    database.close()


def test_card_pages_of_datasets_and_spaces(visit: Visits, rich: Town) -> None:
    page = visit("/datasets/ada/avis")
    expect(page.get_by_text("Reviews of restaurants")).to_be_visible()
    expect(page.locator(".use")).to_contain_text('load_dataset("ada/avis")')
    expect(page.locator(".repo-side").get_by_role("link", name="Models trained on it")).to_be_visible()
    page = visit("/spaces/ada/demo")
    expect(page.locator(".space-face")).to_contain_text("Démo")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("lang", ["en", "fr"])
def test_g5_card_pages_are_accessible(
    visit: Visits, rich: Town, accessible: Callable[[Page], None], lang: str, theme: str
) -> None:
    for path in ("/ada/rich", "/datasets/ada/avis", "/spaces/ada/demo", "/ada/empty"):
        accessible(visit(path, lang=lang, theme=theme, who=rich.ada))


@pytest.mark.parametrize("width", [360, 768, 1280, 1920])
def test_g6_card_pages_do_not_scroll_sideways(visit: Visits, rich: Town, width: int) -> None:
    for path in ("/ada/rich", "/datasets/ada/avis", "/spaces/ada/demo"):
        page = visit(path, width=width, lang="fr")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path


def test_g13_without_scripts_the_card_is_whole(visit: Visits, rich: Town) -> None:
    page = visit("/ada/rich", scripts=False)
    expect(page.locator(".prose")).to_contain_text("Do not use it")
    expect(page.locator(".results")).to_contain_text("0.914")
