"""A job of a trusted publisher, with the stock client: it asks its CI system for an identity token, or has one, and publishes
without a secret (reliability.md E-OIDC-2)."""

import json
import re
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from tests.clients import CURRENT, Kind
from tests.clientside import Client
from tests.hub import Account, Hub
from tests.openid import Provider

JOB = {"repository": "octo/words", "ref": "refs/heads/main", "repository_id": "42"}


@pytest.fixture(scope="module")
def issuer() -> Iterator[Provider]:
    with Provider() as issuer:
        issuer.metadata = {"authorization_endpoint": "", "token_endpoint": ""}
        yield issuer


@pytest.fixture(scope="module")
def listening(issuer: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """A hub that may call the issuer."""
    with Hub(tmp_path_factory.mktemp("publishers"), {"OUTBOUND_ALLOWED": issuer.allowed}) as hub:
        yield hub


class _Runner(BaseHTTPRequestHandler):
    """What a job of GitHub asks for an identity token: for the audience that it names, with the secret of the run."""

    issuer: ClassVar[Provider]

    def do_GET(self) -> None:
        (audience,) = parse_qs(urlsplit(self.path).query)["audience"]
        is_job = self.headers["Authorization"] == "Bearer of this run"
        body = json.dumps({"value": identity(self.issuer, audience)} if is_job else {}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture(scope="module")
def runner(issuer: Provider) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Runner", (_Runner,), {"issuer": issuer}))
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/token?api-version=2.0"
    server.shutdown()
    server.server_close()
    thread.join()


def identity(issuer: Provider, audience: str, **changed: str) -> str:
    now = int(time.time())
    told = {"iss": issuer.issuer, "aud": audience, "iat": now, "exp": now + 300, "jti": str(time.time_ns())}
    return issuer.signed({**told, **JOB, **changed})


def add(hub: Hub, issuer: Provider, repo: str, ada: Account) -> None:
    """As ada does it on the page."""
    page = f"{hub.endpoint}/{repo}/settings/publishers"
    name, _, value = hub.session(ada.name).partition("=")
    with httpx.Client(
        cookies={name: value}, headers={"Origin": hub.endpoint, "Sec-Fetch-Site": "same-origin"}
    ) as browser:
        csrf = re.search(r'name="csrf" value="([^"]+)"', browser.get(page).text)
        assert csrf
        claims = f"repository={JOB['repository']}\nref={JOB['ref']}"
        sent = browser.post(page, data={"csrf": csrf[1], "issuer": issuer.issuer, "claims": claims})
        assert sent.status_code == 303, sent.text


def publish(client: Client, repo: str) -> Any:
    """A job, with no token anywhere: the client comes by one itself."""
    api = client.api
    noise = client.noise(300_000, repo)
    api.upload_file(repo_id=repo, path_or_fileobj=noise, path_in_repo="large.bin")
    return {
        "is same": client.sha256(api.hf_hub_download(repo, "large.bin")) == client.sha256(noise),
        "display name": api.whoami()["auth"]["accessToken"]["displayName"],
        "another": client.refusal(api.upload_file, repo_id=repo + "-2", path_or_fileobj=b"x", path_in_repo="x")[
            "status"
        ],
        "create": client.refusal(api.create_repo, repo + "-3")["status"],
    }


@pytest.mark.parametrize("way", ["github", "given"])
def test_e_oidc_2_the_client_publishes_without_a_secret(
    listening: Hub, issuer: Provider, runner: str, way: str
) -> None:
    ada = listening.user(listening.name("ada"))
    repo = f"{ada.name}/words"
    created = httpx.post(
        f"{listening.endpoint}/api/repos/create", headers=ada.bearer, json={"name": "words", "private": True}
    )
    assert created.status_code == 200
    add(listening, issuer, repo, ada)
    settings = {
        "github": {
            "GITHUB_ACTIONS": "true",
            "ACTIONS_ID_TOKEN_REQUEST_URL": runner,
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "of this run",
        },
        "given": {"HF_OIDC_ID_TOKEN": identity(issuer, listening.endpoint)},
    }[way]
    told = Kind(CURRENT, settings={"HF_OIDC_RESOURCE": repo, **settings}).tell(publish, listening, None, repo=repo)
    assert told == {"is same": True, "display name": f"publisher: {repo}", "another": 404, "create": 403}


def test_e_oidc_2_the_client_says_why_not(listening: Hub, issuer: Provider) -> None:
    """Another branch's job; the client shows the hub's own words."""
    ada = listening.user(listening.name("ada"))
    repo = f"{ada.name}/words"
    httpx.post(f"{listening.endpoint}/api/repos/create", headers=ada.bearer, json={"name": "words"})
    add(listening, issuer, repo, ada)
    wrong = identity(issuer, listening.endpoint, ref="refs/heads/other")
    kind = Kind(CURRENT, settings={"HF_OIDC_RESOURCE": repo, "HF_OIDC_ID_TOKEN": wrong})
    told = kind.tell(refuse, listening, None)
    assert told["status"] == 400
    assert "invalid_grant" in told["said"]


def refuse(client: Client) -> Any:
    return client.refusal(client.api.whoami)
