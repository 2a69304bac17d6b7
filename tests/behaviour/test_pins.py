"""Pinned repos on both databases: in order, so many at most, and known to nobody who may not see them."""

import pytest

from pioche.accounts.callers import Caller
from pioche.community import pins
from pioche.community.pins import PINS_MAX, Change
from pioche.errors import BadRequest, Conflict, Forbidden
from pioche.repos.access import Action
from pioche.repos.catalog import Settings
from tests.core import Core, at_once

NOBODY = Caller.nobody()


def test_h_pins_keep_their_order_and_their_number(core: Core, ada: Caller) -> None:
    owner = core.accounts["ada"]
    made = [core.repo(ada, f"ada/m{number}") for number in range(PINS_MAX + 2)]

    def pin(number: int) -> None:
        pins.change(made[number], ada, owner, Change.PIN)

    refused = [one for one in at_once(len(made), pin) if one is not None]
    assert [type(one) for one in refused] == [Conflict, Conflict]
    order = pins.of(core.hub.database, NOBODY, owner)
    assert len(set(order)) == PINS_MAX
    repos = {repo.id: repo for repo in made}
    for what, moved in ((Change.DOWN, [1, 0]), (Change.UP, [0, 1]), (Change.UP, [0, 1]), (Change.PIN, [0, 1])):
        pins.change(repos[order[0]], ada, owner, what)
        assert pins.of(core.hub.database, NOBODY, owner)[:2] == [order[place] for place in moved]
    pins.change(repos[order[-1]], ada, owner, Change.DOWN)
    assert pins.of(core.hub.database, NOBODY, owner) == order
    pins.change(repos[order[2]], ada, owner, Change.UNPIN)
    assert pins.of(core.hub.database, NOBODY, owner) == order[:2] + order[3:]
    core.hub.catalog.delete(ada, core.open(ada, str(repos[order[0]].repo_id), Action.MANAGE))
    assert pins.of(core.hub.database, NOBODY, owner) == [order[1], *order[3:]]


def test_e_leak_a_private_repo_is_pinned_for_who_may_see_it(core: Core, ada: Caller) -> None:
    bob, owner = core.user("bob"), core.accounts["ada"]
    first, hidden, last = (core.repo(ada, f"ada/{name}") for name in ("first", "hidden", "last"))
    for repo in (first, hidden, last):
        pins.change(repo, ada, owner, Change.PIN)
    core.hub.catalog.change(ada, hidden, Settings(private=True))
    for who in (NOBODY, bob):
        assert pins.of(core.hub.database, who, owner) == [first.id, last.id]
    assert pins.of(core.hub.database, ada, owner) == [first.id, hidden.id, last.id]
    with pytest.raises(Forbidden):
        pins.change(first, bob, owner, Change.UNPIN)


def test_u2_an_organisation_pins_its_own_by_its_administrators(core: Core, ada: Caller) -> None:
    bob = core.user("bob")
    core.org("lab", {ada: "admin", bob: "write"})
    org = core.hub.directory.get("lab")
    repo, foreign = core.repo(ada, "lab/words"), core.repo(ada, "ada/words")
    with pytest.raises(Forbidden):
        pins.change(repo, bob, org, Change.PIN)
    with pytest.raises(BadRequest):
        pins.change(foreign, ada, org, Change.PIN)
    pins.change(repo, ada, org, Change.PIN)
    assert [(one.owner, one.is_pinned) for one in pins.places(repo, ada)] == [("ada", False), ("lab", True)]
    assert [(one.owner, one.is_pinned) for one in pins.places(repo, bob)] == [("bob", False)]
    pins.change(repo, bob, core.accounts["bob"], Change.PIN)
    assert pins.of(core.hub.database, NOBODY, core.accounts["bob"]) == [repo.id]
