"""Lines of requirements files: which are handed on to the installer, and which would lead away from the package index."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from pioche.spaces.builds.sources import Place, Sources

_NAME = re.compile(
    r"(?P<name>[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*(?:\[[A-Za-z0-9._,\s-]*\])?\s*(?P<rest>.*)\Z"
)
_COMMENT = re.compile(r"(?:^|\s)#.*\Z", re.DOTALL)
_VERSIONS = re.compile(r"(?:[(=<>!~;].*)?\Z")
_FILES = {"-r": "requirements", "--requirement": "requirements", "-c": "constraints", "--constraint": "constraints"}
_ELSEWHERE = ("-i", "--index-url", "--extra-index-url", "-f", "--find-links", "--trusted-host", "--no-index")
_PLACES = ("-i", "--index-url", "--extra-index-url", "-f", "--find-links")
_ADDRESS = re.compile(r"(?:(?P<name>[A-Za-z0-9._-]+)\s*(?:\[[^\]]*\])?\s*@\s*)?(?P<url>https?://\S+)\Z")
_WHEEL = re.compile(r"/(?P<name>[A-Za-z0-9._]+)-(?P<version>[A-Za-z0-9.+!_]+)-[^/]+\.whl(?:#sha256=[0-9a-f]{64})?\Z")
_WITHOUT_EFFECT = (
    "--prefer-binary", "--only-binary", "--no-binary", "-U", "--upgrade", "--no-cache-dir", "--use-pep517", "--require-hashes",
)  # fmt: skip
_PREVIEWS = "--pre"
_FILES_MAX, _LINES_MAX = 20, 2000
_INDEX_ALONE = "packages come from the index that this hub is configured with, and from nowhere else"


@dataclass(frozen=True, slots=True)
class Requirement:
    """One line as it goes to the installer. `name` is in its normal form (PEP 503)."""

    name: str
    text: str
    place: Place


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Another place of packages, which the administrator allowed: an index, or (`links`) a page of files or one file."""

    url: str
    links: bool


@dataclass(frozen=True)
class Requirements:
    wanted: tuple[Requirement, ...] = ()
    constraints: tuple[Requirement, ...] = ()
    elsewhere: tuple[Elsewhere, ...] = ()
    previews: bool = False
    notes: tuple[str, ...] = ()

    def __add__(self, other: "Requirements") -> "Requirements":
        return Requirements(
            self.wanted + other.wanted,
            self.constraints + other.constraints,
            self.elsewhere + other.elsewhere,
            self.previews or other.previews,
            self.notes + other.notes,
        )

    def names(self, name: str) -> bool:
        return any(requirement.name == name for requirement in self.wanted)


def read(sources: Sources, path: str, allowed: Sequence[str] = ()) -> Requirements:
    """Those of a file and of the files that it names; none when there is no such file. `allowed`: how addresses may begin.

    Raises NotBuilt."""
    return _Reader(sources, allowed).read(path, "requirements") or Requirements()


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def one(text: str, place: Place) -> Requirement:
    """Raises NotBuilt, which names the line."""
    found = _NAME.match(text)
    if text.startswith((".", "/", "~")) or re.match(r"[A-Za-z][A-Za-z0-9+.-]*://|file:", text):
        raise place.refuse(f"{text[:80]!r} is an address or a path: {_INDEX_ALONE}")
    if found is None:
        raise place.refuse(f"{text[:80]!r} is no requirement: it begins with the name of a package")
    if found["rest"].startswith("@"):
        raise place.refuse(f"{found['name'][:80]!r} is asked for from an address: {_INDEX_ALONE}")
    if "://" in found["rest"] or not _VERSIONS.match(found["rest"]):
        raise place.refuse(f"{text[:80]!r} is no requirement: after the name come versions such as >=1.0, or nothing")
    return Requirement(normal(found["name"]), text, place)


