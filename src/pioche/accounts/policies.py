"""What an organisation asks of its members before it shows them anything private: a second factor, and a place to come from.

Who does not meet it is a stranger there, by every door: `accounts.callers` looks up what a caller's organisations ask for, and
hands down a caller that is barred from these (`Caller.barred`), which `repos.access` and every list go by. Organisations that
ask for nothing cost nothing. What a caller's own networks are is told by the kernel (`Caller.seen_from`): a caller of whom that
is not known, as who watches by webhook, comes from nowhere.

Service accounts have no password, and need no second factor. Administrators of the hub are let in, as everywhere.
"""

from functools import lru_cache
from ipaddress import IPv6Address, ip_network

from pioche.db.engine import Lookup
from pioche.errors import BadRequest
from pioche.networks import Network, parse_address

RANGES_MAX = 100

# In the text of a query that has the user's row as `a`: whether one of their organisations asks for something.
IS_POLICED = """EXISTS (SELECT 1 FROM memberships m JOIN accounts o ON o.id = m.org_id
    WHERE m.user_id = a.id AND (o.needs_second_factor OR o.address_ranges IS NOT NULL))"""

POLICED = Lookup("""
    SELECT o.id, o.name, o.address_ranges,
        o.needs_second_factor AND NOT EXISTS (SELECT 1 FROM second_factors f WHERE f.user_id = m.user_id)
        AND NOT EXISTS (SELECT 1 FROM service_accounts s WHERE s.user_id = m.user_id)
    FROM memberships m JOIN accounts o ON o.id = m.org_id
    WHERE m.user_id = :user AND (o.needs_second_factor OR o.address_ranges IS NOT NULL)
""")
"""Of a user: each organisation that asks for something, its networks, and whether a second factor is missing."""


def parse_ranges(text: str) -> str | None:
    """Networks with blanks, commas or lines between them, as they are stored; None for none. Raises BadRequest."""
    found = dict.fromkeys(str(_range(part)) for part in text.replace(",", " ").split())
    if len(found) > RANGES_MAX:
        raise BadRequest(f"At most {RANGES_MAX} networks")
    return " ".join(found) or None


def admits(ranges: str, address: str) -> bool:
    """Whether an address is in one of these networks. What is no address is in none."""
    found = parse_address(address)
    if found is None:
        return False
    plain = (found.ipv4_mapped or found) if isinstance(found, IPv6Address) else found
    return any(plain in network for network in _networks(ranges))


@lru_cache(maxsize=1024)
def _networks(ranges: str) -> tuple[Network, ...]:
    return tuple(ip_network(part) for part in ranges.split())


def _range(text: str) -> Network:
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        raise BadRequest(f"{text[:60]!r} is no network: write 192.0.2.0/24, 2001:db8::/32, or an address") from None
    try:
        return ip_network(text)
    except ValueError:  # bits of a host are set: more was let in than one address
        raise BadRequest(f"{text[:60]!r} is an address in a network: did you mean {network}?") from None
