"""What the hub may call: http and https to public addresses, and to what its administrator allows beside them."""

import re
import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Self
from urllib.parse import urlsplit

from pioche.config import Config
from pioche.errors import ForbiddenAddress, Unreachable
from pioche.networks import Address, Allowed, is_public, parse_address

URL_CHARACTERS_MAX = 2048
_PORTS = {"http": 80, "https": 443}
_PLAIN = re.compile(r"[!-\[\]-~]+\Z")  # printable ASCII without the blank and the backslash
_NUMBER = re.compile(r"(?:\A|\.)(?:0x[0-9a-f]*|[0-9]+)\Z")
"""How every name ends that is read as an IPv4 address, in one of its many forms."""
_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?\.?\Z")

Resolver = Callable[[str, int], Sequence[str]]
"""The addresses of a name, as texts. Raises OSError when there are none."""


@dataclass(frozen=True, slots=True)
class Target:
    """A parsed address. `host` is lower case, without brackets and without a dot at its end; `path` has the query."""

    scheme: str
    host: str
    port: int
    path: str

    @classmethod
    def parse(cls, url: str, *, characters_max: int = URL_CHARACTERS_MAX) -> Self:
        """Raises ForbiddenAddress for what is no plain http or https address; asks no resolver."""
        if len(url) > characters_max or not _PLAIN.match(url):
            raise ForbiddenAddress(
                f"An address has at most {characters_max} printable ASCII characters, without blanks and backslashes: write other"
                " characters percent-encoded, and international names as xn--"
            )
        try:
            parts = urlsplit(url)
            port, host = parts.port, parts.hostname or ""
        except ValueError:
            raise ForbiddenAddress("This is not an address of the form https://host/path") from None
        if parts.scheme not in _PORTS or not url.lower().startswith(f"{parts.scheme}://"):
            raise ForbiddenAddress("Only addresses that begin with https:// or http:// are called")
        if "@" in parts.netloc:
            raise ForbiddenAddress("An address with a user name or a password in it is not called: use a secret")
        is_literal = parts.netloc.startswith("[")
        if port == 0 or not (parse_address(host) if is_literal else _HOST.match(host)):
            raise ForbiddenAddress("The host of the address is neither a name nor an IP address")
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return cls(parts.scheme, host.rstrip("."), port or _PORTS[parts.scheme], path)

    @property
    def authority(self) -> str:
        """What the Host header says."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


def resolve(host: str, port: int) -> list[str]:
    """By the system's resolver. It also reads what no browser shows as an address: `127.1`, `0x7f000001`, `2130706433`."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    except UnicodeError as error:  # a label that is empty or too long
        raise OSError(str(error)) from None
    return list(dict.fromkeys(str(info[4][0]) for info in found))


class Guard:
    """Decides which addresses a host may be called at. One for the whole hub."""

    def __init__(
        self, allowed: Sequence[Allowed] = (), own_hosts: Sequence[str] = (), resolver: Resolver = resolve
    ) -> None:
        """`own_hosts`: names of the hub itself and of what it stands on, which are inside wherever they lead to."""
        self._allowed = tuple(allowed)
        self._own_hosts = frozenset(host.lower().rstrip(".") for host in own_hosts if host)
        self._resolver = resolver

    @classmethod
    def of(cls, config: Config) -> Self:
        urls = (config.public_url, config.database_url, config.storage_endpoint, config.storage_public_endpoint)
        hosts = [urlsplit(url).hostname or "" for url in urls]
        return cls([Allowed.parse(text) for text in config.outbound_allowed], [*hosts, *config.allowed_hosts])

    def addresses(self, host: str, port: int, *, seconds: float) -> list[Address]:
        """Where to connect to. The name is resolved once, and every answer has to be allowed: a name that leads outside
        and inside is refused. Raises ForbiddenAddress, with the same words for a name that does not exist; Unreachable
        when the resolver takes too long."""
        found = [parse_address(text) for text in self._resolved(host, port, seconds)]
        checked = [address for address in found if address is not None and self._may(host, address, port)]
        if not checked or len(checked) != len(found):
            raise ForbiddenAddress(
                f"{host[:100]} was not found, or lies inside this network, where the hub calls only what its"
                " administrator allows (the setting outbound_allowed)"
            )
        return checked

    def opens(self, host: str, addresses: Sequence[Address], port: int) -> bool:
        """Whether an administrator's entry names all of these `addresses` of `host`."""
        return all(any(entry.covers(host, address, port) for entry in self._allowed) for address in addresses)

    def check_literal(self, target: Target) -> None:
        """What can be said without asking a resolver: raises ForbiddenAddress for an address inside."""
        if _NUMBER.search(target.host) or ":" in target.host or target.host in self._own_hosts:
            self.addresses(target.host, target.port, seconds=1.0)

    def _may(self, host: str, address: Address, port: int) -> bool:
        if any(entry.covers(host, address, port) for entry in self._allowed):
            return True
        return host not in self._own_hosts and is_public(address) and not _is_of_this_machine(address)

    def _resolved(self, host: str, port: int, seconds: float) -> Sequence[str]:
        """In a thread of its own: a resolver cannot be told when to give up."""
        answers = SimpleQueue[Sequence[str]]()

        def ask() -> None:
            try:
                answers.put(self._resolver(host, port))
            except OSError:
                answers.put(())

        threading.Thread(target=ask, name="outbound-resolver", daemon=True).start()
        try:
            return answers.get(timeout=max(seconds, 0.0))
        except Empty:
            raise Unreachable(f"The name {host[:100]} was not resolved in time") from None


def _is_of_this_machine(address: Address) -> bool:
    """A public address may be our own: then a socket can be bound to it."""
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((str(address), 0))
    except OSError:
        return False
    return True
