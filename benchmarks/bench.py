"""What the benchmarks run on: a fresh hub, and its references, each started when a section first asks for it."""

import argparse
import hashlib
import json
import secrets
import urllib.request
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from huggingface_hub import CommitOperationAdd, HfApi

from benchmarks import loads
from benchmarks.measure import Sample
from benchmarks.references import Server, bare_asgi, nginx
from tests.hub import Account, Hub

REPO = "bench/model"
LFS = "application/vnd.git-lfs+json"


class Bench:
    """Everything in `folder`; leaving the block stops all servers."""

    def __init__(self, folder: Path, given: argparse.Namespace) -> None:
        self.folder = folder
        self.given = given
        self.rounds = int(given.rounds)
        self.workers = int(given.workers)
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    # --- servers -----------------------------------------------------------------------------------------------------

    @cached_property
    def hub(self) -> Hub:
        # Upkeep at its own hours is no part of what is measured.
        upkeep = {"GC_SECONDS": "0", "SCRUB_DAYS": "0"}
        settings = {"WORKERS": str(self.workers), "LOG_LEVEL": "warning", **upkeep}
        return self._stack.enter_context(Hub(self.folder, settings))

    @cached_property
    def user(self) -> Account:
        return self.hub.user("bench")

    @property
    def token(self) -> str:
        return self.user.token

    @cached_property
    def nginx(self) -> Server:
        return self._stack.enter_context(nginx(self.folder / "nginx", self.file, self.workers))

    @cached_property
    def bare(self) -> Server:
        return self._stack.enter_context(bare_asgi(self.workers, self.file))

    # --- what is in them ---------------------------------------------------------------------------------------------

    @cached_property
    def file(self) -> Path:
        return random_file(self.folder / "file.bin", int(self.given.mib))

    @property
    def size(self) -> int:
        return self.file.stat().st_size

    @cached_property
    def api(self) -> HfApi:
        return HfApi(self.hub.endpoint, token=self.token)

    @cached_property
    def repo(self) -> str:
        """A repo with `file.bin`, which came by LFS, and small files in two later commits."""
        print(f"filling the hub: one file of {self.given.mib} MiB, two commits", flush=True)
        self.api.create_repo(REPO)
        upload_lfs(self, REPO, self.file)
        small = [CommitOperationAdd(f"{name}.json", b'{"a": 1}') for name in ("config", "tokenizer", "generation")]
        self.api.create_commit(REPO, small, commit_message="small")
        self.api.create_commit(REPO, [CommitOperationAdd("notes.txt", b"later\n")], commit_message="later")
        return REPO

    def resolve(self, path: str, revision: str = "main") -> str:
        return f"{self.hub.endpoint}/{self.repo}/resolve/{revision}/{path}"

    def call(
        self, path: str, body: bytes, kind: str = "application/json", headers: dict[str, str] | None = None
    ) -> Any:
        """POSTs to the hub; `path` may be an address of its own."""
        url = path if path.startswith("http") else self.hub.endpoint + path
        own = {**self.user.bearer, "Content-Type": kind, "Accept": kind, **(headers or {})}
        with urllib.request.urlopen(urllib.request.Request(url, body, own), timeout=600) as response:
            text = response.read()
        return json.loads(text) if text else None

    def commit(self, repo: str, lines: list[dict[str, Any]]) -> None:
        """One commit call; `lines` follow the header."""
        found = [{"key": "header", "value": {"summary": "bench"}}, *lines]
        body = "\n".join(json.dumps(line) for line in found).encode()
        self.call(f"/api/models/{repo}/commit/main", body, "application/x-ndjson")


def random_file(path: Path, mib: int) -> Path:
    with path.open("wb") as file:
        for _ in range(mib):
            file.write(secrets.token_bytes(1 << 20))
    return path


def make_new(path: Path) -> None:
    """Other bytes in each MiB, so that nothing of the file is known to the hub."""
    with path.open("r+b") as file:
        for start in range(0, path.stat().st_size, 1 << 16):
            file.seek(start)
            file.write(secrets.token_bytes(32))


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def upload_lfs(bench: Bench, repo: str, file: Path) -> Sample:
    """The file over LFS in one part (batch, PUT, verify), then a commit of it. The sample is of the PUT alone."""
    oid, size = sha256_of(file), file.stat().st_size
    wanted = {"oid": oid, "size": size}
    batch = {"operation": "upload", "transfers": ["basic"], "objects": [wanted], "hash_algo": "sha256"}
    answer = bench.call(f"/{repo}.git/info/lfs/objects/batch", json.dumps(batch).encode(), LFS)
    actions = answer["objects"][0]["actions"]
    sample = loads.put(actions["upload"]["href"], actions["upload"].get("header", {}), file, bench.hub.pid)
    if "verify" in actions:
        verify = actions["verify"]
        bench.call(verify["href"], json.dumps(wanted).encode(), LFS, verify.get("header"))
    bench.commit(repo, [{"key": "lfsFile", "value": {"path": file.name, "algo": "sha256", **wanted}}])
    return sample
