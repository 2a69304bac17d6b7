"""Language models as GGUF files that write what one can foretell: after each byte comes the next one, and after `z` the end.

data = writers.writer()                    # the bytes of a file; chats where it has a template
data = writers.embedder()                  # a text's row is the mean of its bytes' rows: each is an axis of its own
"""

import struct

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
