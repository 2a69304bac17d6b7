"""Encoders in safetensors, written as ONNX: by a process of its own, `python -m pioche.serving.engines.exporting FOLDER OUT SPEC`.

    FOLDER   the snapshot of the model, read-only
    OUT      a folder, which gets `model.onnx` once that answers as torch does

An exporter changes the model that it exports (serving.md 1.1): so nobody is answered by this process. Its last line says why it
gave up, where it did (docs/decisions/0049-export.md).
"""

import os
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from tokenizers import Encoding

from pioche.errors import EngineFailed, HubError
from pioche.serving.engines import onnx, transformers
from pioche.serving.engines.encoders.encoder import Encoder, Outputs
from pioche.serving.spec import Spec

FILE = "model.onnx"
TOLERANCE = 1e-3
"""Each number may differ by so much, and by so much of itself."""
COSINE = 0.9999
_CANNOT = 3
_OPSET = 17
_COLUMNS = ("input_ids", "attention_mask", "token_type_ids")
_WORDS = ("one", "Two", "three;", "été", "数", "unlikeliest", "a")
_LENGTHS = (1, 2, 3, 5, 8, 13, 40, 200, 2000)
"""In words: the longest ones are cut off where the network ends."""
_BATCHES = (1, 2, 4)
_RAISED = (
    RuntimeError, ValueError, TypeError, KeyError, IndexError, AttributeError, NotImplementedError, AssertionError, ImportError,
)  # fmt: skip
"""What exporters say of a network that they cannot write; their own errors are of these."""


def main(folder: str, out: str, spec: str) -> int:
    os.nice(19)
    asked = msgspec.json.decode(spec, type=Spec)
    try:
        export(asked, Path(folder), Path(out))
    except HubError as error:
        print(error.message, file=sys.stderr)
        return _CANNOT
    return 0


def export(spec: Spec, folder: Path, out: Path) -> None:
    """Raises EngineFailed, with the reason."""
    torch.set_num_threads(spec.threads)
    reasons = list[str]()
    for is_new in (False, True):  # the older way takes a tenth of the time; what it cannot write, the newer one may
        try:
            network = transformers.open_network(spec, folder)
            _write(network, out / FILE, is_new=is_new)
            _check(spec, folder, out)
        except (EngineFailed, *_RAISED) as error:
            said = error.message if isinstance(error, EngineFailed) else f"{type(error).__name__}: {error}"
            reasons.append(" ".join(said.split())[:300])
        else:
            return
    raise EngineFailed(f"The model is not exported: {'; '.join(dict.fromkeys(reasons))}")


class _Named(torch.nn.Module):  # type: ignore[misc, unused-ignore]  # where torch has no types: CI
    """The network with columns by place and outputs as a tuple, as exporters want them."""

    def __init__(self, model: Any, columns: Sequence[str], outputs: Sequence[str]) -> None:
        super().__init__()
        self.model = model
        self.columns, self.outputs = columns, outputs

    def forward(self, *given: torch.Tensor) -> tuple[torch.Tensor, ...]:
        found = self.model(**dict(zip(self.columns, given, strict=True)))
        return tuple(found[name] for name in self.outputs)


def _write(network: "transformers.Network", path: Path, *, is_new: bool) -> None:
    columns = [name for name in _COLUMNS if name in network.inputs]
    example = _example(columns)
    outputs = list(network.run(example))
    wrapped = _Named(network.model, columns, outputs).eval()
    given = tuple(torch.from_numpy(example[name]) for name in columns)
    options: dict[str, Any]
    if is_new:
        shapes = tuple(dict.fromkeys((0, 1), torch.export.Dim.DYNAMIC) for _ in columns)
        options = {"dynamo": True, "dynamic_shapes": (shapes,), "external_data": False, "verbose": False}
    else:
        axes = {name: {0: "batch", 1: "tokens"} for name in columns}
        options = {"dynamo": False, "dynamic_axes": axes, "opset_version": _OPSET}
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its age, and of what it may have taken for a constant: that is compared
        torch.onnx.export(wrapped, given, str(path), input_names=columns, output_names=outputs, **options)


def _example(columns: Sequence[str]) -> dict[str, Any]:
    """Two rows of which one is padded: what is the same in all rows could be taken for a constant."""
    made = {
        "input_ids": np.array([[1, 2, 3, 4, 5, 4, 3], [5, 4, 3, 2, 1, 0, 0]], np.int64),
        "attention_mask": np.array([[1] * 7, [1] * 5 + [0] * 2], np.int64),
        "token_type_ids": np.zeros((2, 7), np.int64),
    }
    return {name: made[name] for name in columns}


def _check(spec: Spec, folder: Path, out: Path) -> None:
    """Whether it answers as torch does: each length alone in torch, together in ONNX Runtime. Raises EngineFailed."""
    theirs = Encoder(folder, lambda: transformers.open_network(spec, folder))
    ours = Encoder(folder, lambda: onnx.open_network(out / FILE, spec.threads))
    texts = [" ".join(_WORDS[place % len(_WORDS)] for place in range(length)) for length in _LENGTHS]
    sequences = [theirs.encode(text) for text in texts]
    wanted = [theirs.run([sequence])[0] for sequence in sequences]
    for size in _BATCHES:
        for start in range(0, len(sequences), size):
            these = slice(start, start + size)
            for sequence, found, right in zip(sequences[these], ours.run(sequences[these]), wanted[these], strict=True):
                _compare(sequence, found, right)
    for sequence, found, right in zip(sequences, ours.run(sequences), wanted, strict=True):
        _compare(sequence, found, right)
    ours.close()
    theirs.close()


def _compare(sequence: Encoding, found: Outputs, right: Outputs) -> None:
    if set(found) != set(right):
        raise EngineFailed("its outputs have other names")
    for name, expected in right.items():
        length = len(sequence) if expected.ndim > 1 or expected.shape[0] == len(sequence) else expected.shape[0]
        got, expected = found[name][:length], expected[:length]
        if got.shape != expected.shape or not np.allclose(got, expected, atol=TOLERANCE, rtol=TOLERANCE):
            raise EngineFailed(f"of {length} tokens, {name} differs by more than {TOLERANCE}")
        norm = float(np.linalg.norm(got) * np.linalg.norm(expected))
        if norm > 0 and float(np.vdot(got, expected)) / norm < COSINE:
            raise EngineFailed(f"of {length} tokens, the cosine of {name} is below {COSINE}")


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
