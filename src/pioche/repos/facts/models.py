"""What a model's files say that its card need not: library, task, precision, base models, parameters."""

import re
from collections import Counter
from typing import Any

from pioche.repos.cards import texts
from pioche.repos.facts import architectures, vocabulary
from pioche.repos.facts.architectures import Architecture
from pioche.repos.facts.observation import Observed, Seen

Json = dict[str, Any]

# Kinds of files that stand for a library, where neither the card's field nor its tags name one. That there is a
# config.json of transformers does not: the Hub stopped guessing so (ui.md section 2.1). It is suggested instead.
_BY_KIND = {
    "sentence-transformers": "sentence-transformers", "open_clip": "open_clip", "nemo": "nemo", "coreml": "coreml",
    "keras": "keras", "paddlepaddle": "paddlenlp", "executorch": "executorch", "litert-lm": "litert-lm",
}  # fmt: skip
LIBRARIES = frozenset(
    """adapter-transformers allennlp asteroid bertopic coreml diffusers doctr espnet executorch fairseq fastai fasttext
    flair gliner keras keras-hub k2 litert litert-lm mlx mlx-image ml-agents nemo onnx open_clip openvino paddlenlp
    paddleocr peft pyannote-audio pythae sample-factory sb3 setfit sentence-transformers sklearn spacy span-marker
    speechbrain stable-baselines3 stanza tensorflowtts timesfm timm transformers transformers.js ultralytics unity-sentis
    vfi-mamba vllm""".split()
)
FRAMEWORKS = (
    "pytorch", "tf", "jax", "tflite", "rust", "coreml", "onnx", "openvino", "safetensors", "tensorboard", "gguf", "keras",
    "joblib", "skops", "paddlepaddle", "executorch",
)  # fmt: skip
"""Kinds of files that are tags by themselves, in the Hub's order."""
SAFE = frozenset(("safetensors", "gguf", "onnx", "tflite", "openvino", "coreml", "executorch", "litert-lm", "jax"))
UNSAFE = frozenset(("pytorch", "pickled", "joblib", "tf", "keras"))

_BITS = {"bitsandbytes": 8, "awq": 4, "gptq": 4, "aqlm": 2, "fp8": 8, "mxfp4": 4, "fbgemm_fp8": 8, "bitnet": 2}
_SHARD = re.compile(r"-\d{5}-of-\d{5}\.gguf\Z")
_PEFT_TASKS = {
    "CAUSAL_LM": "text-generation", "SEQ_CLS": "text-classification", "TOKEN_CLS": "token-classification",
    "QUESTION_ANS": "question-answering", "FEATURE_EXTRACTION": "feature-extraction", "SEQ_2_SEQ_LM": "text2text-generation",
}  # fmt: skip
_OTHERS_TASK = {
    "sentence-transformers": "sentence-similarity", "timm": "image-classification", "spacy": "token-classification",
    "open_clip": "zero-shot-image-classification", "setfit": "text-classification", "span-marker": "token-classification",
    "flair": "token-classification", "stanza": "token-classification", "bertopic": "text-classification",
}  # fmt: skip


def library(seen: Observed) -> str | None:
    """Declared, else the first tag that is a library's name, else what only one library writes."""
    for declared in texts(seen.card, "library_name"):
        return declared
    for tag in texts(seen.card, "tags"):
        if tag in LIBRARIES:
            return tag
    if "_diffusers_version" in seen.documents.get("model_index.json", {}):
        return "diffusers"
    if "peft_type" in seen.documents.get("adapter_config.json", {}):
        return "peft"
    return next((name for kind, name in _BY_KIND.items() if kind in seen.files), None)


def suggested_library(seen: Observed) -> str | None:
    """What the files speak for, where nothing that counts names a library."""
    config = seen.documents.get("config.json", {})
    if "transformers_version" in config or (config.get("architectures") and config.get("model_type")):
        return "transformers"
    return None


def architecture(seen: Observed) -> Architecture | None:
    """By the first class that `config.json` names."""
    config = seen.documents.get("config.json", {})
    names = config.get("architectures") or []
    return architectures.find(names[0], config.get("model_type", "")) if names else None


def task(seen: Observed, library_name: str | None) -> str | None:
    """Declared, else of the architecture, else the first tag that is a task, else what the library is mostly for."""
    for declared in texts(seen.card, "pipeline_tag"):
        return declared
    if library_name == "diffusers":
        return architectures.of_diffusers(seen.documents.get("model_index.json", {}).get("_class_name", ""))
    if library_name in _OTHERS_TASK:
        return _OTHERS_TASK[library_name]
    found = architecture(seen)
    if found is not None:
        return found.task
    adapter = seen.documents.get("adapter_config.json", {})
    if adapter.get("task_type") in _PEFT_TASKS:
        return _PEFT_TASKS[adapter["task_type"]]
    return next((tag for tag in texts(seen.card, "tags") if tag in vocabulary.TASKS and tag != "other"), None)


def base_models(seen: Observed) -> list[str]:
    """Declared, else what the adapter's configuration names, when that is a repo's id."""
    declared = texts(seen.card, "base_model")
    if declared:
        return list(dict.fromkeys(declared))
    named = seen.documents.get("adapter_config.json", {}).get("base_model_name_or_path", "")
    return [named] if re.fullmatch(r"[A-Za-z0-9_.-]{1,96}/[A-Za-z0-9_.-]{1,96}", named) else []


