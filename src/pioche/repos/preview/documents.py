"""The JSON files of models that people open to look something up: a configuration, a tokenizer. What is in them, as a table.

A tokenizer has tens of thousands of entries and no reader wants them all: they are counted, and what is special is shown.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec

from pioche.repos.preview.spans import Span, Unreadable

BYTES_MAX = 24 * 2**20
_ROWS_MAX = 300
_TOKENS_MAX = 300
_TEXT_CHARACTERS_MAX = 500
_FLAT_DEPTH_MAX = 3

_NAMES = frozenset(
    "config.json generation_config.json tokenizer_config.json special_tokens_map.json preprocessor_config.json "
    "processor_config.json adapter_config.json feature_extractor_config.json model_index.json".split()
)
_TOKENIZER = "tokenizer.json"


@dataclass(frozen=True, slots=True)
class Token:
    """One that was added to the vocabulary; `is_special`: left out of what is decoded."""

    id: int
    text: str
    is_special: bool


@dataclass(slots=True)
class Document:
    """`rows` are (name, value), nested names with dots. `is_cut`: there are more."""

    rows: list[tuple[str, str]] = field(default_factory=list)
    tokens: list[Token] = field(default_factory=list)
    is_tokenizer: bool = False
    is_cut: bool = False


def is_known(name: str) -> bool:
    """Whether a file of this name has a view of its own."""
    return name in _NAMES or name == _TOKENIZER


def read(span: Span, name: str) -> Document:
    """Raises Unreadable."""
    if span.size > BYTES_MAX:
        raise Unreadable("it is larger than such a file ever is")
    try:
        found = msgspec.json.decode(span.at(0, span.size))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Unreadable(f"it is not valid JSON: {str(error)[:200]}") from None
    if not isinstance(found, dict):
        raise Unreadable("it is no JSON object")
    if name == _TOKENIZER:
        return _tokenizer(found)
    return _settings(found)


def _settings(found: dict[str, Any]) -> Document:
    tokens = list(_tokens(found.pop("added_tokens_decoder", None)))
    rows = list[tuple[str, str]]()
    for row in _flat("", found, 0):
        if len(rows) == _ROWS_MAX:
            return Document(rows, tokens, is_cut=True)
        rows.append(row)
    return Document(rows, tokens)


def _flat(prefix: str, value: dict[str, Any], depth: int) -> Iterator[tuple[str, str]]:
    for name, inner in value.items():
        path = f"{prefix}{name}"[:200]
        if isinstance(inner, dict) and inner and depth < _FLAT_DEPTH_MAX:
            if "content" in inner and inner.get("__type") in (None, "AddedToken") and isinstance(inner["content"], str):
                yield path, _shown(inner["content"])  # a token with its flags
            else:
                yield from _flat(f"{path}.", inner, depth + 1)
        else:
            yield path, _shown(inner)


def _shown(value: object) -> str:
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return text if len(text) <= _TEXT_CHARACTERS_MAX else text[:_TEXT_CHARACTERS_MAX] + "…"


def _tokens(found: object) -> Iterator[Token]:
    """`added_tokens` is a list with ids, `added_tokens_decoder` an object by id."""
    pairs: list[tuple[object, object]] = []
    if isinstance(found, dict):
        pairs = list(found.items())
    elif isinstance(found, list):
        pairs = [(one.get("id"), one) for one in found if isinstance(one, dict)]
    for number, token in pairs[:_TOKENS_MAX]:
        if isinstance(token, dict) and isinstance(token.get("content"), str):
            digits = str(number)[:12]
            yield Token(int(digits) if digits.isdecimal() else -1, _shown(token["content"]), bool(token.get("special")))


def _tokenizer(found: dict[str, Any]) -> Document:
    """The parts of https://huggingface.co/docs/tokenizers, by their type."""
    model = found.get("model")
    model = model if isinstance(model, dict) else {}
    rows = [("model", _shown(model.get("type", "?")))]
    for name in ("vocab", "merges"):
        if isinstance(model.get(name), dict | list):
            rows.append((name, str(len(model[name]))))
    rows += [(name, _shown(model[name])) for name in ("unk_token", "byte_fallback", "dropout") if model.get(name)]
    for name in ("normalizer", "pre_tokenizer", "post_processor", "decoder"):
        rows.append((name, _steps(found.get(name))))
    for name in ("truncation", "padding"):
        if found.get(name):
            rows.append((name, _shown(found[name])))
    added = found.get("added_tokens")
    tokens = list(_tokens(added))
    return Document(rows, tokens, is_tokenizer=True, is_cut=isinstance(added, list) and len(added) > len(tokens))


def _steps(part: object) -> str:
    """`Sequence` is said as what it is a sequence of."""
    if not isinstance(part, dict):
        return "—"
    kind = str(part.get("type", "?"))[:100]
    inner = next((value for value in part.values() if isinstance(value, list)), [])
    if kind != "Sequence" or not inner:
        return kind
    return " → ".join(str(one.get("type", "?"))[:100] if isinstance(one, dict) else "?" for one in inner[:20])
