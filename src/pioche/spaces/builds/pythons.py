"""Which Pythons this machine has, and which of them is nearest to what a Space asks for."""

import os
import re
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

_ASKED = "import sys, sysconfig; print(*sys.version_info[:3], sys.base_prefix, os.path.realpath(sys._base_executable), sep='\\n')"
_MINORS = range(9, 30)
"""From the oldest that `compiling` is written for."""
_ANSWER_S = 10
_PATH = ("/usr/local/bin", "/usr/bin")
_VERSION = re.compile(r"(?P<major>[0-9]+)(?:\.(?P<minor>[0-9]+)(?:\.[0-9a-z*]+)?)?\Z")


@dataclass(frozen=True, slots=True, order=True)
class Python:
    """An interpreter. `prefix` is the folder with its library; `executable` is no link."""

    version: tuple[int, int, int]
    executable: Path
    prefix: Path

    @property
    def minor(self) -> int:
        return self.version[1]

    @property
    def name(self) -> str:
        return ".".join(map(str, self.version))


def find(places: Iterable[Path] = ()) -> tuple[Python, ...]:
    """Those in `places` (interpreters, or folders of them) and on the machine's path: one of each minor version, the first that
    was found."""
    found = dict[int, Python]()
    for path in _candidates(places):
        python = _ask(path)
        if python is not None and python.version[0] == 3 and python.minor in _MINORS:
            found.setdefault(python.minor, python)
    return tuple(sorted(found.values()))


def asked(text: str) -> int | None:
    """The minor version of 3 that a card's `python_version` means; None for what is no version of Python 3.

    A card that says 3.10 without quotes says 3.1, for YAML.
    """
    found = _VERSION.match(text.strip())
    if found is None or found["major"] != "3":
        return None
    minor = int(found["minor"]) if found["minor"] else -1
    return 10 if minor == 1 else minor


def nearest(pythons: Sequence[Python], minor: int) -> Python | None:
    """Newer ones first among those that are as near; the newest for -1. None when there are none."""
    if minor < 0:
        return max(pythons, default=None)
    return min(pythons, key=lambda python: (abs(python.minor - minor), -python.minor), default=None)


def _candidates(places: Iterable[Path]) -> Iterable[Path]:
    names = [f"python3.{minor}" for minor in _MINORS]
    for place in places:
        yield from [place / name for name in names] if place.is_dir() else [place]
        if place.is_dir():  # a folder of installations, as pyenv and uv have one
            yield from sorted(place.glob("*/bin/python3"), reverse=True)
    yield from (Path(folder, name) for folder in _PATH for name in names)


def _ask(path: Path) -> Python | None:
    if not os.access(path, os.X_OK):
        return None
    try:
        answer = subprocess.check_output(
            [path, "-I", "-S", "-c", "import os; " + _ASKED],
            text=True,
            timeout=_ANSWER_S,
            stderr=subprocess.DEVNULL,
            env={},
        ).splitlines()
    except (OSError, subprocess.SubprocessError):  # a shim without its Python, such as pyenv's
        return None
    major, minor, micro = map(int, answer[:3])
    return Python((major, minor, micro), Path(answer[4]), Path(answer[3]))
