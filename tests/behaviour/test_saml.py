"""Signing in at an organisation's SAML provider, over both databases (ui.md U3, reliability.md E-OIDC-3)."""

import re
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from urllib.parse import urlsplit

import pytest

from pioche.accounts import org_sso
from pioche.accounts.members import Role
from pioche.config import Config
from tests.asgi import Answer
from tests.local import LocalHub
from tests.saml import Provider
from tests.visitor import PASSWORD, Visitor

pytestmark = pytest.mark.usefixtures("cheap_passwords")

HERE = "/organizations/lab/settings/sso"
FROM_THERE = {"origin": "https://idp.example.org", "sec-fetch-site": "cross-site"}


@pytest.fixture(scope="module")
def one() -> Provider:
    return Provider()


@pytest.fixture
def provider(one: Provider) -> Iterator[Provider]:
    forge = one.forge
    yield one
    one.forge = forge


@pytest.fixture
def lab(config: Config) -> Iterator[LocalHub]:
    """`lab` of grace, with bob in it, has a private repo."""
    local = LocalHub(config)
    directory = local.hub.directory
    for name in ("grace", "bob"):
        directory.create_user(name, password=PASSWORD)
    org = directory.create_org("lab", creator_id=directory.get_user("grace").id)
    directory.members.add(org, directory.get_user("bob"), Role.WRITE)
    made = {"name": "secret", "organization": "lab", "private": True}
    token = directory.tokens.create(directory.get_user("grace"))[0]
    assert local.client.post("/api/repos/create", token=token, json=made).status == 200
    yield local
    local.close()


def signed_in(local: LocalHub, name: str) -> Visitor:
    visitor = Visitor(local.client)
    visitor.sign_in(name)
    return visitor


def set_up(grace: Visitor, provider: Provider, **more: str) -> Answer:
    fields = {"saml_provider": "Lab ID", "metadata": provider.metadata(), "saml_hours": "8"}
    return grace.send(grace.get(HERE), f"{HERE}/saml", **fields | more)


def gone(visitor: Visitor, target: str = "/lab") -> str:
    """Where the page leads on to."""
    page = visitor.send(visitor.get(f"/organizations/lab/sso?next={target}"), "/organizations/lab/sso")
    found = re.search(r'http-equiv="refresh" content="0; url=([^"]+)"', page.text)
    assert found is not None
    return unescape(found[1])


def brought(visitor: Visitor, local: LocalHub, sent: str) -> Answer:
    """The form of the provider's page, which a browser sends without our cookies."""
    org = local.hub.directory.get_org("lab")
    stranger = Visitor(visitor.client)
    return stranger.post(f"/login/sso/{org.uid}/saml/acs", {"SAMLResponse": sent}, headers=FROM_THERE, follow=False)


def led_on(visitor: Visitor, answer: Answer, *, follow: bool = True) -> Answer:
    assert answer.status == 303, answer.text
    parts = urlsplit(answer.headers["location"])
    return visitor.get(f"{parts.path}?{parts.query}", headers={"sec-fetch-site": "cross-site"}, follow=follow)


def show(visitor: Visitor, local: LocalHub, provider: Provider, subject: str, target: str = "/lab") -> Answer:
    provider.sign_in(subject)
    return led_on(visitor, brought(visitor, local, provider.answer(gone(visitor, target))))


def links(local: LocalHub) -> list[str]:
    org = local.hub.directory.get_org("lab")
    return [one.account.name for one in org_sso.links(local.hub.database, org)]


def test_u3_saml_is_set_up_shown_and_demanded(lab: LocalHub, provider: Provider) -> None:
    directory, secret = lab.hub.directory, "/api/models/lab/secret"
    grace, bob = signed_in(lab, "grace"), signed_in(lab, "bob")
    token = directory.tokens.create(directory.get_user("bob"))[0]
    page = set_up(grace, provider)
    assert page.status == 200
    assert provider.entity_id in page.text
    assert f"{directory.get_org('lab').uid}/saml/acs" in page.text
    metadata = lab.client.get(f"/login/sso/{directory.get_org('lab').uid}/saml/metadata")
    assert metadata.headers["content-type"] == "application/samlmetadata+xml"
    assert show(grace, lab, provider, "g").status == 200
    assert grace.send(grace.get(HERE), f"{HERE}/demand", required="yes").status == 200
    assert lab.client.get(secret, token=token).headers["x-error-code"] == "SSORequired"
    assert "lab/secret" in show(bob, lab, provider, "b", "/lab/secret").text
    assert lab.client.get(secret, token=token).status == 200
    assert links(lab) == ["bob", "grace"]
    assert not any("sso" in name for name in bob.cookies)


