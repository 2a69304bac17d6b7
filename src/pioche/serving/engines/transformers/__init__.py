"""Safetensors on torch: encoders of repos that have no ONNX file, and language models (`writer.py`) of those that have no GGUF
file. Slower to start and to answer, and the same answers.

Nothing of the repo runs, no code of it and no pickle, unless an owner allowed it (`own_code`).
"""

import inspect
from pathlib import Path
from typing import Any

import safetensors
import torch
import transformers

from pioche.errors import EngineFailed
from pioche.serving.engines import AnyEngine, own_code
from pioche.serving.engines.encoders import Encoders
from pioche.serving.engines.encoders.encoder import Columns, Encoder, Outputs
from pioche.serving.spec import Spec

_KINDS = {
    "text-classification": transformers.AutoModelForSequenceClassification,
    "zero-shot-classification": transformers.AutoModelForSequenceClassification,
    "token-classification": transformers.AutoModelForTokenClassification,
    "fill-mask": transformers.AutoModelForMaskedLM,
    "question-answering": transformers.AutoModelForQuestionAnswering,
    "feature-extraction": transformers.AutoModel,
    "sentence-similarity": transformers.AutoModel,
}
_OUTPUTS = ("logits", "start_logits", "end_logits", "last_hidden_state")
_UNUSED = "pooler."
"""A head of many encoders, that no task of ours asks."""
_RAISED = (RuntimeError, ValueError, TypeError, KeyError, IndexError, AttributeError)
"""What libraries say of a configuration and weights that do not fit is one of these."""


def load(spec: Spec, folder: Path) -> AnyEngine:
    torch.set_num_threads(spec.threads)
    own_code.allow_for(spec)
    saying: Any = transformers.utils.logging
    saying.disable_progress_bar()
    if spec.task not in _KINDS:
        from pioche.serving.engines.transformers import language

        return language.load(spec, folder)
    return Encoders(Encoder(folder, lambda: open_network(spec, folder)))


def open_network(spec: Spec, folder: Path) -> "Network":
    """For its task. Raises EngineFailed."""
    return Network(_KINDS[spec.task], folder)


class Network:
    def __init__(self, kind: Any, folder: Path) -> None:
        self.model = _open(kind, folder)
        self.inputs = frozenset(inspect.signature(self.model.forward).parameters)

    def run(self, columns: Columns) -> Outputs:
        try:
            with torch.inference_mode():
                found = self.model(**{name: torch.from_numpy(column) for name, column in columns.items()})
        except _RAISED as error:
            raise EngineFailed(f"The model failed: {error}") from None
        return {name: found[name].float().numpy() for name in _OUTPUTS if name in found}

    def close(self) -> None:
        del self.model


def _open(kind: Any, folder: Path) -> Any:
    """What the weights lack would be made up at random, and answer all the same: it is refused."""
    try:
        model, report = kind.from_pretrained(
            folder,
            local_files_only=True,
            **own_code.of_weights(),
            dtype=torch.float32,
            output_loading_info=True,
        )
    except (OSError, safetensors.SafetensorError, *own_code.RAISED, *_RAISED) as error:
        raise EngineFailed(f"The weights cannot be loaded: {own_code.reason(error)}") from None
    if lacking := sorted(name for name in report["missing_keys"] if _UNUSED not in name):
        raise EngineFailed(f"The weights lack {', '.join(lacking[:3])}: is the task of the model the right one?")
    return model.eval()
