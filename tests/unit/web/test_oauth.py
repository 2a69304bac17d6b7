"""Letting applications in, over HTTP, without scripts (ui.md A1), and E-OIDC: what an attacker would try."""

import base64
import re
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from pioche.accounts.account import Account
from pioche.accounts.members import Role
from pioche.accounts.oauth.applications import COMMAND_LINE
from tests.asgi import Answer
from tests.local import LocalHub
from tests.visitor import PASSWORD, Visitor, forms

pytestmark = pytest.mark.usefixtures("cheap_passwords")

BACK = "https://app.example.org/back?a=b"
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
VERIFIER = "v" * 43
CHALLENGE = "7w_YNF9DSfIdPf_pRjSq646_kPr-2-o9NAl16JGghdM"
ISSUER = "http://localhost:8000"
SETTINGS = "/settings/applications"


@pytest.fixture
def ada(local: LocalHub) -> Account:
    directory = local.hub.directory
    made = directory.create_user("ada", fullname="Ada", email="ada@example.org", password=PASSWORD)
    for name in ("lab", "choir"):
        directory.members.add(directory.create_org(name), made, Role.WRITE)
    return made


@pytest.fixture
def visitor(local: LocalHub, ada: Account) -> Visitor:
    found = Visitor(local.client)
    found.sign_in("ada")
    return found


def ask(local: LocalHub, path: str, *, headers: dict[str, str] | None = None, **fields: str) -> Answer:
    """As an application does."""
    sent = {"content-type": "application/x-www-form-urlencoded", **(headers or {})}
    return local.client.request("POST", path, headers=sent, body=urlencode(fields).encode())


def poll(local: LocalHub, begun: dict[str, Any]) -> dict[str, Any]:
    fields = {"grant_type": DEVICE_GRANT, "device_code": begun["device_code"], "client_id": COMMAND_LINE}
    told: dict[str, Any] = ask(local, "/oauth/token", **fields).json()
    return told


def begin(local: LocalHub) -> dict[str, Any]:
    told: dict[str, Any] = ask(local, "/oauth/device", client_id=COMMAND_LINE).json()
    return told


def basic(client_id: str, secret: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"{client_id}:{secret}".encode()).decode()}


def registered(visitor: Visitor, **more: str) -> tuple[str, str]:
    """A client id and its secret."""
    fields = {"name": "My site", "redirect_uris": BACK, "kind": "confidential", "csrf": visitor.csrf, **more}
    body = urlencode([*fields.items(), ("scope", "openid"), ("scope", "profile")]).encode()
    headers = {**visitor.cookie, "content-type": "application/x-www-form-urlencoded", "origin": visitor.origin}
    page = visitor.client.request("POST", SETTINGS, headers=headers, body=body)
    assert page.status == 200, page.text
    client_id = re.search(r"OAUTH_CLIENT_ID=([0-9a-f-]{36})", page.text)
    secret = re.search(r"<pre[^>]*><code>([\w-]{43})</code>", page.text)
    assert client_id
    return client_id[1], secret[1] if secret else ""


def question(client_id: str, **more: str) -> str:
    fields = {"client_id": client_id, "redirect_uri": BACK, "response_type": "code", "state": "s&t", "nonce": "n"}
    return "/oauth/authorize?" + urlencode({**fields, "scope": "openid profile", **more})


def led_to(page: Answer) -> tuple[str, dict[str, str]]:
    """Where a page leads on to, and what it tells there."""
    found = re.search(r'http-equiv="refresh" content="0; url=([^"]+)"', page.text)
    assert found, page.text
    address = found[1].replace("&amp;", "&")
    parts = urlsplit(address)
    told = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    return f"{parts.scheme}://{parts.netloc}{parts.path}", told


