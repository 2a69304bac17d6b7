"""Pictures, sound, texts out of texts and tables, on checkpoints of one layer with weights at random: the shapes of the answers,
and what is refused (issue 6 items 3 and 4)."""

import base64
import io
import json
import math
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
from tests import encoders  # noqa: E402

WORDS = {word: [0.0] for word in ("a", "cat", "dog", "photo", "of", "sound", "good", "film", "how", "many", "1", "2")}
LABELS = {"id2label": {0: "cat", 1: "dog"}, "label2id": {"cat": 0, "dog": 1}}
SMALL = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
SEEN = {"image_size": 32, "patch_size": 16}
HEARD = {
    **SMALL, "conv_dim": [8, 8], "conv_stride": [5, 4], "conv_kernel": [10, 4], "num_conv_pos_embeddings": 4,
    "num_conv_pos_embedding_groups": 2, "classifier_proj_size": 8, "num_feat_extract_layers": 2,
}  # fmt: skip
VOCABULARY = len(encoders.SPECIAL) + len(WORDS)


class Nobody:
    has_left = False

    def tell(self, piece: bytes) -> None:
        raise AssertionError("nothing streams here")


def saved(folder: Path, kind: str, config: Any) -> Path:
    torch.manual_seed(7)
    getattr(transformers, kind)(config).save_pretrained(folder)
    return folder


def processor(folder: Path, **content: object) -> None:
    (folder / "preprocessor_config.json").write_text(json.dumps(content))


