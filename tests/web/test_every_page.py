"""Every page of the hub, from the table of routes, with something on it (ui.md 6): by plain HTTP in both languages with all
that it links to (G3, G7), and in Chromium, by axe and on a phone, in both languages and themes (G5, G6, G12).

`PAGES` has an address for each route that answers with a page; `ELSEWHERE` says where the others are looked at. A route that
is in neither is asked for too, with the names that are there: it must not fail, and what it shows is looked at as well.
"""

import re
from collections.abc import Callable, Iterator
from urllib.parse import quote

import httpx
import pytest
from playwright.sync_api import Page

from pioche.web.routes import PROTOCOL
from tests.hub import Account, Hub
from tests.web.test_community import REPO, Threads
from tests.web.test_crawl import Links, faults, within
from tests.web.town import Town
from tests.web.visits import Visits

ROUTES = tuple(dict.fromkeys(route.pattern for route in PROTOCOL.routes if route.method == "GET"))

_R, _O = "/{repo:web}", "/organizations/{name}/settings"
_OR = "/organizations/lab/settings"
PAGES = {
    "/": "/", "/feed": "/feed", "/models": "/models", "/datasets": "/datasets", "/spaces": "/spaces",
    "/{name}": "/lab", "/notifications": "/notifications", "/search/full-text": "/search/full-text?q=words",
    "/login/forgotten": "/login/forgotten",
    "/new/import": "/new/import", "/new": "/new", "/new-dataset": "/new-dataset", "/new-space": "/new-space",
    "/new/ready/{repo:page}": "/new/ready/ada/talk", "/docs": "/docs", "/docs/api": "/docs/api",
    "/{repo:page}": "/ada/talk", f"{_R}/card": "/ada/talk/card", "/compare": "/compare?a=ada/talk&b=lab/open",
    f"{_R}/storage": "/ada/talk/storage", f"{_R}/settings/gate": "/ada/gated/settings/gate",
    f"{_R}/settings": "/ada/talk/settings", f"{_R}/settings/storage": "/ada/talk/settings/storage",
    f"{_R}/settings/webhooks": "/ada/talk/settings/webhooks", f"{_R}/settings/publishers": "/ada/talk/settings/publishers",
    f"{_R}/settings/picture": "/ada/talk/settings/picture",
    f"{_R}/tree/{{rev}}": "/ada/talk/tree/main", f"{_R}/tree/{{rev}}/{{path*}}": "/ada/talk/tree/main/src",
    f"{_R}/find/{{rev}}": "/ada/talk/find/main", f"{_R}/blob/{{rev}}/{{path*}}": "/ada/talk/blob/main/src/a.py",
    f"{_R}/blame/{{rev}}/{{path*}}": "/ada/talk/blame/main/src/a.py", f"{_R}/commits/{{rev}}": "/ada/talk/commits/main",
    f"{_R}/commits/{{rev}}/{{path*}}": "/ada/talk/commits/main/src/a.py", f"{_R}/commit/{{rev}}": "/ada/talk/commit/main",
    f"{_R}/compare": "/ada/talk/compare", f"{_R}/compare/{{range*}}": "/ada/talk/compare/main...refs%2Fpr%2F<pull>",
    f"{_R}/branches": "/ada/talk/branches", f"{_R}/new/{{rev}}": "/ada/talk/new/main",
    f"{_R}/new/{{rev}}/{{path*}}": "/ada/talk/new/main/src", f"{_R}/edit/{{rev}}/{{path*}}": "/ada/talk/edit/main/src/a.py",
    f"{_R}/delete/{{rev}}": "/ada/talk/delete/main?path=src/a.py", f"{_R}/move/{{rev}}": "/ada/talk/move/main?path=src/a.py",
    f"{_R}/delete/{{rev}}/{{path*}}": "/ada/talk/delete/main/src/a.py",
    f"{_R}/rename/{{rev}}/{{path*}}": "/ada/talk/rename/main/src/a.py", f"{_R}/upload/{{rev}}": "/ada/talk/upload/main",
    f"{_R}/upload/{{rev}}/{{path*}}": "/ada/talk/upload/main/src", f"{_R}/discussions": "/ada/talk/discussions",
    f"{_R}/discussions/new": "/ada/talk/discussions/new", f"{_R}/discussions/{{number}}": "/ada/talk/discussions/<talk>",
    f"{_R}/discussions/{{number}}/commits": "/ada/talk/discussions/<pull>/commits",
    f"{_R}/discussions/{{number}}/files": "/ada/talk/discussions/<pull>/files",
    f"{_R}/discussions/{{number}}/comment/{{id}}": "/ada/talk/discussions/<talk>/comment/<comment>",
    f"{_R}/discussions/{{number}}/comment/{{id}}/report": "/ada/talk/discussions/<talk>/comment/<comment>/report",
    f"{_R}/report": "/lab/open/report", f"{_R}/likers": "/ada/talk/likers", f"{_R}/duplicate": "/ada/talk/duplicate",
    f"{_R}/collect": "/ada/talk/collect", "/collections": "/collections", "/collections/new": "/collections/new",
    "/collections/{namespace}/{slug}": "<collection>", "/collections/{namespace}/{slug}/edit": "<collection>/edit",
    "/collections/{namespace}/{slug}/history": "<collection>/history",
    **{f"/settings/{name}": f"/settings/{name}" for name in (
        "profile", "profile/picture", "account", "authentication", "tokens", "tokens/new", "webhooks", "webhooks/new",
        "keys", "identities", "publishers", "applications",
        "notifications", "gated-repos", "organizations", "storage", "inference", "deleted-repos", "name", "activity-log", "reports",
        "blocked",
    )},
    "/settings/applications/{client_id}": "/settings/applications/<application>",
    "/device": "/device?user_code=BCDF-GHJK",
    "/oauth/authorize": "/oauth/authorize?client_id=<application>&redirect_uri=https%3A%2F%2Fapp.example.org%2F"
    "&response_type=code",
    "/settings/webhooks/{uid}": "/settings/webhooks/<webhook>", "/settings/reports/new": "/settings/reports/new?name=bob",
    "/organizations/new": "/organizations/new", "/organizations/{name}/join": "/organizations/choir/join",
    **{f"{_O}/{name}": f"{_OR}/{name}" for name in (
        "profile", "members", "resource-groups", "security", "tokens", "service-accounts", "storage", "account", "picture",
        "inference",
        "audit-log", "blocked", "webhooks", "webhooks/new", "requirements", "sso", "analytics",
    )},
    f"{_O}/resource-groups/{{group}}": "<group>", f"{_O}/webhooks/{{uid}}": f"{_OR}/webhooks/<of lab>",
    **{f"{_R}/{name}": f"/spaces/ada/hello/{name}" for name in ("app", "logs", "settings/app")},
    "/endpoints": "/endpoints", "/endpoints/new": "/endpoints/new?model=ada/talk",
    "/admin/reports": "/admin/reports", "/admin/reports/{id}": "<report>", "/admin/audit-log": "/admin/audit-log",
    "/admin/second-factors": "/admin/second-factors", "/admin/second-factors/{user}": "/admin/second-factors/bob",
    "/admin/sandbox": "/admin/sandbox",
}  # fmt: skip
ELSEWHERE = {
    "/static/{digest}/{name*}": "no page", "/favicon.ico": "no page", "/robots.txt": "no page", "/sitemap.xml": "no page",
    "/endpoints/{owner}/{endpoint}": "test_g5_pages_of_endpoints_are_accessible_and_fit",
    "/endpoints/{owner}/{endpoint}/logs": "test_g5_pages_of_endpoints_are_accessible_and_fit",
    "/.well-known/openapi.json": "no page", "/notifications/count": "no page", "/new/name-check": "no page",
    "/download/{name}": "a file", "/download/transformers/{name}": "a file",
    "/endpoints/{owner}/{endpoint}/export": "a file",
    "/embed/diagram": "the frame of a diagram: test_m1_diagrams_are_drawn_in_a_frame_without_origin",
    "/search/suggest": "a part of a page: test_g1_suggestions_come_while_one_types_and_the_keyboard_takes_them",
    "/models.atom": "a feed", "/datasets.atom": "a feed", "/spaces.atom": "a feed", "/login/sso": "leads on",
    "/login/sso/callback": "leads on", "/login/sso/{uid}/callback": "leads on",
    "/login/sso/{uid}/saml/metadata": "no page", "/login/sso/{uid}/saml/done": "leads on",
    "/login/reset": "test_a1_a_link_sets_another_password_once",
    "/notifications/unsubscribe": "test_n1_one_click_ends_letters_without_signing_in_and_looking_does_not",
    "/login/address": "test_t1_an_address_is_proved_by_its_link_once",
    "/organizations/{name}/sso": "leads on: test_u3_sso_an_organisation_demands_it",
    "/new/import/{repo:page}": "test_w1_import_from_git_is_followed_until_it_is_whole",
    f"{_R}/discussions/people": "no page", "/settings/data": "a file", "/settings/activity-log/export": "a file",
    f"{_O}/audit-log/export": "a file", "/admin/audit-log/export": "a file",
    "/settings": "leads on", f"{_O.removesuffix('/')}": "leads on", "/settings/language": "leads on", "/admin": "leads on",
    "/collections/{namespace}": "leads on", "/docs/{name}": "the pages of the guide: linked from /docs",
    "/login": "for who is not signed in: test_g5_g6_pages_of_accounts", "/join": "test_g5_g6_pages_of_accounts",
    "/settings/webhooks/{uid}/activity/{delivery}": "test_t5_a_webhook_from_its_making_to_its_end",
    f"{_O}/webhooks/{{uid}}/activity/{{delivery}}": "test_t5_a_webhook_from_its_making_to_its_end",
}  # fmt: skip
_FILLED = {"repo:web": REPO, "repo:page": REPO, "rev": "main", "path*": "src/a.py", "number": "1", "name": "lab"}
_LINKS_MAX = 300


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with Hub(tmp_path_factory.mktemp("town")) as hub:
        made = Town(hub, hub.user("ada"), hub.user("bob"), hub.user("eve"))
        hub.org("lab", {"ada": "admin", "bob": "read"})
        hub.org("choir", {"bob": "admin"})
        yield made


