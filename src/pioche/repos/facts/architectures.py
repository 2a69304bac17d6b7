"""From the class that a `config.json` names to the task: the endings that transformers gives its classes.

An ending stands for `(auto class, task, processor)`; the first that matches counts. What carries no ending is looked up
by its whole name.
"""

from typing import NamedTuple


class Architecture(NamedTuple):
    """`transformersInfo` on the wire (hub-api.md section 9)."""

    auto_model: str
    task: str
    processor: str | None


_TEXT, _IMAGE, _FEATURES, _BOTH = "AutoTokenizer", "AutoImageProcessor", "AutoFeatureExtractor", "AutoProcessor"

_ZERO_SHOT = Architecture("AutoModelForZeroShotImageClassification", "zero-shot-image-classification", _BOTH)
_DOCUMENTS = Architecture("AutoModelForDocumentQuestionAnswering", "document-question-answering", _BOTH)

_ENDINGS: tuple[tuple[str, Architecture], ...] = (
    ("ForCausalLM", Architecture("AutoModelForCausalLM", "text-generation", _TEXT)),
    ("LMHeadModel", Architecture("AutoModelForCausalLM", "text-generation", _TEXT)),
    ("ForMaskedLM", Architecture("AutoModelForMaskedLM", "fill-mask", _TEXT)),
    ("ForPreTraining", Architecture("AutoModelForPreTraining", "fill-mask", _TEXT)),
    ("ForSequenceClassification", Architecture("AutoModelForSequenceClassification", "text-classification", _TEXT)),
    ("ForTokenClassification", Architecture("AutoModelForTokenClassification", "token-classification", _TEXT)),
    ("ForTableQuestionAnswering", Architecture("AutoModelForTableQuestionAnswering", "table-question-answering", _TEXT)),
    ("ForDocumentQuestionAnswering", _DOCUMENTS),
    ("ForVisualQuestionAnswering", Architecture("AutoModelForVisualQuestionAnswering", "visual-question-answering", _BOTH)),
    ("ForQuestionAnswering", Architecture("AutoModelForQuestionAnswering", "question-answering", _TEXT)),
    ("ForMultipleChoice", Architecture("AutoModelForMultipleChoice", "multiple-choice", _TEXT)),
    ("ForZeroShotImageClassification", _ZERO_SHOT),
    ("ForZeroShotObjectDetection", Architecture("AutoModelForZeroShotObjectDetection", "zero-shot-object-detection", _BOTH)),
    ("ForVideoClassification", Architecture("AutoModelForVideoClassification", "video-classification", _IMAGE)),
    ("ForImageClassification", Architecture("AutoModelForImageClassification", "image-classification", _IMAGE)),
    ("ForObjectDetection", Architecture("AutoModelForObjectDetection", "object-detection", _IMAGE)),
    ("ForSemanticSegmentation", Architecture("AutoModelForSemanticSegmentation", "image-segmentation", _IMAGE)),
    ("ForInstanceSegmentation", Architecture("AutoModelForInstanceSegmentation", "image-segmentation", _IMAGE)),
    ("ForUniversalSegmentation", Architecture("AutoModelForUniversalSegmentation", "image-segmentation", _IMAGE)),
    ("ForDepthEstimation", Architecture("AutoModelForDepthEstimation", "depth-estimation", _IMAGE)),
    ("ForKeypointDetection", Architecture("AutoModelForKeypointDetection", "keypoint-detection", _IMAGE)),
    ("ForMaskGeneration", Architecture("AutoModelForMaskGeneration", "mask-generation", _BOTH)),
    ("ForMaskedImageModeling", Architecture("AutoModelForMaskedImageModeling", "image-feature-extraction", _IMAGE)),
    ("ForImageToImage", Architecture("AutoModelForImageToImage", "image-to-image", _IMAGE)),
    ("ForAudioClassification", Architecture("AutoModelForAudioClassification", "audio-classification", _FEATURES)),
    ("ForAudioFrameClassification", Architecture("AutoModelForAudioFrameClassification", "audio-classification", _FEATURES)),
    ("ForSpeechSeq2Seq", Architecture("AutoModelForSpeechSeq2Seq", "automatic-speech-recognition", _BOTH)),
    ("ForSpeechToText", Architecture("AutoModelForSpeechSeq2Seq", "automatic-speech-recognition", _BOTH)),
    ("ForTextToSpeech", Architecture("AutoModelForTextToSpectrogram", "text-to-speech", _BOTH)),
    ("ForTextToWaveform", Architecture("AutoModelForTextToWaveform", "text-to-speech", _BOTH)),
    ("ForCTC", Architecture("AutoModelForCTC", "automatic-speech-recognition", _BOTH)),
    ("ForVision2Seq", Architecture("AutoModelForVision2Seq", "image-text-to-text", _BOTH)),
    ("ForImageTextToText", Architecture("AutoModelForImageTextToText", "image-text-to-text", _BOTH)),
    ("ForTimeSeriesPrediction", Architecture("AutoModel", "time-series-forecasting", None)),
    ("ForPrediction", Architecture("AutoModel", "time-series-forecasting", None)),
)  # fmt: skip

