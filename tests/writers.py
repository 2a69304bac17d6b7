"""Language models, as GGUF files and as safetensors, that write what one can foretell: after each byte comes the next one, and
after `z` the end.

data = writers.writer()                    # the bytes of a file; chats where it has a template
writers.checkpoint(folder)                 # the same model for transformers: safetensors, config.json, tokenizer.json
data = writers.embedder()                  # a text's row is the mean of its bytes' rows: each is an axis of its own
"""

import json
import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.weights import Gguf

TEMPLATE = "{% for message in messages %}{{ message['content'] }}{% endfor %}"
CONTEXT = 96

_SPECIAL = ("<unk>", "<s>", "</s>")
_WORDS = (*_SPECIAL, *(f"<0x{byte:02X}>" for byte in range(256)))
_KINDS = (2, 3, 3, *[6] * 256)
_WIDTH, _INNER = 288, 32
_MEAN, _RANK = 1, 4
Rows = NDArray[np.float32]


def writer(template: str | None = TEMPLATE, context: int = CONTEXT) -> bytes:
    return _file(_model(template, context))


def checkpoint(folder: Path, template: str | None = "{{ bos_token }}" + TEMPLATE, context: int = CONTEXT) -> None:
    """Needs safetensors, and no torch."""
    from safetensors.numpy import save_file

    save_file(_saved(), folder / "model.safetensors", {"format": "pt"})
    config = {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": len(_WORDS), "hidden_size": _WIDTH,
        "intermediate_size": _INNER, "num_hidden_layers": 1, "num_attention_heads": 1, "max_position_embeddings": context,
        "bos_token_id": 1, "eos_token_id": 2, "tie_word_embeddings": False, "dtype": "float32",
    }  # fmt: skip
    special = [
        {"id": number, "content": word, "special": True}
        | dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
        for number, word in enumerate(_SPECIAL)
    ]  # fmt: skip
    begins = {"SpecialToken": {"id": "<s>", "type_id": 0}}
    tokenizer = {
        "version": "1.0",
        "added_tokens": special,
        "model": {"type": "BPE", "vocab": {word: number for number, word in enumerate(_WORDS)}, "merges": [],
                  "unk_token": "<unk>", "byte_fallback": True, "fuse_unk": False},
        "decoder": {"type": "Sequence", "decoders": [{"type": "ByteFallback"}, {"type": "Fuse"}]},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [begins, {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [begins, {"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}},
        },
    }  # fmt: skip
    told = {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    told |= {"chat_template": template} if template is not None else {}
    for name, content in (("config.json", config), ("tokenizer.json", tokenizer), ("tokenizer_config.json", told)):
        (folder / name).write_text(json.dumps(content))


def embedder(context: int = CONTEXT, pooling: int | None = _MEAN) -> bytes:
    model = _model(None, context)
    if pooling is not None:
        model.unsigned("llama.pooling_type", pooling)
    return _file(model)


def ranker() -> bytes:
    """A document's score grows with its last byte."""
    head = np.zeros((2, _WIDTH), np.float32)
    head[0, len(_SPECIAL) :][:256] = np.arange(256) / 256
    model = _model("{query}{document}", CONTEXT, "qwen3", "tokenizer.chat_template.rerank")
    model.strings("qwen3.classifier.output_labels", ("yes", "no")).unsigned("qwen3.pooling_type", _RANK)
    norms = {f"blk.0.attn_{name}_norm.weight": np.ones(_WIDTH, np.float32) for name in "qk"}
    return _file(model, {"cls.output.weight": head, **norms})


def _model(
    template: str | None, context: int, kind: str = "llama", template_name: str = "tokenizer.chat_template"
) -> Gguf:
    model = Gguf().string("general.architecture", kind).unsigned(f"{kind}.context_length", context)
    sizes = {
        "embedding_length": _WIDTH,
        "block_count": 1,
        "feed_forward_length": _INNER,
        "attention.head_count": 1,
        "rope.dimension_count": _WIDTH,
        "vocab_size": len(_WORDS),
    }
    for name, size in sizes.items():
        model.unsigned(f"{kind}.{name}", size)
    model.pair(f"{kind}.attention.layer_norm_rms_epsilon", 6, struct.pack("<f", 1e-6))
    model.string("tokenizer.ggml.model", "llama").strings("tokenizer.ggml.tokens", _WORDS)
    model.pair("tokenizer.ggml.scores", 9, model.array(6, len(_WORDS), bytes(4 * len(_WORDS))))
    model.pair("tokenizer.ggml.token_type", 9, model.array(5, len(_WORDS), struct.pack(f"<{len(_WORDS)}i", *_KINDS)))
    model.pair("tokenizer.ggml.add_space_prefix", 7, b"\0")
    for name, number in (("unknown", 0), ("bos", 1), ("eos", 2)):
        model.unsigned(f"tokenizer.ggml.{name}_token_id", number)
    return model if template is None else model.string(template_name, template)


def _file(model: Gguf, more: dict[str, Rows] | None = None) -> bytes:
    tensors = {**_tensors(), **(more or {})}
    for name, rows in tensors.items():
        model.tensor(name, rows.shape[::-1], size=rows.nbytes)
    head = model.bytes()[: -sum(rows.nbytes for rows in tensors.values())]
    return head + bytes(-len(head) % 32) + b"".join(rows.tobytes() for rows in tensors.values())


def _tensors() -> dict[str, Rows]:
    """The layer adds nothing: what comes next depends on the last token alone."""
    first = len(_SPECIAL)
    embedding = np.eye(len(_WORDS), _WIDTH, dtype=np.float32)
    output = np.zeros((len(_WORDS), _WIDTH), np.float32)
    for byte in range(256):
        output[first + (byte + 1) % 256, first + byte] = 1
    output[_SPECIAL.index("</s>"), first + ord("z")] = 2
    shapes = {
        **dict.fromkeys(("attn_q", "attn_k", "attn_v", "attn_output"), (_WIDTH, _WIDTH)),
        **dict.fromkeys(("ffn_gate", "ffn_up"), (_INNER, _WIDTH)),
        "ffn_down": (_WIDTH, _INNER),
    }
    layer = {f"blk.0.{name}.weight": np.zeros(shape, np.float32) for name, shape in shapes.items()}
    norms = {f"blk.0.{name}.weight": np.ones(_WIDTH, np.float32) for name in ("attn_norm", "ffn_norm")}
    ending = {"output.weight": output, "output_norm.weight": np.ones(_WIDTH, np.float32)}
    return {"token_embd.weight": embedding, **ending, **layer, **norms}


def _saved() -> dict[str, Rows]:
    """By the names that transformers has for them."""
    parts = {f"attn_{part}": f"self_attn.{part}_proj" for part in "qkv"} | {
        "attn_output": "self_attn.o_proj", "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj",
        "attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm",
    }  # fmt: skip
    names = {f"blk.0.{name}.weight": f"model.layers.0.{theirs}.weight" for name, theirs in parts.items()}
    names |= {"token_embd.weight": "model.embed_tokens.weight", "output.weight": "lm_head.weight"}
    names["output_norm.weight"] = "model.norm.weight"
    return {names[name]: rows for name, rows in _tensors().items()}
