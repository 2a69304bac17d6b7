"""Tasks of sound, in the shapes of the task API (serving.md 2.2)."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import numpy as np

from pioche.errors import InvalidInput
from pioche.serving.engines import Listener, inputs, media, sound
from pioche.serving.engines.pipelines import opening
from pioche.serving.spec import Ask

Job = Callable[[Listener], object]
_CHARACTERS_MAX = 5000


class _Classify(inputs.Parameters, frozen=True):
    top_k: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 5
    function_to_apply: Literal["sigmoid", "softmax", "none"] | None = None


class _ZeroShot(inputs.Parameters, frozen=True, kw_only=True):
    candidate_labels: Annotated[list[str], msgspec.Meta(min_length=1, max_length=100)]
    hypothesis_template: str = "This is a sound of {}."


class _Generation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    language: str | None = None
    task: Literal["transcribe", "translate"] | None = None
    num_beams: Annotated[int, msgspec.Meta(ge=1, le=10)] | None = None
    max_new_tokens: Annotated[int, msgspec.Meta(ge=1, le=448)] | None = None
    temperature: Annotated[float, msgspec.Meta(ge=0, le=2)] | None = None


class _Transcribe(inputs.Parameters, frozen=True):
    return_timestamps: bool | Literal["word", "char"] = False
    generation_parameters: _Generation | None = None
    generate_kwargs: _Generation | None = None


class _Speak(inputs.Parameters, frozen=True):
    pass


class _Hearing:
    """A pipeline of the library that takes sound."""

    def __init__(self, pipe: Any) -> None:
        self.pipe = pipe

    def heard(self, ask: Ask) -> Callable[[], dict[str, object]]:
        """Parsed when it is its turn, and not before: it takes its time."""
        content, rate = media.decoded(ask.inputs), int(self.pipe.feature_extractor.sampling_rate)
        return lambda: {"raw": sound.samples(content, rate), "sampling_rate": rate}


def _classify(hearing: _Hearing, ask: Ask) -> Job:
    wanted, heard = inputs.read_parameters(ask.parameters, _Classify), hearing.heard(ask)
    options = {"function_to_apply": wanted.function_to_apply} if wanted.function_to_apply else {}
    return lambda _listener: [_scored(one) for one in hearing.pipe(heard(), top_k=wanted.top_k, **options)]


def _classify_zero_shot(hearing: _Hearing, ask: Ask) -> Job:
    wanted, heard = inputs.read_parameters(ask.parameters, _ZeroShot), hearing.heard(ask)
    options = {"candidate_labels": wanted.candidate_labels, "hypothesis_template": wanted.hypothesis_template}
    return lambda _listener: [_scored(one) for one in hearing.pipe(heard()["raw"], **options)]


def _transcribe(hearing: _Hearing, ask: Ask) -> Job:
    wanted, heard = inputs.read_parameters(ask.parameters, _Transcribe), hearing.heard(ask)
    generation = wanted.generation_parameters or wanted.generate_kwargs or _Generation()
    given = {name: value for name, value in msgspec.structs.asdict(generation).items() if value is not None}
    writes = hearing.pipe.type.startswith("seq2seq")
    if given and not writes:
        raise InvalidInput(f"parameters.generation_parameters.{next(iter(given))}", "this model generates nothing")
    options = ({"generate_kwargs": given} if given else {}) | (
        {"return_timestamps": wanted.return_timestamps} if wanted.return_timestamps else {}
    )

    def run(_listener: Listener) -> object:
        found = hearing.pipe(heard(), **options)
        chunks = [
            {"text": one["text"], "timestamp": [None if at is None else round(float(at), 2) for at in one["timestamp"]]}
            for one in found.get("chunks", ())
        ]
        return {"text": found["text"].strip(), **({"chunks": chunks} if wanted.return_timestamps else {})}

    return run


def _speak(pipe: Any, ask: Ask) -> Job:
    inputs.read_parameters(ask.parameters, _Speak)
    text = inputs.read(ask.inputs, str, "inputs").strip()
    if not 0 < len(text) <= _CHARACTERS_MAX:
        raise InvalidInput("inputs", f"a text of 1 to {_CHARACTERS_MAX} characters is needed")

    def run(_listener: Listener) -> object:
        found = pipe(text)
        return sound.wav(np.asarray(found["audio"], np.float32).reshape(-1), int(found["sampling_rate"]))

    return run


def _scored(one: Mapping[str, Any]) -> dict[str, object]:
    return {"label": one["label"], "score": float(one["score"])}


_LISTENING: Mapping[str, tuple[str, Callable[[_Hearing, Ask], Job], tuple[str, ...]]] = {
    "audio-classification": ("AutoModelForAudioClassification", _classify, ("feature_extractor",)),
    "zero-shot-audio-classification": (
        "AutoModel", _classify_zero_shot, ("feature_extractor", "tokenizer"),
    ),
    "automatic-speech-recognition": (
        "AutoModelForSpeechSeq2Seq", _transcribe, ("feature_extractor", "tokenizer"),
    ),
}  # fmt: skip
_SPEAKING = ("text-to-speech", "text-to-audio")
_PARTS = {"feature_extractor": "AutoFeatureExtractor", "tokenizer": "AutoTokenizer"}
TASKS = (*_LISTENING, *_SPEAKING)


def open_tasks(task: str, folder: Path) -> Mapping[str, Callable[[Ask], Job]]:
    """Raises EngineFailed."""
    if task in _SPEAKING:
        speaking = opening.pipeline("text-to-audio", folder, "AutoModelForTextToWaveform", tokenizer="AutoTokenizer")
        return {task: lambda ask: _speak(speaking, ask)}
    fallback, understand, parts = _LISTENING[task]
    pipe = opening.pipeline(task, folder, fallback, **{part: _PARTS[part] for part in parts})
    hearing = _Hearing(pipe)
    return {task: lambda ask: understand(hearing, ask)}
