"""The second factor in a browser (ui.md T2, A1, U3): turned on, asked for, asked for by an organisation; axe, French, a phone."""

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.codes import App
from tests.hub import Account, Hub
from tests.web.test_accounts import PASSWORD, sign_in
from tests.web.test_settings import fits
from tests.web.town import Town
from tests.web.visits import Visits


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """A hub without repos: nobody here looks at one."""
    with Hub(tmp_path_factory.mktemp("town")) as hub:
        nobody = Account("", "")
        yield Town(hub, nobody, nobody, nobody)


def test_t2_a1_u3_a_second_factor_from_the_qr_code_to_an_organisation_that_asks_for_it(
    visit: Visits, town: Town, accessible: Callable[[Page], None]
) -> None:
    name, org = town.hub.name("grace"), town.hub.name("navy")
    town.hub.cli("user", "create", name, "--password", PASSWORD)
    town.hub.cli("org", "create", org)
    town.hub.cli("org", "add", org, name, "--role", "admin")
    page = visit("/settings/authentication")
    sign_in(page, name)
    page.get_by_text("Turn it on").click()
    page.locator("#field-on-password").fill(PASSWORD)
    page.get_by_role("button", name="Turn the second factor on").click()
    expect(page.locator("svg.qr")).to_be_visible()
    accessible(page)
    app = App.shown(page.content())
    page.locator("#field-code").fill(app.now())
    page.get_by_role("button", name="Turn it on").click()
    expect(page.get_by_role("heading", name="Recovery codes", exact=True)).to_be_visible()
    accessible(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="Download them").click()
    codes = re.findall(r"(?:[a-z2-9]{4}-){3}[a-z2-9]{4}", download.value.path().read_text())
    assert len(codes) == 10
    page.goto("/settings/authentication?lang=fr")
    page.set_viewport_size({"width": 360, "height": 800})
    accessible(page)
    assert fits(page)

    page.goto(f"/organizations/{org}/settings/requirements?lang=en")
    accessible(page)
    page.get_by_label("Members need a second factor").check()
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".notice[role=status]")).to_be_visible()

    for code, scripts in ((app.code(), True), (codes[0], False)):
        again = visit("/settings/tokens", lang="fr", theme="dark", width=360, scripts=scripts)
        sign_in(again, name)
        if scripts:
            expect(again.locator("#field-code")).to_be_focused()
            accessible(again)
            assert fits(again)
        again.locator("#field-code").fill(code)
        again.locator("form[action='/login/code'] button.button").click()
        again.wait_for_url(re.compile(r"/settings/tokens\Z"))