@pytest.fixture(scope="module")
def chief(town: Town) -> Account:
    """An administrator of the hub."""
    return town.hub.user("chief", admin=True)


def _send(town: Town, who: Account, path: str, **fields: str) -> str:
    """A form, as the browser of somebody who is signed in sends it; gives where it leads to."""
    headers = {"cookie": town.session(who), "accept": "text/html", "origin": town.hub.endpoint}
    with httpx.Client(base_url=town.hub.endpoint, headers=headers, timeout=30) as client:
        token = re.search(r'name="csrf-token" content="([^"]+)"', client.get("/").text)
        assert token is not None
        answer = client.post(path, data={"csrf": token[1], **fields})
    assert answer.status_code in (200, 303), f"{path}: {answer.status_code}"
    return answer.headers.get("location", "").partition("?")[0]


def _application(town: Town) -> str:
    """The client id of one of ada's."""
    fields = {
        "name": "Site",
        "redirect_uris": "https://app.example.org/",
        "kind": "confidential",
        "scope": "read-repos",
    }
    _send(town, town.ada, "/settings/applications", **fields)
    with httpx.Client(base_url=town.hub.endpoint, headers={"cookie": town.session(town.ada)}) as client:
        found = re.search(r"/settings/applications/([0-9a-f-]{36})", client.get("/settings/applications").text)
    assert found
    return found[1]