def test_a1_a_machine_is_connected_by_the_code_that_it_shows(local: LocalHub, visitor: Visitor) -> None:
    begun = begin(local)
    assert begun["verification_uri"] == f"{ISSUER}/device"
    assert (begun["interval"], begun["expires_in"]) == (5, 900)
    assert poll(local, begun)["error"] == "authorization_pending"
    page = visitor.get(begun["verification_uri_complete"].removeprefix(ISSUER))
    assert begun["user_code"] in page.text
    wrong = visitor.send(page, "/device", user_code="BBBB-BBBB")
    assert wrong.status == 422
    page = visitor.send(page, "/device")
    assert "Hugging Face CLI" in page.text
    assert "write to your repositories" in page.text
    done = visitor.send(page, "/device/answer", answer="yes", org="lab")
    assert "The machine is connected" in done.text
    told = poll(local, begun)
    assert told["token_type"] == "bearer"
    assert told["expires_in"] > 86_400
    who = local.client.get("/api/whoami-v2", token=told["access_token"]).json()
    assert who["name"] == "ada"
    assert "displayName" not in who["auth"]["accessToken"]
    scoped = who["auth"]["accessToken"]["fineGrained"]["scoped"]
    assert {one["entity"]["name"] for one in scoped} == {"ada", "lab"}
    created = {"type": "model", "name": "words", "organization": "lab"}
    made = local.client.post("/api/repos/create", token=told["access_token"], json=created)
    assert made.status == 200, made.text
    refused = local.client.post(
        "/api/repos/create", token=told["access_token"], json={**created, "organization": "choir"}
    )
    assert refused.status == 403
    assert poll(local, begun)["error"] == "invalid_grant"
    assert "Hugging Face CLI" not in visitor.get("/settings/tokens").text
    listed = visitor.get(SETTINGS)
    assert "Hugging Face CLI" in listed.text
    visitor.send(listed, f"{SETTINGS}/{COMMAND_LINE}/disconnect")
    assert local.client.get("/api/whoami-v2", token=told["access_token"]).status == 401


def test_an_application_ends_what_it_was_given_and_nothing_else(local: LocalHub, visitor: Visitor) -> None:
    page, begun = visitor.get("/device"), [begin(local) for _ in range(3)]
    for one in begun:
        visitor.send(visitor.send(page, "/device", user_code=one["user_code"]), "/device/answer", answer="yes")
    by_access, by_refresh, other = (poll(local, one) for one in begun)
    client_id, secret = registered(visitor)
    strange = ask(local, "/oauth/revoke", headers=basic(client_id, secret), token=other["access_token"])
    assert strange.status == 200
    for value in (by_access["access_token"], by_refresh["refresh_token"], "hf_unknown", ""):
        assert ask(local, "/oauth/revoke", client_id=COMMAND_LINE, token=value).status == (200 if value else 400)
    statuses = [
        local.client.get("/api/whoami-v2", token=one["access_token"]).status for one in (by_access, by_refresh, other)
    ]
    assert statuses == [401, 401, 200]
    refresh = {"grant_type": "refresh_token", "refresh_token": by_access["refresh_token"], "client_id": COMMAND_LINE}
    assert ask(local, "/oauth/token", **refresh).json()["error"] == "invalid_grant"


def test_a1_a_machine_is_refused_where_the_answer_is_no(local: LocalHub, visitor: Visitor) -> None:
    begun = begin(local)
    page = visitor.send(visitor.get("/device"), "/device", user_code=begun["user_code"])
    assert "Nothing was connected" in visitor.send(page, "/device/answer", answer="no").text
    assert poll(local, begun)["error"] == "access_denied"
    assert visitor.send(page, "/device/answer", answer="yes").status == 422
    assert poll(local, begun)["error"] == "access_denied"


def test_e_oidc_codes_of_machines_cannot_be_tried_out(local: LocalHub, visitor: Visitor) -> None:
    begun, page = begin(local), visitor.get("/device")
    statuses = [visitor.send(page, "/device", user_code=f"BBBB-BBB{letter}").status for letter in "BCDFGHJKLMNPQ"]
    assert statuses[0] == 422
    assert statuses[-1] == 429
    assert visitor.send(page, "/device", user_code=begun["user_code"]).status == 429


