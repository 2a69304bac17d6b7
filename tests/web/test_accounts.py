"""Signing in and one's own settings, in a browser (ui.md A1, T1, T2, T3), and F-CSRF with a page of another site."""

import re
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.web.town import Town
from tests.web.visits import Visits

PASSWORD = "a sentence to keep in mind"


def person(town: Town) -> str:
    name = town.hub.name("grace")
    town.hub.cli("user", "create", name, "--password", PASSWORD, "--email", f"{name}@example.org")
    return name


@pytest.fixture(scope="module")
def grace(town: Town) -> str:
    """Somebody with a password, whose settings stay as they are."""
    return person(town)


def sign_in(page: Page, name: str, password: str = PASSWORD) -> None:
    page.locator("#field-username").fill(name)
    page.locator("#field-password").fill(password)
    page.locator("form[action='/login'] button.button").click()


def test_a1_in_and_out_and_back_shows_nothing(visit: Visits, grace: str) -> None:
    page = visit("/settings/profile")
    assert urlsplit(page.url).path == "/login"
    sign_in(page, grace)
    expect(page.get_by_role("heading", level=1)).to_have_text("Profile")
    page.locator("details.menu summary", has_text="Your account").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("banner").get_by_role("link", name="Sign in")).to_be_visible()
    page.go_back()
    expect(page.locator("#field-email")).to_have_count(0)


def test_a1_the_summary_of_what_is_wrong_has_the_focus(visit: Visits, grace: str) -> None:
    page = visit("/login", lang="fr")
    visit.guard.expected.add(page.url)
    sign_in(page, grace, "wrong password")
    expect(page.locator("#errors")).to_be_focused()
    expect(page.locator("#errors")).to_have_text("Le nom ou le mot de passe n’est pas le bon.")
    expect(page.locator("#field-username")).to_have_value(grace)


def test_a1_a_password_can_be_shown_and_is_hidden_again_when_it_is_sent(visit: Visits, grace: str) -> None:
    page = visit("/login")
    page.locator("#field-password").fill("typed")
    page.get_by_role("button", name="Show the password").click()
    expect(page.locator("#field-password")).to_have_attribute("type", "text")
    expect(page.locator("#field-password")).to_be_focused()
    page.get_by_role("button", name="Hide the password").click()
    expect(page.locator("#field-password")).to_have_attribute("type", "password")


def test_a1_without_scripts(visit: Visits, grace: str) -> None:
    page = visit("/login?next=/settings/tokens", scripts=False)
    sign_in(page, grace)
    expect(page.get_by_role("heading", level=1)).to_have_text("Access tokens")


def test_a1_no_script_reads_the_cookie(visit: Visits, grace: str) -> None:
    page = visit("/login")
    sign_in(page, grace)
    expect(page.get_by_role("banner").get_by_role("link", name="Sign in")).to_have_count(0)
    assert "session" not in page.evaluate("document.cookie")
    (cookie,) = [one for one in page.context.cookies() if "pioche_session" in one["name"]]
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, "Lax", "/")


def test_t1_language_and_theme_of_the_account(visit: Visits, town: Town) -> None:
    name = person(town)
    page = visit("/login?next=/settings/account")
    sign_in(page, name)
    page.locator("#field-language").select_option("fr")
    page.locator("#field-theme").select_option("dark")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status").first).to_have_text("Votre choix est enregistré.")
    assert page.evaluate("document.documentElement.lang") == "fr"
    elsewhere = visit("/login?next=/settings/account")
    sign_in(elsewhere, name)
    expect(elsewhere.get_by_role("heading", level=1)).to_have_text("Langue et thème")
    assert elsewhere.evaluate("document.documentElement.dataset.theme") == "dark"


def test_g3_the_setting_of_the_account_comes_first_and_the_footer_changes_it(visit: Visits, town: Town) -> None:
    name = person(town)
    page = visit("/login?next=/models%3Fsort=likes", lang="fr")
    sign_in(page, name)
    expect(page.get_by_role("heading", level=1)).to_have_text("Modèles")  # as the browser asks: nothing else is set
    page.get_by_role("contentinfo").get_by_role("link", name="English").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Models")
    assert page.url.endswith("/models?sort=likes")
    elsewhere = visit("/login?next=/models", lang="fr")
    elsewhere.context.add_cookies([{"name": "pioche-language", "value": "fr", "url": town.hub.endpoint}])
    sign_in(elsewhere, name)
    expect(elsewhere.get_by_role("heading", level=1)).to_have_text("Models")
    missing = f"{town.hub.endpoint}/nothing/at/all"
    visit.guard.expected |= {missing}
    elsewhere.goto(missing)  # a page of an error has the link as well
    elsewhere.get_by_role("contentinfo").get_by_role("link", name="Français").click()
    expect(elsewhere.get_by_role("heading", level=1)).to_have_text("Il n’y a rien ici")
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text("Modèles")


@pytest.mark.parametrize("scripts", [True, False])
def test_a1_a_form_sent_after_the_session_ended_leads_back_to_its_page(
    visit: Visits, grace: str, scripts: bool
) -> None:
    page = visit("/login?next=/settings/tokens?x=1", scripts=scripts)
    sign_in(page, grace)
    page.locator("#field-name").fill("late")
    page.context.clear_cookies()
    page.get_by_role("button", name="Make the token").click()
    expect(page.locator(".notice")).to_contain_text("Your session is over")
    sign_in(page, grace)
    expect(page.get_by_role("heading", level=1)).to_have_text("Access tokens")
    assert page.url.endswith("/settings/tokens?x=1")


