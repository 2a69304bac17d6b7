"""A hub in this process with some accounts, and Xet sessions that speak to its CAS request by request."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pioche import app
from pioche.accounts.tokens import TokenRole, Tokens
from pioche.http.hub import Hub
from pioche.http.kernel import Kernel
from pioche.storage.xet.hashing import to_text
from tests.asgi import HOST, Answer, Client
from tests.databases import SqliteTemplate
from tests.xet_client import File, Xorb, file_of, shard_of

ORIGIN = f"http://{HOST}"


@dataclass
class World:
    """A hub in this process with two users, ann and bob, each with a private repo `m`; ann also has a public `open`."""

    client: Client
    hub: Hub
    tokens: dict[str, str]

    def json(self, method: str, path: str, who: str | None = None, **options: Any) -> Answer:
        return self.client.request(method, path, token=self.tokens.get(who or ""), **options)

    def xet(self, who: str | None, kind: str = "write", repo: str = "ann/m", revision: str = "main") -> "Cas":
        answer = self.json("GET", f"/api/models/{repo}/xet-{kind}-token/{revision}", who)
        assert answer.status == 200, answer.text
        body = answer.json()
        return Cas(self.client, body["casUrl"].removeprefix(ORIGIN), body["accessToken"])


@dataclass
class Cas:
    """One Xet token at work."""

    client: Client
    path: str
    token: str

    def get(self, path: str, **options: Any) -> Answer:
        return self.client.get(self.path + path, token=self.token, **options)

    def post(self, path: str, body: bytes = b"") -> Answer:
        return self.client.post(self.path + path, token=self.token, body=body)

    def send_xorb(self, xorb: Xorb) -> Answer:
        return self.post(f"/v1/xorbs/default/{to_text(xorb.name)}", xorb.body)

    def send(self, data: bytes) -> File:
        file, xorb = file_of(data)
        assert self.send_xorb(xorb).status == 200
        assert self.post("/v1/shards", shard_of([file], [xorb])).json() == {"result": 1}
        return file

    def plan(self, file: File, **options: Any) -> Answer:
        return self.get(f"/v2/reconstructions/{to_text(file.name)}", **options)


@contextmanager
def opened(template: SqliteTemplate, folder: Path) -> Iterator[World]:
    """A new world in `folder`."""
    hub = app.build_hub(template.config(folder))
    tokens = {}
    for name in ("ann", "bob"):
        user = hub.directory.create_user(name, fullname=name, email=f"{name}@example.org")
        tokens[name], _ = Tokens(hub.database).create(user)
        tokens[f"{name} reads"], _ = Tokens(hub.database).create(user, name="r", role=TokenRole.READ)
    with Client(Kernel(hub, app.PROTOCOLS)) as client:
        world = World(client, hub, tokens)
        for who, name, private in (("ann", "m", True), ("bob", "m", True), ("ann", "open", False)):
            body = {"name": name, "type": "model", "private": private}
            assert world.json("POST", "/api/repos/create", who, json=body).status == 200
        yield world
