import io
import os
import pickle
import random
import zipfile
from collections import OrderedDict
from contextlib import suppress

import numpy as np
import pytest

from pioche.repos.preview import arrays, pickles
from pioche.repos.preview.arrays import Array
from pioche.repos.preview.pickles import Import
from pioche.repos.preview.spans import Unreadable, of_bytes


def _npy(value: object) -> bytes:
    out = io.BytesIO()
    np.save(out, np.asarray(value), allow_pickle=True)
    return out.getvalue()


def test_headers_of_arrays() -> None:
    assert arrays.read(of_bytes(_npy([[1, 2], [3, 4]])), "x.npy") == [Array("", "<i8", "(2, 2)", has_objects=False)]
    out = io.BytesIO()
    np.savez_compressed(out, a=np.zeros(3, "float32"), b=np.array([{}], dtype=object))
    assert arrays.read(of_bytes(out.getvalue()), "x.npz") == [
        Array("a", "<f4", "(3,)", has_objects=False),
        Array("b", "|O", "(1,)", has_objects=True),
    ]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x93NUMPY\x01\0",
        b"\x93NUMPY\x01\0\x10\0" + b"[" * 16,
        b"\x93NUMPY\x02\0\xff\xff\xff\xff" + b"x" * 20,
        b"\x93NUMPY\x01\0\x20\x4e" + b"-" * 20_000,
        b"\x93NUMPY\x01\0\x0b\0{'descr':1}",
    ],
)
def test_headers_that_lie(data: bytes) -> None:
    with pytest.raises(Unreadable):
        arrays.read(of_bytes(data), "x.npy")


class _Runs:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("true",)


@pytest.mark.parametrize("protocol", range(6))
def test_imports_of_a_pickle(protocol: int) -> None:
    data = pickle.dumps([OrderedDict(a=1), _Runs(), random.Random], protocol=protocol)
    found, is_whole = pickles.read(of_bytes(data))
    assert is_whole
    kinds = {one.name: one.kind for one in found}
    assert kinds["collections.OrderedDict"] == "harmless"
    assert kinds["posix.system"] == "dangerous"
    assert kinds["random.Random"] == "unknown"


def test_imports_of_a_file_of_torch() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(_Runs(), protocol=2))
        archive.writestr("archive/data/0", bytes(100))
    assert pickles.read(of_bytes(out.getvalue())) == ([Import("posix.system", "dangerous")], True)


def test_imports_of_several_pickles_in_a_row_as_torch_wrote_them_once() -> None:
    data = b"".join(pickle.dumps(one, protocol=2) for one in (0x1950A86A20F9469CFC6C, 1001, _Runs())) + bytes(100)
    assert pickles.read(of_bytes(data)) == ([Import("posix.system", "dangerous")], True)


def test_a_pickle_that_breaks_off_says_so() -> None:
    data = pickle.dumps([_Runs(), "x" * 100], protocol=2)
    assert pickles.read(of_bytes(data[:-50])) == ([Import("posix.system", "dangerous")], False)
    with pytest.raises(Unreadable):
        pickles.read(of_bytes(b"\xff" * 100))


def test_nothing_is_ever_loaded() -> None:
    """Garbage of all kinds: an answer or Unreadable."""
    dice = random.Random(2)
    data = pickle.dumps([OrderedDict(a=[1, "x", b"y"]), _Runs()], protocol=4)
    for _ in range(300):
        changed = bytearray(data)
        for _ in range(4):
            changed[dice.randrange(len(data))] = dice.randrange(256)
        with suppress(Unreadable):
            pickles.read(of_bytes(bytes(changed)))
