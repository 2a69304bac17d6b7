"""A look into a file by a worker: what bombs cost, and that the hub's own process parses nothing."""

import contextlib
import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from pioche.errors import EntryNotFound
from pioche.render.renderer import Renderer
from pioche.repos.preview import columns, looking
from pioche.repos.preview.kinds import Kind
from pioche.repos.preview.looking import Look, Seen
from pioche.repos.preview.spans import Unreadable, of_bytes
from tests.binary_files import onnx, parquet


@pytest.fixture(scope="module")
def renderer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Renderer]:
    folder: Path = tmp_path_factory.mktemp("look")
    made = Renderer(folder, cache_bytes_max=2**24, workers=1, parser=looking.PARSES)
    yield made
    made.close()


def look(renderer: Renderer, kind: Kind, name: str, data: bytes, member: str | None = None) -> Seen:
    return looking.look(renderer, f"{name}-{hash(data)}", of_bytes(data), Look(kind, name, len(data), member))


def test_each_kind_is_looked_into_by_a_worker(renderer: Renderer) -> None:
    graph = look(renderer, Kind.GRAPH, "m.onnx", onnx()).graph
    assert graph is not None
    assert graph.nodes == 3
    table = look(renderer, Kind.PARQUET, "t.parquet", parquet({"n": [7]})).columns
    assert table is not None
    assert table.rows == [["7"]]
    config = look(
        renderer, Kind.JSON, "config.json", b'{"a": {"b": 1}, "added_tokens_decoder": {"0": {"content": "<s>"}}}'
    )
    assert config.document is not None
    assert config.document.rows == [("a.b", "1")]
    assert [token.text for token in config.document.tokens] == ["<s>"]
    pdf = look(renderer, Kind.PDF, "a.pdf", b"%PDF-1.7\n1 0 obj <</Type /Pages /Count 3>> /S /J#61vaScript").pdf
    assert pdf is not None
    assert (pdf.version, pdf.pages, pdf.has_scripts) == ("1.7", 3, True)


def test_a_tokenizer_in_words(renderer: Renderer) -> None:
    parts = {
        "model": {"type": "BPE", "vocab": {"a": 0, "b": 1}, "merges": ["a b"]},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "Split"}, {"type": "ByteLevel"}]},
        "added_tokens": [{"id": 2, "content": "<|end|>", "special": True}],
    }
    found = look(renderer, Kind.JSON, "tokenizer.json", json.dumps(parts).encode()).document
    assert found is not None
    assert dict(found.rows) | {"vocab": "2", "merges": "1", "pre_tokenizer": "Split → ByteLevel"} == dict(found.rows)
    assert (found.tokens[0].id, found.tokens[0].is_special) == (2, True)


def test_what_lies_is_unreadable_and_an_absent_member_is_absent(renderer: Renderer) -> None:
    for kind, name in ((Kind.GRAPH, "m.onnx"), (Kind.PARQUET, "t.parquet"), (Kind.PDF, "a.pdf"), (Kind.JSON, "config.json"),
                       (Kind.SAFETENSORS, "a.safetensors"), (Kind.ARCHIVE, "a.zip")):  # fmt: skip
        with pytest.raises(Unreadable):
            look(renderer, kind, name, b"\xff" * 400)
    with pytest.raises(Unreadable):
        look(renderer, Kind.JSON, "config.json", b"[" * 200_000)
    with pytest.raises(EntryNotFound):
        look(renderer, Kind.ARCHIVE, "a.tar", b"\0" * 10_240, "absent")


def test_d_fmt_a_bomb_costs_one_worker_once_and_no_memory_here(renderer: Renderer) -> None:
    """Eleven million lists in as many bytes of JSON, twice, are more than the worker may hold."""
    bomb = b'{"a": [' + (b"[" * 50 + b"]" * 50 + b",") * 220_000 + b"0]}"
    before = renderer.worker_ids()
    with pytest.raises(Unreadable, match="more time or memory"):
        looking.look(renderer, "bomb", of_bytes(bomb, bytes_max=2**26), Look(Kind.JSON, "tokenizer.json", len(bomb)))
    reads = list[int]()

    def load(start: int, end: int) -> bytes:
        reads.append(end)
        return bomb[start:end]

    again = of_bytes(bomb, bytes_max=2**26)
    again._fetch = load
    with pytest.raises(Unreadable):
        looking.look(renderer, "bomb", again, Look(Kind.JSON, "tokenizer.json", len(bomb)))
    assert reads == [], "it was tried once"
    assert len(renderer.worker_ids()) <= len(before) + 1
    assert look(renderer, Kind.PARQUET, "u.parquet", parquet({"n": [8]})).columns is not None


def test_flipped_bits_of_a_table_cost_a_worker_at_most(renderer: Renderer) -> None:
    whole, chance = parquet({"n": [1, -2, None], "t": ["é", "<b>", ""]}), random.Random(7)
    for _ in range(60):
        data = bytearray(whole)
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        with contextlib.suppress(Unreadable):
            seen = look(renderer, Kind.PARQUET, "t.parquet", bytes(data))
            assert seen.columns is not None
            assert len(seen.columns.rows) <= columns.ROWS_SHOWN
    assert look(renderer, Kind.PARQUET, "t.parquet", whole).columns is not None
