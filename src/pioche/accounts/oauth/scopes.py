"""What applications ask for, in the public Hub's words, and the permissions of tokens that this is."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pioche.accounts.scopes import FineGrained, Grant, Kind, Permission
from pioche.errors import BadRequest

OPENID, PROFILE, EMAIL, OFFLINE = "openid", "profile", "email", "offline_access"


@dataclass(frozen=True, slots=True)
class _Meaning:
    """Permissions on the account of the user and on organisations that they chose; those that are given everywhere."""

    on_user: tuple[str, ...] = ()
    on_org: tuple[str, ...] = ()
    everywhere: tuple[str, ...] = ()
    reads_gated: bool = False


def _both(*permissions: str, org: tuple[str, ...] = (), everywhere: tuple[str, ...] = ()) -> _Meaning:
    return _Meaning(permissions, (*permissions, *org), everywhere)


_MEANINGS = {
    OPENID: _Meaning(),
    PROFILE: _Meaning(),
    EMAIL: _Meaning(),
    OFFLINE: _Meaning(),
    "read-repos": _both(Permission.READ, Permission.COLLECTIONS_READ),
    "gated-repos": _Meaning(reads_gated=True),
    "write-repos": _both(Permission.READ, Permission.WRITE),
    "manage-repos": _both(
        Permission.READ, Permission.WRITE, Permission.REVIEW, Permission.COLLECTIONS_READ, Permission.COLLECTIONS_WRITE,
        org=(Permission.ORG_READ, Permission.GROUPS_WRITE),
    ),
    "write-discussions": _both(Permission.DISCUSS, everywhere=(Permission.DISCUSS,)),
    "inference-api": _both("inference.serverless.write", everywhere=("inference.serverless.write",)),
    "jobs": _both("job.read", "job.write"),
    "webhooks": _Meaning((Permission.WEBHOOKS_READ, Permission.WEBHOOKS_WRITE)),
}  # fmt: skip
KNOWN = tuple(_MEANINGS)
"""In the order in which they are shown."""
REACHING_ORGS = frozenset(name for name, meaning in _MEANINGS.items() if meaning.on_org)
"""Those for which it matters which organisations somebody chooses."""


def split(text: str | None) -> tuple[str, ...]:
    """Those of a text that are known, each once: what this hub does not offer is not given, and that is said (RFC 6749
    section 3.3)."""
    asked = set((text or "").split())
    return tuple(name for name in KNOWN if name in asked)


def parse(names: Iterable[str]) -> tuple[str, ...]:
    """As `split`, of a list. Raises BadRequest for one that there is not."""
    asked = set(names)
    for name in sorted(asked):
        if name not in _MEANINGS:
            raise BadRequest(f"{name[:60]!r} is not a scope: use some of {', '.join(KNOWN)}")
    return tuple(name for name in KNOWN if name in asked)


def permissions(scopes: Sequence[str], user_id: int, orgs: Sequence[int]) -> FineGrained:
    """What a token is given for these, on the user's own account and on the organisations that they chose."""
    meanings = [_MEANINGS[name] for name in scopes]
    on_user = tuple(sorted({held for one in meanings for held in one.on_user}))
    on_org = tuple(sorted({held for one in meanings for held in one.on_org}))
    grants = [Grant(Kind.USER, user_id, on_user)] if on_user else []
    grants += [Grant(Kind.ORG, row, on_org) for row in orgs if on_org]
    everywhere = tuple(sorted({held for one in meanings for held in one.everywhere}))
    return FineGrained(everywhere, any(one.reads_gated for one in meanings), tuple(grants))
