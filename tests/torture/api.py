"""The hub's API as one client of the load speaks it. `Lost` says that nobody knows whether the request was carried out."""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx

from pioche.storage.xet.hashing import to_text
from tests.hub import Account
from tests.torture.history import History
from tests.torture.victim import Victim
from tests.xet_client import file_of, shard_of

_TIMEOUT_S = 120
_LFS = "application/vnd.git-lfs+json"


class Lost(Exception):
    """No answer, or one that promises nothing (503): it may have happened or not."""


class NotSent(Lost):
    """The hub was not there: it did not happen."""


class Refused(Exception):
    """A 4xx: it did not happen."""

    def __init__(self, answer: httpx.Response) -> None:
        super().__init__(f"{answer.status_code} {answer.request.method} {answer.request.url}: {answer.text[:300]}")
        self.status = answer.status_code


@dataclass(frozen=True)
class Large:
    """A large file that the hub acknowledged."""

    sha256: str
    size: int


class Api:
    """One client with one token. Not for two threads."""

    def __init__(self, victim: Victim, account: Account, history: History) -> None:
        self.account = account
        self._victim = victim
        self._history = history
        self._http = httpx.Client(base_url=victim.endpoint, timeout=_TIMEOUT_S)

    def close(self) -> None:
        self._http.close()

    def ask(self, method: str, url: str, *, token: bool = True, **options: Any) -> httpx.Response:
        """Any answer but a failure of the server. Waits for the hub to be up first. Raises Lost."""
        self._victim.up.wait(_TIMEOUT_S)
        headers = {**(self.account.bearer if token else {}), **options.pop("headers", {})}
        try:
            answer = self._http.request(method, url, headers=headers, **options)
        except httpx.ConnectError as error:
            raise NotSent(str(error)) from error
        except httpx.TransportError as error:
            raise Lost(str(error)) from error
        if answer.status_code >= 500:
            if answer.status_code != 503:
                self._history.violation(f"{answer.status_code} to {method} {url}: {answer.text[:200]}")
            raise Lost(f"{answer.status_code} to {method} {url}")
        return answer

    def must(self, method: str, url: str, **options: Any) -> httpx.Response:
        """An answer of 2xx. Raises Refused, Lost."""
        answer = self.ask(method, url, **options)
        if not answer.is_success:
            raise Refused(answer)
        return answer

    # --- repos ---

    def create_repo(self, name: str, *, private: bool = False) -> None:
        namespace, _, short = name.partition("/")
        body = {"name": short, "organization": namespace, "type": "model", "private": private}
        self.must("POST", "/api/repos/create", json=body)

    def delete_repo(self, name: str) -> None:
        namespace, _, short = name.partition("/")
        body = {"name": short, "organization": namespace, "type": "model"}
        self.must("DELETE", "/api/repos/delete", json=body)

    def move_repo(self, name: str, to: str) -> None:
        self.must("POST", "/api/repos/move", json={"fromRepo": name, "toRepo": to, "type": "model"})

    def refs(self, repo: str) -> dict[str, str]:
        found = self.must("GET", f"/api/models/{repo}/refs?include_prs=1").json()
        kinds = ("branches", "tags", "pullRequests")
        return {ref["ref"]: ref["targetCommit"] for kind in kinds for ref in found.get(kind, [])}

    # --- commits ---

    def commit(
        self,
        repo: str,
        title: str,
        files: Mapping[str, bytes | Large],
        *,
        revision: str = "main",
        parent: str | None = None,
        proposes: bool = False,
    ) -> dict[str, Any]:
        """The answer's body."""
        header = {"summary": title, **({"parentCommit": parent} if parent else {})}
        lines = [{"key": "header", "value": header}, *(_line(path, content) for path, content in files.items())]
        found: dict[str, Any] = self.must(
            "POST",
            f"/api/models/{repo}/commit/{revision}" + ("?create_pr=1" if proposes else ""),
            content=b"\n".join(json.dumps(line).encode() for line in lines),
            headers={"content-type": "application/x-ndjson"},
        ).json()
        return found

    # --- large files ---

    def upload_lfs(self, repo: str, data: bytes) -> Large:
        """In one part or in many, as the hub wishes."""
        oid = hashlib.sha256(data).hexdigest()
        body = {
            "operation": "upload",
            "transfers": ["basic", "multipart"],
            "objects": [{"oid": oid, "size": len(data)}],
        }
        headers = {"accept": _LFS, "content-type": _LFS}
        url = f"/{repo}.git/info/lfs/objects/batch"
        (found,) = self.must("POST", url, json=body, headers=headers).json()["objects"]
        if "actions" in found:
            send = found["actions"]["upload"]
            if "header" in send:
                self._send_parts(oid, data, send)
            else:
                self.must("PUT", send["href"], content=data, token=False)
            verify = found["actions"]["verify"]["href"]
            self.must("POST", verify, json={"oid": oid, "size": len(data)}, token=False)
        return Large(oid, len(data))

    def _send_parts(self, oid: str, data: bytes, send: Mapping[str, Any]) -> None:
        size = int(send["header"]["chunk_size"])
        parts = []
        for number, start in enumerate(range(0, len(data), size), 1):
            href = send["header"][str(number)]
            answer = self.must("PUT", href, content=data[start : start + size], token=False)
            parts.append({"partNumber": number, "etag": answer.headers["etag"]})
        self.must("POST", send["href"], json={"oid": oid, "parts": parts}, token=False)

    def upload_xet(self, repo: str, data: bytes) -> Large:
        """One xorb, then the shard that names it."""
        grant = self.must("GET", f"/api/models/{repo}/xet-write-token/main").json()
        headers = {"authorization": f"Bearer {grant['accessToken']}"}
        file, xorb = file_of(data)
        cas = grant["casUrl"]
        url = f"{cas}/v1/xorbs/default/{to_text(xorb.name)}"
        self.must("POST", url, content=xorb.body, headers=headers, token=False)
        self.must("POST", f"{cas}/v1/shards", content=shard_of([file], [xorb]), headers=headers, token=False)
        return Large(file.sha256, len(data))

    def download(self, repo: str, path: str, revision: str = "main") -> bytes:
        """Raises Refused when it is not there."""
        answer = self.ask("GET", f"/{repo}/resolve/{revision}/{quote(path)}", follow_redirects=True)
        if answer.status_code != 200:
            raise Refused(answer)
        return answer.content


def _line(path: str, content: bytes | Large) -> dict[str, Any]:
    if isinstance(content, Large):
        value: dict[str, Any] = {"path": path, "algo": "sha256", "oid": content.sha256, "size": content.size}
        return {"key": "lfsFile", "value": value}
    value = {"path": path, "content": base64.b64encode(content).decode(), "encoding": "base64"}
    return {"key": "file", "value": value}


def sha256_of(pieces: Sequence[bytes]) -> str:
    found = hashlib.sha256()
    for piece in pieces:
        found.update(piece)
    return found.hexdigest()
