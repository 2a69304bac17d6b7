"""Whether somebody fulfils an organisation's demand to have signed in at its OpenID provider (U3; the public Hub's Basic SSO).

A session counts in such an organisation for some hours after its owner signed in there in that very session; a token of a
member, for some hours after they signed in there in any. Otherwise they are strangers in it: what is public they see. Service
accounts and this hub's administrators are not asked.
"""

import time
from collections.abc import Iterable
from typing import NamedTuple

from pioche.db.engine import Lookup, Row

ANY = """EXISTS (SELECT 1 FROM memberships k JOIN accounts d ON d.id = k.org_id WHERE k.user_id = a.id AND d.requires_sso)"""
"""In the text of a query that has `accounts a`: whether one of their organisations demands it. No time is looked at: rows are
remembered until something is committed."""

DEMANDS = Lookup("""
    SELECT o.id, o.name, p.hours, i.verified_at, s.at FROM memberships m
    JOIN accounts o ON o.id = m.org_id AND o.requires_sso
    LEFT JOIN org_providers p ON p.org_id = o.id
    LEFT JOIN org_identities i ON i.org_id = o.id AND i.user_id = m.user_id AND i.issuer = p.issuer
    LEFT JOIN org_sign_ins s ON s.org_id = o.id AND s.session_id = :session
    WHERE m.user_id = :user AND NOT EXISTS (SELECT 1 FROM service_accounts x WHERE x.user_id = m.user_id)
""")
"""`session` 0 for a token."""

_HOUR_MS = 3_600_000


class Standing(NamedTuple):
    """`unmet`: the organisations, (row, name), that are still to be satisfied. `until`: when another one will be, in Unix
    milliseconds; None for never."""

    unmet: tuple[tuple[int, str], ...]
    until: int | None


def standing(rows: Iterable[Row], *, of_session: bool) -> Standing:
    """From the rows of `DEMANDS`, as of now."""
    now = time.time() * 1000
    unmet, until = list[tuple[int, str]](), None
    for org_id, name, hours, verified_at, signed_in_at in rows:
        at = signed_in_at if of_session and verified_at is not None else None if of_session else verified_at
        ends = None if at is None or hours is None else at + hours * _HOUR_MS
        if ends is None or ends <= now:
            unmet.append((org_id, name))
        else:
            until = ends if until is None else min(until, ends)
    return Standing(tuple(unmet), until)
