"""The port: taken by the supervisor, listened on by every web process with SO_REUSEPORT.

The kernel spreads connections over the sockets that listen. The supervisor's own does not: it only keeps the port, so
that `--port 0` means the same one to all children, and nobody else can have it while one of them restarts.
"""

import errno
import socket

from pioche.config import Config
from pioche.errors import ConfigError


def address_of(host: str) -> str:
    """The IP address to bind for a host name, IPv4 before IPv6. Raises ConfigError."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError):
        raise ConfigError("host", f"{host!r} is not an address of this machine") from None
    found.sort(key=lambda entry: entry[0] != socket.AF_INET)
    return str(found[0][4][0])


def reserve(config: Config, key: str = "port") -> socket.socket:
    """A bound socket; its `getsockname()[1]` is the port that the setting `key` names. Raises ConfigError when it cannot be
    had."""
    address, port = address_of(config.host), getattr(config, key)
    try:
        if port:
            # Without SO_REUSEPORT a port is refused on which anybody listens, other hubs among them.
            bound(address, port, shared=False).close()
        return bound(address, port, shared=True)
    except OSError as error:
        raise _refusal(config, key, error) from None


def bound(address: str, port: int, *, shared: bool) -> socket.socket:
    """A socket for a port; `shared` with the other processes of this hub. Raises OSError."""
    taken = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    try:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        taken.bind((address, port))
    except OSError:
        taken.close()
        raise
    return taken


def _refusal(config: Config, key: str, error: OSError) -> ConfigError:
    port = getattr(config, key)
    if error.errno == errno.EADDRINUSE:
        return ConfigError(key, f"{port} is in use by another program")
    if error.errno == errno.EADDRNOTAVAIL:
        return ConfigError("host", f"{config.host!r} is not an address of this machine")
    if error.errno == errno.EACCES:
        return ConfigError(key, f"{port} may not be used by this user: take one from 1024 on")
    return ConfigError(key, f"{port} cannot be listened on: {error.strerror}")
