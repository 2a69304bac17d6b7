"""Signing in at OpenID and SAML providers, in a browser (ui.md A1, T2, U3)."""

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.hub import Account, Hub
from tests.openid import CLIENT, SECRET, Provider
from tests.saml import Site
from tests.web.test_accounts import PASSWORD, sign_in
from tests.web.town import Town
from tests.web.visits import Visits


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with Provider() as provider:
        yield provider


@pytest.fixture(scope="module")
def town(provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """A hub whose own provider is on this machine, without repos."""
    settings = {
        "OIDC_ISSUER": provider.issuer,
        "OIDC_CLIENT_ID": CLIENT,
        "OIDC_CLIENT_SECRET": SECRET,
        "OIDC_NAME": "Example ID",
        "OIDC_SIGN_UP": "on",
        "OUTBOUND_ALLOWED": provider.allowed,
    }
    with Hub(tmp_path_factory.mktemp("town"), settings) as hub:
        nobody = Account("", "")
        yield Town(hub, nobody, nobody, nobody)


@pytest.fixture
def visit(visit: Visits, provider: Provider) -> Iterator[Visits]:
    """Browsers go to the provider, and to no other host."""
    yield visit
    visit.guard.faults[:] = [
        fault for fault in visit.guard.faults if f"to another host: {provider.issuer}" not in fault
    ]


def test_a1_sso_the_button_leads_there_and_back(
    visit: Visits, town: Town, provider: Provider, accessible: Callable[[Page], None]
) -> None:
    name = town.hub.name("nora")
    provider.sign_in(sub=name, preferred_username=name, name="Nora", email=f"{name}@example.org", email_verified=True)
    french = visit("/login", lang="fr", theme="dark", width=360)
    expect(french.get_by_role("link", name="Se connecter avec Example ID")).to_be_visible()
    accessible(french)
    page = visit("/settings/identities")
    accessible(page)
    page.get_by_role("link", name="Sign in with Example ID").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Linked identities")
    expect(page.get_by_text(f"{name}@example.org")).to_be_visible()
    accessible(page)
    page.get_by_role("button", name="Choose a password").click()
    expect(page.locator("#field-new_password")).to_be_visible()


def test_u3_sso_an_organisation_demands_it(
    visit: Visits, town: Town, provider: Provider, accessible: Callable[[Page], None]
) -> None:
    name, org = town.hub.name("grace"), town.hub.name("navy")
    town.hub.cli("user", "create", name, "--password", PASSWORD)
    town.hub.cli("org", "create", org)
    town.hub.cli("org", "add", org, name, "--role", "admin")
    provider.sign_in(sub=name)
    here = f"/organizations/{org}/settings/sso"
    page = visit(here)
    sign_in(page, name)
    page.wait_for_url(re.compile(re.escape(here) + r"\Z"))
    accessible(page)
    values = {"provider": "Navy ID", "issuer": provider.issuer, "client_id": CLIENT, "client_secret": SECRET}
    for field, value in values.items():
        page.locator(f"#field-{field}").fill(value)
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".notice[data-kind=success]")).to_be_visible()
    page.get_by_role("link", name="Try it").click()
    accessible(page)
    page.get_by_role("button", name="Go to Navy ID").click()
    page.wait_for_url(re.compile(re.escape(here) + r"\Z"))
    page.get_by_label("Members have to sign in there").check()
    page.get_by_role("button", name="Save what is demanded").click()
    expect(page.get_by_label("Members have to sign in there")).to_be_checked()
    page.get_by_role("button", name="Make a token").click()
    expect(page.locator(".token-made pre")).to_contain_text("scim_")
    accessible(page)
    other = visit("/settings/identities", lang="fr", theme="dark", width=360)
    sign_in(other, name)
    expect(other.get_by_role("heading", level=1)).to_have_text("Identités liées")
    accessible(other)
    visit.guard.expected.add(f"{visit.endpoint}{here}")
    other.goto(here)
    expect(other.get_by_role("heading", level=1)).to_contain_text("demande de vous connecter")
    accessible(other)
    other.get_by_role("link", name="Se connecter à l’organisation").click()
    accessible(other)
    other.get_by_role("button", name="Aller vers Navy ID").click()
    expect(other.get_by_role("heading", level=1)).to_have_text("Authentification unique")


def test_u3_saml_a_form_of_another_site_proves_who_somebody_is(
    visit: Visits, town: Town, accessible: Callable[[Page], None]
) -> None:
    """The session's cookie does not come with that form: the browser is led on."""
    name, org = town.hub.name("joan"), town.hub.name("army")
    town.hub.cli("user", "create", name, "--password", PASSWORD)
    town.hub.cli("org", "create", org)
    town.hub.cli("org", "add", org, name, "--role", "admin")
    here = f"/organizations/{org}/settings/sso"
    with Site() as site:
        site.sign_in("joan@example.org")
        page = visit(here)
        sign_in(page, name)
        page.wait_for_url(re.compile(re.escape(here) + r"\Z"))
        page.locator("#field-saml_provider").fill("Army ID")
        page.locator("#field-metadata").fill(site.metadata())
        page.get_by_role("button", name="Use this SAML provider").click()
        expect(page.get_by_text("Army ID, by SAML.")).to_be_visible()
        accessible(page)
        page.get_by_role("link", name="Try it").click()
        page.get_by_role("button", name="Go to Army ID").click()
        page.wait_for_url(re.compile(re.escape(here) + r"\Z"))
        expect(page.get_by_role("heading", name="1 member is linked")).to_be_visible()
        visit.guard.faults[:] = [fault for fault in visit.guard.faults if site.origin not in fault]
