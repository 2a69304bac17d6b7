"""Organisations in a browser (ui.md U2, U3, W1): made, joined by a link, a name and a request, left."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.hub import Account, Hub
from tests.web.test_accounts import PASSWORD, sign_in
from tests.web.town import Town
from tests.web.visits import Visits

DONE = ".notice[data-kind=success]"


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """A hub without repos: nobody here looks at one."""
    with Hub(tmp_path_factory.mktemp("town")) as hub:
        nobody = Account("", "")
        yield Town(hub, nobody, nobody, nobody)


def _person(town: Town, stem: str) -> str:
    name = town.hub.name(stem)
    town.hub.cli("user", "create", name, "--password", PASSWORD)
    return name


def _enter(visit: Visits, name: str, path: str, **options: object) -> Page:
    page = visit(path, **options)  # type: ignore[arg-type]  # each case has its own
    sign_in(page, name)
    page.wait_for_url(re.compile(re.escape(path) + r"\Z"))
    return page


def test_u2_u3_from_the_making_of_an_organisation_to_its_end(
    visit: Visits, town: Town, accessible: Callable[[Page], None]
) -> None:
    grace, eve, org = _person(town, "grace"), _person(town, "eve"), town.hub.name("navy")
    page = _enter(visit, grace, "/organizations/new")
    accessible(page)
    page.locator("#field-name").fill(org)
    page.locator("#field-fullname").fill("The Navy")
    page.get_by_role("button", name="Create").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Members")
    accessible(page)
    page.locator("#link-role").select_option("contributor")
    page.get_by_role("button", name="Make the link").click()
    link = page.locator(".token-made pre").inner_text()
    accessible(page)

    guest = _enter(visit, eve, link.removeprefix(town.hub.endpoint))
    expect(guest.get_by_text(f"{grace} invites you.")).to_be_visible()
    accessible(guest)
    guest.get_by_role("button", name="Join").click()
    expect(guest.get_by_text("You are a member.")).to_be_visible()
    guest.goto("/new")
    expect(guest.locator(f"#field-owner option[value='{org}']")).to_have_count(1)

    page.goto(f"/organizations/{org}/settings/members")
    page.get_by_label(f"Role of {eve}").select_option("write")
    page.get_by_role("button", name=f"Change {eve}").click()
    expect(page.locator(DONE)).to_have_text("The role is changed.")
    page.get_by_label(f"Role of {grace}").select_option("read")
    visit.guard.expected.add(f"{town.hub.endpoint}/organizations/{org}/settings/members/{grace}/role")
    page.get_by_role("button", name=f"Change {grace}").click()
    expect(page.get_by_role("alert")).to_contain_text("last administrator")

    guest.goto("/settings/organizations")
    accessible(guest)
    guest.locator("details.confirm summary").click()
    guest.get_by_role("button", name="Leave the organisation").click()
    expect(guest.locator(DONE)).to_have_text("You left the organisation.")

    page.goto(f"/organizations/{org}/settings/account")
    accessible(page)
    page.locator("#field-confirm").fill(org)
    page.get_by_role("button", name="Delete the organisation").click()
    expect(page.locator(DONE)).to_have_text("The organisation is deleted.")


@pytest.mark.parametrize(("lang", "theme", "width"), [("fr", "dark", 360), ("en", "light", 1280)])
def test_u2_asking_to_join_and_being_let_in(
    visit: Visits, town: Town, accessible: Callable[[Page], None], lang: str, theme: str, width: int
) -> None:
    grace, eve, org = _person(town, "grace"), _person(town, "eve"), town.hub.name("choir")
    town.hub.cli("org", "create", org)
    town.hub.cli("org", "add", org, grace, "--role", "admin")
    town.hub.cli("org", "verify", org)
    shape: dict[str, Any] = {"lang": lang, "theme": theme, "width": width}
    page = _enter(visit, grace, f"/organizations/{org}/settings/security", **shape)
    accessible(page)
    page.locator("#field-takes_requests").check()
    page.locator("#field-hides_members").check()
    page.locator(".settings-main form button").click()
    expect(page.locator(DONE)).to_be_visible()

    guest = visit("/login", **shape)
    sign_in(guest, eve)
    guest.goto(f"/{org}")
    expect(guest.locator(".verified")).to_be_visible()
    expect(guest.locator(".profile-others")).to_have_count(0)
    accessible(guest)
    guest.locator(f"a[href='/organizations/{org}/join']").click()
    accessible(guest)
    guest.locator("#field-text").fill("I sing")
    guest.locator("main form button").click()
    expect(guest.locator(DONE)).to_be_visible()

    page.goto(f"/organizations/{org}/settings/members")
    expect(page.get_by_text("I sing")).to_be_visible()
    accessible(page)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    page.locator("button[value=accept]").click()
    expect(page.locator(f"#role-{eve}")).to_be_visible()
    guest.goto(f"/{org}")
    expect(guest.locator(".profile-others a")).to_have_count(2)


def test_u3_without_scripts_who_is_invited_by_name_accepts(visit: Visits, town: Town) -> None:
    grace, eve, org = _person(town, "grace"), _person(town, "eve"), town.hub.name("band")
    town.hub.cli("org", "create", org)
    town.hub.cli("org", "add", org, grace, "--role", "admin")
    page = _enter(visit, grace, f"/organizations/{org}/settings/members", scripts=False)
    page.locator("#field-user").fill(eve)
    page.get_by_role("button", name="Invite", exact=True).click()
    expect(page.get_by_text("They are invited")).to_be_visible()
    guest = _enter(visit, eve, "/settings/organizations", scripts=False)
    guest.get_by_role("button", name=f"Accept {org}").click()
    expect(guest.get_by_text("You are a member.")).to_be_visible()
