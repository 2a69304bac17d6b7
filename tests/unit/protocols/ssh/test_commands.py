"""The words of a command: what is taken for which verb and repo, and that nothing else is (E-SSH-1)."""

import pytest

from pioche.errors import BadRequest, HubError
from pioche.names import RepoId, RepoType
from pioche.protocols.ssh import commands

PATHS = {
    "ada/words": RepoId(RepoType.MODEL, "ada", "words"),
    "/ada/words.git": RepoId(RepoType.MODEL, "ada", "words"),
    "ada/words.git/": RepoId(RepoType.MODEL, "ada", "words"),
    "datasets/ada/a.b-c_d": RepoId(RepoType.DATASET, "ada", "a.b-c_d"),
    "/spaces/ada/words.git": RepoId(RepoType.SPACE, "ada", "words"),
    "gpt2": RepoId(RepoType.MODEL, "", "gpt2"),
}


@pytest.mark.parametrize(("path", "repo_id"), PATHS.items())
def test_paths(path: str, repo_id: RepoId) -> None:
    for text in (f"'{path}'", f'"{path}"', path):
        for verb in ("git-upload-pack", "git-receive-pack", "git upload-pack"):
            found, asked = commands.parse(f"{verb} {text}")
            assert (found.name, found.operation) == (verb.replace(" ", "-"), None)
            assert asked == repo_id


def test_the_operation_decides_the_right_of_large_files() -> None:
    found = {
        operation: commands.parse(f"git-lfs-authenticate a/b {operation}")[0] for operation in ("download", "upload")
    }
    assert found["download"].needs.value == "content"
    assert found["upload"].needs.value == "propose"
    assert commands.parse(f"git-lfs-authenticate 'a/b' upload {'0' * 64}")[0] is found["upload"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "git-upload-pack",
        "git-upload-pack ",
        "git-upload-archive 'a/b'",
        "git-upload-pack 'a/b'; id",
        "git-upload-pack a/b c/d",
        "git-upload-pack --help",
        "git-upload-pack '--upload-pack=x'",
        "git-upload-pack -a/b",
        "git-upload-pack 'a/b",
        "git-upload-pack 'a/b\"",
        "git-upload-pack 'a/b' upload",
        "git-lfs-authenticate a/b",
        "git-lfs-authenticate a/b verify",
        "git-lfs-authenticate a/b UPLOAD",
        "git-lfs-authenticate a/b upload download",
        "git-lfs-transfer a/b upload",
        " git-upload-pack a/b",
        "git-upload-pack a/b\n",
        "git-upload-pack  a/b",
        "git-upload-pack '~ada/x'",
        "git-upload-pack 'a/b%2f'",
        "git-upload-pack 'ａ/b'",
        "GIT-UPLOAD-PACK a/b",
        "git-upload-pack 'a/b\\'",
        "git-upload-pack '$HOME'",
        "env X=y git-upload-pack a/b",
        "git-upload-pack " + "a" * 301,
    ],
)
def test_what_is_no_command(text: str) -> None:
    with pytest.raises(BadRequest):
        commands.parse(text)


@pytest.mark.parametrize("path", ["a/b/c", "datasets/a/b/c", "a//b", "/", "//a", "datasets//b", "buckets/a/b"])
def test_what_no_repo_is_called(path: str) -> None:
    with pytest.raises(HubError):
        commands.parse(f"git-upload-pack '{path}'")
