"""D-HTTP: malformed, hostile and slow HTTP, on raw sockets. Never 5xx, never two answers, and others are served on."""

import resource
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hub import Hub
from tests.wire import Exchange, connect, drain, exchange, get, request

JSON = b"Content-Type: application/json"
CHUNKED = b"Transfer-Encoding: chunked"
VALID = b'{"content": "---\\nlicense: mit\\n---\\n"}'
TARGET = "/api/validate-yaml"  # a route that reads a body and needs no token


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """A hub without patience, so that the tests need none."""
    settings = {"HEADER_SECONDS": "2", "BODY_STALL_SECONDS": "2"}
    with Hub(tmp_path_factory.mktemp("impatient"), settings) as hub:
        yield hub
        assert "Traceback" not in hub.output()


@pytest.fixture(autouse=True)
def _alive_afterwards(hub: Hub) -> Iterator[None]:
    yield
    assert exchange(hub, get("/healthz")).statuses == [200]


def post(*headers: bytes, body: bytes = VALID) -> bytes:
    return request(b"POST", TARGET, JSON, *headers, body=body)


def refused(answer: Exchange, *statuses: int) -> None:
    """One answer, with one of these statuses, and nothing of the server's inside in it."""
    assert len(answer.statuses) == 1, answer.received[:2000]
    assert answer.statuses[0] in statuses
    assert b"Traceback" not in answer.received
    assert b"site-packages" not in answer.received


# --- 1: the length of a body ----------------------------------------------------------------------------------------


def test_the_body_that_all_others_spoil_is_right(hub: Hub) -> None:
    assert exchange(hub, post(b"Content-Length: %d" % len(VALID))).statuses == [200]


def test_d_http_1_a_length_of_a_petabyte_is_refused_at_once(hub: Hub) -> None:
    answer = exchange(hub, post(b"Content-Length: 1000000000000000"))
    refused(answer, 413)
    assert "at most" in answer.json()["error"]


@pytest.mark.parametrize(
    "lines",
    [
        (b"Content-Length: -5",),
        (b"Content-Length: +5",),
        (b"Content-Length: 0x5",),
        (b"Content-Length: 5 5",),
        (b"Content-Length: 99999999999999999999999999",),
        (b"Content-Length: 5", b"Content-Length: 6"),
        (b"Content-Length: 5, 6",),
        (b"Transfer-Encoding: identity",),
        (b"Transfer-Encoding: xchunked",),
        (b"Transfer-Encoding: chunked, gzip",),
        (b"Transfer-Encoding : chunked",),
    ],
)
def test_d_http_1_a_length_that_is_none_is_refused(hub: Hub, lines: tuple[bytes, ...]) -> None:
    refused(exchange(hub, post(*lines)), 400)


@pytest.mark.parametrize(
    "chunks",
    [
        b"fffffffffffffffff\r\n{}\r\n0\r\n\r\n",
        b"-2\r\n{}\r\n0\r\n\r\n",
        b"zz\r\n{}\r\n0\r\n\r\n",
        b"2\r\n{}XX0\r\n\r\n",
        b"2\r\n{}\r\n0\r\nno trailer\r\n\r\n",
        b"2;" + b"a" * 200_000 + b"\r\n{}\r\n0\r\n\r\n",
    ],
)
def test_d_http_1_chunks_that_are_none_are_refused(hub: Hub, chunks: bytes) -> None:
    refused(exchange(hub, post(CHUNKED, body=chunks)), 400)


def test_d_http_1_chunks_with_extensions_and_trailers_are_read(hub: Hub) -> None:
    chunks = b"%x;name=value\r\n%s\r\n0\r\nX-Trailer: 1\r\n\r\n" % (len(VALID), VALID)
    assert exchange(hub, post(CHUNKED, body=chunks)).statuses == [200]


@pytest.mark.parametrize("order", [1, -1])
def test_d_http_1_a_request_hidden_behind_two_lengths_is_not_answered(hub: Hub, order: int) -> None:
    """What stands behind the last chunk is not taken for a request: the connection ends there."""
    both = [b"Content-Length: 4", CHUNKED][::order]
    hidden = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    sent = b"POST /api/validate-yaml HTTP/1.1\r\nHost: localhost\r\n" + b"\r\n".join(both) + b"\r\n\r\n"
    refused(exchange(hub, sent + b"0\r\n\r\n" + hidden), 400)


