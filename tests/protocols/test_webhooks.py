"""The stock clients' webhooks, from making one to what arrives at a receiver; their own models read the payload."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from huggingface_hub import WebhookPayload

from tests.canary import Canary, Post
from tests.clients import Kind
from tests.hub import Hub


@pytest.fixture(scope="module")
def receiver() -> Iterator[Canary]:
    with Canary() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def listening(receiver: Canary, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """A hub that may call the receiver."""
    with Hub(tmp_path_factory.mktemp("webhooks"), {"OUTBOUND_ALLOWED": receiver.allowed}) as hub:
        yield hub


def story(client: Any, url: str, name: str) -> dict[str, Any]:
    api, item = client.api, client.hub.WebhookWatchedItem
    owner = name.split("/")[0]
    watched = [item(type="user", name=owner), {"type": "org", "name": "HuggingFaceH4"}]
    made = api.create_webhook(url="https://webhook.site/test", watched=watched, domains=["repo"], secret="my-secret")
    changed = api.update_webhook(made.id, url=url)
    seen = [one.id for one in api.list_webhooks()]
    disabled = api.disable_webhook(made.id)
    enabled = api.enable_webhook(made.id)
    api.create_repo(name)
    oid = api.upload_file(path_or_fileobj=b"x", path_in_repo="x.txt", repo_id=name).oid
    got = api.get_webhook(made.id)
    other = api.create_webhook(url=url, watched=[{"type": "model", "name": "bert-base-uncased"}])
    api.delete_webhook(other.id)
    return {
        "id": made.id, "seen": seen, "oid": oid, "url": got.url, "secret": got.secret, "domains": got.domains,
        "watched": [[one.type, one.name] for one in got.watched], "disabled": [disabled.disabled, enabled.disabled],
        "gone": client.refusal(api.get_webhook, other.id)["status"], "changed": changed.url,
        "jobs": client.refusal(api.create_webhook, job_id="687f911eaea852de79c4a50a", watched=watched)["status"],
    }  # fmt: skip


def test_a_webhook_of_the_client_is_called(listening: Hub, receiver: Canary, version: Kind) -> None:
    ada = listening.user(listening.name("ada"))
    told = version.tell(story, listening, ada.token, url=receiver.url, name=f"{ada.name}/words")
    posts = arrived(receiver, ada.name, 2)
    assert told["seen"] == [told["id"]]
    assert (told["url"], told["changed"], told["secret"]) == (receiver.url, receiver.url, "my-secret")
    assert told["watched"] == [["user", ada.name], ["org", "HuggingFaceH4"]]
    assert (told["domains"], told["disabled"]) == (["repo"], [True, False])
    assert (told["gone"], told["jobs"]) == (404, 501)
    made, updated = (WebhookPayload.model_validate_json(post.body) for post in posts)
    assert (made.event.action, made.event.scope) == ("create", "repo")
    assert (updated.event.action, updated.event.scope) == ("update", "repo.content")
    assert updated.updatedRefs is not None
    assert (updated.updatedRefs[0].ref, updated.updatedRefs[0].newSha) == ("refs/heads/main", told["oid"])
    assert (updated.repo.head_sha, updated.repo.name, updated.webhook.id) == (
        told["oid"], f"{ada.name}/words", told["id"],
    )  # fmt: skip
    assert {post.headers["x-webhook-secret"] for post in posts} == {"my-secret"}
    assert posts[0].headers["content-type"] == "application/json"


def arrived(receiver: Canary, owner: str, count: int) -> list[Post]:
    """The first `count` posts about repos of `owner`."""

    def found() -> list[Post]:
        return [post for post in receiver.posts if json.loads(post.body)["repo"]["name"].startswith(owner + "/")]

    with receiver.arrived:
        assert receiver.arrived.wait_for(lambda: len(found()) >= count, 60)
    return found()[:count]