class _Reader:
    def __init__(self, sources: Sources, allowed: Sequence[str]) -> None:
        self._sources, self._allowed = sources, allowed
        self._files = 0
        self._count = 0

    def read(self, path: str, kind: str) -> Requirements | None:
        lines = self._sources.lines(path)
        if lines is None:
            return None
        self._files += 1
        found = Requirements()
        for place, text in _joined(lines):
            self._count += 1
            if self._files > _FILES_MAX or self._count > _LINES_MAX:
                raise place.refuse(f"There are more than {_FILES_MAX} files or {_LINES_MAX} lines of requirements")
            found += self._line(place, text, kind)
        return found

    def _line(self, place: Place, text: str, kind: str) -> Requirements:
        if text.startswith("-"):
            return self._option(place, text, kind)
        address = _ADDRESS.match(text)
        if address is not None and kind == "requirements" and self._may(address["url"]):
            return _of_file(place, address["url"], address["name"])
        found = (one(text, place),)
        return Requirements(wanted=found) if kind == "requirements" else Requirements(constraints=found)

    def _option(self, place: Place, text: str, kind: str) -> Requirements:
        option, value = _parted(text)
        if option in _FILES:
            return self._other(place, value, _FILES[option] if kind == "requirements" else kind)
        if option in ("-e", "--editable"):
            raise place.refuse(f"{option} installs from a folder or an address: {_INDEX_ALONE}")
        if option in _PLACES and self._may(value):
            return Requirements(elsewhere=(Elsewhere(value, links=option in ("-f", "--find-links")),))
        if option in _ELSEWHERE:
            raise place.refuse(f"{option} names another index: {_INDEX_ALONE}")
        if option == _PREVIEWS:
            return Requirements(previews=True)
        if option in _WITHOUT_EFFECT:
            return Requirements(notes=(f"{place.path}, line {place.line}: {option} has no effect here",))
        raise place.refuse(f"{option[:40]!r} is an option that requirements cannot have here")

    def _may(self, url: str) -> bool:
        """Whether it lies below an address that the administrator allowed."""
        if ".." in url or "@" in url or "%" in url or any(character.isspace() for character in url):
            return False
        return any(f"{url}/".startswith(one.rstrip("/") + "/") for one in self._allowed)

    def _other(self, place: Place, value: str, kind: str) -> Requirements:
        path = str(PurePosixPath(place.path).parent / value)
        found = self.read(path, kind)
        if found is None:
            raise place.refuse(f"There is no file {value[:80]!r}")
        return found


def _of_file(place: Place, url: str, name: str | None) -> Requirements:
    """A wheel by its address is the version that its name says, which is found there."""
    found = _WHEEL.search(url)
    if found is None or (name and normal(name) != normal(found["name"])):
        raise place.refuse(f"{url[:120]!r} is not the address of a wheel of this package")
    one = Requirement(normal(found["name"]), f"{found['name']}=={found['version']}", place)
    return Requirements(wanted=(one,), elsewhere=(Elsewhere(url, links=True),))


def _parted(text: str) -> tuple[str, str]:
    """`--option value`, `--option=value`, and `-rvalue`."""
    found = re.match(r"(--[A-Za-z0-9-]+|-[A-Za-z])[\s=]*(.*)\Z", text)
    return (found[1], found[2].strip()) if found else (text, "")


def _joined(lines: list[tuple[Place, str]]) -> list[tuple[Place, str]]:
    """Without comments and empty lines; one that ends with a backslash goes on in the next. The place is where it begins."""
    found = list[tuple[Place, str]]()
    begun: tuple[Place, str] | None = None
    for place, line in lines:
        where, before = begun or (place, "")
        if line.endswith("\\") and not line.lstrip().startswith("#"):
            begun = (where, before + line[:-1])
            continue
        begun = None
        found.append((where, before + line))
    found += [begun] if begun else []
    # One blank is as good as many, and patterns take no time over it.
    plain = [(place, " ".join(_COMMENT.sub("", text).split())) for place, text in found]
    return [(place, text) for place, text in plain if text]
