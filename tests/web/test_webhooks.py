"""Webhooks in a browser (ui.md T5, U3), with a receiver that the hub may call."""

import json
import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.canary import Canary, Reply
from tests.hub import Hub
from tests.web.test_accounts import PASSWORD, sign_in
from tests.web.town import Town
from tests.web.visits import Visits

HOSTILE = b"<img src=x onerror=\"document.title='pwned'\"><script>document.title='pwned'</script>"


@pytest.fixture(scope="module")
def receiver() -> Iterator[Canary]:
    with Canary(lambda _number: Reply(200, {"Content-Type": "text/html"}, HOSTILE)) as receiver:
        yield receiver


@pytest.fixture(scope="module")
def town(receiver: Canary, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """A town whose hub may call the receiver."""
    with Hub(tmp_path_factory.mktemp("town"), {"OUTBOUND_ALLOWED": receiver.allowed}) as hub:
        yield Town(hub, hub.user("ada"), hub.user("bob"), hub.user("eve"))


@pytest.fixture
def grace(town: Town) -> str:
    name = town.hub.name("grace")
    town.hub.cli("user", "create", name, "--password", PASSWORD, "--email", f"{name}@example.org")
    return name


def enter(visit: Visits, name: str, path: str, **options: object) -> Page:
    page = visit(path, **options)  # type: ignore[arg-type]  # each case has its own
    sign_in(page, name)
    page.wait_for_url(re.compile(re.escape(path) + r"\Z"))
    return page


def fill(page: Page, url: str, name: str) -> None:
    page.locator("#field-url").fill(url)
    page.locator("[name=kind]").first.select_option("user")
    page.locator("[name=name]").first.fill(name)
    page.locator("#field-secret").fill("a secret word")


def test_t5_a_webhook_from_its_making_to_its_end(
    visit: Visits, town: Town, grace: str, receiver: Canary, accessible: Callable[[Page], None]
) -> None:
    page = enter(visit, grace, "/settings/webhooks")
    accessible(page)
    page.get_by_role("link", name="New webhook").click()
    fill(page, receiver.url, grace)
    accessible(page)
    page.get_by_role("button", name="Make the webhook").click()
    expect(page.locator(".notice[role=status]")).to_contain_text("The webhook is made")
    expect(page.get_by_text("Nothing was told yet.")).to_be_visible()
    assert "a secret word" not in page.content()  # it is shown to nobody, its owner included

    before = len(receiver.posts)
    token = town.hub.token(grace)
    made = {"name": "words", "organization": grace}
    with town.client(type(town.ada)(grace, token)) as client:
        client.post("/api/repos/create", json=made).raise_for_status()
    post = receiver.wait(before + 1)[before]
    assert post.headers["x-webhook-secret"] == "a secret word"
    assert json.loads(post.body)["repo"]["name"] == f"{grace}/words"

    def delivered() -> bool:
        page.reload()
        return page.get_by_text("delivered").count() == 1

    wait(page, delivered)
    expect(page.get_by_text("1 of 1,000 triggers")).to_be_visible()
    accessible(page)
    page.get_by_role("link", name=f"repo create {grace}/words").click()
    expect(page.locator(".webhook-text")).to_have_text(HOSTILE.decode())  # as text, whatever it is
    expect(page).not_to_have_title("pwned")
    expect(page.locator(".command code")).to_contain_text('"version": 3')
    accessible(page)
    page.get_by_role("button", name="Send it again").click()
    expect(page.locator(".notice[role=status]")).to_contain_text("once more")
    again = receiver.wait(before + 2)[before + 1]
    assert again.body == post.body
    assert again.headers["x-webhook-delivery"] != post.headers["x-webhook-delivery"]

    page.locator("summary", has_text="Disable").click()
    page.get_by_role("button", name="Disable the webhook").click()
    expect(page.get_by_text("Disabled: nothing is sent")).to_be_visible()
    page.get_by_role("button", name="Enable").click()
    expect(page.locator(".notice[role=status]")).to_contain_text("enabled")
    page.locator("summary", has_text="Delete").click()
    page.get_by_role("button", name="Delete the webhook").click()
    expect(page.locator(".notice[role=status]")).to_contain_text("deleted")
    expect(page.get_by_role("heading", name="No webhooks yet")).to_be_visible()


def wait(page: Page, condition: Callable[[], bool]) -> None:
    for _ in range(60):
        if condition():
            return
        page.wait_for_timeout(500)
    raise AssertionError(page.inner_text("main"))


def test_t5_what_is_wrong_is_said_beside_it_and_nothing_is_lost(visit: Visits, grace: str) -> None:
    page = enter(visit, grace, "/settings/webhooks/new", lang="fr")
    visit.guard.expected.add(visit.endpoint + "/settings/webhooks")
    fill(page, "http://127.0.0.1:5432/", "no/name")
    page.locator("#field-domain-repo").uncheck()
    page.locator("#field-domain-discussion").uncheck()
    page.get_by_role("button", name="Créer le webhook").click()
    expect(page.locator("#errors")).to_be_focused()
    expect(page.locator("#error-watched")).to_contain_text("no/name")
    expect(page.locator("[name=name]").first).to_have_value("no/name")
    page.locator("[name=name]").first.fill(grace)
    page.locator("#field-domain-repo").check()
    page.get_by_role("button", name="Créer le webhook").click()
    expect(page.locator("#error-url")).to_contain_text("à l’intérieur du réseau")
    expect(page.locator("#field-url")).to_have_value("http://127.0.0.1:5432/")


def test_t5_a_secret_is_kept_replaced_and_removed(visit: Visits, town: Town, grace: str, receiver: Canary) -> None:
    page = enter(visit, grace, "/settings/webhooks/new", scripts=False)
    fill(page, receiver.url, grace)
    page.get_by_role("button", name="Make the webhook").click()
    uid = page.url.partition("?")[0].rpartition("/")[2]
    token = town.hub.token(grace)

    def secret() -> str | None:
        with town.client(type(town.ada)(grace, token)) as client:
            found: str | None = client.get(f"/api/settings/webhooks/{uid}").json()["webhook"].get("secret")
        return found

    assert secret() == "a secret word"
    expect(page.locator("#field-secret")).to_have_value("")
    page.get_by_role("button", name="Save").click()
    assert secret() == "a secret word"
    page.locator("#field-secret").fill("another")
    page.get_by_role("button", name="Save").click()
    assert secret() == "another"
    page.locator("#field-no_secret").check()
    page.get_by_role("button", name="Save").click()
    assert secret() is None


def test_t5_on_a_phone_in_the_dark(visit: Visits, grace: str, accessible: Callable[[Page], None]) -> None:
    page = enter(visit, grace, "/settings/webhooks/new", lang="fr", theme="dark", width=360)
    accessible(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_u3_webhooks_of_an_organisation_are_for_its_administrators(
    visit: Visits, town: Town, grace: str, receiver: Canary, accessible: Callable[[Page], None]
) -> None:
    lab, other = town.hub.name("lab"), town.hub.name("other")
    town.hub.cli("user", "create", other, "--password", PASSWORD, "--email", f"{other}@example.org")
    town.hub.org(lab, {grace: "admin", other: "write"})
    base = f"/organizations/{lab}/settings/webhooks"
    page = enter(visit, grace, f"{base}/new")
    expect(page.locator("[name=name]").first).to_have_value(lab)
    page.locator("#field-url").fill(receiver.url)
    page.get_by_role("button", name="Make the webhook").click()
    expect(page.locator(".notice[role=status]")).to_contain_text("The webhook is made")
    accessible(page)
    mine = page.url.partition("?")[0]
    assert visit.endpoint + base in mine
    page.goto("/settings/webhooks")
    expect(page.get_by_role("heading", name="No webhooks yet")).to_be_visible()

    visit.guard.expected.add(mine)
    stranger = visit("/login")
    sign_in(stranger, other)
    stranger.wait_for_url(visit.endpoint + "/")
    refused = stranger.goto(mine)
    assert refused is not None
    assert refused.status == 403
