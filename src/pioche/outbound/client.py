"""The one client. A call ends in an `Answer`, ForbiddenAddress (it was not made) or Unreachable (nothing whole came back).

It reads no proxy from the environment, keeps no cookies and no connections, and unpacks nothing: an answer is what came
over the wire, and no more of it than the limit.
"""

import functools
import re
import ssl
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import urljoin

import httpcore

from pioche.config import Config
from pioche.errors import BadRequest, ForbiddenAddress, Unreachable
from pioche.outbound.targets import Guard, Target

_REDIRECTS = (301, 302, 303, 307, 308)
_NAME = re.compile(r"[A-Za-z0-9-]+\Z")
_VALUE = re.compile(r"(?:[!-~](?:[ -~]*[!-~])?)?\Z")
_AGENT = "Pioche"


@dataclass(frozen=True, slots=True)
class Answer:
    """`headers` have lower-case names. `is_cut`: the body was longer than the limit, and `body` is its beginning."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    is_cut: bool


class Deadline:
    """When a connection has to have ended; whoever takes long may be given more as long as something comes."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._at = time.monotonic() + seconds

    def extend(self) -> None:
        """As many seconds as at the beginning, from now."""
        self._at = time.monotonic() + self._seconds

    def left(self) -> float:
        """Seconds until then. Raises httpcore.ReadTimeout when there are none."""
        left = self._at - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("the time is up")
        return left


@dataclass(frozen=True, slots=True)
class Call:
    """One request to an address that was parsed."""

    method: str
    target: Target
    deadline: Deadline
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


class Client:
    """Calls with at most `seconds` for all of a call, redirects included, and `bytes_max` of an answer's body."""

    def __init__(
        self,
        guard: Guard,
        *,
        seconds: float = 10.0,
        bytes_max: int = 2**20,
        backend: httpcore.NetworkBackend | None = None,
    ) -> None:
        """`backend` opens the connections, to addresses that were checked."""
        self.guard = guard
        self._seconds = seconds
        self._bytes_max = bytes_max
        self._backend = backend or httpcore.SyncBackend()

    @classmethod
    def of(cls, config: Config) -> Self:
        return cls(Guard.of(config))

    def get(self, url: str, headers: Mapping[str, str] | None = None, *, redirects_max: int = 3) -> Answer:
        """Follows redirects, each checked as the first address was; another host is not told the headers.

        Raises ForbiddenAddress, Unreachable, BadRequest (a header that cannot be sent).
        """
        target, kept = Target.parse(url), dict(headers or {})
        deadline = Deadline(self._seconds)
        for _ in range(redirects_max + 1):
            answer = self._exchange(Call("GET", target, deadline, headers=kept))
            if answer.status not in _REDIRECTS or "location" not in answer.headers:
                return answer
            url = urljoin(url, answer.headers["location"])
            following = Target.parse(url)
            if target.scheme == "https" and following.scheme != "https":
                raise ForbiddenAddress("The other side redirects from https to http")
            kept = kept if following.authority == target.authority else {}
            target = following
        raise Unreachable(f"The other side redirects more than {redirects_max} times")

    def post(self, url: str, body: bytes, headers: Mapping[str, str] | None = None) -> Answer:
        """Follows no redirect: the answer is the redirect. Raises as `get`."""
        call = Call("POST", Target.parse(url), Deadline(self._seconds), body, headers or {})
        return self._exchange(call)

    def _exchange(self, call: Call) -> Answer:
        target = call.target
        url = httpcore.URL(scheme=target.scheme, host=target.host, port=target.port, target=target.path)
        context = tls() if target.scheme == "https" else None
        backend = Checked(self.guard, self._backend, call.deadline)
        try:
            with (
                httpcore.ConnectionPool(ssl_context=context, max_connections=1, network_backend=backend) as pool,
                pool.stream(call.method, url, headers=headers_of(call), content=call.body) as response,
            ):
                return self._answer(response)
        except httpcore.TimeoutException:
            raise Unreachable(f"{target.host} did not answer within {self._seconds:g} s") from None
        except (httpcore.NetworkError, httpcore.ProtocolError) as error:
            raise Unreachable(
                f"{target.host} did not answer: {str(error)[:200] or 'the connection was lost'}"
            ) from None

    def _answer(self, response: httpcore.Response) -> Answer:
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
        body = bytearray()
        for piece in response.iter_stream():
            body += piece
            if len(body) > self._bytes_max:
                return Answer(response.status, headers, bytes(body[: self._bytes_max]), is_cut=True)
        return Answer(response.status, headers, bytes(body), is_cut=False)


@functools.cache
def tls() -> ssl.SSLContext:
    """The system's certificates: those that an administrator added for hosts inside are among them."""
    return ssl.create_default_context()


def headers_of(call: Call) -> list[tuple[str, str]]:
    """Raises BadRequest for a header that could end early and begin another one."""
    for name, value in call.headers.items():
        if not _NAME.match(name) or not _VALUE.match(value):
            raise BadRequest(f"The header {name[:40]!r} cannot be sent: printable ASCII characters are expected")
    own = {"Host": call.target.authority, "User-Agent": _AGENT, "Accept": "*/*", "Accept-Encoding": "identity"}
    if call.method == "POST":
        own["Content-Length"] = str(len(call.body))
    own["Connection"] = "close"
    if "Accept" in call.headers:
        del own["Accept"]
    return [*own.items(), *call.headers.items()]


class Checked(httpcore.NetworkBackend):
    """Where connections begin: a name is resolved and checked here and nowhere else, and what was checked is connected to."""

    def __init__(
        self, guard: Guard, inner: httpcore.NetworkBackend, deadline: Deadline, *, only_opened: bool = False
    ) -> None:
        """`only_opened`: to hosts alone that an administrator named."""
        self._only_opened = only_opened
        self._guard = guard
        self._inner = inner
        self._deadline = deadline

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        addresses = self._guard.addresses(host, port, seconds=self._deadline.left())
        if self._only_opened and not self._guard.opens(host, addresses, port):
            raise ForbiddenAddress(
                f"{host[:100]} is called over https only: write https://, or have an administrator allow the host"
                " (the setting outbound_allowed)"
            )
        for tried, address in enumerate(addresses, start=1):
            patience = self._deadline.left() / (len(addresses) - tried + 1)
            try:
                stream = self._inner.connect_tcp(str(address), port, patience, socket_options=socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if tried == len(addresses):
                    raise
            else:
                return Timed(stream, self._deadline)
        raise AssertionError("the guard gives at least one address")


class Timed(httpcore.NetworkStream):
    """A connection that ends at the deadline, however many small pieces arrive until then."""

    def __init__(self, inner: httpcore.NetworkStream, deadline: Deadline) -> None:
        self._inner = inner
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, self._deadline.left())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, self._deadline.left())

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return Timed(self._inner.start_tls(ssl_context, server_hostname, self._deadline.left()), self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)
