"""A language model in safetensors, of 30 million numbers at random: the hub beside `transformers serve`, both on torch."""

import http.client
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks import real_models
from benchmarks.bench import Bench
from benchmarks.rivals.running import running
from benchmarks.rows import Goal, Row, ratio
from tests import writers
from tests.hub import Hub, free_port

_NEEDED = ("torch", "transformers", "fastapi", "uvicorn")
_NAME = "bench/llama"
_CLIENTS = 4
_EACH = 3
_TOKENS = 32
_SECONDS = 120
_ENOUGH_SECONDS = 0.05
"""Differences below it are noise."""


@dataclass
class _Load:
    """`waits` are those of the answers, in seconds."""

    tokens: int = 0
    seconds: float = 0.0
    waits: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        return self.tokens / self.seconds


def chats(bench: Bench) -> list[Row]:
    """Four clients that chat; nothing where this environment has not what `transformers serve` needs."""
    if absent := [name for name in _NEEDED if find_spec(name) is None]:
        print(f"transformers serve is left out: there is no {' and no '.join(absent)}", flush=True)
        return []
    model = _model(bench)
    pairs = [(_hub(bench.folder / f"chat-{number}", model), _rival(model)) for number in range(bench.rounds)]
    faster = statistics.median(ours.rate / theirs.rate for ours, theirs in pairs)
    late, their_late = (statistics.median(max(pair[side].waits) for pair in pairs) for side in (0, 1))
    rates = [statistics.median(pair[side].rate for pair in pairs) for side in (0, 1)]
    return [
        Row(
            f"a language model on torch, {_CLIENTS} clients, beside transformers serve",
            f"{rates[0]:.0f} and {rates[1]:.0f} tokens/s",
            [ratio(faster, 1), Goal(late, their_late + _ENOUGH_SECONDS, "s for the slowest answer")],
            "Both compute one token at a time with the same library.",
        )
    ]


def _model(bench: Bench) -> Path:
    folder = Path(tempfile.mkdtemp(dir=bench.folder))
    writers.checkpoint(folder, context=1024)
    subprocess.run([sys.executable, str(Path(__file__).parent / "random_llama.py"), str(folder)], check=True)
    (folder / "README.md").write_bytes(b"---\npipeline_tag: text-generation\n---\n")
    return folder


def _hub(folder: Path, model: Path) -> _Load:
    folder.mkdir()
    cores = str(len(os.sched_getaffinity(0)))
    with Hub(folder, {"WORKERS": "1", "LOG_LEVEL": "warning", "INFERENCE_THREADS": cores}) as hub:
        owner = hub.user("bench")
        real_models.publish(hub, owner.token, _NAME, model)
        return _loaded(hub.endpoint.partition("://")[2], _NAME, {"Authorization": f"Bearer {owner.token}"})


def _rival(model: Path) -> _Load:
    port = free_port()
    command = [str(Path(sys.executable).parent / "transformers"), "serve", "--host", "127.0.0.1", "--port", str(port)]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    with running([*command, "--device", "cpu", str(model)], environment) as process:
        place = f"127.0.0.1:{port}"
        until = time.monotonic() + _SECONDS
        while time.monotonic() < until and process.poll() is None:
            try:
                _ask(place, str(model), {})
                break
            except (OSError, http.client.HTTPException):
                time.sleep(0.5)  # it does not listen yet
        return _loaded(place, str(model), {})


def _loaded(place: str, model: str, headers: dict[str, str]) -> _Load:
    """After one request, which starts or warms the model."""
    _ask(place, model, headers)
    load, counts = _Load(), list[int]()

    def client() -> None:
        for _ in range(_EACH):
            began = time.perf_counter()
            counts.append(_ask(place, model, headers))
            load.waits.append(time.perf_counter() - began)

    threads = [threading.Thread(target=client) for _ in range(_CLIENTS)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    load.seconds, load.tokens = time.perf_counter() - began, sum(counts)
    return load


def _ask(place: str, model: str, headers: dict[str, str]) -> int:
    """How many tokens it wrote."""
    body: dict[str, Any] = {"model": model, "messages": [{"role": "user", "content": "tell me"}], "max_tokens": _TOKENS}
    connection = http.client.HTTPConnection(place, timeout=_SECONDS)
    try:
        headers = {**headers, "Content-Type": "application/json"}
        connection.request("POST", "/v1/chat/completions", json.dumps({**body, "temperature": 0}), headers)
        answer = connection.getresponse()
        said = answer.read()
        assert answer.status == 200, said
        return int(json.loads(said)["usage"]["completion_tokens"])
    finally:
        connection.close()
