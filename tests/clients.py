"""The stock clients, each version in an environment of its own, run against a hub as its users run them.

    def publish(client, repo):                       # runs in the client's own interpreter: see tests/clientside.py
        client.api.create_repo(repo)
        return client.api.upload_file(path_or_fileobj=b"x", path_in_repo="x", repo_id=repo).oid

    Kind("0.36.2", xet=False).tell(publish, hub, ada.token, repo="ada/m")

A story is a function whose source is sent to a process of its own: it sees its arguments and what it imports itself,
nothing else of the file it stands in. Arguments and what it returns are JSON. An exception that ends it raises
`StoryFailed` here, with the client's own traceback.

Environments are built once and kept: under `.venv-clients/` of the project, or where TEST_CLIENTS_DIR points. The
version that the tests themselves run with needs none.
"""

import fcntl
import hashlib
import importlib.metadata
import inspect
import json
import os
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests import clientside
from tests.hub import Hub

VERSIONS = ("0.36.2", "1.33.0", "2.4.0")
OLDEST, MIDDLE, CURRENT = VERSIONS
CONSTRAINTS = Path(__file__).with_name("constraints.txt")
XET = "hf-xet==1.8.0"
LIBRARIES = ("transformers", "sentence-transformers", "diffusers", "datasets")
"""The libraries on top of the client, in the versions of constraints.txt."""

Story = Callable[..., Any]


class StoryFailed(AssertionError):
    """An exception ended the story. `classes` names its class and its bases, `message` is its text."""

    def __init__(self, classes: list[str], message: str, output: str) -> None:
        super().__init__(f"{classes[0]}: {message}\n{output}")
        self.classes = classes
        self.message = message


@dataclass(frozen=True)
class Kind:
    """A version of huggingface_hub, with or without Xet, and the libraries installed beside it."""

    version: str
    xet: bool = True
    packages: tuple[str, ...] = ()
    settings: dict[str, str] = field(default_factory=dict, hash=False)
    """More of its environment."""

    def __str__(self) -> str:
        return f"{self.version}-{'xet' if self.xet else 'lfs'}"

    def tell(self, story: Story, hub: Hub, token: str | None, *, timeout_s: float = 240, **args: Any) -> Any:
        """Runs `story(client, **args)` against `hub` with this client; returns what the story returns.

        A fresh home each time: nothing is cached between two stories unless they name a folder of their own.
        """
        python = interpreter(self.version, self.packages)
        with tempfile.TemporaryDirectory(prefix="pioche-client-") as home:
            folder = Path(home, "story")
            folder.mkdir()
            given, out = Path(home, "story.json"), Path(home, "told.json")
            given.write_text(json.dumps(_source(story) | {"args": args}))
            done = subprocess.run(
                [str(python), clientside.__file__, str(given), str(out)],
                env=environment(hub, Path(home), token=token, xet=self.xet) | self.settings,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=timeout_s,
                check=False,
            )
            if not out.exists():
                raise AssertionError(f"the client's process ended with {done.returncode}:\n{done.stdout}")
            told = json.loads(out.read_text())
        if "error" in told:
            raise StoryFailed(told["error"], told["message"], done.stdout)
        return told["value"]


def _source(story: Story) -> dict[str, Any]:
    lines, line = inspect.getsourcelines(story)
    source = textwrap.dedent("".join(lines))
    return {"source": source, "name": story.__name__, "file": inspect.getsourcefile(story), "line": line}


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
        "NO_PROXY": "localhost",
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
    xet = [] if any(package.startswith("hf-xet") for package in packages) else [XET]
    wanted = [f"huggingface_hub=={version}", *xet, *packages]
    key = hashlib.sha256("\n".join([*wanted, CONSTRAINTS.read_text()]).encode()).hexdigest()[:8]
    return _once(f"{version}-{key}", lambda folder: _build(folder, wanted)) / "bin" / "python"


def javascript(package: str) -> Path:
    """A folder in which Node.js finds that package of npm."""

    def install(folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        (folder / "package.json").write_text('{"private": true, "type": "module"}')
        subprocess.run(["npm", "install", "--no-fund", "--no-audit", package], cwd=folder, check=True)

    return _once("javascript-" + package.rpartition("@")[2], install)


def _once(name: str, make: Callable[[Path], None]) -> Path:
    """The folder of that name, made by whoever of the parallel test runs comes first."""
    folder = _folder() / name
    folder.parent.mkdir(parents=True, exist_ok=True)
    with Path(f"{folder}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "installed").exists():
            make(folder)
            (folder / "installed").touch()
    return folder


def _folder() -> Path:
    kept = os.environ.get("TEST_CLIENTS_DIR")
    return Path(kept) if kept else Path(__file__).parents[1] / ".venv-clients"


def _build(folder: Path, requirements: list[str]) -> None:
    # This environment's pip serves: one of its own would be unpacked first. What is imported is compiled then.
    subprocess.run([sys.executable, "-m", "venv", "--clear", "--without-pip", str(folder)], check=True)
    pip = [sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python"), "--disable-pip-version-check"]
    pip += ["install", "--quiet", "--no-compile", "--constraint", str(CONSTRAINTS)]
    if set(requirements) & set(LIBRARIES):
        # Before what asks for any torch: there the newest would be taken, with gigabytes for graphics cards.
        subprocess.run([*pip, "torch"], check=True)
    subprocess.run([*pip, *requirements], check=True)
