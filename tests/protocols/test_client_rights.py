"""Who one is, what one may, and the exceptions that say no: in every version the same as from the public Hub."""

from typing import Any

import pytest

from tests.clients import Kind
from tests.clientside import Client
from tests.hub import Account, Hub

# --- who am I ----------------------------------------------------------------------------------------------------------


def introduce(client: Client, invalid: str) -> Any:
    api = client.api
    me = api.whoami()
    return {
        "name": me["name"],
        "type": me["type"],
        "orgs": [[org["name"], org["roleInOrg"]] for org in me["orgs"]],
        "role": me["auth"]["accessToken"]["role"],
        "invalid": client.refusal(api.whoami, token=invalid)["status"],
        "overview": api.get_user_overview(me["name"]).username,
        "members": [member.username for member in api.list_organization_members(me["orgs"][0]["name"])],
        "no such user": client.refusal(api.get_user_overview, "nobody-of-that-name")["status"],
    }


def test_whoami_tells_name_role_and_organisations(version: Kind, hub: Hub, ada: Account) -> None:
    lab = hub.org(hub.name("lab"), {ada.name: "write"})
    reading = hub.token(ada.name, role="read")
    told = version.tell(introduce, hub, reading, invalid="hf_" + "x" * 34)
    assert [lab, "write"] in told.pop("orgs")
    assert ada.name in told.pop("members")
    assert told == {
        "name": ada.name,
        "type": "user",
        "role": "read",
        "invalid": 401,
        "overview": ada.name,
        "no such user": 404,
    }


# --- private repos -----------------------------------------------------------------------------------------------------


def keep_private(client: Client, repo: str, content: str) -> Any:
    client.api.create_repo(repo, private=True)
    client.api.upload_file(repo_id=repo, path_or_fileobj=content.encode(), path_in_repo="secret.txt")
    client.api.upload_file(repo_id=repo, path_or_fileobj=client.noise(100_000, repo), path_in_repo="secret.bin")
    downloaded = client.api.hf_hub_download(repo, "secret.bin")
    assert client.sha256(downloaded) == client.sha256(client.noise(100_000, repo))
    return {"text": client.text(client.api.hf_hub_download(repo, "secret.txt")), "info": client.api.repo_info(repo).id}


def knock(client: Client, repo: str) -> Any:
    """Every way to look at a repo; how each was refused."""
    api = client.api
    calls = {
        "info": lambda: api.model_info(repo),
        "files": lambda: api.list_repo_files(repo),
        "download": lambda: api.hf_hub_download(repo, "secret.txt"),
        "weights": lambda: api.hf_hub_download(repo, "secret.bin"),
        "snapshot": lambda: api.snapshot_download(repo),
        "refs": lambda: api.list_repo_refs(repo),
        "commits": lambda: api.list_repo_commits(repo),
        "auth_check": lambda: api.auth_check(repo),
        "absent file": lambda: api.hf_hub_download(repo, "absent.txt"),
        "absent revision": lambda: api.model_info(repo, revision="absent"),
    }
    found = {name: client.refusal(call)["classes"] for name, call in calls.items()}
    return {
        "found": sorted(name for name, classes in found.items() if "RepositoryNotFoundError" not in classes),
        "exists": [api.repo_exists(repo), api.file_exists(repo, "secret.txt")],
        "listed": repo in [model.id for model in api.list_models(author=repo.split("/")[0])],
    }


UNSEEN = {"found": [], "exists": [False, False], "listed": False}


def test_a_private_repo_is_absent_for_everybody_else(
    kind: Kind, hub: Hub, ada: Account, eve: Account, repo: str
) -> None:
    assert kind.tell(keep_private, hub, ada.token, repo=repo, content="secret\n") == {"text": "secret\n", "info": repo}
    assert kind.tell(knock, hub, eve.token, repo=repo) == UNSEEN
    assert kind.tell(knock, hub, None, repo=repo) == UNSEEN
    assert kind.tell(knock, hub, eve.token, repo=f"{repo}-that-never-was") == UNSEEN
    assert kind.tell(knock, hub, None, repo=f"{repo}-that-never-was") == UNSEEN


# --- what is refused, and how -------------------------------------------------------------------------------------------


