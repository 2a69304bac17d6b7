"""`make run`: starts a hub, publishes the sample content on the first start, and says how to use it.

The hub is `pioche serve` with the settings of the environment (PIOCHE_*) and of pioche.toml, as it is everywhere. The
samples go through its public address, as anyone's models do. Ends when the hub ends, or on Ctrl-C and SIGTERM.
"""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from types import FrameType
from typing import Any

from pioche import config
from pioche.errors import ConfigError

ROOT = Path(__file__).parents[1]
BUILD = ROOT / "build"
PIOCHE = (sys.executable, "-m", "pioche")
USER = "demo"
GRPC_PORT = 8001


def main() -> int:
    settle_environment()
    try:
        pending = first_start(config.load().data_dir)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 2
    server = Server()
    signal.signal(signal.SIGTERM, interrupt)
    try:
        url = server.wait_until_ready()
        if url is not None:
            token = prepare(url, pending) if pending.exists() else None
            print(guide(url, server.told, token), flush=True)
        return server.process.wait()
    except KeyboardInterrupt:
        return server.end()
    finally:
        server.end()


def settle_environment() -> None:
    """Leaves the shell's own Hugging Face settings out: the samples are for this hub. Logs are few, and for people."""
    if not Path("pioche.toml").exists() and "PIOCHE_CONFIG" not in os.environ:
        os.environ.setdefault("PIOCHE_LOG_LEVEL", "warning")
        os.environ.setdefault("PIOCHE_LOG_FORMAT", "text")
        if is_free(GRPC_PORT):
            os.environ.setdefault("PIOCHE_GRPC_PORT", str(GRPC_PORT))
    for key in [key for key in os.environ if key.startswith(("HF_", "HUGGING"))]:
        del os.environ[key]
    os.environ.update(HF_HOME=str(BUILD / "client"), HF_HUB_DISABLE_TELEMETRY="1", HF_HUB_DISABLE_UPDATE_CHECK="1")
    if not sys.stderr.isatty():
        os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"


def is_free(port: int) -> bool:
    """Whether nobody listens there."""
    with socket.socket() as asking:
        return asking.connect_ex(("127.0.0.1", port)) != 0


def first_start(data_dir: Path) -> Path:
    """The mark that samples are still to be published: made before the first start, gone when all are there."""
    pending = data_dir / "cache" / "samples-pending"
    if not data_dir.exists() or not any(data_dir.iterdir()):
        pending.parent.mkdir(parents=True)
        pending.touch()
    return pending


def interrupt(signum: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


class Server:
    """`pioche serve` as a child process; its logs go to this terminal, what it says is read here."""

    def __init__(self) -> None:
        self.told: dict[str, str] = {}
        command = [*PIOCHE, "serve", "--json"]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)

    def wait_until_ready(self) -> str | None:
        """The hub's address; None when it ended instead."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.told.update(json.loads(line))
            if "url" in self.told:
                return self.told["url"]
        return None

    def end(self) -> int:
        """Lets the hub finish what it is doing; its exit status."""
        self.process.terminate()
        return self.process.wait()


def prepare(url: str, pending: Path) -> str:
    """Creates the account `demo`, publishes the samples; returns a token of that account.

    What cannot be had now (no network) is tried again at the next start; the rest goes on.
    """
    os.environ["HF_ENDPOINT"] = url
    import samples  # not before: the client reads HF_ENDPOINT when it is imported

    create("user", "create", USER, "--fullname", "Demo")
    create("org", "create", samples.OWNER, "--fullname", "Samples")
    create("org", "add", samples.OWNER, USER, "--role", "write")
    token = str(pioche("token", "create", USER, "--name", "try", "--role", "write")["token"])
    print("Publishing the sample content (on the first start only):", flush=True)
    if samples.publish_all(url, token, BUILD / "packages"):
        pending.unlink()
    return token


def create(*arguments: str) -> None:
    """Runs a command whose work an earlier, interrupted start may have done already."""
    subprocess.run([*PIOCHE, *arguments, "--json"], stdin=subprocess.DEVNULL, capture_output=True, check=False)


def pioche(*arguments: str) -> Any:
    done = subprocess.run([*PIOCHE, *arguments, "--json"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def guide(url: str, told: dict[str, str], token: str | None) -> str:
    """What a newcomer wants to know now."""
    login = f"{told['administrator']}, one-time password {told['password']}" if "password" in told else ""
    administrator = f"  Administrator     {login}\n" if login else ""
    port = config.load().grpc_port
    grpc = f"\nThe same by gRPC (Open Inference Protocol): 127.0.0.1:{port}\n" if port else ""
    token = token or f"(.venv/bin/pioche token create {USER} makes a new one)"
    return f"""
Pioche is running at {url}

{administrator}  Token for trying  {token}

A model that answers on its page: {url}/samples/all-MiniLM-L6-v2
{grpc}
Paste one of these into another terminal:

  HF_ENDPOINT={url} .venv/bin/hf download samples/all-MiniLM-L6-v2 --local-dir build/minilm

  HF_ENDPOINT={url} .venv/bin/python -c "from huggingface_hub import hf_hub_download as get; \\
    print(open(get('samples/palmer-penguins', 'penguins.csv', repo_type='dataset')).read(200))"

  git clone {url}/samples/basic-pitch build/basic-pitch

Ctrl-C stops the hub; what was published stays.
"""


if __name__ == "__main__":
    sys.exit(main())
