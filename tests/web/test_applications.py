"""Signing in to an application with an account of the hub, in a browser (ui.md A1): the application is another hub, which knows
this one as its OpenID provider. So both halves are ours, and what is between them is the standard."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Page, expect

from pioche.accounts.oauth.applications import Applications, Wanted
from pioche.app import build_hub
from pioche.config import CONFIG_FILE, load
from tests.hub import Account, Hub
from tests.web.test_accounts import PASSWORD, sign_in
from tests.web.town import Town
from tests.web.visits import Visits

_SCOPES = ("openid", "profile", "email")


@dataclass(frozen=True)
class Both:
    """The hub that people have accounts at, and the name that one of them has there."""

    provider: Hub
    name: str


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    with Hub(tmp_path_factory.mktemp("provider")) as provider:
        name = provider.name("ada")
        provider.cli("user", "create", name, "--password", PASSWORD, "--email", f"{name}@example.org")
        yield Both(provider, name)


@pytest.fixture(scope="module")
def town(both: Both, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """The application, registered at the provider with the address that it then has."""
    provider, nobody = both.provider, Account("", "")
    hub = build_hub(load(environ={**provider.environment(), CONFIG_FILE: "/dev/null"}))
    applications, ada = Applications(hub.database), hub.directory.get_user(both.name)
    made, secret = applications.register(ada, Wanted("The other hub", (), _SCOPES), is_public=False)
    assert secret
    settings = {
        "OIDC_ISSUER": provider.endpoint,
        "OIDC_CLIENT_ID": made.client_id,
        "OIDC_CLIENT_SECRET": secret,
        "OIDC_NAME": "First hub",
        "OIDC_SIGN_UP": "on",
        "OUTBOUND_ALLOWED": provider.endpoint.removeprefix("http://"),
    }
    with Hub(tmp_path_factory.mktemp("town"), settings) as other:
        back = f"{other.endpoint}/login/sso/callback"
        applications.change(ada, made.client_id, Wanted("The other hub", (back,), _SCOPES))
        yield Town(other, nobody, nobody, nobody)
    hub.database.close()


@pytest.fixture
def visit(visit: Visits, both: Both) -> Iterator[Visits]:
    """Browsers go to the provider, and to no other host."""
    yield visit
    here = f"to another host: {both.provider.endpoint}"
    visit.guard.faults[:] = [fault for fault in visit.guard.faults if here not in fault]


def test_a1_an_application_knows_who_signed_in_here(
    visit: Visits, town: Town, both: Both, accessible: Callable[[Page], None]
) -> None:
    page = visit("/login")
    page.get_by_role("link", name="Sign in with First hub").click()
    sign_in(page, both.name)
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in to “The other hub”?")
    assert page.url.startswith(f"{both.provider.endpoint}/oauth/authorize")
    accessible(page)
    page.get_by_role("button", name="Let it in").click()
    page.wait_for_url(f"{town.hub.endpoint}/")
    page.goto("/settings/identities")
    expect(page.get_by_text(both.provider.endpoint)).to_be_visible()
    # Who agreed before goes there and back, and sees nothing of it.
    again = page.context.new_page()
    again.context.clear_cookies(name=re.compile(f"_{town.hub.endpoint.rpartition(':')[2]}"))
    again.goto(f"{town.hub.endpoint}/login")
    again.get_by_role("link", name="Sign in with First hub").click()
    again.wait_for_url(f"{town.hub.endpoint}/")
    again.goto(f"{both.provider.endpoint}/settings/applications")
    expect(again.get_by_text("The other hub").first).to_be_visible()
