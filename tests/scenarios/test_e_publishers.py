"""E-OIDC-2: a job is given a token for what its issuer signed of it, once, and for nothing that was not asked for
(reliability.md section E); adding publishers (ui.md S1)."""

import base64
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey

from pioche.accounts import exchanging, publishers
from pioche.accounts.callers import Caller
from pioche.accounts.members import Role
from pioche.db import schema
from pioche.names import RepoId, RepoType
from pioche.repos.access import Action, Repo
from tests.asgi import HOST, Answer
from tests.databases import SqliteTemplate
from tests.local import LocalHub, User
from tests.openid import Claims, Provider
from tests.visitor import PASSWORD, Visitor

pytestmark = pytest.mark.usefixtures("cheap_passwords")

AUDIENCE = f"http://{HOST}"
GRANT = "urn:ietf:params:oauth:grant-type:token-exchange"
JOB = {"repository": "Octo/Words", "ref": "refs/heads/main", "repository_id": "42", "repository_owner_id": "7"}
ASKED = {"repository": "Octo/Words", "ref": "refs/heads/main"}


class World:
    """A hub, an issuer of identity tokens, and ada, who has a repo with a publisher."""

    def __init__(self, local: LocalHub, issuer: Provider) -> None:
        self.local, self.issuer = local, issuer
        self.ada = local.user("ada")
        local.hub.directory.set_password(local.hub.directory.get("ada"), PASSWORD)
        for name in ("words", "other"):
            local.create_repo(self.ada, f"ada/{name}", private=True)
        self.add("ada/words")

    def add(self, name: str, claims: dict[str, str] = ASKED, *, user: str = "ada") -> None:
        hub = self.local.hub
        repo = self.open(name)
        publishers.add(hub.database, hub.directory.get(user), self.issuer.issuer, claims, repo_id=repo.id)

    def open(self, name: str, type: RepoType = RepoType.MODEL) -> Repo:
        return self.local.hub.access.open_sync(Caller.operator(), RepoId.parse(type, name), Action.MANAGE)

    def claims(self, **changed: Any) -> Claims:
        now = int(time.time())
        told = {"iss": self.issuer.issuer, "aud": AUDIENCE, "sub": "repo:Octo/Words", "iat": now, "exp": now + 300}
        return told | {"jti": base64.b16encode(time.time_ns().to_bytes(8)).decode()} | JOB | changed

    def exchange(self, identity: str, resource: str = "ada/words", **changed: Any) -> Answer:
        body = {"grant_type": GRANT, "subject_token": identity, "resource": resource, **changed}
        return self.local.client.post("/oauth/token", json=body)

    def come(self, resource: str = "ada/words", **changed: Any) -> Answer:
        """A job, with a token of its own."""
        return self.exchange(self.issuer.signed(self.claims(**changed)), resource)

    def token(self, resource: str = "ada/words", **changed: Any) -> str:
        answer = self.come(resource, **changed)
        assert answer.status == 200, answer.text
        token: str = answer.json()["access_token"]
        return token


