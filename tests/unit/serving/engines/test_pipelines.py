"""Pictures, sound, texts out of texts and tables, on checkpoints of one layer with weights at random: the shapes of the answers,
and what is refused (issue 6 items 3 and 4)."""

import base64
import io
import json
import struct
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from PIL import Image  # noqa: E402  # after what may be absent

from pioche.errors import EngineFailed, InvalidInput  # noqa: E402
from pioche.serving import choice, engines  # noqa: E402
from pioche.serving.engines.media import Media  # noqa: E402
from pioche.serving.engines.pipelines import Pipelines  # noqa: E402
from pioche.serving.spec import Ask, EngineName, Spec  # noqa: E402
from tests import checkpoints  # noqa: E402


class Nobody:
    has_left = False

    def tell(self, piece: bytes) -> None:
        raise AssertionError("nothing streams here")


def opened(folder: Path, task: str) -> Pipelines:
    paths = [str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()]
    chosen = choice.choose(task, paths)
    assert chosen.engine is EngineName.PIPELINES
    engine = engines.load(
        Spec(repo="ada/model", commit="0" * 40, engine=chosen.engine, task=task, files=chosen.files), folder
    )
    assert isinstance(engine, Pipelines)
    return engine


def ask(engine: Pipelines, task: str, inputs: object, **parameters: object) -> Any:
    return engine.answer(engine.prepare(Ask(task, inputs, parameters)), Nobody())


IMAGE_TASKS: list[tuple[str, Callable[[Path], None], dict[str, object], set[str]]] = [
    ("image-classification", checkpoints.image_classifier, {}, {"label", "score"}),
    ("object-detection", checkpoints.detector, {"threshold": 0.0}, {"label", "score", "box"}),
    ("image-segmentation", checkpoints.segmenter, {}, {"label", "score", "mask"}),
    ("zero-shot-image-classification", checkpoints.clip, {"candidate_labels": ["cat", "dog"]}, {"label", "score"}),
    ("image-to-text", checkpoints.describer, {"max_new_tokens": 3}, {"generated_text"}),
]


@pytest.mark.parametrize(("task", "make", "parameters", "fields"), IMAGE_TASKS, ids=[task for task, *_ in IMAGE_TASKS])
def test_pictures_are_answered_in_the_shape_of_their_task(
    tmp_path: Path, task: str, make: Callable[[Path], None], parameters: dict[str, object], fields: set[str]
) -> None:
    make(tmp_path)
    engine = opened(tmp_path, task)
    found = ask(engine, task, checkpoints.picture(), **parameters)
    assert found
    assert all(set(one) == fields for one in found)
    json.dumps(found)  # nothing in it is the library's own
    for given, field in (
        (checkpoints.picture()[:40], "inputs"),
        ("?", "inputs"),
        (base64.b64encode(b"no").decode(), "inputs"),
    ):
        with pytest.raises(InvalidInput) as refused:
            ask(engine, task, given, **parameters)
        assert refused.value.field == field
    with pytest.raises(InvalidInput, match="no such field"):
        ask(engine, task, checkpoints.picture(), **parameters, colour="red")


def test_d_fmt_a_picture_that_claims_to_be_huge_costs_nothing(tmp_path: Path) -> None:
    checkpoints.image_classifier(tmp_path)
    engine = opened(tmp_path, "image-classification")
    content = bytearray(base64.b64decode(checkpoints.picture()))
    content[16:24] = struct.pack(">II", 40_000, 40_000)
    import zlib

    content[29:33] = struct.pack(">I", zlib.crc32(bytes(content[12:29])))
    with pytest.raises(InvalidInput, match=r"pixels|decompression bomb"):
        ask(engine, "image-classification", base64.b64encode(bytes(content)).decode())


def test_depth_and_features(tmp_path: Path) -> None:
    (tmp_path / "depth").mkdir()
    (tmp_path / "seen").mkdir()
    checkpoints.depth(tmp_path / "depth")
    found = ask(opened(tmp_path / "depth", "depth-estimation"), "depth-estimation", checkpoints.picture(64, 32))
    assert Image.open(io.BytesIO(base64.b64decode(found["depth"]))).size == (64, 32)
    checkpoints.seen(tmp_path / "seen")
    rows = ask(opened(tmp_path / "seen", "image-feature-extraction"), "image-feature-extraction", checkpoints.picture())
    assert len(rows[0][0]) == checkpoints.SMALL["hidden_size"]


