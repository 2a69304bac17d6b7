"""F-REDIR: no link to this hub leads to another site (reliability.md section F)."""

from urllib.parse import quote, urljoin, urlsplit

import pytest

from pioche.accounts.callers import Caller
from pioche.web.sessions import targets
from tests.asgi import HOST
from tests.inside import Inside
from tests.visitor import PASSWORD, Visitor

pytestmark = pytest.mark.usefixtures("cheap_passwords")

OURS = f"http://{HOST}"
HOSTILE = [
    "//evil.example",
    "///evil.example",
    "////evil.example",
    "/\\evil.example",
    "\\/evil.example",
    "\\\\evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    "/\r\nLocation: https://evil.example",
    "\t//evil.example",
    " //evil.example",
    "https:evil.example",
    "https:/evil.example",
    "https://evil.example",
    "HTTPS://evil.example",
    "http:\\\\evil.example",
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "data:text/html,x",
    "evil.example",
    "@evil.example",
    ".evil.example",
    "?next=x",
    "/\u2028/evil.example",
    "/\x00/evil.example",
    "/\uff0fevil.example",
    "/" + "x" * 3000,
    "",
]
LOCAL = ["/", "/models", "/models?sort=likes&p=2", "/ada/words/blob/main/a%20b.txt#L10", "/%2f%2fevil.example", "/a//b"]


@pytest.fixture
def ada(inside: Inside) -> Caller:
    inside.hub.directory.create_user("ada", password=PASSWORD)
    return Caller.nobody()


def is_ours(location: str) -> bool:
    """As a browser reads it: backslashes are slashes, and tabs and newlines are not there."""
    read = location.replace("\\", "/").translate({ord(c): None for c in "\t\r\n"}).strip()
    return urlsplit(urljoin(f"{OURS}/login", read))[:2] == ("http", HOST)


@pytest.mark.parametrize("target", HOSTILE)
def test_f_redir_after_signing_in_nobody_leaves(inside: Inside, ada: Caller, target: str) -> None:
    visitor = Visitor(inside.client)
    page = visitor.get(f"/login?next={quote(target, safe='')}")
    assert page.status in (200, 400)
    form = {"username": "ada", "password": PASSWORD, "next": target}
    answer = visitor.post("/login", form, follow=False)
    if answer.status == 303:
        assert answer.headers["location"] == "/"
        again = visitor.get(f"/login?next={quote(target, safe='')}", follow=False)
        assert again.status == 400 or again.headers["location"] == "/"
    else:
        assert answer.status == 400  # a NUL
    assert len(answer.all("location")) <= 1


@pytest.mark.parametrize("target", LOCAL)
def test_f_redir_after_signing_in_one_comes_back(inside: Inside, ada: Caller, target: str) -> None:
    visitor = Visitor(inside.client)
    page = visitor.get(f"/login?next={quote(target, safe='')}")
    answer = visitor.send(page, "/login", follow=False, username="ada", password=PASSWORD)
    assert answer.headers["location"] == target
    assert is_ours(target)


def test_f_redir_signing_in_does_not_lead_to_signing_in_or_out() -> None:
    for target in ("/login", "/login?next=/x", "/login/password", "/logout", "/join", "/join?x"):
        assert targets.safe(target) == "/"
    assert targets.safe("/logins/x") == "/logins/x"
    assert targets.safe(None) == "/"


@pytest.mark.parametrize("path", ["//evil.example/x", "//evil.example", "/%5cevil.example", "/%09/evil.example"])
def test_f_redir_a_choice_of_language_stays_here(inside: Inside, path: str) -> None:
    answer = inside.client.get(f"{path}?lang=fr", headers={"accept": "text/html"})
    for location in answer.all("location"):
        assert is_ours(location), location


def test_f_redir_a_page_for_people_leads_back_to_itself_alone(inside: Inside) -> None:
    for query in ("next=//evil.example", "x=%0d%0aSet-Cookie:%20a=b", "x=%22%3E%3Cscript%3E", "redirect=https://evil"):
        answer = inside.client.get(f"/settings/tokens?{query}")
        assert answer.status == 303
        assert answer.headers["location"].startswith("/login?next=/settings/tokens%3F")
        assert answer.all("set-cookie") == []
        assert is_ours(answer.headers["location"])


def test_f_redir_a_repo_that_moved_leads_to_this_hub(inside: Inside) -> None:
    bob = inside.user("bob")
    repo = inside.repo(bob, "bob/old")
    inside.hub.catalog.move(bob, repo, "bob", "new")
    for path in ("/api/models/bob/old", "/bob/old/resolve/main/x", "/api/models/bob/old/tree/main"):
        for query in ("", "?next=//evil.example", "?x=%0d%0aLocation:%20//evil"):
            answer = inside.client.get(path + query)
            assert answer.status == 307
            assert is_ours(answer.headers["location"])
            assert answer.headers["location"].startswith("/")


def test_f_redir_the_host_header_leads_nowhere(inside: Inside) -> None:
    for host in ("evil.example", "localhost:8000@evil.example", "localhost:8000/evil.example", "localhost:@evil"):
        answer = inside.client.get("/settings", headers={"host": host})
        assert answer.status == 400
        assert all(is_ours(location) for location in answer.all("location"))
