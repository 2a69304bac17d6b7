from pathlib import Path

import pytest

from pioche.errors import NotBuilt
from pioche.spaces.builds import requirements
from pioche.spaces.builds.sources import Sources


def _read(folder: Path, text: str, **others: str) -> requirements.Requirements:
    (folder / "requirements.txt").write_text(text)
    for name, other in others.items():
        (folder / f"{name}.txt").write_text(other)
    return requirements.read(Sources(folder), "requirements.txt")


def test_lines_are_handed_on_without_their_comments(tmp_path: Path) -> None:
    text = "# first\nFlask>=3  # web\n\nnumpy ==2.0 ; python_version > '3'\npandas[excel, xml] \\\n  <3\nuvicorn\n"
    found = _read(tmp_path, text)
    assert [one.text for one in found.wanted] == [
        "Flask>=3", "numpy ==2.0 ; python_version > '3'", "pandas[excel, xml] <3", "uvicorn",
    ]  # fmt: skip
    assert [one.place.line for one in found.wanted] == [2, 4, 5, 7]
    assert found.names("flask")


def test_other_files_of_the_repo_are_read_too(tmp_path: Path) -> None:
    found = _read(tmp_path, "-r more.txt\n--constraint=limits.txt\n--pre\n-U\n", more="six", limits="six<2")
    assert [one.text for one in found.wanted] == ["six"]
    assert [one.text for one in found.constraints] == ["six<2"]
    assert found.previews
    assert found.notes == ("requirements.txt, line 4: -U has no effect here",)


@pytest.mark.parametrize(
    "line",
    [
        "git+https://git.example/x.git", "x @ git+https://git.example/x.git", "x @ https://files.example/x.whl", "-e .",
        "--editable=src", "file:///etc", "./local.whl", "/etc/x", "~/x", "https://files.example/x.whl", "../x",
        "--index-url https://other.example/simple", "-i https://other.example", "-ihttps://other.example", "--find-links=x",
        "--extra-index-url https://other.example/simple", "-f x", "--trusted-host other.example", "x https://a.example",
        "svn+ssh://x", "x@file:///etc", "--config-settings=a", "!", "-r absent.txt", "-r ../other.txt", "-r /etc/passwd",
    ],
)  # fmt: skip
def test_what_leads_away_from_the_index_is_refused_with_its_line(tmp_path: Path, line: str) -> None:
    with pytest.raises(NotBuilt, match=r"^requirements\.txt, line 2: ") as refused:
        _read(tmp_path, f"six\n{line}\n")
    assert refused.value.stage == "BUILD_ERROR"


def test_files_that_name_each_other_end(tmp_path: Path) -> None:
    with pytest.raises(NotBuilt, match="more than 20 files"):
        _read(tmp_path, "-r requirements.txt")


def test_what_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_bytes(b"six\n\xff\xfe\n")
    with pytest.raises(NotBuilt, match="line 2: It is not text in UTF-8"):
        requirements.read(Sources(tmp_path), "requirements.txt")


def test_a_line_of_blanks_takes_no_time(tmp_path: Path) -> None:
    with pytest.raises(NotBuilt, match="is no requirement"):
        _read(tmp_path, f"a{' ' * 200_000}b{' ' * 20_000}\\\n\tc")


def test_links_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").symlink_to("/etc/hostname")
    assert requirements.read(Sources(tmp_path), "requirements.txt") == requirements.Requirements()


_ALLOWED = ("https://wheels.lan/cpu/",)
_WHEEL = f"https://wheels.lan/cpu/leaf-2.0+cpu-py3-none-any.whl#sha256={'ab' * 32}"


def test_addresses_that_the_administrator_allowed_are_other_places(tmp_path: Path) -> None:
    text = f"--extra-index-url https://wheels.lan/cpu\n-f https://wheels.lan/cpu/all.html\nleaf @ {_WHEEL}\n{_WHEEL}"
    (tmp_path / "requirements.txt").write_text(text)
    found = requirements.read(Sources(tmp_path), "requirements.txt", _ALLOWED)
    assert [one.text for one in found.wanted] == ["leaf==2.0+cpu"] * 2
    assert [(one.url, one.links) for one in found.elsewhere] == [
        ("https://wheels.lan/cpu", False), ("https://wheels.lan/cpu/all.html", True), (_WHEEL, True), (_WHEEL, True),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "line",
    [
        "--index-url https://wheels.lan/other", "-f https://wheels.lan/cpu/../other", "-f https://wheels.lan/cpux",
        "-f https://user@wheels.lan/cpu/", "x @ https://wheels.lan/cpu/leaf-2.0-py3-none-any.whl",
        "https://wheels.lan/cpu/leaf-2.0.tar.gz", "git+https://wheels.lan/cpu/x", "-e https://wheels.lan/cpu/x",
    ],
)  # fmt: skip
def test_others_are_refused_all_the_same(tmp_path: Path, line: str) -> None:
    (tmp_path / "requirements.txt").write_text(f"six\n{line}")
    with pytest.raises(NotBuilt, match="line 2"):
        requirements.read(Sources(tmp_path), "requirements.txt", _ALLOWED)