def tokenizer(folder: Path) -> None:
    files = encoders.embedder(WORDS)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).write_bytes(files[name])
    told = json.loads((folder / "tokenizer_config.json").read_text())
    told |= {"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "[PAD]", "unk_token": "[UNK]"}
    told |= {"cls_token": "[CLS]", "sep_token": "[SEP]", "eos_token": "[SEP]"}
    (folder / "tokenizer_config.json").write_text(json.dumps(told))


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


def picture(width: int = 50, height: int = 40) -> str:
    file = io.BytesIO()
    Image.new("RGB", (width, height), "red").save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def tone(seconds: float = 0.5, rate: int = 16_000) -> str:
    file = io.BytesIO()
    with wave.open(file, "wb") as written:
        written.setnchannels(1)
        written.setsampwidth(2)
        written.setframerate(rate)
        values = (int(9000 * math.sin(n / 8)) for n in range(int(seconds * rate)))
        written.writeframes(b"".join(struct.pack("<h", value) for value in values))
    return base64.b64encode(file.getvalue()).decode()


# --- checkpoints ------------------------------------------------------------------------------------------------------


def image_classifier(folder: Path) -> None:
    saved(folder, "ViTForImageClassification", transformers.ViTConfig(**SMALL, **SEEN, **LABELS))
    processor(folder, image_processor_type="ViTImageProcessor", size={"height": 32, "width": 32})


def detector(folder: Path) -> None:
    sizes = {**SMALL, "image_size": [32, 32], "patch_size": 16, "num_detection_tokens": 3}
    saved(folder, "YolosForObjectDetection", transformers.YolosConfig(**sizes, **LABELS))
    processor(folder, image_processor_type="YolosImageProcessor", size={"height": 32, "width": 32})


def segmenter(folder: Path) -> None:
    config = transformers.SegformerConfig(
        num_encoder_blocks=2, depths=[1, 1], sr_ratios=[1, 1], hidden_sizes=[8, 8], patch_sizes=[7, 3], strides=[4, 2],
        num_attention_heads=[1, 1], mlp_ratios=[1, 1], decoder_hidden_size=8, **LABELS,
    )  # fmt: skip
    saved(folder, "SegformerForSemanticSegmentation", config)
    processor(folder, image_processor_type="SegformerImageProcessor", size={"height": 32, "width": 32})


def depth(folder: Path) -> None:
    config = transformers.GLPNConfig(
        num_encoder_blocks=2, depths=[1, 1], sr_ratios=[1, 1], hidden_sizes=[8, 8], patch_sizes=[7, 3], strides=[4, 2],
        num_attention_heads=[1, 1], mlp_ratios=[1, 1], decoder_hidden_size=8,
    )  # fmt: skip
    saved(folder, "GLPNForDepthEstimation", config)
    processor(folder, image_processor_type="GLPNImageProcessor", size_divisor=32)


def seen(folder: Path) -> None:
    saved(folder, "ViTModel", transformers.ViTConfig(**SMALL, **SEEN))
    processor(folder, image_processor_type="ViTImageProcessor", size={"height": 32, "width": 32})


def clip(folder: Path) -> None:
    text = {**SMALL, "vocab_size": VOCABULARY, "max_position_embeddings": 64, "eos_token_id": 3}
    config = transformers.CLIPConfig(text_config=text, vision_config={**SMALL, **SEEN}, projection_dim=8)
    saved(folder, "CLIPModel", config)
    size = {"height": 32, "width": 32}
    processor(folder, image_processor_type="CLIPImageProcessor", size=size, crop_size=size)
    tokenizer(folder)


def describer(folder: Path) -> None:
    vision = transformers.ViTConfig(**SMALL, **SEEN)
    text = transformers.BertConfig(
        **SMALL, vocab_size=VOCABULARY, max_position_embeddings=64, is_decoder=True, add_cross_attention=True
    )
    config = transformers.VisionEncoderDecoderConfig.from_encoder_decoder_configs(vision, text)
    config.decoder_start_token_id, config.pad_token_id, config.eos_token_id = 2, 0, 3
    saved(folder, "VisionEncoderDecoderModel", config)
    processor(folder, image_processor_type="ViTImageProcessor", size={"height": 32, "width": 32})
    tokenizer(folder)


def sound_classifier(folder: Path) -> None:
    saved(folder, "Wav2Vec2ForSequenceClassification", transformers.Wav2Vec2Config(**HEARD, **LABELS))
    processor(folder, feature_extractor_type="Wav2Vec2FeatureExtractor", sampling_rate=16_000)


def listener(folder: Path) -> None:
    saved(folder, "Wav2Vec2ForCTC", transformers.Wav2Vec2Config(**HEARD, vocab_size=8, pad_token_id=0))
    processor(folder, feature_extractor_type="Wav2Vec2FeatureExtractor", sampling_rate=16_000)
    letters = ["<pad>", "<s>", "</s>", "<unk>", "|", "A", "B", "C"]
    (folder / "vocab.json").write_text(json.dumps({letter: number for number, letter in enumerate(letters)}))
    told = {"tokenizer_class": "Wav2Vec2CTCTokenizer", "pad_token": "<pad>", "word_delimiter_token": "|"}
    (folder / "tokenizer_config.json").write_text(json.dumps(told))


def speaker(folder: Path) -> None:
    config = transformers.VitsConfig(
        vocab_size=8, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, ffn_dim=16, flow_size=16,
        spectrogram_bins=9, prior_encoder_num_flows=1, prior_encoder_num_wavenet_layers=1,
        posterior_encoder_num_wavenet_layers=1, upsample_initial_channel=16, upsample_rates=[4, 4],
        upsample_kernel_sizes=[8, 8], resblock_kernel_sizes=[3], resblock_dilation_sizes=[[1, 3, 5]],
        depth_separable_num_layers=1, duration_predictor_num_flows=1, duration_predictor_flow_bins=4,
        wavenet_kernel_size=3, sampling_rate=16_000,
    )  # fmt: skip
    saved(folder, "VitsModel", config)
    letters = ["_", "a", "c", "t", "d", "o", "g", " "]
    (folder / "vocab.json").write_text(json.dumps({letter: number for number, letter in enumerate(letters)}))
    told = {"tokenizer_class": "VitsTokenizer", "pad_token": "_", "unk_token": "_", "phonemize": False}
    (folder / "tokenizer_config.json").write_text(json.dumps(told))


def writer(folder: Path) -> None:
    config = transformers.BartConfig(
        vocab_size=VOCABULARY, d_model=16, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2,
        decoder_attention_heads=2, encoder_ffn_dim=16, decoder_ffn_dim=16, max_position_embeddings=64, pad_token_id=0,
        bos_token_id=2, eos_token_id=3, decoder_start_token_id=2, forced_eos_token_id=3,
    )  # fmt: skip
    saved(folder, "BartForConditionalGeneration", config)
    tokenizer(folder)


IMAGE_TASKS: list[tuple[str, Callable[[Path], None], dict[str, object], set[str]]] = [
    ("image-classification", image_classifier, {}, {"label", "score"}),
    ("object-detection", detector, {"threshold": 0.0}, {"label", "score", "box"}),
    ("image-segmentation", segmenter, {}, {"label", "score", "mask"}),
    ("zero-shot-image-classification", clip, {"candidate_labels": ["cat", "dog"]}, {"label", "score"}),
    ("image-to-text", describer, {"max_new_tokens": 3}, {"generated_text"}),
]


@pytest.mark.parametrize(("task", "make", "parameters", "fields"), IMAGE_TASKS, ids=[task for task, *_ in IMAGE_TASKS])
def test_pictures_are_answered_in_the_shape_of_their_task(
    tmp_path: Path, task: str, make: Callable[[Path], None], parameters: dict[str, object], fields: set[str]
) -> None:
    make(tmp_path)
    engine = opened(tmp_path, task)
    found = ask(engine, task, picture(), **parameters)
    assert found
    assert all(set(one) == fields for one in found)
    json.dumps(found)  # nothing in it is the library's own
    for given, field in ((picture()[:40], "inputs"), ("?", "inputs"), (base64.b64encode(b"no").decode(), "inputs")):
        with pytest.raises(InvalidInput) as refused:
            ask(engine, task, given, **parameters)
        assert refused.value.field == field
    with pytest.raises(InvalidInput, match="no such field"):
        ask(engine, task, picture(), **parameters, colour="red")


def test_d_fmt_a_picture_that_claims_to_be_huge_costs_nothing(tmp_path: Path) -> None:
    image_classifier(tmp_path)
    engine = opened(tmp_path, "image-classification")
    content = bytearray(base64.b64decode(picture()))
    content[16:24] = struct.pack(">II", 40_000, 40_000)
    import zlib

    content[29:33] = struct.pack(">I", zlib.crc32(bytes(content[12:29])))
    with pytest.raises(InvalidInput, match=r"pixels|decompression bomb"):
        ask(engine, "image-classification", base64.b64encode(bytes(content)).decode())


def test_depth_and_features(tmp_path: Path) -> None:
    (tmp_path / "depth").mkdir()
    (tmp_path / "seen").mkdir()
    depth(tmp_path / "depth")
    found = ask(opened(tmp_path / "depth", "depth-estimation"), "depth-estimation", picture(64, 32))
    assert Image.open(io.BytesIO(base64.b64decode(found["depth"]))).size == (64, 32)
    seen(tmp_path / "seen")
    rows = ask(opened(tmp_path / "seen", "image-feature-extraction"), "image-feature-extraction", picture())
    assert len(rows[0][0]) == SMALL["hidden_size"]


def test_sound_is_classified_and_written_down(tmp_path: Path) -> None:
    (tmp_path / "kinds").mkdir()
    (tmp_path / "words").mkdir()
    sound_classifier(tmp_path / "kinds")
    engine = opened(tmp_path / "kinds", "audio-classification")
    found = ask(engine, "audio-classification", tone(rate=8000), top_k=1)
    assert [set(one) for one in found] == [{"label", "score"}]
    with pytest.raises(InvalidInput, match="no recording"):
        ask(engine, "audio-classification", picture())
    listener(tmp_path / "words")
    engine = opened(tmp_path / "words", "automatic-speech-recognition")
    assert set(ask(engine, "automatic-speech-recognition", tone())) == {"text"}
    with pytest.raises(InvalidInput, match="generates nothing"):
        ask(engine, "automatic-speech-recognition", tone(), generation_parameters={"language": "fr"})


def test_a_text_is_spoken_as_a_file(tmp_path: Path) -> None:
    speaker(tmp_path)
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
    writer(tmp_path)
    engine = opened(tmp_path, task)
    found = ask(engine, task, ["a cat", "good film"], generate_parameters={"max_new_tokens": 4})
    assert [set(one) for one in found] == [{field}, {field}]
    with pytest.raises(InvalidInput, match="no such language"):
        ask(engine, task, "a cat", tgt_lang="xx")
    with pytest.raises(InvalidInput, match="max_new_tokens"):
        ask(engine, task, "a cat", max_new_tokens=0)


def test_weights_that_lack_their_head_are_refused(tmp_path: Path) -> None:
    seen(tmp_path)
    told = json.loads((tmp_path / "config.json").read_text()) | {
        "architectures": ["ViTForImageClassification"],
        **LABELS,
    }
    (tmp_path / "config.json").write_text(json.dumps(told))
    with pytest.raises(EngineFailed, match="lack classifier"):
        opened(tmp_path, "image-classification")
