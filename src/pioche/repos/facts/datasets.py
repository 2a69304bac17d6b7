"""What a dataset's files and card say: formats, modalities, size, the libraries that read it."""

from typing import Any

from pioche.repos.cards import texts
from pioche.repos.facts import vocabulary
from pioche.repos.facts.observation import Observed

Json = dict[str, Any]

_FORMATS = (
    "parquet", "arrow", "webdataset", "lance", "csv", "json", "text", "xml", "hdf5", "geojson", "geopackage",
    "imagefolder", "audiofolder", "videofolder", "pdffolder", "3dfolder", "niftifolder",
)  # fmt: skip
_SHARE_MIN = 0.1
_ROWS_MAX = 2**53
_FOLDERS = {
    "imagefolder": "image", "audiofolder": "audio", "videofolder": "video", "pdffolder": "document", "3dfolder": "3d",
    "niftifolder": "image", "geojson": "geospatial", "geopackage": "geospatial", "text": "text",
}  # fmt: skip
_FEATURES = {"Image": "image", "Audio": "audio", "Video": "video", "Pdf": "document", "Mesh": "3d", "Nifti": "image"}
_DTYPES = {
    "image": "image", "audio": "audio", "video": "video", "pdf": "document", "string": "text", "large_string": "text",
    "translation": "text",
}  # fmt: skip
_TASKS = (
    ("time-series", "time-series"), ("tabular", "tabular"), ("image", "image"), ("object-detection", "image"),
    ("depth-estimation", "image"), ("audio", "audio"), ("speech", "audio"), ("voice", "audio"), ("video", "video"),
    ("text", "text"), ("question-answering", "text"), ("summarization", "text"), ("translation", "text"),
    ("fill-mask", "text"), ("token-classification", "text"), ("sentence-similarity", "text"), ("to-3d", "3d"),
    ("document", "document"),
)  # fmt: skip
_NAMED = {
    "timeseries": "time-series", "time-series": "time-series", "geospatial": "geospatial", "tabular": "tabular",
    "image": "image", "audio": "audio", "video": "video", "text": "text", "3d": "3d", "document": "document",
}  # fmt: skip
_ORDER = ("3d", "audio", "document", "geospatial", "image", "tabular", "text", "time-series", "video")
_PANDAS = frozenset(("parquet", "csv", "json", "arrow"))
_DATASETS = _PANDAS | {
    "webdataset",
    "lance",
    "text",
    "xml",
    "hdf5",
    "imagefolder",
    "audiofolder",
    "videofolder",
    "pdffolder",
}
_LARGE = frozenset(vocabulary.SIZE_CATEGORIES[4:])
"""What pandas need not hold in memory: from ten million rows on, dask is named instead."""


def formats(seen: Observed) -> list[str]:
    """The formats that at least a tenth of the data files have; media beside tables are what the tables describe."""
    counts = {name: seen.files[name] for name in _FORMATS if name in seen.files}
    total = sum(counts.values())
    found = [name for name, count in counts.items() if count >= total * _SHARE_MIN]
    if any(name.endswith("folder") for name in found):
        return [name for name in found if name not in ("csv", "json", "text")] if len(found) > 1 else found
    return found


def modalities(seen: Observed) -> list[str]:
    """From the features that the card declares, the kinds of files, the tasks and the tags."""
    found = {_NAMED[tag.lower().removeprefix("modality:")] for tag in texts(seen.card, "tags") if _is_modality(tag)}
    found |= {_FOLDERS[name] for name in formats(seen) if name in _FOLDERS}
    for info in infos(seen):
        found |= _of_features(info.get("features"))
    for task in (*texts(seen.card, "task_categories"), *texts(seen.card, "task_ids")):
        found |= {modality for part, modality in _TASKS if part in task}
    return [name for name in _ORDER if name in found]


def _is_modality(tag: str) -> bool:
    return tag.lower().removeprefix("modality:") in _NAMED


def _of_features(features: object) -> set[str]:
    """`features` of `dataset_info`: a list of {name, dtype or nested}. Numbers alone make a table."""
    if not isinstance(features, list):
        return set()
    dtypes = [item.get("dtype") for item in features[:1000] if isinstance(item, dict)]
    named = [
        dtype if isinstance(dtype, str) else next(iter(dtype), "") for dtype in dtypes if isinstance(dtype, str | dict)
    ]
    found = {_DTYPES[name] for name in named if name in _DTYPES}
    if any(name.startswith(("int", "float", "uint", "double", "class_label")) for name in named) and len(named) > 1:
        found.add("tabular")
    return found


def infos(seen: Observed) -> list[Json]:
    """`dataset_info` of the card, which is one mapping or a list of them."""
    value = seen.card.get("dataset_info")
    items = value if isinstance(value, list) else [value]
    return [item for item in items[:1000] if isinstance(item, dict)]


def rows(seen: Observed) -> int | None:
    """How many there are by the card's `dataset_info`; None when it does not say."""
    counts = [
        split["num_examples"]
        for info in infos(seen)
        for split in _list(info.get("splits"))
        if isinstance(split, dict) and type(split.get("num_examples")) is int and split["num_examples"] >= 0
    ]
    return min(sum(counts), _ROWS_MAX) if counts else None


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def size_categories(seen: Observed) -> list[str]:
    """Declared, else by the number of rows."""
    declared = texts(seen.card, "size_categories")
    count = rows(seen)
    return declared or ([vocabulary.size_category(count)] if count is not None else [])


def libraries(seen: Observed) -> list[str]:
    """Those able to read it, by its formats."""
    found, kinds = list[str](), set(formats(seen))
    if kinds & _DATASETS:
        found.append("datasets")
    if kinds & _PANDAS:
        found.append("dask" if _LARGE & set(size_categories(seen)) else "pandas")
        found.append("polars")
    if "webdataset" in kinds:
        found.append("webdataset")
    return [*found, "mlcroissant"] if found else found


def configs(seen: Observed) -> list[str]:
    """Names of the subsets that the card declares."""
    found = [item.get("config_name", "default") for item in _list(seen.card.get("configs")) if isinstance(item, dict)]
    return [name for name in found if isinstance(name, str)]
