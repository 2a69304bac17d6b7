"""G-SSRF: no address inside is reached through the outbound client, however it is written.

The canary listens on every address of this machine; a refused call must not even open a connection to it. Where a name has
to lead somewhere, the resolver is a fake, and where a connection would leave the machine, the network is: both say so.
"""

import gzip
import ssl
import time
from collections.abc import Iterator, Sequence
from typing import Any

import httpcore
import pytest

from pioche.config import Config
from pioche.errors import BadRequest, ForbiddenAddress, HubError, Unreachable
from pioche.networks import Allowed
from pioche.outbound.client import Client
from pioche.outbound.targets import Guard, Target
from tests.canary import Canary, Reply

PUBLIC = "93.184.216.34"
SAME_WORDS = "lies inside this network"


@pytest.fixture
def canary() -> Iterator[Canary]:
    with Canary() as canary:
        yield canary


class FakeResolver:
    """Names lead where a test says; `answers` are given in turn, the last one for ever."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked = 0

    def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked += 1
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


class FakeNetwork(httpcore.NetworkBackend):
    """Notes where a connection would go, and opens none."""

    def __init__(self) -> None:
        self.reached: list[str] = []

    def connect_tcp(self, host: str, port: int, *_: Any, **__: Any) -> httpcore.NetworkStream:
        self.reached.append(host)
        raise httpcore.ConnectError("a fake network")


INSIDE = [
    "127.0.0.1", "127.1", "127.0.1", "0", "0.0.0.0", "0x7f000001", "0x7f.1", "2130706433", "017700000001", "0177.0.0.1",
    "[::1]", "[::]", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "[64:ff9b::7f00:1]",
    "[64:ff9b:1::7f00:1]", "[2002:7f00:1::]", "[2001:0:7f00:1::]", "169.254.169.254", "100.100.100.200", "100.64.0.1",
    "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "192.0.0.8", "198.18.0.1", "224.0.0.1", "240.0.0.1",
    "255.255.255.255", "[fc00::1]", "[fd12:3456::1]", "[fe80::1]", "[fec0::1]", "[ff02::1]", "[2001:db8::1]",
    "localhost", "localhost.", "LOCALHOST", "ip6-localhost", "nowhere.invalid",
]  # fmt: skip


@pytest.mark.parametrize("host", INSIDE)
def test_g_ssrf_an_address_inside_is_not_connected_to(canary: Canary, host: str) -> None:
    client = Client(Guard())
    with pytest.raises(ForbiddenAddress, match=SAME_WORDS):
        client.post(f"http://{host}:{canary.port}/", b"{}")
    with pytest.raises(ForbiddenAddress, match=SAME_WORDS):
        client.get(f"https://{host}/")
    assert canary.connections == 0


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd", "gopher://127.0.0.1:6379/_x", "ftp://127.0.0.1/", "unix:///run/x.sock", "dict://127.0.0.1/",
        "http+unix://%2Frun%2Fx.sock/", "javascript:1", "//127.0.0.1/", "127.0.0.1", "", "http://", "http:///x", "https:x",
        "http://user@127.0.0.1/", "http://user:word@example.org/", "http://example.org\\@127.0.0.1/",
        "http://127.0.0.1\\.example.org/", "http:\\\\127.0.0.1", "http://127。0。0。1/", "http://１２７.0.0.1/",
        "http://ⓛocalhost/", "http://exa mple.org/", "http://example.org/\r\nX-Injected: 1", "http://example.org/%\n",
        "http://example.org\r\nHost: inside/", "http://[::1/", "http://[::1%25lo]/x y", "http://example.org:0/",
        "http://example.org:99999/", "http://example.org:x/", "http://[v1.x]/", "http://a..%00/", "http://[127.0.0.1]@x/",
        "http://example.org/" + "x" * 3000, "http://-x/", "http://%31%32%37.0.0.1/",
    ],
)  # fmt: skip
def test_g_ssrf_what_is_no_plain_address_is_refused_before_anything_is_asked(canary: Canary, url: str) -> None:
    resolver, network = FakeResolver([PUBLIC]), FakeNetwork()
    client = Client(Guard(resolver=resolver), backend=network)
    with pytest.raises(ForbiddenAddress):
        client.post(url, b"")
    with pytest.raises(ForbiddenAddress):
        client.get(url)
    assert (resolver.asked, network.reached, canary.connections) == (0, [], 0)


@pytest.mark.parametrize("inside", ["127.0.0.1", "10.1.1.1", "::1", "fe80::1%eth0", "64:ff9b::a00:1", "no address"])
def test_g_ssrf_one_address_inside_among_public_ones_is_enough_to_refuse(inside: str) -> None:
    for answer in ([PUBLIC, inside], [inside, PUBLIC], [inside]):
        network = FakeNetwork()
        client = Client(Guard(resolver=FakeResolver(answer)), backend=network)
        with pytest.raises(ForbiddenAddress, match=SAME_WORDS):
            client.post("https://mixed.example/", b"")
        assert network.reached == []


def test_g_ssrf_a_name_that_is_bound_again_is_resolved_once() -> None:
    resolver, network = FakeResolver([PUBLIC], ["127.0.0.1"]), FakeNetwork()
    with pytest.raises(Unreachable):
        Client(Guard(resolver=resolver), backend=network).post("http://rebinding.example/", b"")
    assert (resolver.asked, network.reached) == (1, [PUBLIC])


def test_g_ssrf_all_checked_addresses_are_tried_in_turn() -> None:
    both, network = [PUBLIC, "2606:2800:220:1::1"], FakeNetwork()
    with pytest.raises(Unreachable):
        Client(Guard(resolver=FakeResolver(both)), backend=network).get("https://two.example/")
    assert network.reached == both


def test_g_ssrf_the_hubs_own_names_are_inside_wherever_they_lead(canary: Canary) -> None:
    config = Config(
        public_url="https://hub.example.org", database_url="postgresql://u:p@db.example.org:5432/x",
        storage_endpoint="https://s3.example.org:9000", allowed_hosts=("models.example.org",),
    )  # fmt: skip
    own = Guard.of(config)
    guard = Guard(own_hosts=tuple(own._own_hosts), resolver=FakeResolver([PUBLIC]))
    for name in ("hub.example.org", "DB.example.org.", "s3.example.org", "models.example.org"):
        with pytest.raises(ForbiddenAddress):
            Client(guard, backend=FakeNetwork()).get(f"https://{name}/")
    with pytest.raises(Unreachable):  # which is not one of them
        Client(guard, backend=FakeNetwork()).get("https://example.org/")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_g_ssrf_each_redirect_is_checked(canary: Canary, status: int) -> None:
    targets = [
        f"http://127.0.0.1:{canary.port}/", f"//localhost:{canary.port}/", f"http://[::ffff:127.0.0.1]:{canary.port}/",
        "file:///etc/passwd", f"http://x@127.0.0.1:{canary.port}/", "http://169.254.169.254/latest/meta-data/",
    ]  # fmt: skip
    for target in targets:
        with Canary(lambda _number, to=target: Reply(status, {"Location": to})) as outside:  # type: ignore[misc]  # a default binds
            client = Client(Guard([Allowed.parse(outside.allowed)]))
            with pytest.raises(ForbiddenAddress):
                client.get(outside.url)
            assert client.post(outside.url, b"{}").status == status  # a webhook follows none
    assert canary.connections == 0


def test_g_ssrf_three_redirects_and_no_more() -> None:
    with Canary(lambda number: Reply(302, {"Location": "/next"}) if number < 3 else Reply()) as outside:
        client = Client(Guard([Allowed.parse(outside.allowed)]))
        assert client.get(outside.url).status == 200
        outside.reply = lambda _number: Reply(302, {"Location": "/again"})
        with pytest.raises(Unreachable, match="more than 3"):
            client.get(outside.url)
        assert outside.connections == 8


def test_g_ssrf_another_host_is_not_told_the_headers() -> None:
    with Canary() as second, Canary(lambda _n: Reply(302, {"Location": second.url})) as first:
        client = Client(Guard([Allowed.parse("127.0.0.1")]))
        client.get(first.url, {"Authorization": "Bearer x"})
        assert first.posts[0].headers["authorization"] == "Bearer x"
        assert "authorization" not in second.posts[0].headers


def test_g_ssrf_an_administrator_may_allow_a_network_a_host_or_one_port(canary: Canary) -> None:
    entries = ["127.0.0.0/8", "127.0.0.1", canary.allowed, "localhost", f"localhost:{canary.port}"]
    for entry in entries:
        host = "localhost" if "localhost" in entry else "127.0.0.1"
        if "localhost" in entry:
            guard = Guard([Allowed.parse(entry)], resolver=FakeResolver(["127.0.0.1"]))
        else:
            guard = Guard([Allowed.parse(entry)])
        assert Client(guard).post(f"http://{host}:{canary.port}/", b"{}").status == 200
    before = canary.connections
    for entry in (f"127.0.0.1:{canary.port + 1}", "10.0.0.0/8", "other.lan", "[::1]"):
        with pytest.raises(ForbiddenAddress):
            Client(Guard([Allowed.parse(entry)])).post(canary.url, b"{}")
    assert canary.connections == before


def test_g_ssrf_a_proxy_of_the_environment_is_not_asked(canary: Canary, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{canary.port}")
    for scheme in ("http", "https"):
        with pytest.raises(Unreachable):
            Client(Guard(resolver=FakeResolver([PUBLIC])), backend=FakeNetwork()).get(f"{scheme}://example.org/")
    assert canary.connections == 0


@pytest.mark.parametrize("value", ["a\r\nX-Injected: 1", "a\nb", "a\x00", "é", "a\x7f", " a"])
def test_g_ssrf_no_header_ends_early(canary: Canary, value: str) -> None:
    client = Client(Guard([Allowed.parse(canary.allowed)]))
    for headers in ({"X-Webhook-Secret": value}, {value: "x"}):
        with pytest.raises(BadRequest):
            client.post(canary.url, b"{}", headers)
    assert canary.posts == []


def _endless(send: Any) -> None:
    while True:
        send(b"x" * 65536)


def _dripping(send: Any) -> None:
    for _ in range(200):
        send(b"x")
        time.sleep(0.02)


def test_g_ssrf_no_more_is_read_than_the_limit() -> None:
    with Canary(lambda _n: Reply(pieces=_endless)) as outside:
        answer = Client(Guard([Allowed.parse(outside.allowed)]), bytes_max=100_000).post(outside.url, b"{}")
        assert (len(answer.body), answer.is_cut) == (100_000, True)


def test_g_ssrf_an_answer_that_drips_is_given_up_at_the_deadline() -> None:
    with Canary(lambda _n: Reply(pieces=_dripping)) as outside:
        client = Client(Guard([Allowed.parse(outside.allowed)]), seconds=0.3)
        with pytest.raises(Unreachable, match="within"):
            client.post(outside.url, b"{}")


def test_g_ssrf_a_resolver_that_hangs_is_given_up() -> None:
    def hang(host: str, port: int) -> Sequence[str]:
        time.sleep(2)
        return [PUBLIC]

    network = FakeNetwork()
    with pytest.raises(Unreachable, match="not resolved"):
        Client(Guard(resolver=hang), seconds=0.2, backend=network).get("https://slow.example/")
    assert network.reached == []


def test_g_ssrf_a_bomb_is_not_unpacked() -> None:
    bomb = gzip.compress(bytes(50 * 2**20))
    with Canary(lambda _n: Reply(200, {"Content-Encoding": "gzip"}, bomb)) as outside:
        answer = Client(Guard([Allowed.parse(outside.allowed)])).get(outside.url)
        assert answer.body == bomb
        assert outside.posts[0].headers["accept-encoding"] == "identity"


def test_g_ssrf_tls_is_for_the_name_and_not_for_the_address() -> None:
    """What the other side is asked to prove is the host of the address, over a connection to the checked address."""
    asked = list[tuple[str, Any, bool]]()

    class FakeStream(httpcore.NetworkStream):
        def start_tls(
            self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
        ) -> httpcore.NetworkStream:
            asked.append((PUBLIC, server_hostname, ssl_context.check_hostname))
            raise httpcore.ConnectError("certificate verify failed")

        def close(self) -> None: ...

    class Reaching(FakeNetwork):
        def connect_tcp(self, host: str, port: int, *_: Any, **__: Any) -> httpcore.NetworkStream:
            assert (host, port) == (PUBLIC, 443)
            return FakeStream()

    with pytest.raises(Unreachable, match="certificate"):
        Client(Guard(resolver=FakeResolver([PUBLIC])), backend=Reaching()).post("https://name.example./x", b"")
    assert asked == [(PUBLIC, "name.example", True)]


def test_g_ssrf_open_and_closed_ports_are_refused_in_the_same_words(canary: Canary) -> None:
    def words(url: str) -> str:
        with pytest.raises(HubError) as refused:
            Client(Guard()).post(url, b"")
        return refused.value.message

    assert words(f"http://127.0.0.1:{canary.port}/") == words("http://127.0.0.1:1/")
    assert words("http://localhost/").replace("localhost", "") == words("http://absent.invalid/").replace(
        "absent.invalid", ""
    )


def test_g_ssrf_the_parsed_address_is_the_one_that_is_called() -> None:
    target = Target.parse("HTTPS://Example.ORG.:8443/a%20b?c=%0d#fragment")
    assert (target.scheme, target.host, target.port, target.path) == ("https", "example.org", 8443, "/a%20b?c=%0d")
    assert target.authority == "example.org:8443"
    assert Target.parse("http://[2606:2800::1]/").authority == "[2606:2800::1]"
