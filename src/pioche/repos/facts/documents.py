"""The small JSON files that facts come from: of each only the fields that are told, checked one by one."""

from collections.abc import Callable
from typing import Any

import msgspec

Json = dict[str, Any]

_BYTES_MAX = 16 * 2**20
_TEXT_MAX = 64 * 1024
_LIST_MAX = 100
_POINTER = b"version https://git-lfs.github.com/spec/"

ERROR = "error"
"""The key under which a document that cannot be read says why."""


def read(path: str, data: bytes) -> Json:
    """The fields of the document at `path` that are of use; `{"error": ...}` when it cannot be read."""
    if data.startswith(_POINTER) and len(data) < 1024:
        return {}
    if len(data) > _BYTES_MAX:
        return {ERROR: f"{path} is larger than {_BYTES_MAX} bytes and was not read"}
    try:
        parts = msgspec.json.decode(data, type=dict[str, msgspec.Raw])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return {ERROR: f"{path} is not a JSON object"}
    found = {name: _field(parts, name, check) for name, check in _FIELDS[path].items()}
    return {name: value for name, value in found.items() if value is not None}


def _field(parts: dict[str, msgspec.Raw], name: str, check: "Callable[[object], object]") -> object:
    raw = parts.get(name)
    if raw is None or len(bytes(raw)) > 4 * _TEXT_MAX:
        return None
    try:
        return check(msgspec.json.decode(raw))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def _text(value: object) -> object:
    return value[:_TEXT_MAX] if isinstance(value, str) else None


def _number(value: object) -> object:
    return value if type(value) is int and 0 <= value < 2**53 else None


def _texts(value: object) -> object:
    if not isinstance(value, list):
        return None
    return [item[:200] for item in value[:_LIST_MAX] if isinstance(item, str)]


def _present(value: object) -> object:
    return True if value else None


def _token(value: object) -> object:
    """A special token is written as a text, or as an object with the text as `content`."""
    return _text(value.get("content") if isinstance(value, dict) else value)


def _template(value: object) -> object:
    """A chat template, or several with names: then the one called `default`, else the first."""
    if not isinstance(value, list):
        return _text(value)
    named = [item for item in value if isinstance(item, dict)]
    chosen = next((item for item in named if item.get("name") == "default"), named[0] if named else {})
    return _text(chosen.get("template"))


def _quantization(value: object) -> object:
    if not isinstance(value, dict):
        return None
    found: Json = {}
    method = value.get("quant_method")
    if isinstance(method, str):
        found["quant_method"] = method[:64]
    for name in ("bits", "load_in_4bit", "load_in_8bit"):
        if type(number := value.get(name)) in (int, bool):
            found[name] = number
    return found


_CONFIG: dict[str, "Callable[[object], object]"] = {
    "architectures": _texts,
    "model_type": _text,
    "quantization_config": _quantization,
    "auto_map": _present,
    "library_name": _text,
    "transformers_version": _text,
    "torch_dtype": _text,
    "dtype": _text,
    "max_position_embeddings": _number,
    "hidden_size": _number,
    "num_hidden_layers": _number,
    "num_attention_heads": _number,
    "num_key_value_heads": _number,
    "vocab_size": _number,
}
_FIELDS: dict[str, dict[str, "Callable[[object], object]"]] = {
    "config.json": _CONFIG,
    "adapter_config.json": {"base_model_name_or_path": _text, "task_type": _text, "peft_type": _text},
    "model_index.json": {"_class_name": _text, "_diffusers_version": _text},
    "tokenizer_config.json": {
        "chat_template": _template,
        "bos_token": _token,
        "eos_token": _token,
        "unk_token": _token,
        "pad_token": _token,
        "mask_token": _token,
        "tokenizer_class": _text,
    },
}
PATHS = frozenset(_FIELDS)
