"""Passkeys in a browser, with the authenticator that Chromium has for tests (ui.md T2, A1, T7); axe, French, a phone."""

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.hub import Account, Hub
from tests.web.test_accounts import PASSWORD, sign_in
from tests.web.test_settings import fits
from tests.web.town import Town
from tests.web.visits import Visits

DEVICE = {
    "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
    "isUserVerified": True, "automaticPresenceSimulation": True,
}  # fmt: skip


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """A hub without repos: nobody here looks at one."""
    with Hub(tmp_path_factory.mktemp("town")) as hub:
        nobody = Account("", "")
        yield Town(hub, nobody, nobody, nobody)


def plug_in(page: Page) -> None:
    """A device that unlocks itself for whoever asks."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    session.send("WebAuthn.addVirtualAuthenticator", {"options": DEVICE})


def test_t2_a1_a_passkey_is_made_signs_in_and_is_removed(
    visit: Visits, town: Town, accessible: Callable[[Page], None]
) -> None:
    name = town.hub.name("grace")
    town.hub.cli("user", "create", name, "--password", PASSWORD)
    page = visit("/settings/authentication")
    plug_in(page)
    sign_in(page, name)
    page.get_by_text("Add a passkey").click()
    page.locator("#field-passkey-password").fill("not this one")
    visit.guard.expected.add(town.hub.endpoint + "/settings/authentication/passkeys/begin")
    page.get_by_role("button", name="Continue").click()
    expect(page.locator("#errors")).to_be_visible()
    accessible(page)
    page.locator("#field-passkey-password").fill(PASSWORD)
    page.get_by_role("button", name="Continue").click()
    page.locator("#field-name").fill("telephone")
    accessible(page)
    page.get_by_role("button", name="Make the passkey").click()
    expect(page.get_by_text("The passkey signs you in from now on.")).to_be_visible()
    expect(page.get_by_text("never used")).to_be_visible()
    accessible(page)
    page.goto("/settings/authentication?lang=fr")
    page.set_viewport_size({"width": 360, "height": 800})
    accessible(page)
    assert fits(page)

    page.context.clear_cookies()
    page.goto("/settings/tokens?lang=en")
    accessible(page)
    page.get_by_role("button", name="Sign in with a passkey").click()
    page.wait_for_url(re.compile(r"^[^?]*/settings/tokens"))
    page.goto("/settings/authentication")
    expect(page.get_by_text("never used")).to_have_count(0)

    page.locator("summary", has_text="Remove").click()
    page.get_by_role("button", name="Remove the passkey").click()
    expect(page.get_by_text("The passkey is removed.")).to_be_visible()
    page.context.clear_cookies()
    page.goto("/login")
    visit.guard.expected.add(town.hub.endpoint + "/login/passkey")
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_text("This passkey does not sign in here")).to_be_visible()
    accessible(page)


def test_t2_without_scripts_nobody_is_offered_what_cannot_work(visit: Visits, town: Town) -> None:
    page = visit("/login", scripts=False)
    expect(page.get_by_role("button", name="Sign in with a passkey")).to_be_hidden()
    expect(page.get_by_role("button", name="Sign in", exact=True)).to_be_visible()


def test_t2_a_passkey_is_asked_for_after_the_password(
    visit: Visits, town: Town, accessible: Callable[[Page], None]
) -> None:
    name = town.hub.name("ida")
    town.hub.cli("user", "create", name, "--password", PASSWORD)
    page = visit("/settings/authentication")
    plug_in(page)
    sign_in(page, name)
    page.get_by_text("Add a passkey").click()
    page.locator("#field-passkey-password").fill(PASSWORD)
    page.get_by_role("button", name="Continue").click()
    page.locator("#field-name").fill("telephone")
    page.get_by_role("button", name="Make the passkey").click()
    page.get_by_text("Use your passkeys as the second factor").click()
    accessible(page)
    page.locator("#field-by-password").fill(PASSWORD)
    page.get_by_role("button", name="Ask for a passkey after the password").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Recovery codes")
    page.context.clear_cookies()
    page.goto("/settings/authentication")
    sign_in(page, name)
    expect(page.get_by_text("Now your passkey, or a recovery code")).to_be_visible()
    accessible(page)
    page.get_by_role("button", name="Sign in with a passkey").click()
    page.wait_for_url(re.compile(r"/settings/authentication\Z"))
    expect(page.get_by_text("your passkeys ·")).to_be_visible()