def test_u3_saml_whose_address_it_is_is_what_the_provider_says(lab: LocalHub, provider: Provider) -> None:
    grace, bob = signed_in(lab, "grace"), signed_in(lab, "bob")
    set_up(grace, provider, email_attribute="mail")
    provider.sign_in("g", mail="Grace@example.org")
    led_on(grace, brought(grace, lab, provider.answer(gone(grace))))
    assert "grace@example.org" in grace.get(HERE).text
    assert show(bob, lab, provider, "g").status == 409  # hers


def test_e_saml_an_assertion_counts_once(lab: LocalHub, provider: Provider) -> None:
    grace = signed_in(lab, "grace")
    set_up(grace, provider)
    sent = provider.answer(gone(grace))
    first = brought(grace, lab, sent)
    refused = brought(grace, lab, sent)
    assert (refused.status, "taken already" in refused.text) == (403, True)
    assert led_on(grace, first).status == 200


def test_e_saml_nobody_is_signed_in_as_somebody_else(lab: LocalHub, provider: Provider) -> None:
    """Login CSRF: the answer to what another browser asked, or to what nobody asked."""
    grace, bob = signed_in(lab, "grace"), signed_in(lab, "bob")
    set_up(grace, provider)
    provider.sign_in("g")
    hers = brought(grace, lab, provider.answer(gone(grace)))
    gone(bob)
    assert led_on(bob, hers).status == 403
    assert led_on(Visitor(lab.client), hers, follow=False).status in (303, 401, 403)
    provider.forge = lambda said: replace(said, asked="", answer_asked="")
    unasked = brought(bob, lab, provider.answer(gone(bob)))
    assert (unasked.status, "nobody asked for" in unasked.text) == (403, True)
    assert links(lab) == []


def test_e_saml_another_session_and_a_bent_address_are_refused(lab: LocalHub, provider: Provider) -> None:
    grace = signed_in(lab, "grace")
    set_up(grace, provider)
    found = brought(grace, lab, provider.answer(gone(grace)))
    bent = urlsplit(found.headers["location"])
    assert grace.get(f"{bent.path}?{bent.query}x").status == 403
    note = {name: value for name, value in grace.cookies.items() if "sso" in name}
    again = signed_in(lab, "grace")
    again.cookies |= note
    assert led_on(again, found).status == 403
    assert links(lab) == []


def test_u3_saml_another_provider_takes_its_place(lab: LocalHub, provider: Provider) -> None:
    grace, org = signed_in(lab, "grace"), lab.hub.directory.get_org("lab")
    assert brought(grace, lab, "").status == 404  # there is none yet
    assert set_up(grace, provider, metadata="<a/>").status == 422
    assert set_up(grace, provider, metadata="", entity_id="x").status == 422
    assert set_up(grace, provider, saml_hours="0").status == 422
    set_up(grace, provider)
    show(grace, lab, provider, "g")
    rolled = Provider(entity_id=provider.entity_id)
    assert set_up(grace, provider, metadata=rolled.metadata()).status == 200  # another key of the same provider
    assert links(lab) == ["grace"]
    assert brought(grace, lab, provider.answer(gone(grace))).status == 403
    assert grace.get(f"/login/sso/{org.uid}/callback?state=x&code=y").status == 404  # it does not speak OpenID
    assert set_up(grace, Provider(entity_id="https://other.example.org")).status == 200
    assert links(lab) == []
    grace.send(grace.get(HERE), f"{HERE}/remove")
    assert grace.get("/organizations/lab/sso").status == 404
