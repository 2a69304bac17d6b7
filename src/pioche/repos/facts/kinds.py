"""What a file is by its name: a format of weights, a format of data, or nothing that tags tell of."""

import re

from pioche.names import RepoType

_WEIGHTS = {
    ".safetensors": "safetensors", ".gguf": "gguf", ".onnx": "onnx", ".tflite": "tflite", ".litertlm": "litert-lm",
    ".nemo": "nemo", ".mlmodel": "coreml", ".mlpackage": "coreml", ".keras": "keras", ".pdparams": "paddlepaddle",
    ".pte": "executorch", ".joblib": "joblib", ".skops": "skops", ".pt": "pickled", ".pth": "pickled", ".ckpt": "pickled",
    ".pkl": "pickled", ".pickle": "pickled", ".pt2": "pickled",
}  # fmt: skip
_DATA = {
    ".parquet": "parquet", ".csv": "csv", ".tsv": "csv", ".json": "json", ".jsonl": "json", ".ndjson": "json",
    ".arrow": "arrow", ".feather": "arrow", ".txt": "text", ".tar": "webdataset", ".lance": "lance", ".xml": "xml",
    ".pdf": "pdffolder", ".h5": "hdf5", ".hdf5": "hdf5", ".geojson": "geojson", ".gpkg": "geopackage",
    ".glb": "3dfolder", ".gltf": "3dfolder", ".obj": "3dfolder", ".stl": "3dfolder", ".ply": "3dfolder", ".usdz": "3dfolder",
    ".nii": "niftifolder", ".optimized-parquet": "parquet",
} | dict.fromkeys(
    ".jpg .jpeg .png .webp .bmp .tif .tiff .gif .jxl .avif".split(), "imagefolder"
) | dict.fromkeys(
    ".wav .mp3 .flac .ogg .opus .m4a .aac .aiff".split(), "audiofolder"
) | dict.fromkeys(
    ".mp4 .webm .mkv .mov .avi .m4v".split(), "videofolder"
)  # fmt: skip
_PACKED = (".gz", ".zst", ".bz2", ".xz", ".lz4", ".zip")
_BY_NAME = {
    "rust_model.ot": "rust", "openvino_model.xml": "openvino", "saved_model.pb": "saved-model", "modules.json": "modules",
    "config_sentence_transformers.json": "sentence-transformers", "open_clip_config.json": "open_clip",
    "preprocessor_config.json": "preprocessor", "processor_config.json": "processor", "chat_template.jinja": "chat-template",
    "sklearn_model": "sklearn", "meta.json": "json", "hyperparams.yaml": "hyperparams", "mlx_config.json": "mlx",
    "tokenizer.json": "tokenizer", "tokenizer_config.json": "tokenizer", "app.py": "app", "Dockerfile": "dockerfile",
    "index.html": "page", "eval.yaml": "benchmark", "LICENSE": "licence-text", "LICENSE.md": "licence-text",
    "LICENSE.txt": "licence-text", "COPYING": "licence-text",
}  # fmt: skip
_NO_DATA = frozenset(
    """README.md .gitattributes .gitignore dataset_infos.json dataset_info.json dataset_dict.json state.json
    requirements.txt packages.txt croissant.json special_tokens_map.json tokenizer_config.json config.json vocab.json
    vocab.txt added_tokens.json generation_config.json model.safetensors.index.json CITATION.txt NOTICE.txt""".split()
)
_PYTORCH = re.compile(r"(?:pytorch|diffusion_pytorch|adapter)_model.*\.(?:bin|pt)\Z|consolidated.*\.pth\Z")
_TENSORFLOW = re.compile(r"tf_model.*\.h5\Z")
_JAX = re.compile(r"(?:flax|diffusion_flax)_model.*\.msgpack\Z")


def of(path: str, repo_type: RepoType) -> str | None:
    """The kind of the file at `path`, which is counted; None for one that says nothing in a repo of this type."""
    folder, _, name = path.rpartition("/")
    if (known := _BY_NAME.get(name)) is not None:
        return known
    if repo_type is RepoType.SPACE or name in _NO_DATA or path.startswith("."):
        return None
    ending = "." + name.rpartition(".")[2].lower()
    return _weights(name, ending) if repo_type is RepoType.MODEL else _data(folder, name, ending)


def _weights(name: str, ending: str) -> str | None:
    if ending in (".bin", ".pt", ".pth") and _PYTORCH.match(name):
        return "pytorch"
    if ending == ".h5" and _TENSORFLOW.match(name):
        return "tf"
    if ending == ".msgpack" and _JAX.match(name):
        return "jax"
    return "tensorboard" if "tfevents" in name else _WEIGHTS.get(ending)


def _data(folder: str, name: str, ending: str) -> str | None:
    if ending in _PACKED:
        ending = "." + name[: -len(ending)].rpartition(".")[2].lower()
    return "lance" if ".lance/" in folder + "/" else _DATA.get(ending)
