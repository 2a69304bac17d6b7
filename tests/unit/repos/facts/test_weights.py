"""D-FMT: headers of safetensors and GGUF files, from strangers. What is wrong is said; what is huge is not read."""

import json
import random
import struct

import pytest

from pioche.repos.facts import gguf, safetensors
from pioche.repos.facts.ranges import Source, Unreadable
from tests.weights import Gguf, framed, llama
from tests.weights import safetensors as made


class Counted:
    """A file that counts the bytes that are read of it; `size` may be a lie."""

    def __init__(self, data: bytes, size: int | None = None) -> None:
        self.data = data
        self.size = len(data) if size is None else size
        self.read = 0

    def source(self, limit: int) -> Source:
        return Source(self.size, self._bytes, limit=limit)

    def _bytes(self, start: int, end: int) -> bytes:
        self.read += end - start
        return self.data[start:end]


def st(data: bytes, size: int | None = None) -> safetensors.Header:
    return safetensors.read(Counted(data, size).source(safetensors.BYTES_READ_MAX))


def gg(data: bytes, size: int | None = None) -> gguf.Header:
    return gguf.read(Counted(data, size).source(gguf.BYTES_READ_MAX))


# --- safetensors ----------------------------------------------------------------------------------------------------


def test_safetensors_parameters_by_type() -> None:
    data = made({"a": ("F32", [2, 3]), "b": ("BF16", [4]), "c": ("F32", []), "d": ("I64", [0, 5])}, {"format": "pt"})
    header = st(data)
    assert header.parameters() == {"F32": 7, "BF16": 4, "I64": 0}
    assert header.metadata == {"format": "pt"}
    assert header.length + 6 * 4 + 4 * 2 + 4 == len(data)


def test_only_the_header_is_read() -> None:
    file = Counted(made({"a": ("F32", [1_000_000])}))
    safetensors.read(file.source(safetensors.BYTES_READ_MAX))
    assert file.read < 200


_TWO = b'{"%s":{"dtype":"I8","shape":[1],"data_offsets":[0,1]},"%s":{"dtype":"I8","shape":[1],"data_offsets":[0,1]}}'


def _tensor(**changes: object) -> bytes:
    return json.dumps({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]} | changes}).encode()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "ends in the middle"),
        (b"\x00" * 7, "ends in the middle"),
        (b"\xff" * 8, "more than"),
        ((2**62).to_bytes(8, "little") + b"{}", "more than"),
        ((26_214_401).to_bytes(8, "little") + b"{}", "more than"),
        ((100).to_bytes(8, "little") + b"{}", "ends in the middle"),
        (framed(b""), "not what the safetensors format"),
        (framed(b"[]"), "not what the safetensors format"),
        (framed(b"{" * 100_000), "not what the safetensors format"),
        (framed(b'{"a":' + b"[" * 100_000), "not what the safetensors format"),
        (framed(b'{"a":{"dtype":"F32","shape":[' + b"9" * 5000 + b'],"data_offsets":[0,4]}}'), "not what|do not agree"),
        (framed(b'{"__metadata__": {"a": 1}}'), "not what the safetensors format"),
        (framed(b"\xff\xfe"), "not what the safetensors format"),
        (framed(_tensor(shape=[-1])) + bytes(4), "not what the safetensors format"),
        (framed(_tensor(data_offsets=[0, -4])) + bytes(4), "not what the safetensors format"),
        (framed(_tensor(shape=[2])) + bytes(4), "do not agree"),
        (framed(_tensor(shape=[2**62, 2**62])) + bytes(4), "do not agree"),
        (framed(_tensor(shape=[2**32, 2**32, 0])) + bytes(4), "do not agree"),
        (framed(_tensor(shape=[1] * 65)) + bytes(4), "type or a shape"),
        (framed(_tensor(dtype="<script>")) + bytes(4), "type or a shape"),
        (framed(_tensor(dtype="F" * 100)) + bytes(4), "type or a shape"),
        (framed(_tensor(dtype="X3", shape=[33])) + bytes(4), "do not agree"),
        (framed(_tensor(data_offsets=[4, 8])) + bytes(8), "overlap or leave holes"),
        (framed(_tensor()) + bytes(5), "5 are there"),
        (framed(_tensor()), "0 are there"),
        (framed(_TWO % (b"a", b"b")) + b"1", "overlap"),
        (framed(_TWO % (b"a", b"a")) + b"1", "twice"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)  # fmt: skip
def test_d_fmt_safetensors_lies_are_told(data: bytes, message: str) -> None:
    with pytest.raises(Unreadable, match=message):
        st(data)


def test_d_fmt_safetensors_cut_at_each_byte() -> None:
    data = made({"a": ("F32", [2]), "b": ("I8", [3])}, {"k": "v"})
    for end in range(len(data)):
        with pytest.raises(Unreadable):
            st(data[:end])
        with pytest.raises(Unreadable):  # the store says another size than it gives
            st(data[:end], len(data) + 1)


