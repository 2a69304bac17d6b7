"""Every task of the installed library's pipelines answers on a small checkpoint."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from transformers import pipelines as library

from pioche.errors import EngineFailed, InvalidInput  # after what may be absent
from pioche.serving import choice, engines
from pioche.serving.engines import pictures
from pioche.serving.spec import Ask, Spec
from tests import checkpoints, writers
from tests.hearing import Hearing

LABELS = {"candidate_labels": ["cat", "dog"]}
ENTAILS = {"id2label": {0: "contradiction", 1: "entailment"}, "label2id": {"contradiction": 0, "entailment": 1}}
BOXES = [["cat", [0, 0, 500, 500]], ["dog", [500, 0, 1000, 500]]]
TALK = {"image": checkpoints.picture(), "text": "a cat"}

PAIR = {"image": checkpoints.noise(), "other_image": checkpoints.noise(70, 60, seed=8)}
SURE_OF_ALL = {"pred_iou_thresh": 0.0, "stability_score_thresh": 0.0}
DECISION = {"state": "a cat", "questions": {"good": {"type": "noul", "instructions": "is it good"}}}


def bert(head: str, **config: object) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        import transformers

        sizes = {**checkpoints.SMALL, "vocab_size": checkpoints.VOCABULARY, "max_position_embeddings": 64}
        checkpoints.saved(folder, f"Bert{head}", transformers.BertConfig(**sizes, **config))
        checkpoints.tokenizer(folder)

    return make


def decider(folder: Path) -> None:
    writers.checkpoint(folder, context=2000)
    (folder / "decision.json").write_text(json.dumps({"labels": {"noul": ["Y", "N"]}}))


Case = tuple[Callable[[Path], None], object, dict[str, object]]
CASES: dict[str, Case] = {
    "text-classification": (bert("ForSequenceClassification", **checkpoints.LABELS), "a cat", {}),
    "zero-shot-classification": (bert("ForSequenceClassification", **ENTAILS), "a cat", LABELS),
    "token-classification": (bert("ForTokenClassification", **checkpoints.LABELS), "a cat", {}),
    "fill-mask": (bert("ForMaskedLM"), "a [MASK]", {}),
    "feature-extraction": (bert("Model"), "a cat", {}),
    "text-generation": (writers.checkpoint, "a", {"max_new_tokens": 3}),
    "table-question-answering": (
        checkpoints.table_reader, {"query": "how many", "table": {"a": ["cat", "dog"], "good": ["1", "2"]}}, {},
    ),
    "document-question-answering": (checkpoints.document_reader, {"question": "a cat", "word_boxes": BOXES}, {}),
    "image-classification": (checkpoints.image_classifier, checkpoints.picture(), {}),
    "zero-shot-image-classification": (checkpoints.clip, checkpoints.picture(), LABELS),
    "image-feature-extraction": (checkpoints.seen, checkpoints.picture(), {}),
    "image-segmentation": (checkpoints.segmenter, checkpoints.picture(), {}),
    "object-detection": (checkpoints.detector, checkpoints.picture(), {"threshold": 0.0}),
    "zero-shot-object-detection": (checkpoints.open_detector, checkpoints.picture(), {**LABELS, "threshold": 0.0}),
    "mask-generation": (checkpoints.masker, checkpoints.picture(), {"points_per_crop": 2, **SURE_OF_ALL}),
    "keypoint-matching": (checkpoints.matcher, PAIR, {}),
    "decision": (decider, DECISION, {}),
    "any-to-any": (checkpoints.looker, TALK, {"max_new_tokens": 3}),
    "depth-estimation": (checkpoints.depth, checkpoints.picture(), {}),
    "image-text-to-text": (checkpoints.looker, TALK, {"max_new_tokens": 3}),
    "video-classification": (checkpoints.watcher, checkpoints.video(), {}),
    "audio-classification": (checkpoints.sound_classifier, checkpoints.tone(), {}),
    "zero-shot-audio-classification": (checkpoints.sound_matcher, checkpoints.tone(1.0, 48_000), LABELS),
    "automatic-speech-recognition": (checkpoints.listener, checkpoints.tone(), {}),
    "text-to-audio": (checkpoints.speaker, "a cat", {}),
}  # fmt: skip


def load(folder: Path, task: str) -> Any:
    chosen = choice.choose(task, [str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()])
    spec = Spec(repo="ada/model", commit="0" * 40, engine=chosen.engine, task=task, files=chosen.files)
    return engines.load(spec, folder)


def ask(engine: Any, task: str, inputs: object, parameters: dict[str, object]) -> Any:
    work = engine.prepare(Ask(task, inputs, parameters))
    return engine.answer(work, Hearing()) if hasattr(engine, "answer") else engine.infer([work])[0]


@pytest.mark.parametrize("task", sorted(library.SUPPORTED_TASKS))
def test_every_pipeline_task_answers(task: str, tmp_path: Path) -> None:
    make, inputs, parameters = CASES[task]
    make(tmp_path)
    assert ask(load(tmp_path, task), task, inputs, parameters)


def test_an_answer_about_a_document_is_one_of_its_words(tmp_path: Path) -> None:
    checkpoints.document_reader(tmp_path)
    engine = load(tmp_path, "document-question-answering")
    inputs = {"question": "a cat", "word_boxes": BOXES}
    found = ask(engine, "document-question-answering", inputs, {"top_k": 1})
    assert found[0]["answer"] in ("cat", "dog", "cat dog")
    for wrong, field in (
        ({"question": ""}, "inputs.question"),
        ({"word_boxes": [["cat", [0, 0, 9]]]}, "inputs.word_boxes[0][1]"),
        ({"word_boxes": [["cat", [0, 0, 9, 1001]]]}, "inputs.word_boxes[0][1][3]"),
        ({"word_boxes": None}, "inputs.image"),
    ):
        with pytest.raises(InvalidInput) as refused:
            engine.prepare(Ask("document-question-answering", {**inputs, **wrong}))
        assert refused.value.field == field


def test_what_a_video_shows_has_scores_that_add_up(tmp_path: Path) -> None:
    checkpoints.watcher(tmp_path)
    engine, task = load(tmp_path, "video-classification"), "video-classification"
    for frames in (1, 6, 40):
        found = ask(engine, task, checkpoints.video(frames), {"frame_sampling_rate": 2})
        assert {one["label"] for one in found} == {"cat", "dog"}
        assert sum(one["score"] for one in found) == pytest.approx(1, abs=1e-3)
    for wrong in ("AAAA", checkpoints.tone(), checkpoints.video()[:400]):
        with pytest.raises(InvalidInput) as refused:
            ask(engine, task, wrong, {})
        assert refused.value.field == "inputs"
    with pytest.raises(InvalidInput) as refused:
        engine.prepare(Ask(task, checkpoints.video(), {"num_frames": 1000}))
    assert refused.value.field == "parameters.num_frames"


def test_a_picture_is_talked_about_in_a_chat(tmp_path: Path) -> None:
    checkpoints.looker(tmp_path)
    engine = load(tmp_path, "image-text-to-text")
    address = f"data:image/png;base64,{checkpoints.picture()}"
    parts = [{"type": "image_url", "image_url": {"url": address}}, {"type": "text", "text": "a cat"}]
    body = {"messages": [{"role": "user", "content": parts}], "max_tokens": 3, "temperature": 0}
    seen = ask(engine, "chat", body, {})
    blind = ask(engine, "chat", {**body, "messages": [{"role": "user", "content": "a cat"}]}, {})
    assert seen["usage"]["prompt_tokens"] == blind["usage"]["prompt_tokens"] + 4  # tokens of the picture
    hearing = Hearing()
    engine.answer(engine.prepare(Ask("chat", {**body, "stream": True})), hearing)
    assert hearing.events[-1]["choices"][0]["finish_reason"]
    for url in ("https://example.org/cat.png", "file:///etc/passwd"):
        parts[0] = {"type": "image_url", "image_url": {"url": url}}
        with pytest.raises(InvalidInput) as refused:
            engine.prepare(Ask("chat", body))
        assert refused.value.field == "inputs.messages[0].content[0].image_url.url"
    parts[0] = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    with pytest.raises(InvalidInput) as refused:
        ask(engine, "chat", body, {})
    assert refused.value.field == "inputs.messages"
    parts[0] = {"type": "image_url", "image_url": {"url": address}}
    with pytest.raises(InvalidInput, match="at most 16 pictures"):
        ask(engine, "chat", {**body, "messages": [{"role": "user", "content": parts[:1] * 17}]}, {})
    with pytest.raises(InvalidInput) as refused:
        engine.prepare(Ask("image-text-to-text", {**TALK, "image": "https://example.org/cat.png"}))
    assert refused.value.field == "inputs.image"


def test_weights_of_another_task_do_not_talk_about_pictures(tmp_path: Path) -> None:
    checkpoints.clip(tmp_path)
    with pytest.raises(EngineFailed):
        load(tmp_path, "image-text-to-text")


def test_a_decision_has_a_probability_for_each_option_and_says_which_question_is_wrong(tmp_path: Path) -> None:
    decider(tmp_path)
    engine = load(tmp_path, "decision")
    answer = ask(engine, "decision", DECISION, {})
    assert set(answer) == {"good"}
    assert answer["good"]["type"] == "noul"
    for wrong, field in (
        ({"state": ""}, "inputs.state"),
        ({"questions": {}}, "inputs.questions"),
        ({"questions": {"good": {"type": "maybe", "instructions": "?"}}}, "inputs.questions[...].type"),
        ({"questions": {"good": {"type": "choice", "instructions": "?"}}}, "inputs.questions"),
    ):
        with pytest.raises(InvalidInput) as refused:
            engine.prepare(Ask("decision", {**DECISION, **wrong}))
        assert refused.value.field == field


def test_of_boxes_that_cover_the_same_the_best_is_kept() -> None:
    import torch

    from pioche.serving.engines.pipelines import marking

    boxes = torch.tensor([[0, 0, 10, 10], [0, 0, 10, 9], [20, 20, 30, 30], [0, 0, 2, 2.0]])
    assert marking.apart(boxes, torch.tensor([0.5, 0.9, 0.1, 0.2]), 0.7) == [1, 3, 2]
    assert marking.apart(boxes[:0], torch.tensor([]), 0.7) == []


def test_a_mask_is_as_large_as_its_picture(tmp_path: Path) -> None:
    checkpoints.masker(tmp_path)
    found = ask(load(tmp_path, "mask-generation"), "mask-generation", *CASES["mask-generation"][1:])
    assert found[0]["score"] >= found[-1]["score"]
    picture = pictures.decoded(found[0]["mask"])
    assert picture.size == (50, 40)
    assert {colour for _, colour in picture.getcolors()} <= {(0, 0, 0), (255, 255, 255)}


def test_pictures_on_which_nothing_stands_out_share_no_points(tmp_path: Path) -> None:
    checkpoints.matcher(tmp_path, keypoint_threshold=1.1)
    engine = load(tmp_path, "keypoint-matching")
    plain = {"image": checkpoints.picture(), "other_image": checkpoints.picture(40, 50)}
    assert ask(engine, "keypoint-matching", plain, {}) == []
    with pytest.raises(InvalidInput) as refused:
        engine.prepare(Ask("keypoint-matching", {**plain, "other_image": "AAAA"}))
    assert refused.value.field == "inputs.other_image"
