"""A whole hub in this process, for tests that speak raw HTTP: the fixture `local` (conftest.py) gives a fresh one.

    ada = local.user("ada")
    local.create_repo(ada, "ada/model")
    local.commit(ada, "ada/model", {"config.json": b"{}"}, large={"model.bin": data})
    local.client.get("/ada/model/resolve/main/model.bin", token=ada.token)

What a test sets up goes through the public API where there is one; large files are stored as the LFS upload would.
"""

import base64
import hashlib
import json
from dataclasses import dataclass

from pioche import app
from pioche.accounts.tokens import TokenRole
from pioche.config import Config
from pioche.http.kernel import Kernel
from pioche.names import RepoId, RepoType, Sha256
from pioche.repos.access import Action, Repo
from pioche.storage.drafts import Draft
from tests.asgi import Answer, Client


@dataclass(frozen=True)
class User:
    """A user and a token of theirs that may write."""

    id: int
    name: str
    token: str


class LocalHub:
    """One hub over a prepared configuration, and a client of it."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.hub = app.build_hub(config)
        self.client = Client(Kernel(self.hub, app.PROTOCOLS))

    def close(self) -> None:
        self.client.close()
        self.hub.renderer.close()
        self.hub.database.close()

    # --- setting up ---

    def user(self, name: str) -> User:
        account = self.hub.directory.create_user(name)
        return User(account.id, name, self.hub.directory.tokens.create(account, name="first")[0])

    def token(self, user: User, *, role: TokenRole = TokenRole.WRITE) -> str:
        """One more token."""
        return self.hub.directory.tokens.create(self.hub.directory.get(user.name), name="more", role=role)[0]

    def create_repo(self, user: User, name: str, *, kind: str = "model", private: bool = False) -> None:
        namespace, _, short = name.partition("/")
        body = {"name": short, "organization": namespace, "type": kind, "private": private}
        if kind == "space":
            body["sdk"] = "static"
        self._ok(self.client.post("/api/repos/create", token=user.token, json=body))

    def commit(
        self,
        user: User,
        repo: str,
        files: dict[str, bytes] | None = None,
        *,
        large: dict[str, bytes] | None = None,
        revision: str = "main",
        kind: str = "model",
    ) -> str:
        """Commits regular and large files; returns the commit's id."""
        lines: list[dict[str, object]] = [{"key": "header", "value": {"summary": "test"}}]
        for path, data in (files or {}).items():
            content = base64.b64encode(data).decode()
            lines.append({"key": "file", "value": {"path": path, "content": content, "encoding": "base64"}})
        for path, data in (large or {}).items():
            sha256 = self.store(user, repo, data, kind=kind)
            value = {"path": path, "algo": "sha256", "oid": sha256, "size": len(data)}
            lines.append({"key": "lfsFile", "value": value})
        body = b"\n".join(json.dumps(line).encode() for line in lines)
        path = f"/api/{kind}s/{repo}/commit/{revision}"
        headers = {"content-type": "application/x-ndjson"}
        answer = self._ok(self.client.post(path, token=user.token, body=body, headers=headers))
        return str(answer.json()["commitOid"])

    def store(self, user: User, repo: str, data: bytes, *, kind: str = "model") -> Sha256:
        """A large file's bytes, linked to the repo, as an upload leaves them."""
        with Draft(self.config.data_dir / "incoming", size=len(data)) as draft:
            draft.write([data])
            sha256 = draft.finish()
            self.hub.contents.adopt(self.repo(user, repo, kind=kind).id, user.id, sha256, draft.path)
        return sha256

    def repo(self, user: User, name: str, *, kind: str = "model") -> Repo:
        """The opened repo, for looking behind the API."""
        caller = self.client.run(self.hub.callers.by_token(user.token))
        return self.hub.access.open_sync(caller, RepoId.parse(RepoType(kind), name), Action.READ)

    @staticmethod
    def _ok(answer: Answer) -> Answer:
        assert answer.status == 200, f"{answer.status}: {answer.text}"
        return answer


def sha256_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def git_oid(data: bytes) -> str:
    """The id that git gives to a blob."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
