"""Local programs that run models, and what a model needs for each: `apps=ollama` in the list API.

The conditions are those of the Hub's own table of local apps (@huggingface/tasks, `local-apps.ts`), as far as tags tell.
"""

from collections.abc import Iterator

Needs = tuple[tuple[str, ...], ...]
"""Of each group, at least one tag."""

_GGUF: Needs = (("gguf",),)
_CHAT: Needs = (("text-generation", "image-text-to-text"), ("conversational",))
_TRANSFORMERS: Needs = (("transformers",), ("text-generation", "image-text-to-text"))

APPS: dict[str, Needs] = {
    "llama.cpp": _GGUF,
    "node-llama-cpp": _GGUF,
    "ollama": _GGUF,
    "jan": _GGUF,
    "backyard": _GGUF,
    "sanctum": _GGUF,
    "jellybox": (("gguf", "text-to-image", "text-generation"),),
    "msty": _GGUF,
    "recursechat": _GGUF,
    "unsloth": (("gguf", "transformers"),),
    "lmstudio": (("gguf", "mlx"),),
    "docker-model-runner": (("gguf", "safetensors"), *_CHAT[:1]),
    "lemonade": (("gguf", "onnx"),),
    "mlx-lm": (("mlx",), ("text-generation",)),
    "vllm": _TRANSFORMERS,
    "sglang": _TRANSFORMERS,
    "tgi": (("text-generation-inference",),),
    "drawthings": (("text-to-image",),),
    "diffusionbee": (("text-to-image",),),
    "joyfusion": (("text-to-image",), ("coreml",)),
    "invoke": (("text-to-image",),),
}


def needs(app: str) -> Iterator[tuple[str, ...]]:
    """The groups of tags. A program that nobody knows runs nothing: no repo has the tag that it asks for."""
    yield from APPS.get(app, ((f"app:{app}",),))