@pytest.fixture(scope="module")
def shared(sqlite_template: SqliteTemplate, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with Provider() as issuer:
        issuer.metadata = {"authorization_endpoint": "", "token_endpoint": ""}
        folder = tmp_path_factory.mktemp("publishers")
        local = LocalHub(sqlite_template.config(folder / "data", outbound_allowed=(issuer.allowed,)))
        yield World(local, issuer)
        local.close()


@pytest.fixture
def world(shared: World) -> World:
    return shared


def refused(answer: Answer) -> bool:
    assert answer.status == 400, (answer.status, answer.text)
    assert answer.headers["cache-control"] == "no-store"
    return bool(answer.json()["error"] == "invalid_grant")


def test_e_oidc_2_a_job_writes_to_the_repo_and_to_nothing_else(world: World) -> None:
    answer = world.come()
    told = answer.json()
    assert (told["token_type"], told["expires_in"]) == ("bearer", 900)
    token = told["access_token"]
    job = User(world.ada.id, "ada", token)
    world.local.commit(job, "ada/words", {"a.txt": b"by a job"})
    client = world.local.client
    assert client.get("/ada/words/resolve/main/a.txt", token=token).body == b"by a job"
    assert client.get("/api/models/ada/other", token=token).status == 404
    assert client.post("/api/repos/create", token=token, json={"name": "new"}).status == 403
    assert client.get("/settings/tokens", token=token).status in (303, 403)
    whoami = client.get("/api/whoami-v2", token=token).json()["auth"]["accessToken"]
    assert (whoami["role"], whoami["displayName"]) == ("fineGrained", "publisher: ada/words")


FORGED: dict[str, Callable[[Claims], Claims]] = {
    "audience": lambda told: {**told, "aud": "https://huggingface.co"},
    "audiences": lambda told: {**told, "aud": [AUDIENCE, "https://another.example.org"]},
    "audience by prefix": lambda told: {**told, "aud": AUDIENCE + ".example.org"},
    "no audience": lambda told: {key: value for key, value in told.items() if key != "aud"},
    "expired": lambda told: {**told, "exp": told["exp"] - 1000},
    "no end": lambda told: {key: value for key, value in told.items() if key != "exp"},
    "good for years": lambda told: {**told, "exp": told["exp"] + 10**8},
    "not yet": lambda told: {**told, "nbf": told["exp"]},
    "another ref": lambda told: {**told, "ref": "refs/heads/main2"},
    "case": lambda told: {**told, "repository": "octo/words"},
    "prefix": lambda told: {**told, "repository": "Octo/Words-2"},
    "list": lambda told: {**told, "repository": ["Octo/Words"]},
    "missing": lambda told: {key: value for key, value in told.items() if key != "ref"},
    "renamed": lambda told: {**told, "repository_id": "43"},
    "given away": lambda told: {**told, "repository_owner_id": "8"},
}


@pytest.mark.parametrize("name", FORGED)
def test_e_oidc_2_a_claim_that_is_another(world: World, name: str) -> None:
    world.token()  # the first job pins what stands behind the names
    assert refused(world.exchange(world.issuer.signed(FORGED[name](world.claims()))))


def test_e_oidc_2_an_identity_token_is_taken_once(world: World) -> None:
    told = world.claims()
    identity = world.issuer.signed(told)
    assert world.exchange(identity).status == 200
    assert refused(world.exchange(identity))
    assert refused(world.exchange(world.issuer.signed(told)))  # the same id, signed again
    without = {key: value for key, value in told.items() if key != "jti"}
    unnamed = world.issuer.signed(without)
    assert world.exchange(unnamed).status == 200
    assert refused(world.exchange(unnamed))
    assert refused(world.exchange(unnamed[:-1] + "A"))


def test_e_oidc_2_a_refusal_does_not_use_a_token_up(world: World) -> None:
    identity = world.issuer.signed(world.claims())
    assert refused(world.exchange(identity, "ada/other"))
    assert world.exchange(identity).status == 200


def test_e_oidc_2_signatures_that_prove_nothing(world: World) -> None:
    issuer = world.issuer
    stranger = ECKey.generate_key("P-256", parameters={"kid": issuer.key.kid})
    secret = OctKey.import_key("the public key, as a secret, of thirty-two bytes or more")
    told = world.claims()
    for identity in (
        jwt.encode({"alg": "ES256", "kid": issuer.key.kid}, told, stranger),
        jwt.encode({"alg": "HS256", "kid": issuer.key.kid}, told, secret),
        issuer.signed(told)[:-6] + "AAAAAA",
        "not.a.token",
        "e30.e30.",
        "x" * 20_000,
    ):
        assert refused(world.exchange(identity))


def test_e_oidc_2_nobody_is_called_for_an_issuer_that_no_publisher_names(world: World) -> None:
    with Provider() as stranger:
        now = int(time.time())
        told = {"iss": stranger.issuer, "aud": AUDIENCE, "exp": now + 300, **JOB}
        assert refused(world.exchange(stranger.signed(told)))
        assert stranger.asked == []


def test_e_oidc_2_what_is_private_is_answered_as_what_is_absent(world: World) -> None:
    identity = world.issuer.signed(world.claims())
    answers = {
        world.exchange(identity, resource).body
        for resource in ("ada/other", "ada/absent", "nobody/words", "datasets/ada/words", "ada", "nobody")
    }
    assert len(answers) == 1


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": ""}, "invalid_request"),
        ({"subject_token_type": "urn:ietf:params:oauth:token-type:saml2"}, "invalid_request"),
        ({"resource": "a/b/c/d"}, "invalid_request"),
        ({"resource": "gpt.2"}, "invalid_request"),
    ],
)
def test_what_is_asked_wrongly_is_answered_in_oauths_words(world: World, changed: dict[str, Any], word: str) -> None:
    answer = world.exchange("x.y.z", **changed)
    assert (answer.status, answer.json()["error"]) == (400, word)


def test_a_job_never_has_more_than_whoever_added_its_publisher(world: World) -> None:
    local, directory = world.local, world.local.hub.directory
    bob = local.user("bob")
    lab = directory.create_org("lab")
    directory.members.add(lab, directory.get("ada"), Role.ADMIN)
    directory.members.add(lab, directory.get("bob"), Role.WRITE)
    local.create_repo(world.ada, "lab/model", private=True)
    world.add("lab/model", user="bob")
    token = world.token("lab/model")
    job = User(bob.id, "bob", token)
    local.commit(job, "lab/model", {"a.txt": b"1"})
    directory.members.remove(lab, directory.get("bob"))
    assert local.client.get("/api/models/lab/model", token=token).status == 404


