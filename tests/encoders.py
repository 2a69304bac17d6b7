"""Models for ONNX Runtime that answer what one can foretell: a few words, and a table of what each word means.

files = encoders.classifier({"good": [0, 4], "bad": [4, 0]}, ["NEGATIVE", "POSITIVE"])    # path in the repo -> bytes
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, pre_tokenizers, processors
from tokenizers.models import WordLevel

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
Table = Mapping[str, Sequence[float]]
Files = dict[str, bytes]


def classifier(table: Table, labels: Sequence[str], **config: object) -> Files:
    """A text's scores are the sums of its words' rows."""
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["rows"]),
        helper.make_node("Unsqueeze", ["attention_mask", "last"], ["mask"]),
        helper.make_node("Cast", ["mask"], ["weights"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["rows", "weights"], ["masked"]),
        helper.make_node("ReduceSum", ["masked", "second"], ["logits"], keepdims=0),
    ]
    return _repo(table, nodes, {"logits": ["batch", len(labels)]}, labels=labels, **config)


def tagger(table: Table, labels: Sequence[str]) -> Files:
    """Each word's scores are its row."""
    return _lookup(table, "logits", labels=labels)


def gap_filler(table: Table) -> Files:
    """A row has a score for each word, `SPECIAL` first; the gap has the row of `[MASK]`."""
    return _lookup(table, "logits")


def embedder(table: Table, *, pooled: bool = True) -> Files:
    """As sentence-transformers lays a repo out, or a bare encoder."""
    files = _lookup(table, "last_hidden_state")
    if pooled:
        kinds = ("Transformer", "Pooling", "Normalize")
        files["modules.json"] = _json([{"type": f"sentence_transformers.models.{kind}"} for kind in kinds])
        files["1_Pooling/config.json"] = _json({"pooling_mode_mean_tokens": True})
    return files


def reader(table: Table) -> Files:
    """Answers questions: a row says how likely an answer starts and ends at its word."""
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["rows"]),
        helper.make_node("Split", ["rows"], ["start", "end"], axis=2, num_outputs=2),
        helper.make_node("Squeeze", ["start", "last"], ["start_logits"]),
        helper.make_node("Squeeze", ["end", "last"], ["end_logits"]),
    ]
    shape: list[str | int] = ["batch", "length"]
    return _repo(table, nodes, {"start_logits": shape, "end_logits": shape})


def _lookup(table: Table, output: str, labels: Sequence[str] = ()) -> Files:
    width = len(next(iter(table.values())))
    nodes = [helper.make_node("Gather", ["table", "input_ids"], [output])]
    return _repo(table, nodes, {output: ["batch", "length", width]}, labels=labels)


def _repo(
    table: Table, nodes: list[Any], outputs: Mapping[str, list[str | int]], labels: Sequence[str] = (), **config: object
) -> Files:
    words = [*SPECIAL, *(word for word in table if word not in SPECIAL)]
    width = len(next(iter(table.values())))
    rows = np.array([table.get(word, [0.0] * width) for word in words], np.float32)
    named = {"id2label": {str(number): label for number, label in enumerate(labels)}} if labels else {}
    return {
        "config.json": _json(
            {"model_type": "bert", "max_position_embeddings": 64, "pad_token_id": 0, **named, **config}
        ),
        "tokenizer.json": _tokenizer(words),
        "tokenizer_config.json": _json({"mask_token": "[MASK]", "model_max_length": 64}),
        "onnx/model.onnx": _network(nodes, rows, outputs),
    }


def _tokenizer(words: Sequence[str]) -> bytes:
    tokenizer = Tokenizer(WordLevel({word: number for number, word in enumerate(words)}, "[UNK]"))
    tokenizer.add_special_tokens(list(SPECIAL))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.TemplateProcessing(
        "[CLS] $A [SEP]", "[CLS] $A [SEP] $B:1 [SEP]:1", [("[CLS]", 2), ("[SEP]", 3)]
    )
    return tokenizer.to_str().encode()


def _network(nodes: list[Any], rows: np.ndarray[Any, Any], outputs: Mapping[str, list[str | int]]) -> bytes:
    text = ["batch", "length"]
    graph = helper.make_graph(
        nodes,
        "words",
        [helper.make_tensor_value_info(name, TensorProto.INT64, text) for name in ("input_ids", "attention_mask")],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs.items()],
        [
            numpy_helper.from_array(rows, "table"),
            numpy_helper.from_array(np.array([-1]), "last"),
            numpy_helper.from_array(np.array([1]), "second"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.checker.check_model(model)
    found: bytes = model.SerializeToString()
    return found


def _json(value: object) -> bytes:
    return json.dumps(value).encode()
