"""Gated repos in a browser: asking (ui.md M12), reviewing (S1), one's own requests (T6), and F-CLICK."""

import json
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests import publishing
from tests.hostile import SHORT, TEXTS
from tests.hub import Account
from tests.web.town import Town
from tests.web.visits import Visits

PIXEL = b'<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>'
PASSWORD = "a sentence to keep in mind"
CARD = """---
license: mit
extra_gated_heading: Conditions of Ada
extra_gated_prompt: "You agree to be **kind**. <script>window.__pwned = 1</script> [More](https://example.org/terms)"
extra_gated_description: "We answer within *two days*."
extra_gated_button_content: I agree and ask
extra_gated_fields:
  Company: text
  Born on: date_picker
  Country: country
  For what:
    type: select
    options: [Research, {label: Something else, value: other}]
  I will not sell it: checkbox
---
# Gated
"""


def person(town: Town, name: str) -> str:
    """Somebody with a password and an address."""
    name = town.hub.name(name)
    town.hub.cli("user", "create", name, "--password", PASSWORD, "--email", f"{name}@example.org")
    return name


@pytest.fixture(scope="module")
def owner(town: Town) -> Account:
    name = person(town, "olga")
    return Account(name, town.hub.token(name))


@pytest.fixture(scope="module")
def guest(town: Town) -> str:
    return person(town, "gus")


@pytest.fixture
def gated(town: Town, owner: Account) -> str:
    """A new repo whose owners look at each request."""
    name = f"{owner.name}/{town.hub.name('gated')}"
    with town.client(owner) as client:
        publishing.create(client, name)
        publishing.commit(client, name, {"README.md": CARD, "config.json": '{"secret": "in the file"}'})
        assert client.put(f"/api/models/{name}/settings", json={"gated": "manual"}).status_code == 200
    return name


def sign_in(page: Page, name: str) -> None:
    page.locator("#field-username").fill(name)
    page.locator("#field-password").fill(PASSWORD)
    page.locator("form[action='/login'] button.button").click()


@pytest.fixture(scope="module")
def sessions() -> dict[str, Any]:
    """The cookies of who signed in already."""
    return {}


@pytest.fixture
def arrive(visit: Visits, sessions: dict[str, Any]) -> Callable[..., Page]:
    """`arrive(name, path)`: the page as they see it, who signed in once."""

    def arrived(name: str, path: str, **options: Any) -> Page:
        if name not in sessions:
            page = visit("/login")
            sign_in(page, name)
            expect(page.get_by_role("banner").get_by_role("link", name="Sign in")).to_have_count(0)
            sessions[name] = page.context.storage_state()
        return visit(path, storage_state=sessions[name], **options)

    return arrived


def fill(page: Page) -> None:
    page.get_by_label("Company").fill("Analytical Engines")
    page.get_by_label("Born on").fill("1990-12-10")
    page.get_by_label("Country").select_option("GB")
    page.get_by_label("For what").select_option("other")
    page.get_by_label("I will not sell it").check()


def test_m12_nobody_is_led_to_sign_in_and_back(visit: Visits, gated: str, guest: str) -> None:
    page = visit(f"/{gated}")
    expect(page.get_by_role("heading", name="Conditions of Ada")).to_be_visible()
    page.get_by_role("link", name="Sign in to ask for access").click()
    sign_in(page, guest)
    expect(page.get_by_label("Company")).to_be_visible()
    assert page.url.endswith(f"/{gated}")