def relation(seen: Observed) -> str | None:
    """Declared, else inferred as the Hub does: an adapter's files, a quantisation, several bases, else finetune."""
    declared = texts(seen.card, "base_model_relation")
    if declared and declared[0] in vocabulary.RELATIONS:
        return declared[0]
    bases = base_models(seen)
    if not bases:
        return None
    tags = {tag.lower() for tag in texts(seen.card, "tags")}
    if "adapter_config.json" in seen.documents or library(seen) == "peft" or tags & {"lora", "peft", "adapter"}:
        return "adapter"
    if quantization(seen) or "gguf" in seen.files:
        return "quantized"
    return "merge" if len(bases) > 1 or tags & {"merge", "mergekit"} else "finetune"


def quantization(seen: Observed) -> Json:
    """`{"quant_method", "bits"}` of `config.json`, as far as they are there."""
    found: Json = seen.documents.get("config.json", {}).get("quantization_config") or {}
    method = found.get("quant_method") or ("bitsandbytes" if "load_in_4bit" in found or "load_in_8bit" in found else "")
    bits = found.get("bits") or (4 if found.get("load_in_4bit") else _BITS.get(method))
    values = {"quant_method": method, "bits": bits}
    return {name: value for name, value in values.items() if value}


def mask_token(seen: Observed) -> str | None:
    """Declared in the card, else the tokenizer's."""
    for declared in texts(seen.card, "mask_token"):
        return declared
    found = seen.documents.get("tokenizer_config.json", {}).get("mask_token")
    return found if isinstance(found, str) else None


def chats(seen: Observed) -> bool:
    """Whether it has a template for conversations."""
    template = seen.documents.get("tokenizer_config.json", {}).get("chat_template")
    in_gguf = any("chat_template" in header.info for header in seen.headers.values())
    return bool(template) or "chat-template" in seen.files or in_gguf


def config(seen: Observed) -> Json:
    """`config` on the wire: who made what, and the tokenizer's template and special tokens."""
    found: Json = {}
    main = seen.documents.get("config.json")
    if main is not None:
        found |= {name: main[name] for name in ("architectures", "model_type", "quantization_config") if name in main}
        found["tokenizer_config"] = _without(seen.documents.get("tokenizer_config.json", {}), "tokenizer_class")
    if (adapter := seen.documents.get("adapter_config.json")) is not None:
        found["peft"] = {name: adapter[name] for name in ("base_model_name_or_path", "task_type") if name in adapter}
    if (index := seen.documents.get("model_index.json")) is not None:
        found["diffusers"] = {name: index[name] for name in ("_class_name",) if name in index}
    return found


def _without(values: Json, *names: str) -> Json:
    return {name: value for name, value in values.items() if name not in (*names, "error")}


def transformers_info(seen: Observed, library_name: str | None) -> Json | None:
    """`transformersInfo` on the wire; None for a model that is not of transformers."""
    found = architecture(seen)
    if library_name != "transformers" or found is None:
        return None
    info: Json = {"auto_model": found.auto_model, "pipeline_tag": found.task}
    if "tokenizer" in seen.files or found.processor != "AutoTokenizer":
        info["processor"] = found.processor
    if seen.documents.get("config.json", {}).get("auto_map"):
        info["custom_class"] = seen.documents["config.json"]["architectures"][0]
    return {name: value for name, value in info.items() if value is not None}


# --- weights --------------------------------------------------------------------------------------------------------


def safetensors(seen: Observed) -> Json | None:
    """`{"parameters": {dtype: n}, "total": n}` over the files of one set: all at the root, or all of a pipeline's parts."""
    found = Counter[str]()
    for _, header in _chosen(seen):
        found.update(header.parameters)
    return {"parameters": dict(found), "total": sum(found.values())} if found else None


def _chosen(seen: Observed) -> list[tuple[str, Seen]]:
    """The files that make up the model once: other precisions and other formats lie beside it, or in other folders."""
    read = [(p, h) for p, h in seen.headers.items() if p.endswith(".safetensors") and not h.error]
    if "model_index.json" in seen.documents:
        return [(path, header) for path, header in read if path.count("/") == 1 and not _is_variant(path)]
    root = [(path, header) for path, header in read if "/" not in path]
    whole = [(path, header) for path, header in root if not _is_variant(path)] or root
    shards = [(path, header) for path, header in whole if re.search(r"-\d{5}-of-\d{5}\.", path)]
    named = [(path, header) for path, header in whole if path in ("model.safetensors", "adapter_model.safetensors")]
    # Where there are both, the shards and the one file hold the same; several other files may be different models.
    return shards or named[:1] or whole[:1]


def _is_variant(path: str) -> bool:
    name = path.rpartition("/")[2]
    return any(f".{variant}" in name for variant in ("fp16", "fp32", "bf16", "non_ema", "int8"))


def gguf(seen: Observed) -> Json | None:
    """`gguf` on the wire: of the first set of files that is a language model, with all its shards."""
    sets: dict[str, list[Seen]] = {}
    for path, header in sorted(seen.headers.items()):
        if path.endswith(".gguf") and not header.error:
            sets.setdefault(_SHARD.sub("", path), []).append(header)
    ranked = sorted(sets.values(), key=lambda headers: headers[0].info.get("architecture") in (None, "clip"))
    if not ranked:
        return None
    total = sum(sum(header.parameters.values()) for header in ranked[0])
    return {"total": total, **_without(ranked[0][0].info, "metadata")}


def has_imatrix(seen: Observed) -> bool:
    return any("quantize_imatrix_file" in header.info for header in seen.headers.values())


def parameters(seen: Observed) -> int | None:
    """How many there are in all, when a header says it."""
    found = safetensors(seen) or gguf(seen)
    return min(int(found["total"]), 2**62) if found and found["total"] else None
