"""What an app gets to see of a request, and a visitor of its answer (reliability.md F-ISO)."""

import pytest

from pioche.spaces.proxy import heads
from pioche.spaces.proxy.heads import BadHead, Mask

MASK = Mask("/run/ada/demo", "localhost:8002", "http", "192.0.2.7", (("Content-Security-Policy", "sandbox"),))


def sent(*lines: str, first: str = "GET /run/ada/demo/a?b=1 HTTP/1.1") -> list[str]:
    head = "\r\n".join([first, "Host: localhost:8002", *lines, "", ""]).encode()
    return heads.for_app(heads.read_request(head), MASK, ("pioche_space",)).decode().split("\r\n")


def test_an_app_sees_no_token_no_cookie_of_the_hub_and_where_it_seems_to_be() -> None:
    lines = sent(
        "Authorization: Bearer hf_secret",
        "X-HF-Authorization: Bearer hf_secret",
        "Cookie: pioche_session_8000=s; own=1; pioche_space=x; __Host-pioche_session=t",
        "Referer: http://localhost:8002/run/ada/demo/?__sign=s",
        "X-Forwarded-For: 203.0.113.1",
        "Connection: keep-alive",
    )
    assert lines[0] == "GET /a?b=1 HTTP/1.1"
    assert not [line for line in lines if "secret" in line or "session" in line or "__sign" in line]
    assert "Cookie: own=1" in lines
    assert "X-Forwarded-For: 192.0.2.7" in lines
    assert "X-Forwarded-Prefix: /run/ada/demo" in lines
    assert "Connection: close" in lines


def test_an_apps_own_credentials_pass_and_websockets_stay() -> None:
    lines = sent("Authorization: Basic YTpi", "Connection: keep-alive, Upgrade", "Upgrade: websocket")
    assert "Authorization: Basic YTpi" in lines
    assert "Connection: Upgrade" in lines
    assert "Upgrade: websocket" in lines


@pytest.mark.parametrize(
    ("target", "seen"),
    [
        ("/run/ada/demo", "/"),
        ("/run/ada/demo?x", "/?x"),
        ("/run/ada/demo/", "/"),
        ("/run/ada/demonstration", "/run/ada/demonstration"),
        ("/other", "/other"),
    ],
)
def test_the_prefix_is_taken_away_where_it_is_whole(target: str, seen: str) -> None:
    assert sent(first=f"GET {target} HTTP/1.1")[0] == f"GET {seen} HTTP/1.1"


def test_cookies_and_redirects_of_an_app_stay_its_own() -> None:
    answer = heads.read_answer(
        b"HTTP/1.1 302 Found\r\nSet-Cookie: a=1; Domain=.example.org; Path=/x; HttpOnly\r\nSet-Cookie: pioche_session=1\r\n"
        b"Set-Cookie: b=2\r\nLocation: /login\r\nContent-Security-Policy: none\r\nConnection: keep-alive\r\n\r\n"
    )
    lines = heads.for_client(answer, MASK).decode().split("\r\n")
    assert "Set-Cookie: a=1; HttpOnly; Path=/run/ada/demo/x" in lines
    assert "Set-Cookie: b=2; Path=/run/ada/demo/" in lines
    assert not [line for line in lines if "session" in line or "Domain" in line]
    assert "Location: /run/ada/demo/login" in lines
    assert "Content-Security-Policy: sandbox" in lines
    assert "Content-Security-Policy: none" not in lines
    assert lines.count("Connection: close") == 1


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/2\r\n\r\n",
        b"GET http://elsewhere/ HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: 1\r\n folded\r\n\r\n",
        b"GET / HTTP/1.1\r\nTransfer-Encoding : chunked\r\n\r\n",
        b"G\xffT / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"A: 1\r\n" * 300 + b"\r\n",
    ],
)
def test_what_is_no_request_is_none(head: bytes) -> None:
    with pytest.raises(BadHead):
        heads.read_request(head)


@pytest.mark.parametrize(
    ("origin", "is_opaque", "allowed"),
    [
        ("", False, True),
        ("http://ada-demo.localhost:8002", False, True),
        ("http://evil.localhost:8002", False, False),
        ("http://localhost:8000", False, False),
        ("null", False, False),
        ("null", True, True),
    ],
)
def test_a_websocket_is_opened_by_the_app_itself_or_by_no_browser(
    origin: str, *, is_opaque: bool, allowed: bool
) -> None:
    head = f"GET / HTTP/1.1\r\nHost: x\r\n{f'Origin: {origin}' if origin else 'A: b'}\r\n\r\n".encode()
    request = heads.read_request(head)
    assert heads.comes_from(request, "ada-demo.localhost:8002", is_opaque=is_opaque) is allowed
