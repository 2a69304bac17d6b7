"""How little a client without memory sends of a file that changed, and how fast whole files become chunks.

Fresh clients: each upload runs in a process and a home folder of its own. What they sent is what the store grew by, and
what crossed the loopback device's door is counted by a proxy of bytes in between.
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
from dataclasses import dataclass
from pathlib import Path

from pioche import app, config
from pioche.accounts.callers import Caller
from pioche.names import RepoType, Sha256
from pioche.repos.catalog import NewRepo
from pioche.storage.xet import chunking
from pioche.storage.xet.conversion import Converter
from tests.hub import Hub

_UPLOAD = (
    "import sys; from huggingface_hub import HfApi; api = HfApi(); api.create_repo('bench/dedup', exist_ok=True); "
    "api.upload_file(path_or_fileobj=sys.argv[1], path_in_repo='model.bin', repo_id='bench/dedup')"
)


@dataclass(frozen=True)
class Figure:
    """`goal` is at most; at least where `more_is_better`."""

    name: str
    value: float
    goal: float
    unit: str
    more_is_better: bool = False

    @property
    def verdict(self) -> str:
        reached = self.value >= self.goal if self.more_is_better else self.value <= self.goal
        return f"{self.value:.2f} {self.unit} (goal {self.goal:g} {'' if reached else 'not '}reached)"


def measure(folder: Path, *, mb: int = 200) -> list[Figure]:
    """`mb` is the size of the file in 10^6 bytes."""
    folder.mkdir()
    return [*_changes(folder, mb), *_conversions(folder / "conversion", mb)]


def _changes(folder: Path, mb: int) -> list[Figure]:
    data, megabyte = random.Random(1).randbytes(mb * 10**6), random.Random(2).randbytes(10**6)
    half = len(data) // 2
    changes = {
        "1 MB inserted": (data[:half] + megabyte + data[half:], 1.2),
        "the first 1 MB replaced": (megabyte + data[10**6 :], 1.3),
    }
    found = list[Figure]()
    for name, (changed, goal) in changes.items():
        with tempfile.TemporaryDirectory(dir=folder) as inside, Hub(Path(inside), {"WORKERS": "2"}) as hub:
            token = hub.user("bench").token
            _send(hub, token, data, Path(inside))
            before = _stored(hub)
            wire = _send(hub, token, changed, Path(inside))
            found.append(Figure(f"{mb} MB file, {name}: sent by a fresh client", wire / 1e6, goal, "MB"))
            found.append(Figure(f"{mb} MB file, {name}: on disk", (_stored(hub) - before) / 1e6, goal, "MB"))
    return found


def _send(hub: Hub, token: str, data: bytes, folder: Path) -> int:
    """Uploads by a client without memory; returns the bytes that it sent, HTTP included."""
    with tempfile.TemporaryDirectory(dir=folder) as home, _Counter(hub.port) as counter:
        file = Path(home, "model.bin")
        file.write_bytes(data)
        own = {"HF_ENDPOINT": f"http://localhost:{counter.port}", "HF_TOKEN": token, "HOME": home, "HF_HOME": home}
        environment = {**os.environ, **own, "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
        subprocess.run([sys.executable, "-c", _UPLOAD, str(file)], env=environment, check=True, timeout=600)
        return counter.sent


def _stored(hub: Hub) -> int:
    return sum(path.stat().st_size for path in (hub.data_dir / "xet" / "xorbs").rglob("*") if path.is_file())


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


def _conversions(data_dir: Path, mb: int) -> list[Figure]:
    """Processor time of a whole conversion: cut, hashed, stored, read back, hashed again."""
    if not chunking.is_available():
        return []
    settings = config.load({"data_dir": data_dir}, environ={})
    app.prepare(settings)
    hub = app.build_hub(settings)
    converter = Converter(hub.database, hub.blobs, hub.xet.files, hub.xet.uploads, data_dir / "incoming")
    account = hub.directory.create_user("bench")
    caller = Caller(account.id, account.name, may_write=True, is_admin=False)
    repo = hub.catalog.create(caller, NewRepo(type=RepoType.MODEL, namespace="bench", name="m"))
    old = random.Random(3).randbytes(mb * 10**6)
    new = old[: len(old) // 2] + b"changed" * 1000 + old[len(old) // 2 :]

    def adopt(data: bytes) -> Sha256:
        sha256 = Sha256(hashlib.sha256(data).hexdigest())
        draft = data_dir / "incoming" / sha256
        draft.write_bytes(data)
        hub.contents.adopt(repo.id, caller.user_id, sha256, draft)
        return sha256

    try:
        warm, sha256s = adopt(bytes(2 << 20)), [adopt(old), adopt(new)]
        converter.improve(warm)  # compiles
        began = time.process_time()
        done = converter.improve(sha256s[1])  # and with it the other one, which it shares chunks with
        rate = 2 * mb / 1e3 / (time.process_time() - began)
        assert done
    finally:
        hub.database.close()
    return [Figure(f"two versions of a {mb} MB file from LFS to chunks", rate, 0.4, "GB/s", more_is_better=True)]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="pioche-bench-") as name:
        for figure in measure(Path(name, "dedup"), mb=int(sys.argv[1]) if len(sys.argv) > 1 else 200):
            print(f"{figure.name}: {figure.verdict}")