def test_t3_a_token_is_shown_once_copied_used_and_revoked(visit: Visits, town: Town, grace: str) -> None:
    page = visit("/login?next=/settings/tokens", permissions=["clipboard-read", "clipboard-write"])
    sign_in(page, grace)
    page.locator("#field-name").fill("laptop")
    page.get_by_label("Read and write").check()
    page.get_by_role("button", name="Make the token").click()
    token = page.locator(".token-made code").first.inner_text()
    assert re.fullmatch(r"hf_\w{34,}", token)
    page.locator(".token-made copy-button button").first.click()
    expect(page.locator("#toasts")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == token
    asked = {"headers": {"authorization": f"Bearer {token}"}}
    assert httpx.get(f"{town.hub.endpoint}/api/whoami-v2", **asked).json()["name"] == grace
    page.goto("/settings/tokens")
    expect(page.locator("main")).not_to_contain_text(token)
    page.locator("summary", has_text="Revoke").click()
    page.get_by_role("button", name="Revoke the token").click()
    expect(page.get_by_role("status").first).to_contain_text("revoked")
    assert httpx.get(f"{town.hub.endpoint}/api/whoami-v2", **asked).status_code == 401


@pytest.mark.parametrize("scripts", [True, False])
def test_t3_a_fine_grained_token_is_for_one_repository(visit: Visits, town: Town, grace: str, scripts: bool) -> None:
    page = visit("/login?next=/settings/tokens/new", scripts=scripts)
    sign_in(page, grace)
    page.locator("#field-name").fill("reader")
    page.get_by_label("Find a repository").fill("emotions")
    page.get_by_role("button", name="Find").click()
    expect(page.locator("#field-name")).to_have_value("reader")
    one = page.locator("details.scope", has_text="ada/emotions").first
    one.get_by_label("Discuss, open pull requests, like").check()
    page.get_by_role("button", name="Make the token").click()
    token = page.locator(".token-made code").first.inner_text()
    asked = {"headers": {"authorization": f"Bearer {token}"}}
    told = httpx.get(f"{town.hub.endpoint}/api/whoami-v2", **asked).json()["auth"]["accessToken"]
    assert told["role"] == "fineGrained"
    assert [one["permissions"] for one in told["fineGrained"]["scoped"]] == [["discussion.write"]]
    page.goto("/settings/tokens")
    expect(page.locator(".scopes").first).to_contain_text("ada/emotions")


@pytest.mark.parametrize(("lang", "theme"), [("en", "light"), ("fr", "dark")])
def test_g5_t3_the_form_of_fine_grained_tokens_is_accessible(
    visit: Visits, accessible: Callable[[Page], None], grace: str, lang: str, theme: str
) -> None:
    page = visit("/login?next=/settings/tokens/new%3Fq=x", lang=lang, theme=theme, width=360)
    sign_in(page, grace)
    accessible(page)


@pytest.mark.parametrize(("lang", "theme"), [("en", "light"), ("fr", "dark")])
def test_g5_g6_pages_of_accounts(
    visit: Visits, accessible: Callable[[Page], None], grace: str, lang: str, theme: str
) -> None:
    accessible(visit("/join", status=403, lang=lang, theme=theme))
    page = visit("/login?next=/settings/profile", lang=lang, theme=theme, width=360)
    accessible(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    sign_in(page, grace)
    for name in ("profile", "account", "authentication", "tokens"):
        page.goto(f"/settings/{name}")
        accessible(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, name


# --- another site ---------------------------------------------------------------------------------------------------


@pytest.fixture
def elsewhere(town: Town) -> Iterator[str]:
    """Another site, on another port of the same machine: the nearest that a stranger can come."""
    target = f"{town.hub.endpoint}/settings/profile"
    html = f"""<!doctype html><title>x</title>
<form id="f" method="post" action="{target}"><input name="fullname" value="Mallory"></form>
<iframe id="framed" src="{target}"></iframe>
<script>
window.results = [];
const told = (what) => (value) => window.results.push(what + ": " + value);
fetch("{town.hub.endpoint}/api/whoami-v2", {{credentials: "include"}}).then((r) => r.text()).then(told("read"), told("refused"));
fetch("{town.hub.endpoint}/api/repos/create", {{method: "POST", mode: "no-cors", credentials: "include",
  body: JSON.stringify({{name: "stolen"}})}}).then((r) => told("sent")(r.status), told("refused"));
</script>""".encode()

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(html)

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://localhost:{server.server_port}/"
    server.shutdown()
    server.server_close()
    thread.join()


def test_f_csrf_a_page_of_another_site_changes_and_reads_nothing(
    visit: Visits, town: Town, grace: str, elsewhere: str
) -> None:
    page = visit("/login")
    sign_in(page, grace)
    expect(page.get_by_role("banner").get_by_role("link", name="Sign in")).to_have_count(0)
    context = page.context
    evil = context.new_page()
    evil.goto(elsewhere)
    evil.wait_for_function("window.results.length === 2")
    results = evil.evaluate("window.results")
    assert not any(one.startswith("read: ") and grace in one for one in results), results
    assert evil.frames[1].url in ("chrome-error://chromewebdata/", "about:blank")
    evil.evaluate("document.getElementById('f').submit()")
    evil.wait_for_url("**/settings/profile")
    expect(evil.get_by_role("heading", level=1)).to_have_text("This was not sent from a page of this hub")
    found = httpx.get(f"{town.hub.endpoint}/api/users/{grace}/overview").json()
    assert (found["fullname"], found["numModels"]) == (grace, 0)
    # All of it was noise in the console, of the other page's making.
    visit.guard.faults.clear()