def test_e_csrf_another_site_connects_nothing(local: LocalHub, visitor: Visitor) -> None:
    begun = begin(local)
    fields = {"user_code": begun["user_code"], "answer": "yes"}
    assert visitor.post("/device/answer", fields).status == 403
    assert visitor.post("/oauth/authorize", {"answer": "yes"}).status == 403
    assert poll(local, begun)["error"] == "authorization_pending"


def test_a1_somebody_signs_in_to_an_application(local: LocalHub, visitor: Visitor) -> None:
    client_id, secret = registered(visitor)
    page = visitor.get(question(client_id))
    assert "read your name" in page.text
    assert "Also in these organisations" not in page.text
    where, told = led_to(visitor.send(page, "/oauth/authorize", answer="yes"))
    assert where == "https://app.example.org/back"
    assert (told["a"], told["state"], told["iss"]) == ("b", "s&t", ISSUER)
    change = {"grant_type": "authorization_code", "code": told["code"], "redirect_uri": BACK}
    assert ask(local, "/oauth/token", headers=basic(client_id, "wrong"), **change).status == 401
    answer = ask(local, "/oauth/token", headers=basic(client_id, secret), **change)
    assert answer.headers["cache-control"] == "no-store"
    got = answer.json()
    assert got["scope"] == "openid profile"
    assert "refresh_token" not in got
    keys = KeySet.import_key_set(local.client.get("/oauth/jwks").json())
    claims = jwt.decode(got["id_token"], keys, algorithms=["ES256"]).claims
    assert (claims["iss"], claims["aud"], claims["nonce"]) == (ISSUER, client_id, "n")
    assert claims["exp"] > claims["iat"] >= claims["auth_time"] > 0
    assert "email" not in claims
    info = local.client.get("/oauth/userinfo", token=got["access_token"]).json()
    assert info["sub"] == claims["sub"]
    assert (info["name"], info["preferred_username"], info["isPro"], info["canPay"]) == ("Ada", "ada", False, False)
    assert info["profile"] == f"{ISSUER}/ada"
    assert {org["preferred_username"]: org["roleInOrg"] for org in info["orgs"]} == {"lab": "write", "choir": "write"}
    assert "email" not in local.client.get("/api/whoami-v2", token=got["access_token"]).json()
    # The second time nobody is asked, unless the application asks for more or wants it so.
    from_there = {"sec-fetch-site": "cross-site"}
    again = visitor.get(question(client_id), follow=False, headers=from_there)
    assert again.status == 303
    assert again.headers["location"].startswith(f"{BACK}&code=")
    assert "/oauth/authorize" in forms(visitor.get(question(client_id, prompt="consent")).text)


def test_e_oidc_nobody_is_sent_where_nothing_is_registered(visitor: Visitor) -> None:
    client_id, _ = registered(visitor)
    for wrong in (BACK + "&c=d", BACK.upper(), "https://app.example.org/", "https://evil.example/", ""):
        page = visitor.get(question(client_id, redirect_uri=wrong), headers={"sec-fetch-site": "cross-site"})
        assert page.status == 400
        assert "refresh" not in page.text
    assert visitor.get(question("unknown")).status == 400


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"scope": "write-repos"}, "invalid_scope"),
        ({"prompt": "none"}, "consent_required"),
        ({"code_challenge": CHALLENGE, "code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge": "short", "code_challenge_method": "S256"}, "invalid_request"),
    ],
)  # fmt: skip
def test_e_oidc_what_else_is_wrong_the_application_is_told(visitor: Visitor, more: dict[str, str], error: str) -> None:
    client_id, _ = registered(visitor)
    _, told = led_to(visitor.get(question(client_id, **more)))
    assert (told["error"], told["state"]) == (error, "s&t")