@pytest.fixture(scope="module")
def pages(town: Town, chief: Account) -> dict[str, str]:
    """An address for each route that has a page, with something on it."""
    talk, pull, comment = _threads(town)
    _people(town)
    collection = _collection(town)
    hook = {"url": "https://example.org/told", "domain-repo": "yes"}
    webhook = _send(town, town.ada, "/settings/webhooks", kind="user", name="ada", **hook).rpartition("/")[2]
    of_lab = _send(town, town.ada, f"{_OR}/webhooks", kind="org", name="lab", **hook).rpartition("/")[2]
    group = _send(town, town.ada, f"{_OR}/resource-groups", name="Vision team")
    application = _application(town)
    _send(town, town.ada, f"{_OR}/service-accounts", name="lab-ci", role="write")
    _send(town, town.bob, "/lab/open/report", reason="spam", text="The whole card")
    with httpx.Client(base_url=town.hub.endpoint, headers={"cookie": town.session(chief)}) as client:
        report = next(
            link for link in Links(client.get("/admin/reports").text).links if re.search(r"/reports/\w+$", link)
        )
    known = {"talk": str(talk), "pull": str(pull), "comment": comment, "collection": collection, "webhook": webhook,
             "of lab": of_lab, "group": group, "report": report, "application": application}  # fmt: skip
    named = {pattern: re.sub(r"<([a-z ]+)>", lambda found: known[found[1]], path) for pattern, path in PAGES.items()}
    return named | {pattern: path for pattern in ROUTES if (path := _guessed(pattern))}


