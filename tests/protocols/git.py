"""Stock git against a live hub."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.hub import Account, Hub

TIMEOUT_S = 120


@dataclass(frozen=True)
class Result:
    """How a git command ended; `text` is everything it printed."""

    code: int
    text: str

    @property
    def ok(self) -> bool:
        return self.code == 0


def git(folder: Path, *arguments: str, stdin: str | None = None, **environ: str) -> Result:
    """Runs git in `folder`; the caller looks at how it ended."""
    done = subprocess.run(
        ["git", *arguments],
        cwd=folder,
        input=stdin,
        stdin=subprocess.DEVNULL if stdin is None else None,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=TIMEOUT_S,
        check=False,
        env={**os.environ, **environ},
    )
    return Result(done.returncode, done.stdout)


def must(folder: Path, *arguments: str, stdin: str | None = None, **environ: str) -> str:
    """Runs a git command that has to work; returns what it printed, without the last line end."""
    done = git(folder, *arguments, stdin=stdin, **environ)
    assert done.ok, f"git {' '.join(arguments)} ended with {done.code}:\n{done.text}"
    return done.text.rstrip("\n")


@dataclass(frozen=True)
class Remote:
    """A repo of a hub and who talks to it."""

    hub: Hub
    account: Account
    repo_id: str
    prefix: str = ""

    @property
    def url(self) -> str:
        """With the token in it, as `huggingface_hub.Repository` writes it."""
        scheme, host = self.hub.endpoint.split("://")
        return f"{scheme}://user:{self.account.token}@{host}/{self.prefix}{self.repo_id}"

    @property
    def bare_url(self) -> str:
        return f"{self.hub.endpoint}/{self.prefix}{self.repo_id}"

    @property
    def api(self) -> str:
        return f"{self.hub.endpoint}/api/{self.prefix or 'models/'}{self.repo_id}"

    def clone(self, folder: Path, *options: str) -> Path:
        must(folder.parent, "clone", "-q", *options, self.url, str(folder))
        return folder

    def get(self, path: str) -> httpx.Response:
        return httpx.get(f"{self.api}{path}", headers=self.account.bearer, timeout=30)

    def refs(self) -> dict[str, str]:
        found = self.get("/refs?include_prs=1").json()
        return {
            ref["ref"]: ref["targetCommit"]
            for kind in ("branches", "tags", "pullRequests")
            for ref in found.get(kind, [])
        }

    @property
    def tip(self) -> str:
        return self.refs()["refs/heads/main"]


def create(hub: Hub, account: Account, *, private: bool = False, type: str = "model", **more: str) -> Remote:
    """A new repo of the account, by the API."""
    name = hub.name("repo")
    body = {"name": name, "type": type, "private": private, **more}
    answer = httpx.post(f"{hub.endpoint}/api/repos/create", json=body, headers=account.bearer, timeout=30)
    assert answer.status_code == 200, answer.text
    return Remote(hub, account, f"{account.name}/{name}", "" if type == "model" else f"{type}s/")


def commit(folder: Path, files: dict[str, bytes | None], message: str = "A commit") -> str:
    """Writes (or with None removes) files and commits; returns the new commit's id."""
    for path, data in files.items():
        target = folder / path
        if data is None:
            target.unlink()
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
    must(folder, "add", "-A")
    must(folder, "commit", "-qm", message)
    return must(folder, "rev-parse", "HEAD")