def test_m12_the_terms_are_rendered_and_harmless(visit: Visits, gated: str) -> None:
    page = visit(f"/{gated}")
    expect(page.locator(".gate-terms strong")).to_have_text("kind")
    expect(page.locator(".gate em")).to_have_text("two days")
    expect(page.locator(".gate-terms a")).to_have_attribute("href", "https://example.org/terms")
    assert page.locator(".gate script").count() == 0
    assert page.evaluate("window.__pwned") is None


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
def test_m12_asking_waiting_and_reading_at_once_when_accepted(
    visit: Visits, town: Town, owner: Account, gated: str, scripts: bool, arrive: Callable[..., Page], guest: str
) -> None:
    page = arrive(guest, f"/{gated}", scripts=scripts)
    expect(page.locator(".gate")).to_contain_text(f"{guest}@example.org")
    fill(page)
    page.get_by_role("button", name="I agree and ask").click()
    expect(page.get_by_role("heading", name="Your request is waiting for the owners")).to_be_visible()
    page.goto(f"/{gated}/tree/main")
    expect(page.get_by_text("You see the list of the files, and not what is in them")).to_be_visible()
    expect(page.get_by_role("link", name="config.json", exact=True)).to_be_visible()
    with town.client(owner) as client:
        (asked,) = client.get(f"/api/models/{gated}/user-access-request/pending").json()
        assert asked["fields"] == {
            "Company": "Analytical Engines", "Born on": "1990-12-10", "Country": "GB", "For what": "other",
            "I will not sell it": "true",
        }  # fmt: skip
        handled = {"user": guest, "status": "accepted"}
        assert client.post(f"/api/models/{gated}/user-access-request/handle", json=handled).status_code == 200
    page.goto(f"/{gated}/blob/main/config.json")
    expect(page.get_by_text("in the file")).to_be_visible()
    page.goto(f"/{gated}")
    expect(page.get_by_role("heading", name="You have access to the files")).to_be_visible()


def test_m12_what_is_missing_is_said_and_what_was_filled_in_stays(
    visit: Visits, gated: str, guest: str, accessible: Callable[[Page], None], arrive: Callable[..., Page]
) -> None:
    page = arrive(guest, f"/{gated}", lang="fr")
    page.get_by_label("Company").fill("Analytical Engines")
    visit.guard.expected.add(f"{visit.endpoint}/{gated}/ask-access")
    page.evaluate("document.querySelector('.gate-form').noValidate = true")
    page.get_by_role("button", name="I agree and ask").click()
    expect(page.locator("#errors")).to_be_focused()
    expect(page.locator("#errors li")).to_have_count(4)
    expect(page.locator("#errors")).to_contain_text("Une réponse est nécessaire.")
    expect(page.get_by_label("Company")).to_have_value("Analytical Engines")
    expect(page.get_by_label("Country").locator("option[value='DE']")).to_have_text("Allemagne")
    accessible(page)


def test_m12_terms_that_changed_meanwhile_are_shown_again(
    visit: Visits, town: Town, owner: Account, gated: str, guest: str, arrive: Callable[..., Page]
) -> None:
    page = arrive(guest, f"/{gated}")
    fill(page)
    with town.client(owner) as client:
        publishing.commit(client, gated, {"README.md": CARD.replace("kind", "very kind")})
    visit.guard.expected.add(f"{visit.endpoint}/{gated}/ask-access")
    page.get_by_role("button", name="I agree and ask").click()
    expect(page.locator("#errors")).to_contain_text("What is asked here has changed")
    expect(page.locator(".gate-terms")).to_contain_text("very kind")
    page.get_by_role("button", name="I agree and ask").click()
    expect(page.get_by_role("heading", name="Your request is waiting for the owners")).to_be_visible()


def test_m12_rejected_with_the_reason_and_the_file_says_why(
    visit: Visits, town: Town, owner: Account, gated: str, arrive: Callable[..., Page], guest: str
) -> None:
    page = arrive(guest, f"/{gated}")
    fill(page)
    page.get_by_role("button", name="I agree and ask").click()
    expect(page.get_by_role("heading", name="Your request is waiting for the owners")).to_be_visible()
    with town.client(owner) as client:
        body = {"user": guest, "status": "rejected", "rejectionReason": "We do not know you <b>yet</b>"}
        assert client.post(f"/api/models/{gated}/user-access-request/handle", json=body).status_code == 200
    page.reload()
    expect(page.locator(".gate-reason")).to_have_text("We do not know you <b>yet</b>")
    expect(page.locator(".gate-form")).to_have_count(0)
    address = f"/{gated}/blob/main/config.json"
    visit.guard.expected.add(visit.endpoint + address)
    page.goto(address)
    expect(page.get_by_role("heading", level=1)).to_have_text("Access to these files is given on request")
    page.get_by_role("link", name="See how to get access").click()
    expect(page.get_by_role("heading", name="The owners have rejected your request")).to_be_visible()