def _guessed(pattern: str) -> str | None:
    """Of a page that nobody listed."""
    if pattern in PAGES or pattern in ELSEWHERE or set(re.findall(r"\{([^}]+)\}", pattern)) - set(_FILLED):
        return None
    return re.sub(r"\{([^}]+)\}", lambda found: quote(_FILLED[found[1]]), pattern)


def _threads(town: Town) -> tuple[int, int, str]:
    card = "---\nlicense: mit\npipeline_tag: text-classification\n---\n# Words\n\nSome words.\n"
    town.repo(REPO, {"README.md": card, "src/a.py": "one = 1\n"})
    town.repo("lab/open", {"README.md": card})
    town.repo("ada/hello", {"README.md": "---\nsdk: static\n---\n", "index.html": "<p>"}, kind="space")
    threads = Threads(town)
    threads.commit(town.ada, {"src/a.py": "one = 1\ntwo = 2\n"})
    talk = threads.open(town.bob, "A question")
    comment = threads.say(town.bob, talk, "An *answer* to @ada, and a `word`")
    threads.send(town.ada, f"/{talk}/pin", pinned="1")
    pull = threads.pull(town.bob, "A change", {"src/a.py": "one = 1\ntwo = 3\n"})
    threads.say(town.ada, pull, "Why a three?", path="src/a.py", line="2", side="new")
    return talk, pull, comment


def _people(town: Town) -> None:
    """Somebody asks for files and to join, likes, watches, follows, blocks."""
    town.repo("ada/gated", {"README.md": "# Gated\n"})
    with town.client(town.ada) as client:
        client.put("/api/models/ada/gated/settings", json={"gated": "manual"}).raise_for_status()
    _send(town, town.eve, "/ada/gated/ask-access")
    _send(town, town.bob, "/organizations/choir/settings/security", visibility="public", takes_requests="yes")
    _send(town, town.ada, f"{_OR}/security", visibility="public", takes_requests="yes")
    _send(town, town.eve, "/organizations/lab/join", text="I sing")
    _send(town, town.ada, f"{_OR}/members/invite", user="chief", role="read", days="7")
    for who, path, fields in (
        (town.bob, f"/{REPO}/like", {}),
        (town.ada, "/lab/open/watch", {"watch": "watched"}),
        (town.ada, "/settings/blocked", {"name": "eve"}),
    ):
        _send(town, who, path, **fields)


def _collection(town: Town) -> str:
    path = _send(town, town.ada, "/collections/new", title="A shelf", owner="ada", visibility="public")
    for kind, target in (("model", REPO), ("model", "lab/open"), ("paper", "2307.09288")):
        _send(town, town.ada, f"{path}/items", do="add", kind=kind, target=target)
    return path


def test_every_route_with_a_page_is_visited_or_said_where() -> None:
    listed = set(PAGES) | set(ELSEWHERE)
    assert listed - set(ROUTES) == set(), "these are no routes any more"
    assert set(PAGES) & set(ELSEWHERE) == set()
    unknown = [pattern for pattern in ROUTES if pattern not in listed and _guessed(pattern) is None]
    assert len(unknown) < 10, f"say in PAGES how these are visited: {unknown}"


