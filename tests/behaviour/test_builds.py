"""Environments of Spaces: built of packages that the test made, in the best sandbox of this machine."""

import hashlib
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from pioche.errors import NotBuilt
from pioche.runner.sandbox import Sandbox
from pioche.runner.spec import Spec
from pioche.spaces.builds import index, requirements
from pioche.spaces.builds.building import Builder
from pioche.spaces.builds.environments import INSIDE, Environment, Environments
from pioche.spaces.builds.index import Index
from pioche.spaces.builds.plan import Plan
from pioche.spaces.builds.registry import Registry
from pioche.spaces.builds.requirements import Requirements
from pioche.spaces.builds.sources import Sources
from pioche.spaces.builds.workshop import Caps, Tools
from tests import building, packages
from tests.building import Yard, plan
from tests.packages import Packages

pytest.importorskip("uv")


@pytest.fixture
def yard() -> Iterator[Yard]:
    if not building.levels():
        pytest.skip("this machine has no sandbox for strangers' code")
    with building.yard() as made:
        made.packages.wheel("six", "1.16", requires=("leaf>=1",), scripts={"six": "six:main"}, files={
            "six.py": "import leaf\ndef main(): print('six with', leaf.version)\n", "six_broken.py": "print 'of Python 2'\n",
        })  # fmt: skip
        made.packages.wheel("leaf", "1.0")
        made.packages.wheel("leaf", "2.0")
        yield made


def _key(builder: Builder, yard: Yard, *requirements: str) -> str:
    with builder.environment(plan(*requirements), yard.lines.append) as environment:
        return environment.key


def _output(yard: Yard, environment: Environment, *command: str) -> str:
    """Of a command that runs in it, as apps do."""
    spec = Spec(
        command=command, read_only=environment.read_only, environment={"PATH": environment.path, "PYTHONPATH": ""},
        remote_code=True,
    )  # fmt: skip
    with Sandbox(yard.folder / "sandboxes").start(spec) as running:
        running.wait(60)
        return running.log.text


def test_an_app_finds_its_packages_their_commands_and_their_bytecode(yard: Yard) -> None:
    with yard.builder().environment(plan("six"), yard.lines.append) as environment:
        assert _output(yard, environment, environment.python, "-c", "import six; six.main()").startswith("six with 2.0")
        assert _output(yard, environment, "six").startswith("six with 2.0")
        script = "import leaf; print(leaf.__file__, leaf.__cached__)"
        place = f"{INSIDE}/lib/python3.{building.HERE.minor}/site-packages"
        shown = _output(yard, environment, "python", "-v", "-c", script)
        assert f"{place}/leaf.py {place}/__pycache__/leaf.cpython-3{building.HERE.minor}.pyc" in shown
        assert f"code object from '{place}/__pycache__/leaf.cpython-3{building.HERE.minor}.pyc'" in shown
    assert "Installing 2 packages: leaf==2.0 six==1.16" in yard.log


def test_unchanged_requirements_ask_nobody(yard: Yard) -> None:
    key = _key(yard.builder(), yard, "six")
    asked = len(yard.packages.asked)
    yard.lines.clear()
    assert _key(yard.builder(), yard, "six") == key
    assert len(yard.packages.asked) == asked
    assert yard.lines == ["It is ready: nothing has changed in what it is made of"]


def test_spaces_whose_requirements_come_to_the_same_share_an_environment(yard: Yard) -> None:
    builder = yard.builder()
    assert _key(builder, yard, "six") == _key(builder, yard, "six>=1", "leaf") != _key(builder, yard, "six", "leaf<2")


def test_files_and_bytecode_that_are_the_same_are_there_once(yard: Yard) -> None:
    builder = yard.builder()
    with (
        builder.environment(plan("leaf==1.0"), yard.lines.append) as one,
        builder.environment(plan("leaf==1.0", "six"), yard.lines.append) as other,
    ):
        for name in ("leaf.py", f"__pycache__/leaf.cpython-3{building.HERE.minor}.pyc"):
            first, second = (next(found.place.glob(f"lib/*/site-packages/{name}")) for found in (one, other))
            assert first.samefile(second)
    assert "Compiling 2 files" in yard.log  # six and the one that cannot be; leaf was before


def test_constraints_and_previews_count(yard: Yard) -> None:
    asked = plan("leaf")
    limited = replace(asked, requirements=Requirements(asked.requirements.wanted, plan("leaf<2").requirements.wanted))
    with yard.builder().environment(limited, yard.lines.append) as environment:
        assert "leaf==1.0" in environment.about.lock
    yard.packages.wheel("leaf", "3.0rc1")
    previews = replace(asked, requirements=Requirements(asked.requirements.wanted, previews=True))
    with yard.builder().environment(replace(previews, notes=("a note",)), yard.lines.append) as environment:
        assert "leaf==2.0" in environment.about.lock  # pages are remembered for some minutes
    assert "a note" in yard.lines


