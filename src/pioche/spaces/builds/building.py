"""From a plan to an environment: looked up, or resolved, installed, compiled and kept."""

import functools
import hashlib
import json
import os
import platform
import re
import secrets
import shutil
import sys
import sysconfig
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pioche.config import Config
from pioche.errors import NotBuilt, NotOffered
from pioche.networks import Allowed
from pioche.runner.sandbox import Sandbox
from pioche.runner.spec import SCRATCH
from pioche.spaces.builds import compiling, registry
from pioche.spaces.builds.environments import INSIDE, About, Environment, Environments
from pioche.spaces.builds.gateway import INDEX_URL, REGISTRY_URL
from pioche.spaces.builds.index import Index, Source, configured
from pioche.spaces.builds.plan import Plan, read
from pioche.spaces.builds.pythons import Python, find
from pioche.spaces.builds.redaction import Redaction, Say
from pioche.spaces.builds.registry import Registry
from pioche.spaces.builds.sources import Sources
from pioche.spaces.builds.workshop import Caps, Step, Tools, Workshop
from pioche.spaces.spec import Stage
from pioche.storage.disk import translated

_VERSION = 1
"""Of what is done here: another one, and nothing that was built before is taken for the same."""
_TOOL, _GIVEN = Path("/tools/uv"), Path("/given")
_LOCK, _SITE = "lock.txt", "site"
_PINNED = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)(?:\[[^\]]*\])?==(?P<version>\S+)", re.MULTILINE)
_LAST_LINES = 25
_WITHOUT_UV = "uv is not installed (pip install 'pioche[spaces]')"
_DOWNLOADS_SHARE = 4
"""What is kept of downloads is at most one part in so many of what environments may take."""


@dataclass(frozen=True)
class _Asked:
    """A question, and the workshop in which it is answered."""

    plan: Plan
    python: Python
    workshop: Workshop
    given: Path
    say: Say

    def mounts(self, tool: Path) -> dict[Path, Path]:
        prefix = self.python.prefix
        of_python = {} if prefix == Path("/usr") else {prefix: prefix}
        return {tool: _TOOL, self.given: _GIVEN, **of_python}