@pytest.mark.parametrize("lang", ["en", "fr"])
def test_every_page_is_whole_and_its_links_lead_somewhere(
    town: Town, chief: Account, pages: dict[str, str], lang: str
) -> None:
    wrong, links = list[str](), dict[str, str]()
    for pattern, path in pages.items():
        with _client(town, chief if pattern.startswith("/admin") else town.ada, lang) as client:
            answer = client.get(path)
            if pattern not in PAGES and answer.status_code != 200:
                assert answer.status_code < 500, path
                continue
            wrong += faults(path, answer, is_nobody=False)
            if answer.status_code != 200 or f'<html lang="{lang}"' not in answer.text:
                wrong.append(f"{path}: {answer.status_code}, not a page in {lang}")
            found = (within(str(answer.url), link) for link in Links(answer.text).links)
            links |= {link: path for link in found if link and "?" not in link and not pattern.startswith("/admin")}
    with _client(town, town.ada, lang) as client:
        for link, path in list(links.items())[: _LINKS_MAX if lang == "en" else 0]:
            answer = client.get(link, follow_redirects=True)
            if answer.status_code >= 400:
                wrong.append(f"{link} (on {path}): {answer.status_code}")
    assert not wrong, "\n".join(wrong)


def _client(town: Town, who: Account, lang: str) -> httpx.Client:
    headers = {"accept-language": lang, "accept": "text/html", "cookie": town.session(who)}
    return httpx.Client(base_url=town.hub.endpoint, headers=headers, timeout=30)


LOOKS = [("en", "light", 1280), ("fr", "dark", 360), ("fr", "light", 1280), ("en", "dark", 360)]


def _look(
    town: Town, visit: Visits, chief: Account, looks: tuple[str, str, int], paths: list[str],
    accessible: Callable[[Page], None],
) -> None:  # fmt: skip
    lang, theme, width = looks
    shown = dict[bool, Page]()
    for path in paths:
        is_chiefs = path.startswith("/admin")
        if is_chiefs not in shown:
            session = town.session(chief if is_chiefs else town.ada)
            shown[is_chiefs] = visit("/docs", lang=lang, theme=theme, width=width, session=session)
        page = shown[is_chiefs]
        page.goto(path)
        accessible(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path


@pytest.mark.long
@pytest.mark.parametrize("looks", LOOKS, ids=lambda looks: "-".join(map(str, looks)))
def test_g5_every_page_is_accessible_and_fits(
    visit: Visits, town: Town, chief: Account, pages: dict[str, str], accessible: Callable[[Page], None],
    looks: tuple[str, str, int],
) -> None:  # fmt: skip
    _look(town, visit, chief, looks, [path for pattern, path in pages.items() if pattern in PAGES], accessible)


SHORT = (
    f"{_R}/settings", f"{_R}/settings/gate", f"{_R}/discussions/{{number}}/comment/{{id}}/report", f"{_R}/collect",
    "/collections/{namespace}/{slug}", "/collections/{namespace}/{slug}/history", "/notifications", "/settings/notifications",
    "/settings/gated-repos", "/settings/blocked", "/settings/storage", "/settings/reports", f"{_O}/members", f"{_O}/tokens",
    f"{_O}/service-accounts", f"{_O}/storage", f"{_O}/audit-log", f"{_O}/blocked", f"{_O}/profile",
)  # fmt: skip
"""Pages about people that no other test of this kind looks at, for `make test`, each once; the long form looks at all."""


@pytest.mark.parametrize("looks", LOOKS[:2], ids=lambda looks: "-".join(map(str, looks)))
def test_g5_pages_about_people_are_accessible_and_fit(
    visit: Visits, town: Town, chief: Account, pages: dict[str, str], accessible: Callable[[Page], None],
    looks: tuple[str, str, int],
) -> None:  # fmt: skip
    _look(town, visit, chief, looks, [pages[one] for one in SHORT[LOOKS.index(looks) :: 2]], accessible)
