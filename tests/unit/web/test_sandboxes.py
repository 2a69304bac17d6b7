"""How well processes are locked in, as administrators see it (H-RUN-1)."""

import pytest

from pioche.runner.sandbox import Sandbox
from pioche.runner.spec import LEAST_FOR_CODE, Level
from tests.local import LocalHub
from tests.visitor import PASSWORD, Visitor

pytestmark = pytest.mark.usefixtures("cheap_passwords")

_PAGE = "/admin/sandbox"


@pytest.fixture
def chief(local: LocalHub) -> Visitor:
    local.hub.directory.create_user("chief", password=PASSWORD, is_admin=True)
    visitor = Visitor(local.client)
    visitor.sign_in("chief")
    return visitor


@pytest.mark.parametrize("level", [None, *Level])
def test_h_run_1_administrators_see_the_level_and_why_it_is_no_better(
    local: LocalHub, chief: Visitor, monkeypatch: pytest.MonkeyPatch, level: Level | None
) -> None:
    best = level or 0
    monkeypatch.setattr(Sandbox, "_try", lambda self, tried: "" if tried <= best else f"no {tried.word} <here>")
    text = chief.get(_PAGE).text
    assert text.count("in use") == bool(level)
    for one in Level:
        assert (f"no {one.word} &lt;here&gt;" in text) == (one > best)
    assert ("may run here" in text) == (best >= LEAST_FOR_CODE)
    assert ("is refused here" in text) == (0 < best < LEAST_FOR_CODE)
    assert ("nothing runs" in text) == (level is None)
    french = chief.get(_PAGE, headers={"accept-language": "fr"}).text
    assert "Bac à sable" in french
    assert "La même chose figure" in french


def test_to_others_it_is_not_there(local: LocalHub) -> None:
    local.hub.directory.create_user("bob", password=PASSWORD)
    visitor = Visitor(local.client)
    visitor.sign_in("bob")
    assert visitor.client.get(_PAGE).status == 404
    assert visitor.get(_PAGE).status == 404
