"""What a Space asks for, and what is said when it cannot be had: the stage, the file, the line."""

from pathlib import Path

import pytest

from pioche.errors import NotBuilt
from pioche.repos import cards
from pioche.repos.facts import spaces
from pioche.repos.facts.observation import Observed
from pioche.spaces.builds import plan
from pioche.spaces.builds.plan import Plan
from pioche.spaces.builds.pythons import Python

_PYTHONS = tuple(Python((3, minor, 1), Path(f"/python3.{minor}"), Path("/")) for minor in (10, 11, 13))


def _plan(folder: Path, card: str, **files: str) -> Plan:
    folder.mkdir(exist_ok=True)
    for name, text in {"README.md": f"---\n{card}\n---\n", **files}.items():
        (folder / name).write_text(text)
    data = cards.read((folder / "README.md").read_bytes()).data
    return plan.read(folder, spaces.config(Observed(card=data), None), _PYTHONS)


def _texts(found: Plan) -> list[str]:
    return [one.text for one in found.requirements.wanted]


def test_gradio_is_a_requirement_in_the_version_of_the_card(tmp_path: Path) -> None:
    found = _plan(
        tmp_path, "sdk: gradio\nsdk_version: 5.9.1\npython_version: 3.11\napp_port: 7000",
        **{"app.py": "", "requirements.txt": "numpy", "pre-requirements.txt": "pip"},
    )  # fmt: skip
    assert _texts(found) == ["gradio[oauth]==5.9.1", "pip", "numpy"]
    assert (found.sdk, found.app_file, found.port) == ("gradio", "app.py", 7000)
    assert found.python is not None
    assert found.python.minor == 11


def test_streamlit_too(tmp_path: Path) -> None:
    found = _plan(tmp_path, "sdk: streamlit\nsdk_version: 1.40\napp_file: main.py", **{"main.py": ""})
    assert _texts(found) == ["streamlit==1.40"]


def test_an_app_that_names_no_gradio_is_run_with_what_it_requires(tmp_path: Path) -> None:
    found = _plan(tmp_path, "sdk: gradio", **{"app.py": "import flask", "requirements.txt": "flask"})
    assert _texts(found) == ["flask"]
    assert "No file names gradio" in found.notes[1]
    assert _texts(_plan(tmp_path, "sdk: gradio", **{"app.py": "import gradio as gr"})) == ["gradio[oauth]", "flask"]


def test_docker_without_a_dockerfile_is_any_app_of_python(tmp_path: Path) -> None:
    found = _plan(tmp_path, "sdk: docker\napp_file: web.py", **{"web.py": "", "requirements.txt": "starlette"})
    assert (_texts(found), found.app_file, found.command) == (["starlette"], "web.py", ())


def test_a_python_that_is_not_there_is_told(tmp_path: Path) -> None:
    found = _plan(tmp_path, "sdk: gradio\npython_version: '3.12'", **{"app.py": "gradio"})
    assert found.python is not None
    assert found.python.minor == 13
    assert found.notes[0] == "This machine has no Python 3.12: Python 3.13.1 is the nearest that it has"
    with pytest.raises(NotBuilt, match="no Python that apps can run with"):
        plan.read(tmp_path, {"sdk": "gradio"}, ())


def test_static_pages_have_no_environment(tmp_path: Path) -> None:
    found = _plan(tmp_path, "sdk: static", **{"index.html": ""})
    assert (found.python, found.app_file) == (None, "index.html")
    found = _plan(tmp_path, "sdk: static\napp_build_command: npm run build\napp_file: dist/index.html")
    assert (found.build_command, found.app_file) == ("npm run build", "dist/index.html")


@pytest.mark.parametrize(
    ("card", "line", "words"),
    [
        ("sdk: gradio\npython_version: '2.7'", 3, "no version of Python 3"),
        ("sdk: gradio\n\nsdk_version: latest", 4, "a version such as"),
        ("title: x\nsdk: shiny", 3, "one of gradio, streamlit"),
        ("sdk: gradio\napp_port: 99999", 3, "a number from 1 to 65535"),
        ("sdk: gradio\napp_port: eight", 3, "a number from 1 to 65535"),
        ("sdk: gradio\napp_file: [a]", 3, "is a text"),
        ("sdk: gradio\napp_file: ../x.py", 3, "the path of a file in this repo"),
        ("sdk: gradio\napp_file: /etc/passwd", 3, "the path of a file in this repo"),
        ("title: x", None, "sdk is one of"),
    ],
)
def test_a_wrong_field_is_a_configuration_error_with_its_line(
    tmp_path: Path, card: str, line: int | None, words: str
) -> None:
    with pytest.raises(NotBuilt, match=words) as refused:
        _plan(tmp_path, card, **{"app.py": "gradio"})
    assert (refused.value.stage, refused.value.path, refused.value.line) == ("CONFIG_ERROR", "README.md", line)


def test_metadata_that_cannot_be_read_names_its_line(tmp_path: Path) -> None:
    with pytest.raises(NotBuilt, match=r"README\.md: .*\(line 4\)") as refused:
        _plan(tmp_path, "sdk: gradio\ntitle: [")
    assert refused.value.stage == "CONFIG_ERROR"


@pytest.mark.parametrize(
    "card",
    ["sdk: gradio", "sdk: static", f"sdk: gradio\napp_file: {'x' * 300}/x.py", "sdk: gradio\napp_file: folder/x.py"],
)
def test_an_app_that_is_not_there(tmp_path: Path, card: str) -> None:
    with pytest.raises(NotBuilt, match="There is no file") as refused:
        _plan(tmp_path, card)
    assert refused.value.stage == "NO_APP_FILE"
    with pytest.raises(NotBuilt) as refused:
        _plan(tmp_path, "sdk: docker")
    assert refused.value.stage == "NO_APP_FILE"


def test_a_long_readme_is_read_as_far_as_its_metadata(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("gradio")
    (tmp_path / "README.md").write_text("---\nsdk: gradio\nsdk_version: latest\n---\n" + "\xe9" * 300_000)
    with pytest.raises(NotBuilt, match="line 3: sdk_version"):
        plan.read(tmp_path, {"sdk": "gradio"}, _PYTHONS)
