"""E-OIDC-1: what comes back from an OpenID provider proves who somebody is, or nothing happens (reliability.md section E)."""

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey

from tests.databases import SqliteTemplate
from tests.local import LocalHub
from tests.openid import Claims, Provider, settings
from tests.visitor import PASSWORD, Visitor

pytestmark = pytest.mark.usefixtures("cheap_passwords")


@pytest.fixture(scope="module")
def world(
    sqlite_template: SqliteTemplate, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[LocalHub, Provider]]:
    with Provider() as provider:
        folder = tmp_path_factory.mktemp("hub")
        config = sqlite_template.config(folder / "data", **settings(provider), oidc_sign_up="on")
        local = LocalHub(config)
        local.hub.directory.create_user("grace", password=PASSWORD, email="grace@example.org")
        yield local, provider
        local.close()


@pytest.fixture
def local(world: tuple[LocalHub, Provider]) -> LocalHub:
    return world[0]


@pytest.fixture
def provider(world: tuple[LocalHub, Provider]) -> Iterator[Provider]:
    provider = world[1]
    provider.sign_in(sub="good", preferred_username="good")
    forge, sign = provider.forge, provider.sign
    yield provider
    provider.forge, provider.sign, provider.metadata = forge, sign, {}


def gone(local: LocalHub, path: str = "/login/sso") -> tuple[Visitor, str]:
    """Somebody at the provider, and where they were sent."""
    visitor = Visitor(local.client)
    return visitor, visitor.get(path, follow=False).headers["location"]


def back(visitor: Visitor, address: str) -> int:
    parts = urlsplit(address)
    path = f"{parts.path}?{parts.query}"
    return visitor.get(path, headers={"sec-fetch-site": "cross-site"}, follow=False).status


def unsigned(claims: Claims) -> str:
    parts = [
        base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in ({"alg": "none"}, claims)
    ]
    return ".".join([*parts, ""])


FORGED: dict[str, Callable[[Claims], Claims]] = {
    "audience": lambda claims: {**claims, "aud": "another"},
    "audiences": lambda claims: {**claims, "aud": ["another", "pioche"]},
    "party": lambda claims: {**claims, "azp": "another"},
    "issuer": lambda claims: {**claims, "iss": claims["iss"] + "/"},
    "expired": lambda claims: {**claims, "exp": claims["exp"] - 1000},
    "no end": lambda claims: {key: value for key, value in claims.items() if key != "exp"},
    "not yet": lambda claims: {**claims, "nbf": claims["exp"]},
    "nonce": lambda claims: {**claims, "nonce": "of another attempt"},
    "no nonce": lambda claims: {key: value for key, value in claims.items() if key != "nonce"},
    "nobody": lambda claims: {**claims, "sub": ""},
}


@pytest.mark.parametrize("name", FORGED)
def test_e_oidc_1_a_claim_that_is_not_for_us(local: LocalHub, provider: Provider, name: str) -> None:
    provider.forge = FORGED[name]
    visitor, url = gone(local)
    assert back(visitor, provider.authorize(url)) == 403
    assert visitor.session is None


def test_e_oidc_1_signatures_that_prove_nothing(local: LocalHub, provider: Provider) -> None:
    stranger = ECKey.generate_key("P-256", parameters={"kid": provider.key.kid})
    public = json.dumps(provider.key.as_dict(private=False))
    shared = OctKey.import_key(public)
    signs: list[Callable[[Claims], str]] = [
        unsigned,
        lambda claims: jwt.encode({"alg": "ES256", "kid": provider.key.kid}, claims, stranger),
        lambda claims: jwt.encode({"alg": "HS256", "kid": provider.key.kid}, claims, shared),
        lambda claims: jwt.encode({"alg": "ES256", "kid": "../../etc/passwd"}, claims, provider.key),
        lambda claims: "not.a.token",
        lambda claims: provider.signed(claims)[:-4] + "AAAA",
    ]
    for sign in signs:
        provider.sign = sign
        visitor, url = gone(local)
        assert back(visitor, provider.authorize(url)) == 403
        assert visitor.session is None


def test_e_oidc_1_the_answer_is_the_browsers_own(local: LocalHub, provider: Provider) -> None:
    """A state of another browser (signing a victim in as the attacker), no state, a code twice, another browser's code."""
    _attacker, hers = gone(local)
    victim, own = gone(local)
    attackers = provider.authorize(hers)
    assert back(victim, attackers) == 403
    assert back(Visitor(local.client), attackers) == 403
    assert back(victim, attackers.partition("&state=")[0]) == 403
    stolen = attackers.partition("code=")[2].partition("&")[0]
    victims = provider.authorize(own)
    injected = victims.replace(victims.partition("code=")[2].partition("&")[0], stolen)
    assert back(victim, injected) == 403  # PKCE: another browser's secret
    assert victim.session is None
    assert back(victim, victims) == 303
    assert back(victim, victims) == 403  # the note is used up


def test_e_oidc_1_a_replayed_token_is_of_another_attempt(local: LocalHub, provider: Provider) -> None:
    visitor, url = gone(local)
    assert back(visitor, provider.authorize(url)) == 303
    old = provider.issued[-1]
    provider.sign = lambda claims: old
    other, url = gone(local)
    assert back(other, provider.authorize(url)) == 403