@pytest.mark.parametrize(("lang", "theme", "width"), [("en", "light", 1280), ("fr", "dark", 390)])
def test_m12_and_s1_can_be_used_by_everybody(
    visit: Visits,
    accessible: Callable[[Page], None],
    owner: Account,
    gated: str,
    guest: str,
    lang: str,
    theme: str,
    width: int,
    arrive: Callable[..., Page],
) -> None:
    page = arrive(guest, f"/{gated}", lang=lang, theme=theme, width=width)
    accessible(page)
    fill(page)
    page.get_by_role("button", name="I agree and ask").click()
    expect(page.locator(".gate [role=status]")).to_be_visible()
    accessible(page)
    page.goto("/settings/gated-repos")
    expect(page.locator(".settings-main .row")).not_to_have_count(0)
    accessible(page)
    page = arrive(owner.name, f"/{gated}/settings/gate", lang=lang, theme=theme, width=width)
    expect(page.locator(".review .row")).to_have_count(1)
    accessible(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_s1_gating_is_reviewed_with_search_reason_and_export(
    visit: Visits, town: Town, owner: Account, gated: str, guest: str, arrive: Callable[..., Page]
) -> None:
    page = arrive(guest, f"/{gated}")
    fill(page)
    page.get_by_role("button", name="I agree and ask").click()
    expect(page.get_by_role("heading", name="Your request is waiting for the owners")).to_be_visible()
    page = arrive(owner.name, f"/{gated}")
    expect(page.locator(".gate")).to_contain_text("1 person is waiting for your answer.")
    page.get_by_role("link", name="Review the requests").click()
    row = page.locator(".review .row")
    expect(row).to_contain_text(f"{guest}@example.org")
    expect(row).to_contain_text("United Kingdom")
    expect(row).to_contain_text("Something else")
    page.get_by_role("searchbox", name="Search by name or email").fill("nobody-of-this-name")
    page.get_by_role("button", name="Search", exact=True).last.click()
    expect(page.get_by_text("Nobody is found")).to_be_visible()
    page.goto(f"/{gated}/settings/gate?q={guest.upper()}")
    row.locator("summary", has_text="Reject").click()
    row.get_by_label("Reason").fill("Too early")
    row.get_by_role("button", name="Reject", exact=True).click()
    expect(page.locator(".notice[role=status]")).to_contain_text("Rejected")
    expect(row).to_have_count(0)
    page.get_by_role("link", name="Rejected").click()
    expect(row).to_contain_text("Too early")
    row.get_by_role("button", name="Accept").click()
    expect(page.locator(".notice[role=status]")).to_contain_text("Accepted")
    page.get_by_role("link", name="Accepted").click()
    expect(row).to_contain_text(f"decided by {owner.name}")
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    assert download.value.suggested_filename.endswith(".csv")
    row.get_by_role("button", name="Take the decision back").click()
    page.get_by_role("link", name="Waiting").click()
    row.get_by_role("checkbox").check()
    page.get_by_role("button", name="Accept those chosen").click()
    expect(page.locator(".notice[role=status]")).to_contain_text("Accepted")


def test_s1_gating_somebody_is_let_in_unasked(
    visit: Visits, owner: Account, gated: str, guest: str, arrive: Callable[..., Page]
) -> None:
    page = arrive(owner.name, f"/{gated}/settings/gate")
    visit.guard.expected.add(f"{visit.endpoint}/{gated}/settings/gate/people")
    for name, message in (
        ("nobody-of-this-name", "There is no user of this name."),
        (guest, ""),
        (guest, "access already"),
    ):
        page.get_by_label("User name").fill(name)
        page.get_by_role("button", name="Add", exact=True).click()
        if message:
            expect(page.locator(".field-error")).to_contain_text(message)
        else:
            expect(page.locator(".notice[role=status]")).to_contain_text("Added")
    page.goto(f"/{gated}/settings/gate?status=accepted")
    expect(page.locator(".review .row")).to_contain_text(guest)
    expect(page.locator(".review .row")).not_to_contain_text("@example.org")


def test_s1_gating_is_set_on_the_page_and_for_members_too(
    town: Town, owner: Account, arrive: Callable[..., Page]
) -> None:
    org = town.hub.org(town.hub.name("guild"), {owner.name: "admin"})
    with town.client(owner) as client:
        publishing.create(client, f"{org}/tool")
        page = arrive(owner.name, f"/{org}/tool/settings/gate", scripts=False)
        page.get_by_label("Who accepts the terms").check()
        page.get_by_label("Members of the organisation have to ask too").check()
        page.get_by_role("button", name="Save").click()
        expect(page.locator(".notice[role=status]")).to_have_text("The gate is saved.")
        expect(page.get_by_label("Members of the organisation have to ask too")).to_be_checked()
        assert client.get(f"/api/models/{org}/tool").json()["gated"] == "auto"


def test_t6_gated_requests_i_made(
    visit: Visits, town: Town, owner: Account, gated: str, arrive: Callable[..., Page], guest: str
) -> None:
    page = arrive(guest, "/settings/gated-repos")
    page.goto(f"/{gated}")
    fill(page)
    page.get_by_role("button", name="I agree and ask").click()
    expect(page.get_by_role("heading", name="Your request is waiting for the owners")).to_be_visible()
    page.goto("/settings/gated-repos")
    row = page.locator(".settings-main .row", has_text=gated)
    expect(row).to_contain_text("waiting")
    row.get_by_role("button", name="Withdraw").click()
    expect(page.get_by_label("Company")).to_be_visible()


@pytest.fixture
def other_site(town: Town, gated: str) -> Iterator[str]:
    """A page of another site that frames the agreement, to have a click stolen."""

    class Framing(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = f"<iframe src='{town.hub.endpoint}/{gated}'></iframe>".encode()
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Framing)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


def test_f_click_the_agreement_cannot_be_framed(
    visit: Visits, town: Town, owner: Account, gated: str, other_site: str
) -> None:
    with town.client(owner) as client:
        for path in (f"/{gated}", f"/{gated}/settings/gate"):
            policy = client.get(path).headers["content-security-policy"]
            assert "frame-ancestors 'none'" in policy, path
    page = visit("/")
    page.goto(other_site)
    frame = page.frames[-1]
    assert "Conditions of Ada" not in frame.content()
    visit.guard.faults.clear()  # the browser reports what it stopped, and that is what was wanted
    assert httpx.get(f"{town.hub.endpoint}/{gated}").status_code == 200


def test_f_xss_1_a_gate_full_of_payloads(visit: Visits, town: Town, owner: Account) -> None:
    """As somebody who may not read the files sees it; the policy would stop what the sanitiser let through, and tell."""
    name = f"{owner.name}/{town.hub.name('hostile')}"
    fields: dict[str, Any] = {
        text: {"type": "select", "options": [text, {"label": text, "value": text}]} for text in SHORT
    }
    card = {"extra_gated_heading": SHORT[0], "extra_gated_button_content": SHORT[1], "extra_gated_fields": fields}
    card |= {"extra_gated_prompt": "\n\n".join(TEXTS), "extra_gated_description": "\n\n".join(SHORT)}
    with town.client(owner) as client:
        publishing.create(client, name)
        publishing.commit(client, name, {"README.md": f"---\n{json.dumps(card)}\n---\n"})
        assert client.put(f"/api/models/{name}/settings", json={"gated": "auto"}).status_code == 200
    page = visit("/", who=town.eve)
    page.on("dialog", lambda dialog: pytest.fail(dialog.message))
    page.route("**/resolve/**", lambda route: route.fulfill(content_type="image/svg+xml", body=PIXEL))
    page.goto(f"/{name}")
    expect(page.locator(".gate-form select")).not_to_have_count(0)
    assert page.evaluate("window.__pwned") is None
    assert page.locator(".gate script, .gate iframe, .gate [onerror], .gate [onclick], .gate [style]").count() == 0
