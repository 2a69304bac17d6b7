"""I6: past a bucket's limit the hub says 429 with the public Hub's headers, and the client waits and then succeeds."""

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.clients import CURRENT, Kind
from tests.clientside import Client
from tests.hub import Account, Hub

WINDOW = 10
FILES = 30


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    few = {"RATE_RESOLVERS": "20", "RATE_RESOLVERS_ANONYMOUS": "5", "RATE_PAGES_ANONYMOUS": "4", "RATE_API": "1000"}
    settings = {"RATE_LIMITS": "on", "RATE_SECONDS": str(WINDOW), "WORKERS": "2", "LOG_LEVEL": "debug", **few}
    with Hub(tmp_path_factory.mktemp("limited"), settings) as hub:
        yield hub


@pytest.fixture(scope="module")
def ada(limited: Hub) -> Account:
    return limited.user("ada")


def publish_and_fetch(client: Client, repo: str, count: int) -> Any:
    api = client.api
    api.create_repo(repo)
    add = client.hub.CommitOperationAdd
    api.create_commit(repo, [add(f"{number}.txt", b"%d" % number) for number in range(count)], commit_message="Many")
    folder = api.snapshot_download(repo, max_workers=2)
    return sorted(int(client.text(f"{folder}/{number}.txt")) for number in range(count))


def test_i6_the_client_waits_and_then_has_everything(limited: Hub, ada: Account) -> None:
    kind = Kind(CURRENT, xet=False)
    fetched = kind.tell(publish_and_fetch, limited, ada.token, timeout_s=240, repo="ada/many", count=FILES)
    assert fetched == list(range(FILES))
    assert '"status":429' in limited.output()


def test_i6_refusals_have_the_headers_of_the_public_hub(limited: Hub, ada: Account) -> None:
    def ask(path: str, **headers: str) -> httpx.Response:
        return httpx.get(limited.endpoint + path, headers=headers)

    made = httpx.post(
        f"{limited.endpoint}/api/repos/create", json={"name": "one"}, headers={"Authorization": f"Bearer {ada.token}"}
    )
    assert re.fullmatch(r'"api";r=\d+;t=\d+', made.headers["ratelimit"])
    assert made.headers["ratelimit-policy"] == f'"fixed window";"api";q=1000;w={WINDOW}'
    answers = [ask("/ada/one/resolve/main/.gitattributes") for _ in range(12)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused
    for answer in refused:
        assert re.fullmatch(r'"resolvers";r=0;t=\d+', answer.headers["ratelimit"])
        assert 1 <= int(answer.headers["retry-after"]) <= WINDOW
        assert "go on in" in answer.text
    # Whoever says who they are is not held up by others at the same address.
    assert ask("/api/whoami-v2", Authorization=f"Bearer {ada.token}").status_code == 200
    for _ in range(20):
        assert ask("/healthz").status_code == 200


def test_g7_a_page_says_when_to_go_on(limited: Hub) -> None:
    pages = [httpx.get(f"{limited.endpoint}/models", headers={"Accept-Language": "fr"}) for _ in range(10)]
    refused = next(page for page in pages if page.status_code == 429)
    assert re.search(r"Vous pourrez continuer dans \d+ secondes?\.", refused.text)
    style = re.search(r'href="(/static/[^"]+\.css)"', refused.text)
    assert style is not None
    assert httpx.get(limited.endpoint + style[1]).status_code == 200
