"""The wheel that is built from here installs in an environment of its own, and the hub in it starts."""

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.hub import free_port

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `pioche` command of a fresh environment that got nothing but the wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    subprocess.run([*pip, "wheel", "--no-deps", "--wheel-dir", str(folder), str(ROOT)], check=True)
    (wheel,) = folder.glob("pioche-*.whl")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder / "venv")], check=True)
    python = folder / "venv" / "bin" / "python"
    subprocess.run([*pip, "--python", str(python), "install", "--no-compile", str(wheel)], check=True)
    return python.with_name("pioche")


@pytest.mark.timeout(600)
def test_the_installed_hub_starts_answers_and_ends(installed: Path, tmp_path: Path) -> None:
    port = free_port()
    environment = {"PATH": os.environ["PATH"], "PIOCHE_DATA_DIR": str(tmp_path / "data"), "PIOCHE_PORT": str(port)}
    server = subprocess.Popen([str(installed), "serve"], env=environment, cwd=tmp_path, stdin=subprocess.DEVNULL)
    try:
        assert answer(server, f"http://localhost:{port}/healthz") == 200
        server.send_signal(signal.SIGTERM)
        assert server.wait(60) == 0
    finally:
        server.kill()
        server.wait()


def test_the_wheel_holds_the_migrations_and_no_tests(installed: Path) -> None:
    script = "import pioche, pathlib; print(*(p for p in pathlib.Path(pioche.__file__).parent.rglob('*')), sep='\\n')"
    listed = subprocess.run(
        [str(installed.with_name("python")), "-c", script], capture_output=True, text=True, check=True
    ).stdout
    assert "migrations/versions/0001_core.py" in listed
    assert "py.typed" in listed
    assert "/tests/" not in listed


def answer(server: subprocess.Popen[bytes], url: str) -> int:
    """The status of `url`, as soon as somebody listens there."""
    for _ in range(600):
        assert server.poll() is None, f"the hub ended with {server.returncode}"
        try:
            with urllib.request.urlopen(url, timeout=5) as response:
                return int(response.status)
        except urllib.error.HTTPError as error:
            return error.code
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.1)
    raise AssertionError(f"{url} did not answer")
