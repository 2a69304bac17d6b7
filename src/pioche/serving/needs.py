"""What engines need of this machine: packages that not everybody installs, and memory."""

from importlib.util import find_spec
from pathlib import Path

from pioche.errors import NotOffered
from pioche.serving.engines import EXTRAS
from pioche.serving.spec import EngineName

_MIB = 2**20
_DEVICES = Path("/dev")
_PACKAGES: dict[EngineName, tuple[str, ...]] = {
    EngineName.ONNX: ("onnxruntime", "tokenizers"),
    EngineName.LLAMA: ("xllamacpp",),
    EngineName.TRANSFORMERS: ("torch", "transformers", "tokenizers"),
    EngineName.WHISPER: ("faster_whisper", "av"),
    EngineName.PIPELINES: ("torch", "transformers", "PIL", "av"),
    EngineName.DIFFUSERS: ("torch", "transformers", "diffusers", "PIL", "av"),
    EngineName.VLLM: ("vllm", "tokenizers"),
}
_GRPC = ("grpc", "grpc_health", "grpc_reflection")
_WEIGHTS = 1.3
"""What is computed beside the weights, as a part of them."""
_BESIDE = {
    EngineName.ONNX: 150 * _MIB,
    EngineName.LLAMA: 200 * _MIB,
    EngineName.TRANSFORMERS: 500 * _MIB,
    EngineName.WHISPER: 400 * _MIB,
    EngineName.PIPELINES: 600 * _MIB,
    EngineName.DIFFUSERS: 1200 * _MIB,
    EngineName.HANDLER: 600 * _MIB,  # it may load torch
    EngineName.VLLM: 4096 * _MIB,
}
"""The interpreter, and the libraries of an engine."""
_ROOM = 2
_ROOM_BYTES = 1024 * _MIB


def missing(engine: EngineName) -> list[str]:
    """Packages that the engine needs and that are not installed."""
    return [name for name in _PACKAGES.get(engine, ()) if find_spec(name) is None]


def devices() -> tuple[Path, ...]:
    """Graphics processors of this machine, and what there is to manage them."""
    return tuple(path for path in sorted(_DEVICES.glob("nvidia*")) if path.is_char_device())


def has_vllm() -> bool:
    """Whether vLLM can run here: it wants a graphics processor."""
    return not missing(EngineName.VLLM) and bool(devices())


def missing_for_grpc() -> list[str]:
    """Packages that asking by gRPC needs and that are not installed."""
    return [name for name in _GRPC if find_spec(name) is None]


def check(engine: EngineName) -> None:
    """Raises NotOffered when a package that the engine needs is not installed."""
    absent = missing(engine)
    if absent:
        raise NotOffered(
            f"This hub has no {' and no '.join(absent)}, which the engine {engine} needs: install pioche[{EXTRAS[engine]}]"
        )


def memory(engine: EngineName, files_bytes: int) -> int:
    """What a worker is expected to take, by the size of its files, before it has been measured."""
    return int(files_bytes * _WEIGHTS) + _BESIDE[engine]


def memory_most(expected: int) -> int:
    """What it may take before it is ended: long inputs take more than what is expected."""
    return expected * _ROOM + _ROOM_BYTES
