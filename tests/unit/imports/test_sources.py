"""What somebody writes, as addresses."""

import base64

import pytest

from pioche.errors import BadRequest
from pioche.imports.sources import NOBODY, Credentials, Source
from pioche.names import RepoType


@pytest.mark.parametrize(
    ("endpoint", "kind", "name", "url"),
    [
        ("https://huggingface.co/", RepoType.MODEL, "org/name", "https://huggingface.co/org/name"),
        ("huggingface.co", RepoType.MODEL, "gpt2", "https://huggingface.co/gpt2"),
        ("https://HUB.lan:8443/base", RepoType.DATASET, "a/b.c", "https://hub.lan:8443/base/datasets/a/b.c"),
        ("https://hub.lan", RepoType.SPACE, "a/b", "https://hub.lan/spaces/a/b"),
    ],
)
def test_a_repo_of_a_hub(endpoint: str, kind: RepoType, name: str, url: str) -> None:
    found = Source.of_hub(endpoint, kind, name)
    assert (found.url, found.lfs_url, found.revision) == (url, f"{url}.git/info/lfs", "")


def test_a_repo_of_a_git_server() -> None:
    found = Source.of_git(" https://git.lan/group/tools.git/ ", "refs/heads/dev")
    assert (found.url, found.revision) == ("https://git.lan/group/tools.git", "dev")
    assert (found.lfs_url, found.shown) == ("https://git.lan/group/tools.git/info/lfs", "git.lan/group/tools.git")


@pytest.mark.parametrize(
    "url",
    ["", "git@host:a/b", "ssh://host/a", "file:///a", "https://me:word@host/a", "https://host/a?x=1", "https://host/a b",
     "ext::sh -c x", "--upload-pack=x", "https://host/a#b"],
)  # fmt: skip
def test_other_addresses_are_refused(url: str) -> None:
    with pytest.raises(BadRequest):
        Source.of_git(url)


def test_other_names_and_revisions_are_refused() -> None:
    for name in ("", "a/b/c", "../x", "a b", "/a", "-a/b"):
        with pytest.raises(BadRequest):
            Source.of_hub("https://hub.lan", RepoType.MODEL, name)
    for revision in ("a b", "..", "x\ny", "x" * 201, "a\0"):
        with pytest.raises(BadRequest):
            Source.of_git("https://hub.lan/a", revision)


def test_credentials_are_told_in_one_header() -> None:
    assert NOBODY.header == ""
    assert base64.b64decode(Credentials.parse("", "hf_x").header.removeprefix("Basic ")) == b"token:hf_x"
    assert base64.b64decode(Credentials.parse("ada", "p:w").header.removeprefix("Basic ")) == b"ada:p:w"
    for user, token in (("ada", ""), ("a:b", "x"), ("", "a b"), ("", "a\nb"), ("", "x" * 5000)):
        with pytest.raises(BadRequest):
            Credentials.parse(user, token)
    assert "hf_x" not in repr(Credentials("", "hf_x"))
