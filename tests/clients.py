"""The stock clients, each version in an environment of its own, run against a hub as its users run them.

    done = run("0.36.2", SCRIPT, hub, token=ada.token, xet=False, REPO="ada/m")
    assert done.value == {"sha": ...}

`SCRIPT` is Python source that runs in a process of its own. Its arguments arrive as a dict named `args`; what it hands
to `result(...)` (JSON) comes back as `done.value`. An exception that it lets through comes back as `done.error`, the
names of the exception's classes, so that a test can say `assert "RevisionNotFoundError" in done.error`.

Environments are built once and kept: under `.venv-clients/` of the project, or where TEST_CLIENTS_DIR points. The
version that the tests themselves run with needs none.
"""

import fcntl
import importlib.metadata
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.hub import Hub

VERSIONS = ("0.36.2", "1.33.0", "2.4.0")
OLDEST, MIDDLE, CURRENT = VERSIONS

_PROLOGUE = """\
import json as _json, sys as _sys
args = _json.loads(_sys.argv[1])
_out = _sys.argv[2]
def result(value):
    with open(_out, "w") as file:
        _json.dump({"value": value}, file)
def _tell(kind, error, trace):
    with open(_out, "w") as file:
        _json.dump({"error": [c.__name__ for c in kind.__mro__], "message": str(error)}, file)
    _sys.__excepthook__(kind, error, trace)
_sys.excepthook = _tell
"""


@dataclass(frozen=True)
class Done:
    """How a script ended. `error` holds the names of the exception's class and its bases, empty when all went well."""

    value: Any
    error: tuple[str, ...]
    message: str
    output: str


def run(
    version: str,
    script: str,
    hub: Hub,
    *,
    token: str | None = None,
    xet: bool = True,
    packages: tuple[str, ...] = (),
    timeout_s: float = 300,
    **args: Any,
) -> Done:
    """Runs `script` with huggingface_hub `version` (and `packages` beside it) against `hub`.

    A fresh HF_HOME each time: nothing is cached between two runs unless the script names a folder of its own.
    """
    python = interpreter(version, packages)
    with tempfile.TemporaryDirectory(prefix="pioche-client-") as home:
        source, out = Path(home, "script.py"), Path(home, "result.json")
        source.write_text(_PROLOGUE + script)
        done = subprocess.run(
            [str(python), str(source), json.dumps(args), str(out)],
            env=environment(hub, Path(home), token=token, xet=xet),
            cwd=home,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout_s,
            check=False,
        )
        told = json.loads(out.read_text()) if out.exists() else {}
    if done.returncode != 0 and "error" not in told:
        raise AssertionError(f"the client's process ended with {done.returncode}:\n{done.stdout}")
    return Done(told.get("value"), tuple(told.get("error", ())), told.get("message", ""), done.stdout)


def environment(hub: Hub, home: Path, *, token: str | None = None, xet: bool = True) -> dict[str, str]:
    """What a client needs to know of `hub`, and nothing of the machine's own Hugging Face settings."""
    rest = {
        key: value for key, value in os.environ.items() if not key.startswith(("HF_", "HUGGING", "PIOCHE_", "PYTHON"))
    }
    ours = {
        "HF_ENDPOINT": hub.endpoint,
        "HF_HOME": str(home / "hf"),
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "HF_HUB_DISABLE_UPDATE_CHECK": "1",
        "HOME": str(home),
    }
    if token is not None:
        ours["HF_TOKEN"] = token
    if not xet:
        ours["HF_HUB_DISABLE_XET"] = "1"
    return {**rest, **ours}


def interpreter(version: str, packages: tuple[str, ...] = ()) -> Path:
    """The Python of the environment with that client, built on first use (minutes; safe among parallel test runs)."""
    if not packages and importlib.metadata.version("huggingface_hub") == version:
        return Path(sys.executable)
    name = "-".join([version, *packages]).replace("/", "_").replace("==", "-")
    folder = _folder() / name
    folder.parent.mkdir(parents=True, exist_ok=True)
    with Path(f"{folder}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "installed").exists():
            _build(folder, [f"huggingface_hub=={version}", *packages])
    return folder / "bin" / "python"


def _folder() -> Path:
    kept = os.environ.get("TEST_CLIENTS_DIR")
    return Path(kept) if kept else Path(__file__).parents[1] / ".venv-clients"


def _build(folder: Path, requirements: list[str]) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, *requirements], check=True)
    (folder / "installed").touch()
