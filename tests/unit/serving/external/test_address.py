"""Where a model outside is asked: what is refused at once, and that a sealed token opens for its own address alone."""

import pytest

from pioche import keys
from pioche.errors import BadRequest, Corrupt
from pioche.serving.external import address
from pioche.serving.external.address import Dialect, Wanted

KEY = b"k" * 32
URL = "https://llm.example.org/v1"


@pytest.mark.parametrize("length", [1, 64, 65, 300])
def test_a_token_opens_for_its_own_address_alone(length: int) -> None:
    token = "sk-" + "x" * length
    locked = address.lock(KEY, token, URL)
    assert token not in locked
    assert address.unlock(KEY, locked, URL) == token
    for key, other, url in ((KEY, locked, "https://evil.example.org/v1"), (b"o" * 32, locked, URL), (KEY, "x", URL)):
        with pytest.raises(Corrupt):
            address.unlock(key, other, url)


def test_a_token_that_lost_a_part_does_not_open() -> None:
    locked = address.lock(KEY, "x" * 100, URL)
    with pytest.raises(Corrupt):
        address.unlock(KEY, locked[:-8], URL)


def test_a_token_that_was_kept_in_blocks_opens() -> None:
    blocks = [keys.lock(KEY, f"external {at}/2 {URL}", part) for at, part in enumerate((b"x" * 64, b"y"))]
    assert address.unlock(KEY, ".".join(blocks), URL) == "x" * 64 + "y"
    with pytest.raises(Corrupt):
        address.unlock(KEY, blocks[0], URL)


@pytest.mark.parametrize(
    ("field", "value"),
    [("url", f"{URL}?a=b"), ("model", ""), ("model", "m" * 300), ("token", "a\r\nb"), ("token", "é")],
)
def test_what_is_no_address_says_which_field(field: str, value: str) -> None:
    given = {"url": URL, "model": "m", "token": "", field: value}
    with pytest.raises(BadRequest, match=field):
        Wanted(dialect=Dialect.OPENAI, **given).check()


def test_a_dialect_that_there_is_not_is_named() -> None:
    with pytest.raises(BadRequest, match=r"external\.dialect"):
        Dialect.parse("esperanto")
