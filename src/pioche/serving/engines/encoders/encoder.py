"""A network that reads texts, and its tokenizer."""

import functools
import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

from pioche.errors import EngineFailed

Array = NDArray[np.float32]
Outputs = dict[str, Array]
"""What the network says of one text, by the names of its outputs. Texts of a batch are padded: rows may follow its own."""
Json = dict[str, Any]
Columns = dict[str, NDArray[np.int64]]
"""A row for each text: `input_ids`, `attention_mask`, `token_type_ids`."""

_TOKENS_MAX = 512
_BATCH_TEXTS = 32
_BATCH_TOKENS = 8192
_NO_LIMIT = 10**6
"""Tokenizers that know no limit say a number like 10**30."""


@dataclass(frozen=True, slots=True)
class EncoderWork:
    """`finish` makes the answer from the outputs of each sequence."""

    sequences: list[Encoding]
    finish: Callable[[list[Outputs]], object]

    @property
    def size(self) -> int:
        return len(self.sequences)


class Network(Protocol):
    """What has the weights."""

    @property
    def inputs(self) -> Collection[str]:
        """The columns that it takes."""
        ...

    def run(self, columns: Columns) -> Outputs:
        """By the names of outputs, with a row for each text. Raises EngineFailed."""
        ...

    def close(self) -> None: ...


class Encoder:
    """`config` is the repo's config.json; `folder` its snapshot."""

    def __init__(self, folder: Path, network: Callable[[], Network]) -> None:
        self.folder = folder
        self.config = read_json(folder / "config.json")
        self._tokenizer_config = read_json(folder / "tokenizer_config.json")
        self.tokenizer = self._load_tokenizer()
        self._network = network()
        self._pad_id = int(self.config.get("pad_token_id") or 0)

    @property
    def tokens_max(self) -> int:
        """The longest text that the network was trained for, in tokens."""
        stated = int(self._tokenizer_config.get("model_max_length") or _NO_LIMIT)
        positions = int(self.config.get("max_position_embeddings") or _TOKENS_MAX)
        # Positions of RoBERTa and its kin begin after the padding's.
        offset = 2 if "roberta" in str(self.config.get("model_type")) else 0
        return min(stated, positions - offset) if stated < _NO_LIMIT else positions - offset

    @property
    def labels(self) -> list[str]:
        """By class. Empty when the configuration names none."""
        named = self.config.get("id2label") or {}
        return [named[number] for number in sorted(named, key=int)]

    @functools.cached_property
    def whole_tokenizer(self) -> Tokenizer:
        """Cuts nothing off."""
        tokenizer = Tokenizer.from_str(self.tokenizer.to_str())
        tokenizer.no_truncation()
        return tokenizer

    def encode(self, text: str, pair: str | None = None) -> Encoding:
        """Cut off where the network ends."""
        return self.tokenizer.encode(text, pair)

    def special_token(self, name: str) -> str | None:
        """Such as `mask_token`, from the tokenizer's configuration."""
        value = self._tokenizer_config.get(name) or read_json(self.folder / "special_tokens_map.json").get(name)
        return value.get("content") if isinstance(value, dict) else value

    def run(self, sequences: Sequence[Encoding]) -> list[Outputs]:
        """In the order given. Short ones run together with short ones, so that little is padded. Raises EngineFailed."""
        found: list[Outputs] = [{} for _ in sequences]
        for batch in _batches([len(sequence) for sequence in sequences]):
            for place, outputs in zip(batch, self._run([sequences[place] for place in batch]), strict=True):
                found[place] = outputs
        return found

    def close(self) -> None:
        self._network.close()

    def _load_tokenizer(self) -> Tokenizer:
        try:
            tokenizer = Tokenizer.from_file(str(self.folder / "tokenizer.json"))
        except Exception as error:  # noqa: BLE001  # what its Rust code raises has no other type
            raise EngineFailed(f"tokenizer.json cannot be read: {error}") from None
        tokenizer.no_padding()
        tokenizer.enable_truncation(self.tokens_max)
        return tokenizer

    def _run(self, sequences: Sequence[Encoding]) -> list[Outputs]:
        outputs = self._network.run(self._padded(sequences))
        return [dict(zip(outputs, row, strict=True)) for row in zip(*outputs.values(), strict=True)]

    def _padded(self, sequences: Sequence[Encoding]) -> Columns:
        shape = len(sequences), max(len(sequence) for sequence in sequences)
        columns = {
            "input_ids": np.full(shape, self._pad_id, np.int64),
            "attention_mask": np.zeros(shape, np.int64),
            "token_type_ids": np.zeros(shape, np.int64),
        }
        for row, sequence in enumerate(sequences):
            length = len(sequence)
            columns["input_ids"][row, :length] = sequence.ids
            columns["attention_mask"][row, :length] = 1
            columns["token_type_ids"][row, :length] = sequence.type_ids
        return {name: column for name, column in columns.items() if name in self._network.inputs}


def read_json(path: Path) -> Json:
    """Empty when there is no such file. Raises EngineFailed."""
    try:
        found = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (ValueError, RecursionError) as error:
        raise EngineFailed(f"{path.name} cannot be read: {error}") from None
    if not isinstance(found, dict):
        raise EngineFailed(f"{path.name} is not an object")
    return found


def softmax(logits: Array) -> Array:
    """Over the last axis."""
    grown = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(grown / grown.sum(axis=-1, keepdims=True), np.float32)


def _batches(lengths: list[int]) -> list[list[int]]:
    """Places in `lengths`, the short ones first: at most so many texts, and so many tokens with padding, together."""
    batches: list[list[int]] = []
    for place in sorted(range(len(lengths)), key=lengths.__getitem__):
        count = len(batches[-1]) + 1 if batches else 0
        if batches and count <= _BATCH_TEXTS and count * lengths[place] <= _BATCH_TOKENS:
            batches[-1].append(place)
        else:
            batches.append([place])
    return batches
