"""The header of an ONNX model: what it takes and gives, its operators, who made it; the weights in it are passed over.

Our own reading of the few fields (https://github.com/onnx/onnx, onnx.proto; https://protobuf.dev/programming-guides/encoding):
nothing is allocated by what a length says, and every message is read no further than its end. Paths to weights in other files
are never followed.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from pioche.repos.preview.spans import Span, Unreadable

_TEXT_BYTES_MAX = 4096
_VALUES_MAX = 500
_FIELDS_MAX = 200_000
_VARINT_BYTES_MAX = 10
_TYPES = (
    "undefined float32 uint8 int8 uint16 int16 int32 int64 string bool float16 float64 uint32 uint64 complex64 complex128 "
    "bfloat16 float8e4m3fn float8e4m3fnuz float8e5m2 float8e5m2fnuz uint4 int4 float4e2m1"
).split()


@dataclass(frozen=True, slots=True)
class Value:
    """An input or an output; `shape` as it is written, `batch × 3 × 224`."""

    name: str
    dtype: str
    shape: str


@dataclass(slots=True)
class Graph:
    """`operators` are counted by name, the most frequent first; `opsets` are (domain, version); `is_cut`: the file has more than
    was read, and numbers are what was seen."""

    producer: str = ""
    ir_version: int = 0
    name: str = ""
    opsets: list[tuple[str, int]] = field(default_factory=list)
    inputs: list[Value] = field(default_factory=list)
    outputs: list[Value] = field(default_factory=list)
    operators: list[tuple[str, int]] = field(default_factory=list)
    nodes: int = 0
    initializers: int = 0
    parameters: int = 0
    has_external_data: bool = False
    metadata: list[tuple[str, str]] = field(default_factory=list)
    is_cut: bool = False


@dataclass(frozen=True, slots=True)
class _Field:
    """`start` and `end` are where the bytes of a text or a message lie; `number` what a number is."""

    tag: int
    number: int
    start: int = 0
    end: int = 0


def read(span: Span) -> Graph:
    """Raises Unreadable for what is no ONNX model."""
    return _Reading(span).model()


class _Reading:
    """One pass, which counts the fields that it saw."""

    def __init__(self, span: Span) -> None:
        self._span = span
        self._left = _FIELDS_MAX
        self._operators = Counter[str]()
        self._initialized = set[str]()
        self._graph = Graph()

    def model(self) -> Graph:
        graph = self._graph
        try:
            for part in self._fields(0, self._span.size):
                self._of_model(part)
        except Unreadable:
            if not graph.ir_version or not graph.nodes:
                raise
            graph.is_cut = True
        if not graph.ir_version or not (graph.nodes or graph.inputs or graph.opsets):
            raise Unreadable("it is not a model of ONNX")
        graph.operators = self._operators.most_common(_VALUES_MAX)
        # What has a value in the file is no input that anybody gives, though older files list it so.
        graph.inputs = [value for value in graph.inputs if value.name not in self._initialized]
        return graph

    def _of_model(self, part: _Field) -> None:
        graph = self._graph
        match part.tag:
            case 1:
                graph.ir_version = part.number
            case 2 | 3:
                graph.producer = f"{graph.producer} {self._text(part)}".strip()
            case 7:
                for inside in self._fields(part.start, part.end):
                    self._of_graph(inside)
            case 8 if len(graph.opsets) < _VALUES_MAX:
                graph.opsets.append(self._opset(part))
            case 14 if len(graph.metadata) < _VALUES_MAX:
                texts = {inside.tag: self._text(inside) for inside in self._fields(part.start, part.end)}
                graph.metadata.append((texts.get(1, ""), texts.get(2, "")))

    def _of_graph(self, part: _Field) -> None:
        graph = self._graph
        match part.tag:
            case 1:
                graph.nodes += 1
                self._operators[self._operator(part)] += 1
            case 2:
                graph.name = self._text(part)
            case 5:
                graph.initializers += 1
                self._initializer(part)
            case 11 if len(graph.inputs) < _VALUES_MAX:
                graph.inputs.append(self._value(part))
            case 12 if len(graph.outputs) < _VALUES_MAX:
                graph.outputs.append(self._value(part))

    def _opset(self, part: _Field) -> tuple[str, int]:
        domain, version = "", 0
        for inside in self._fields(part.start, part.end):
            domain = self._text(inside) if inside.tag == 1 else domain
            version = inside.number if inside.tag == 2 else version
        return domain or "ai.onnx", version

    def _operator(self, part: _Field) -> str:
        name, domain = "", ""
        for inside in self._fields(part.start, part.end):
            name = self._text(inside) if inside.tag == 4 else name
            domain = self._text(inside) if inside.tag == 7 else domain
        return f"{domain}.{name}" if domain not in ("", "ai.onnx") else name

    def _initializer(self, part: _Field) -> None:
        count = 1
        for inside in self._fields(part.start, part.end):
            if inside.tag == 1:
                for size in self._numbers(inside):
                    count *= min(size, 2**40)
            elif inside.tag == 8 and len(self._initialized) < 100_000:
                self._initialized.add(self._text(inside))
            elif inside.tag == 13 or (inside.tag == 14 and inside.number == 1):
                self._graph.has_external_data = True
        self._graph.parameters += min(count, 2**50)

    def _value(self, part: _Field) -> Value:
        name, dtype, shape = "", "", ""
        for inside in self._fields(part.start, part.end):
            if inside.tag == 1:
                name = self._text(inside)
            elif inside.tag == 2:
                dtype, shape = self._type(inside)
        return Value(name, dtype, shape)

    def _type(self, part: _Field) -> tuple[str, str]:
        for kind in self._fields(part.start, part.end):
            if kind.tag != 1:  # sequence, map, optional, sparse
                return {4: "sequence", 5: "map", 9: "optional", 8: "sparse"}.get(kind.tag, "?"), ""
            dtype, shape = "?", ""
            for inside in self._fields(kind.start, kind.end):
                if inside.tag == 1:
                    dtype = _TYPES[inside.number] if inside.number < len(_TYPES) else str(inside.number)
                elif inside.tag == 2:
                    shape = " × ".join(self._dimension(one) for one in self._fields(inside.start, inside.end))
            return dtype, shape
        return "?", ""

    def _dimension(self, part: _Field) -> str:
        for inside in self._fields(part.start, part.end):
            return str(inside.number) if inside.tag == 1 else self._text(inside)
        return "?"

    # --- the encoding ---

    def _fields(self, start: int, end: int) -> Iterator[_Field]:
        at = start
        while at < end:
            self._left -= 1
            if self._left < 0:
                raise Unreadable("it has more parts than are looked through")
            key, at = self._varint(at, end)
            tag, wire = key >> 3, key & 7
            number, begin = 0, at
            if wire == 0:
                number, at = self._varint(at, end)
            elif wire == 2:
                length, begin = self._varint(at, end)
                at = begin + length
            elif wire in (1, 5):
                at += 8 if wire == 1 else 4
            else:
                raise Unreadable("it is not a model of ONNX")
            if at > end or not tag:
                raise Unreadable("it ends in the middle of its header")
            yield _Field(tag, number, begin, at)

    def _varint(self, at: int, end: int) -> tuple[int, int]:
        data = self._span.at(at, min(at + _VARINT_BYTES_MAX, end))
        number = 0
        for place, byte in enumerate(data):
            number |= (byte & 0x7F) << (7 * place)
            if byte < 0x80:
                return number & 0xFFFF_FFFF_FFFF_FFFF, at + place + 1
        raise Unreadable("it ends in the middle of its header")

    def _numbers(self, part: _Field) -> Iterator[int]:
        """A repeated number, packed or one at a time."""
        at = part.start
        for _ in range(_VALUES_MAX):
            if at >= part.end:
                return
            number, at = self._varint(at, part.end)
            yield number

    def _text(self, part: _Field) -> str:
        return self._span.at(part.start, min(part.end, part.start + _TEXT_BYTES_MAX)).decode("utf-8", "replace")[:300]
