"""A git server with LFS for tests: `git upload-pack` behind smart HTTP, and an LFS batch server whose answers a test bends.

with GitServer(tmp_path) as server:
    server.repo("lab/tools.git", {"a.txt": b"1"}, large={"w.bin": data})
    server.url("lab/tools.git")
"""

import base64
import hashlib
import json
import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pioche.git.pointers import build
from pioche.names import Sha256
from tests.sender import git

Bend = Callable[[str, dict[str, Any]], dict[str, Any]]


class GitServer:
    """`token`: the password that is asked for; empty lets anybody in. `bend` may change each object of a batch's answer."""

    def __init__(self, folder: Path, *, token: str = "", version: int = 2) -> None:
        self.folder = folder
        self.token = token
        self.version = version
        self.files: dict[str, bytes] = {}
        self.bend: Bend = lambda _oid, found: found
        self.redirects: dict[str, str] = {}
        """Paths, without their query, that lead elsewhere (302); `{query}` stands for it."""
        self.hold = threading.Event()
        """Cleared, the next file stops in the middle."""
        self.hold.set()
        self.held = threading.Event()
        """Set when one has stopped."""
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._http.daemon_threads = True
        self._http.owner = self  # type: ignore[attr-defined]  # for its handlers
        self.port = self._http.server_address[1]

    @property
    def allowed(self) -> str:
        """The setting `outbound_allowed` by which a hub may call it."""
        return f"127.0.0.1:{self.port}"

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}/{path}"

    def paths(self, method: str = "GET") -> list[str]:
        return [path for asked, path, _ in self.asked if asked == method]

    def __enter__(self) -> Self:
        threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.hold.set()
        self._http.shutdown()
        self._http.server_close()

    # --- what it serves ---

    def repo(
        self,
        name: str,
        files: dict[str, bytes],
        *,
        large: dict[str, bytes] | None = None,
        branch: str = "main",
        tag: str = "",
    ) -> str:
        """Commits on top of what there is; returns the commit's id."""
        bare, work = self.folder / name, self.folder / f"{name}-work"
        if not bare.exists():
            bare.parent.mkdir(parents=True, exist_ok=True)
            git(self.folder, "init", "-q", "--bare", "-b", branch, str(bare), check=True)
            git(self.folder, "clone", "-q", str(bare), str(work), check=True)
        git(work, "checkout", "-q", "-B", branch, check=True)
        for path, data in files.items():
            (work / path).parent.mkdir(parents=True, exist_ok=True)
            (work / path).write_bytes(data)
        for path, data in (large or {}).items():
            oid = hashlib.sha256(data).hexdigest()
            self.files[oid] = data
            (work / path).write_bytes(build(Sha256(oid), len(data)))
        git(work, "add", "-A", check=True)
        git(work, "commit", "-q", "--allow-empty", "-m", f"change of {branch}", check=True)
        if tag:
            git(work, "tag", "-a", tag, "-m", tag, check=True)
        git(work, "push", "-q", "--tags", "origin", branch, check=True)
        return git(work, "rev-parse", "HEAD", check=True).stdout.strip()

    def places(self, name: str, oids: list[str]) -> Iterator[dict[str, Any]]:
        for oid in oids:
            found: dict[str, Any] = {"oid": oid, "size": len(self.files.get(oid, b""))}
            if oid in self.files:
                found["actions"] = {"download": {"href": self.url(f"{name}/files/{oid}"), "header": {"X-Key": "1"}}}
            else:
                found["error"] = {"code": 404, "message": "Object does not exist"}
            yield self.bend(oid, found)


class _Handler(BaseHTTPRequestHandler):
    @property
    def owner(self) -> GitServer:
        found = self.server.owner  # type: ignore[attr-defined]
        assert isinstance(found, GitServer)
        return found

    def do_GET(self) -> None:
        self._serve("GET", b"")

    def do_POST(self) -> None:
        self._serve("POST", self.rfile.read(int(self.headers.get("content-length", "0"))))

    def _serve(self, method: str, body: bytes) -> None:
        owner, (path, _, query) = self.owner, self.path.partition("?")
        headers = {name.lower(): value for name, value in self.headers.items()}
        owner.asked.append((method, self.path, headers))
        if path in owner.redirects:
            self.send_response(302)
            self.send_header("Location", owner.redirects[path].replace("{query}", query))
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif "/files/" in path:
            self._file(path.rpartition("/")[2], headers.get("range", ""))
        elif owner.token and not self._may(headers.get("authorization", "")):
            self._answer(401, b"no", "text/plain")
        elif path.endswith("/info/lfs/objects/batch"):
            name = path.removeprefix("/").removesuffix("/info/lfs/objects/batch")
            oids = [one["oid"] for one in json.loads(body)["objects"]]
            answer = {"transfer": "basic", "objects": list(owner.places(name, oids))}
            self._answer(200, json.dumps(answer).encode(), "application/vnd.git-lfs+json")
        elif path.endswith("/info/refs"):
            name = path.removeprefix("/").removesuffix("/info/refs")
            head = b"001e# service=git-upload-pack\n0000"
            self._git(name, ["--http-backend-info-refs"], b"", "advertisement", head)
        elif path.endswith("/git-upload-pack"):
            self._git(path.removeprefix("/").removesuffix("/git-upload-pack"), [], body, "result", b"")
        else:
            self._answer(404, b"<html>nothing", "text/html")

    def _may(self, authorization: str) -> bool:
        scheme, _, text = authorization.partition(" ")
        return scheme == "Basic" and base64.b64decode(text).decode().partition(":")[2] == self.owner.token

    def _git(self, name: str, options: list[str], body: bytes, kind: str, head: bytes) -> None:
        folder = self.owner.folder / name
        if not (folder / "HEAD").exists():
            self._answer(404, b"<html>nothing", "text/html")
            return
        protocol = {"GIT_PROTOCOL": self.headers.get("git-protocol", "")} if self.owner.version == 2 else {}
        done = subprocess.run(
            ["git", "upload-pack", "--stateless-rpc", *options, str(folder)],
            input=body,
            capture_output=True,
            env={**os.environ, **protocol},
            check=False,
        )
        self._answer(200, head + done.stdout, f"application/x-git-upload-pack-{kind}")

    def _file(self, oid: str, ranged: str) -> None:
        data = self.owner.files[oid]
        start = int(ranged.removeprefix("bytes=").rstrip("-")) if ranged else 0
        self.send_response(206 if ranged else 200)
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        half = (len(data) + start) // 2
        self.wfile.write(data[start:half])
        self.wfile.flush()
        if not self.owner.hold.is_set() and not self.owner.held.is_set():
            self.owner.held.set()
            self.owner.hold.wait(60)
        self.wfile.write(data[half:])

    def _answer(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Tests look at `asked`."""
