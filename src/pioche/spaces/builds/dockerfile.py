"""A Dockerfile that describes a Python app and nothing more, read as a plan: no container engine is needed for it.

    FROM python:3.11-slim     COPY, ADD of files of the repo     WORKDIR   ENV   ARG   LABEL   EXPOSE   USER
    RUN pip install ...       RUN useradd, mkdir, chown, chmod (without effect)     CMD, ENTRYPOINT

Anything else is refused with its line, and with what it would take.
"""

import json
import re
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from pioche.spaces.builds import requirements
from pioche.spaces.builds.requirements import Requirements
from pioche.spaces.builds.sources import Place, Sources
from pioche.spaces.spec import Stage

FILE = "Dockerfile"
_FROM = re.compile(
    r"(?:docker\.io/)?(?:library/)?python:(?P<version>3(?:\.[0-9]+){0,2})(?:-[a-z0-9.-]+)?(?:\s+AS\s+\S+)?\Z", re.I
)
_ENV_PAIR = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")
_VARIABLE = re.compile(r"\$(?:\{([A-Za-z_][A-Za-z0-9_]*)\}|([A-Za-z_][A-Za-z0-9_]*))")
_NO_EFFECT = frozenset(("useradd", "adduser", "groupadd", "addgroup", "mkdir", "chown", "chmod", "true", ":"))
_PIP = (("pip", "install"), ("pip3", "install"), ("uv", "pip", "install"), ("python", "-m", "pip", "install"),
        ("python3", "-m", "pip", "install"))  # fmt: skip
_PIP_SILENT = frozenset(
    (
        "--no-cache-dir",
        "--upgrade",
        "-U",
        "--user",
        "-q",
        "--quiet",
        "--system",
        "--no-cache",
        "--prefer-binary",
        "--pre",
    )
)
_TAKEN = frozenset(
    ("bin", "boot", "dev", "environment", "etc", "lib", "lib32", "lib64", "libx32", "proc", "run", "sbin", "scratch", "sockets",
     "sys", "tmp", "usr", "var")
)  # fmt: skip
"""Folders that a sandbox has already."""
_TOOLS = frozenset(("pip", "setuptools", "wheel", "uv"))
_ENGINE = (
    "this hub runs Dockerfiles of Python apps alone; for more, its administrator has to configure a container engine"
)
_INSTRUCTIONS_MAX = 200


@dataclass
class Container:
    """What a Dockerfile says. `copies` are paths of the repo -> places inside, in order; `folder` is where the command runs."""

    version: str = ""
    version_place: Place = field(default_factory=lambda: Place(FILE))
    folder: str = "/"
    copies: list[tuple[str, str]] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)
    port: int | None = None
    entrypoint: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    requirements: Requirements = field(default_factory=Requirements)
    notes: list[str] = field(default_factory=list)

    @property
    def command(self) -> tuple[str, ...]:
        return (*self.entrypoint, *self.arguments)


def read(sources: Sources, allowed: Sequence[str] = ()) -> Container:
    """`allowed`: as for requirements. Raises NotBuilt."""
    lines = sources.lines(FILE)
    if lines is None:
        raise Place(FILE).refuse("There is no such file", Stage.NO_APP_FILE)
    reader = _Reader(sources, allowed)
    instructions = _instructions(lines)
    for place, word, rest in instructions:
        reader.read(place, word, rest)
    if not reader.found.version:
        raise Place(FILE, 1).refuse("It begins with FROM python:3...", Stage.CONFIG_ERROR)
    if not reader.found.command:
        raise Place(FILE).refuse("It has neither CMD nor ENTRYPOINT", Stage.CONFIG_ERROR)
    return reader.found


