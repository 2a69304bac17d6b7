"""`make screenshots`: the pictures of docs/screenshots, of the main pages on a hub with content made for them.

Both languages, both themes, a phone and a desktop. The hub is a real one, in a folder of its own; nothing of it stays.
"""

import json
import sqlite3
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from shutil import which

import httpx
from playwright.sync_api import Browser, sync_playwright

from tests import publishing
from tests.hub import Account, Hub

TARGET = Path(__file__).parents[1] / "docs" / "screenshots"
SIZES = {"desktop": (1280, 800), "phone": (390, 780)}
QUALITY = 62  # of JPEG: pictures are in git

PAGES = {
    "home": ("/", "The front page"),
    "models": ("/models", "The list of models, with its filters"),
    "model": ("/atelier/sentiment-fr", "A model's page"),
    "files": ("/atelier/sentiment-fr/tree/main", "Its files"),
    "organisation": ("/atelier", "An organisation"),
    "docs": ("/docs", "The guide in the hub"),
}
# For who is signed in, an administrator of the hub.
INSIDE = {
    "settings": ("/atelier/sentiment-fr/settings", "A repository's settings"),
    "members": ("/organizations/atelier/settings/members", "The members of an organisation"),
    "notifications": ("/notifications", "What one is told of"),
    "reports": ("/admin/reports", "Reports, for administrators"),
}


@dataclass(frozen=True)
class Made:
    """A repo of the pictures. `numbers` are downloads and likes."""

    name: str
    kind: str
    head: str
    text: str
    numbers: tuple[int, int]


MADE = (
    Made("atelier/sentiment-fr", "model", "pipeline_tag: text-classification\nlanguage: [fr, en]\nlicense: apache-2.0\n"
         "library_name: transformers\ndatasets: [atelier/avis]\ntags: [support]\nbase_model: atelier/socle-base",
         "Reads the mood of a message from a customer, in French or English.", (18_400, 212)),
    Made("atelier/socle-base", "model", "pipeline_tag: fill-mask\nlanguage: fr\nlicense: mit\nlibrary_name: transformers",
         "A small language model for French, the base of our classifiers.", (7_310, 96)),
    Made("atelier/resume-juridique", "model", "pipeline_tag: summarization\nlanguage: fr\nlicense: etalab-2.0\n"
         "library_name: transformers\ntags: [legal]", "Summaries of court decisions, a page each.", (2_260, 71)),
    Made("atelier/transcription-reunions", "model", "pipeline_tag: automatic-speech-recognition\nlanguage: [fr, de]\n"
         "license: mit\nlibrary_name: transformers", "Minutes of meetings with several voices.", (5_030, 130)),
    Made("geologie/carottes-segmentation", "model", "pipeline_tag: image-segmentation\nlicense: cc-by-4.0\n"
         "library_name: pytorch", "Finds the strata in pictures of drill cores.", (940, 44)),
    Made("geologie/mineraux-vit", "model", "pipeline_tag: image-classification\nlicense: apache-2.0\nlibrary_name: timm",
         "Names 60 minerals from a photograph.", (3_120, 88)),
    Made("geologie/sismique-forecast", "model", "pipeline_tag: time-series-forecasting\nlicense: bsd-3-clause",
         "Quiet and unquiet days of a seismic station.", (310, 17)),
    Made("atelier/recherche-e5", "model", "pipeline_tag: sentence-similarity\nlanguage: [fr, en, es]\nlicense: mit\n"
         "library_name: sentence-transformers", "Vectors for the search of the intranet.", (11_900, 154)),
    Made("atelier/avis", "dataset", "task_categories: [text-classification]\nlanguage: fr\nlicense: cc-by-4.0\n"
         "size_categories: [10K<n<100K]", "Messages of customers, with their mood, made anonymous.", (4_400, 63)),
    Made("geologie/carottes", "dataset", "task_categories: [image-segmentation]\nlicense: cc-by-4.0\n"
         "size_categories: [1K<n<10K]", "Pictures of drill cores, with their strata.", (820, 35)),
    Made("atelier/essayer-sentiment", "space", "title: Essayer l’analyse\nemoji: 💬\ncolorFrom: indigo\ncolorTo: blue\n"
         "sdk: static", "", (0, 38)),
    Made("geologie/quel-mineral", "space", "title: Quel minéral ?\nemoji: 🪨\ncolorFrom: gray\ncolorTo: green\nsdk: static",
         "", (0, 27)),
)  # fmt: skip

SAID = (
    ("atelier/sentiment-fr", "Which messages was it trained on?"),
    ("atelier/sentiment-fr", "Exclamation marks count too much"),
    ("atelier/recherche-e5", "Half precision gives other neighbours"),
    ("atelier/socle-base", "The vocabulary lacks the euro sign"),
    ("geologie/mineraux-vit", "Mica is taken for gypsum"),
)
REPORTED = (
    ("spaces/geologie/quel-mineral", "spam"),
    ("datasets/geologie/carottes", "copyright"),
)

