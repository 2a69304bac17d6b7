"""Signing in and out, joining, and one's own settings, without scripts (ui.md A1, T1, T2, T3)."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pioche.accounts.account import Account
from pioche.accounts.callers import Caller
from pioche.accounts.directory import first_administrator
from pioche.db import schema
from pioche.names import RepoType
from pioche.repos.catalog import NewRepo
from tests.asgi import Answer
from tests.databases import SqliteTemplate
from tests.local import LocalHub
from tests.visitor import PASSWORD, Visitor, forms

pytestmark = pytest.mark.usefixtures("cheap_passwords")


@pytest.fixture
def ada(local: LocalHub) -> Account:
    return local.hub.directory.create_user("ada", fullname="Ada", email="ada@example.org", password=PASSWORD)


@pytest.fixture
def visitor(local: LocalHub, ada: Account) -> Visitor:
    """Ada, who has not signed in yet."""
    return Visitor(local.client)


@pytest.fixture
def signed_in(visitor: Visitor) -> Visitor:
    assert visitor.sign_in("ada").status == 200
    return visitor


@pytest.fixture
def configured(sqlite_template: SqliteTemplate, tmp_path: Path) -> Iterator[Callable[..., LocalHub]]:
    """Makes hubs with other settings."""
    made = list[LocalHub]()

    def make(**settings: object) -> LocalHub:
        made.append(LocalHub(sqlite_template.config(tmp_path / f"hub{len(made)}", **settings)))
        return made[-1]

    yield make
    for hub in made:
        hub.close()


def message(page: Answer) -> str:
    found = re.search(r'id="errors">(.*?)</div>', page.text, re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", found[1]).split()) if found else ""


# --- in and out -----------------------------------------------------------------------------------------------------


def test_a1_by_name_or_mail_address(visitor: Visitor) -> None:
    for name in ("ada", " ADA ", "Ada@Example.org"):
        page = visitor.sign_in(name)
        assert page.status == 200
        assert 'href="/settings/profile"' in page.text
        visitor.send(page, "/logout")
        assert visitor.session is None
        assert 'href="/login?next=' in visitor.get("/").text


def test_a1_a_refusal_says_nothing_of_who_there_is(local: LocalHub, visitor: Visitor) -> None:
    local.hub.directory.create_org("lab")
    pages = [visitor.sign_in(name, "wrong password") for name in ("ada", "nobody", "lab", "ada@example.org", "a@b.c")]
    assert {page.status for page in pages} == {401}
    assert {message(page) for page in pages} == {"The name or the password is not right."}
    texts = {re.sub(r'(?:value|data-options)="[^"]*"|<code>[^<]*</code>', "", page.text) for page in pages}
    assert len(texts) == 1
    assert visitor.session is None
    assert 'value="ada"' in pages[0].text
    assert "wrong password" not in pages[0].text


def test_a1_the_form_is_made_for_password_managers(visitor: Visitor) -> None:
    page = visitor.get("/login").text
    assert 'autocomplete="username"' in page
    assert 'autocomplete="current-password"' in page
    assert 'type="password"' in page
    assert "onpaste" not in page


def test_a1_who_guesses_waits_and_is_told_how_long(visitor: Visitor) -> None:
    for _ in range(5):
        assert visitor.sign_in("ada", "wrong password").status == 401
    page = visitor.sign_in("ada")
    assert page.status == 429
    assert 1 <= int(page.headers["retry-after"]) <= 15
    assert message(page) == "Too many attempts. Wait a minute, then try again."
    assert visitor.session is None


def test_a1_staying_signed_in_is_a_choice(visitor: Visitor) -> None:
    page = visitor.get("/login")
    short = visitor.send(page, "/login", follow=False, username="ada", password=PASSWORD)
    long = visitor.send(page, "/login", follow=False, username="ada", password=PASSWORD, remember="yes")
    (kept_short,), (kept_long,) = short.all("set-cookie"), long.all("set-cookie")
    assert "Max-Age" not in kept_short
    assert f"Max-Age={30 * 86_400}" in kept_long
    for cookie in (kept_short, kept_long):
        assert cookie.startswith("pioche_session_8000=")
        assert "; Path=/; HttpOnly; SameSite=Lax" in cookie
        assert "Domain" not in cookie
        assert "Secure" not in cookie  # plain http
    assert short.headers["cache-control"] == "no-store"


def test_a1_on_https_the_cookie_is_for_this_host_alone(configured: Callable[..., LocalHub]) -> None:
    hub = configured(public_url="https://hub.example.org")
    hub.hub.directory.create_user("ada", password=PASSWORD)
    visitor = Visitor(hub.client, origin="https://hub.example.org")
    answer = visitor.send(visitor.get("/login"), "/login", follow=False, username="ada", password=PASSWORD)
    (cookie,) = answer.all("set-cookie")
    assert re.fullmatch(r"__Host-pioche_session=[\w-]{43}; Path=/; HttpOnly; SameSite=Lax; Secure", cookie)
    assert "plain http" not in visitor.get("/login").text
    # A cookie without the prefix may come from a neighbour: it is not ours.
    tossed = {"cookie": f"pioche_session={visitor.session}"}
    assert hub.client.get("/api/whoami-v2", headers=tossed).status == 401
    assert hub.client.get("/api/whoami-v2", headers=visitor.cookie).status == 200


def test_a1_plain_http_is_told(configured: Callable[..., LocalHub]) -> None:
    for address, is_told in (("http://hub.lan:8000", True), ("https://hub.lan", False)):
        page = Visitor(configured(public_url=address).client).get("/login")
        assert ("This page came over plain http" in page.text) is is_told


def test_a1_the_session_is_another_one_after_each_sign_in(local: LocalHub, ada: Account, visitor: Visitor) -> None:
    planted = "x" * 43
    visitor.cookies["pioche_session_8000"] = planted
    visitor.sign_in("ada")
    first = visitor.session
    assert first not in (planted, None)
    form = {"username": "ada", "password": PASSWORD, "next": "/"}
    visitor.post("/login", form)
    assert visitor.session not in (first, planted, None)
    assert len(local.hub.directory.sessions.of(ada.id)) == 1


def test_a1_signing_out_ends_the_session_on_the_server_too(local: LocalHub, signed_in: Visitor) -> None:
    cookie = signed_in.cookie
    assert local.client.get("/api/whoami-v2", headers=cookie).json()["name"] == "ada"
    signed_in.send(signed_in.get("/"), "/logout")
    assert local.client.get("/api/whoami-v2", headers=cookie).status == 401


def test_an_invalid_cookie_is_nobody_and_is_cleared(local: LocalHub, signed_in: Visitor) -> None:
    with local.hub.database.write() as connection:
        connection.execute(schema.sessions.delete())
    for path, status in (("/", 200), ("/login", 200), ("/api/models", 200), ("/api/whoami-v2", 401)):
        for value in (signed_in.session or "", "", "x", "x" * 43, "\u00e9" * 10, "x" * 5000):
            answer = local.client.get(path, headers={"cookie": f"pioche_session_8000={value}"})
            assert answer.status == status, (path, value)
            assert answer.all("set-cookie") == ["pioche_session_8000=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0"]
            assert answer.headers["cache-control"] == "private, no-store"
    page = signed_in.get("/settings/profile")
    assert '<form class="form" action="/login"' in page.text
    assert signed_in.session is None


def test_a_hub_at_another_port_signs_nobody_out(local: LocalHub) -> None:
    answer = local.client.get("/", headers={"cookie": "pioche_session_9000=" + "x" * 43})
    assert answer.all("set-cookie") == []


def test_a1_who_is_signed_in_goes_on_at_once(signed_in: Visitor) -> None:
    assert signed_in.get("/login?next=/models", follow=False).headers["location"] == "/models"
    assert signed_in.get("/join", follow=False).headers["location"] == "/"


def test_a1_a_page_that_needs_somebody_leads_there_and_back(visitor: Visitor) -> None:
    page = visitor.get("/settings/tokens?x=1%202&y=%C3%A9")
    answer = visitor.send(page, "/login", follow=False, username="ada", password=PASSWORD)
    assert answer.headers["location"] == "/settings/tokens?x=1%202&y=%C3%A9"


# --- the first administrator, and passwords that others know --------------------------------------------------------


def test_a1_a_one_time_password_is_replaced_before_anything_else(
    local: LocalHub, ada: Account, visitor: Visitor
) -> None:
    local.hub.directory.set_password(ada, "made by the hub", must_change=True)
    page = visitor.sign_in("ada", "made by the hub", next="/models")
    assert visitor.session is None
    assert "Choose a password" in page.text
    for first, second, words in (
        ("short", "short", "8 to 256"),
        ("battery staple", "battery stable", "differ"),
        ("made by the hub", "made by the hub", "another one"),
    ):
        refused = visitor.send(page, "/login/password", new_password=first, repeated=second)
        assert refused.status == 422
        assert words in message(refused)
    done = visitor.send(page, "/login/password", follow=False, new_password="battery staple", repeated="battery staple")
    assert done.headers["location"] == "/models"
    assert visitor.session is not None
    again = visitor.send(page, "/login/password", follow=False, new_password="evil password", repeated="evil password")
    assert again.headers["location"] == "/login"
    assert local.hub.directory.authenticate("ada", "battery staple").must_change_password is False


def test_a1_the_first_administrator_begins_with_what_the_server_printed(local: LocalHub) -> None:
    printed = first_administrator(local.hub.database)
    assert printed is not None
    visitor = Visitor(local.client)
    page = visitor.sign_in("admin", printed, next="/settings/tokens")
    done = visitor.send(page, "/login/password", new_password="battery staple", repeated="battery staple")
    assert "Access tokens" in done.text
    assert Visitor(local.client).sign_in("admin", printed).status == 401


# --- joining --------------------------------------------------------------------------------------------------------


def test_a1_a_closed_hub_says_so(visitor: Visitor) -> None:
    page = visitor.get("/join")
    assert page.status == 403
    assert "made by the administrators" in page.text
    assert visitor.post("/join", {"username": "eve", "new_password": "evil password"}).status == 403
    assert "/join" not in visitor.get("/login").text


def test_a1_an_open_hub_lets_everybody_make_an_account(configured: Callable[..., LocalHub]) -> None:
    hub = configured(sign_up="open")
    visitor = Visitor(hub.client)
    page = visitor.get("/join?next=/models")
    wrong = visitor.send(page, "/join", username="no good", email="x", new_password="short")
    assert wrong.status == 422
    assert set(re.findall(r'href="#field-(\w+)"', wrong.text)) == {"username", "email", "new_password"}
    assert "short" not in forms(wrong.text)["/join"].values()
    not_theirs = {"is_admin": "yes", "kind": "org", "id": "1", "must_change_password": ""}
    fields = {"username": "eve", "email": "", "new_password": "evil password", **not_theirs}
    done = visitor.post("/join", forms(wrong.text)["/join"] | fields, follow=False)
    assert done.headers["location"] == "/models"
    assert 'href="/eve"' in visitor.get("/").text
    taken = Visitor(hub.client).post("/join", {"username": "EVE", "new_password": "evil password"})
    assert "This name is taken" in taken.text
    assert not hub.hub.directory.get_user("eve").is_admin


def test_a1_terms_are_accepted_where_there_are_some(configured: Callable[..., LocalHub]) -> None:
    hub = configured(sign_up="open", terms_url="https://example.org/terms")
    visitor = Visitor(hub.client)
    page = visitor.get("/join")
    assert 'href="https://example.org/terms"' in page.text
    refused = visitor.send(page, "/join", username="eve", new_password="evil password")
    assert refused.status == 422
    assert set(re.findall(r'href="#field-(\w+)"', refused.text)) == {"terms"}
    visitor.send(refused, "/join", new_password="evil password", terms="yes")
    assert visitor.session is not None


def test_a1_so_many_accounts_from_one_address(configured: Callable[..., LocalHub]) -> None:
    hub = configured(sign_up="open")
    answers = [Visitor(hub.client).post("/join", {"username": "no good"}, follow=False) for _ in range(11)]
    assert [answer.status for answer in answers] == [422] * 10 + [429]


def test_a1_an_invitation_is_for_one_account(configured: Callable[..., LocalHub]) -> None:
    hub = configured(sign_up="invite")
    secret, _ = hub.hub.directory.invitations.create(days=7, email="eve@example.org")
    assert Visitor(hub.client).get("/join").status == 403
    assert Visitor(hub.client).get("/join?invitation=x").status == 403
    visitor = Visitor(hub.client)
    page = visitor.get(f"/join?invitation={secret}")
    assert forms(page.text)["/join"]["email"] == "eve@example.org"
    visitor.send(page, "/join", username="eve", new_password="evil password")
    assert visitor.session is not None
    assert Visitor(hub.client).get(f"/join?invitation={secret}").status == 403


# --- settings -------------------------------------------------------------------------------------------------------


def test_t1_a_profile_is_changed_and_errors_stand_at_their_fields(local: LocalHub, signed_in: Visitor) -> None:
    page = signed_in.get("/settings")
    saved = signed_in.send(page, "/settings/profile", fullname="Ada L.", bio="Engines.", homepage="https://example.org")
    assert "Your profile is saved" in saved.text
    assert local.hub.directory.get_user("ada").bio == "Engines."
    wrong = signed_in.send(saved, "/settings/profile", homepage="javascript:alert(1)", email="none", fullname="x" * 101)
    assert wrong.status == 422
    assert 'id="errors"' in wrong.text
    assert "autofocus" in wrong.text
    for name in ("homepage", "email", "fullname"):
        assert f'id="error-{name}"' in wrong.text
    assert local.hub.directory.get_user("ada").fullname == "Ada L."


def test_t1_language_and_theme_are_kept_with_the_account(local: LocalHub, signed_in: Visitor) -> None:
    page = signed_in.get("/settings/account")
    saved = signed_in.send(page, "/settings/account", language="fr", theme="dark")
    assert '<html lang="fr" data-theme="dark">' in saved.text
    elsewhere = Visitor(local.client)
    elsewhere.sign_in("ada")
    assert '<html lang="fr" data-theme="dark">' in elsewhere.get("/").text
    signed_in.send(saved, "/settings/account", language="", theme="")
    assert '<html lang="en">' in signed_in.get("/").text
    assert local.hub.directory.get_user("ada").language is None


def test_t2_another_password_signs_out_everywhere_else(local: LocalHub, ada: Account, signed_in: Visitor) -> None:
    elsewhere = Visitor(local.client)
    elsewhere.sign_in("ada")
    before = signed_in.session
    page = signed_in.get("/settings/authentication")
    action = "/settings/authentication/password"
    new = {"new_password": "battery staple", "repeated": "battery staple"}
    wrong = signed_in.send(page, action, password="wrong password", **new)
    assert (wrong.status, "This is not your password" in wrong.text) == (422, True)
    done = signed_in.send(page, action, password=PASSWORD, **new)
    assert "Your password is changed" in done.text
    assert signed_in.session not in (None, before)
    assert elsewhere.get("/settings", follow=False).headers["location"] == "/login?next=/settings"
    assert len(local.hub.directory.sessions.of(ada.id)) == 1


def test_t2_guesses_at_the_password_from_inside_wait_too(signed_in: Visitor) -> None:
    page = signed_in.get("/settings/authentication")
    fields = {"password": "wrong password", "new_password": "battery staple", "repeated": "battery staple"}
    answers = [signed_in.send(page, "/settings/authentication/password", **fields) for _ in range(6)]
    assert [answer.status for answer in answers] == [422] * 5 + [429]


def test_t2_sessions_are_listed_and_ended(local: LocalHub, ada: Account, signed_in: Visitor) -> None:
    phone = Visitor(local.client, agent="Mozilla/5.0 (Linux; Android 15) Chrome/140.0.0.0 Mobile Safari/537.36")
    phone.sign_in("ada", remember="yes")
    page = signed_in.get("/settings/authentication")
    assert "Chrome 140 / Android" in page.text
    assert "Firefox 145 / Linux" in page.text
    theirs = next(one for one in local.hub.directory.sessions.of(ada.id) if "Chrome" in one.device)
    signed_in.send(page, f"/settings/authentication/sessions/{theirs.id}/end")
    assert 'href="/login?next=' in phone.get("/").text
    phone.sign_in("ada")
    page = signed_in.get("/settings/authentication")
    signed_in.send(page, "/settings/authentication/sessions/end-others")
    (mine,) = local.hub.directory.sessions.of(ada.id)
    page = signed_in.get("/settings/authentication")
    signed_in.send(page, f"/settings/authentication/sessions/{mine.id}/end")
    assert signed_in.session is None


def test_t2_nobody_ends_the_session_of_somebody_else(local: LocalHub, ada: Account, signed_in: Visitor) -> None:
    local.hub.directory.create_user("eve", password=PASSWORD)
    eve = Visitor(local.client)
    eve.sign_in("eve")
    (hers,) = local.hub.directory.sessions.of(ada.id)
    for id_ in (str(hers.id), "0", "x", "9" * 30, "-1"):
        answer = eve.post(f"/settings/authentication/sessions/{id_}/end", {"csrf": eve.csrf})
        assert answer.status == 404
    assert local.hub.directory.sessions.of(ada.id) == [hers]


def test_t3_a_token_is_made_shown_once_used_and_revoked(local: LocalHub, signed_in: Visitor) -> None:
    page = signed_in.get("/settings/tokens")
    assert "You have no tokens yet" in page.text
    made = signed_in.send(page, "/settings/tokens", name="laptop", role="write", days="30")
    (token,) = set(re.findall(r"hf_[A-Za-z0-9]{34,}", made.text))
    assert made.headers["cache-control"] == "private, no-store"
    assert f'data-text="{token}"' in made.text
    assert local.client.get("/api/whoami-v2", token=token).json()["auth"]["accessToken"]["role"] == "write"
    page = signed_in.get("/settings/tokens")
    assert token not in page.text
    for told in ("laptop", "read and write", "Made ", "used", "until "):
        assert told in page.text
    (action,) = [action for action in forms(page.text) if action.endswith("/revoke")]
    revoked = signed_in.send(page, action)
    assert "The token is revoked" in revoked.text
    assert local.client.get("/api/whoami-v2", token=token).status == 401
    assert signed_in.post(action, {"csrf": signed_in.csrf}).status == 404


def test_t3_a_token_has_a_name_and_known_choices(signed_in: Visitor) -> None:
    page = signed_in.get("/settings/tokens")
    wrong = signed_in.send(page, "/settings/tokens", name=" ", role="admin", days="9999")
    assert wrong.status == 422
    assert set(re.findall(r'href="#field-(\w+)"', wrong.text)) == {"name", "role", "days"}
    assert "hf_" not in re.sub(r"hf auth login", "", wrong.text)


def test_t3_nobody_revokes_the_token_of_somebody_else(local: LocalHub, ada: Account, signed_in: Visitor) -> None:
    local.hub.directory.create_user("eve", password=PASSWORD)
    value, token = local.hub.directory.tokens.create(ada, name="1")
    eve = Visitor(local.client)
    eve.sign_in("eve")
    assert eve.post(f"/settings/tokens/{token.id}/revoke", {"csrf": eve.csrf}).status == 404
    assert local.client.get("/api/whoami-v2", token=value).status == 200


def test_settings_are_for_people_in_browsers(local: LocalHub, ada: Account) -> None:
    value, _ = local.hub.directory.tokens.create(ada)
    for path in ("/settings/profile", "/settings/account", "/settings/authentication", "/settings/tokens"):
        assert local.client.get(path, token=value).status == 403
        assert local.client.get(path).headers["location"].startswith("/login?next=/settings/")
    assert local.client.post("/settings/tokens", token=value, body=b"name=x&role=write&days=").status == 403


def test_everything_is_said_in_french_too(visitor: Visitor) -> None:
    visitor.cookies["pioche-language"] = "fr"
    page = visitor.get("/login")
    assert "Se connecter" in page.text
    wrong = visitor.sign_in("ada", "wrong password")
    assert "Le nom ou le mot de passe n’est pas le bon." in wrong.text
    visitor.sign_in("ada")
    for path, words in (
        ("/settings/profile", "Nom complet"),
        ("/settings/account", "Langue et thème"),
        ("/settings/authentication", "Là où vous êtes connecté"),
        ("/settings/tokens", "Jetons d’accès"),
    ):
        assert words in visitor.get(path).text


def test_t3_a_fine_grained_token_is_made_of_ticked_boxes(local: LocalHub, signed_in: Visitor) -> None:
    """Without scripts: a search sends the form, which comes back as it was."""
    ada = local.hub.directory.get("ada")
    caller = Caller(ada.id, ada.name, may_write=True, is_admin=False)
    for name in ("here", "there"):
        local.hub.catalog.create(caller, NewRepo(type=RepoType.MODEL, namespace="ada", name=name, private=True))
    page = signed_in.get("/settings/tokens/new?ownUserPermissions=collection.read&canReadGatedRepos=true")
    assert re.search(r'value="user/ada=collection.read" checked', page.text)
    found = signed_in.post(
        "/settings/tokens/new",
        {
            "csrf": signed_in.csrf,
            "name": "ci",
            "days": "30",
            "q": "here",
            "find": "yes",
            "scope": "user/ada=collection.read",
        },
    )
    assert 'value="model/ada/here=repo.write"' in found.text
    assert re.search(r'value="user/ada=collection.read" checked', found.text)
    wanted = {"csrf": signed_in.csrf, "name": "ci", "days": "30", "scope": "model/ada/here=repo.content.read"}
    made = signed_in.post("/settings/tokens/new", wanted)
    (token,) = set(re.findall(r"hf_[A-Za-z0-9]{34,}", made.text))
    assert made.headers["cache-control"] == "private, no-store"
    assert local.client.get("/api/models/ada/here", token=token).status == 200
    assert local.client.get("/api/models/ada/there", token=token).status == 404
    listed = signed_in.get("/settings/tokens").text
    assert "ada/here</strong> <code>repo.content.read</code>" in listed
    (refresh,) = re.findall(r'action="(/settings/tokens/\d+/refresh)"', listed)
    again = signed_in.post(refresh, {"csrf": signed_in.csrf})
    (other,) = set(re.findall(r"hf_[A-Za-z0-9]{34,}", again.text))
    assert local.client.get("/api/models/ada/here", token=token).status == 401
    assert local.client.get("/api/models/ada/here", token=other).status == 200


@pytest.mark.parametrize(
    "scope", ["model/eve/secret=repo.write", "org/none=repo.write", "user/eve=repo.write", "x", "user/ada=x"]
)
def test_t3_boxes_that_nobody_offered_are_refused(local: LocalHub, signed_in: Visitor, scope: str) -> None:
    answer = signed_in.post(
        "/settings/tokens/new", {"csrf": signed_in.csrf, "name": "ci", "days": "30", "scope": scope}
    )
    assert answer.status == 422
    assert 'role="alert"' in answer.text
    assert not re.findall(r"hf_[A-Za-z0-9]{34,}", answer.text)