def test_what_has_no_wheel_is_built(yard: Yard) -> None:
    yard.packages.sdist("source", "1.0")
    with yard.builder().environment(plan("source", "leaf"), yard.lines.append) as environment:
        assert _output(yard, environment, "python", "-c", "import source; print(source.version)").startswith("1.0")
    assert "Some packages have no wheel for this Python: they are built" in yard.log


@pytest.mark.parametrize(
    ("requirement", "words"),
    [("absent", "absent"), ("leaf==9", "leaf==9"), ("leaf==1.0.0.0.x", "leaf"), ("leaf>=2, <1", "leaf")],
)
def test_what_cannot_be_met_names_its_line(yard: Yard, requirement: str, words: str) -> None:
    with pytest.raises(NotBuilt) as refused, yard.builder().environment(plan("six", requirement), yard.lines.append):
        pass
    assert (refused.value.stage, refused.value.path, refused.value.line) == ("BUILD_ERROR", "requirements.txt", 2)
    assert words in refused.value.message


def test_two_builds_of_the_same_at_once_make_one(yard: Yard) -> None:
    keys = list[str]()

    def build() -> None:
        keys.append(_key(yard.builder(), yard, "six"))

    threads = [threading.Thread(target=build) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(keys) == 3
    assert len(set(keys)) == 1
    assert sum(line.startswith("Resolving") for line in yard.lines) == 1


def test_a_build_that_nobody_waits_for_is_stopped(yard: Yard) -> None:
    yard.packages.sdist("slow", "1.0", "import time\ntime.sleep(120)")
    stop = threading.Event()

    def heard(line: str) -> None:
        if "they are built" in line:
            stop.set()

    with pytest.raises(NotBuilt, match="nobody waits") as refused, yard.builder().environment(
        plan("slow"), heard, stop=stop
    ):  # fmt: skip
        pass
    assert refused.value.stage == "STOPPED"


def test_an_environment_in_use_stays_when_there_is_no_room(yard: Yard) -> None:
    builder, environments = yard.builder(), yard.environments(bytes_max=0)
    with builder.environment(plan("leaf==1.0"), yard.lines.append) as used:
        unused = _key(builder, yard, "six")
        environments.make_room()
        assert (used.place / "bin" / "python").is_symlink()
        assert not (yard.folder / "environments" / "kept" / unused).exists()
    environments.make_room()
    assert [*Path(yard.folder, "environments", "files").rglob("?" * 64)] == []
    assert _key(builder, yard, "six") == unused  # it is made again


def test_a_factory_rebuild_looks_at_the_index_again(yard: Yard) -> None:
    builder = yard.builder()
    first = _key(builder, yard, "leaf")
    yard.packages.wheel("leaf", "3.0")
    for page in (yard.folder / "environments" / "index" / "pages").iterdir():
        page.unlink()  # some minutes later
    assert _key(builder, yard, "leaf") == first
    with builder.environment(plan("leaf"), yard.lines.append, fresh=True) as environment:
        assert environment.key != first
        assert "leaf==3.0" in environment.about.lock
    assert _key(builder, yard, "leaf") == environment.key


def test_no_requirements_are_an_environment_too(yard: Yard) -> None:
    with yard.builder().environment(plan(), yard.lines.append) as environment:
        assert _output(yard, environment, "python", "-c", "print('here')").startswith("here")


def test_the_index_of_this_machine_is_that_of_its_pip() -> None:
    pip = subprocess.run(
        ["pip", "config", "get", "global.extra-index-url"], capture_output=True, text=True, check=False
    )
    urls = " ".join(source.url for source in index.configured())
    assert all(one in urls for one in pip.stdout.split())


@pytest.mark.parametrize("has_hash", [True, False])
def test_what_the_administrator_allows_comes_from_elsewhere(yard: Yard, *, has_hash: bool) -> None:
    other = Packages(yard.folder / "other")
    other.folder.mkdir()
    wheel = other.wheel("branch", "7.0")
    with packages.serving(other) as url:
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
        address = f"{url}branch/{wheel.name}" + (f"#sha256={digest}" if has_hash else "")
        (yard.folder / "repo").mkdir()
        (yard.folder / "repo" / "requirements.txt").write_text(f"six\nbranch @ {address}")
        found = requirements.read(Sources(yard.folder / "repo"), "requirements.txt", (url,))
        with yard.builder().environment(replace(plan(), requirements=found), yard.lines.append) as environment:
            assert _output(yard, environment, "python", "-c", "import branch, six; print(branch.version)").startswith(
                "7.0"
            )


_PAGE = "mkdir -p dist && sed s/NAME/world/ page.in > dist/index.html && echo built && cp page.in dist/more.txt"


@contextmanager
def _site(yard: Yard, command: str, app_file: str = "dist/index.html") -> Iterator[Path]:
    source = yard.folder / "repo"
    source.mkdir(exist_ok=True)
    (source / "page.in").write_text("hello NAME")
    (source / "page.in").chmod(0o444)
    asked = Plan(sdk="static", app_file=app_file, build_command=command)
    with yard.builder().site(asked, source, "repo-commit", yard.lines.append) as place:
        yield place


def test_pages_are_built_by_the_command_of_the_card(yard: Yard) -> None:
    with _site(yard, _PAGE) as made:
        assert (made / "index.html").read_text() == "hello world"
        assert sorted(path.name for path in made.iterdir()) == ["index.html", "more.txt"]
        yard.environments(bytes_max=0).make_room()
        assert (made / "index.html").exists()
    assert not (yard.folder / "repo" / "dist").exists()
    assert yard.lines[-1] == "built"
    with _site(yard, _PAGE) as again:
        assert again == made


@pytest.mark.skipif(shutil.which("node", path="/usr/local/bin:/usr/bin") is None, reason="there is no node")
def test_pages_are_built_with_node(yard: Yard) -> None:
    script = "require('fs').mkdirSync('dist'); require('fs').writeFileSync('dist/index.html', String(6 * 7))"
    with _site(yard, f'node -e "{script}"') as made:
        assert (made / "index.html").read_text() == "42"


@pytest.mark.skipif(shutil.which("npm", path="/usr/local/bin:/usr/bin") is None, reason="there is no npm")
def test_pages_take_what_they_need_from_the_registry_of_npm(yard: Yard) -> None:
    yard.npm = yard.url.replace("/simple/", "/npm/")
    yard.packages.of_npm("left", "1.2.3", {"index.js": "module.exports = 'from npm'"}, yard.npm)
    yard.packages.of_npm("@scope/right", "2.0.0", {"index.js": "module.exports = 'scoped'"}, yard.npm)
    (yard.folder / "repo").mkdir()
    (yard.folder / "repo" / "package.json").write_text(
        '{"name": "page", "version": "1.0.0", "dependencies": {"left": "^1.0.0"}, "devDependencies": {"@scope/right": "2"}}'
    )
    script = "fs.mkdirSync('dist'); fs.writeFileSync('dist/index.html', require('left') + require('@scope/right'))"
    command = f"npm install && node -e \"const fs = require('fs'); {script}\""
    with _site(yard, command) as made:
        assert (made / "index.html").read_text() == "from npmscoped"
    assert "/npm/left/-/left-1.2.3.tgz" in yard.packages.asked


@pytest.mark.parametrize(
    ("command", "stage", "words"),
    [
        ("echo no such thing >&2; exit 3", "BUILD_ERROR", "no such thing"),
        ("true", "NO_APP_FILE", "made no file"),
        ("mkdir dist; ln -s /etc/passwd dist/index.html", "BUILD_ERROR", "a link that leads out"),
        ("mkdir dist; mkfifo dist/index.html", "BUILD_ERROR", "is no file"),
        ("exec 3<>/dev/tcp/127.0.0.1/1 || cat /etc/shadow", "BUILD_ERROR", "app_build_command failed"),
    ],
)
def test_pages_that_are_not_built_say_why(yard: Yard, command: str, stage: str, words: str) -> None:
    with pytest.raises(NotBuilt, match=words) as refused, _site(yard, command):
        pass
    assert refused.value.stage == stage


@pytest.mark.long
@pytest.mark.parametrize("package", ["gradio[oauth]", "streamlit", "flask"])
def test_the_real_frameworks_are_built_from_the_index_of_this_machine(yard: Yard, package: str) -> None:
    if not any(source.url.startswith("http") for source in index.configured()):
        pytest.skip("this machine has no package index")
    name = package.partition("[")[0]
    place = yard.folder / "environments"
    found = Index(index.configured, place / "index")
    tools = Tools(Sandbox(yard.folder / "sandboxes"), found, Registry(lambda: None), Caps())
    builder = Builder(tools, Environments(place, 2**32))
    with builder.environment(plan(package), yard.lines.append) as environment:
        shown = _output(yard, environment, "python", "-c", f"import {name}; print('has', {name}.__file__)")
        assert f"has {INSIDE}" in shown, shown
