"""Checkpoints of transformers of one layer, with weights at random, made at test time; and a picture and a tone to ask about.

checkpoints.image_classifier(folder)    # writes model.safetensors, config.json and what stands beside them

torch and transformers have to be there: `pytest.importorskip` them before this is imported.
"""

import base64
import io
import json
import math
import random
import struct
import wave
from pathlib import Path
from typing import Any

import torch
import transformers
from PIL import Image

from tests import encoders

WORDS = {word: [0.0] for word in ("a", "cat", "dog", "photo", "of", "sound", "good", "film", "how", "many", "1", "2")}
LABELS: dict[str, Any] = {"id2label": {0: "cat", 1: "dog"}, "label2id": {"cat": 0, "dog": 1}}
SMALL: dict[str, Any] = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
SEEN: dict[str, Any] = {"image_size": 32, "patch_size": 16}
HEARD: dict[str, Any] = {
    **SMALL, "conv_dim": [8, 8], "conv_stride": [5, 4], "conv_kernel": [10, 4], "num_conv_pos_embeddings": 4,
    "num_conv_pos_embedding_groups": 2, "classifier_proj_size": 8, "num_feat_extract_layers": 2,
}  # fmt: skip
VOCABULARY = len(encoders.SPECIAL) + len(WORDS)


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


def picture(width: int = 50, height: int = 40) -> str:
    file = io.BytesIO()
    Image.new("RGB", (width, height), "red").save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def noise(width: int = 64, height: int = 64, seed: int = 7) -> str:
    """A picture with something everywhere."""
    file = io.BytesIO()
    Image.frombytes("RGB", (width, height), random.Random(seed).randbytes(3 * width * height)).save(file, "PNG")
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


def masker(folder: Path) -> None:
    """One that cuts out whatever can be told apart."""
    config = transformers.SamConfig(
        vision_config=transformers.SamVisionConfig(
            hidden_size=16, output_channels=8, num_hidden_layers=1, num_attention_heads=2, image_size=64, patch_size=16,
            mlp_dim=16, num_pos_feats=4, window_size=2, global_attn_indexes=[0],
        ),
        prompt_encoder_config=transformers.SamPromptEncoderConfig(
            hidden_size=8, image_size=64, patch_size=16, mask_input_channels=4
        ),
        mask_decoder_config=transformers.SamMaskDecoderConfig(
            hidden_size=8, mlp_dim=16, num_hidden_layers=1, num_attention_heads=2, iou_head_hidden_dim=8
        ),
    )  # fmt: skip
    saved(folder, "SamModel", config)
    size = {"longest_edge": 64}
    processor(folder, image_processor_type="SamImageProcessor", size=size, pad_size={"height": 64, "width": 64})


def matcher(folder: Path, **detector: Any) -> None:
    """One that finds the same points on two pictures."""
    found = transformers.SuperPointConfig(
        encoder_hidden_sizes=[8, 8, 8, 8],
        decoder_hidden_size=8,
        keypoint_decoder_dim=65,
        descriptor_decoder_dim=16,
        **detector,
    )
    config = transformers.LightGlueConfig(
        keypoint_detector_config=found,
        descriptor_dim=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        filter_threshold=0.0,
    )
    saved(folder, "LightGlueForKeypointMatching", config)
    processor(folder, image_processor_type="LightGlueImageProcessor", size={"height": 64, "width": 64})


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


def answerer(folder: Path) -> None:
    config = transformers.ViltConfig(
        **SMALL, **SEEN, vocab_size=VOCABULARY, max_position_embeddings=64, max_image_length=4, **LABELS
    )
    saved(folder, "ViltForQuestionAnswering", config)
    size = {"shortest_edge": 32}
    processor(folder, image_processor_type="ViltImageProcessor", processor_class="ViltProcessor", size=size)
    tokenizer(folder)


def table_reader(folder: Path) -> None:
    config = transformers.TapasConfig(
        **SMALL, vocab_size=VOCABULARY, max_position_embeddings=64, type_vocab_sizes=[3, 8, 8, 2, 8, 8, 2]
    )
    saved(folder, "TapasForQuestionAnswering", config)
    (folder / "vocab.txt").write_text("\n".join([*encoders.SPECIAL, *WORDS]))
    told = {"tokenizer_class": "TapasTokenizer", "model_max_length": 64, "empty_token": "[UNK]"}
    (folder / "tokenizer_config.json").write_text(json.dumps(told))


