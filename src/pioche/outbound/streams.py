"""Large answers, piece by piece: for what is imported from elsewhere. The guard is the same, at each redirect anew.

A call may take hours, but not stand still: in each `seconds` so many bytes have to come. Over plain http nothing is called
but what an administrator named (`outbound_allowed`): what comes would be anybody's on the way, and so would tokens be.
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import urljoin

import httpcore

from pioche.config import Config
from pioche.errors import ForbiddenAddress, TooLarge, Unreachable
from pioche.outbound.client import Call, Checked, Deadline, headers_of, tls
from pioche.outbound.targets import Guard, Target

_REDIRECTS = (301, 302, 303, 307, 308)
_REDIRECTS_MAX = 5
_URL_CHARACTERS_MAX = 8192
"""Object stores sign long addresses."""
_STEP_BYTES = 16_384
"""What has to come within the time."""


@dataclass(frozen=True, slots=True)
class Stream:
    """An answer whose body is still to come. `url` is where it was found, after redirects; headers have lower-case names."""

    url: str
    status: int
    headers: Mapping[str, str]
    _response: httpcore.Response = field(repr=False)
    _deadline: Deadline = field(repr=False)

    def pieces(self, bytes_max: int) -> Iterator[bytes]:
        """The body. Raises Unreachable when it breaks off or stands still, TooLarge past `bytes_max`."""
        received = counted = 0
        with _told(self.url):
            for piece in self._response.iter_stream():
                received += len(piece)
                if received > bytes_max:
                    raise TooLarge(f"{_host(self.url)} sends more than {bytes_max} bytes")
                if received - counted >= _STEP_BYTES:
                    counted = received
                    self._deadline.extend()
                yield piece

    def beginning(self, bytes_max: int = 65_536) -> bytes:
        """The first bytes of the body: what the other side says of an error. Raises Unreachable."""
        found = bytearray()
        with _told(self.url):
            for piece in self._response.iter_stream():
                found += piece
                if len(found) >= bytes_max:
                    break
        return bytes(found[:bytes_max])


class Streams:
    """Calls whose answers are large. `seconds` is the time until an answer begins, and for each step of it."""

    def __init__(self, guard: Guard, *, seconds: float = 60.0, backend: httpcore.NetworkBackend | None = None) -> None:
        """`backend` opens the connections, to addresses that were checked."""
        self.guard = guard
        self._seconds = seconds
        self._backend = backend or httpcore.SyncBackend()

    @classmethod
    def of(cls, config: Config) -> Self:
        return cls(Guard.of(config))

    @contextmanager
    def get(self, url: str, headers: Mapping[str, str] | None = None) -> Iterator[Stream]:
        """Follows redirects; another host is not told the headers that only the first one is to know (`Authorization` and
        all others). Raises ForbiddenAddress, Unreachable, BadRequest (a header that cannot be sent)."""
        target, kept = _parse(url), dict(headers or {})
        for _ in range(_REDIRECTS_MAX + 1):
            with ExitStack() as opened:
                answer = opened.enter_context(
                    self._sent(Call("GET", target, Deadline(self._seconds), headers=kept), url)
                )
                if answer.status not in _REDIRECTS or "location" not in answer.headers:
                    yield answer
                    return
            url = urljoin(url, answer.headers["location"])
            following = _parse(url)
            if target.scheme == "https" and following.scheme != "https":
                raise ForbiddenAddress(f"{target.host} redirects from https to http")
            kept = kept if following.authority == target.authority else {}
            target = following
        raise Unreachable(f"{target.host} redirects more than {_REDIRECTS_MAX} times")

    @contextmanager
    def post(self, url: str, body: bytes, headers: Mapping[str, str] | None = None) -> Iterator[Stream]:
        """Follows no redirect: the answer is the redirect. Raises as `get`."""
        call = Call("POST", _parse(url), Deadline(self._seconds), body, headers or {})
        with self._sent(call, url) as answer:
            yield answer

    @contextmanager
    def _sent(self, call: Call, url: str) -> Iterator[Stream]:
        target = call.target
        address = httpcore.URL(scheme=target.scheme, host=target.host, port=target.port, target=target.path)
        context = tls() if target.scheme == "https" else None
        backend = Checked(self.guard, self._backend, call.deadline, only_opened=target.scheme == "http")
        with ExitStack() as opened:
            with _told(url):
                pool = httpcore.ConnectionPool(ssl_context=context, max_connections=1, network_backend=backend)
                opened.enter_context(pool)
                sent = pool.stream(call.method, address, headers=headers_of(call), content=call.body)
                response = opened.enter_context(sent)
            headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
            yield Stream(url, response.status, headers, response, call.deadline)


@contextmanager
def _told(url: str) -> Iterator[None]:
    """What the library says, in our words: the host alone, since a path may carry a signature."""
    try:
        yield
    except httpcore.TimeoutException:
        raise Unreachable(f"{_host(url)} did not answer in time, or stopped in the middle") from None
    except (httpcore.NetworkError, httpcore.ProtocolError) as error:
        why = str(error)[:200] or "the connection was lost"
        raise Unreachable(f"{_host(url)} did not answer: {why}") from None


def _parse(url: str) -> Target:
    return Target.parse(url, characters_max=_URL_CHARACTERS_MAX)


def _host(url: str) -> str:
    return _parse(url).authority
