"""Every link of every page, in every role (ui.md 6); every text translated (G3); what a first view costs (section 1)."""

import re
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from playwright.sync_api import Page, Response

from pioche.i18n import zones
from tests.hub import Account
from tests.web.town import Town
from tests.web.visits import Visits

MAIN = (
    "/", "/models", "/datasets", "/spaces", "/ada", "/lab", "/ada/emotions", "/datasets/ada/avis", "/spaces/ada/demo",
    "/ada?tab=activity", "/ada/emotions/tree/main", "/ada/emotions/commits/main", "/ada/emotions/discussions",
    "/search/full-text?q=modele", "/docs", "/docs/api", "/login", "/collections", "/ada?tab=collections", "/bob?tab=likes",
    "/lab?tab=followers", "/ada/emotions/likers",
)  # fmt: skip
SIGNED_IN = (
    "/new", "/new-space", "/feed", "/notifications", "/collections/new", "/ada/emotions/collect",
    "/ada/emotions/duplicate", "/ada/emotions/report", "/ada/emotions/settings", "/settings/profile",
    "/settings/tokens", "/settings/tokens/new", "/settings/publishers", "/settings/storage", "/settings/inference",
    "/endpoints", "/endpoints/new",
    "/organizations/new", "/organizations/lab/settings/profile",
)  # fmt: skip

PAGES_MAX = 260
_LEFT_OUT = re.compile(r"/(?:static|api|\.well-known|logout)\b|/(?:resolve|raw)/|series-(?!00)\d\d")
_CHOICES = {"lang", "theme", "view", "next"}


class Links(HTMLParser):
    """The addresses of a page, and its visible texts outside of names, code and times."""

    UNTRANSLATED = frozenset("code pre bdi time script style kbd samp title mark textarea".split())
    OF_STRANGERS = frozenset(("row-owner", "repo-owner", "brand", "avatar", "prose", "tag", "space-config"))
    VOID = frozenset("area base br col hr img input link meta source use path".split())

    def __init__(self, html: str) -> None:
        super().__init__()
        self.links = list[str]()
        self.texts = list[str]()
        self._open = list[tuple[str, bool]]()
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        found = dict(attributes)
        if tag == "a" and (href := found.get("href")):
            self.links.append(href)
        if tag not in self.VOID:
            is_data = tag in self.UNTRANSLATED or ("lang" in found and tag != "html") or found.get("translate") == "no"
            is_data = is_data or bool(self.OF_STRANGERS & set((found.get("class") or "").split()))
            self._open.append((tag, is_data))

    def handle_endtag(self, tag: str) -> None:
        while tag not in self.VOID and self._open and self._open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        if data.strip() and not any(is_data for _, is_data in self._open):
            self.texts.append(" ".join(data.split()))


def within(here: str, link: str) -> str | None:
    """The address that a link leads to on this hub, without what crawls need not follow; None for others."""
    parts = urlsplit(str(httpx.URL(here).join(link)))
    if parts.netloc != urlsplit(here).netloc or _LEFT_OUT.search(parts.path):
        return None
    asked = parse_qsl(parts.query, keep_blank_values=True)
    # One condition at a time: lists have as many addresses as there are subsets of conditions.
    if len(asked) > 1 or any(name in _CHOICES for name, _ in asked):
        return None
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


@pytest.mark.parametrize("role", ["nobody", "stranger", "member", "owner"])
def test_every_link_leads_somewhere_for_every_role(town: Town, role: str) -> None:
    who: dict[str, Account | None] = {"nobody": None, "stranger": town.eve, "member": town.bob, "owner": town.ada}
    account = who[role]
    language = "fr" if role in ("stranger", "owner") else "en"
    headers = {"accept-language": language, "accept": "text/html"}
    headers |= {"cookie": town.session(account)} if account else {}
    wrong = list[str]()
    with httpx.Client(base_url=town.hub.endpoint, headers=headers, timeout=30) as client:
        waiting, seen = [*MAIN, *SIGNED_IN], {*MAIN, *SIGNED_IN}
        visited = 0
        while waiting and visited < PAGES_MAX:
            visited += 1
            path = waiting.pop(0)
            answer = client.get(path, follow_redirects=True)
            wrong += faults(path, answer, is_nobody=account is None)
            if "text/html" not in answer.headers["content-type"]:
                continue
            for link in Links(answer.text).links:
                target = within(str(answer.url), link)
                if target and target not in seen:
                    seen.add(target)
                    waiting.append(target)
        assert visited > len(MAIN)
    assert wrong == []
    assert ("/lab/secret" in seen) == (role in ("member", "owner"))


