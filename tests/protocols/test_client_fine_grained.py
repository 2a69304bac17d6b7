"""Fine-grained tokens in the hands of the stock client and of git: what they name works as ever, the rest is not there."""

from pathlib import Path
from typing import Any

from tests.clients import CURRENT, Kind
from tests.clientside import Client
from tests.hub import Account, Hub
from tests.protocols.git import git, must


def prepare(client: Client, here: str, there: str) -> Any:
    for repo in (here, there):
        client.api.create_repo(repo, private=True)
        client.api.upload_file(repo_id=repo, path_or_fileobj=repo.encode(), path_in_repo="a.txt")
    return None


def work(client: Client, here: str, there: str) -> Any:
    api = client.api
    noise = client.noise(300_000, here)
    api.upload_file(repo_id=here, path_or_fileobj=noise, path_in_repo="large.bin")
    assert client.sha256(api.hf_hub_download(here, "large.bin")) == client.sha256(noise)
    told = api.whoami()["auth"]["accessToken"]
    return {
        "role": told["role"],
        "names": [one["entity"]["name"] for one in told["fineGrained"]["scoped"]],
        "text": client.text(api.hf_hub_download(here, "a.txt")),
        "listed": [model.id for model in api.list_models(author=here.partition("/")[0])],
        "there": client.refusal(api.hf_hub_download, there, "a.txt")["classes"][0],
        "upload there": client.refusal(api.upload_file, repo_id=there, path_or_fileobj=b"x", path_in_repo="x")[
            "status"
        ],
        "create": client.refusal(api.create_repo, here + "-new")["status"],
        "delete there": client.refusal(api.delete_repo, there)["status"],
    }


def test_the_client_works_with_what_the_token_names(hub: Hub, ada: Account) -> None:
    here, there = f"{ada.name}/{hub.name('here')}", f"{ada.name}/{hub.name('there')}"
    client = Kind(CURRENT)
    client.tell(prepare, hub, ada.token, here=here, there=there)
    token = hub.cli("token", "create", ada.name, "--scope", f"model/{here}=repo.write")["token"]
    told = client.tell(work, hub, token, here=here, there=there)
    assert here in told.pop("listed")
    assert told == {
        "role": "fineGrained",
        "names": [here],
        "text": here,
        "there": "RepositoryNotFoundError",
        "upload there": 404,
        "create": 403,
        "delete there": 404,
    }


def test_git_clones_and_pushes_what_the_token_names(hub: Hub, ada: Account, tmp_path: Path) -> None:
    here, there = f"{ada.name}/{hub.name('here')}", f"{ada.name}/{hub.name('there')}"
    Kind(CURRENT).tell(prepare, hub, ada.token, here=here, there=there)
    base = hub.endpoint.replace("://", "://user:{}@")
    reading = hub.cli("token", "create", ada.name, "--scope", f"model/{here}=repo.content.read")["token"]
    writing = hub.cli("token", "create", ada.name, "--scope", f"model/{here}=repo.write")["token"]
    must(tmp_path, "clone", f"{base.format(reading)}/{here}", "clone")
    assert "not found" in git(tmp_path, "clone", f"{base.format(reading)}/{there}", "other").text.lower()
    folder = tmp_path / "clone"
    (folder / "b.txt").write_text("b")
    must(folder, "add", "b.txt")
    must(folder, "-c", "user.name=ada", "-c", "user.email=ada@example.org", "commit", "-m", "b")
    assert "403" in git(folder, "push").text
    must(folder, "push", f"{base.format(writing)}/{here}", "HEAD:main")