def test_d_http_1_a_length_on_a_request_that_takes_no_body_changes_nothing(hub: Hub) -> None:
    assert exchange(hub, get("/healthz", b"Content-Length: 1000000000000000")).statuses == [200]


def test_d_http_1_a_body_that_breaks_off_does_no_harm(hub: Hub) -> None:
    with connect(hub) as connection:
        connection.sendall(post(b"Content-Length: 1000"))
        connection.shutdown(socket.SHUT_WR)
        assert Exchange(drain(connection)).statuses in ([], [400])


def test_an_answer_is_not_lost_when_its_request_was_refused_unread(hub: Hub) -> None:
    """A connection that is closed on unread bytes is reset, and the client never sees why."""
    body = b"x" * 2_000_000
    sent = request(b"POST", "/api/repos/create", JSON, b"Content-Length: %d" % len(body), body=body)
    for _ in range(5):
        refused(exchange(hub, sent), 401)


def test_d_http_5_a_compressed_body_is_refused(hub: Hub) -> None:
    answer = exchange(hub, post(b"Content-Encoding: gzip", b"Content-Length: %d" % len(VALID)))
    refused(answer, 415)
    assert "gzip" in answer.json()["error"]


# --- 2: slowness ----------------------------------------------------------------------------------------------------


@pytest.fixture
def many_sockets() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("many_sockets")
def test_d_http_2_five_hundred_slow_headers_are_closed_and_others_served_meanwhile(hub: Hub) -> None:
    slow = [connect(hub) for _ in range(500)]
    for connection in slow:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: local")
    assert exchange(hub, get("/healthz")).statuses == [200]
    for connection in slow:
        assert drain(connection) == b""
        connection.close()


def test_d_http_2_a_header_that_drips_is_closed(hub: Hub) -> None:
    with connect(hub) as connection:
        drip(connection, b"GET /healthz HTTP/1.1\r\nX-Slow: " + b"a" * 1000)


@pytest.mark.usefixtures("many_sockets")
def test_d_http_2_five_hundred_bodies_that_stop_are_refused_and_others_served_meanwhile(hub: Hub) -> None:
    slow = [connect(hub) for _ in range(500)]
    for connection in slow:
        connection.sendall(post(b"Content-Length: 1000", body=b"{"))
    assert exchange(hub, get("/healthz")).statuses == [200]
    for connection in slow:
        refused(Exchange(drain(connection)), 408)
        connection.close()


def test_d_http_2_a_body_that_drips_is_refused(hub: Hub) -> None:
    with connect(hub) as connection:
        connection.sendall(post(b"Content-Length: 1000", body=b""))
        refused(Exchange(drip(connection, b" " * 1000)), 408)


def drip(connection: socket.socket, text: bytes) -> bytes:
    """Sends a byte now and then until the server has had enough; returns what it said."""
    connection.settimeout(0.1)
    for byte in text:
        try:
            connection.sendall(bytes([byte]))
            if said := connection.recv(65536):
                return said
            return b""
        except TimeoutError:
            continue
        except (BrokenPipeError, ConnectionResetError):
            return b""
    raise AssertionError("it waited to the end")


def test_d_http_2_a_slow_body_that_does_arrive_is_read(hub: Hub) -> None:
    with connect(hub) as connection:
        connection.sendall(post(b"Content-Length: %d" % len(VALID), body=VALID[:10]))
        time.sleep(0.5)
        connection.sendall(VALID[10:])
        assert Exchange(drain(connection)).statuses == [200]


# --- 3: headers and addresses ---------------------------------------------------------------------------------------


def numbered(count: int) -> list[bytes]:
    return [b"X-%d: a" % number for number in range(count)]


def test_d_http_3_a_hundred_headers_are_read(hub: Hub) -> None:
    assert exchange(hub, get("/healthz", *numbered(90))).statuses == [200]


