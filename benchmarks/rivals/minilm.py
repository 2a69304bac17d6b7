"""MiniLM on ONNX Runtime, as a few lines do it: what every server of the comparison runs. Needs no package of ours."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from tokenizers import Tokenizer


class MiniLM:
    def __init__(self, folder: str) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = len(os.sched_getaffinity(0))
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(
            str(Path(folder) / "onnx" / "model_int8.onnx"), options, providers=["CPUExecutionProvider"]
        )
        self._tokenizer = Tokenizer.from_file(str(Path(folder) / "tokenizer.json"))
        self._tokenizer.enable_padding()
        self._tokenizer.enable_truncation(256)
        self._names = {one.name for one in self._session.get_inputs()}

    def encode(self, texts: list[str]) -> list[list[float]]:
        read = self._tokenizer.encode_batch(texts)
        mask = np.array([one.attention_mask for one in read], np.int64)
        columns: dict[str, Any] = {
            "input_ids": np.array([one.ids for one in read], np.int64),
            "attention_mask": mask,
            "token_type_ids": np.zeros_like(mask),
        }
        tokens = self._session.run(None, {name: columns[name] for name in self._names})[0]
        weights = mask[:, :, None].astype(np.float32)
        pooled = (tokens * weights).sum(1) / weights.sum(1)
        return [row.tolist() for row in pooled / np.linalg.norm(pooled, axis=1, keepdims=True)]