class _Reader:
    def __init__(self, sources: Sources, allowed: Sequence[str]) -> None:
        self.found = Container()
        self._sources, self._allowed = sources, allowed
        self._arguments = dict[str, str]()
        self._known: dict[str, Callable[[Place, str], None]] = {
            "FROM": self._from, "COPY": self._copy, "ADD": self._copy, "WORKDIR": self._workdir, "ENV": self._env,
            "ARG": self._arg, "RUN": self._run, "EXPOSE": self._expose, "CMD": self._cmd, "ENTRYPOINT": self._entrypoint,
        }  # fmt: skip

    def read(self, place: Place, word: str, rest: str) -> None:
        if word in ("USER", "LABEL", "MAINTAINER", "HEALTHCHECK", "STOPSIGNAL"):
            return  # the app is a user of its own in any case
        if word not in self._known:
            raise _refused(place, f"{word[:40]} needs a container engine")
        if word != "FROM" and word != "ARG" and not self.found.version:
            raise _refused(place, "The first instruction has to be FROM")
        self._known[word](place, rest)

    def _from(self, place: Place, rest: str) -> None:
        text = self._filled(rest)
        matched = _FROM.match(text)
        if matched is None or self.found.version:
            what = "a second FROM" if self.found.version else f"FROM {text[:80]}"
            raise _refused(place, f"{what} needs a container engine")
        self.found.version, self.found.version_place = matched["version"], place

    def _copy(self, place: Place, rest: str) -> None:
        options = [word for word in rest.split() if word.startswith("--")]
        if any(not option.startswith(("--chown=", "--chmod=", "--link")) for option in options):
            raise _refused(place, f"{options[0][:60]} needs a container engine")
        words = _words(place, self._filled(" ".join(word for word in rest.split() if not word.startswith("--"))))
        if len(words) < 2:
            raise _refused(place, "It has to name what is copied, and where to", needs_engine=False)
        *copied, target = words
        for path in copied:
            self.found.copies.append(self._copied(place, path, target, several=len(copied) > 1))

    def _copied(self, place: Place, path: str, target: str, *, several: bool) -> tuple[str, str]:
        plain = PurePosixPath(path.lstrip("/"))
        if "://" in path or ".." in plain.parts or "*" in path or path.startswith("git@"):
            raise _refused(place, f"{path[:80]!r} is not a file or a folder of this repo")
        if not self._sources.contains(str(plain)):
            raise _refused(place, f"There is no file or folder {path[:80]!r}", needs_engine=False)
        inside = self._inside(target)
        if inside == "/" or PurePosixPath(inside).parts[1] in _TAKEN:
            raise _refused(
                place,
                f"Files of the repo go to a folder of their own, such as /app, not {inside[:80]}",
                needs_engine=False,
            )
        is_folder = target.endswith("/") or target == "." or several or inside == self.found.folder
        if is_folder and self._sources.has(str(plain)):
            inside = _joined(inside, plain.name)
        return str(plain), inside

    def _workdir(self, place: Place, rest: str) -> None:
        self.found.folder = self._inside(self._filled(_unquoted(rest)))

    def _env(self, place: Place, rest: str) -> None:
        for name, value in self._pairs(place, rest):
            if name in ("PATH", "HOME"):
                self.found.notes.append(f"{FILE}, line {place.line}: {name} is that of the app's sandbox")
                self._arguments[name] = value
                continue
            self.found.environment[name] = value

    def _arg(self, place: Place, rest: str) -> None:
        for name, value in self._pairs(place, rest if "=" in rest else f"{rest}="):
            self._arguments[name] = value

    def _pairs(self, place: Place, rest: str) -> list[tuple[str, str]]:
        if not _ENV_PAIR.match(rest):  # the old form: one name, and all that follows
            name, _, value = rest.partition(" ")
            return [(name, self._filled(value.strip()))]
        found = [self._filled(word).partition("=") for word in _words(place, rest)]
        return [(name, value) for name, _, value in found]

    def _expose(self, place: Place, rest: str) -> None:
        text = self._filled(rest.split()[0]).partition("/")[0] if rest.split() else ""
        if not text.isdigit() or not 0 < int(text) < 65536:
            raise _refused(place, f"{rest[:40]!r} is no port", needs_engine=False)
        self.found.port = self.found.port or int(text)

    def _cmd(self, place: Place, rest: str) -> None:
        self.found.arguments = self._command(place, rest)

    def _entrypoint(self, place: Place, rest: str) -> None:
        self.found.entrypoint = self._command(place, rest)

    def _command(self, place: Place, rest: str) -> tuple[str, ...]:
        if not rest.startswith("["):
            return ("/bin/sh", "-c", rest)
        try:
            words = json.loads(rest)
        except ValueError:
            words = None
        if not isinstance(words, list) or not all(isinstance(word, str) and "\0" not in word for word in words):
            raise _refused(place, 'A command is written as ["python", "app.py"]', needs_engine=False)
        return tuple(words)

    def _run(self, place: Place, rest: str) -> None:
        for command in re.split(r"&&|;", rest):
            words = _words(place, self._filled(command))
            while words and words[0].startswith("--mount=type=cache"):
                words = words[1:]
            self._ran(place, words)

    def _ran(self, place: Place, words: list[str]) -> None:
        if not words or words[0] in _NO_EFFECT:
            return
        for pip in _PIP:
            if tuple(words[: len(pip)]) == pip:
                self._pip(place, words[len(pip) :])
                return
        raise _refused(place, f"RUN {words[0][:40]} needs a container engine")

    def _pip(self, place: Place, words: list[str]) -> None:
        rest = iter(words)
        for word in rest:
            if word in _PIP_SILENT:
                self.found.requirements += Requirements(previews=word == "--pre")
            elif word in ("-r", "--requirement"):
                self.found.requirements += self._file(place, next(rest, ""))
            elif word.startswith("--requirement="):
                self.found.requirements += self._file(place, word.partition("=")[2])
            elif word.startswith("-"):
                raise place.refuse(f"{word[:40]!r} is an option that pip install cannot have here", Stage.CONFIG_ERROR)
            elif requirements.normal(word.partition("=")[0]) not in _TOOLS:
                self.found.requirements += Requirements(wanted=(requirements.one(word, place),))

    def _file(self, place: Place, path: str) -> Requirements:
        """Named by its place inside: found again in the repo by what was copied there."""
        inside = self._inside(path)
        for source, target in reversed(self.found.copies):
            if PurePosixPath(inside).is_relative_to(target):
                rest = PurePosixPath(inside).relative_to(target)
                origin = str(PurePosixPath(source) / rest)
                if self._sources.has(origin):
                    return requirements.read(self._sources, origin, self._allowed)
        raise _refused(place, f"{path[:80]!r} was not copied before this line", needs_engine=False)

    def _inside(self, path: str) -> str:
        return _joined(self.found.folder, path)

    def _filled(self, text: str) -> str:
        known = {"HOME": "/scratch", **self._arguments, **self.found.environment}
        return _VARIABLE.sub(lambda found: known.get(found[1] or found[2], ""), text)