def test_e_oidc_1_another_provider_cannot_answer(local: LocalHub, provider: Provider) -> None:
    """Mix-up: by the name that it puts into its answer, and by the address that belongs to another one."""
    visitor, url = gone(local)
    answer = provider.authorize(url)
    assert back(visitor, answer.replace("&iss=http", "&iss=https")) == 403
    org = local.hub.directory.create_org("mixed", creator_id=local.hub.directory.get_user("grace").id)
    from pioche.accounts import org_sso

    wanted = org_sso.parse("Other", provider.issuer, provider.client, provider.secret, "1")
    org_sso.save(local.hub.database, org, wanted, actor_id=1)
    grace = Visitor(local.client)
    grace.sign_in("grace")
    url = grace.get("/login/sso", follow=False).headers["location"]
    mixed = provider.authorize(url).replace("/login/sso/", f"/login/sso/{org.uid}/")
    assert back(grace, mixed) == 403


@pytest.mark.parametrize("verified", [False, None, "yes", 1])
def test_e_oidc_1_an_address_that_nobody_verified_is_nothing(
    local: LocalHub, provider: Provider, verified: Any
) -> None:
    provider.sign_in(
        sub=f"liar {verified}", preferred_username="liar", email="grace@example.org", email_verified=verified
    )
    visitor, url = gone(local)
    assert back(visitor, provider.authorize(url)) == 303
    name = local.client.get("/api/whoami-v2", headers=visitor.cookie).json()["name"]
    assert name.startswith("liar")
    assert local.hub.directory.get_user(name).email is None


def test_e_oidc_1_a_verified_address_opens_no_account(local: LocalHub, provider: Provider) -> None:
    provider.sign_in(sub="other", email="GRACE@example.org", email_verified=True)
    visitor, url = gone(local)
    assert back(visitor, provider.authorize(url)) == 409
    assert visitor.session is None


def test_e_oidc_1_linking_is_for_the_session_that_asked(local: LocalHub, provider: Provider) -> None:
    """Neither a link of another site nor somebody else's session links an identity."""
    grace = Visitor(local.client)
    grace.sign_in("grace")
    assert grace.get("/settings/identities/link").status == 405
    foreign = {"origin": "https://evil.example", "sec-fetch-site": "cross-site"}
    assert grace.post("/settings/identities/link", {"password": PASSWORD}, headers=foreign).status == 403
    here = "/settings/identities"
    page = grace.send(grace.get(here), f"{here}/link", password=PASSWORD)
    url = page.text.partition("0; url=")[2].partition('"')[0].replace("&amp;", "&")
    local.hub.directory.create_user("mallory", password=PASSWORD)
    grace.sign_in("mallory") if grace.session is None else grace.cookies.update(_session(local, "mallory"))
    assert back(grace, provider.authorize(url)) == 403


def _session(local: LocalHub, name: str) -> dict[str, str]:
    other = Visitor(local.client)
    other.sign_in(name)
    return other.cookies


@pytest.mark.parametrize("target", ["//evil.example", "https://evil.example", "/\\evil.example", "/login?x"])
def test_f_redir_signing_in_leads_to_this_hub(local: LocalHub, provider: Provider, target: str) -> None:
    visitor, url = gone(local, f"/login/sso?next={target}")
    parts = urlsplit(provider.authorize(url))
    answer = visitor.get(f"{parts.path}?{parts.query}", headers={"sec-fetch-site": "cross-site"}, follow=False)
    assert (answer.status, answer.headers["location"]) == (303, "/")


def test_g_ssrf_a_provider_inside_is_not_called(local: LocalHub, provider: Provider) -> None:
    """By the form of an organisation, and by what a provider says of itself."""
    grace = Visitor(local.client)
    grace.sign_in("grace")
    local.hub.directory.create_org("inside", creator_id=local.hub.directory.get_user("grace").id)
    here = "/organizations/inside/settings/sso"
    fields = {"provider": "x", "client_id": "x", "client_secret": "x", "hours": "1"}
    for issuer in (
        "http://169.254.169.254",
        "https://10.0.0.1",
        "https://[::1]:1",
        "http://127.0.0.1:1",
        "http://example.org",
        "file:///etc/passwd",
        "https://user:pass@example.org",
        provider.issuer + "/?x=y",
    ):
        refused = grace.send(grace.get(here), here, issuer=issuer, **fields)
        assert refused.status == 422, issuer
    with Provider() as other:
        asked = len(other.asked)
        for name in ("token_endpoint", "jwks_uri", "userinfo_endpoint", "authorization_endpoint"):
            provider.metadata = {name: f"{other.issuer.replace('127.0.0.1', '127.0.0.2')}/x"}
            assert grace.send(grace.get(here), here, issuer=provider.issuer, **fields).status in (303, 422)
        assert len(other.asked) == asked
    provider.metadata = {"issuer": "https://id.example.org"}
    assert grace.send(grace.get(here), here, issuer=provider.issuer, **fields).status == 422