def err(client: Client, repo: str, stranger: str, reading: str, invalid: str) -> Any:
    api = client.api
    eve, reader, nobody = (client.hub.HfApi(token=token) for token in (stranger, reading, invalid))
    add = client.hub.CommitOperationAdd
    url = api.create_repo(repo)
    api.upload_file(repo_id=repo, path_or_fileobj=b"x\n", path_in_repo="x.txt")
    bad_card = b"---\nlicense: [\n---\n"
    calls: dict[str, Any] = {
        "revision": lambda: api.hf_hub_download(repo, "x.txt", revision="absent"),
        "revision info": lambda: api.model_info(repo, revision="absent"),
        "revision tree": lambda: list(api.list_repo_tree(repo, revision="absent")),
        "revision commit": lambda: api.upload_file(
            repo_id=repo, path_or_fileobj=b"y", path_in_repo="y", revision="absent"
        ),
        "entry": lambda: api.hf_hub_download(repo, "absent.txt"),
        "entry tree": lambda: list(api.list_repo_tree(repo, "absent")),
        "taken": lambda: api.create_repo(repo),
        "foreign namespace": lambda: eve.create_repo(repo + "-2"),
        "stranger writes": lambda: eve.upload_file(repo_id=repo, path_or_fileobj=b"y", path_in_repo="y.txt"),
        "stranger deletes": lambda: eve.delete_repo(repo),
        "stranger settles": lambda: eve.update_repo_settings(repo, private=True),
        "reader writes": lambda: reader.upload_file(repo_id=repo, path_or_fileobj=b"y", path_in_repo="y.txt"),
        "reader creates": lambda: reader.create_repo(repo + "-3"),
        "invalid token": lambda: nobody.model_info(repo),
        "invalid token writes": lambda: nobody.create_repo(repo + "-4"),
        "bad path": lambda: api.create_commit(repo, [add(".git/config", b"y")], commit_message="m"),
        "bad card": lambda: api.upload_file(repo_id=repo, path_or_fileobj=bad_card, path_in_repo="README.md"),
        "expand": lambda: api.model_info(repo, expand=["nonsense"]),
        "delete absent": lambda: api.delete_repo(repo + "-5"),
    }
    found = {name: client.refusal(call) for name, call in calls.items()}
    exist_ok = str(api.create_repo(repo, exist_ok=True))
    return {
        "same url": exist_ok == str(url),
        "found": {name: [refusal["classes"][0], refusal["status"]] for name, refusal in found.items()},
        "untouched": sorted(api.list_repo_files(repo)),
    }


def test_refusals_are_those_of_the_public_hub(version: Kind, hub: Hub, ada: Account, eve: Account, repo: str) -> None:
    told = version.tell(
        err, hub, ada.token, repo=repo, stranger=eve.token, reading=hub.token(ada.name, role="read"),
        invalid="hf_" + "x" * 34,
    )  # fmt: skip
    absent = "EntryNotFoundError" if version.version < "1" else "RemoteEntryNotFoundError"
    assert told["same url"] is True
    assert told["untouched"] == [".gitattributes", "x.txt"]
    found = told["found"]
    expected = {
        "revision": ["RevisionNotFoundError", 404],
        "revision info": ["RevisionNotFoundError", 404],
        "revision tree": ["RevisionNotFoundError", 404],
        "revision commit": ["RevisionNotFoundError", 404],
        "entry": [absent, 404],
        "entry tree": [absent, 404],
        "taken": ["HfHubHTTPError", 409],
        "foreign namespace": ["HfHubHTTPError", 403],
        "stranger writes": ["HfHubHTTPError", 403],
        "stranger deletes": ["HfHubHTTPError", 403],
        "stranger settles": ["HfHubHTTPError", 403],
        "reader writes": ["HfHubHTTPError", 403],
        "reader creates": ["HfHubHTTPError", 403],
        "invalid token": ["HfHubHTTPError", 401],
        "invalid token writes": ["HfHubHTTPError", 401],
        "bad path": found["bad path"],
        "bad card": ["ValueError", None],
        "expand": ["BadRequestError", 400],
        "delete absent": ["RepositoryNotFoundError", 404],
    }
    assert found == expected
    assert found["bad path"][1] in (None, 422)


# --- gated repos -------------------------------------------------------------------------------------------------------