CARD = """

## Use

```python
from transformers import pipeline

classify = pipeline("{task}", model="{name}")
classify("Le colis est arrivé, merci !")
```

## Evaluation

| set | accuracy | F1 |
| --- | --: | --: |
| validation | 0.931 | 0.918 |
| test | 0.927 | 0.911 |

## Limitations

Messages of more than 512 tokens are cut. Irony is beyond it.
"""


def main() -> int:
    chromium = which("chromium") or which("chromium-browser")
    if chromium is None:
        print("Chromium is needed: scripts/need chromium", file=sys.stderr)
        return 1
    TARGET.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        hub = Hub(Path(folder))
        with hub:
            owner = furnish(hub)
        with_numbers(hub)
        with hub, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            count = take_all(browser, hub, owner)
            browser.close()
    (TARGET / "README.md").write_text(contents())
    print(f"{count} pictures in docs/screenshots")
    return 0


def furnish(hub: Hub) -> Account:
    """People, organisations, repos, and what is said in them."""
    claire = hub.user("claire", admin=True)
    others = [hub.user(name) for name in ("amel", "bruno", "teo")]
    hub.org("atelier", {"claire": "admin", "amel": "write", "bruno": "contributor", "teo": "read"})
    hub.org("geologie", {"claire": "admin"})
    with client_of(hub, claire) as client:
        for made in MADE:
            publish(client, made)
    for who, (repo, title) in zip(others * 2, SAID, strict=False):
        with client_of(hub, who) as client:
            said = {"title": title, "description": f"{title}."}
            client.post(f"/api/models/{repo}/discussions", json=said).raise_for_status()
    for who, (repo, reason) in zip(others, REPORTED, strict=False):
        with client_of(hub, who) as client:
            told = {"reason": reason, "text": "Somebody should have a look at this."}
            assert client.post(f"/{repo}/report", data=told).status_code == httpx.codes.SEE_OTHER
    return claire


def client_of(hub: Hub, who: Account) -> httpx.Client:
    return httpx.Client(base_url=hub.endpoint, headers=who.bearer, timeout=30)


def publish(client: httpx.Client, made: Made) -> None:
    name = made.name.partition("/")[2]
    publishing.create(client, made.name, kind=made.kind)
    text = f"---\n{made.head}\n---\n# {name}\n\n{made.text}\n"
    files = {"README.md": text}
    if made.kind == "model":
        files["README.md"] = text + CARD.format(name=made.name, task="text-classification")
        files |= {
            "config.json": json.dumps({"model_type": "camembert"}),
            "tokenizer/vocab.txt": "le\nla\n",
            "run.py": "1\n",
        }
    publishing.commit(client, made.name, files, kind=made.kind, summary="First version")


def with_numbers(hub: Hub) -> None:
    """Downloads and likes as after a while, written into the stopped hub's database."""
    with sqlite3.connect(hub.data_dir / "pioche.db") as database:
        for made in MADE:
            downloads, likes = made.numbers
            database.execute(
                "UPDATE repos SET downloads = ?, likes = ?, trending = ? WHERE full_name = ?",
                (downloads, likes, likes * 1000, made.name),
            )


def take_all(browser: Browser, hub: Hub, owner: Account) -> int:
    count, session = 0, hub.session(owner.name)
    for language in ("en", "fr"):
        for theme in ("light", "dark"):
            for size, (width, height) in SIZES.items():
                context = browser.new_context(
                    viewport={"width": width, "height": height}, locale=language, base_url=hub.endpoint,
                    color_scheme="dark" if theme == "dark" else "light", reduced_motion="reduce",
                )  # fmt: skip
                for name, (path, _) in {**PAGES, **INSIDE}.items():
                    if name in INSIDE and not context.cookies():
                        cookie, _, value = session.partition("=")
                        context.add_cookies([{"name": cookie, "value": value, "url": hub.endpoint}])
                    page = context.new_page()
                    page.goto(path, wait_until="networkidle")
                    target = TARGET / f"{name}-{language}-{theme}-{size}.jpg"
                    page.screenshot(path=target, type="jpeg", quality=QUALITY)
                    page.close()
                    count += 1
                context.close()
    return count


def contents() -> str:
    """The page that shows them."""
    parts = ["# Screenshots", "Made by `make screenshots`, on a hub with content made for them."]
    for name, (_, title) in {**PAGES, **INSIDE}.items():
        parts.append(f"## {title}")
        for size in SIZES:
            kinds = [f"{language}-{theme}" for language in ("en", "fr") for theme in ("light", "dark")]
            cells = " | ".join(f"![{title}]({name}-{kind}-{size}.jpg)" for kind in kinds)
            head = "| English, light | English, dark | French, light | French, dark |\n| --- | --- | --- | --- |"
            parts.append(f"{head}\n| {cells} |")
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    sys.exit(main())
