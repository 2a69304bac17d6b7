"""question-answering: where in a text the answer stands."""

from dataclasses import dataclass

import msgspec
import numpy as np
from tokenizers import Encoding

from pioche.errors import EngineFailed, InvalidInput
from pioche.serving.engines import inputs
from pioche.serving.engines.encoders.encoder import Array, Encoder, EncoderWork, Outputs
from pioche.serving.spec import Ask

_STRIDE_MAX = 128


class Question(msgspec.Struct, frozen=True):
    question: str
    context: str


class Answering(inputs.Parameters, frozen=True):
    align_to_words: bool = True
    doc_stride: int | None = None
    handle_impossible_answer: bool = False
    max_answer_len: int = 15
    max_question_len: int = 64
    max_seq_len: int = 384
    top_k: int = 1


@dataclass(frozen=True, slots=True)
class _Span:
    score: float
    start: int
    end: int


def answer(encoder: Encoder, ask: Ask) -> EncoderWork:
    """One answer, or a list of `top_k`. A long text is read in windows that overlap by `doc_stride` tokens."""
    asked = inputs.read(ask.inputs, Question, "inputs")
    wanted = inputs.read_parameters(ask.parameters, Answering)
    if not asked.question.strip() or not asked.context.strip():
        raise InvalidInput("inputs", "a question and a context are needed")
    for name in ("doc_stride", "max_answer_len", "max_question_len", "max_seq_len", "top_k"):
        value = getattr(wanted, name)
        if value is not None and value < 1:
            raise InvalidInput(f"parameters.{name}", "at least 1 is needed")
    windows = _windows(encoder, asked, wanted)

    def finish(found: list[Outputs]) -> object:
        spans = [span for window, one in zip(windows, found, strict=True) for span in _spans(window, one, wanted)]
        spans += [_nothing(windows, found)] if wanted.handle_impossible_answer else []
        best = sorted(spans, key=lambda span: -span.score)[: wanted.top_k]
        answers = [_told(asked.context, span) for span in best]
        return answers[0] if wanted.top_k == 1 and answers else answers

    return EncoderWork(windows, finish)


def _windows(encoder: Encoder, asked: Question, wanted: Answering) -> list[Encoding]:
    """Both texts are made tokens once; the pairs are put together from pieces of the second."""
    plain = encoder.tokenizer
    question = plain.encode(asked.question, add_special_tokens=False)
    question.truncate(wanted.max_question_len)
    room = min(wanted.max_seq_len, encoder.tokens_max) - len(question) - plain.num_special_tokens_to_add(True)  # noqa: FBT003
    stride = min(room // 2, _STRIDE_MAX) if wanted.doc_stride is None else wanted.doc_stride
    if room <= stride or room < 1:
        raise InvalidInput("parameters.doc_stride", "the windows are too short for it, beside the question")
    context = _whole(encoder, asked.context)
    context.truncate(room, stride=stride)
    return [plain.post_process(question, window) for window in (context, *context.overflowing)]


def _whole(encoder: Encoder, text: str) -> Encoding:
    """Not cut off. The tokenizer is one thread's at this time: `prepare` is."""
    encoder.tokenizer.no_truncation()
    try:
        return encoder.tokenizer.encode(text, add_special_tokens=False)
    finally:
        encoder.tokenizer.enable_truncation(encoder.tokens_max)


def _spans(window: Encoding, outputs: Outputs, wanted: Answering) -> list[_Span]:
    """The best of this window, each by the product of the probabilities of where it starts and ends."""
    start, end = _probabilities(window, outputs)
    inside = np.array([number == 1 for number in window.sequence_ids])
    scores = np.outer(start * inside, end * inside)
    scores = np.triu(scores) - np.triu(scores, wanted.max_answer_len)
    best = np.argsort(-scores, axis=None, kind="stable")[: wanted.top_k]
    found = [(float(scores.flat[place]), *divmod(int(place), len(window))) for place in best]
    return [_span(window, *one, words=wanted.align_to_words) for one in found if one[0] > 0]


def _span(window: Encoding, score: float, first: int, last: int, *, words: bool) -> _Span:
    start, end = window.offsets[first][0], window.offsets[last][1]
    if words:
        start = min(start, _word(window, first)[0])
        end = max(end, _word(window, last)[1])
    return _Span(score, start, end)


def _word(window: Encoding, token: int) -> tuple[int, int]:
    """Where the word begins and ends that the token is of."""
    word = window.token_to_word(token)
    found = None if word is None else window.word_to_chars(word, 1)
    return window.offsets[token] if found is None else found


def _probabilities(window: Encoding, outputs: Outputs) -> tuple[Array, Array]:
    """Among the tokens of the context and the first, which stands for "no answer"."""
    try:
        rows = np.stack([outputs["start_logits"][: len(window)], outputs["end_logits"][: len(window)]])
    except (KeyError, ValueError):
        raise EngineFailed("The network gives no start_logits and end_logits: is its task the right one?") from None
    allowed = np.array([number == 1 or place == 0 for place, number in enumerate(window.sequence_ids)])
    rows = np.where(allowed, rows, -np.inf)
    grown = np.exp(rows - rows.max(axis=1, keepdims=True))
    start, end = grown / grown.sum(axis=1, keepdims=True)
    return start, end


def _nothing(windows: list[Encoding], found: list[Outputs]) -> _Span:
    """That there is no answer is as likely as in the window where it is least so."""
    pairs = [_probabilities(window, one) for window, one in zip(windows, found, strict=True)]
    return _Span(min(float(start[0] * end[0]) for start, end in pairs), 0, 0)


def _told(context: str, span: _Span) -> dict[str, object]:
    return {"answer": context[span.start : span.end], "score": span.score, "start": span.start, "end": span.end}
