"""What the file system of a sandbox is made of, as arguments of bubblewrap."""

import os
import sys
import sysconfig
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import pioche

PACKAGE = Path(pioche.__file__).resolve().parent

_TOP = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
_CONFIGURATION = (
    "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/alternatives", "/etc/localtime", "/etc/mime.types",
    "/etc/fonts", "/sys/devices/system/cpu",
)  # fmt: skip
_OF_NETWORKS = ("/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf")
_CERTIFICATES = ("/etc/ssl", "/etc/ca-certificates", "/etc/pki")


def runtime() -> tuple[Path, ...]:
    """Where Python, its packages and this one are: the same inside and outside."""
    paths = sysconfig.get_paths()
    found = {Path(sys.base_prefix), Path(sys.prefix), Path(paths["purelib"]), Path(paths["platlib"]), PACKAGE.parent}
    found |= {Path(sys.executable).parent, Path(sys.executable).resolve().parent}
    return _without_parts(path for path in found if path != Path("/") and not path.is_relative_to("/usr"))


def system(*, network: bool, certificates: bool = False) -> tuple[Path, ...]:
    """Programs and libraries of the machine, and what of its configuration they need."""
    names = (
        *_TOP,
        *_CONFIGURATION,
        *(_OF_NETWORKS if network else ()),
        *(_CERTIFICATES if network or certificates else ()),
    )
    return tuple(Path(name) for name in names if os.path.exists(name))


def _without_parts(paths: Iterable[Path]) -> tuple[Path, ...]:
    """Without those that lie in another."""
    kept = list[Path]()
    for path in sorted(set(paths), key=lambda one: len(one.parts)):
        if not any(path.is_relative_to(other) for other in kept):
            kept.append(path)
    return tuple(kept)


@dataclass
class Mounts:
    """Collects bubblewrap's arguments, in order: what comes later lies over what came before."""

    arguments: list[str] = field(default_factory=list)
    _places: dict[Path, bool] = field(default_factory=dict)
    """Where something is mounted -> whether folders can be made in it."""
    _made: set[Path] = field(default_factory=set)

    def bind(self, outside: Path, inside: Path, *, option: str = "--ro-bind") -> None:
        if outside.is_symlink() and outside == inside:  # such as /bin, which is /usr/bin
            self.arguments += ["--symlink", os.readlink(outside), str(inside)]
            return
        self._parents(inside)
        self.arguments += [option, str(outside), str(inside)]
        self._places[inside] = False

    def memory(self, place: Path, size: int, *, permissions: str = "1777") -> None:
        """A file system of its own in memory."""
        self._parents(place)
        self.arguments += ["--perms", permissions, "--size", str(size), "--tmpfs", str(place)]
        self._places[place] = True

    def hide(self, place: Path) -> None:
        """An empty folder over what a bind shows there; nothing where no bind shows it."""
        if any(place.is_relative_to(other) for other in self._places):
            self.memory(place, 4096, permissions="0755")

    def seal(self) -> None:
        self.arguments += ["--remount-ro", "/dev", "--remount-ro", "/"]

    def _parents(self, place: Path) -> None:
        """bubblewrap makes missing parents for root's eyes only."""
        for parent in reversed(place.parents[:-1]):
            above = [other for other in self._places if parent.is_relative_to(other)]
            is_there = bool(above) and not self._places[max(above, key=lambda one: len(one.parts))]
            if not is_there and parent not in self._made and parent not in self._places:
                self.arguments += ["--perms", "0755", "--dir", str(parent)]
                self._made.add(parent)
