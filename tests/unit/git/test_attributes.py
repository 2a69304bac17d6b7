import subprocess
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pioche.git.attributes import DATASET_GITATTRIBUTES, DEFAULT_GITATTRIBUTES, ignore_matcher, lfs_matcher

PATHS = [
    "a", "a.bin", "dir/a.bin", "model.safetensors", "deep/er/model.safetensors", "saved_model/x/y.pb", "saved_model/z",
    "x/saved_model/a/b", "events.out.tfevents.1", "a b.txt", "é.png", "foo/bar", "foo/bar/baz", "bar", "x/bar/y", "#a",
    "!a", "a]b", "a*b", "abc", "a.lfs.b", "build/out.txt", "src/build/out.txt", "src/keep.log", "deep/keep.log",
]  # fmt: skip

ATTRIBUTES = [
    DEFAULT_GITATTRIBUTES,
    "*.bin filter=lfs\ndir/*.bin -filter\n",
    "*.bin filter=lfs\n/a.bin !filter\n",
    "*.bin filter=lfs\n*.bin filter=other\n",
    "*.bin filter\n",
    "bar filter=lfs\n",
    "/bar filter=lfs\n",
    "foo/ filter=lfs\nfoo/** filter=lfs\n",
    "foo/* filter=lfs\n",
    "**/bar filter=lfs\n",
    "foo/**/baz filter=lfs\n",
    "x/** filter=lfs\n",
    '"a b.txt" filter=lfs\n"\\303\\251.png" filter=lfs\n',
    "[attr]big filter=lfs -text\n*.bin big\n",
    "[ab]* filter=lfs\n[!a]* -filter\n",
    "a[]]b filter=lfs\na\\*b filter=lfs\n",
    "[[:alpha:]]?[[:alpha:]] filter=lfs\n",
    "a[ filter=lfs\n",
    "!*.bin filter=lfs\n",
    "# comment filter=lfs\n\\#a filter=lfs\n",
    "  *.bin   filter=lfs  \r\n",
    "* filter=lfs\n*.* -filter\n",
    "** filter=lfs\n",
    "d**r/*.bin filter=lfs\n",
    "*.bin text\n*.bin filter=lfs -text\n*.bin diff\n",
    f"{'x' * 2100} filter=lfs\na filter=lfs\n",
]

IGNORES = [
    "build/\n*.log\n!keep.log\n",
    "/build\n",
    "build/**\n",
    "**/build\n",
    "foo\n!foo/bar/baz\n",
    "foo/*\n!foo/bar\n",
    "*\n!*/\n!*.bin\n",
    "a b.txt \n\\!a\n\\#a\n",
    "src/**/out.txt\n",
    "?\n",
    "#a\n",
    "/\n//\n",
]


@pytest.fixture(scope="module")
def repo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("repo")
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    return folder


def _git_lfs(repo: Path, text: str, paths: list[str]) -> set[str]:
    (repo / ".gitattributes").write_text(text, "utf-8", newline="")
    command = ["git", "-C", str(repo), "check-attr", "-z", "--stdin", "filter"]
    done = subprocess.run(command, input="\0".join(paths).encode() + b"\0", capture_output=True, check=True).stdout
    fields = done.decode().split("\0")
    return {path for path, value in zip(fields[::3], fields[2::3], strict=False) if value == "lfs"}


def _git_ignored(repo: Path, text: str, paths: list[str]) -> set[str]:
    (repo / ".gitignore").write_text(text, "utf-8", newline="")
    command = ["git", "-C", str(repo), "check-ignore", "-z", "--stdin", "--no-index"]
    done = subprocess.run(command, input="\0".join(paths).encode() + b"\0", capture_output=True, check=False).stdout
    return set(done.decode().rstrip("\0").split("\0")) - {""}


@pytest.mark.parametrize("text", ATTRIBUTES)
def test_lfs_is_decided_as_git_decides(repo: Path, text: str) -> None:
    matches = lfs_matcher(text)
    assert {path for path in PATHS if matches(path)} == _git_lfs(repo, text, PATHS)


@pytest.mark.parametrize("text", IGNORES)
def test_ignoring_is_decided_as_git_decides(repo: Path, text: str) -> None:
    matches = ignore_matcher(text)
    assert {path for path in PATHS if matches(path)} == _git_ignored(repo, text, PATHS)


globs = st.text(st.sampled_from("ab*?/[]!-."), min_size=1, max_size=8)
short_paths = st.lists(st.text(st.sampled_from("ab.-"), min_size=1, max_size=3), min_size=1, max_size=3).map("/".join)


def _plain(path: str) -> bool:
    return not any(segment in (".", "..") for segment in path.split("/"))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150)
@example("a[", ["a["])
@given(
    globs.filter(lambda glob: glob[0] not in "!#" and "//" not in glob),
    st.lists(short_paths.filter(_plain), min_size=1, max_size=6),
)
def test_any_pattern_is_read_as_git_reads_it(repo: Path, glob: str, paths: list[str]) -> None:
    text = f"{glob} filter=lfs\n"
    matches = lfs_matcher(text)
    assert {path for path in paths if matches(path)} == _git_lfs(repo, text, paths)


def test_d_re_exponential_patterns_are_matched_in_bounded_time() -> None:
    text = "".join(f"{pattern} filter=lfs\n" for pattern in ("*a" * 60 + "b", "**/a/" * 40 + "b", "[a-z]*" * 50 + "1"))
    path = "/".join(["a" * 200] * 20)
    started = time.process_time()
    assert not lfs_matcher(text)(path)
    assert not ignore_matcher("*a" * 60 + "b\n" + "**/a/" * 40 + "b\n")(path)
    assert time.process_time() - started < 5  # milliseconds in fact; unbounded matching would take years


def test_the_defaults_are_those_of_the_public_hub() -> None:
    assert len(DEFAULT_GITATTRIBUTES) == 1519
    assert len(DATASET_GITATTRIBUTES) == 2504
    assert lfs_matcher(DATASET_GITATTRIBUTES)("x/a.png")
    assert not lfs_matcher(DEFAULT_GITATTRIBUTES)("x/a.png")
