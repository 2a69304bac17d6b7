"""How long who asks first waits: a model that is not in memory, of each kind of engine, through the hub."""

import http.client
import json
import statistics
import time
from collections.abc import Mapping
from pathlib import Path

from benchmarks import real_models
from benchmarks.bench import Bench
from benchmarks.rows import Goal, Row
from pioche.serving import needs
from pioche.serving.spec import EngineName
from tests.hub import Account, Hub

_SENTENCE = {"inputs": "The fox runs into the forest"}
_WORDS: dict[str, object] = {"prompt": "Hello", "max_tokens": 1}
_SECONDS = 120


def starts(bench: Bench) -> list[Row]:
    """Each start is of a new commit, so that nothing but the file system's cache is warm."""
    folder = bench.folder / "starting"
    folder.mkdir()
    with Hub(folder, {"WORKERS": "1", "LOG_LEVEL": "warning", "INFERENCE_WAIT_SECONDS": str(_SECONDS)}) as hub:
        owner = hub.user("bench")
        rows = list[Row]()
        if (minilm := real_models.minilm(bench)) is not None:
            rows.append(_onnx(bench, hub, owner, minilm))
            rows += _torch(bench, hub, owner, minilm)
        if (gemma := real_models.gemma(bench)) is not None:
            rows.append(_gguf(bench, hub, owner, gemma))
        return rows


def _onnx(bench: Bench, hub: Hub, owner: Account, model: Path) -> Row:
    real_models.publish(hub, owner.token, "bench/onnx", model, without=("*.safetensors",))
    return _row("ONNX (MiniLM, int8)", _waits(bench, hub, owner, "bench/onnx", "/models/bench/onnx", _SENTENCE), 1.5)


def _gguf(bench: Bench, hub: Hub, owner: Account, model: Path) -> Row:
    real_models.publish(hub, owner.token, "bench/gguf", model)
    path = "/models/bench/gguf/v1/completions"
    return _row("GGUF (Gemma 270M)", _waits(bench, hub, owner, "bench/gguf", path, _WORDS), 2)


def _torch(bench: Bench, hub: Hub, owner: Account, model: Path) -> list[Row]:
    """The first start, which loads the libraries, is told beside the others."""
    if absent := needs.missing(EngineName.TRANSFORMERS):
        print(f"torch is left out: there is no {' and no '.join(absent)}", flush=True)
        return []
    real_models.publish(hub, owner.token, "bench/torch", model, without=("onnx/*", "*.onnx"))
    first = _wait(hub, owner, "/models/bench/torch", _SENTENCE)
    waits = _waits(bench, hub, owner, "bench/torch", "/models/bench/torch", _SENTENCE)
    return [_row("torch (MiniLM, safetensors), libraries loaded", waits, 2, f"; the first of all {first:.1f} s")]


def _row(what: str, waits: list[float], limit: float, more: str = "") -> Row:
    each = ", ".join(f"{wait:.2f}" for wait in waits)
    return Row(
        f"cold start, {what}",
        f"{each} s{more}",
        [Goal(statistics.median(waits), limit, "s")],
        "A process in a sandbox is started, its libraries are loaded, the weights are read, and it answers.",
    )


def _waits(bench: Bench, hub: Hub, owner: Account, repo: str, path: str, body: Mapping[str, object]) -> list[float]:
    """Seconds to the first answer, once for each of the benchmark's rounds."""
    from huggingface_hub import HfApi

    api, waits = HfApi(hub.endpoint, token=owner.token), list[float]()
    for number in range(bench.rounds):
        api.upload_file(path_or_fileobj=b"%d" % number, path_in_repo="round.txt", repo_id=repo)
        waits.append(_wait(hub, owner, path, body))
    return waits


def _wait(hub: Hub, owner: Account, path: str, body: Mapping[str, object]) -> float:
    connection = http.client.HTTPConnection(hub.endpoint.partition("://")[2], timeout=_SECONDS)
    try:
        began = time.perf_counter()
        connection.request("POST", path, json.dumps(body), {**owner.bearer, "Content-Type": "application/json"})
        answer = connection.getresponse()
        said = answer.read()
        assert answer.status == 200, said
        return time.perf_counter() - began
    finally:
        connection.close()
