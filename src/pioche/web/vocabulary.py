"""What ids are called: tasks, languages, licences, libraries, sizes ... in the language of the reader. Ids stay in addresses."""

from typing import Final

from pioche.i18n import formats
from pioche.i18n.texts import gettext
from pioche.i18n.texts import lazy as _
from pioche.search import tasks

TASKS: Final = {
    "any-to-any": _("Any to any"),
    "audio-classification": _("Audio classification"),
    "audio-text-to-text": _("Audio and text to text"),
    "audio-to-audio": _("Audio to audio"),
    "automatic-speech-recognition": _("Speech recognition"),
    "depth-estimation": _("Depth estimation"),
    "document-question-answering": _("Questions about documents"),
    "feature-extraction": _("Feature extraction"),
    "fill-mask": _("Fill-mask"),
    "graph-ml": _("Graph learning"),
    "image-classification": _("Image classification"),
    "image-feature-extraction": _("Image feature extraction"),
    "image-segmentation": _("Image segmentation"),
    "image-text-to-image": _("Image and text to image"),
    "image-text-to-text": _("Image and text to text"),
    "image-text-to-video": _("Image and text to video"),
    "image-to-3d": _("Image to 3D"),
    "image-to-image": _("Image to image"),
    "image-to-text": _("Image to text"),
    "image-to-video": _("Image to video"),
    "keypoint-detection": _("Keypoint detection"),
    "mask-generation": _("Mask generation"),
    "multiple-choice": _("Multiple choice"),
    "object-detection": _("Object detection"),
    "other": _("Other"),
    "question-answering": _("Question answering"),
    "reinforcement-learning": _("Reinforcement learning"),
    "robotics": _("Robotics"),
    "sentence-similarity": _("Sentence similarity"),
    "summarization": _("Summarization"),
    "table-question-answering": _("Questions about tables"),
    "table-to-text": _("Table to text"),
    "tabular-classification": _("Tabular classification"),
    "tabular-regression": _("Tabular regression"),
    "tabular-to-text": _("Tabular to text"),
    "text-classification": _("Text classification"),
    "text-generation": _("Text generation"),
    "text-ranking": _("Text ranking"),
    "text-retrieval": _("Text retrieval"),
    "text-to-3d": _("Text to 3D"),
    "text-to-audio": _("Text to audio"),
    "text-to-image": _("Text to image"),
    "text-to-speech": _("Text to speech"),
    "text-to-video": _("Text to video"),
    "text2text-generation": _("Text to text"),
    "time-series-forecasting": _("Time series forecasting"),
    "token-classification": _("Token classification"),
    "translation": _("Translation"),
    "unconditional-image-generation": _("Unconditional image generation"),
    "video-classification": _("Video classification"),
    "video-text-to-text": _("Video and text to text"),
    "video-to-video": _("Video to video"),
    "visual-document-retrieval": _("Visual document retrieval"),
    "visual-question-answering": _("Questions about images"),
    "voice-activity-detection": _("Voice activity detection"),
    "zero-shot-classification": _("Zero-shot classification"),
    "zero-shot-image-classification": _("Zero-shot image classification"),
    "zero-shot-object-detection": _("Zero-shot object detection"),
}

_MODALITIES: Final = {
    "3d": _("3D"),
    "audio": _("Audio"),
    "document": _("Documents"),
    "geospatial": _("Geospatial"),
    "image": _("Images"),
    "tabular": _("Tables"),
    "text": _("Text"),
    "timeseries": _("Time series"),
    "video": _("Video"),
}

_LICENSES: Final = {
    "afl-3.0": "AFL 3.0", "agpl-3.0": "AGPL 3.0", "apache-2.0": "Apache 2.0", "artistic-2.0": "Artistic 2.0",
    "bigscience-openrail-m": "BigScience OpenRAIL-M", "bsd": "BSD", "bsd-2-clause": "BSD 2-Clause",
    "bsd-3-clause": "BSD 3-Clause", "bsl-1.0": "BSL 1.0", "cc": "Creative Commons", "cc-by-2.0": "CC BY 2.0",
    "cc-by-3.0": "CC BY 3.0", "cc-by-4.0": "CC BY 4.0", "cc-by-nc-2.0": "CC BY-NC 2.0", "cc-by-nc-4.0": "CC BY-NC 4.0",
    "cc-by-nc-nd-4.0": "CC BY-NC-ND 4.0", "cc-by-nc-sa-4.0": "CC BY-NC-SA 4.0", "cc-by-nd-4.0": "CC BY-ND 4.0",
    "cc-by-sa-3.0": "CC BY-SA 3.0", "cc-by-sa-4.0": "CC BY-SA 4.0", "cc0-1.0": "CC0 1.0", "cdla-permissive-2.0":
    "CDLA Permissive 2.0", "creativeml-openrail-m": "CreativeML OpenRAIL-M", "ecl-2.0": "ECL 2.0", "etalab-2.0": "Etalab 2.0",
    "eupl-1.1": "EUPL 1.1", "eupl-1.2": "EUPL 1.2", "gemma": "Gemma", "gpl": "GPL", "gpl-2.0": "GPL 2.0", "gpl-3.0":
    "GPL 3.0", "isc": "ISC", "lgpl": "LGPL", "lgpl-2.1": "LGPL 2.1", "lgpl-3.0": "LGPL 3.0", "llama2": "Llama 2",
    "llama3": "Llama 3", "llama3.1": "Llama 3.1", "llama3.2": "Llama 3.2", "llama3.3": "Llama 3.3", "mit": "MIT",
    "mpl-2.0": "MPL 2.0", "odbl": "ODbL", "odc-by": "ODC-By", "ofl-1.1": "OFL 1.1", "openrail": "OpenRAIL",
    "pddl": "PDDL", "postgresql": "PostgreSQL", "unlicense": "Unlicense", "wtfpl": "WTFPL", "zlib": "Zlib",
}  # fmt: skip

LICENSE_IDS: Final = (*_LICENSES, "other")


def name_of(facet: str, id_: str) -> str:
    """What people read for a tag of a facet (`search.facets`), without the facet's prefix; the id where nobody knows more."""
    match facet:
        case "pipeline_tag" | "task_categories":
            return task(id_)
        case "library":
            return library(id_)
        case "language":
            return formats.language_name(id_) or id_
        case "license":
            return license_name(id_)
        case "modality":
            return gettext(_MODALITIES[id_]) if id_ in _MODALITIES else id_
        case "sdk":
            return {"gradio": "Gradio", "docker": "Docker", "streamlit": "Streamlit"}.get(id_, id_)
    return id_


def task(id_: str) -> str:
    return gettext(TASKS[id_]) if id_ in TASKS else id_.replace("-", " ").capitalize()


def library(id_: str) -> str:
    found = tasks.table()["libraries"].get(id_)
    return str(found["label"]) if found else id_


def license_name(id_: str) -> str:
    return gettext(_("Other")) if id_ == "other" else _LICENSES.get(id_, id_)
