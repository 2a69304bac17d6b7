"""nginx in front of a hub, with the configuration that `packaging/` gives to operators: only places and ports are changed."""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.hub import free_port

SAMPLE = Path(__file__).parents[1] / "packaging" / "nginx.conf"
PROGRAM = shutil.which("nginx", path="/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin")

_START_S_MAX = 20
_MAIN = """\
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
events {{}}
http {{
    access_log {folder}/access.log;
    client_body_temp_path {folder}/bodies;
    proxy_temp_path {folder}/answers;
    fastcgi_temp_path {folder}/unused;
    uwsgi_temp_path {folder}/unused;
    scgi_temp_path {folder}/unused;
    include {folder}/pioche.conf;
}}
"""


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for localhost and its key, made now."""
    cert, key = folder / "cert.pem", folder / "key.pem"
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-days", "1"]
    subprocess.run([*made, "-keyout", str(key), "-out", str(cert)], check=True, capture_output=True)
    return cert, key


def write(folder: Path, data_dir: Path, ports: Sequence[int], *, https: int, http: int) -> Path:
    """The main configuration file, in `folder`; `ports` are the nodes'."""
    folder.mkdir()
    cert, key = certificate(folder)
    text = SAMPLE.read_text()
    changes = {
        "    server 127.0.0.1:8000 max_fails=0;": "\n".join(
            f"    server 127.0.0.1:{port} max_fails=0;" for port in ports
        ),
        "    listen [::]:80;\n": "",
        "    listen [::]:443 ssl;\n": "",
        "listen 80;": f"listen 127.0.0.1:{http};",
        "listen 443 ssl;": f"listen 127.0.0.1:{https} ssl;",
        "server_name hub.example.org;": "server_name localhost;",
        "/etc/ssl/certs/hub.example.org.pem": str(cert),
        "/etc/ssl/private/hub.example.org.key": str(key),
        "alias /var/lib/pioche/;": f"alias {data_dir}/;",
    }
    for old, new in changes.items():
        assert old in text, f"packaging/nginx.conf has no line {old!r} any more"
        text = text.replace(old, new)
    (folder / "pioche.conf").write_text(text)
    main = folder / "nginx.conf"
    main.write_text(_MAIN.format(folder=folder))
    return main


@contextmanager
def running(folder: Path, data_dir: Path, ports: Sequence[int]) -> Iterator[str]:
    """The address of an nginx in front of the hubs at `ports`, of which `data_dir` is the data folder."""
    assert PROGRAM is not None
    port = free_port()
    main = write(folder, data_dir, ports, https=port, http=free_port())
    process = subprocess.Popen([PROGRAM, "-e", str(folder / "early.log"), "-p", str(folder), "-c", str(main)])
    try:
        deadline = time.monotonic() + _START_S_MAX
        while not _listens(port):
            assert process.poll() is None, (folder / "error.log").read_text()
            assert time.monotonic() < deadline, "nginx did not start"
            time.sleep(0.05)
        yield f"https://localhost:{port}"
    finally:
        process.terminate()
        process.wait(_START_S_MAX)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