class Builder:
    """Of one machine. All methods may be called from any thread; those of several processes share `folder`."""

    def __init__(
        self, tools: Tools, environments: Environments, *, pythons: Iterable[Path] = (), allowed: Sequence[str] = ()
    ) -> None:
        """`allowed`: how addresses in requirements may begin."""
        self._tools, self._environments = tools, environments
        self._places, self._allowed = tuple(pythons), tuple(allowed)

    @functools.cached_property
    def pythons(self) -> tuple[Python, ...]:
        """Those that a plan can choose from."""
        return find(self._places)

    def plan(self, folder: Path, config: Mapping[str, Any]) -> Plan:
        """Of the files of a commit, whose configuration `repos.facts.spaces.config` reads. Raises NotBuilt."""
        return read(folder, config, self.pythons, self._allowed)

    @contextmanager
    def environment(
        self,
        plan: Plan,
        say: Say,
        *,
        secrets: Iterable[str] = (),
        fresh: bool = False,
        stop: threading.Event | None = None,
    ) -> Iterator[Environment]:
        """The environment of a plan; it stays at least until the block is left, or this process dies. `fresh`: what was
        found out about the same requirements before does not count. `stop`, once it is set, ends a build.

        Raises NotBuilt, which says what to mend; SandboxTooWeak, StartFailed, NotOffered (there is no installer), OutOfSpace.
        """
        told = Redaction(say, secrets)
        for note in plan.notes:
            told(note)
        tools = replace(self._tools, index=self._tools.index.also(_elsewhere(plan)))
        asked = _question(plan, tools.index)
        with self._answered(asked, told, lambda: self._build(plan, asked, tools, told, stop), fresh=fresh) as found:
            yield found

    @contextmanager
    def site(
        self,
        plan: Plan,
        folder: Path,
        name: str,
        say: Say,
        *,
        secrets: Iterable[str] = (),
        fresh: bool = False,
        stop: threading.Event | None = None,
    ) -> Iterator[Path]:
        """The pages of a static Space that are built (`Plan.build_command`, run on a copy of its files): the folder that
        `Plan.app_file` is in, held and found again as an environment is. `name` says which commit of which repo it is.

        Raises NotBuilt, SandboxTooWeak, StartFailed, OutOfSpace."""
        told = Redaction(say, secrets)
        parts = [_VERSION, "site", name, plan.build_command, plan.app_file]
        asked = hashlib.sha256(json.dumps(parts).encode()).hexdigest()
        with self._answered(asked, told, lambda: self._pages(plan, folder, asked, told, stop), fresh=fresh) as found:
            yield found.place

    @contextmanager
    def image(self, plan: Plan, folder: Path, name: str) -> Iterator[dict[Path, Path]]:
        """The files of a repo where a Dockerfile copies them to: folders outside -> places inside, held as an environment is.

        `name` says which commit of which repo it is. Raises NotBuilt, OutOfSpace."""
        told = Redaction(lambda line: None)
        parts = [_VERSION, "image", name, plan.folder, plan.copies]
        asked = hashlib.sha256(json.dumps(parts).encode()).hexdigest()
        with self._answered(asked, told, lambda: self._copied(plan, folder, asked), fresh=False) as found:
            yield {place: Path("/", place.name) for place in sorted(found.place.iterdir())}

    def _copied(self, plan: Plan, folder: Path, asked: str) -> str:
        key = secrets.token_hex(32)
        with self._environments.staging() as staging, translated():
            tree = staging / "made" / "environment"
            for place in ("", plan.folder):
                (tree / place.lstrip("/")).mkdir(parents=True, exist_ok=True)
            for source, target in plan.copies:
                _copy(folder / source, tree / target.lstrip("/"))
            self._environments.adopt(tree, frozenset())
            self._environments.keep(key, staging / "made", About("", "", "image"))
        self._kept(asked, key)
        return key

    @contextmanager
    def _answered(self, asked: str, told: Redaction, make: Callable[[], str], *, fresh: bool) -> Iterator[Environment]:
        """What was made for a question, or is made now, by whoever comes first; `make` gives its key."""
        was_made = False
        key = None if fresh else self._environments.answer(asked)
        while True:
            if key is not None:
                with self._environments.lease(key) as found:
                    if found is not None:
                        if not was_made:
                            told("It is ready: nothing has changed in what it is made of")
                        yield found
                        return
            with self._environments.alone(asked):
                known = self._environments.answer(asked)
                was_made = known in (None, key) or fresh
                key = make() if was_made else known

    def _pages(self, plan: Plan, folder: Path, asked: str, told: Redaction, stop: threading.Event | None) -> str:
        """The key of what was made."""
        told(f"Running {plan.build_command}")
        key = secrets.token_hex(32)
        with self._environments.staging() as staging:
            workshop = Workshop(self._tools, staging, told, stop)
            with translated():
                shutil.copytree(folder, workshop.folder / _SITE, symlinks=True, ignore=shutil.ignore_patterns(".git"))
                for path in (workshop.folder / _SITE).rglob("*"):
                    if not path.is_symlink():
                        path.chmod(0o755)  # they may be read-only where they come from
            self._run_command(plan, workshop, told)
            self._environments.adopt(workshop.folder / _SITE, frozenset())
            if not Sources(workshop.folder / _SITE).has(plan.app_file):
                raise plan.build_place.refuse(
                    f"app_build_command made no file {plan.app_file[:200]!r}", Stage.NO_APP_FILE
                )
            made = staging / "made"
            made.mkdir()
            (workshop.folder / _SITE / plan.app_file).parent.rename(made / "environment")
            self._environments.keep(key, made, About("", "", "pages"))
        self._kept(asked, key)
        return key

    def _kept(self, asked: str, key: str) -> None:
        self._environments.remember(asked, key)
        with self._environments.lease(key):
            self._environments.make_room()

    def _run_command(self, plan: Plan, workshop: Workshop, told: Redaction) -> None:
        lines = deque[str](maxlen=_LAST_LINES)

        def heard(line: str) -> None:
            lines.append(line)
            told(line)

        argv = ("/bin/sh", "-c", plan.build_command)
        step = Step(
            argv=argv,
            folder=str(SCRATCH / _SITE),
            environment={"CI": "1", **registry.environment(REGISTRY_URL, SCRATCH)},
        )
        if not workshop.run([step], {}, with_index=True, say=heard).is_clean:
            raise plan.build_place.refuse(f"app_build_command failed: {' '.join(list(lines)[-4:])[:600]}")

    def _build(self, plan: Plan, asked: str, tools: Tools, say: Redaction, stop: threading.Event | None) -> str:
        """The key of what was made."""
        began = time.monotonic()
        python = plan.python
        if python is None:
            raise NotBuilt("It has no environment", stage=Stage.CONFIG_ERROR)
        with self._environments.staging() as folder:
            given = folder / "given"
            given.mkdir()
            given.chmod(0o755)
            question = _Asked(plan, python, Workshop(tools, folder, say, stop), given, say)
            lock, is_trusted = self._resolved(question)
            key = _key(lock, python) if is_trusted else secrets.token_hex(32)
            with self._environments.lease(key) as found:
                if found is None:
                    self._install(question, lock, folder, key, is_trusted=is_trusted)
        self._kept(asked, key)
        tools.index.tidy(self._environments.bytes_max // _DOWNLOADS_SHARE)
        say(f"The environment is ready after {time.monotonic() - began:.1f} s")
        return key

    # --- what is to be installed --------------------------------------------------------------------------------------

    def _resolved(self, asked: _Asked) -> tuple[str, bool]:
        """The lock, and whether nobody's code ran while it was made: then it says what an environment is."""
        requirements = asked.plan.requirements
        _give(asked.given / "requirements.in", [one.text for one in requirements.wanted])
        _give(asked.given / "constraints.in", [one.text for one in requirements.constraints])
        asked.say(f"Resolving {len(requirements.wanted)} requirements")
        silent = deque[str](maxlen=_LAST_LINES)
        if self._run_uv(asked, [_compile(asked, "--no-build")], silent.append):
            lock = _lock(asked)
            return lock, _is_hashed(lock)
        if asked.workshop.problems:
            raise _failed(asked.plan, "The package index did not answer", silent)
        asked.say("Some packages have no wheel for this Python: they are built")
        lines = deque[str](maxlen=_LAST_LINES)

        def heard(line: str) -> None:
            lines.append(line)
            asked.say(line)

        if not self._run_uv(asked, [_compile(asked)], heard):
            raise _failed(asked.plan, "The requirements cannot be met", lines)
        return _lock(asked), False

    def _install(self, asked: _Asked, lock: str, folder: Path, key: str, *, is_trusted: bool) -> None:
        names = [f"{found['name']}=={found['version']}" for found in _PINNED.finditer(lock)]
        asked.say(f"Installing {len(names)} packages: {' '.join(names)}")
        _give(asked.given / _LOCK, [lock])
        place = SCRATCH / "environment"
        install = [
            "pip", "install", "--python", f"{place}/bin/python", "--no-deps", "-r", str(_GIVEN / _LOCK),
            *(["--no-build", "--require-hashes"] if is_trusted and names else []),
        ]  # fmt: skip
        lines = deque[str](maxlen=_LAST_LINES)
        steps = [_uv("venv", "--relocatable", "--python", str(asked.python.executable), str(place)), _uv(*install)]

        def heard(line: str) -> None:
            lines.append(line)
            if not line.startswith((" + ", "Using CPython", "Creating virtual", "Activate with")):
                asked.say(line)

        if not self._run_uv(asked, steps, heard):
            raise _failed(asked.plan, "The packages cannot be installed", lines)
        made = folder / "made"
        made.mkdir()
        (asked.workshop.folder / "environment").rename(made / "environment")
        shutil.rmtree(asked.workshop.folder / "cache", ignore_errors=True)
        python = asked.python
        sources = self._environments.adopt(made / "environment", frozenset((str(python.executable),)))
        self._compile(asked, made / "environment", sources)
        self._environments.keep(key, made, About(str(python.executable), str(python.prefix), python.name, lock))

    def _run_uv(self, asked: _Asked, steps: list[Step], say: Say) -> bool:
        if not self._tools.index.sources:
            raise NotOffered(
                "This hub has no package index: its administrator names one (the setting spaces_index_url), or configures pip"
            )
        return asked.workshop.run(steps, asked.mounts(_tool()), with_index=True, say=say).is_clean

    # --- bytecode -----------------------------------------------------------------------------------------------------

    def _compile(self, asked: _Asked, tree: Path, sources: dict[str, str]) -> None:
        """Puts bytecode beside the sources: what was compiled for another environment, and what is compiled now."""
        wanted = {
            path: _bytecode(path, sha256, asked.python) for path, sha256 in sources.items() if path.endswith(".py")
        }
        missing = {path: name for path, name in wanted.items() if not self._environments.compiled(name).exists()}
        if missing:
            asked.say(f"Compiling {len(missing)} files")
            self._compiled(asked, tree, missing)
        for path, name in wanted.items():
            self._environments.put_compiled(tree / path, asked.python.minor, name)

    def _compiled(self, asked: _Asked, tree: Path, missing: dict[str, str]) -> None:
        out = asked.workshop.folder / "compiled"
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir()
        orders = [[str(INSIDE / path), str(SCRATCH / "compiled" / name)] for path, name in missing.items()]
        _give(asked.given / "sources.json", [json.dumps(orders)])
        script = Path(compiling.__file__).resolve()
        argv = (
            str(asked.python.executable),
            "-I",
            "-S",
            "-B",
            str(_GIVEN / "compiling.py"),
            str(_GIVEN / "sources.json"),
        )
        shutil.copyfile(script, asked.given / "compiling.py")
        (asked.given / "compiling.py").chmod(0o444)
        read_only = {**asked.mounts(_tool()), tree: INSIDE}
        asked.workshop.run([Step(argv=argv)], read_only, with_index=False)
        for name in missing.values():
            self._environments.take_compiled(out / name, name)


def of(config: Config, sandbox: Sandbox) -> Builder:
    """The hub's. It has done nothing yet."""
    folder = config.data_dir.resolve() / "cache" / "environments"
    allowed = [Allowed.parse(text) for text in config.outbound_allowed]
    caps = Caps(
        seconds=config.spaces_build_seconds,
        memory_bytes=config.spaces_build_memory_bytes,
        disk_bytes=config.spaces_build_bytes_max,
        download_bytes=config.spaces_build_bytes_max // 2,
    )
    index = Index(lambda: configured(config.spaces_index_url), folder / "index", allowed=allowed)
    npm = Registry(lambda: registry.configured(config.spaces_npm_url), allowed=allowed)
    return Builder(
        Tools(sandbox, index, npm, caps),
        Environments(folder, config.spaces_environments_bytes_max),
        pythons=_places(config),
        allowed=config.spaces_requirements_allowed,
    )


def pythons(config: Config) -> tuple[Python, ...]:
    """Those that Spaces of this hub can have."""
    return find(_places(config))


def missing(config: Config) -> str:
    """Why nothing can be built here, or nothing."""
    if _uv_of_this_machine() is None:
        return _WITHOUT_UV
    if not configured(config.spaces_index_url):
        return "there is no package index: spaces_index_url names one, or pip's own configuration"
    return "" if pythons(config) else "this machine has no Python for them"


def _places(config: Config) -> list[Path]:
    return [*map(Path, config.spaces_pythons), Path(sys.base_prefix, "bin")]


def _question(plan: Plan, index: Index) -> str:
    """What an environment follows from, as long as nobody asks the index anew."""
    requirements, python = plan.requirements, plan.python
    parts = [
        _VERSION, index.name, platform.machine(), str(python), requirements.previews,
        [one.text for one in requirements.wanted], [one.text for one in requirements.constraints],
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _key(lock: str, python: Python) -> str:
    parts = [_VERSION, platform.machine(), str(python), lock]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _bytecode(path: str, sha256: str, python: Python) -> str:
    """The path counts: it is written into bytecode, for tracebacks."""
    return hashlib.sha256(f"{_VERSION} {python.name} {path}\0{sha256}".encode()).hexdigest()


def _tool() -> Path:
    """The installer, which comes with the extra `spaces`. Raises NotOffered."""
    found = _uv_of_this_machine()
    if found is None:
        raise NotOffered(f"This hub cannot build Spaces: {_WITHOUT_UV}")
    return Path(found).resolve()


def _uv_of_this_machine() -> str | None:
    return shutil.which("uv", path=sysconfig.get_path("scripts")) or shutil.which("uv")


def _uv(*words: str) -> Step:
    cache = str(SCRATCH / "cache")
    return Step(
        argv=(str(_TOOL), *words),
        environment={
            "UV_CACHE_DIR": cache, "UV_NO_CONFIG": "1", "UV_DEFAULT_INDEX": INDEX_URL, "UV_PYTHON_DOWNLOADS": "never",
            "UV_NO_PROGRESS": "1", "NO_COLOR": "1", "UV_LINK_MODE": "hardlink", "UV_CONCURRENT_DOWNLOADS": "8",
            "UV_HTTP_RETRIES": "1",
        },
    )  # fmt: skip


def _compile(asked: _Asked, *words: str) -> Step:
    requirements = asked.plan.requirements
    return _uv(
        "pip", "compile", str(_GIVEN / "requirements.in"), "--constraints", str(_GIVEN / "constraints.in"), "--python",
        str(asked.python.executable), "--generate-hashes", "--no-annotate", "--no-header", "--quiet", "--output-file",
        str(SCRATCH / _LOCK), *(["--prerelease", "allow"] if requirements.previews else []), *words,
    )  # fmt: skip


def _lock(asked: _Asked) -> str:
    """Read as what strangers may have written: a plain file, and not a large one."""
    path = asked.workshop.folder / _LOCK
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with open(descriptor, "rb") as file:
        return file.read(2**20).decode(errors="replace")


def _copy(source: Path, target: Path) -> None:
    """As COPY does: of a folder, what is in it."""
    if source.is_dir():
        shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".git"))
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target, follow_symlinks=False)


def _is_hashed(lock: str) -> bool:
    """Whether it says of every package which files it may be: an index need not tell."""
    return all("--hash=" in line for line in lock.replace("\\\n", " ").splitlines() if _PINNED.match(line))


def _elsewhere(plan: Plan) -> list[Source]:
    return [Source.of(one.url, links=one.links) for one in plan.requirements.elsewhere]


def _give(path: Path, lines: list[str]) -> None:
    path.unlink(missing_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines))
    path.chmod(0o444)


def _failed(plan: Plan, message: str, lines: Iterable[str]) -> NotBuilt:
    """Names the line of the requirement that the installer speaks of."""
    told = [line.strip() for line in lines if line.strip()]
    text = " ".join(told)
    reason = re.sub(r"\s+", " ", " ".join(told[-8:]))[:600]
    for one in plan.requirements.wanted:
        if re.search(rf"(?<![\w-]){re.escape(one.name)}(?![\w-])", text, re.IGNORECASE):
            return one.place.refuse(f"{message}: {reason}")
    return NotBuilt(f"{message}: {reason}", stage=Stage.BUILD_ERROR)
