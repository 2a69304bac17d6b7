"""The public address is never taken from a header that anybody can send (D-HTTP-8)."""

import pytest

from pioche.config import Config
from pioche.errors import BadRequest
from pioche.http.addresses import Addresses

PROXY = {"client": ("10.0.0.1", 1)}
STRANGER = {"client": ("203.0.113.9", 1)}
FORWARDED = {"host": "localhost:8000", "x-forwarded-proto": "https", "x-forwarded-for": "198.51.100.1, 192.0.2.7"}


@pytest.mark.parametrize(
    "host",
    ["localhost", "localhost:8000", "LOCALHOST", "127.0.0.1:1", "[::1]:8000", "[::1]", "hub.lan:80", "a.localhost"],
)
def test_our_own_names_stand_in_links(host: str) -> None:
    addresses = Addresses(Config(allowed_hosts=("hub.lan",)))
    addresses.check({"host": host})
    assert addresses.base_url(STRANGER, {"host": host}) == f"http://{host}"


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "evil.example:8000",
        "localhost:@evil.example",
        "localhost:80@evil.example",
        "localhost:8000/evil",
        "localhost#evil",
        "localhost evil",
        "localhost\tevil",
        "localhost:8000\n",
        "localhost.evil.example",
        "[::1]evil.example",
        "[::1",
        "localhost:800000",
    ],
)
def test_others_are_refused(host: str) -> None:
    with pytest.raises(BadRequest, match="allowed_hosts"):
        Addresses(Config()).check({"host": host})


def test_a_public_address_is_all_that_counts() -> None:
    addresses = Addresses(Config(public_url="https://hub.example.org/"))
    addresses.check({"host": "evil.example"})
    assert addresses.base_url(STRANGER, {"host": "evil.example"}) == "https://hub.example.org"


def test_forwarded_headers_count_from_a_trusted_proxy_only() -> None:
    addresses = Addresses(Config(trusted_proxies=("10.0.0.1",)))
    assert addresses.base_url(PROXY, FORWARDED) == "https://localhost:8000"
    assert addresses.base_url(STRANGER, FORWARDED) == "http://localhost:8000"
    assert addresses.client(PROXY, FORWARDED) == "192.0.2.7"
    assert addresses.client(STRANGER, FORWARDED) == "203.0.113.9"
