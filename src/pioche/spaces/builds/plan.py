"""What a Space asks for, read from its files: everything that can be said before anything runs."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pioche.errors import BadCard, NotBuilt
from pioche.repos import cards
from pioche.spaces.builds import dockerfile, packages, pythons, requirements
from pioche.spaces.builds.pythons import Python
from pioche.spaces.builds.requirements import Requirement, Requirements
from pioche.spaces.builds.sources import Place, Sources
from pioche.spaces.spec import Stage

_README = "README.md"
_SDKS = ("gradio", "streamlit", "static", "docker")
_PACKAGES = {"gradio": "gradio[oauth]", "streamlit": "streamlit"}
_VERSION = re.compile(r"[0-9]+(?:\.[0-9]+){0,3}(?:(?:a|b|rc)[0-9]+)?(?:\.(?:post|dev)[0-9]+)?\Z")
_WRITTEN = re.compile(r"[a-z_]+:\s*(?P<number>[0-9.]+)\s*(?:#.*)?\Z")
_BEFORE, _MAIN = "pre-requirements.txt", "requirements.txt"
_PORT = 7860
_COMMAND_CHARACTERS_MAX = 500


@dataclass(frozen=True, kw_only=True)
class Plan:
    """`python` is None for a static Space, which has no environment either."""

    sdk: str
    app_file: str = ""
    """Of the repo; for a static Space that is built, of what building gives."""
    port: int = _PORT
    python: Python | None = None
    requirements: Requirements = field(default_factory=Requirements)
    build_command: str = ""
    """Of a static Space."""
    build_place: Place = Place(_README)
    command: tuple[str, ...] = ()
    """What a Dockerfile says is run; empty for the other kinds."""
    folder: str = ""
    """Where that runs."""
    copies: tuple[tuple[str, str], ...] = ()
    """Paths of the repo and where they are to be seen, from a Dockerfile."""
    environment: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    """For the log."""


def read(folder: Path, config: Mapping[str, Any], pythons: Sequence[Python], allowed: Sequence[str] = ()) -> Plan:
    """`config` is `repos.facts.spaces.config` of the same commit; `allowed` are the beginnings of addresses that requirements may
    name. Raises NotBuilt."""
    return _Reader(Sources(folder), config, pythons, allowed).read()


class _Reader:
    def __init__(
        self, sources: Sources, config: Mapping[str, Any], pythons: Sequence[Python], allowed: Sequence[str]
    ) -> None:
        self._sources, self._config, self._pythons, self._allowed = sources, config, pythons, allowed
        try:
            self._card = cards.parse(sources.beginning(_README))
        except BadCard as error:
            raise Place(_README).refuse(error.message, Stage.CONFIG_ERROR) from None

    def read(self) -> Plan:
        self._check_card()
        sdk = str(self._config.get("sdk") or "")
        if sdk not in _SDKS:
            raise self._at("sdk").refuse(f"sdk is one of {', '.join(_SDKS)}", Stage.CONFIG_ERROR)
        if sdk == "static":
            return self._static()
        if sdk == "docker" and (self._sources.has(dockerfile.FILE) or "app_file" not in self._card.data):
            return self._container()
        return self._app(sdk)

    def _static(self) -> Plan:
        command = str(self._config.get("app_build_command") or "")
        app_file = self._app_file("index.html")
        if not command and not self._sources.has(app_file):
            raise self._no_file(app_file)
        return Plan(sdk="static", app_file=app_file, build_command=command, build_place=self._at("app_build_command"))

    def _app(self, sdk: str) -> Plan:
        app_file = self._app_file("app.py")
        if not self._sources.has(app_file):
            raise self._no_file(app_file)
        asked = requirements.read(self._sources, _BEFORE, self._allowed)
        asked += requirements.read(self._sources, _MAIN, self._allowed)
        own, notes = self._of_sdk(sdk, asked)
        asked = Requirements(wanted=own) + asked
        python, told = self._python(self._version("python_version") or "3.10", self._at("python_version"))
        return Plan(
            sdk=sdk, app_file=app_file, port=self._port(), python=python, requirements=asked,
            notes=(*told, *notes, *asked.notes, *packages.check(self._sources)),
        )  # fmt: skip

    def _container(self) -> Plan:
        found = dockerfile.read(self._sources, self._allowed)
        python, told = self._python(found.version, found.version_place)
        return Plan(
            sdk="docker", port=self._port(found.port), python=python, requirements=found.requirements, command=found.command,
            folder=found.folder, copies=tuple(found.copies), environment=found.environment,
            notes=(*told, *found.notes, *found.requirements.notes, *packages.check(self._sources)),
        )  # fmt: skip

    def _of_sdk(self, sdk: str, asked: Requirements) -> tuple[tuple[Requirement, ...], tuple[str, ...]]:
        """The package of the SDK, in the version that the card names."""
        package, version = _PACKAGES.get(sdk), self._version("sdk_version")
        if package is None:
            return (), ()
        name = package.partition("[")[0]
        if not version and not asked.names(name) and not self._sources.mentions(name):
            return (), (f"No file names {name}: the app is run with what its requirements name",)
        place = self._at("sdk_version")
        return (Requirement(name, f"{package}=={version}" if version else package, place),), ()

    def _python(self, text: str, place: Place) -> tuple[Python, tuple[str, ...]]:
        minor = pythons.asked(text)
        if minor is None:
            raise place.refuse(f"{text[:40]!r} is no version of Python 3", Stage.CONFIG_ERROR)
        found = pythons.nearest(self._pythons, minor)
        if found is None:
            raise place.refuse("This machine has no Python that apps can run with", Stage.CONFIG_ERROR)
        if minor not in (-1, found.minor):
            return found, (f"This machine has no Python 3.{minor}: Python {found.name} is the nearest that it has",)
        return found, (f"Python {found.name}",)

    def _version(self, name: str) -> str:
        """As it is written: to YAML, 1.40 without quotes is the number 1.4."""
        place, value = self._at(name), str(self._config.get(name) or "")
        lines = self._sources.beginning(_README).splitlines()
        found = _WRITTEN.match(lines[place.line - 1]) if place.line and place.line <= len(lines) else None
        return found["number"] if found and isinstance(self._card.data.get(name), float) else value

    def _app_file(self, default: str) -> str:
        path = str(self._config.get("app_file") or default)
        if path.startswith("/") or ".." in path.split("/") or "\0" in path or "\n" in path:
            raise self._at("app_file").refuse("app_file is the path of a file in this repo", Stage.CONFIG_ERROR)
        return path

    def _port(self, exposed: int | None = None) -> int:
        if "app_port" in self._card.data or exposed is None:
            return int(self._config.get("app_port") or _PORT)
        return exposed

    def _no_file(self, path: str) -> NotBuilt:
        place = self._at("app_file")
        return place.refuse(f"There is no file {path[:200]!r} to run", Stage.NO_APP_FILE)

    def _check_card(self) -> None:
        """What the configuration leaves out because it makes no sense has to be told, since the author meant something."""
        for name, problem in _problems(self._card.data):
            raise self._at(name).refuse(f"{name} {problem}", Stage.CONFIG_ERROR)

    def _at(self, name: str) -> Place:
        return Place(_README, self._card.lines.get(name))


def _problems(card: Mapping[str, object]) -> list[tuple[str, str]]:
    found = list[tuple[str, str]]()
    for name in ("app_file", "sdk_version", "python_version", "app_build_command"):
        if name in card and (isinstance(card[name], bool | list | dict) or not str(card[name] or "").strip()):
            found.append((name, "is a text"))
    if card.get("sdk") not in (None, *_SDKS):
        found.append(("sdk", f"is one of {', '.join(_SDKS)}, not {str(card['sdk'])[:40]!r}"))
    port = card.get("app_port", _PORT)
    if type(port) is not int or not 0 < port < 65536:
        found.append(("app_port", "is a number from 1 to 65535"))
    if "sdk_version" in card and not found and not _VERSION.match(str(card["sdk_version"])):
        found.append(("sdk_version", f"is a version such as 5.9.1, not {str(card['sdk_version'])[:40]!r}"))
    if len(str(card.get("app_build_command", ""))) > _COMMAND_CHARACTERS_MAX:
        found.append(("app_build_command", f"has at most {_COMMAND_CHARACTERS_MAX} characters"))
    return found