def test_sound_is_classified_and_written_down(tmp_path: Path) -> None:
    (tmp_path / "kinds").mkdir()
    (tmp_path / "words").mkdir()
    checkpoints.sound_classifier(tmp_path / "kinds")
    engine = opened(tmp_path / "kinds", "audio-classification")
    found = ask(engine, "audio-classification", checkpoints.tone(rate=8000), top_k=1)
    assert [set(one) for one in found] == [{"label", "score"}]
    with pytest.raises(InvalidInput, match="no recording"):
        ask(engine, "audio-classification", checkpoints.picture())
    checkpoints.listener(tmp_path / "words")
    engine = opened(tmp_path / "words", "automatic-speech-recognition")
    assert set(ask(engine, "automatic-speech-recognition", checkpoints.tone())) == {"text"}
    with pytest.raises(InvalidInput, match="generates nothing"):
        ask(engine, "automatic-speech-recognition", checkpoints.tone(), generation_parameters={"language": "fr"})


def test_a_text_is_spoken_as_a_file(tmp_path: Path) -> None:
    checkpoints.speaker(tmp_path)
    engine = opened(tmp_path, "text-to-speech")
    found = ask(engine, "text-to-speech", "a cat")
    assert isinstance(found, Media)
    assert found.content_type == "audio/wav"
    with wave.open(io.BytesIO(found.content)) as written:
        assert (written.getframerate(), written.getnchannels()) == (16_000, 1)
        assert written.getnframes() > 0
    with pytest.raises(InvalidInput):
        ask(engine, "text-to-speech", "")


@pytest.mark.parametrize(
    ("task", "field"),
    [
        ("translation", "translation_text"),
        ("summarization", "summary_text"),
        ("text2text-generation", "generated_text"),
    ],
)
def test_texts_out_of_texts(tmp_path: Path, task: str, field: str) -> None:
    checkpoints.writer(tmp_path)
    engine = opened(tmp_path, task)
    found = ask(engine, task, ["a cat", "good film"], generate_parameters={"max_new_tokens": 4})
    assert [set(one) for one in found] == [{field}, {field}]
    with pytest.raises(InvalidInput, match="no such language"):
        ask(engine, task, "a cat", tgt_lang="xx")
    with pytest.raises(InvalidInput, match="max_new_tokens"):
        ask(engine, task, "a cat", max_new_tokens=0)


def test_weights_that_lack_their_head_are_refused(tmp_path: Path) -> None:
    checkpoints.seen(tmp_path)
    told = json.loads((tmp_path / "config.json").read_text()) | {
        "architectures": ["ViTForImageClassification"],
        **checkpoints.LABELS,
    }
    (tmp_path / "config.json").write_text(json.dumps(told))
    with pytest.raises(EngineFailed, match="lack classifier"):
        opened(tmp_path, "image-classification")


def test_a_question_about_a_picture(tmp_path: Path) -> None:
    checkpoints.answerer(tmp_path)
    engine = opened(tmp_path, "visual-question-answering")
    asked = {"image": checkpoints.picture(), "question": "how many cat"}
    found = ask(engine, "visual-question-answering", asked, top_k=1)
    assert [set(one) for one in found] == [{"answer", "score"}]
    with pytest.raises(InvalidInput) as refused:
        ask(engine, "visual-question-answering", {**asked, "image": "?"})
    assert refused.value.field == "inputs.image"


def test_a_question_about_a_table(tmp_path: Path) -> None:
    pytest.importorskip("pandas")
    checkpoints.table_reader(tmp_path)
    engine = opened(tmp_path, "table-question-answering")
    asked = {"query": "how many cat", "table": {"a": ["cat", "dog"], "many": ["1", "2"]}}
    found = ask(engine, "table-question-answering", asked)
    assert {"answer", "coordinates", "cells"} <= set(found)
    with pytest.raises(InvalidInput, match="same length"):
        ask(engine, "table-question-answering", {**asked, "table": {"a": ["cat"], "b": []}})


@pytest.mark.filterwarnings("ignore:At least one mel filter")  # it is as small as can be
def test_sound_is_matched_with_words(tmp_path: Path) -> None:
    checkpoints.sound_matcher(tmp_path)
    engine = opened(tmp_path, "zero-shot-audio-classification")
    found = ask(engine, "zero-shot-audio-classification", checkpoints.tone(), candidate_labels=["cat", "dog"])
    assert {one["label"] for one in found} == {"cat", "dog"}