def test_removing_a_publisher_ends_the_tokens_of_its_jobs(world: World) -> None:
    local, hub = world.local, world.local.hub
    local.create_repo(world.ada, "ada/short", kind="dataset")
    repo = world.open("ada/short", RepoType.DATASET)
    publishers.add(hub.database, hub.directory.get("ada"), world.issuer.issuer, ASKED, repo_id=repo.id)
    token = world.token("datasets/ada/short")
    assert local.client.get("/api/datasets/ada/short", token=token).status == 200
    (one,) = publishers.of_repo(hub.database, repo.id)
    publishers.remove(hub.database, hub.directory.get("ada"), one.id, repo_id=repo.id)
    assert local.client.get("/api/datasets/ada/short", token=token).status == 401
    assert refused(world.come("datasets/ada/short"))


def test_a_job_of_an_account_reads_and_writes_nothing(world: World) -> None:
    local, hub = world.local, world.local.hub
    cy = local.user("cy")
    local.create_repo(cy, "cy/secret", private=True)
    account = hub.directory.get("cy")
    publishers.add(hub.database, account, world.issuer.issuer, {"repository": "cy/a"})
    publishers.add(hub.database, account, world.issuer.issuer, {"repository": "cy/b"}, reads_private=True)
    gated, private = (world.token("cy", repository=f"cy/{name}") for name in "ab")
    assert local.client.get("/api/models/cy/secret", token=gated).status == 404
    assert local.client.get("/api/models/cy/secret", token=private).status == 200
    put = {"private": False}
    assert local.client.put("/api/models/cy/secret/settings", token=private, json=put).status == 403
    scoped = local.client.get("/api/whoami-v2", token=gated).json()["auth"]["accessToken"]["fineGrained"]
    assert (scoped["canReadGatedRepos"], scoped["scoped"]) == (True, [])


def test_what_was_taken_is_forgotten_when_nobody_would_take_it(world: World) -> None:
    database = world.local.hub.database
    world.token()
    with database.read() as connection:
        before = connection.execute(sa.select(sa.func.count()).select_from(schema.taken_identities)).scalar_one()
    exchanging.sweep(database)
    with database.write() as connection:
        kept = connection.execute(sa.select(sa.func.count()).select_from(schema.taken_identities)).scalar_one()
        connection.execute(schema.taken_identities.update().values(until=1))
        connection.execute(schema.tokens.update().where(schema.tokens.c.publisher_id.is_not(None)).values(expires_at=1))
    exchanging.sweep(database)
    with database.read() as connection:
        left = connection.execute(sa.select(sa.func.count()).select_from(schema.taken_identities)).scalar_one()
        given = connection.execute(sa.select(schema.tokens.c.id).where(schema.tokens.c.publisher_id.is_not(None))).all()
    assert (before, left, given) == (kept, 0, [])
    assert before > 0


def test_s1_somebody_adds_a_publisher_and_removes_it(world: World) -> None:
    ada = Visitor(world.local.client)
    ada.sign_in("ada")
    here = "/ada/other/settings/publishers"
    wrong = ada.send(ada.get(here), here, issuer="ftp://x", claims="ref=refs/heads/main")
    assert wrong.status == 422
    assert "a branch alone does not" in wrong.text
    absent = ada.send(ada.get(here), here, issuer="https://issuer.invalid", claims="sub=1")
    assert (absent.status, "sub=1" in absent.text) == (422, True)
    page = ada.send(
        ada.get(here), here, issuer=world.issuer.issuer, claims="repository=Octo/Words\n ref = refs/heads/x"
    )
    assert "Its jobs may come for a token from now on." in page.text
    assert "ref=refs/heads/x" in page.text
    again = ada.send(ada.get(here), here, issuer=world.issuer.issuer, claims="ref=refs/heads/x\nrepository=Octo/Words")
    assert again.status == 409
    world.token("ada/other", ref="refs/heads/x")
    french = ada.get(here, headers={"accept-language": "fr"})
    assert "Éditeurs de confiance" in french.text
    assert "repository_id=42" in french.text
    (one,) = publishers.of_repo(world.local.hub.database, world.open("ada/other").id)
    ada.send(french, f"{here}/{one.id}/remove")
    assert refused(world.come("ada/other", ref="refs/heads/x"))
    log = ada.get("/settings/activity-log").text
    assert "added a trusted publisher" in log
    assert "gave a token to a job of a trusted publisher" in log


def test_a_publisher_of_ones_own_account(world: World) -> None:
    ada, here = Visitor(world.local.client), "/settings/publishers"
    ada.sign_in("ada")
    page = ada.send(ada.get(here), here, issuer=world.issuer.issuer, claims="sub=me", reads_private="yes")
    assert "reads what is private" in page.text
    (one,) = publishers.of_user(world.local.hub.database, world.ada.id)
    assert "There is no publisher yet" in ada.send(page, f"{here}/{one.id}/remove").text


def test_e_a_token_lets_no_publisher_in(world: World) -> None:
    """A job that could add a publisher would have a token for ever."""
    body = f"issuer={world.issuer.issuer}&claims=sub%3Dmine".encode()
    headers = {"content-type": "application/x-www-form-urlencoded"}
    for token in (world.token(), world.ada.token):
        answer = world.local.client.post("/ada/words/settings/publishers", token=token, body=body, headers=headers)
        assert answer.status == 403, answer.text
