"""Speech to text as OpenAI has it: a form with a file, and the text as JSON, plainly, or as subtitles."""

import base64
from collections.abc import Callable
from typing import Any

import msgspec

from pioche.errors import EngineFailed, InvalidInput, UnsupportedMediaType
from pioche.http import multipart
from pioche.http.messages import Request, Response, json_response, text_response
from pioche.protocols.inference import asking
from pioche.serving.spec import Ask

_TASK = "automatic-speech-recognition"
_FIELDS = frozenset(
    ("model", "language", "response_format", "temperature", "timestamp_granularities[]", "timestamp_granularities")
)
_FORMATS = ("json", "text", "srt", "verbose_json", "vtt")
_GRANULARITIES = ("segment", "word")


class _Chunk(msgspec.Struct, frozen=True):
    text: str
    timestamp: tuple[float, float]


class _Heard(msgspec.Struct, frozen=True):
    text: str
    chunks: list[_Chunk] = []


class _Form:
    """What was sent. Raises InvalidInput, BadRequest, UnsupportedMediaType."""

    def __init__(self, content_type: str, body: bytes) -> None:
        if not content_type.lower().startswith("multipart/form-data"):
            raise UnsupportedMediaType("A form with a file is expected here: multipart/form-data")
        sent = multipart.parse(content_type, body)
        self._fields = sent.fields
        unknown = next((name for name, _ in sent.fields if name not in _FIELDS), None)
        if unknown is not None:
            raise InvalidInput(unknown[:60], "this hub does not do that")
        file = next((file for file in sent.files if file.field == "file"), None)
        if file is None:
            raise InvalidInput("file", "it is needed")
        self.sound = file.content
        self.model = self._last("model")
        self.language = self._last("language")
        self.shape = self._last("response_format") or "json"
        if self.shape not in _FORMATS:
            raise InvalidInput("response_format", f"one of {', '.join(_FORMATS)} is expected")
        self.temperature = self._number("temperature")
        self.granularity = self._granularity()

    def _last(self, name: str) -> str:
        return next((value for key, value in reversed(self._fields) if key == name), "")

    def _number(self, name: str) -> float | None:
        text = self._last(name)
        try:
            return float(text) if text else None
        except ValueError:
            raise InvalidInput(name, "a number is expected") from None

    def _granularity(self) -> str:
        """The engine tells times of words or of segments, not of both."""
        found = {value for name, value in self._fields if name.startswith("timestamp_granularities")}
        if not found <= set(_GRANULARITIES):
            raise InvalidInput("timestamp_granularities", f"one of {', '.join(_GRANULARITIES)} is expected")
        if len(found) > 1:
            raise InvalidInput("timestamp_granularities", "of segments or of words, not of both at once")
        return found.pop() if found else "segment"


async def transcribe(request: Request) -> Response:
    """What is said, in the language it is said in."""
    return await _heard(request, "transcribe")


async def translate(request: Request) -> Response:
    """What is said, in English."""
    return await _heard(request, "translate")


async def _heard(request: Request, how: str) -> Response:
    form = _Form(request.headers.get("content-type", ""), await asking.body(request))
    found = await asking.meant(request, form.model)
    found.check_task(_TASK)
    inputs = base64.b64encode(form.sound).decode()
    try:
        answered = await asking.answer(request, found, Ask(_TASK, inputs, _parameters(form, how)))
    except InvalidInput as error:
        field = {"inputs": "file"}.get(error.field, error.field.rpartition(".")[2])
        raise InvalidInput(field, error.message.removeprefix(f"{error.field}: ")) from None
    try:
        heard = msgspec.json.decode(answered.body, type=_Heard)
    except msgspec.DecodeError:
        raise EngineFailed("The model's answer is not what its task gives") from None
    return _SHAPES[form.shape](heard, form, how)


def _parameters(form: _Form, how: str) -> dict[str, object]:
    generation: dict[str, object] = {"task": how}
    if form.language:
        generation["language"] = form.language
    if form.temperature is not None:
        generation["temperature"] = form.temperature
    found: dict[str, object] = {"generation_parameters": generation}
    if form.shape in ("srt", "vtt", "verbose_json"):
        found["return_timestamps"] = "word" if form.granularity == "word" and form.shape == "verbose_json" else True
    return found


# --- shapes -----------------------------------------------------------------------------------------------------------


def _plain(heard: _Heard, _form: _Form, _how: str) -> Response:
    return text_response(heard.text + "\n")


def _json(heard: _Heard, _form: _Form, _how: str) -> Response:
    return json_response({"text": heard.text})


def _verbose(heard: _Heard, form: _Form, how: str) -> Response:
    """What the engine does not tell (probabilities, tokens) is left out."""
    chunks: list[dict[str, Any]] = [
        {"start": chunk.timestamp[0], "end": chunk.timestamp[1], "text": chunk.text} for chunk in heard.chunks
    ]
    content: dict[str, object] = {
        "task": how,
        "language": form.language,
        "duration": chunks[-1]["end"] if chunks else 0.0,
        "text": heard.text,
    }
    if form.granularity == "word":
        content["words"] = [{"word": chunk.pop("text").strip(), **chunk} for chunk in chunks]
    else:
        content["segments"] = [{"id": number, **chunk} for number, chunk in enumerate(chunks)]
    return json_response(content)


def _srt(heard: _Heard, _form: _Form, _how: str) -> Response:
    parts = [
        f"{number}\n{_clock(chunk.timestamp[0], ',')} --> {_clock(chunk.timestamp[1], ',')}\n{chunk.text.strip()}\n"
        for number, chunk in enumerate(heard.chunks, 1)
    ]
    return text_response("\n".join(parts))


def _vtt(heard: _Heard, _form: _Form, _how: str) -> Response:
    parts = [
        f"{_clock(chunk.timestamp[0], '.')} --> {_clock(chunk.timestamp[1], '.')}\n{chunk.text.strip()}\n"
        for chunk in heard.chunks
    ]
    return text_response("\n".join(["WEBVTT\n", *parts]))


def _clock(seconds: float, point: str) -> str:
    """`00:01:02,500`: hours, minutes, seconds, thousandths."""
    ms = round(seconds * 1000)
    return f"{ms // 3_600_000:02}:{ms // 60_000 % 60:02}:{ms // 1000 % 60:02}{point}{ms % 1000:03}"


_SHAPES: dict[str, Callable[[_Heard, _Form, str], Response]] = {
    "json": _json,
    "text": _plain,
    "verbose_json": _verbose,
    "srt": _srt,
    "vtt": _vtt,
}
