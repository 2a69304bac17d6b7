"""A language model that streams: tokens a second through the hub, beside the library that runs it called in its own process."""

import http.client
import json
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import real_models
from benchmarks.bench import Bench
from benchmarks.rows import Row, ratio
from tests.hub import Account, Hub

_MODEL = "bench/gemma"
_CLIENTS = (1, 4)
_TOKENS = 128
_SECONDS = 120
_THREADS = max(1, len(os.sched_getaffinity(0)) // 2)
"""What the hub gives a model unless it is told otherwise: llama.cpp is many times slower once its threads wait for a core."""


def streams(bench: Bench) -> list[Row]:
    """The same file, prompts, lanes and threads, in turn."""
    model = real_models.gemma(bench)
    if model is None:
        return []
    folder = bench.folder / "streaming"
    folder.mkdir()
    with Hub(folder, {"WORKERS": "1", "LOG_LEVEL": "warning", "INFERENCE_THREADS": str(_THREADS)}) as hub:
        owner = hub.user("bench")
        real_models.publish(hub, owner.token, _MODEL, model)
        _rate(1, lambda number: _through(hub, owner, number))
        return [_row(bench, hub, owner, model, clients) for clients in _CLIENTS]


def _row(bench: Bench, hub: Hub, owner: Account, model: Path, clients: int) -> Row:
    reached, bare = list[float](), list[float]()
    for _ in range(bench.rounds):
        bare.append(_bare(model, clients))
        reached.append(_rate(clients, lambda number: _through(hub, owner, number)))
    return Row(
        f"Gemma 270M, {clients} {'stream' if clients == 1 else 'streams'}, over llama.cpp alone",
        f"{statistics.median(reached):.0f} tokens/s, {statistics.median(bare):.0f} alone",
        [ratio(statistics.median(one / other for one, other in zip(reached, bare, strict=True)), 0.95)],
        "Clients, the web process and the worker's own loop share the cores that the reference has alone.",
    )


def _rate(clients: int, stream: Callable[[int], int]) -> float:
    """Tokens a second, of so many at once. `stream` returns how many its own had."""
    counts = [0] * clients

    def run(number: int) -> None:
        counts[number] = stream(number)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(clients)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / (time.perf_counter() - began)


def _request(number: int) -> dict[str, Any]:
    """Each begins differently, so that none reads what another has read."""
    words = ("lighthouse", "harbour", "forest", "mountain")
    prompt = f"{words[number]}: tell a very long story about it, with many people and their names."
    return {"prompt": prompt, "temperature": 0, "max_tokens": _TOKENS, "stream": True}


def _through(hub: Hub, owner: Account, number: int) -> int:
    connection = http.client.HTTPConnection(hub.endpoint.partition("://")[2], timeout=_SECONDS)
    try:
        path, headers = f"/models/{_MODEL}/v1/completions", {**owner.bearer, "Content-Type": "application/json"}
        connection.request("POST", path, json.dumps(_request(number)), headers)
        answer = connection.getresponse()
        assert answer.status == 200, answer.read()
        return sum(_tells(json.loads(line[6:])) for line in answer if line.startswith(b"data: {"))
    finally:
        connection.close()


def _tells(chunk: dict[str, Any]) -> bool:
    return any(choice.get("text") for choice in chunk["choices"])


def _bare(model: Path, clients: int) -> float:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.streams", str(model), str(clients)],
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout)


def main(folder: str, clients: str) -> None:
    from pioche.serving.engines.llama.server import Server
    from pioche.serving.spec import EngineName, Spec

    spec = Spec(
        repo=_MODEL,
        commit="0" * 40,
        engine=EngineName.LLAMA,
        task="text-generation",
        files=("model.gguf",),
        threads=_THREADS,
    )
    server = Server(spec, Path(folder))

    def stream(number: int) -> int:
        told = 0

        def arrived(chunk: dict[str, Any]) -> bool:
            nonlocal told
            told += _tells(chunk) if "choices" in chunk else 0
            return True

        server.complete(_request(number), arrived)
        return told

    _rate(1, stream)
    print(_rate(int(clients), stream))


if __name__ == "__main__":
    main(*sys.argv[1:])
