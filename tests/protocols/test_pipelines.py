"""Pictures and sound by the stock client, on a live hub with its workers in their sandbox (issue 6 items 3 and 4)."""

import base64
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import httpx
import openai
import pytest
from huggingface_hub import InferenceClient

pytest.importorskip("torch")
pytest.importorskip("transformers")

from tests import checkpoints, publishing  # after what may be absent
from tests.hub import Account, Hub


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    with Hub(tmp_path_factory.mktemp("pipelines"), {"INFERENCE_WAIT_SECONDS": "120"}) as hub:
        yield hub


@pytest.fixture(scope="module")
def owner(serving: Hub) -> Account:
    return serving.user("olga")


def client(hub: Hub, owner: Account, folder: Path, task: str, make: Callable[[Path], None]) -> InferenceClient:
    """Of a model that was made and published for this."""
    made = folder / task
    made.mkdir()
    make(made)
    full = f"{owner.name}/{task}"
    with httpx.Client(base_url=hub.endpoint, headers=owner.bearer, timeout=60) as http:
        publishing.create(http, full)
        found = (path for path in made.rglob("*") if path.is_file())
        files: dict[str, str | bytes] = {str(path.relative_to(made)): path.read_bytes() for path in found}
        publishing.commit(http, full, {**files, "README.md": f"---\npipeline_tag: {task}\n---\n"})
    return InferenceClient(f"{hub.endpoint}/models/{full}", token=owner.token, timeout=120)


def test_the_stock_client_asks_about_pictures_and_sound(serving: Hub, owner: Account, tmp_path: Path) -> None:
    picture, tone = (base64.b64decode(one) for one in (checkpoints.picture(), checkpoints.tone()))
    asking = client(serving, owner, tmp_path, "image-classification", checkpoints.image_classifier)
    assert {one.label for one in asking.image_classification(picture)} == {"cat", "dog"}
    refused = httpx.post(f"{serving.endpoint}/models/{owner.name}/image-classification", content=b"\x00not a picture")
    assert (refused.status_code, refused.json()["field"]) == (400, "inputs")
    asking = client(serving, owner, tmp_path, "zero-shot-image-classification", checkpoints.clip)
    found = asking.zero_shot_image_classification(picture, ["cat", "dog"])
    assert {one.label for one in found} == {"cat", "dog"}
    asking = client(serving, owner, tmp_path, "automatic-speech-recognition", checkpoints.listener)
    assert isinstance(asking.automatic_speech_recognition(tone).text, str)
    asking = client(serving, owner, tmp_path, "text-to-speech", checkpoints.speaker)
    assert asking.text_to_speech("a cat")[:4] == b"RIFF"
    asking = client(serving, owner, tmp_path, "translation", checkpoints.writer)
    assert isinstance(asking.translation("a cat").translation_text, str)


def test_openai_s_client_and_the_stock_client_have_pictures_drawn(serving: Hub, owner: Account, tmp_path: Path) -> None:
    pytest.importorskip("diffusers")
    asking = client(serving, owner, tmp_path, "text-to-image", checkpoints.painter)
    picture = asking.text_to_image("a cat", width=24, height=16, num_inference_steps=2, seed=3)
    assert picture.size == (24, 16)
    again = httpx.post(
        f"{serving.endpoint}/models/{owner.name}/text-to-image",
        content=b"a cat",
        headers={"Content-Type": "text/plain"},
        timeout=120,
    )
    assert (again.status_code, again.headers["content-type"]) == (200, "image/png")
    few = {"num_inference_steps": 2, "seed": 3}
    with openai.OpenAI(base_url=f"{serving.endpoint}/v1", api_key=owner.token, max_retries=0, timeout=120) as drawing:
        model = f"{owner.name}/text-to-image"
        made = drawing.images.generate(model=model, prompt="a cat", n=2, size=cast("Any", "24x16"), extra_body=few)
        first, second = (base64.b64decode(one.b64_json or "") for one in made.data or ())
        assert first[:8] == second[:8] == b"\x89PNG\r\n\x1a\n"
        assert first != second
        (one,) = drawing.images.generate(model=model, prompt="a cat", response_format="url", extra_body=few).data or ()
        assert (one.url or "").startswith("data:image/png;base64,")
        for wrong, field in (
            ({"size": "large"}, "size"),
            ({"size": "4096x16"}, "size"),
            ({"n": 50}, "n"),
            ({"prompt": ""}, "prompt"),
            ({"num_inference_steps": 10**6}, "num_inference_steps"),
            ({"frames": 3}, "frames"),
        ):
            with pytest.raises(openai.BadRequestError) as refused:
                drawing.images.generate(model=model, prompt="a cat", extra_body=wrong)
            assert refused.value.param == field


def test_a_picture_is_talked_about_by_both_clients(serving: Hub, owner: Account, tmp_path: Path) -> None:
    asking = client(serving, owner, tmp_path, "image-text-to-text", checkpoints.looker)
    address = f"data:image/png;base64,{checkpoints.picture()}"
    parts = [{"type": "image_url", "image_url": {"url": address}}, {"type": "text", "text": "a cat"}]
    said = asking.chat_completion([{"role": "user", "content": parts}], max_tokens=3, stream=True, seed=7)
    assert [chunk.choices[0].finish_reason for chunk in said if chunk.choices][-1]
    with openai.OpenAI(base_url=f"{serving.endpoint}/v1", api_key=owner.token, max_retries=0, timeout=120) as chatting:
        asked: dict[str, Any] = {"model": f"{owner.name}/image-text-to-text", "max_tokens": 3}
        whole = chatting.chat.completions.create(messages=[cast("Any", {"role": "user", "content": parts})], **asked)
        assert whole.usage is not None
        assert whole.usage.prompt_tokens > len("a cat".split())
        parts[0] = {"type": "image_url", "image_url": {"url": "https://example.org/cat.png"}}
        with pytest.raises(openai.BadRequestError) as refused:
            chatting.chat.completions.create(messages=[cast("Any", {"role": "user", "content": parts})], **asked)
        assert refused.value.param == "messages[0].content[0].image_url.url"
    watching = client(serving, owner, tmp_path, "video-classification", checkpoints.watcher)
    found = httpx.post(str(watching.model), content=base64.b64decode(checkpoints.video()), timeout=120)
    assert {one["label"] for one in found.json()} == {"cat", "dog"}
