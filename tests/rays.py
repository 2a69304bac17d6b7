"""A Ray of one node, as an operator starts it: `ray start`, Serve behind HAProxy.

with Ray(folder) as ray: ray.address, ray.url

Before anything imports Ray: it reads its settings then.
"""

import os
import secrets
import subprocess
import sys
from pathlib import Path
from types import TracebackType

from pioche.config import prepare_ray
from tests.hub import free_port

_SECONDS = 60


class Ray:
    """`folder` has a short path: sockets lie in it."""

    def __init__(self, folder: Path) -> None:
        prepare_ray(folder)  # for the process of the tests too: it connects
        os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(16)}
        port = free_port()
        self.address = f"127.0.0.1:{port}"
        self.url = f"http://127.0.0.1:{free_port()}"
        words = ["start", "--head", "--block", "--node-ip-address=127.0.0.1", f"--port={port}", "--num-cpus=8"]
        words += ["--object-store-memory=100000000", "--include-dashboard=false", "--disable-usage-stats"]
        command = [str(Path(sys.executable).with_name("ray")), *words, f"--temp-dir={folder / 'ray'}"]
        self._log = (folder / "log").open("w+b")
        self._process = subprocess.Popen(command, stdout=self._log, stderr=subprocess.STDOUT)

    def __enter__(self) -> "Ray":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        try:
            self._process.wait(_SECONDS)
        finally:
            self._process.kill()
            self._log.close()