def gate(client: Client, repo: str, stranger: str, mode: str) -> Any:
    api = client.api
    eve, nobody = client.hub.HfApi(token=stranger), client.hub.HfApi(token=False)
    api.create_repo(repo)
    api.upload_file(repo_id=repo, path_or_fileobj=b"x\n", path_in_repo="x.txt")
    api.update_repo_settings(repo, gated=mode)
    return {
        "gated": [api.model_info(repo).gated, nobody.model_info(repo).gated],
        "listed": [len(eve.list_repo_files(repo)), len(nobody.list_repo_files(repo))],
        "stranger": client.refusal(eve.hf_hub_download, repo, "x.txt")["classes"][0],
        "nobody": client.refusal(nobody.hf_hub_download, repo, "x.txt")["classes"][0],
        "check": client.refusal(eve.auth_check, repo)["classes"][0],
        "owner": client.text(api.hf_hub_download(repo, "x.txt")),
    }


@pytest.mark.parametrize("mode", ["auto", "manual"])
def test_a_gated_repo_shows_its_files_and_keeps_their_bytes(
    version: Kind, hub: Hub, ada: Account, eve: Account, repo: str, mode: str
) -> None:
    assert version.tell(gate, hub, ada.token, repo=repo, stranger=eve.token, mode=mode) == {
        "gated": [mode, mode],
        "listed": [2, 2],
        "stranger": "GatedRepoError",
        "nobody": "GatedRepoError",
        "check": "GatedRepoError",
        "owner": "x\n",
    }


# --- gated repos -------------------------------------------------------------------------------------------------------


def review(client: Client, repo: str, guest: str, guest_token: str) -> Any:
    """The owner's side of every method, and what the guest can read in between."""
    api = client.api
    api.create_repo(repo)
    api.upload_file(repo_id=repo, path_or_fileobj=b"x\n", path_in_repo="x.txt")
    api.update_repo_settings(repo, gated="manual")

    def lists() -> list[list[Any]]:
        found = (api.list_pending_access_requests, api.list_accepted_access_requests, api.list_rejected_access_requests)
        return [[request.username for request in listed(repo)] for listed in found]

    def whose(listed: Any) -> dict[str, str]:
        """Newer versions have the request's id in their lists."""
        (request,) = listed(repo)
        uid = getattr(request, "request_id", None)
        return {"request_id": uid} if uid else {"user": guest}

    def read() -> Any:
        try:
            url = client.hub.hf_hub_url(repo, "x.txt")
            return client.hub.get_hf_file_metadata(url, token=guest_token).size
        except Exception as error:  # noqa: BLE001 - its name is the answer
            return type(error).__name__

    steps = [read()]
    api.grant_access(repo, guest)
    (granted,) = api.list_accepted_access_requests(repo)
    told = {
        "email": granted.email,
        "status": granted.status,
        "twice": client.refusal(api.grant_access, repo, guest)["status"],
    }
    steps += [lists(), read()]
    api.cancel_access_request(repo, **whose(api.list_accepted_access_requests))
    steps += [lists(), read()]
    api.reject_access_request(repo, **whose(api.list_pending_access_requests), rejection_reason="no")
    steps += [lists(), read()]
    again = whose(api.list_rejected_access_requests)
    told["rejected twice"] = client.refusal(api.reject_access_request, repo, **again, rejection_reason="no")["status"]
    told["nobody"] = client.refusal(api.grant_access, repo, "nobody-of-that-name")["status"]
    api.accept_access_request(repo, **again)
    steps += [lists(), read()]
    return {"steps": steps, "told": told}


def test_access_requests_in_every_version(version: Kind, hub: Hub, ada: Account) -> None:
    eve = hub.user(hub.name("eve"))
    found = version.tell(
        review, hub, ada.token, repo=f"{ada.name}/{hub.name('gated')}", guest=eve.name, guest_token=eve.token
    )
    waiting, accepted, rejected = [[eve.name], [], []], [[], [eve.name], []], [[], [], [eve.name]]
    closed = "GatedRepoError"
    assert found["steps"] == [closed, accepted, 2, waiting, closed, rejected, closed, accepted, 2]
    assert found["told"] == {"email": None, "status": "accepted", "twice": 400, "rejected twice": 404, "nobody": 404}
