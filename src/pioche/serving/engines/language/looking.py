"""image-text-to-text: a question about a picture, as a chat of one message."""

from typing import Annotated

import msgspec

from pioche.errors import InvalidInput
from pioche.serving.engines import Listener, inputs
from pioche.serving.engines.language import Json, Writer, talks
from pioche.serving.engines.language.talks import Count, Share, Temperature
from pioche.serving.engines.language.work import LanguageWork
from pioche.serving.spec import Ask

_TOKENS = 100
_CHARACTERS_MAX = 20_000


class Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    image: str
    text: Annotated[str, msgspec.Meta(min_length=1, max_length=_CHARACTERS_MAX)]


class Look(inputs.Parameters, frozen=True):
    max_new_tokens: Count = _TOKENS
    temperature: Temperature | None = None
    top_p: Share | None = None
    seed: int | None = None
    stop: list[str] | None = None


def look(writer: Writer, ask: Ask) -> LanguageWork:
    """The likeliest answer, unless the request says how to choose."""
    wanted, asked = inputs.read_parameters(ask.parameters, Look), inputs.read(ask.inputs, Asked, "inputs")
    picture = asked.image if asked.image.startswith("data:image/") else f"data:image/*;base64,{asked.image}"
    if asked.image.startswith(("http:", "https:")):
        raise InvalidInput("inputs.image", "the bytes of a picture are needed, in base64: nothing is fetched")
    parts: list[Json] = [
        {"type": "image_url", "image_url": {"url": picture}},
        {"type": "text", "text": asked.text},
    ]
    given = {
        "max_tokens": wanted.max_new_tokens,
        "temperature": 0.0 if wanted.temperature is None and wanted.top_p is None else wanted.temperature,
        "top_p": wanted.top_p,
        "seed": wanted.seed,
        "stop": wanted.stop,
    }
    body = {"messages": [{"role": "user", "content": parts}], **given}
    chat = talks.chat(writer, Ask("chat", {name: value for name, value in body.items() if value is not None}))

    def run(listener: Listener) -> object:
        answer: Json = msgspec.convert(chat.run(listener), Json)
        return [{"generated_text": answer["choices"][0]["message"]["content"] or ""}]

    return LanguageWork(run)
