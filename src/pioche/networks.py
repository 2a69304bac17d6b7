"""Which addresses belong to everybody's internet, and which lie inside somebody's network.

`is_public` is the rule; `Allowed` is an administrator's exception to it, one entry of the setting `outbound_allowed`.
"""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Self

OF_SANDBOXES = "127.83.66.1"
"""Where processes in sandboxes come from when they call what listens on this machine's loopback: they are not this machine, nor a
proxy that stands on it, and who trusts those tells them apart by it."""

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# What no packet on the public internet is for (IANA special-purpose registries, RFC 6890): this network, private,
# carrier-grade NAT, loopback, link-local (the clouds' metadata), protocol assignments, documentation, 6to4 relays,
# benchmarks, multicast, reserved and broadcast.
_INSIDE_4 = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
        "224.0.0.0/4", "240.0.0.0/4",
    )
)  # fmt: skip
_GLOBAL_6 = IPv6Network("2000::/3")
"""The only part of IPv6 that is handed out; ULA, link-local, site-local, loopback and multicast lie outside of it."""
_INSIDE_6 = tuple(
    IPv6Network(text)
    for text in (
        "2001::/23",  # protocol assignments; Teredo, which hides an IPv4 address
        "2001:db8::/32", "3fff::/20",  # documentation
        "2002::/16",  # 6to4, which hides an IPv4 address
    )
)  # fmt: skip
_NAT64 = IPv6Network("64:ff9b::/96")
_ENTRY = re.compile(r"(?:\[(?P<v6>[^\[\]]+)\]|(?P<plain>[^:\[\]]+))(?::(?P<port>[0-9]{1,5}))?\Z")
_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,252})\Z")


def is_public(address: Address) -> bool:
    """False for every address by which something inside could be reached, in whatever form it is hidden."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _INSIDE_4)
    inner = address.ipv4_mapped or (_last_32_bits(address) if address in _NAT64 else None)
    if inner is not None:
        return is_public(inner)
    return address in _GLOBAL_6 and not any(address in network for network in _INSIDE_6)


@dataclass(frozen=True, slots=True)
class Allowed:
    """Where the hub may call although it is not public: a network, or a host by its name; `port` None is any."""

    host: str
    network: Network | None
    port: int | None

    @classmethod
    def parse(cls, text: str) -> Self:
        """From `192.168.0.0/16`, `10.1.2.3:8080`, `[fd00::/8]:443`, `ci.lan`. Raises ValueError."""
        try:
            return cls("", ip_network(text), None)  # an IPv6 network without brackets
        except ValueError:
            found = _ENTRY.match(text)
        if found is None or int(found["port"] or 0) > 65535:
            raise ValueError(f"{text!r} is not a network, an address or a host name, with a port or without")
        host, port = found["v6"] or found["plain"], int(found["port"]) if found["port"] else None
        if found["v6"] or "/" in host or host.replace(".", "").isdigit():
            return cls("", ip_network(host), port)
        if not _NAME.match(host):
            raise ValueError(f"{host!r} is not a host name")
        return cls(host.lower().rstrip("."), None, port)

    def covers(self, host: str, address: Address, port: int) -> bool:
        """Whether `host` (lower case, no dot at its end), which was found at `address`, is meant."""
        if self.port not in (None, port):
            return False
        if self.network is None:
            return host == self.host
        plain = (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address
        return plain in self.network


def customer(address: str) -> str:
    """Who is behind an address, as far as it tells: a customer of IPv6 has a whole /64. What is no address stays as it is."""
    found = parse_address(address)
    return str(ip_network((found, 64), strict=False)) if isinstance(found, IPv6Address) else str(found or address)


def parse_address(text: str) -> Address | None:
    """An address as a resolver writes it, an IPv6 zone (`%eth0`) included; None for anything else."""
    try:
        return ip_address(text)
    except ValueError:
        return None


def _last_32_bits(address: IPv6Address) -> IPv4Address:
    return IPv4Address(int(address) & 0xFFFFFFFF)
