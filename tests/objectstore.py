"""An S3 store for tests: a real Ceph gateway where its programs are installed, else moto, which checks no signatures.

One Ceph cluster is shared by all processes of a test run (it takes 20 seconds and 470 MB): whoever needs it first starts
it, and the run's end stops it. Each test works below a prefix of its own, in one bucket:

    config = template.config(folder, **object_store.settings())
"""

import contextlib
import fcntl
import itertools
import json
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, replace
from pathlib import Path

from tests import leftovers
from tests.hub import free_port

PROGRAM = Path(__file__).parent / "services" / "ceph-s3"
NEEDED = ("ceph-mon", "ceph-mgr", "ceph-osd", "radosgw", "radosgw-admin", "ceph", "curl")
START_S_MAX = 240
_SHARED = "TEST_SERVICES_DIR"
_RUN = "TEST_SERVICES_RUN"  # the process that ends them

_serial = itertools.count(1)


@dataclass(frozen=True)
class ObjectStore:
    """A store and a bucket in it."""

    endpoint: str
    access_key: str
    secret_key: str
    bucket: str
    folder: Path | None
    """Of the Ceph cluster; None with moto."""

    @property
    def checks_signatures(self) -> bool:
        return self.folder is not None

    def settings(self, prefix: str | None = None, **more: str) -> dict[str, str]:
        """Settings of a hub on it, below a prefix that no other test uses unless one is given."""
        return {
            "storage_url": f"s3://{self.bucket}/{prefix or self.prefix()}",
            "storage_endpoint": self.endpoint,
            "storage_access_key": self.access_key,
            "storage_secret_key": self.secret_key,
            "storage_allow_http": "on",
            **more,
        }

    def prefix(self) -> str:
        return f"t{os.getpid()}-{next(_serial)}"

    def at(self, endpoint: str) -> "ObjectStore":
        """The same store, reached another way."""
        return replace(self, endpoint=endpoint)


def is_ceph_installed() -> bool:
    """TEST_OBJECT_STORE=moto says no, to see what others see."""
    if os.environ.get("TEST_OBJECT_STORE") == "moto":
        return False
    return all(shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin") for name in NEEDED)


# --- the run: called from conftest.py ---


def prepare_run() -> None:
    """In the first process of a run: where the others find what is shared."""
    os.environ[_SHARED] = tempfile.mkdtemp(prefix="pioche-services-")
    os.environ[_RUN] = str(os.getpid())


def end_run() -> None:
    folder = Path(os.environ.pop(_SHARED))
    if (folder / "ceph").exists():
        subprocess.run([PROGRAM, "stop", folder / "ceph"], check=False)
    shutil.rmtree(folder, ignore_errors=True)


# --- the stores ---


def ceph() -> ObjectStore:
    """The run's cluster, started by whoever comes first."""
    shared = Path(os.environ[_SHARED])
    told = shared / "ceph.json"
    with (shared / "ceph.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not told.exists():
            told.write_text(json.dumps(_start(shared / "ceph")))
    return _ceph_at(json.loads(told.read_text()), shared / "ceph")


def _start(folder: Path) -> int:
    for attempt in range(3):
        port = _free_pair()
        done = subprocess.run(
            [PROGRAM, "start", folder, str(port)],
            env=leftovers.unmarked(),  # of the run, not of this process
            capture_output=True,
            text=True,
            timeout=START_S_MAX,
            check=False,
        )
        if done.returncode == 0:
            _guard(folder)
            return port
        log = folder / "run" / "start.log"
        said = f"{done.stderr}\n{log.read_text()[-3000:] if log.exists() else ''}"
        subprocess.run([PROGRAM, "stop", folder], check=False)
        shutil.rmtree(folder, ignore_errors=True)
        assert attempt < 2, said
    raise AssertionError("unreachable")


def _guard(folder: Path) -> None:
    """A run that is killed stops nothing by itself: somebody else does."""
    subprocess.run(
        ["setsid", "--fork", PROGRAM, "guard", folder, os.environ[_RUN]],
        env=leftovers.unmarked(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=True,
    )


def _free_pair() -> int:
    """A port that is free together with the next one, below those that the system gives to connections."""
    while True:
        port = random.randrange(15_000, 32_000)
        with contextlib.suppress(OSError), socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", port))
            second.bind(("127.0.0.1", port + 1))
            return port


def _ceph_at(port: int, folder: Path) -> ObjectStore:
    key, secret = "HUBTESTACCESSKEY", "hubtestsecretkey0123456789abcdef"
    return ObjectStore(f"http://127.0.0.1:{port}", key, secret, "hub", folder)


class Gateway:
    """A gateway of one's own to the shared cluster: it may be killed without disturbing others."""

    def __init__(self, store: ObjectStore) -> None:
        assert store.folder is not None, "only Ceph has gateways"
        self._folder = store.folder
        self.port = _free_pair()
        self.store = store.at(f"http://127.0.0.1:{self.port}")

    def start(self) -> None:
        subprocess.run([PROGRAM, "gateway", self._folder, str(self.port)], check=True, timeout=60)

    def kill(self) -> None:
        subprocess.run([PROGRAM, "stop", self._folder, str(self.port)], check=True, timeout=60)


class Moto:
    """The mock, in a process of its own."""

    def __init__(self, folder: Path) -> None:
        port = free_port()
        environ = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
        with (folder / "moto.log").open("wb") as log:
            command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
            self._process = subprocess.Popen(command, env=environ, stdout=log, stderr=log)
        self.store = ObjectStore(f"http://127.0.0.1:{port}", "key", "secret", "hub", None)
        deadline = time.monotonic() + 60
        while not self._made_bucket():
            assert time.monotonic() < deadline, (folder / "moto.log").read_text()
            time.sleep(0.1)

    def _made_bucket(self) -> bool:
        request = urllib.request.Request(f"{self.store.endpoint}/{self.store.bucket}", method="PUT", data=b"")
        request.add_header("Authorization", "AWS4-HMAC-SHA256 Credential=key/20200101/us-east-1/s3/aws4_request")
        try:
            with urllib.request.urlopen(request, timeout=5):
                return True
        except (urllib.error.URLError, ConnectionError):
            return False

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(30)
