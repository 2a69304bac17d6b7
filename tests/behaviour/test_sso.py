"""Signing in at OpenID providers, over both databases: the hub's own, and an organisation's (ui.md A1, T2, U3)."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from html import unescape
from typing import Any
from urllib.parse import urlsplit

import pytest
import sqlalchemy as sa

from pioche.accounts.members import Role
from pioche.config import Config
from pioche.db import schema
from pioche.webhooks.readers import may_read
from tests.asgi import Answer
from tests.local import LocalHub
from tests.openid import CLIENT, SECRET, Provider, settings
from tests.visitor import PASSWORD, Visitor

pytestmark = pytest.mark.usefixtures("cheap_passwords")


@pytest.fixture(scope="module")
def one() -> Iterator[Provider]:
    with Provider() as provider:
        yield provider


@pytest.fixture
def provider(one: Provider) -> Provider:
    one.sign_in(sub="42", preferred_username="ada", name="Ada L.", email="ada@example.org", email_verified=True)
    return one


@pytest.fixture
def hub(config: Config, provider: Provider) -> Iterator[Callable[..., LocalHub]]:
    """One hub over the database, begun again for other settings."""
    made = list[LocalHub]()

    def make(**more: Any) -> LocalHub:
        made.append(LocalHub(replace(config, **{**settings(provider), "oidc_sign_up": "on", **more})))
        return made[-1]

    yield make
    for opened in made:
        opened.close()


def enter(visitor: Visitor, provider: Provider, path: str = "/login/sso", *, follow: bool = True) -> Answer:
    """There and back."""
    asked = visitor.get(path, follow=False)
    assert asked.status == 303, asked.text
    return come_back(visitor, provider, asked.headers["location"], follow=follow)


def come_back(visitor: Visitor, provider: Provider, url: str, *, follow: bool = True) -> Answer:
    back = urlsplit(provider.authorize(url))
    elsewhere = {"sec-fetch-site": "cross-site"}
    return visitor.get(f"{back.path}?{back.query}", headers=elsewhere, follow=follow)


def leaving(page: Answer) -> str:
    """Where a page leads on to."""
    assert page.status == 200, page.text
    found = re.search(r'http-equiv="refresh" content="0; url=([^"]+)"', page.text)
    assert found is not None
    return unescape(found[1])


def name_of(visitor: Visitor) -> str | None:
    answer = visitor.client.get("/api/whoami-v2", headers=visitor.cookie)
    return answer.json()["name"] if answer.status == 200 else None


def test_a1_somebody_signs_up_and_comes_back(hub: Callable[..., LocalHub], provider: Provider) -> None:
    local = hub()
    visitor = Visitor(local.client)
    page = visitor.get("/login?next=/models")
    assert "Example ID" in page.text
    assert "/login/sso?next=/models" in page.text
    landed = enter(visitor, provider, "/login/sso?next=/models", follow=False)
    assert (landed.status, landed.headers["location"]) == (303, "/models")
    assert name_of(visitor) == "ada"
    assert not any("sso" in name for name in visitor.cookies)
    ada = local.hub.directory.get_user("ada")
    assert (ada.fullname, ada.email) == ("Ada L.", "ada@example.org")
    again = Visitor(local.client)
    provider.who["email"] = "countess@example.org"  # it is the subject that counts
    assert enter(again, provider).status == 200
    assert name_of(again) == "ada"
    local.hub.directory.suspend(ada)
    assert enter(Visitor(local.client), provider).status == 403


def test_a1_a_name_that_is_taken_gets_a_number(hub: Callable[..., LocalHub], provider: Provider) -> None:
    local = hub()
    local.hub.directory.create_user("ada", password=PASSWORD)
    local.hub.directory.create_org("ada-2")
    visitor = Visitor(local.client)
    enter(visitor, provider)
    assert name_of(visitor) == "ada-3"
    provider.sign_in(sub="43", preferred_username="../../admin", email="x", email_verified=True)
    other = Visitor(local.client)
    enter(other, provider)
    assert name_of(other) == "admin-2"


def test_a1_who_may_come_in(hub: Callable[..., LocalHub], provider: Provider) -> None:
    closed = hub(oidc_sign_up="off")
    assert enter(Visitor(closed.client), provider).status == 403
    by_domain = hub(oidc_domains=("other.org",))
    assert enter(Visitor(by_domain.client), provider).status == 403
    by_group = hub(oidc_groups=("modellers",), oidc_claims=("groups=teams", "name=nick"))
    assert enter(Visitor(by_group.client), provider).status == 403
    provider.sign_in(sub="42", told={"teams": ["cooks", "modellers"], "nick": "lovelace"})
    visitor = Visitor(by_group.client)
    assert enter(visitor, provider).status == 200
    assert name_of(visitor) == "lovelace"


def test_t2_an_account_is_linked_and_unlinked_by_its_owner(hub: Callable[..., LocalHub], provider: Provider) -> None:
    local = hub()
    local.hub.directory.create_user("grace", password=PASSWORD, email="ada@example.org")
    assert enter(Visitor(local.client), provider).status == 409  # an account with that address: never by itself
    grace = Visitor(local.client)
    grace.sign_in("grace")
    here = "/settings/identities"
    assert grace.send(grace.get(here), f"{here}/link", password="a guess").status == 422
    url = leaving(grace.send(grace.get(here), f"{here}/link", password=PASSWORD))
    assert "You can sign in there" in come_back(grace, provider, url).text.replace("you can", "You can")
    other = Visitor(local.client)
    enter(other, provider)
    assert name_of(other) == "grace"
    assert 'role="status"' in grace.send(grace.get(here), f"{here}/unlink", password=PASSWORD).text
    assert enter(Visitor(local.client), provider).status == 409


def test_t2_the_last_way_in_stays(hub: Callable[..., LocalHub], provider: Provider) -> None:
    local = hub()
    visitor, here = Visitor(local.client), "/settings/identities"
    enter(visitor, provider)
    assert visitor.post(f"{here}/unlink", {"csrf": visitor.csrf, "password": ""}).status == 422
    url = leaving(visitor.send(visitor.get(here), f"{here}/password"))
    assert "prompt=login" in url
    chosen = come_back(visitor, provider, url)
    done = visitor.send(chosen, "/login/password", new_password=PASSWORD, repeated=PASSWORD)
    assert done.status == 200
    assert 'role="status"' in visitor.send(visitor.get(here), f"{here}/unlink", password=PASSWORD).text
    assert Visitor(local.client).sign_in("ada").status == 200


# --- an organisation's own ------------------------------------------------------------------------------------------


@pytest.fixture
def lab(hub: Callable[..., LocalHub], provider: Provider) -> LocalHub:
    """`lab` of grace, with bob in it, has a private repo."""
    local = hub(oidc_issuer="", oidc_client_id="")
    directory = local.hub.directory
    for name in ("grace", "bob", "eve"):
        directory.create_user(name, password=PASSWORD)
    org = directory.create_org("lab", creator_id=directory.get_user("grace").id)
    directory.members.add(org, directory.get_user("bob"), Role.WRITE)
    made = {"name": "secret", "organization": "lab", "private": True}
    token = directory.tokens.create(directory.get_user("grace"))[0]
    assert local.client.post("/api/repos/create", token=token, json=made).status == 200
    return local


def signed_in(local: LocalHub, name: str) -> Visitor:
    visitor = Visitor(local.client)
    visitor.sign_in(name)
    return visitor


def set_up(grace: Visitor, provider: Provider, **more: str) -> Answer:
    here = "/organizations/lab/settings/sso"
    fields = {
        "provider": "Lab ID",
        "issuer": provider.issuer,
        "client_id": CLIENT,
        "client_secret": SECRET,
        "hours": "8",
    }
    return grace.send(grace.get(here), here, **fields | more)


def show(visitor: Visitor, provider: Provider, sub: str, target: str = "/lab", **claims: Any) -> Answer:
    """Signs in to the organisation."""
    provider.sign_in(sub=sub, **claims)
    page = visitor.get(f"/organizations/lab/sso?next={target}")
    return come_back(visitor, provider, leaving(visitor.send(page, "/organizations/lab/sso")))


def demand(grace: Visitor, required: str = "yes") -> Answer:
    here = "/organizations/lab/settings/sso"
    return grace.send(grace.get(here), f"{here}/demand", required=required)


def test_u3_sso_is_demanded_of_sessions_and_tokens(lab: LocalHub, provider: Provider) -> None:
    directory, secret = lab.hub.directory, "/api/models/lab/secret"
    grace, bob = signed_in(lab, "grace"), signed_in(lab, "bob")
    token = directory.tokens.create(directory.get_user("bob"))[0]
    assert set_up(grace, provider).status == 200
    assert demand(grace).status == 409  # she would shut herself out
    assert show(grace, provider, "g").status == 200
    assert lab.client.get(secret, token=token).status == 200
    assert demand(grace).status == 200
    for refused in (lab.client.get(secret, token=token), lab.client.get(secret, headers=bob.cookie)):
        assert (refused.status, refused.headers["x-error-code"]) == (403, "SSORequired")
    assert lab.client.get("/api/models?author=lab", token=token).json() == []
    page = bob.get("/lab/secret")
    assert (page.status, "/organizations/lab/sso?next=/lab/secret" in page.text) == (403, True)
    assert show(bob, provider, "b", "/lab/secret").status == 200
    assert lab.client.get(secret, token=token).status == 200
    assert lab.client.get(secret, headers=signed_in(lab, "bob").cookie).status == 403  # another browser
    assert [link.account.name for link in _links(lab)] == ["bob", "grace"]
    # What bob may do ends with the link, at once, and with time.
    unlinked = "/settings/identities/organizations/lab/unlink"
    bob.send(bob.get("/settings/identities"), unlinked)
    assert lab.client.get(secret, token=token).status == 403
    assert bob.get("/lab/secret").status == 403
    show(bob, provider, "b")
    assert lab.client.get(secret, token=token).status == 200
    for table, column in ((schema.org_identities, "verified_at"), (schema.org_sign_ins, "at")):
        with lab.hub.database.write() as connection:
            connection.execute(table.update().values({column: 1}))
    assert lab.client.get(secret, token=token).status == 403
    assert grace.get("/organizations/lab/settings/sso").status == 403
    show(grace, provider, "g")
    assert demand(grace, "").status == 200
    assert lab.client.get(secret, token=token).status == 200


def test_u3_sso_a_webhook_hears_what_a_token_would(lab: LocalHub, provider: Provider) -> None:
    bob, repo = lab.hub.directory.get_user("bob"), _repo(lab)
    grace = signed_in(lab, "grace")
    set_up(grace, provider)
    show(grace, provider, "g")
    assert may_read(lab.hub.access, bob.id, repo)
    demand(grace)
    assert not may_read(lab.hub.access, bob.id, repo)
    visitor = signed_in(lab, "bob")
    show(visitor, provider, "b")
    assert may_read(lab.hub.access, bob.id, repo)
    with lab.hub.database.write() as connection:
        connection.execute(schema.org_identities.update().values(verified_at=1))
    assert not may_read(lab.hub.access, bob.id, repo)
    with lab.hub.database.write() as connection:
        connection.execute(schema.repos.update().values(private=False))
    assert may_read(lab.hub.access, bob.id, repo)  # what is public everybody sees


def _repo(local: LocalHub) -> int:
    with local.hub.database.read() as connection:
        return int(connection.execute(sa.select(schema.repos.c.id)).scalar_one())


def _links(local: LocalHub) -> list[Any]:
    from pioche.accounts import org_sso

    return org_sso.links(local.hub.database, local.hub.directory.get_org("lab"))


def test_u3_sso_an_answer_that_is_remembered_ends_in_time(lab: LocalHub, provider: Provider) -> None:
    """A token's good standing ends without anything being written."""
    directory, secret = lab.hub.directory, "/api/models/lab/secret"
    grace, bob = signed_in(lab, "grace"), signed_in(lab, "bob")
    token = directory.tokens.create(directory.get_user("bob"))[0]
    set_up(grace, provider, hours="1")
    show(grace, provider, "g")
    demand(grace)
    show(bob, provider, "b")
    caller = lab.client.run(lab.hub.callers.by_token(token))
    assert lab.hub.callers.counts_still(caller)
    assert caller.barred_at is not None
    verified = schema.org_identities.c.verified_at
    with lab.hub.database.read() as connection:
        at = connection.execute(sa.select(sa.func.max(verified))).scalar_one()
    assert caller.barred_at == at + 3_600_000
    assert lab.client.get(secret, token=token).status == 200


