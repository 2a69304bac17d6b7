"""What a model's files say of its weights, in a shape for pages: parameters by type, GGUF files by precision."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from pioche.repos.info import Sibling
from pioche.repos.overviews import Overview

_NAMED = re.compile(
    r"(?:^|[-_.])(i?q(\d)(?:_[a-z0-9]+)*|tq(\d)_\d|mxfp(4)|nvfp(4)|[bf]f?(16)|f(32)|fp(8|16|32))(?=[-_.]|$)", re.I
)
_SHARD = re.compile(r"-\d{5}-of-\d{5}(?=\.gguf$)")


@dataclass(frozen=True, slots=True)
class Weights:
    """`types` are (tensor type, how many parameters), the most first; `total` is None when nobody knows."""

    total: int | None
    types: list[tuple[str, int]]
    format: str
    architecture: str
    context: int | None


class Precision(NamedTuple):
    """One GGUF model of a repo, all its shards together: `path` is the first."""

    name: str
    bits: int
    path: str
    size: int
    shards: int


def weights(model: Overview) -> Weights | None:
    """None for a repo without a header that could be read."""
    safe, gguf = model.details.get("safetensors"), model.details.get("gguf")
    source = safe if isinstance(safe, dict) else gguf if isinstance(gguf, dict) else None
    if source is None and model.parameters is None:
        return None
    counts = source.get("parameters") if source else None
    types = [(str(k), v) for k, v in counts.items() if isinstance(v, int)] if isinstance(counts, dict) else []
    known = gguf if isinstance(gguf, dict) else {}
    context = model.details.get("context")
    return Weights(
        model.parameters,
        sorted(types, key=lambda item: -item[1]),
        "Safetensors" if isinstance(safe, dict) else "GGUF" if isinstance(gguf, dict) else "",
        _architecture(model, known.get("architecture")),
        context if isinstance(context, int) else None,
    )


def _architecture(model: Overview, in_gguf: object) -> str:
    config = model.details.get("config")
    named = config.get("architectures") if isinstance(config, dict) else None
    if isinstance(named, list) and named and isinstance(named[0], str):
        return named[0][:80]
    return in_gguf[:80] if isinstance(in_gguf, str) else ""


def precisions(siblings: Iterable[Sibling]) -> list[Precision]:
    """By their names, the fewest bits first; files whose name says nothing come last."""
    groups: dict[str, list[Sibling]] = {}
    for sibling in siblings:
        path = sibling[0]
        if path.lower().endswith(".gguf") and "mmproj" not in path.lower():
            groups.setdefault(_SHARD.sub("", path), []).append(sibling)
    found = [_precision(group) for group in groups.values()]
    return sorted(found, key=lambda item: (item.bits or 99, item.size))


def _precision(group: list[Sibling]) -> Precision:
    first = min(group, key=lambda sibling: str(sibling[0]))
    match = _NAMED.search(str(first[0]).rpartition("/")[2].removesuffix(".gguf"))
    bits = next((int(part) for part in match.groups()[1:] if part), 0) if match else 0
    name = match[1].upper() if match else str(first[0]).rpartition("/")[2]
    return Precision(name, bits, str(first[0]), sum(int(sibling[1]) for sibling in group), len(group))


def template(model: Overview) -> str:
    """The chat template of the tokenizer or the GGUF file; empty without one."""
    config = model.details.get("config")
    tokenizer = config.get("tokenizer_config") if isinstance(config, dict) else None
    gguf = model.details.get("gguf")
    for holder in (tokenizer, gguf):
        found = holder.get("chat_template") if isinstance(holder, dict) else None
        if isinstance(found, str):
            return found
        if isinstance(found, list):  # several, by name
            templates: list[object] = [item.get("template") for item in found if isinstance(item, dict)]
            return next((text for text in templates if isinstance(text, str)), "")
    return ""


def special_tokens(model: Overview) -> list[tuple[str, str]]:
    """(name, token) of the tokenizer: `bos_token` and such."""
    config = model.details.get("config")
    tokenizer = config.get("tokenizer_config") if isinstance(config, dict) else None
    if not isinstance(tokenizer, dict):
        return []
    found = ((name, token.get("content") if isinstance(token, dict) else token) for name, token in tokenizer.items())
    return [(name, token) for name, token in found if name.endswith("_token") and isinstance(token, str)]