def faults(path: str, answer: httpx.Response, *, is_nobody: bool) -> Iterator[str]:
    """What is wrong with an answer. Nobody is led to where one signs in, and others are not shown what is not theirs."""
    may_be_refused = is_nobody or any(part in path for part in ("/settings", "/edit/", "/upload/"))
    refused = answer.status_code in (401, 403) and may_be_refused
    if answer.status_code >= 400 and not refused:
        yield f"{path}: {answer.status_code}"
    if found := re.search(r"\{\{|\{%|>\s*(?:None|undefined|nan)\s*<|href=\"[^\"]*None", answer.text):
        yield f"{path}: {found[0]!r}"
    if (
        "text/html" in answer.headers["content-type"]
        and "default-src 'none'" not in answer.headers["content-security-policy"]
    ):
        yield f"{path}: no policy"


# --- every text is translated -----------------------------------------------------------------------------------------

# Names of things, which are the same in every language.
_NAMES = """Pioche English Français API MIT Apache CC BY Transformers Gradio Docker Streamlit ada bob eve lab avis emotions demo
    Démo Avis hf git bert static text classification legal secret empty series Python LFS Xet README JSON CSV SDK
    transformers Croissant pandas datasets polars DuckDB Dask main gradio html index French""".split()
_NAMES += ["UTC", *re.findall(r"[A-Za-z]{3,}", " ".join(zones.known()))]
# (French is what the pseudo-language, which is English otherwise, calls the language of a card.)
_ALLOWED = {name.lower() for name in _NAMES}
_TRANSLATED = re.compile(r"\[[^\[\]]*~+ ?\]|[A-Z][a-z]+ \d{1,2}, \d{4}")
"""What the pseudo-language writes, perhaps around something else; and dates, which Babel writes."""


@pytest.mark.parametrize("path", [*MAIN, *SIGNED_IN, "/nothing/at/all"])
def test_g3_no_text_is_written_past_the_translation(town: Town, path: str) -> None:
    session = f"; {town.session(town.ada)}" if path in SIGNED_IN else ""
    headers = {"cookie": f"pioche-language=qps{session}", "accept": "text/html"}
    page = httpx.get(town.hub.endpoint + path, headers=headers)
    text = " ".join(Links(page.text).texts)
    while text != (shorter := _TRANSLATED.sub(" ", text)):
        text = shorter
    left = [word for word in re.findall(r"[A-Za-zÀ-ÿ]{3,}", text) if word.lower() not in _ALLOWED]
    if path != "/docs/api":  # its table is of the code
        assert left == []


@pytest.mark.parametrize(
    "path", ["/", "/models", "/ada", "/new-space", "/docs", "/ada/emotions", "/ada/emotions/tree/main"]
)
def test_g3_texts_that_are_40_percent_longer_fit(visit: Visits, town: Town, path: str) -> None:
    for width in (360, 1280):
        page = visit(path, width=width, who=town.ada)
        page.context.add_cookies([{"name": "pioche-language", "value": "qps", "url": town.hub.endpoint}])
        page.reload()
        assert page.evaluate("document.documentElement.scrollWidth") <= width


# --- what a first view costs ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/models", "/ada/emotions", "/ada/emotions/tree/main"])
def test_budget_of_a_first_view(visit: Visits, town: Town, path: str) -> None:
    page = visit("/healthz")
    answers = list[Response]()
    page.on("response", lambda answer: answers.append(answer))
    page.goto(path, wait_until="networkidle")
    sizes = [
        int(answer.headers.get("content-length", "0")) for answer in answers if answer.url.endswith((".js", ".css"))
    ]
    assert sum(sizes) <= 60_000
    assert len(answers) <= 15, [answer.url for answer in answers]


def test_g11_nothing_is_asked_of_another_host(visit: Visits, town: Town) -> None:
    for path in MAIN[:9]:
        visit(path)  # the guard fails on any request that leaves


@pytest.mark.parametrize("width", [360, 1280])
def test_g6_main_pages_do_not_scroll_sideways(visit: Visits, town: Town, width: int) -> None:
    for path in (*MAIN, *SIGNED_IN):
        page = visit(path, width=width, session=town.session(town.ada) if path in SIGNED_IN else "", lang="fr")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_g5_main_pages_are_accessible(
    visit: Visits, town: Town, accessible: Callable[[Page], None], theme: str
) -> None:
    for path in ("/docs", "/docs/search", "/docs/api", "/search/full-text"):
        accessible(visit(path, theme=theme))
