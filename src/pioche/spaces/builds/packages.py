"""`packages.txt`: programs and libraries of the machine. Nothing is installed for a Space: what is there is, by its name."""

import functools
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from pioche.spaces.builds.sources import Place, Sources

FILE = "packages.txt"
_STATUS = Path("/var/lib/dpkg/status")
_NAME = re.compile(r"[a-z0-9][a-z0-9+.-]*(?::[a-z0-9]+)?\Z")
_PATH = "/usr/local/bin:/usr/bin:/bin"
_SAME = {"libgl1-mesa-glx": "libgl1", "python3": "python3", "python3-pip": "", "python3-dev": "", "pip": ""}
"""Names that were changed, and those whose work is done by the environment itself."""


def check(sources: Sources, installed: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """Lines for the log, one for each package. Raises NotBuilt for one that this machine has not."""
    there = _there() if installed is None else installed
    return tuple(
        _found(name, place, there)
        for place, line in sources.lines(FILE) or []
        for name in line.partition("#")[0].split()
    )


def _found(name: str, place: Place, there: Mapping[str, str]) -> str:
    if not _NAME.match(name):
        raise place.refuse(f"{name[:80]!r} is no name of a Debian package")
    plain = name.partition(":")[0]
    known = _SAME.get(plain, plain)
    if not known:
        return f"{FILE}: {plain} is not needed: the app has a Python environment of its own"
    if known in there:
        return f"{FILE}: {plain} is on this machine ({there[known]})"
    if program := shutil.which(known, path=_PATH):
        return f"{FILE}: {plain} is on this machine ({program})"
    raise place.refuse(
        f"The package {plain} is not on this machine, and a Space cannot install it: ask the administrator of this hub to"
        " install it, or do without"
    )


def _there() -> Mapping[str, str]:
    return _installed(_STATUS.stat().st_mtime_ns) if _STATUS.is_file() else {}


@functools.lru_cache(maxsize=1)
def _installed(_changed_at: int) -> Mapping[str, str]:
    """Name -> version of what the machine's package manager has, and of what it provides under other names."""
    found = dict[str, str]()
    for block in _STATUS.read_text(errors="replace").split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line and not line.startswith(" "))
        if fields.get("Status", "").endswith(" installed"):
            version = fields.get("Version", "")
            for provided in fields.get("Provides", "").split(","):
                found.setdefault(provided.strip().partition(" ")[0], version)
            found[fields["Package"]] = version
    return found
