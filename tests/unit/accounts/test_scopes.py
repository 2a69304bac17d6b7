"""The permissions of fine-grained tokens: how they are written, and what is refused of what people write."""

import pytest

from pioche.accounts import scopes
from pioche.accounts.scopes import FineGrained, Grant, Kind, Permission, parse_wanted
from pioche.errors import BadRequest


def test_what_is_stored_comes_back() -> None:
    given = FineGrained(("discussion.write",), True, (Grant(Kind.ORG, 7, ("repo.write",)),))
    assert given.dump() == (
        '{"global":["discussion.write"],"canReadGatedRepos":true,'
        '"scoped":[{"kind":"org","row":7,"permissions":["repo.write"]}]}'
    )
    assert scopes.load(given.dump()).given == given


def test_permissions_on_a_repo_are_its_own_and_those_of_its_namespace() -> None:
    held = scopes.load(
        FineGrained(
            scoped=(
                Grant(Kind.MODEL, 3, ("discussion.write",)),
                Grant(Kind.USER, 7, ("repo.content.read",)),
                Grant(Kind.COLLECTION, 9, ("collection.write",)),
            )
        ).dump()
    )
    assert held.on_repo(3, 7) == {"discussion.write", "repo.content.read"}
    assert held.on_repo(4, 7) == {"repo.content.read"}
    assert held.on_repo(3, 8) == {"discussion.write"}
    # The rows of accounts, repos and collections are counted apart: 7 is no repo, 3 no account, 9 a collection only.
    assert not held.on_repo(7, 3)
    assert not held.on_repo(9, 9)
    assert held.readable_accounts() == [7]
    assert held.readable_repos() == []
    assert held.may_write


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("repo.write", "KIND/NAME="),
        ("model/ada/words", "KIND/NAME="),
        ("model=repo.write", "KIND/NAME="),
        ("robot/ada=repo.write", "'robot' has no permissions"),
        ("model/ada/words=", "Say which permissions"),
        ("model/ada/words=repo.delete", "'repo.delete' is not a permission"),
        ("model/ada/words=org.write", "org.write is not a permission on a model"),
        ("user/ada=org.write", "org.write is not a permission on a user"),
        ("org/lab=user.webhooks.write", "not a permission on a org"),
        ("collection/ada/x-1=repo.write", "not a permission on a collection"),
        ("model/ada/words=user.tokens.write", "'user.tokens.write' is not a permission"),
    ],
)
def test_what_is_wrong_is_named(text: str, words: str) -> None:
    with pytest.raises(BadRequest, match=words):
        parse_wanted(text)


def test_each_permission_counts_once() -> None:
    wanted = parse_wanted("model/ada/words=repo.write, repo.content.read,repo.write")
    assert (wanted.kind, wanted.name) == (Kind.MODEL, "ada/words")
    assert wanted.permissions == ("repo.content.read", "repo.write")


def test_global_permissions_are_few() -> None:
    assert scopes.parse_everywhere(["discussion.write"]) == ("discussion.write",)
    with pytest.raises(BadRequest, match="no global permission"):
        scopes.parse_everywhere(["repo.write"])


def test_every_permission_that_is_asked_for_can_be_given() -> None:
    assert {one.value for one in Permission} <= scopes.KNOWN
    assert all(given <= scopes.KNOWN for given in scopes.GIVEN_ON.values())


def test_a_token_names_so_many_things_and_no_more() -> None:
    with pytest.raises(BadRequest, match="at most 200"):
        scopes.check_size(["x"] * 201)
