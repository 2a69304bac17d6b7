"""The declared table of the matrix of rights (tests/meta/test_rights.py): who is what to which repo, and what follows.

`STANDINGS` says what each caller is to each target, `LEAST` what an action asks for, `expected` puts them together with what
the caller came with. An answer is `IN` (the handler runs) or a refusal: its status, and its code when there is one.
"""

from collections.abc import Mapping
from enum import IntEnum

IN, NOBODY, UNKNOWN_401, UNKNOWN_404, FORBIDDEN = "in", "401", "401 RepoNotFound", "404 RepoNotFound", "403"
GATED_401, GATED_403, MOVED = "401 GatedRepo", "403 GatedRepo", "307"


class Standing(IntEnum):
    """What somebody is to a repo."""

    UNSEEN = 0
    """It is not there for them."""
    SEES = 1
    """All but the files: it is gated."""
    READS = 2
    WRITES = 3
    """Content and settings."""
    RULES = 4
    """Administers the instance."""


# Of the organisation `lab`, to which all targets belong: somebody in each role; `creator` is a contributor who made all
# targets. Those of the group `red` (`in_...`) read in the organisation and have that role in the group. `grouped` is private
# and `shared` public, both in the group; the others are in none. `pending`, `accepted` and `rejected` are strangers who asked.
_TABLE = """
                    public  private  gated   grouped  shared
    anonymous       reads   unseen   sees    unseen   reads
    stranger        reads   unseen   sees    unseen   reads
    pending         reads   unseen   sees    unseen   reads
    rejected        reads   unseen   sees    unseen   reads
    accepted        reads   unseen   reads   unseen   reads
    no_access       reads   unseen   sees    unseen   reads
    read            reads   reads    reads   unseen   reads
    contributor     reads   reads    reads   unseen   reads
    creator         writes  writes   writes  unseen   reads
    write           writes  writes   writes  unseen   reads
    in_read         reads   reads    reads   reads    reads
    in_contributor  reads   reads    reads   reads    reads
    in_write        reads   reads    reads   writes   writes
    in_admin        reads   reads    reads   writes   writes
    owner           writes  writes   writes  writes   writes
    owner_read      writes  writes   writes  writes   writes
    owner_session   writes  writes   writes  writes   writes
    fine_write      writes  writes   writes  writes   writes
    fine_other      reads   unseen   sees    unseen   reads
    admin           rules   rules    rules   rules    rules
"""
BAD = ("invalid", "expired", "revoked", "suspended")
"""What they came with counts for nothing, whoever they are: refused everywhere, on public reads too."""
DERIVED = {"disabled": "public", "empty": "public", "moved": "public"}
"""Targets that are public ones but for one thing."""
ABSENT = ("deleted", "absent")
"""A deleted repo can be restored for a while (scenario J7), and is as if it never was."""


def _parsed(table: str) -> dict[str, dict[str, Standing]]:
    head, *rows = [line.split() for line in table.strip().splitlines()]
    return {name: dict(zip(head, [Standing[one.upper()] for one in cells], strict=True)) for name, *cells in rows}


STANDINGS: Mapping[str, Mapping[str, Standing]] = _parsed(_TABLE)
PRINCIPALS = (*STANDINGS, *BAD)
TARGETS = ("public", "private", "gated", "grouped", "shared", *DERIVED, *ABSENT)

LEAST: Mapping[str, Standing] = {
    "read": Standing.SEES,
    "content": Standing.READS,
    "participate": Standing.SEES,
    "propose": Standing.READS,
    "review": Standing.WRITES,
    "write": Standing.WRITES,
    "manage": Standing.WRITES,
    "appeal": Standing.WRITES,
    "administer": Standing.RULES,
}
_LOOKING = ("read", "content")
"""What a token of any kind allows, and nobody at all."""
_TAKES_PART = {"fine_other": (), "fine_write": ("propose", "review", "write", "appeal", "manage")}
"""What else fine-grained tokens allow here: one to read another repo, and one to write to all of the organisation's."""


def expected(action: str, principal: str, target: str) -> str:
    """What the answer to `action` must be."""
    if principal in BAD:
        return NOBODY
    is_anonymous = principal == "anonymous"
    standing = Standing.UNSEEN if target in ABSENT else STANDINGS[principal][DERIVED.get(target, target)]
    if standing is Standing.UNSEEN:
        return UNKNOWN_401 if is_anonymous else UNKNOWN_404
    if target == "moved":
        return MOVED
    if target == "disabled" and standing is not Standing.RULES and action != "appeal":
        return FORBIDDEN
    if action not in _LOOKING and is_anonymous:
        return NOBODY
    if standing < LEAST[action]:
        gated = GATED_401 if is_anonymous else GATED_403
        return gated if action == "content" else FORBIDDEN
    allows_less = principal == "owner_read" or action not in _TAKES_PART.get(principal, (action,))
    return FORBIDDEN if action not in _LOOKING and allows_less else IN