_SEQ2SEQ = Architecture("AutoModelForSeq2SeqLM", "text2text-generation", _TEXT)
_SPEECH = Architecture("AutoModelForSpeechSeq2Seq", "automatic-speech-recognition", _BOTH)
_IMAGE_TEXT = Architecture("AutoModelForImageTextToText", "image-text-to-text", _BOTH)
# `ForConditionalGeneration` says little: it depends on what the model reads.
_SPEECH_TYPES = frozenset(
    ("whisper", "speech_to_text", "speech_to_text_2", "seamless_m4t", "seamless_m4t_v2", "moonshine")
)
_TEXT_TYPES = frozenset(
    """t5 mt5 umt5 longt5 switch_transformers bart mbart pegasus pegasus_x bigbird_pegasus led m2m_100 blenderbot
    blenderbot-small plbart prophetnet fsmt nllb-moe marian mvp t5gemma""".split()
)
_MARIAN = Architecture("AutoModelForSeq2SeqLM", "translation", _TEXT)

_WHOLE_NAMES = {
    "CLIPModel": _ZERO_SHOT,
    "SiglipModel": _ZERO_SHOT,
    "SamModel": Architecture("AutoModelForMaskGeneration", "mask-generation", _BOTH),
    "Sam2Model": Architecture("AutoModelForMaskGeneration", "mask-generation", _BOTH),
    "VisionEncoderDecoderModel": Architecture("AutoModelForVision2Seq", "image-to-text", _BOTH),
    "MarianMTModel": _MARIAN,
    "VitsModel": Architecture("AutoModelForTextToWaveform", "text-to-speech", _TEXT),
    "MusicgenForConditionalGeneration": Architecture("AutoModelForTextToWaveform", "text-to-audio", _BOTH),
    "BlipForConditionalGeneration": Architecture("AutoModelForVision2Seq", "image-to-text", _BOTH),
    "Blip2ForConditionalGeneration": Architecture("AutoModelForVision2Seq", "image-to-text", _BOTH),
}
_PLAIN = Architecture("AutoModel", "feature-extraction", _TEXT)
_PLAIN_IMAGE = Architecture("AutoModel", "image-feature-extraction", _IMAGE)
_IMAGE_MODELS = frozenset("vit deit beit dinov2 dinov3_vit convnext convnextv2 swin swinv2 resnet ijepa".split())

DIFFUSERS = {
    "Img2Img": "image-to-image", "Inpaint": "image-to-image", "InstructPix2Pix": "image-to-image", "Kontext": "image-to-image",
    "Upscale": "image-to-image", "ImageToVideo": "image-to-video", "TextToVideo": "text-to-video", "VideoPipeline": "text-to-video",
    "Audio": "text-to-audio", "DDPM": "unconditional-image-generation", "DDIM": "unconditional-image-generation",
}  # fmt: skip
"""Parts of the class names of diffusers' pipelines; any other makes images from text."""

TGI_TYPES = frozenset(
    """bart baichuan bloom cohere cohere2 dbrx deepseek_v2 deepseek_v3 falcon gemma gemma2 gemma3 gemma3_text gpt2
    gpt_bigcode gpt_neo gpt_neox gptj granite idefics idefics2 idefics3 llama llava_next mistral mixtral mllama mpt opt
    paligemma phi phi3 phimoe qwen2 qwen2_vl qwen2_5_vl qwen3 qwen3_moe RefinedWeb RefinedWebModel starcoder2 t5
    """.split()
)
"""Model types for which the public Hub sets the tag `text-generation-inference`."""


def find(name: str, model_type: str) -> Architecture | None:
    """What the class `name` of a `config.json` is for; None where its name does not tell."""
    if (whole := _WHOLE_NAMES.get(name)) is not None:
        return whole
    if name.endswith("ForConditionalGeneration"):
        return _conditional(model_type)
    for ending, found in _ENDINGS:
        if name.endswith(ending):
            return found
    if name.endswith("Model"):
        is_image = model_type in _IMAGE_MODELS
        return Architecture(
            "AutoModel", "image-feature-extraction" if is_image else "feature-extraction", _IMAGE if is_image else _TEXT
        )
    return None


def _conditional(model_type: str) -> Architecture:
    if model_type in _SPEECH_TYPES:
        return _SPEECH
    return _SEQ2SEQ if model_type in _TEXT_TYPES else _IMAGE_TEXT


def of_diffusers(name: str) -> str:
    """The task of a diffusers pipeline class."""
    return next((task for part, task in DIFFUSERS.items() if part in name), "text-to-image")
