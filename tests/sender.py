"""One user's ways of sending bytes to a live hub, request by request, over `httpx`: a test sees every answer.

ada = Sender(hub, hub.user("ada"), "ada/model")
ada.create()
answer = ada.lfs(data)            # the answer that refused, or the last one
ada.commit({"a.txt": b"1"})
"""

import base64
import hashlib
import json
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from pioche.storage.xet.hashing import to_text
from tests.hub import Account, Hub
from tests.lfs_client import TYPE
from tests.xet_client import File, Term, Xorb, shard_of

PATIENCE_S = 60
_CHUNK = 65536


class Sender:
    """`repo` is an id such as `ada/model`. A context manager: its connections are closed at the end."""

    def __init__(self, hub: Hub, account: Account, repo: str) -> None:
        self.hub, self.account, self.repo = hub, account, repo
        self.http = httpx.Client(base_url=hub.endpoint, headers=account.bearer, timeout=PATIENCE_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.http.close()

    def create(self, **fields: Any) -> httpx.Response:
        namespace, _, name = self.repo.partition("/")
        body = {"name": name, "organization": namespace, "type": "model", **fields}
        return self.http.post("/api/repos/create", json=body)

    # --- commits ---

    def commit(
        self,
        files: dict[str, bytes] | None = None,
        *,
        large: dict[str, tuple[str, int]] | None = None,
        delete: tuple[str, ...] = (),
        parent: str | None = None,
        revision: str = "main",
        summary: str = "change",
    ) -> httpx.Response:
        """`large` has a sha256 and a size for each path."""
        header = {"summary": summary} | ({"parentCommit": parent} if parent else {})
        lines: list[dict[str, object]] = [{"key": "header", "value": header}]
        for path, data in (files or {}).items():
            content = base64.b64encode(data).decode()
            lines.append({"key": "file", "value": {"path": path, "content": content, "encoding": "base64"}})
        for path, (oid, size) in (large or {}).items():
            lines.append({"key": "lfsFile", "value": {"path": path, "algo": "sha256", "oid": oid, "size": size}})
        lines += [{"key": "deletedFile", "value": {"path": path}} for path in delete]
        body = b"\n".join(json.dumps(line).encode() for line in lines)
        headers = {"content-type": "application/x-ndjson"}
        return self.http.post(f"/api/models/{self.repo}/commit/{revision}", content=body, headers=headers)

    # --- LFS ---

    def batch(
        self, operation: str, *objects: tuple[str, int], transfers: tuple[str, ...] = ("basic",)
    ) -> httpx.Response:
        found = [{"oid": oid, "size": size} for oid, size in objects]
        body = {"operation": operation, "objects": found, "transfers": transfers}
        return self.http.post(f"/{self.repo}.git/info/lfs/objects/batch", json=body, headers={"accept": TYPE})

    def lfs(self, data: bytes) -> httpx.Response:
        """In one part; the answer to the PUT, or the one before that refused."""
        answer = self.batch("upload", (hashlib.sha256(data).hexdigest(), len(data)))
        if answer.status_code != 200:
            return answer
        actions = answer.json()["objects"][0].get("actions")
        return self.plain("PUT", actions["upload"]["href"], content=data) if actions else answer

    def multipart(self, data: bytes) -> httpx.Response:
        """In as many parts as the hub asks for, then the completion; or the answer before that refused."""
        oid = hashlib.sha256(data).hexdigest()
        answer = self.batch("upload", (oid, len(data)), transfers=("basic", "multipart"))
        if answer.status_code != 200:
            return answer
        actions = answer.json()["objects"][0].get("actions")
        if not actions:
            return answer
        send = actions["upload"]
        size = int(send["header"].pop("chunk_size"))
        parts = []
        for number, href in send["header"].items():
            start = (int(number) - 1) * size
            answer = self.plain("PUT", href, content=data[start : start + size])
            if answer.status_code != 200:
                return answer
            parts.append({"partNumber": int(number), "etag": answer.headers["etag"]})
        return self.plain("POST", send["href"], json={"oid": oid, "parts": parts})

    def plain(self, method: str, href: str, **options: Any) -> httpx.Response:
        """Without the account's token, as to a signed address."""
        return httpx.request(method, href, timeout=PATIENCE_S, **options)

    # --- Xet ---

    def cas(self, kind: str = "write") -> tuple[str, dict[str, str]]:
        """The address of the repo's CAS and the header that opens it."""
        body = self.http.get(f"/api/models/{self.repo}/xet-{kind}-token/main").raise_for_status().json()
        return body["casUrl"], {"Authorization": f"Bearer {body['accessToken']}"}

    def xet(self, data: bytes) -> httpx.Response:
        """One xorb and its shard; the answer that refused, or the last one."""
        file, xorb = xet_file(data)
        url, headers = self.cas()
        answer = httpx.post(
            f"{url}/v1/xorbs/default/{to_text(xorb.name)}", content=xorb.body, headers=headers, timeout=PATIENCE_S
        )
        if answer.status_code != 200:
            return answer
        return httpx.post(f"{url}/v1/shards", content=shard_of([file], [xorb]), headers=headers, timeout=PATIENCE_S)

    # --- git ---

    @property
    def remote(self) -> str:
        return self.hub.endpoint.replace("//", f"//{self.account.name}:{self.account.token}@") + f"/{self.repo}"

    def clone(self, folder: Path) -> Path:
        """Without smudging: large files stay pointers."""
        git(folder.parent, "clone", "-q", self.remote, folder.name, check=True)
        return folder

    # --- reading ---

    def get(self, path: str, *, revision: str = "main", **options: Any) -> httpx.Response:
        return self.http.get(f"/{self.repo}/resolve/{revision}/{path}", **options)

    def head(self, path: str, *, revision: str = "main") -> httpx.Response:
        return self.http.head(f"/{self.repo}/resolve/{revision}/{path}")

    def tip(self, revision: str = "main") -> str:
        found = self.http.get(f"/api/models/{self.repo}/revision/{revision}").raise_for_status().json()["sha"]
        assert isinstance(found, str)
        return found


def xet_file(data: bytes) -> tuple[File, Xorb]:
    """The file in one xorb, cut at round numbers: nobody has to cut as the clients do."""
    xorb = Xorb([data[at : at + _CHUNK] for at in range(0, len(data), _CHUNK)])
    return File([Term(xorb, 0, len(xorb.chunks))]), xorb


def git(folder: Path, *arguments: str, check: bool = False) -> "subprocess.CompletedProcess[str]":
    """Stock git, without LFS."""
    no_lfs = ["-c", "filter.lfs.smudge=", "-c", "filter.lfs.process=", "-c", "filter.lfs.required=false"]
    return subprocess.run(
        ["git", *no_lfs, *arguments], cwd=folder, capture_output=True, text=True, timeout=120, check=check
    )


def fsck(sender: Sender, folder: Path) -> None:
    """Every ref is cloned whole, and git finds nothing wrong with it."""
    git(folder.parent, "clone", "-q", "--mirror", sender.remote, folder.name, check=True)
    git(folder, "fsck", "--full", "--strict", check=True)