def test_e_oidc_a_public_application_brings_a_challenge_and_is_asked_for_each_time(
    local: LocalHub, visitor: Visitor
) -> None:
    client_id, secret = registered(visitor, kind="public")
    assert not secret
    assert led_to(visitor.get(question(client_id)))[1]["error"] == "invalid_request"
    asked = question(client_id, code_challenge=CHALLENGE, code_challenge_method="S256")
    _, told = led_to(visitor.send(visitor.get(asked), "/oauth/authorize", answer="yes"))
    change = {"grant_type": "authorization_code", "code": told["code"], "redirect_uri": BACK, "client_id": client_id}
    assert ask(local, "/oauth/token", **change).json()["error"] == "invalid_grant"
    got = ask(local, "/oauth/token", **change, code_verifier=VERIFIER).json()
    assert got["access_token"]
    assert ask(local, "/oauth/token", **change, code_verifier=VERIFIER).json()["error"] == "invalid_grant"
    assert local.client.get("/oauth/userinfo", token=got["access_token"]).status == 401
    assert "/oauth/authorize" in forms(visitor.get(asked).text)


def test_a1_no_is_told_to_the_application(visitor: Visitor) -> None:
    client_id, _ = registered(visitor)
    page = visitor.send(visitor.get(question(client_id)), "/oauth/authorize", answer="no")
    assert led_to(page)[1]["error"] == "access_denied"


def test_a1_who_is_not_signed_in_does_that_first(local: LocalHub, visitor: Visitor) -> None:
    client_id, _ = registered(visitor)
    stranger = Visitor(local.client)
    login = stranger.get(question(client_id))
    inside = stranger.send(login, "/login", username="ada", password=PASSWORD)
    assert "/oauth/authorize" in forms(inside.text)


def test_t3_applications_are_registered_changed_and_removed(local: LocalHub, visitor: Visitor) -> None:
    wrong = visitor.send(visitor.get(SETTINGS), SETTINGS, name="", redirect_uris="http://example.org", kind="x")
    assert wrong.status == 422
    assert wrong.text.count("field-error") == 3
    client_id, secret = registered(visitor)
    here = f"{SETTINGS}/{client_id}"
    assert secret not in visitor.get(here).text
    assert visitor.send(visitor.get(here), here, redirect_uris="nowhere").status == 422
    assert "Better" in visitor.send(visitor.get(here), here, name="Better").text
    page = visitor.send(visitor.get(here), f"{here}/secret")
    assert "The secret of the application" in page.text
    field = {"grant_type": "refresh_token", "refresh_token": "x"}
    assert ask(local, "/oauth/token", headers=basic(client_id, secret), **field).json()["error"] == "invalid_client"
    local.hub.directory.create_user("eve", password=PASSWORD)
    eve = Visitor(local.client)
    eve.sign_in("eve")
    assert eve.get(here).status == 404
    assert eve.post(here, {"csrf": eve.csrf, "name": "x", "scope": "openid"}).status == 404
    assert "The application is removed" in visitor.send(page, f"{here}/delete").text
    assert visitor.get(here).status == 404


def test_clients_discover_where_everything_is(local: LocalHub) -> None:
    found = local.client.get("/.well-known/openid-configuration").json()
    assert found["issuer"] == ISSUER
    assert all(address.startswith(ISSUER) for name, address in found.items() if name.endswith(("_endpoint", "_uri")))
    assert DEVICE_GRANT in found["grant_types_supported"]
    plain = local.user("bob")
    assert local.client.get("/oauth/userinfo", token=plain.token).json()["preferred_username"] == "bob"
    assert local.client.get("/oauth/userinfo", token="hf_wrong").json()["error"] == "invalid_token"
    unknown = ask(local, "/oauth/token", grant_type="password", username="bob", password=PASSWORD)
    assert (unknown.status, unknown.json()["error"]) == (400, "unsupported_grant_type")
    assert ask(local, "/oauth/device", client_id="unknown").json()["error"] == "invalid_client"
