"""Speech in weights of CTranslate2, by faster-whisper: no torch. One recording at a time."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import faster_whisper
import msgspec

from pioche.errors import EngineFailed, InvalidInput
from pioche.serving.engines import Listener, inputs, media, sound
from pioche.serving.engines.sound import Samples
from pioche.serving.spec import Ask, Spec

TASK = "automatic-speech-recognition"
_BEAMS_MAX = 10
_RAISED = (RuntimeError, ValueError, KeyError, TypeError, OSError)


class Generation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    language: str | None = None
    task: Literal["transcribe", "translate"] = "transcribe"
    num_beams: Annotated[int, msgspec.Meta(ge=1, le=_BEAMS_MAX)] = 1
    temperature: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.0


class Transcribe(inputs.Parameters, frozen=True):
    """`generate_kwargs` is what the pipeline of transformers calls them."""

    return_timestamps: bool | Literal["word"] = False
    generation_parameters: Generation | None = None
    generate_kwargs: Generation | None = None


@dataclass(frozen=True, slots=True)
class Recording:
    """A request."""

    sound: bytes
    wanted: Transcribe
    generation: Generation
    streams: bool = False


def load(spec: Spec, folder: Path) -> "Whisper":
    return Whisper(_open(folder, spec.threads))


class Whisper:
    """An engine (`pioche.serving.engines.ParallelEngine`)."""

    lanes = 1

    def __init__(self, model: Any) -> None:
        self._model = model

    def prepare(self, ask: Ask) -> Recording:
        if ask.task != TASK:
            raise InvalidInput("task", f"{ask.task} is not {TASK}")
        wanted = inputs.read_parameters(ask.parameters, Transcribe)
        generation = wanted.generation_parameters or wanted.generate_kwargs or Generation()
        if generation.language is not None and generation.language not in self._model.supported_languages:
            raise InvalidInput("parameters.generation_parameters.language", "the model knows no such language")
        return Recording(media.decoded(ask.inputs), wanted, generation)

    def answer(self, work: Recording, listener: Listener) -> object:
        """The sound is parsed here and not in `prepare`: it takes its time."""
        samples = sound.samples(work.sound)
        try:
            found = self._segments(samples, work, listener)
        except _RAISED as error:
            raise EngineFailed(f"The model failed: {error}") from None
        answer: dict[str, object] = {"text": "".join(segment.text for segment in found).strip()}
        if work.wanted.return_timestamps:
            pieces = (segment.words for segment in found) if work.wanted.return_timestamps == "word" else (found,)
            answer["chunks"] = [_chunk(piece) for several in pieces for piece in several]
        return answer

    def close(self) -> None:
        del self._model

    def _segments(self, samples: Samples, work: Recording, listener: Listener) -> list[Any]:
        """They are computed one by one: between two it is asked whether anybody waits."""
        found: list[Any] = []
        generation = work.generation
        segments, _ = self._model.transcribe(
            samples,
            language=generation.language,
            task=generation.task,
            beam_size=generation.num_beams,
            temperature=generation.temperature,
            without_timestamps=not work.wanted.return_timestamps,
            word_timestamps=work.wanted.return_timestamps == "word",
        )
        for segment in segments:
            found.append(segment)
            if listener.has_left:
                break
        return found


def _open(folder: Path, threads: int) -> Any:
    try:
        return faster_whisper.WhisperModel(
            str(folder), device="cpu", cpu_threads=threads, local_files_only=True, compute_type="int8"
        )
    except _RAISED as error:
        raise EngineFailed(f"The weights cannot be loaded: {error}") from None


def _chunk(piece: Any) -> dict[str, object]:
    text = getattr(piece, "word", None) or piece.text
    # The times of words are numpy's numbers.
    return {"text": text, "timestamp": [round(float(piece.start), 2), round(float(piece.end), 2)]}
