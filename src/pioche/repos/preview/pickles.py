"""What a pickle would import when it is loaded. It is taken apart, never loaded.

A list, not a verdict: what is known to be harmless in weights is told from what is known to run commands, and all the rest
is unknown (reliability.md section 3: "no issues" is not "safe").
"""

import io
import pickletools
from collections.abc import Iterator
from dataclasses import dataclass, field

from pioche.repos.preview.archives import open_zip, zip_member_head
from pioche.repos.preview.spans import BAD_ZIP, Span, Unreadable

_PICKLE_BYTES_MAX = 2 * 2**20
_OPCODES_MAX = 200_000
_IMPORTS_MAX = 500
_MEMO_MAX = 50_000
_PICKLES_MAX = 20

_HARMLESS = frozenset(
    """
    collections.OrderedDict collections.defaultdict collections.Counter builtins.set builtins.frozenset builtins.dict
    builtins.list builtins.tuple builtins.bytearray builtins.complex builtins.slice builtins.int
    builtins.float builtins.bool builtins.str builtins.bytes builtins.range __builtin__.set _codecs.encode
    copyreg._reconstructor copy_reg._reconstructor builtins.object datetime.datetime datetime.date datetime.timedelta
    torch._utils._rebuild_tensor torch._utils._rebuild_tensor_v2 torch._utils._rebuild_parameter
    torch._utils._rebuild_qtensor torch.Size torch.device torch.FloatStorage torch.HalfStorage torch.BFloat16Storage
    torch.DoubleStorage torch.LongStorage torch.IntStorage torch.ShortStorage torch.CharStorage torch.ByteStorage
    torch.BoolStorage torch.storage._load_from_bytes torch.float16 torch.float32 torch.bfloat16 torch.int64
    numpy.ndarray numpy.dtype numpy.core.multiarray._reconstruct numpy._core.multiarray._reconstruct
    numpy.core.multiarray.scalar numpy._core.multiarray.scalar
    """.split()
) - {"torch.storage._load_from_bytes"}  # which loads another pickle
_DANGEROUS = frozenset(
    """
    os posix nt subprocess sys shutil socket runpy importlib marshal ctypes pty code codeop builtins __builtin__ pip
    timeit webbrowser requests urllib http multiprocessing asyncio threading platform pickle _pickle types operator
    commands popen2 bdb pdb cProfile profile trace tempfile signal
    """.split()
)


@dataclass(frozen=True, slots=True)
class Import:
    """`kind` is harmless, dangerous or unknown."""

    name: str
    kind: str


def read(span: Span) -> tuple[list[Import], bool]:
    """The imports of a pickle, or of the pickles inside a zip as torch.save writes it; and whether that is all of them.

    Raises Unreadable.
    """
    names, is_whole = dict[str, None](), True
    for data in _pickles(span):
        is_whole = _collect(data, names) and is_whole
    return [Import(name, kind_of(name)) for name in names], is_whole


def _pickles(span: Span) -> Iterator[bytes]:
    if span.at(0, 4) != b"PK\x03\x04":
        yield span.at(0, min(span.size, _PICKLE_BYTES_MAX))
        return
    try:
        with open_zip(span) as archive:
            infos = [info for info in archive.infolist() if info.filename.endswith(".pkl")]
            for info in infos[:_PICKLES_MAX]:
                yield zip_member_head(archive, info, _PICKLE_BYTES_MAX)
    except BAD_ZIP as error:
        raise Unreadable(str(error)[:200]) from None


@dataclass(slots=True)
class _Reading:
    """What is known half way: the latest texts, which STACK_GLOBAL takes its names from, and what was put aside."""

    names: dict[str, None]
    texts: list[str] = field(default_factory=list)
    memo: dict[int, str] = field(default_factory=dict)

    def take(self, opcode: str, argument: object) -> None:
        if opcode in ("GLOBAL", "INST"):
            self.names[str(argument).replace(" ", ".", 1)[:200]] = None
        elif opcode == "STACK_GLOBAL":
            self.names[".".join(self.texts[-2:])[:200] if len(self.texts) > 1 else "?"] = None
        elif "UNICODE" in opcode or "STRING" in opcode:
            self._push(str(argument)[:200])
        elif opcode == "MEMOIZE":
            self.memo[len(self.memo)] = self.texts[-1] if self.texts else "?"
        elif "PUT" in opcode:
            self.memo[_number(argument)] = self.texts[-1] if self.texts else "?"
        elif "GET" in opcode:
            self._push(self.memo.get(_number(argument), "?"))

    @property
    def is_full(self) -> bool:
        return len(self.names) >= _IMPORTS_MAX or len(self.memo) > _MEMO_MAX

    def _push(self, text: str) -> None:
        self.texts = [*self.texts[-9:], text]


def _number(argument: object) -> int:
    return argument if isinstance(argument, int) else -1


def _collect(data: bytes, names: dict[str, None]) -> bool:
    """False where it breaks off before the end. Raises Unreadable where it cannot be a pickle."""
    stream, count, begun = io.BytesIO(data), 0, 0
    try:
        # torch.save once wrote several pickles one after the other; what follows the last of them are numbers.
        while not begun or (begun < _PICKLES_MAX and data.startswith(b"\x80", stream.tell())):
            reading, begun = _Reading(names), begun + 1
            for opcode, argument, _ in pickletools.genops(stream):
                reading.take(opcode.name, argument)
                count += 1
                if count > _OPCODES_MAX or reading.is_full:
                    return False
    except (ValueError, IndexError, OverflowError, UnicodeDecodeError, MemoryError):
        if not names:
            raise Unreadable("it is not a pickle, or it is cut short") from None
        return False
    return True


def kind_of(name: str) -> str:
    """Of an import, by its full name: as `Import.kind`."""
    if name in _HARMLESS:
        return "harmless"
    return "dangerous" if name.partition(".")[0] in _DANGEROUS else "unknown"
