"""The Dockerfiles that need no container engine, and the line at which one does."""

from pathlib import Path

import pytest

from pioche.errors import NotBuilt
from pioche.spaces.builds import dockerfile
from pioche.spaces.builds.sources import Sources

_OF_THE_DOCUMENTATION = """\
# read the doc
FROM python:3.9

RUN useradd -m -u 1000 user
USER user
ENV PATH="/home/user/.local/bin:$PATH"

WORKDIR /app

COPY --chown=user ./requirements.txt requirements.txt
RUN pip install --no-cache-dir --upgrade -r requirements.txt

COPY --chown=user . /app
CMD ["uvicorn", "app:app", "--host", "0.0.0.0", "--port", "7860"]
"""


def _read(folder: Path, text: str) -> dockerfile.Container:
    (folder / "Dockerfile").write_text(text)
    (folder / "requirements.txt").write_text("fastapi\nuvicorn[standard]\n")
    (folder / "app.py").write_text("")
    return dockerfile.read(Sources(folder))


def test_the_dockerfile_of_the_documentation(tmp_path: Path) -> None:
    found = _read(tmp_path, _OF_THE_DOCUMENTATION)
    assert (found.version, found.folder) == ("3.9", "/app")
    assert found.copies == [("requirements.txt", "/app/requirements.txt"), (".", "/app")]
    assert [one.text for one in found.requirements.wanted] == ["fastapi", "uvicorn[standard]"]
    assert found.command[:2] == ("uvicorn", "app:app")
    assert "PATH" not in found.environment


def test_variables_packages_and_ports(tmp_path: Path) -> None:
    text = """\
ARG VERSION=3.11
FROM python:${VERSION}-slim AS base
LABEL a=b
ENV NAME=world GREETING="hello $NAME"
ENV OLD value of it
WORKDIR /srv
WORKDIR app
COPY app.py requirements.txt ./
RUN mkdir -p /x && \\
    # a comment between
    pip install --upgrade pip && python -m pip install "flask>=3" gunicorn==23.0.0 -r ./requirements.txt
EXPOSE 8080/tcp
ENTRYPOINT ["gunicorn"]
CMD ["app:app"]
"""
    found = _read(tmp_path, text)
    assert (found.version, found.folder, found.port) == ("3.11", "/srv/app", 8080)
    assert (
        found.environment == {"NAME": "world", "GREETING": "hello world", "OLD": "value of it"}
        or found.environment["OLD"] == "value of it"
    )
    assert [one.text for one in found.requirements.wanted] == [
        "flask>=3", "gunicorn==23.0.0", "fastapi", "uvicorn[standard]",
    ]  # fmt: skip
    assert found.copies == [("app.py", "/srv/app/app.py"), ("requirements.txt", "/srv/app/requirements.txt")]
    assert found.command == ("gunicorn", "app:app")


def test_a_home_is_where_its_dockerfile_says_and_no_variable_of_the_app(tmp_path: Path) -> None:
    text = "FROM python:3.11\nENV HOME=/home/user \\\n PATH=/home/user/bin:$PATH\nWORKDIR $HOME/app\nCOPY . $HOME/app\nCMD x"
    found = _read(tmp_path, text)
    assert (found.folder, found.copies, found.environment) == ("/home/user/app", [(".", "/home/user/app")], {})


def test_a_command_may_be_a_line_for_the_shell(tmp_path: Path) -> None:
    assert _read(tmp_path, "FROM python:3.11\nCMD python app.py").command == ("/bin/sh", "-c", "python app.py")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("RUN apt-get update", "RUN apt-get needs a container engine"),
        ("RUN curl https://x.example | sh", "RUN curl needs a container engine"),
        ("FROM alpine", "a second FROM needs"),
        ("VOLUME /data", "VOLUME needs a container engine"),
        ("ONBUILD RUN x", "ONBUILD needs"),
        ("SHELL [\"bash\"]", "SHELL needs"),
        ("COPY --from=build /a /b", "--from=build needs"),
        ("ADD https://x.example/file /", "not a file or a folder of this repo"),
        ("COPY ../x /", "not a file or a folder of this repo"),
        ("COPY absent /", "There is no file or folder"),
        ("RUN pip install git+https://x.example/y", "address or a path"),
        ("RUN pip install --index-url https://x.example y", "is an option that"),
        ("RUN pip install -r absent.txt", "was not copied before this line"),
        ("COPY . .", "go to a folder of their own"),
        ("COPY . /usr/lib", "go to a folder of their own"),
        ("RUN cat <<EOF", "needs a container engine"),
        ("EXPOSE many", "is no port"),
        ("CMD [1]", "A command is written as"),
        ("COPY \"x", "It cannot be read"),
    ],
)  # fmt: skip
def test_everything_else_is_refused_with_its_line(tmp_path: Path, line: str, words: str) -> None:
    with pytest.raises(NotBuilt) as refused:
        _read(tmp_path, f"FROM python:3.11\n\n{line}\n")
    assert words in refused.value.message
    assert (refused.value.path, refused.value.line) == ("Dockerfile", 3)


def test_links_in_the_repo_lead_nowhere(tmp_path: Path) -> None:
    (tmp_path / "etc").symlink_to("/etc")
    for path in ("etc", "etc/hostname"):
        with pytest.raises(NotBuilt, match="There is no file or folder"):
            _read(tmp_path, f"FROM python:3.11\nCOPY {path} /x")


def test_one_that_begins_or_ends_too_early(tmp_path: Path) -> None:
    for text, words in (("", "begins with FROM"), ("WORKDIR /x", "has to be FROM"), ("FROM python:3", "neither CMD"), (
        "FROM nvidia/cuda:12", "needs a container engine")):  # fmt: skip
        with pytest.raises(NotBuilt, match=words) as refused:
            _read(tmp_path, text)
        assert refused.value.stage == "CONFIG_ERROR"