def sound_matcher(folder: Path) -> None:
    text = {**SMALL, "vocab_size": VOCABULARY, "max_position_embeddings": 66, "pad_token_id": 0}
    sound = {
        "spec_size": 64, "patch_size": 4, "patch_stride": [4, 4], "num_mel_bins": 64, "hidden_size": 16,
        "patch_embeds_hidden_size": 8, "depths": [1, 1], "num_attention_heads": [2, 2], "num_hidden_layers": 2,
        "window_size": 4, "projection_dim": 8, "num_classes": 2,
    }  # fmt: skip
    config = transformers.ClapConfig(text_config=text, audio_config=sound, projection_dim=8)
    saved(folder, "ClapModel", config)
    processor(
        folder, feature_extractor_type="ClapFeatureExtractor", max_length_s=1, hop_length=960, truncation="rand_trunc"
    )
    tokenizer(folder)


def painter(folder: Path) -> None:
    """Stable Diffusion of a few thousand numbers, for pictures of 16 by 16."""
    import diffusers

    parts: Any = diffusers

    torch.manual_seed(7)
    text = {**SMALL, "vocab_size": VOCABULARY, "max_position_embeddings": 16, "eos_token_id": 3, "projection_dim": 16}
    unet = parts.UNet2DConditionModel(
        sample_size=8, block_out_channels=(8, 8), layers_per_block=1, cross_attention_dim=16, attention_head_dim=4,
        norm_num_groups=4, down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
    )  # fmt: skip
    vae = parts.AutoencoderKL(
        block_out_channels=(8, 8), norm_num_groups=4, latent_channels=4, sample_size=16,
        down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2,
    )  # fmt: skip
    tokenizer(folder)
    words = transformers.AutoTokenizer.from_pretrained(folder, model_max_length=16)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).unlink()
    pipe = parts.StableDiffusionPipeline(
        vae=vae, unet=unet, text_encoder=transformers.CLIPTextModel(transformers.CLIPTextConfig(**text)), tokenizer=words,
        scheduler=parts.DDIMScheduler(steps_offset=1, clip_sample=False), safety_checker=None, feature_extractor=None,
        requires_safety_checker=False,
    )  # fmt: skip
    pipe.save_pretrained(folder)


def open_detector(folder: Path) -> None:
    text = {**SMALL, "vocab_size": VOCABULARY, "max_position_embeddings": 16}
    config = transformers.OwlViTConfig(text_config=text, vision_config={**SMALL, **SEEN}, projection_dim=16)
    saved(folder, "OwlViTForObjectDetection", config)
    processor(folder, image_processor_type="OwlViTImageProcessor", size={"height": 32, "width": 32})
    tokenizer(folder)


def document_reader(folder: Path) -> None:
    config = transformers.LayoutLMConfig(**SMALL, vocab_size=VOCABULARY, max_position_embeddings=64)
    saved(folder, "LayoutLMForQuestionAnswering", config)
    tokenizer(folder)


def watcher(folder: Path) -> None:
    sizes = {**SMALL, **SEEN, "num_frames": 4, "tubelet_size": 2}
    saved(folder, "VideoMAEForVideoClassification", transformers.VideoMAEConfig(**sizes, **LABELS))
    size = {"height": 32, "width": 32}
    processor(folder, image_processor_type="VideoMAEImageProcessor", size={"shortest_edge": 32}, crop_size=size)


def video(frames: int = 6, width: int = 48, height: int = 32) -> str:
    import av

    frame: Any = av.VideoFrame
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=5)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for number in range(frames):
            picture = Image.new("RGB", (width, height), (40 * number % 256, 80, 160))
            container.mux(stream.encode(frame.from_image(picture)))
        container.mux(stream.encode())
    return base64.b64encode(file.getvalue()).decode()


def looker(folder: Path) -> None:
    """A model that talks about pictures."""
    tokenizer(folder)
    words: Any = transformers.AutoTokenizer.from_pretrained(folder)
    words.add_special_tokens({"additional_special_tokens": ["<image>"]})
    size = {"height": 32, "width": 32}
    seeing = transformers.CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size=size)
    template = (
        "{% for message in messages %}{% for part in message['content'] %}"
        "{% if part['type'] == 'image' %}<image> {% else %}{{ part['text'] }} {% endif %}{% endfor %}{% endfor %}"
    )
    make: Any = transformers.LlavaProcessor
    make(
        image_processor=seeing, tokenizer=words, patch_size=16, vision_feature_select_strategy="default",
        image_token="<image>", num_additional_image_tokens=1, chat_template=template,
    ).save_pretrained(folder)  # fmt: skip
    config = transformers.LlavaConfig(
        vision_config=transformers.CLIPVisionConfig(**SMALL, **SEEN),
        text_config=transformers.LlamaConfig(**SMALL, vocab_size=len(words), max_position_embeddings=64, eos_token_id=3),
        image_token_index=words.convert_tokens_to_ids("<image>"), image_seq_length=4, vision_feature_layer=-1,
    )  # fmt: skip
    saved(folder, "LlavaForConditionalGeneration", config)
