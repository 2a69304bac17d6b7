"""tokenize, detokenize: what the tokenizer makes of a text, for who counts tokens. The network is not run."""

from typing import Annotated

import msgspec
from tokenizers import Tokenizer

from pioche.errors import InvalidInput
from pioche.serving.engines import inputs
from pioche.serving.engines.encoders.encoder import Encoder, EncoderWork
from pioche.serving.spec import Ask

_TEXTS_MAX = 1000
_TOKENS_MAX = 100_000
_Id = Annotated[int, msgspec.Meta(ge=0, le=2**32 - 1)]


class Tokenize(inputs.Parameters, frozen=True):
    add_special_tokens: bool = True


class Detokenize(inputs.Parameters, frozen=True):
    skip_special_tokens: bool = True


def tokenize(encoder: Encoder, ask: Ask) -> EncoderWork:
    """The tokens of each text, none cut off, and which characters each is."""
    wanted = inputs.read_parameters(ask.parameters, Tokenize)
    texts = inputs.texts(ask.inputs)
    if len(texts) > _TEXTS_MAX:
        raise InvalidInput("inputs", f"{_TEXTS_MAX} texts are allowed at most")
    tokenizer = encoder.whole_tokenizer
    found = [_tokens(tokenizer, text, special=wanted.add_special_tokens) for text in texts]
    return EncoderWork([], lambda _: found)


def detokenize(encoder: Encoder, ask: Ask) -> EncoderWork:
    """The text of each list of tokens."""
    wanted = inputs.read_parameters(ask.parameters, Detokenize)
    rows = inputs.read(ask.inputs, list[list[_Id]], "inputs")
    if sum(len(row) for row in rows) > _TOKENS_MAX:
        raise InvalidInput("inputs", f"{_TOKENS_MAX} tokens are allowed at most")
    found = [encoder.tokenizer.decode(row, skip_special_tokens=wanted.skip_special_tokens) for row in rows]
    return EncoderWork([], lambda _: found)


def _tokens(tokenizer: Tokenizer, text: str, *, special: bool) -> list[dict[str, object]]:
    encoding = tokenizer.encode(text, add_special_tokens=special)
    rows = zip(encoding.ids, encoding.tokens, encoding.special_tokens_mask, encoding.offsets, strict=True)
    return [
        {
            "id": number,
            "text": token if mask else text[start:end],
            "special": bool(mask),
            "start": None if mask else start,
            "stop": None if mask else end,
        }
        for number, token, mask, (start, end) in rows
    ]
