"""What asking a model costs: the way through the hub beside the worker asked directly, and batches beside their ideal."""

import http.client
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks import loads, real_models
from benchmarks.bench import Bench
from benchmarks.rows import Goal, Row, ratio
from pioche.runner import sockets
from tests import encoders
from tests.hub import Hub

_SMALL = "bench/words"
_LARGE = real_models.MINILM
_PACED = 500
_PACE_SECONDS = 0.02
_TEXT = "The quick brown fox jumps over the lazy dog and runs away into the forest before dawn"
_BATCH = 32
_ROUNDS = 20
_START_SECONDS = 120
_HEADERS = {"Content-Type": "application/json"}


def inference(bench: Bench) -> list[Row]:
    """The large model is the sample of `make run`; without a network it is left out."""
    with _serving(bench) as hub:
        rows = [_hop(bench, hub)]
        large = _published(bench, hub)
        return [*rows, *_batches(bench, hub, large)] if large is not None else rows


@contextmanager
def _serving(bench: Bench) -> Iterator[Hub]:
    """A hub whose models have all cores."""
    cores = str(len(os.sched_getaffinity(0)))
    folder = bench.folder / "serving"
    folder.mkdir()
    with Hub(folder, {"WORKERS": "1", "LOG_LEVEL": "warning", "INFERENCE_THREADS": cores}) as hub:
        yield hub


def _hop(bench: Bench, hub: Hub) -> Row:
    """Fifty requests a second, through the hub and to the worker's own socket in turn."""
    ada = hub.user("bench")
    files = encoders.classifier({"good": [0, 4], "bad": [4, 0]}, ["NEGATIVE", "POSITIVE"])
    _commit(hub, ada.token, _SMALL, {"README.md": b"---\npipeline_tag: text-classification\n---\n", **files})
    through = _to_hub(hub)
    _ask(through, f"/models/{_SMALL}", {"inputs": "good"})
    direct = _to_worker(hub)
    paced = _waits(through, direct, _PACE_SECONDS / 2)
    at_once = {name: statistics.median(found) for name, found in _waits(through, direct, 0).items()}
    for connection in (through, direct):
        connection.close()
    middle = {name: statistics.median(found) for name, found in paced.items()}
    late = {name: statistics.quantiles(found, n=100)[98] for name, found in paced.items()}
    return Row(
        "a model asked through the hub, over its worker asked directly",
        f"{middle['hub']:.2f} ms, {middle['worker']:.2f} ms; back to back {at_once['hub']:.2f} ms, {at_once['worker']:.2f} ms",
        [
            Goal(middle["hub"] - middle["worker"], 0.5, "ms p50"),
            Goal(late["hub"] - late["worker"], 3, "ms p99"),
        ],
        "The hub parses, finds the token, opens the repo and speaks HTTP twice. At this pace processors fall asleep between two "
        "requests, and each switch between its threads and processes wakes one: see what it costs back to back.",
    )


def _waits(
    through: http.client.HTTPConnection, direct: http.client.HTTPConnection, pace: float
) -> dict[str, list[float]]:
    """Milliseconds, of hub and worker in turn; one begins no sooner than `pace` (seconds) after the other."""
    waits: dict[str, list[float]] = {"hub": [], "worker": []}
    for _ in range(_PACED):
        for name, connection, path, body in (
            ("hub", through, f"/models/{_SMALL}", {"inputs": "good"}),
            ("worker", direct, "/infer", {"task": "text-classification", "inputs": "good"}),
        ):
            began = time.perf_counter()
            _ask(connection, path, body)
            waits[name].append(1000 * (time.perf_counter() - began))
            time.sleep(max(0.0, pace - (time.perf_counter() - began)))
    return waits


