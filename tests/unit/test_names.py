"""Names: what may be stored under, and what is refused before anything is looked for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pioche.errors import IllegalPath, InvalidName, InvalidReference
from pioche.names import (
    RESERVED,
    RepoId,
    RepoType,
    full_ref,
    is_dot_git,
    parse_account_name,
    parse_path,
    parse_ref_part,
    parse_repo_name,
    parse_sha256,
)


@pytest.mark.parametrize("name", ["ada", "A", "_x", "a-b", "a_b", "0", "a" * 96, "x_"])
def test_account_names(name: str) -> None:
    assert parse_account_name(name) == name


@pytest.mark.parametrize(
    "name", ["", "a.b", "-a", "a-", "a--b", "a b", "a/b", "é", "a\n", "a\x00", "a" * 97, "..", "API", "datasets", "cas"]
)
def test_account_names_that_are_refused(name: str) -> None:
    with pytest.raises(InvalidName):
        parse_account_name(name)


def test_every_first_segment_of_the_architecture_is_reserved() -> None:
    named = """api v1 v2 cas tfhub run metrics healthz readyz oauth login logout join admin docs new new-dataset new-space
        models datasets spaces kernels buckets collections papers settings notifications search organizations hf-inference
        uploads static embed .well-known lfs avatars"""
    assert set(named.split()) <= RESERVED


@pytest.mark.parametrize("name", ["a", "a.b", "_a", "a_b-c.d", "0", "a" * 96, "x.gitx", "v1.0"])
def test_repo_names(name: str) -> None:
    assert parse_repo_name(name) == name


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "a..b", "a--b", ".a", "a.", "-a", "a-", "a.git", "a.GIT", "a.ipynb", "a/b", "a b", "é", "a\n", "a" * 97],
)  # fmt: skip
def test_repo_names_that_are_refused(name: str) -> None:
    with pytest.raises(InvalidName):
        parse_repo_name(name)


def test_repo_ids() -> None:
    repo_id = RepoId.parse(RepoType.DATASET, "Ada/Words")
    assert (str(repo_id), repo_id.key, repo_id.web_path) == ("Ada/Words", "ada/words", "/datasets/Ada/Words")
    assert RepoId.parse(RepoType.MODEL, "gpt2") == RepoId(RepoType.MODEL, "", "gpt2")
    for text in ("a/b/c", "/b", "a/", "", "datasets/x", "a//b"):
        with pytest.raises(InvalidName):
            RepoId.parse(RepoType.MODEL, text) if text != "/b" else RepoId.parse(RepoType.MODEL, "//b")


@pytest.mark.parametrize(
    ("text", "kind"),
    [(None, "model"), ("", "model"), ("dataset", "dataset"), ("spaces", "space"), ("kernel", "kernel")],
)
def test_repo_types(text: str | None, kind: str) -> None:
    assert RepoType.parse(text) == kind


@pytest.mark.parametrize("text", ["Model", "models/", "ss", "\x00"])
def test_repo_types_that_are_refused(text: str) -> None:
    with pytest.raises(InvalidName):
        RepoType.parse(text)


def test_sha256() -> None:
    assert parse_sha256("0" * 64) == "0" * 64
    for text in ("", "0" * 63, "0" * 65, "A" * 64, "0" * 64 + "\n", "g" * 64):
        with pytest.raises(InvalidName):
            parse_sha256(text)


# --- paths ----------------------------------------------------------------------------------------------------------

# Harmless where they are not special: stored and served verbatim.
ODD_BUT_FINE = [
    "a", "a/b", ".hidden", "a b", "CON", "nul.txt", "a:stream", "-x", "~user", "#", "file:x", "..a", "a..", "...", "a.",
    "a ", " a", "gitx", ".gitignore", ".gitattributes", ".github/x", "é", "e\u0301", "a%2fb", "%2e%2e", "a\u00a0b", "😀",
    "x" * 255, "C:", "*", "?", "<script>", "\"'", "--upload-pack=x", "@{-1}", "a\u200bb",
]  # fmt: skip

HOSTILE = [
    "", "/", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", "a/./b", "./a", "a/..", "..\\a", "a\\b", "C:\\a",
    "\\\\server\\x",
    "//server/share", ".git", ".git/config", ".GIT/hooks/x", "a/.Git/x", "git~1", "GIT~1/x", ".git.", ".git ", ".git. .",
    ".git::$INDEX",
    ".git:x", "git~1:x", ".g\u200cit", ".git\u200d", "\ufeff.git", ".\u202egit", "a\x00b", "a\nb", "a\rb", "a\tb", "a\x7f",
    "a\x85b",
    "\u202ex", "a\u2066b", "x" * 256, "é" * 128, "a/" * 2048 + "a", "\ud800",
]  # fmt: skip


@pytest.mark.parametrize("path", ODD_BUT_FINE, ids=ascii)
def test_paths(path: str) -> None:
    assert parse_path(path) == path


@pytest.mark.parametrize("path", HOSTILE, ids=lambda path: ascii(path)[:30])
def test_paths_that_are_refused_say_why(path: str) -> None:
    with pytest.raises(IllegalPath) as caught:
        parse_path(path)
    assert caught.value.status == 422
    assert caught.value.message.startswith("Invalid path ")
    assert len(caught.value.message.split(": ", 1)[1]) > 8


@given(st.text(max_size=40))
def test_what_passes_cannot_climb_out(text: str) -> None:
    try:
        path = parse_path(text)
    except IllegalPath:
        return
    segments = path.split("/")
    assert all(segment not in ("", ".", "..") and not is_dot_git(segment) for segment in segments)
    assert path.encode().decode() == text


# --- refs -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["main", "a/b", "v1.0", "feature-x", "é", "0123456", "a@b", "refs", "HEADS", "a.b/c"])
def test_refs(name: str) -> None:
    assert parse_ref_part(name, what="branch") == name


@given(st.text(max_size=20))
def test_refs_that_pass_are_refs_for_git(text: str) -> None:
    """The rules of git-check-ref-format(1), written the other way round."""
    try:
        name = parse_ref_part(text, what="tag")
    except InvalidReference:
        return
    assert not any(ord(char) < 0x21 or char in "\x7f~^:?*[\\" for char in name)
    for part in name.split("/"):
        assert part
        assert part[0] != "."
        assert not part.endswith((".", ".lock"))
    assert ".." not in name
    assert "@{" not in name
    assert name[0] != "-"


def test_a_revision_is_a_branch_before_a_tag() -> None:
    assert full_ref("v1") == ["refs/heads/v1", "refs/tags/v1"]
    assert full_ref("HEAD") == ["refs/heads/main"]
    assert full_ref("refs/pr/1") == ["refs/pr/1"]
