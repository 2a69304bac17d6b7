"""Other servers of models, with the same model, on the same machine, in turn: LitServe and Ray Serve with the few lines that their
documentation shows, and `transformers serve` as it is.

They have an environment of their own, `build/rivals`, that is made the first time.
"""

import http.client
import json
import os
import statistics
import subprocess
import sys
import time
import venv
from pathlib import Path

from benchmarks import loads, real_models
from benchmarks.bench import Bench
from benchmarks.measure import Sample
from benchmarks.rivals import language
from benchmarks.rivals.running import running
from benchmarks.rows import Goal, Row, ratio
from tests.hub import Hub, free_port

_FOLDER = Path("build/rivals")
_PACKAGES = ("litserve==0.2.19", "ray[serve]==2.60.0", "onnxruntime", "tokenizers", "numpy")
_HERE = Path(__file__).parent
_NAMES = {"on_litserve": "LitServe", "on_ray_serve": "Ray Serve (HAProxy)"}
_TEXT = "The quick brown fox jumps over the lazy dog and runs away into the forest before dawn"
_SCRIPT = """
wrk.method = 'POST'
wrk.headers['Content-Type'] = 'application/json'
wrk.body = '{body}'
"""
_START_SECONDS = 120
_ENOUGH_MS = 1.0
"""Differences below it are noise."""


def rivals(bench: Bench) -> list[Row]:
    """Embeddings of MiniLM, 32 clients; chats, four."""
    return [*_embeddings(bench), *language.chats(bench)]


def _embeddings(bench: Bench) -> list[Row]:
    model, python = real_models.minilm(bench), _environment()
    if model is None or python is None:
        return []
    folder = bench.folder / "hub"
    folder.mkdir()
    found: dict[str, list[Sample]] = {name: [] for name in ("", *_NAMES)}
    for _ in range(bench.rounds):
        found[""].append(_hub(folder, model))
        for name in _NAMES:
            found[name].append(_rival(python, name, model))
    return [_row(label, found[""], found[name]) for name, label in _NAMES.items()]


def _row(name: str, ours: list[Sample], theirs: list[Sample]) -> Row:
    faster = statistics.median(one.rate / other.rate for one, other in zip(ours, theirs, strict=True))
    late, their_late = (statistics.median(sample.p99_ms or 0.0 for sample in samples) for samples in (ours, theirs))
    rates = [statistics.median(sample.rate for sample in samples) for samples in (ours, theirs)]
    return Row(
        f"MiniLM embeddings, 32 clients, beside {name}",
        f"{rates[0]:.0f} and {rates[1]:.0f} texts/s",
        [ratio(faster, 1), Goal(late, their_late + _ENOUGH_MS, "ms p99")],
        "All share two cores with their client; the hub alone checks who asks.",
    )


def _hub(folder: Path, model: Path) -> Sample:
    """The hub is kept from one round to the next, not so its processes."""
    cores = str(len(os.sched_getaffinity(0)))
    with Hub(folder, {"WORKERS": "1", "LOG_LEVEL": "warning", "INFERENCE_THREADS": cores}) as hub:
        if not (folder / "published").exists():
            hub.user("bench")
            hub.org("samples", {"bench": "write"})
            real_models.publish(hub, hub.token("bench"), real_models.MINILM, model, without=("*.safetensors",))
            (folder / "published").touch()
        url = f"{hub.endpoint}/models/{real_models.MINILM}/pipeline/feature-extraction"
        return _load(url, {"inputs": _TEXT}, hub.pid)


def _rival(python: Path, name: str, model: Path) -> Sample:
    port = free_port()
    environment = {**os.environ, "RAY_SERVE_ENABLE_HA_PROXY": "1", "RAY_USAGE_STATS_ENABLED": "0"}
    with running([str(python), str(_HERE / f"{name}.py"), str(model), str(port)], environment) as process:
        url = f"http://127.0.0.1:{port}/predict"
        _wait(url, process)
        return _load(url, {"text": _TEXT}, process.pid)


def _load(url: str, body: dict[str, str], pid: int) -> Sample:
    """After a first load, which warms it."""
    script = _SCRIPT.format(body=json.dumps(body))
    loads.wrk(url, None, pid, script)
    return loads.wrk(url, None, pid, script)


def _wait(url: str, process: "subprocess.Popen[bytes]") -> None:
    _, _, address = url.partition("://")
    place, _, path = address.partition("/")
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        connection = http.client.HTTPConnection(place, timeout=_START_SECONDS)
        try:
            connection.request("POST", f"/{path}", json.dumps({"text": _TEXT}), {"Content-Type": "application/json"})
            if connection.getresponse().status == 200:
                return
        except OSError:
            pass  # it does not listen yet
        finally:
            connection.close()
        time.sleep(0.5)
    raise RuntimeError(f"{url} did not answer")


def _environment() -> Path | None:
    """Its Python; None where it cannot be made."""
    python = _FOLDER / "bin" / "python"
    if (_FOLDER / "made").exists():
        return python
    venv.create(_FOLDER, with_pip=True, clear=True)
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "install", "--quiet", *_PACKAGES]
    done = subprocess.run(pip, check=False, capture_output=True, text=True)
    if done.returncode:
        print(f"Other servers are left out: {(done.stderr.splitlines() or ['?'])[-1]}", file=sys.stderr, flush=True)
        return None
    (_FOLDER / "made").touch()
    return python
