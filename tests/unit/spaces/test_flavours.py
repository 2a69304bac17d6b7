import pytest

from pioche.errors import BadRequest, ConfigError
from pioche.spaces import flavours
from pioche.spaces.flavours import Flavour


def test_an_operator_declares_hardware() -> None:
    assert flavours.declared(("cpu-basic=2x2048MiB", " cpu-upgrade=0.5x512 ")) == (
        Flavour("cpu-basic", 2.0, 2048 * 2**20),
        Flavour("cpu-upgrade", 0.5, 512 * 2**20),
    )


def test_without_any_there_is_one() -> None:
    assert [flavour.name for flavour in flavours.declared(())] == ["cpu-basic"]


@pytest.mark.parametrize("text", ["", "cpu-basic", "cpu-basic=2", "cpu basic=2x20", "cpu-basic=twox20MiB"])
def test_what_is_no_hardware_is_named(text: str) -> None:
    with pytest.raises(ConfigError, match="is no hardware"):
        flavours.declared((text,))


def test_who_asks_for_what_there_is_not_is_told_what_there_is() -> None:
    there = flavours.declared(("cpu-basic=2x2048MiB",))
    assert flavours.named(there, "cpu-basic").label == "CPU basic"
    with pytest.raises(BadRequest, match="it has cpu-basic"):
        flavours.named(there, "t4-small")