def test_u3_sso_one_identity_is_one_member(lab: LocalHub, provider: Provider) -> None:
    grace, bob, eve = (signed_in(lab, name) for name in ("grace", "bob", "eve"))
    set_up(grace, provider)
    show(grace, provider, "g")
    assert show(bob, provider, "g").status == 409  # hers
    assert show(bob, provider, "b").status == 200
    assert show(bob, provider, "c").status == 409  # he is another one there
    assert eve.get("/organizations/lab/sso").status == 403  # no member
    assert eve.post("/organizations/lab/sso", {"csrf": eve.csrf}).status == 403


def test_u3_sso_another_provider_begins_anew(lab: LocalHub, provider: Provider) -> None:
    grace = signed_in(lab, "grace")
    set_up(grace, provider)
    show(grace, provider, "g")
    demand(grace)
    assert set_up(grace, provider, client_secret="").status == 200  # kept for the same provider
    assert set_up(grace, provider, issuer="https://id.example.org", client_secret="").status == 422
    with Provider() as other:
        assert set_up(grace, other).status == 422  # outbound_allowed does not name it
    assert set_up(grace, provider, hours="0").status == 422
    assert len(_links(lab)) == 1
    here = "/organizations/lab/settings/sso"
    grace.send(grace.get(here), f"{here}/remove")
    assert _links(lab) == []
    assert "lab/secret" in grace.get("/lab").text
