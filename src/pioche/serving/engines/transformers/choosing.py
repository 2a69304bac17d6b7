"""Which token comes next: what a request wishes for, on the scores that the network gave."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
import transformers

from pioche.errors import InvalidInput

_SEEDS = 2**63
_TOP_MAX = 20


@dataclass(frozen=True, slots=True)
class Chosen:
    """`logprob` and `tops` (tokens with theirs, the likeliest first) where the request asks for them."""

    token: int
    logprob: float = 0.0
    tops: tuple[tuple[int, float], ...] = ()


class Chooser:
    """For one text. Its numbers at random are its own: the same seed writes the same, whoever writes beside it."""

    def __init__(self, body: Mapping[str, Any], told: Any, read: int, vocabulary: int) -> None:
        """`told` is what the repo says of generating; `read` the length of the prompt."""
        self._read = read
        self._generator = torch.Generator()
        if body.get("seed") is None:
            self._generator.seed()
        else:
            self._generator.manual_seed(int(body["seed"]) % _SEEDS)
        self._temperature = _number(body, told, "temperature", 1.0)
        self._wishes = _wishes(body, told) if self._temperature else []
        self._repeated = _repeated(body)
        self._bias = _bias(body.get("logit_bias") or {}, vocabulary)
        self._frequency = float(body.get("frequency_penalty") or 0)
        self._presence = float(body.get("presence_penalty") or 0)
        self._tops = _tops(body)

    @property
    def tells_likelihoods(self) -> bool:
        return self._tops is not None

    def choose(self, written: Any, scores: Any) -> Chosen:
        """`written` are the tokens of the prompt and of the text so far: one row, as of `scores`."""
        raw = scores = scores.float()
        scores = scores if self._bias is None else scores + self._bias
        scores = self._penalised(written, scores)
        if self._temperature:
            scores = scores / self._temperature
            for wish in self._wishes:
                scores = wish(written, scores)
            likely = torch.softmax(scores, -1)
            token = int(torch.multinomial(likely[0], 1, generator=self._generator))
        else:
            token = int(scores[0].argmax())
        return self._chosen(token, raw)

    def _penalised(self, written: Any, scores: Any) -> Any:
        if self._repeated is not None:
            scores = self._repeated(written, scores)
        if self._frequency or self._presence:
            counts = torch.bincount(written[0, self._read :], minlength=scores.shape[-1])[: scores.shape[-1]]
            scores = scores - self._frequency * counts - self._presence * (counts > 0)
        return scores

    def _chosen(self, token: int, raw: Any) -> Chosen:
        if self._tops is None:
            return Chosen(token)
        logprobs = torch.log_softmax(raw[0], -1)
        best = logprobs.topk(min(self._tops, logprobs.numel())) if self._tops else None
        tops = zip(best.indices.tolist(), best.values.tolist(), strict=True) if best is not None else ()
        return Chosen(token, float(logprobs[token]), tuple(tops))


def _number(body: Mapping[str, Any], told: Any, name: str, otherwise: float) -> float:
    for given in (body.get(name), getattr(told, name, None)):
        if given is not None:
            return float(given)
    return otherwise


def _wishes(body: Mapping[str, Any], told: Any) -> list[Any]:
    """In the order of the library: the likeliest by number, then by share."""
    found: list[Any] = []
    if top_k := int(_number(body, told, "top_k", 0)):
        found.append(transformers.TopKLogitsWarper(top_k))
    if 0 < (typical := float(body.get("typical_p") or 1)) < 1:
        found.append(transformers.TypicalLogitsWarper(typical))
    if (top_p := _number(body, told, "top_p", 1.0)) < 1:
        found.append(transformers.TopPLogitsWarper(top_p))
    if 0 < (least := _number(body, told, "min_p", 0.0)) < 1:
        found.append(transformers.MinPLogitsWarper(least))
    return found


def _repeated(body: Mapping[str, Any]) -> Any:
    penalty = float(body.get("repeat_penalty") or 1)
    return None if penalty == 1 else transformers.RepetitionPenaltyLogitsProcessor(penalty)


def _bias(given: Mapping[str, float], vocabulary: int) -> Any:
    if not given:
        return None
    bias = torch.zeros(vocabulary)
    for token, value in given.items():
        if not token.isascii() or not token.isdigit() or int(token) >= vocabulary:
            raise InvalidInput("inputs.logit_bias", f"{token[:20]} is not the number of a token")
        bias[int(token)] = value
    return bias


def _tops(body: Mapping[str, Any]) -> int | None:
    """How many likely tokens are wanted beside the chosen one. In a chat `logprobs` says whether, else how many."""
    wanted = body.get("logprobs")
    if wanted is None or wanted is False:
        return None
    return min(_TOP_MAX, int(body.get("top_logprobs") or 0) if wanted is True else int(wanted))
