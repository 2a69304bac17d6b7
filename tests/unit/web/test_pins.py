"""Pinned repos by forms, and the front page of who signed in (ui.md H, U1, U2)."""

import pytest

from pioche.accounts.callers import Caller
from pioche.accounts.members import Role
from pioche.names import RepoType
from pioche.repos import allowances
from pioche.repos.catalog import NewRepo
from tests.local import LocalHub
from tests.visitor import PASSWORD, Visitor, forms

pytestmark = pytest.mark.usefixtures("cheap_passwords")


@pytest.fixture
def visitor(local: LocalHub) -> Visitor:
    """Ada, who is signed in, has `ada/words` and `ada/secret`, and administers lab with `lab/model`; bob is a member."""
    directory = local.hub.directory
    ada, bob = (directory.create_user(name, password=PASSWORD) for name in ("ada", "bob"))
    lab = directory.create_org("lab")
    directory.members.add(lab, ada, Role.ADMIN)
    directory.members.add(lab, bob, Role.READ)
    caller = Caller(ada.id, ada.name, may_write=True, is_admin=False)
    for name, private in (("ada/words", False), ("ada/secret", True), ("lab/model", False)):
        owner, _, short = name.partition("/")
        local.hub.catalog.create(caller, NewRepo(type=RepoType.MODEL, namespace=owner, name=short, private=private))
    found = Visitor(local.client)
    found.sign_in("ada")
    return found


def _pins(page: str) -> list[str]:
    """The names of what is pinned on a page, in order."""
    return [part.split("<bdi>")[1].split("<")[0] for part in page.split('<li class="pin"')[1:]]


def test_h_u1_repos_are_pinned_from_the_menu_and_the_profile(visitor: Visitor) -> None:
    page = visitor.send(visitor.get("/ada/words"), "/ada/words/pin")
    assert "Unpin from my page" in page.text
    page = visitor.send(visitor.get("/ada"), "/ada/secret/pin")
    assert _pins(page.text) == ["words", "secret"]
    page = visitor.post("/ada/secret/pin", forms(page.text)["/ada/secret/pin"] | {"do": "up"})
    assert _pins(page.text) == ["secret", "words"]
    home = visitor.get("/").text
    assert home.index("Pinned repositories") < home.index("Yours, lately") < home.index("Activity")
    pinned = home[home.index("Pinned repositories") : home.index("Yours, lately")]
    assert pinned.index("secret") < pinned.index("words")
    stranger = Visitor(visitor.client)
    for reader in (stranger.get("/ada"), stranger.get("/")):
        assert "secret" not in reader.text
    assert _pins(stranger.get("/ada").text) == ["words"]
    assert "/ada/words/pin" not in stranger.get("/ada").text + stranger.get("/ada/words").text
    page = visitor.send(visitor.get("/ada/words"), "/ada/words/pin")
    assert _pins(visitor.get("/ada").text) == ["secret"]


def test_u2_an_organisation_shows_what_its_administrators_pinned(visitor: Visitor) -> None:
    page = visitor.send(visitor.get("/lab"), "/lab/model/pin")
    assert _pins(page.text) == ["model"]
    assert "Unpin from lab" in visitor.get("/lab/model").text
    sent = forms(page.text)["/lab/model/pin"]
    bob = Visitor(visitor.client)
    bob.sign_in("bob")
    assert _pins(bob.get("/lab").text) == ["model"]
    assert "/lab/model/pin" not in bob.get("/lab").text
    assert bob.post("/lab/model/pin", sent | {"do": "unpin", "csrf": bob.csrf}).status == 403
    assert visitor.post("/ada/words/pin", sent | {"do": "pin", "csrf": visitor.csrf}).status == 400
    assert visitor.post("/lab/model/pin", {**sent, "do": "shake"}).status == 400
    assert bob.post("/ada/secret/pin", {"csrf": bob.csrf, "do": "pin"}).status == 404


def test_h_the_front_page_tells_how_much_one_stores(local: LocalHub, visitor: Visitor) -> None:
    assert "Your storage" not in visitor.get("/").text
    hub = local.hub
    allowances.limit_account(hub.quotas, hub.database, hub.directory.get("ada"), 10_000)
    page = visitor.get("/").text
    assert "Your storage" in page
    assert 'href="/settings/storage"' in page
    assert "Your storage" not in Visitor(local.client).get("/").text


def test_h4_new_offers_what_one_may_make(local: LocalHub, visitor: Visitor) -> None:
    kinds = ("/new", "/new-dataset", "/new-space", "/collections/new", "/organizations/new")
    page = visitor.get("/").text
    assert [f'href="{path}"' in page for path in kinds] == [True] * 5
    assert not any(f'href="{path}"' in Visitor(local.client).get("/").text for path in kinds)
