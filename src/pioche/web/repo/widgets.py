"""A form that asks the model: which one fits its task, filled with an example of the card."""

from dataclasses import dataclass

import msgspec

from pioche.errors import HubError
from pioche.http.messages import Request
from pioche.i18n.texts import lazy as _
from pioche.repos import revisions
from pioche.repos.overviews import Overview
from pioche.web.repo import weights

_EXAMPLES_MAX = 20
_CHARACTERS_MAX = 5000


@dataclass(frozen=True, slots=True)
class Field:
    """`kind`: line, text, lines (a text each), names (between commas), table (commas between cells); image, sound, video: files."""

    name: str
    label: str
    kind: str = "text"
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Widget:
    """`task` is `chat` for what generates and has a template for it. `examples` are the values of the fields, by name, as JSON;
    with a title each."""

    task: str
    fields: tuple[Field, ...]
    examples: list[tuple[str, str]]
    first: dict[str, str]
    address: str


_TEXT = (Field("text", _("Text")),)
_IMAGE = (Field("image", _("Picture"), "image"),)
_SOUND = (Field("sound", _("Recording"), "sound"),)
_VIDEO = (Field("video", _("Video"), "video"),)
_LABELS = Field("candidate_labels", _("Labels"), "names", _("Between commas"))
_QUESTION = Field("question", _("Question"), "line")
_FIELDS: dict[str, tuple[Field, ...]] = {
    "text-classification": _TEXT,
    "token-classification": _TEXT,
    "feature-extraction": _TEXT,
    "text-generation": _TEXT,
    "fill-mask": (Field("text", _("Text with a gap")),),
    "zero-shot-classification": (
        Field("text", _("Text")),
        _LABELS,
    ),
    "question-answering": (Field("text", _("Question"), "line"), Field("context", _("The text it is found in"))),
    "sentence-similarity": (
        Field("source_sentence", _("Sentence"), "line"),
        Field("sentences", _("Sentences to compare it with"), "lines", _("One a line")),
    ),
    "translation": _TEXT,
    "summarization": _TEXT,
    "text2text-generation": _TEXT,
    "text-to-speech": _TEXT,
    "text-to-audio": _TEXT,
    "text-to-image": _TEXT,
    "image-to-image": (*_IMAGE, Field("text", _("What it is to become"))),
    "table-question-answering": (
        Field("text", _("Question"), "line"),
        Field("table", _("Table"), "table", _("One row a line, commas between cells; the first has the names")),
    ),
    **dict.fromkeys(
        (
            "image-classification",
            "object-detection",
            "image-segmentation",
            "mask-generation",
            "depth-estimation",
            "image-to-text",
        ),
        _IMAGE,
    ),
    **dict.fromkeys(("zero-shot-image-classification", "zero-shot-object-detection"), (*_IMAGE, _LABELS)),
    **dict.fromkeys(("visual-question-answering", "document-question-answering"), (*_IMAGE, _QUESTION)),
    **dict.fromkeys(("audio-classification", "automatic-speech-recognition"), _SOUND),
    "zero-shot-audio-classification": (*_SOUND, _LABELS),
    "video-classification": _VIDEO,
    **dict.fromkeys(("image-text-to-text", "any-to-any"), (*_IMAGE, _QUESTION)),
}
_USUAL: dict[str, dict[str, str]] = {
    "text-classification": {"text": "I like you. I love you"},
    "token-classification": {"text": "My name is Sarah and I live in London"},
    "feature-extraction": {"text": "Today is a sunny day"},
    "text-generation": {"text": "Once upon a time"},
    "fill-mask": {"text": "Paris is the [MASK] of France."},
    "zero-shot-classification": {
        "text": "My new phone stops working after an hour",
        "candidate_labels": "urgent, not urgent, phone, computer",
    },
    "question-answering": {
        "text": "Where do I live?",
        "context": "My name is Wolfgang and I live in Berlin",
    },
    "sentence-similarity": {
        "source_sentence": "That is a happy person",
        "sentences": "That is a happy dog\nThat is a very happy person\nToday is a sunny day",
    },
    "translation": {"text": "My name is Wolfgang and I live in Berlin"},
    "summarization": {"text": "The tower is 324 metres tall, about the same height as an 81-storey building."},
    "text2text-generation": {"text": "Translate to German: How old are you?"},
    "text-to-speech": {"text": "Today is a sunny day"},
    "text-to-audio": {"text": "Rain on a roof"},
    "text-to-image": {"text": "A red lighthouse on a cliff, in the evening"},
    "image-to-image": {"text": "The same in winter"},
    "table-question-answering": {
        "text": "How many stars does transformers have?",
        "table": "Repository, Stars\nTransformers, 36542\nDatasets, 4512",
    },
    "zero-shot-image-classification": {"candidate_labels": "cat, dog"},
    "zero-shot-object-detection": {"candidate_labels": "cat, dog"},
    "zero-shot-audio-classification": {"candidate_labels": "music, speech"},
    "visual-question-answering": {"question": "What is on the picture?"},
    "image-text-to-text": {"question": "What is on the picture?"},
    "any-to-any": {"question": "What is on the picture?"},
    "document-question-answering": {"question": "What is the invoice number?"},
}


def of(request: Request, overview: Overview) -> Widget | None:
    """None where the model cannot be asked here, or not by whoever looks. For a thread."""
    task = overview.pipeline_tag or ""
    fields = _FIELDS.get(task)
    hub = request.hub
    if fields is None or not hub.models.is_on:
        return None
    if hub.config.inference == "signed-in" and request.caller.is_anonymous:
        return None
    try:
        hub.models.targets.find(request.repo, revisions.resolve_sync(request.repo, "main"))
    except HubError:
        return None  # what is missing is said to whoever asks it
    found = _examples(overview, fields)
    usual = dict(_USUAL.get(task, {}))
    mask = overview.details.get("mask_token")
    if isinstance(mask, str) and task == "fill-mask":
        usual["text"] = usual["text"].replace("[MASK]", mask)
    first = found[0][1] if found else usual
    encoded = [(title, msgspec.json.encode(values).decode()) for title, values in found]
    chats = "conversational" in overview.tags or weights.template(overview)
    form = "chat" if task == "text-generation" and chats else task
    return Widget(form, fields, encoded, first, f"/models/{overview.repo_id}")


def _examples(overview: Overview, fields: tuple[Field, ...]) -> list[tuple[str, dict[str, str]]]:
    """Those of the card that have what the form asks for. They were written by strangers: of any shape."""
    given = overview.details.get("widgetData")
    found = list[tuple[str, dict[str, str]]]()
    for example in given[:_EXAMPLES_MAX] if isinstance(given, list) else []:
        if not isinstance(example, dict):
            continue
        values = {field.name: _written(example.get(field.name), field.kind) for field in fields}
        if values[fields[0].name]:
            title = example.get("example_title")
            found.append((title if isinstance(title, str) and title else values[fields[0].name][:60], values))
    return found


def _written(value: object, kind: str) -> str:
    if isinstance(value, list):
        joint = ", " if kind == "names" else "\n"
        value = joint.join(item for item in value if isinstance(item, str))
    return value[:_CHARACTERS_MAX] if isinstance(value, str) else ""
