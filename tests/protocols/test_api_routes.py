"""Routes of the Hub's API that no method of HfApi calls, and what is not offered, over plain HTTP."""

import json
import urllib.error
import urllib.request
from email.message import Message
from typing import Any

import pytest
from huggingface_hub import CommitOperationAdd, HfApi

from tests.hub import Account, Hub


@pytest.fixture(scope="module")
def ada(hub: Hub) -> Account:
    return hub.user(hub.name("ada"))


@pytest.fixture(scope="module", params=["model", "dataset", "space"])
def repo(hub: Hub, ada: Account, request: pytest.FixtureRequest) -> str:
    """The path of a repo with two commits after its first: `a` is added, then changed and joined by a folder."""
    api, repo_id, repo_type = HfApi(hub.endpoint, token=ada.token), f"{ada.name}/{hub.name('repo')}", request.param
    api.create_repo(repo_id, repo_type=repo_type, space_sdk="static" if repo_type == "space" else None)
    first = [CommitOperationAdd("a", b"old\n")]
    api.create_commit(repo_id, first, commit_message="one", repo_type=repo_type)
    later = [CommitOperationAdd("a", b"new\n"), CommitOperationAdd("folder/b", b"12345")]
    api.create_commit(repo_id, later, commit_message="two", repo_type=repo_type)
    return f"/api/{repo_type}s/{repo_id}"


def ask(hub: Hub, method: str, path: str, token: str | None = None, body: Any = None) -> tuple[int, Message, bytes]:
    """Status, headers and body of one request, errors included; `body` is sent as JSON."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    data = None if body is None else json.dumps(body).encode()
    if data is not None:
        headers["Content-Type"] = "application/json"
    request = urllib.request.Request(hub.endpoint + path, data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.status, response.headers, response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


def test_compare_shows_what_changed(hub: Hub, repo: str) -> None:
    commits = json.loads(ask(hub, "GET", f"{repo}/commits/main")[2])
    status, _, diff = ask(hub, "GET", f"{repo}/compare/{commits[1]['id']}..{commits[0]['id']}")
    assert status == 200
    assert b"-old\n+new\n" in diff
    assert b"+12345" in diff


def test_treesize_adds_up_a_folder(hub: Hub, repo: str) -> None:
    assert json.loads(ask(hub, "GET", f"{repo}/treesize/main/folder")[2])["size"] == 5


@pytest.mark.parametrize("kind", ["read", "write"])
def test_xet_tokens_name_the_store(hub: Hub, repo: str, ada: Account, kind: str) -> None:
    status, headers, body = ask(hub, "GET", f"{repo}/xet-{kind}-token/main", ada.token)
    told = json.loads(body)
    assert status == 200
    assert told["casUrl"] == headers["X-Xet-Cas-Url"]
    assert told["casUrl"].startswith(hub.endpoint)
    assert told["accessToken"] == headers["X-Xet-Access-Token"]
    assert str(told["exp"]) == headers["X-Xet-Token-Expiration"]


def test_harnesses_are_answered_at_once(hub: Hub) -> None:
    assert ask(hub, "GET", "/api/agent-harnesses")[0] in (200, 404)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/papers/search"),
        ("POST", "/api/jobs/ada"),
        ("GET", "/api/models/a/b/scan"),
        ("POST", "/oauth/register"),
    ],
)
def test_what_is_not_offered_says_so(hub: Hub, ada: Account, method: str, path: str) -> None:
    status, headers, body = ask(hub, method, path, ada.token)
    assert (status, headers["X-Error-Code"]) == (501, "NotOffered")
    assert "error" in json.loads(body)