def _refused(place: Place, message: str, *, needs_engine: bool = True) -> Exception:
    return place.refuse(f"{message}: {_ENGINE}" if needs_engine else message, Stage.CONFIG_ERROR)


def _joined(folder: str, path: str) -> str:
    """An absolute path without `.` and `..`."""
    parts = list[str]()
    for part in (PurePosixPath(folder) / path).parts[1:]:
        if part == "..":
            parts = parts[:-1]
        elif part != ".":
            parts.append(part)
    return "/" + "/".join(parts)


def _unquoted(text: str) -> str:
    return text.strip().strip("\"'")


def _words(place: Place, text: str) -> list[str]:
    if text.startswith("["):
        try:
            found = json.loads(text)
        except ValueError:
            found = None
        if isinstance(found, list) and all(isinstance(word, str) for word in found):
            return found
    try:
        return shlex.split(text)
    except ValueError as error:
        raise _refused(place, f"It cannot be read: {error}", needs_engine=False) from None


def _instructions(lines: list[tuple[Place, str]]) -> list[tuple[Place, str, str]]:
    """(Where it begins, the word in capitals, the rest.)"""
    found = list[tuple[Place, str, str]]()
    begun: tuple[Place, str] | None = None
    for place, line in lines:
        if line.strip().startswith("#") or (not line.strip() and begun is None):
            continue
        where, before = begun or (place, "")
        if line.rstrip().endswith("\\"):
            begun = (where, before + line.rstrip()[:-1] + " ")
            continue
        begun = None
        found.append(_instruction(where, before + line))
        if len(found) > _INSTRUCTIONS_MAX:
            raise _refused(where, f"It has more than {_INSTRUCTIONS_MAX} instructions", needs_engine=False)
    return [*found, _instruction(*begun)] if begun and begun[1].strip() else found


def _instruction(place: Place, text: str) -> tuple[Place, str, str]:
    word, _, rest = text.strip().partition(" ")
    if "<<" in rest:
        raise _refused(place, "Text within a Dockerfile (<<) needs a container engine")
    return place, word.upper(), rest.strip()
