"""Resource groups in the settings of an organisation (ui.md U3)."""

import re
from collections.abc import Callable

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.hub import Account
from tests.web.test_accounts import PASSWORD, sign_in
from tests.web.town import Town
from tests.web.visits import Visits


@pytest.fixture
def lab(town: Town) -> tuple[str, str, str]:
    """An organisation with its administrator and a member."""
    hub = town.hub
    owner, member, org = hub.name("grace"), hub.name("linus"), hub.name("lab")
    for name in (owner, member):
        hub.cli("user", "create", name, "--password", PASSWORD)
    hub.org(org, {owner: "admin", member: "write"})
    return org, owner, member


def enter(visit: Visits, org: str, owner: str, **options: object) -> Page:
    path = f"/organizations/{org}/settings/resource-groups"
    page = visit(path, **options)  # type: ignore[arg-type]  # each case has its own
    sign_in(page, owner)
    page.wait_for_url(re.compile(re.escape(path) + r"\Z"))
    return page


def test_u3_resource_groups_from_making_one_to_its_end(town: Town, visit: Visits, lab: tuple[str, str, str]) -> None:
    org, owner, member = lab
    grace, linus = (Account(name, town.hub.token(name)) for name in (owner, member))
    made = {"name": "secret", "organization": org, "private": True}
    httpx.post(f"{town.hub.endpoint}/api/repos/create", json=made, headers=grace.bearer).raise_for_status()

    def status_of_secret() -> int:
        return httpx.get(f"{town.hub.endpoint}/api/models/{org}/secret", headers=linus.bearer).status_code

    page = enter(visit, org, owner)
    expect(page.get_by_role("heading", name="No groups yet")).to_be_visible()
    page.get_by_label("Name").fill("Vision team")
    page.get_by_role("button", name="Make the group").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Vision team")

    page.get_by_label("Repository", exact=True).fill(f"{org}/absent")
    visit.guard.expected.add(f"{page.url.partition('?')[0]}/repos")
    page.get_by_role("button", name="Put into the group").click()
    expect(page.get_by_role("alert")).to_contain_text("This organisation has no such repository.")
    page.get_by_label("Repository", exact=True).fill(f"{org}/secret")
    page.get_by_role("button", name="Put into the group").click()
    expect(page.get_by_role("link", name=f"{org}/secret")).to_be_visible()
    assert status_of_secret() == 404

    page.get_by_label("Member", exact=True).fill(member)
    page.get_by_role("button", name="Add to the group").click()
    expect(page.locator(".notice[role=status]")).to_contain_text("They are in the group now.")
    assert status_of_secret() == 200
    page.get_by_label(f"Role of {member}").select_option("admin")
    page.get_by_role("button", name=f"Change {member}").click()
    expect(page.get_by_label(f"Role of {member}")).to_have_value("admin")

    page.get_by_text("Delete the group", exact=True).click()
    page.get_by_role("button", name="Delete the group for good").click()
    expect(page.locator(".notice[role=status]")).to_contain_text("The group is deleted.")


@pytest.mark.parametrize("options", [{"lang": "fr", "theme": "dark", "width": 360}, {"lang": "en"}])
def test_u3_resource_groups_read_well(
    visit: Visits, lab: tuple[str, str, str], options: dict[str, object], accessible: Callable[[Page], None]
) -> None:
    org, owner, _ = lab
    page = enter(visit, org, owner, **options)
    page.locator("#field-name").fill("Équipe")
    page.locator("main form button[type=submit]").last.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Équipe")
    accessible(page)
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
