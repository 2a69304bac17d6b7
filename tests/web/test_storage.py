"""The storage view (issue item 6): what is shared, what is unique, and nothing of what the reader may not see."""

import pytest

from tests.local import LocalHub, User


@pytest.fixture
def ada(local: LocalHub) -> User:
    user = local.user("ada")
    for name in ("one", "two", "secret"):
        local.create_repo(user, f"ada/{name}", private=name == "secret")
    local.commit(user, "ada/one", large={"a.bin": b"a" * 3_000_000, "b.bin": b"b" * 1_000_000})
    local.commit(user, "ada/one", large={"b.bin": b"c" * 500_000})
    local.commit(user, "ada/two", large={"copy.bin": b"a" * 3_000_000})
    local.commit(user, "ada/secret", large={"hidden.bin": b"c" * 500_000})
    return user


def _page(local: LocalHub, user: User | None = None, repo: str = "ada/one") -> str:
    answer = local.client.get(f"/{repo}/storage", token=user.token if user else None)
    assert answer.status == 200
    return " ".join(answer.text.replace("\N{NO-BREAK SPACE}", " ").split())


def test_storage_tells_shared_from_unique(local: LocalHub, ada: User) -> None:
    page = _page(local)
    assert '3 large file contents, <span title="4,500,000 bytes">4.5 MB</span>' in page
    for label, size in (
        ("Only in this repository", "1,500,000"),
        ("In other repositories too, stored once", "3,000,000"),
        ("Needed by the default branch now", "3,500,000"),
        ("Only in older versions and other branches", "1,000,000"),
    ):
        assert f'<dt>{label}</dt><dd><span title="{size} bytes">' in page, label
    assert '<a href="/ada/two">ada/two</a>' in page
    assert "with 1 repository" in page


def test_e_leak_storage_counts_no_repo_that_the_reader_may_not_open(local: LocalHub, ada: User) -> None:
    eve = local.user("eve")
    for reader in (None, eve):
        page = _page(local, reader)
        assert "secret" not in page
        assert '<dt>In other repositories too, stored once</dt><dd><span title="3,000,000 bytes">' in page
    page = _page(local, ada)
    assert '<a href="/ada/secret">' in page
    assert '<span title="3,500,000 bytes">' in page
    assert local.client.get("/ada/secret/storage", token=eve.token).status == 404


def test_storage_of_an_empty_repo(local: LocalHub, ada: User) -> None:
    local.create_repo(ada, "ada/none")
    assert "No large files yet" in _page(local, repo="ada/none")
