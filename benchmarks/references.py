"""What the hub is held against: nginx and a bare ASGI application, started for the run and ended after it."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.hub import free_port

START_S_MAX = 20


@dataclass(frozen=True)
class Server:
    """`pid` is the parent of all processes that serve."""

    url: str
    pid: int


@contextmanager
def nginx(folder: Path, file: Path, workers: int) -> Iterator[Server]:
    """Serves `/file` by sendfile; stores the body of a PUT to `/put` in a file, without hashing or syncing it."""
    port, sink = free_port(), free_port()
    folder.mkdir()
    (folder / "file").symlink_to(file)
    temporary = " ".join(f"{kind}_temp_path {folder}/{kind};" for kind in ("proxy", "fastcgi", "uwsgi", "scgi"))
    (folder / "conf").write_text(f"""
daemon off; pid {folder}/pid; error_log {folder}/error.log; worker_processes {workers};
{"user root;" if os.geteuid() == 0 else ""}
events {{ worker_connections 1024; }}
http {{
  access_log off; sendfile on; tcp_nopush on; sendfile_max_chunk 2m; keepalive_requests 10000000;
  client_max_body_size 0; client_body_temp_path {folder}/body; {temporary}
  server {{
    listen 127.0.0.1:{port} reuseport;
    location = /file {{ alias {folder}/file; }}
    location = /put {{
      client_body_in_file_only clean; client_body_buffer_size 1m;
      proxy_pass_request_body off; proxy_set_header Content-Length ""; proxy_pass http://127.0.0.1:{sink};
    }}
  }}
  server {{ listen 127.0.0.1:{sink}; return 200; }}
}}
""")
    program = shutil.which("nginx", path=os.environ["PATH"] + os.pathsep + "/usr/sbin")
    assert program is not None, "nginx is not installed"
    with running([program, "-p", str(folder), "-c", str(folder / "conf")], port) as server:
        yield server


@contextmanager
def bare_asgi(workers: int, file: Path) -> Iterator[Server]:
    """benchmarks.bare on the server that the hub runs on, with the same settings; `/file` is the file."""
    port = free_port()
    with running([sys.executable, "-m", "benchmarks.bare", str(port), str(workers), str(file)], port) as server:
        yield server


@contextmanager
def running(command: list[str], port: int) -> Iterator[Server]:
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(port, process)
        yield Server(f"http://127.0.0.1:{port}", process.pid)
    finally:
        process.terminate()
        process.wait(START_S_MAX)


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_S_MAX
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(f"{process.args!r} does not listen on port {port}")
