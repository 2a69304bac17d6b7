"""Stock git against a live hub."""

import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import httpx

from pioche.git import wire
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


# --- requests as bytes, for what no git would send --------------------------------------------------------------------


def ask(remote: Remote, body: bytes, **headers: str) -> httpx.Response:
    """`POST git-upload-pack`, as nobody, in protocol 2 unless a header (`Git_Protocol`) says otherwise."""
    ours = {"Content-Type": "application/x-git-upload-pack-request", "Git-Protocol": "version=2"}
    every = ours | {key.replace("_", "-"): value for key, value in headers.items()}
    return httpx.post(f"{remote.bare_url}/git-upload-pack", content=body, headers=every, timeout=60)


def want(oid: str) -> bytes:
    """A fetch of one object."""
    arguments = wire.packet(f"want {oid}") + wire.packet("done")
    return wire.packet("command=fetch") + wire.DELIMITER + arguments + wire.FLUSH


def send(remote: Remote, body: bytes, **headers: str) -> httpx.Response:
    """`POST git-receive-pack`, as the account of the remote."""
    ours = {"Content-Type": "application/x-git-receive-pack-request", **remote.account.bearer}
    every = ours | {key.replace("_", "-"): value for key, value in headers.items()}
    return httpx.post(f"{remote.bare_url}/git-receive-pack", content=body, headers=every, timeout=60)


def commands(*wanted: tuple[str, str, str], capabilities: str = "") -> bytes:
    """The beginning of a push: (ref, old, new) each, and the flush."""
    lines = [f"{old} {new} {ref}" for ref, old, new in wanted]
    first = wire.packet(f"{lines[0]}\0report-status {capabilities}")
    return first + b"".join(wire.packet(line) for line in lines[1:]) + wire.FLUSH


def pack(folder: Path, *revisions: str) -> bytes:
    """Everything that leads to these revisions, as git packs it."""
    oids = "".join(f"{must(folder, 'rev-parse', revision)}\n" for revision in revisions)
    arguments = ["git", "pack-objects", "--revs", "--stdout", "-q"]
    return subprocess.run(arguments, cwd=folder, input=oids.encode(), capture_output=True, check=True).stdout


def settled(hub: Hub) -> None:
    """No git of the hub runs on and no throw-away directory stays; the last answer may be out a moment before that."""
    deadline = time.monotonic() + TIMEOUT_S
    while left := [*_running(hub), *(hub.data_dir / "incoming").glob("git-*")]:
        assert time.monotonic() < deadline, left
        time.sleep(0.05)


def _running(hub: Hub) -> list[str]:
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    return [line for line in listed.splitlines() if "git" in line.split()[0] and str(hub.data_dir) in line]


def declined(done: Result, *texts: str) -> None:
    """The push was refused by the rules for content, and `texts` were said."""
    assert not done.ok
    for text in ("pre-receive hook declined", *texts):
        assert text in done.text, done.text