def test_d_fmt_a_header_that_is_too_long_is_not_read() -> None:
    file = Counted((200 * 2**20).to_bytes(8, "little"), 300 * 2**20)
    with pytest.raises(Unreadable):
        safetensors.read(file.source(safetensors.BYTES_READ_MAX))
    assert file.read == 8


def test_d_fmt_twenty_thousand_tensors_are_counted() -> None:
    header = st(made({f"layers.{number}.weight": ("I8", [1]) for number in range(20_000)}))
    assert header.parameters() == {"I8": 20_000}


# --- GGUF -----------------------------------------------------------------------------------------------------------


def test_gguf_facts() -> None:
    header = gg(llama().bytes())
    assert (header.version, header.tensors, header.architecture) == (3, 2, "llama")
    assert header.parameters == {"Q4_0": 32, "F32": 16}
    assert header.number("context_length") == 4096
    assert (header.special_token("bos"), header.special_token("eos"), header.special_token("pad")) == (
        "<s>",
        "</s>",
        None,
    )
    assert header.values["tokenizer.chat_template"] == "{{ messages }}"


def test_gguf_of_a_big_endian_machine_and_of_all_plain_types() -> None:
    file = Gguf(order=">").string("general.architecture", "x")
    for kind, code in gguf._FIXED.items():
        file.pair(f"v{kind}", kind, file.number(code, 1))
    header = gg(file.tensor("t", [2], 1, size=4).bytes())
    assert [header.values[f"v{kind}"] for kind in gguf._FIXED] == [1] * len(gguf._FIXED)
    assert header.parameters == {"F16": 2}


def _one(kind: int, value: bytes) -> bytes:
    return Gguf().pair("a", kind, value).bytes()


def _nested(depth: int) -> bytes:
    file = Gguf()
    value = file.array(4, 1, bytes(4))
    for _ in range(depth):
        value = file.array(9, 1, value)
    return _one(9, value)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "ends in the middle"),
        (b"GGML" + bytes(20), "does not begin"),
        (b"GGUF" + struct.pack("<I", 9) + bytes(16), "version 9"),
        (Gguf().bytes(tensors=2**63), "no real file"),
        (Gguf().bytes(pairs=2**63), "no real file"),
        (Gguf().bytes(tensors=1_000_000), "no room"),
        (Gguf().bytes(pairs=65_536), "ends in the middle"),
        (_one(13, b""), "unknown type 13"),
        (_one(9, Gguf().array(99, 1)), "unknown type 99"),
        (_one(9, Gguf().array(8, 2**62)), "list has"),
        (_one(9, Gguf().array(9, 2**62)), "list has"),
        (_one(9, Gguf().array(4, 2**62)), "ends in the middle"),
        (_one(9, Gguf().array(12, 2**61)), "ends in the middle"),
        (_one(9, Gguf().array(8, 2_000_001)), "list has"),
        (_nested(5), "too deeply"),
        (_one(8, Gguf().text(b"", length=2**63)), "text has"),
        (_one(8, Gguf().text(b"", length=11_000_000)), "text has"),
        (Gguf().string("a", "1").string("a", "2").bytes(), "name twice"),
        (Gguf().tensor("t", [1] * 9).bytes(), "9 dimensions"),
        (Gguf().tensor("t", [2**32, 2**32]).bytes(), "its tensors need"),
        (Gguf().tensor("t", [2**63, 2]).bytes(), "its tensors need"),
        (Gguf().tensor("t", [2**32] * 8).bytes(), "its tensors need"),
        (Gguf().tensor("t", [10**9], 999).bytes(), "its tensors need"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_d_fmt_gguf_lies_are_told(data: bytes, message: str) -> None:
    with pytest.raises(Unreadable, match=message):
        gg(data)


def test_d_fmt_gguf_cut_at_each_byte() -> None:
    data = llama().bytes()
    header = len(data) - 82
    for end in range(header):
        with pytest.raises(Unreadable):
            gg(data[:end])


def test_d_fmt_gguf_with_any_byte_changed_is_read_or_refused() -> None:
    chosen = random.Random(7)
    data = llama().bytes()
    for _ in range(3_000):
        changed = bytearray(data)
        for _ in range(chosen.randrange(1, 6)):
            changed[chosen.randrange(len(data))] = chosen.randrange(256)
        try:
            header = gg(bytes(changed))
        except Unreadable:
            continue
        assert sum(header.parameters.values()) <= 8 * len(data) * 32


def test_d_fmt_a_vocabulary_is_passed_over_in_pieces() -> None:
    """Fixed-size lists are not read at all; a header may not be read beyond its limit."""
    file = Gguf().pair("scores", 9, Gguf().array(6, 1_000_000, bytes(4_000_000))).string("general.architecture", "x")
    counted = Counted(file.bytes())
    assert gguf.read(counted.source(gguf.BYTES_READ_MAX)).architecture == "x"
    assert counted.read < 1_000_000
    with pytest.raises(Unreadable, match="longer than any real one"):
        gguf.read(Counted(Gguf().strings("t", ["x" * 1000] * 1000).bytes()).source(100_000))
