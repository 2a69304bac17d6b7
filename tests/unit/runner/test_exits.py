"""What a client asks of the proxy that is a process's way out."""

import pytest

from pioche.runner import exits
from pioche.runner.spec import Address


@pytest.mark.parametrize(
    ("head", "address", "first"),
    [
        (b"CONNECT pypi.example:443 HTTP/1.1\r\nHost: pypi.example:443\r\n\r\n\x16\x03", Address("pypi.example", 443), b"\x16\x03"),
        (b"CONNECT [2001:DB8::1]:8443 HTTP/1.1\r\n\r\n", Address("2001:db8::1", 8443), b""),
        (b"CONNECT Pypi.Example.:443 HTTP/1.1\r\n\r\n", Address("pypi.example", 443), b""),
        (
            b"GET http://index.example/simple/x/?a=http://b HTTP/1.1\r\nHost: other.example\r\nConnection: keep-alive\r\n\r\n",
            Address("index.example", 80),
            b"GET /simple/x/?a=http://b HTTP/1.1\r\nHost: index.example\r\nConnection: close\r\n\r\n",
        ),
        (
            b"PUT http://u:w@hub.example:8080 HTTP/1.1\r\nContent-Length: 2\r\nProxy-Authorization: Basic eA==\r\n\r\nab",
            Address("hub.example", 8080),
            b"PUT / HTTP/1.1\r\nHost: hub.example:8080\r\nConnection: close\r\nContent-Length: 2\r\n\r\nab",
        ),
        (b"GET http://allowed@evil.example/ HTTP/1.1\r\n\r\n", Address("evil.example", 80), None),
        (b"GET http://evil.example#@allowed/ HTTP/1.1\r\n\r\n", Address("evil.example", 80), None),
    ],
)  # fmt: skip
def test_it_is_understood(head: bytes, address: Address, first: bytes | None) -> None:
    asked = exits.parse(head)
    assert asked.address == address
    assert first is None or asked.first == first
    assert asked.is_tunnel == head.startswith(b"CONNECT")


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\nHost: index.example\r\n\r\n",
        b"GET https://index.example/ HTTP/1.1\r\n\r\n",
        b"GET ftp://index.example/ HTTP/1.1\r\n\r\n",
        b"GET http:/// HTTP/1.1\r\n\r\n",
        b"GET http://a:b:c/ HTTP/1.1\r\n\r\n",
        b"GET http://a:99999/ HTTP/1.1\r\n\r\n",
        b"GET http://a/ HTTP/1.1\nHost: b\r\n\r\n",
        b"GET http://a/ HTTP/1.1\r\nX: \x00\r\n\r\n",
        b"CONNECT index.example HTTP/1.1\r\n\r\n",
        b"CONNECT :443 HTTP/1.1\r\n\r\n",
        b"CONNECT a:0 HTTP/1.1\r\n\r\n",
        b"CONNECT caf\xc3\xa9.example:443 HTTP/1.1\r\n\r\n",
        b"CONNECT " + b"a" * 300 + b":443 HTTP/1.1\r\n\r\n",
        b"CONNECT a:1 HTTP/2\r\n\r\n",
        b"\x05\x01\x00\r\n\r\n",
        b"\r\n\r\n",
    ],
)
def test_or_refused(head: bytes) -> None:
    with pytest.raises(exits.Refused) as refused:
        exits.parse(head)
    assert refused.value.status == 400


def test_an_address_is_what_its_url_names() -> None:
    assert Address.of("https://pypi.example/simple/") == Address("pypi.example", 443)
    assert Address.of("http://[::1]:8080") == Address("::1", 8080)
    assert str(Address("::1", 8080)) == "[::1]:8080"
    for url in ("pypi.example", "ftp://pypi.example", "http://", "http://a:99999/"):
        with pytest.raises(ValueError, match=r"no URL|Port"):
            Address.of(url)
    assert exits.loopback([Address("localhost", 1), Address("127.0.0.9", 2), Address("::1", 3), Address("a.example", 4)]) == [
        Address("localhost", 1), Address("127.0.0.9", 2), Address("::1", 3),
    ]  # fmt: skip