def _batches(bench: Bench, hub: Hub, model: Path) -> list[Row]:
    url = f"{hub.endpoint}/models/{_LARGE}/pipeline/feature-extraction"
    through = _to_hub(hub)
    _ask(through, urlsplit(url).path, {"inputs": _TEXT})
    body = json.dumps({"inputs": _TEXT})
    script = f"wrk.method = 'POST'\nwrk.headers['Content-Type'] = 'application/json'\nwrk.body = '{body}'\n"
    at_once, alone, ideal = list[float](), list[float](), list[float]()
    for _ in range(bench.rounds):
        at_once.append(loads.wrk(url, None, hub.pid, script).rate)
        began = time.perf_counter()
        for _ in range(_ROUNDS):
            _ask(through, urlsplit(url).path, {"inputs": _TEXT})
        alone.append(_ROUNDS / (time.perf_counter() - began))
        ideal.append(_ideal(model))
    through.close()
    best = statistics.median(one / other for one, other in zip(at_once, ideal, strict=True))
    gain = statistics.median(one / other for one, other in zip(at_once, alone, strict=True))
    return [
        Row(
            "embeddings, 32 clients, over ONNX Runtime called with batches of 32",
            f"{statistics.median(at_once):.0f} texts/s",
            [ratio(best, 0.85)],
            "The client, the web process and the worker share the cores that the reference has alone.",
        ),
        Row(
            "embeddings, 32 clients, over one request at a time",
            f"{statistics.median(alone):.0f} texts/s alone",
            [ratio(gain, 3)],
            "One text alone uses all cores already: batches gain what a core gains by them.",
        ),
    ]


def _ideal(model: Path) -> float:
    """Texts a second, in a process of its own, with as many threads as cores."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.inference", str(model)], capture_output=True, text=True, check=True
    )
    return float(done.stdout)


def main(folder: str) -> None:
    from pioche.serving.engines import onnx
    from pioche.serving.spec import Ask, EngineName, Spec

    files = tuple(str(path.relative_to(folder)) for path in Path(folder).rglob("*") if path.is_file())
    weights = "onnx/model_int8.onnx"
    spec = Spec(
        repo=_LARGE,
        commit="0" * 40,
        engine=EngineName.ONNX,
        task="feature-extraction",
        files=(weights, *(name for name in files if name != weights)),
        threads=len(os.sched_getaffinity(0)),
    )
    engine = onnx.load(spec, Path(folder))
    batch = [engine.prepare(Ask("feature-extraction", _TEXT)) for _ in range(_BATCH)]
    engine.infer(batch)
    began = time.perf_counter()
    for _ in range(_ROUNDS):
        engine.infer(batch)
    print(_ROUNDS * _BATCH / (time.perf_counter() - began))


def _published(bench: Bench, hub: Hub) -> Path | None:
    """The sample, on the hub and as a folder; None where it cannot be had."""
    folder = real_models.minilm(bench)
    if folder is not None:
        (folder / "model.safetensors").unlink(missing_ok=True)  # not needed here
        hub.org("samples", {"bench": "write"})
        real_models.publish(hub, hub.token("bench"), _LARGE, folder)
    return folder


def _commit(hub: Hub, token: str, name: str, files: dict[str, bytes]) -> None:
    from huggingface_hub import CommitOperationAdd, HfApi

    api = HfApi(hub.endpoint, token=token)
    api.create_repo(name)
    api.create_commit(name, [CommitOperationAdd(path, data) for path, data in files.items()], commit_message="Begin")


def _to_hub(hub: Hub) -> http.client.HTTPConnection:
    parts = urlsplit(hub.endpoint)
    return http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=_START_SECONDS)


def _to_worker(hub: Hub) -> http.client.HTTPConnection:
    """The one that runs."""
    (socket,) = (hub.data_dir / "cache" / "inference" / "workers").glob("*/*/http")
    connection = http.client.HTTPConnection("worker", timeout=_START_SECONDS)
    connection.sock = sockets.connect(socket.parent, socket.name)
    return connection


def _ask(connection: http.client.HTTPConnection, path: str, body: dict[str, str]) -> None:
    connection.request("POST", path, json.dumps(body), _HEADERS)
    answer = connection.getresponse()
    said = answer.read()
    assert answer.status == 200, said


if __name__ == "__main__":
    main(*sys.argv[1:])
