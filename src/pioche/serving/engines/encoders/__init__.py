"""Networks that read texts, with `tokenizers`, whatever runs them: ONNX Runtime or torch.

`encoder.py` runs texts through the network; each task (`classification.py` and so on) says which texts, and what the numbers mean.
So an answer does not depend on what ran the network.
"""

from collections.abc import Callable, Sequence

from pioche.errors import EngineFailed, InvalidInput
from pioche.serving.engines.encoders import answers, classification, cutting, embeddings, masks, tokens
from pioche.serving.engines.encoders.encoder import Encoder, EncoderWork
from pioche.serving.spec import Ask

_TASKS: dict[str, Callable[[Encoder, Ask], EncoderWork]] = {
    "text-classification": classification.classify,
    "zero-shot-classification": classification.classify_zero_shot,
    "token-classification": tokens.classify,
    "fill-mask": masks.fill,
    "question-answering": answers.answer,
    "feature-extraction": embeddings.extract,
    "sentence-similarity": embeddings.compare,
    "tokenize": cutting.tokenize,
    "detokenize": cutting.detokenize,
}


_PANIC = "PanicException"
"""What the tokenizer's Rust code raises, beside bare Exceptions: of a pattern, say, that finds no end in a text (H-RUN-3)."""


class Encoders:
    """An engine (`pioche.serving.engines.Engine`)."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder

    def prepare(self, ask: Ask) -> EncoderWork:
        prepare = _TASKS.get(ask.task)
        if prepare is None:
            raise InvalidInput("task", f"{ask.task} is not one of {', '.join(_TASKS)}")
        try:
            return prepare(self._encoder, ask)
        except BaseException as error:
            if type(error) is not Exception and type(error).__name__ != _PANIC:
                raise
            raise EngineFailed(f"The tokenizer failed: {' '.join(str(error).split())[:300]}") from None

    def infer(self, batch: Sequence[EncoderWork]) -> list[object]:
        outputs = iter(self._encoder.run([sequence for work in batch for sequence in work.sequences]))
        return [work.finish([next(outputs) for _ in work.sequences]) for work in batch]

    def close(self) -> None:
        self._encoder.close()
