"""How much is used of how much: the bar in the settings of users and organisations, and on a repo's page (ui.md U3, T6)."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pioche.accounts.members import Role
from tests.databases import SqliteTemplate
from tests.local import LocalHub, User
from tests.visitor import PASSWORD, Visitor

pytestmark = pytest.mark.usefixtures("cheap_passwords")


@pytest.fixture
def limited(sqlite_template: SqliteTemplate, tmp_path: Path) -> Iterator[LocalHub]:
    config = sqlite_template.config(tmp_path / "data")
    hub = LocalHub(replace(config, storage_max_user=4_000_000, storage_max_repo=2_000_000))
    yield hub
    hub.close()


def signed_in(hub: LocalHub, name: str) -> tuple[User, Visitor]:
    """A user with a token and, in a browser, a session."""
    user = hub.user(name)
    hub.hub.directory.set_password(hub.hub.directory.get(name), PASSWORD)
    visitor = Visitor(hub.client)
    visitor.sign_in(name)
    return user, visitor


def seen(visitor: Visitor, path: str) -> str:
    answer = visitor.get(path)
    assert answer.status == 200, answer.status
    return " ".join(answer.text.replace("\N{NO-BREAK SPACE}", " ").replace("\N{NARROW NO-BREAK SPACE}", " ").split())


def test_t6_the_bar_tells_how_much_is_used_and_by_what(limited: LocalHub) -> None:
    ada, browser = signed_in(limited, "ada")
    for name, size in (("small", 100_000), ("large", 1_900_000)):
        limited.create_repo(ada, f"ada/{name}", private=name == "small")
        limited.commit(ada, f"ada/{name}", large={"a.bin": name.encode() * (size // len(name))})
    shown = seen(browser, "/settings/storage")
    assert ">2 MB</span></strong> of 4 MB used (50%)" in shown
    assert "2 repositories" in shown
    assert shown.index("ada/large</a>") < shown.index("ada/small</a>"), "the largest first"


def test_u3_administrators_see_the_storage_of_their_organisation(limited: LocalHub) -> None:
    (_, ada), (_, bob) = signed_in(limited, "ada"), signed_in(limited, "bob")
    directory = limited.hub.directory
    org = directory.create_org("lab")
    for name, role in (("ada", Role.ADMIN), ("bob", Role.WRITE)):
        directory.members.add(org, directory.get(name), role)
    assert "used; there is no limit" in seen(ada, "/organizations/lab/settings/storage")
    assert bob.get("/organizations/lab/settings/storage").status == 403


def test_s1_who_writes_to_a_repo_sees_what_it_may_hold(limited: LocalHub) -> None:
    (user, ada), (_, eve) = signed_in(limited, "ada"), signed_in(limited, "eve")
    limited.create_repo(user, "ada/model")
    limited.commit(user, "ada/model", large={"a.bin": b"a" * 1_900_000})
    shown = seen(ada, "/ada/model/storage")
    assert "of 2 MB used (95%)" in shown
    assert "ask an administrator" in shown
    assert "of 2 MB" not in seen(eve, "/ada/model/storage")