@pytest.mark.parametrize("lines", [numbered(300), numbered(10_000), [b"X: " + b"a" * 70_000], [b"X: " + b"a" * 2**20]])
def test_d_http_3_too_many_or_too_long_headers_are_refused(hub: Hub, lines: list[bytes]) -> None:
    refused(exchange(hub, get("/healthz", *lines)), 431)


@pytest.mark.parametrize("length", [20_000, 64 * 1024, 200_000])
@pytest.mark.parametrize("start", ["/", "/healthz?a="])
def test_d_http_3_an_address_that_is_too_long_is_refused(hub: Hub, length: int, start: str) -> None:
    refused(exchange(hub, get(start + "a" * length)), 414, 431)


@pytest.mark.parametrize(
    "target", [b"/a\0b", b"/a b", b"/a\tb", b"/a\rb", b"/\xff\xfe", b"/a%00b", b"/api/models/a%00b/c", b"/%ff%fe", b""]
)
def test_d_http_3_an_address_that_is_none_is_refused(hub: Hub, target: bytes) -> None:
    refused(exchange(hub, get(target)), 400, 404)


@pytest.mark.parametrize("value", [b"a\0b", b"a\rb", b"a\nb", b"a\r\n folded", b"\x7f"])
def test_d_http_3_a_header_with_control_characters_is_refused(hub: Hub, value: bytes) -> None:
    refused(exchange(hub, get("/healthz", b"X-A: " + value)), 400)


@pytest.mark.parametrize("path", ["/api/models/x%0d%0aX-Evil:1/y", "/x%0aX-Evil:1/y/resolve/main/f", "/%0d%0aX-Evil:1"])
def test_d_http_3_line_ends_in_an_address_do_not_become_headers(hub: Hub, path: str) -> None:
    answer = exchange(hub, get(path))
    refused(answer, 400, 401, 404)
    assert "\nx-evil" not in answer.head


@pytest.mark.parametrize(
    "sent", [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", b"GET / HTTP/3.0\r\n\r\n", b"\r\n" * 9]
)
def test_what_is_not_http_is_refused(hub: Hub, sent: bytes) -> None:
    assert exchange(hub, sent).statuses in ([], [400])


def test_d_http_7_http_2_is_not_offered(hub: Hub) -> None:
    assert exchange(hub, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").statuses == []


@pytest.mark.parametrize("method", [b"TRACE", b"CONNECT", b"BREW", b"DELETE"])
def test_a_method_that_an_address_does_not_have_is_refused(hub: Hub, method: bytes) -> None:
    refused(exchange(hub, request(method, "/healthz")), 405)


def test_upgrades_are_not_taken(hub: Hub) -> None:
    lines = (b"Upgrade: websocket", b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", b"Sec-WebSocket-Version: 13")
    assert exchange(hub, get("/healthz", *lines)).statuses == [200]


# --- 8: whose address -----------------------------------------------------------------------------------------------

SPOOFED = [b"X-Forwarded-Host: evil.example", b"X-Forwarded-Proto: https", b"Forwarded: host=evil.example;proto=https"]


def test_d_http_8_links_do_not_follow_headers_that_anybody_can_send(hub: Hub) -> None:
    answer = exchange(hub, get("/", *SPOOFED))
    assert answer.statuses == [200]
    assert b"evil.example" not in answer.received
    assert b"https://localhost" not in answer.received


@pytest.mark.parametrize(
    "host", [b"evil.example", b"localhost:@evil.example", b"localhost, evil.example", b"evil.example:80", b""]
)
def test_d_http_8_a_host_that_is_not_ours_is_refused(hub: Hub, host: bytes) -> None:
    refused(exchange(hub, b"GET / HTTP/1.1\r\nHost: " + host + b"\r\nConnection: close\r\n\r\n"), 400)


def test_d_http_8_with_a_public_address_no_header_counts(tmp_path: Path) -> None:
    with Hub(tmp_path, {"PUBLIC_URL": "https://hub.example.org"}) as hub:
        answer = exchange(hub, b"GET / HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n")
        assert answer.statuses == [200]
        assert b"https://hub.example.org" in answer.received
        assert b"evil.example" not in answer.received
