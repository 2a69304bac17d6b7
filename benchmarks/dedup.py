"""How little a client without memory sends of a file that changed, and how fast whole files become chunks.

Fresh clients: each upload runs in a process and a home folder of its own. What they sent is counted by a door in front of
the hub, what is stored by looking at the store.
"""

import hashlib
import os
import random
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from benchmarks.bench import Bench
from benchmarks.rows import Goal, Row
from pioche import app, config
from pioche.accounts.callers import Caller
from pioche.names import RepoType, Sha256
from pioche.repos.catalog import NewRepo
from pioche.storage.xet import chunking
from pioche.storage.xet.codec import Scheme
from pioche.storage.xet.conversion import Converter
from tests.hub import Hub

_FILE_BYTES = 200_000_000
_UPLOAD = (
    "import sys; from huggingface_hub import HfApi; api = HfApi(); api.create_repo(sys.argv[2], exist_ok=True); "
    "api.upload_file(path_or_fileobj=sys.argv[1], path_in_repo='model.bin', repo_id=sys.argv[2])"
)


def changes(bench: Bench) -> list[Row]:
    """One megabyte of two hundred."""
    data, megabyte = random.Random(1).randbytes(_FILE_BYTES), random.Random(2).randbytes(10**6)
    half = len(data) // 2
    inserted, other = data[:half] + megabyte + data[half:], random.Random(3).randbytes(_FILE_BYTES)
    # Each on content of its own: what one leaves in the namespace would help the other.
    return [
        _change(bench, "200 MB file with 1 MB inserted, fresh client", data, inserted, 1.2),
        _change(bench, "its first 1 MB replaced, fresh client", other, megabyte + other[10**6 :], 1.3),
    ]


def _change(bench: Bench, path: str, old: bytes, new: bytes, limit: float) -> Row:
    print(f"{path} ...", flush=True)
    repo = f"bench/{hashlib.sha256(path.encode()).hexdigest()[:12]}"
    _send(bench, repo, old)
    before = _stored(bench.hub)
    wire = _send(bench, repo, new) / 1e6
    disk = (_stored(bench.hub) - before) / 1e6
    return Row(path, f"{wire:.2f} MB sent, {disk:.2f} MB stored", [Goal(wire, limit, "MB"), Goal(disk, limit, "MB")])


def _send(bench: Bench, repo: str, data: bytes) -> int:
    """Uploads by a client without memory; returns the bytes that it sent, HTTP included."""
    with tempfile.TemporaryDirectory(dir=bench.folder) as home, _Counter(bench.hub.port) as counter:
        file = Path(home, "model.bin")
        file.write_bytes(data)
        own = {
            "HF_ENDPOINT": f"http://localhost:{counter.port}",
            "HF_TOKEN": bench.token,
            "HOME": home,
            "HF_HOME": home,
        }
        environment = {**os.environ, **own, "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
        subprocess.run([sys.executable, "-c", _UPLOAD, str(file), repo], env=environment, check=True, timeout=600)
        return counter.sent


def _stored(hub: Hub) -> int:
    return sum(path.stat().st_size for path in (hub.data_dir / "xet" / "xorbs").rglob("*") if path.is_file())


def conversion(bench: Bench) -> list[Row]:
    """Processor time of a conversion, without that of the sample; in this process, on a hub of its own."""
    if not chunking.is_available():
        return []
    print("LFS to chunks ...", flush=True)
    settings = config.load({"data_dir": bench.folder / "conversion"}, environ={})
    app.prepare(settings)
    hub = app.build_hub(settings)
    scratch = settings.data_dir / "incoming"
    converter = Converter(hub.database, hub.blobs, hub.xet.files, hub.xet.uploads, scratch)
    account = hub.directory.create_user("bench")
    caller = Caller(account.id, account.name, may_write=True, is_admin=False)
    repo = hub.catalog.create(caller, NewRepo(type=RepoType.MODEL, namespace="bench", name="m"))

    def convert(content: bytes) -> float:
        sha256 = Sha256(hashlib.sha256(content).hexdigest())
        draft = scratch / sha256
        draft.write_bytes(content)
        hub.contents.adopt(repo.id, caller.user_id, sha256, draft)
        began = time.process_time()
        assert converter.convert(sha256, len(content), Scheme.NONE)
        return len(content) / 1e9 / (time.process_time() - began)

    try:
        convert(bytes(2 << 20))  # compiles
        rate = convert(random.Random(3).randbytes(_FILE_BYTES))
    finally:
        hub.database.close()
    seen = "cut, hashed, stored, synced, read back, hashed twice"
    limits = (
        "sha256 takes 0.7 CPU s/GB, finding where to cut 0.5, BLAKE3 twice 0.4 to 0.6, reading past the page cache twice 0.4,"
        " writing past it 0.2; the rest is a few microseconds for each chunk, and waking up after each of these waits"
    )
    return [Row("LFS to chunks in the background", seen, [Goal(rate, 0.4, "GB/s a core", is_most=False)], limits)]


class _Counter:
    """A door in front of the hub that counts the bytes that come in by it."""

    def __init__(self, port: int) -> None:
        self.sent = 0
        self._target = port
        self._lock = threading.Lock()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]

    def __enter__(self) -> "_Counter":
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._socket.accept()
            except OSError:
                return
            hub = socket.create_connection(("127.0.0.1", self._target))
            threading.Thread(target=self._pump, args=(client, hub, True), daemon=True).start()
            threading.Thread(target=self._pump, args=(hub, client, False), daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket, counted: bool) -> None:
        try:
            while data := source.recv(1 << 18):
                target.sendall(data)
                if counted:
                    with self._lock:
                        self.sent += len(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass
