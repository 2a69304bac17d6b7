"""The second factor over HTTP, without scripts (ui.md T2, A1, T7), and E-AUTHN: replay, guesses, what stays open."""

import base64
import re

import pytest

from pioche.accounts.account import Account
from pioche.accounts.second_factors import SecondFactors
from tests.asgi import Answer
from tests.codes import App, turn_on
from tests.local import LocalHub
from tests.visitor import PASSWORD, Visitor, forms

pytestmark = pytest.mark.usefixtures("cheap_passwords")

ON = "/settings/authentication/second-factor"


@pytest.fixture
def factors(local: LocalHub) -> SecondFactors:
    return local.hub.directory.second_factors


@pytest.fixture
def ada(local: LocalHub) -> Account:
    return local.hub.directory.create_user("ada", fullname="Ada", password=PASSWORD)


@pytest.fixture
def visitor(local: LocalHub, ada: Account) -> Visitor:
    return Visitor(local.client)


def recovery_codes(page: Answer) -> list[str]:
    return re.findall(r"(?:[a-z2-9]{4}-){3}[a-z2-9]{4}", page.text.partition("<pre")[2].partition("</pre>")[0])


def test_t2_on_with_a_qr_code_then_asked_for_then_off(visitor: Visitor, factors: SecondFactors) -> None:
    visitor.sign_in("ada")
    settings = visitor.get("/settings/authentication")
    assert visitor.send(settings, ON, password="wrong").status == 422
    page = visitor.send(settings, ON, password=PASSWORD)
    assert "<svg" in page.text
    assert page.headers["cache-control"] == "private, no-store"
    app = App.shown(page.text, factors)
    wrong = visitor.send(page, f"{ON}/confirm", code=app.wrong())
    assert wrong.status == 422
    assert App.shown(wrong.text, factors)._codes.secret == app._codes.secret
    shown = visitor.send(wrong, f"{ON}/confirm", code=app.code())
    codes = recovery_codes(shown)
    assert len(codes) == 10
    file = visitor.send(shown, f"{ON}/recovery-codes/download")
    assert file.headers["content-disposition"] == "attachment; filename=pioche-recovery-codes-ada.txt"
    assert all(code in file.text for code in codes)

    visitor.send(shown, "/logout")
    step = visitor.sign_in("ada", next="/settings/tokens", remember="yes")
    assert visitor.session is None
    assert 'autocomplete="one-time-code"' in step.text
    refused = visitor.send(step, "/login/code", code=app.wrong())
    assert refused.status == 401
    assert visitor.session is None
    inside = visitor.send(refused, "/login/code", code=app.code())
    assert "Access tokens" in inside.text
    assert visitor.session is not None

    settings = visitor.get("/settings/authentication")
    assert "10 recovery codes are left" in settings.text
    renewed = recovery_codes(visitor.send(settings, f"{ON}/recovery-codes", password=PASSWORD))
    assert not set(renewed) & set(codes)
    for wrong_fields in ({"password": "wrong", "code": app.code()}, {"password": PASSWORD, "code": codes[0]}):
        assert visitor.send(settings, f"{ON}/off", **wrong_fields).status == 422
    assert "The second factor is off." in visitor.send(settings, f"{ON}/off", password=PASSWORD, code=renewed[0]).text
    visitor.send(settings, "/logout")
    assert "/settings/profile" in visitor.sign_in("ada").text


def test_e_authn_a_code_that_was_seen_signs_nobody_in(
    visitor: Visitor, local: LocalHub, ada: Account, factors: SecondFactors
) -> None:
    app, codes = turn_on(factors, ada)
    code = app.code()
    visitor.send(visitor.sign_in("ada"), "/login/code", code=code)
    assert visitor.session is not None
    thief = Visitor(local.client)
    assert thief.send(thief.sign_in("ada"), "/login/code", code=code).status == 401
    thief.send(thief.sign_in("ada"), "/login/code", code=codes[0])
    assert thief.session is not None
    again = Visitor(local.client)
    assert again.send(again.sign_in("ada"), "/login/code", code=codes[0]).status == 401


def test_e_authn_guesses_at_codes_wait_and_the_right_one_too(
    visitor: Visitor, ada: Account, factors: SecondFactors
) -> None:
    app, _codes = turn_on(factors, ada)
    step = visitor.sign_in("ada")
    answers = [visitor.send(step, "/login/code", code=app.wrong()).status for _ in range(6)]
    assert answers == [401] * 5 + [429]
    late = visitor.send(step, "/login/code", code=app.code())
    assert late.status == 429
    assert visitor.session is None
    # A new try at the password begins no new count.
    assert visitor.send(visitor.sign_in("ada"), "/login/code", code=app.code()).status == 429


def test_e_authn_the_ticket_between_the_steps_is_bound(
    visitor: Visitor, local: LocalHub, ada: Account, factors: SecondFactors
) -> None:
    app, _codes = turn_on(factors, ada)
    step = visitor.sign_in("ada")
    ticket = forms(step.text)["/login/code"]["ticket"]
    for wrong in ("", "x", ticket[:-1], ticket + "x"):
        sent = visitor.post("/login/code", {"ticket": wrong, "code": app.code()}, follow=False)
        assert sent.headers["location"] == "/login"
    # Neither is it one for another form, nor does another form's count here.
    other = visitor.post(
        "/login/password", {"ticket": ticket, "new_password": "a" * 9, "repeated": "a" * 9}, follow=False
    )
    assert other.headers["location"] == "/login"
    local.hub.directory.set_password(ada, "another password")
    sent = visitor.post("/login/code", {"ticket": ticket, "code": app.code()}, follow=False)
    assert sent.headers["location"] == "/login"
    assert visitor.session is None


def test_a_one_time_password_leads_through_both_steps(
    visitor: Visitor, local: LocalHub, ada: Account, factors: SecondFactors
) -> None:
    app, _codes = turn_on(factors, ada)
    local.hub.directory.set_password(ada, "made by the hub", must_change=True)
    page = visitor.send(visitor.sign_in("ada", "made by the hub"), "/login/code", code=app.code())
    assert visitor.session is None
    visitor.send(page, "/login/password", new_password=PASSWORD + "!", repeated=PASSWORD + "!")
    assert visitor.session is not None


def test_tokens_work_and_no_password_does_in_their_place(local: LocalHub, ada: Account, factors: SecondFactors) -> None:
    turn_on(factors, ada)
    value, _token = local.hub.directory.tokens.create(ada)
    assert local.client.get("/api/whoami-v2", headers={"authorization": f"Bearer {value}"}).status == 200
    for password, status in ((value, 200), (PASSWORD, 401)):
        basic = base64.b64encode(f"ada:{password}".encode()).decode()
        assert local.client.get("/api/whoami-v2", headers={"authorization": f"Basic {basic}"}).status == status


def test_a_secret_is_turned_on_by_the_browser_that_was_shown_it(
    visitor: Visitor, local: LocalHub, factors: SecondFactors
) -> None:
    visitor.sign_in("ada")
    page = visitor.send(visitor.get("/settings/authentication"), ON, password=PASSWORD)
    app, ticket = App.shown(page.text, factors), forms(page.text)[f"{ON}/confirm"]["ticket"]
    other = Visitor(local.client)
    other.sign_in("ada")
    sent = other.post(f"{ON}/confirm", {"csrf": other.csrf, "ticket": ticket, "code": app.code()}, follow=False)
    assert sent.headers["location"] == "/settings/authentication"
    assert factors.of(local.hub.directory.get_user("ada").id) is None
