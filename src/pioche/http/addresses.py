"""The public address of the hub: what absolute links start with, never taken from a header we do not trust."""

import contextlib
import re
import socket
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from pioche.config import Config
from pioche.errors import BadRequest

_HOST = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+))(?::\d{1,5})?\Z", re.ASCII)
_ACCEPTED_MAX = 100
_SSH_PORT = 22
_LOOPBACK = frozenset(("localhost", "127.0.0.1", "::1"))


class Addresses:
    """Decides the public address and the client's own, by configuration (architecture.md section 7)."""

    def __init__(self, config: Config) -> None:
        self._public = config.public_url.rstrip("/")
        self._accepted: set[str] = set()
        self._hosts = _LOOPBACK | _own_names(config) | {host.lower() for host in config.allowed_hosts}
        self._proxies = frozenset(config.trusted_proxies)
        self._port, self._ssh_port, self._ssh_address = config.port, config.ssh_port, config.ssh_address
        self._scheme = "https" if config.tls_cert else "http"

    def check(self, headers: Mapping[str, str]) -> None:
        """Before anything is done for a request. Raises BadRequest when the Host header is not one of ours."""
        host = headers.get("host", "")
        if self._public or host in self._accepted:
            return
        name = _host_name(host)
        if name in self._hosts or name.endswith(".localhost"):
            if len(self._accepted) < _ACCEPTED_MAX:
                self._accepted.add(host)
        else:
            raise BadRequest(f"This hub does not answer for the host {host[:100]!r}: set public_url or allowed_hosts")

    def base_url(self, scope: Mapping[str, Any], headers: Mapping[str, str]) -> str:
        """`https://host` without a slash. Raises as `check`."""
        if self._public:
            return self._public
        self.check(headers)
        scheme = headers.get("x-forwarded-proto", self._scheme) if self.is_proxy(scope) else self._scheme
        return f"{'https' if scheme == 'https' else 'http'}://{headers.get('host', '')}"

    def of_machine(self, address: str) -> str:
        """As `base_url`, for who came otherwise than by http, to this address of the machine."""
        if self._public:
            return self._public
        return f"{self._scheme}://{f'[{address}]' if ':' in address else address}:{self._port}"

    def clone_by_ssh(self, base_url: str, path: str) -> str:
        """What git clones a repo by over SSH; empty where that is not offered."""
        if not self._ssh_port:
            return ""
        host = urlsplit(base_url).netloc.rpartition("@")[2]
        name, port = _host_and_port(self._ssh_address or _host_and_port(host)[0])
        port = port or self._ssh_port
        return f"git@{name}:{path}" if port == _SSH_PORT else f"ssh://git@{name}:{port}/{path}"

    def client(self, scope: Mapping[str, Any], headers: Mapping[str, str]) -> str:
        """The client's address: the last hop that a trusted proxy names, else the peer's."""
        if self.is_proxy(scope) and (forwarded := headers.get("x-forwarded-for")):
            return forwarded.rpartition(",")[2].strip()
        peer = scope.get("client")
        return str(peer[0]) if peer else ""

    def is_proxy(self, scope: Mapping[str, Any]) -> bool:
        """Whether the peer's word on where a request came from counts."""
        peer = scope.get("client")
        return peer is not None and peer[0] in self._proxies


def _host_name(host: str) -> str:
    """Empty for what is no `name:port`: a link made from `localhost:@elsewhere` would lead elsewhere."""
    found = _HOST.match(host)
    return (found[1] or found[2]).lower().rstrip(".") if found else ""


def _host_and_port(text: str) -> tuple[str, int]:
    """0: no port is named. Brackets stay."""
    name, _, port = text.rpartition(":")
    return (name, int(port)) if name and port.isdecimal() and not text.endswith("]") else (text, 0)


def _own_names(config: Config) -> frozenset[str]:
    names = {socket.gethostname().lower(), socket.getfqdn().lower(), config.host.lower()}
    with contextlib.suppress(OSError):  # a host name that nobody resolves adds nothing
        names.update(str(info[4][0]) for info in socket.getaddrinfo(socket.gethostname(), None))
    return frozenset(names - {"", "0.0.0.0", "::"})  # noqa: S104 - left out, not bound
