"""The LFS protocol as a client speaks it to the hub of the fixture `local`."""

from typing import Any
from urllib.parse import urlsplit

from tests.asgi import Answer
from tests.local import LocalHub, User, sha256_of

TYPE = "application/vnd.git-lfs+json"


def batch(
    local: LocalHub,
    user: User | None,
    operation: str,
    *objects: tuple[str, int],
    repo: str = "ada/model",
    **fields: Any,
) -> Answer:
    body = {"operation": operation, "objects": [{"oid": oid, "size": size} for oid, size in objects], **fields}
    headers = {"accept": TYPE, "content-type": TYPE}
    path = f"/{repo}.git/info/lfs/objects/batch"
    return local.client.post(path, token=user.token if user else None, json=body, headers=headers)


def one(answer: Answer) -> dict[str, Any]:
    assert answer.status == 200, answer.text
    assert answer.headers["content-type"] == TYPE
    (found,) = answer.json()["objects"]
    assert isinstance(found, dict)
    return found


def path_of(href: str) -> str:
    parts = urlsplit(href)
    assert (parts.scheme, parts.netloc) == ("http", "localhost:8000"), "from the public address"
    return f"{parts.path}?{parts.query}"


def follow(local: LocalHub, action: dict[str, Any], method: str, **options: Any) -> Answer:
    """As git-lfs does with `authenticated`: no credentials."""
    return local.client.request(method, path_of(action["href"]), **options)


def upload(local: LocalHub, user: User, data: bytes, repo: str = "ada/model") -> str:
    """The whole way of a small file; returns its oid."""
    oid = sha256_of(data)
    found = one(batch(local, user, "upload", (oid, len(data)), repo=repo))
    if "actions" in found:
        assert follow(local, found["actions"]["upload"], "PUT", body=data).status == 200
        verified = follow(local, found["actions"]["verify"], "POST", json={"oid": oid, "size": len(data)})
        assert verified.status == 200, verified.text
    return oid
