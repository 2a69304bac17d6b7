"""Whether there is room for more under the limits of an owner and of a repo: asked in the transaction that adds it, under
the lock of the owner's row, and said in words where there is none. What is reserved counts; `quotas` reserves it.
"""

from collections.abc import Collection, Iterable
from typing import NamedTuple

import sqlalchemy as sa

from pioche.db import schema
from pioche.db.instance import now_ms
from pioche.errors import QuotaExceeded
from pioche.jobs import holders

_BATCH = 500
_UNITS = ("bytes", "kB", "MB", "GB", "TB", "PB")

_repos, _accounts, _reserved = schema.repos, schema.accounts, schema.storage_reservations


class Bounds(NamedTuple):
    """The limits that hold for a repo of the account `owner_id`, in bytes; 0 is none."""

    owner_id: int
    owner_max: int
    repo_max: int


class Use(NamedTuple):
    """In bytes, with what is reserved."""

    owner: int
    repo: int


def admit(
    connection: sa.Connection, bounds: Bounds, repo_id: int, user_id: int, added: int, keys: Iterable[str]
) -> None:
    """`added` bytes are about to count, those reserved under `keys` among them: these reservations end here. Until the
    transaction ends nobody else is admitted. Raises QuotaExceeded; not when nothing is added."""
    lock = sa.select(_accounts.c.id).where(_accounts.c.id == bounds.owner_id).with_for_update(key_share=True)
    connection.execute(lock)
    forget(connection, repo_id, keys)
    if added <= 0:
        return
    use = used(connection, bounds.owner_id, repo_id)
    if not _fits(bounds, use, added) and _forget_gone(connection, bounds.owner_id):
        use = used(connection, bounds.owner_id, repo_id)
    check(connection, bounds, repo_id, user_id, use, added)


def check(connection: sa.Connection, bounds: Bounds, repo_id: int, user_id: int, use: Use, added: int) -> None:
    if added > 0 and not _fits(bounds, use, added):
        of_repo = bool(bounds.repo_max) and use.repo + added > bounds.repo_max
        why = refusal(connection, bounds, repo_id, user_id, use, of_repo=of_repo)
        raise QuotaExceeded(f"{why} This needs {shown(added)}.")


def forget(connection: sa.Connection, repo_id: int, keys: Iterable[str]) -> None:
    """What is reserved under `keys` counts otherwise now, or is no more."""
    ordered = sorted(keys)
    for start in range(0, len(ordered), _BATCH):
        here = (_reserved.c.repo_id == repo_id) & _reserved.c.key.in_(ordered[start : start + _BATCH])
        connection.execute(_reserved.delete().where(here))


def linked(connection: sa.Connection, repo_id: int, keys: Iterable[str]) -> set[str]:
    """Files that the repo holds: they are counted, or reserved since they came."""
    links, ordered, found = schema.repo_contents, sorted(keys), set[str]()
    for start in range(0, len(ordered), _BATCH):
        here = (links.c.repo_id == repo_id) & links.c.sha256.in_(ordered[start : start + _BATCH])
        found.update(connection.execute(sa.select(links.c.sha256).where(here)).scalars())
    return found


def held_sizes(connection: sa.Connection, repo_id: int, sizes: Collection[int]) -> set[int]:
    links, contents, ordered, found = schema.repo_contents, schema.contents, sorted(set(sizes)), set[int]()
    held = sa.select(contents.c.size).join(links, links.c.sha256 == contents.c.sha256).where(links.c.repo_id == repo_id)
    for start in range(0, len(ordered), _BATCH):
        found.update(connection.execute(held.where(contents.c.size.in_(ordered[start : start + _BATCH]))).scalars())
    return found


def _fits(bounds: Bounds, use: Use, added: int) -> bool:
    of_owner = not bounds.owner_max or use.owner + added <= bounds.owner_max
    return of_owner and (not bounds.repo_max or use.repo + added <= bounds.repo_max)


# Made once: making a statement takes longer than running it.
_here = (_repos.c.namespace_id == sa.bindparam("owner")) & _repos.c.deleted_at.is_(None)
_live = _reserved.join(_repos, _repos.c.id == _reserved.c.repo_id)
_held_bytes = sa.func.coalesce(sa.func.sum(_repos.c.used_storage + _repos.c.git_storage), 0)
_reserved_bytes = sa.func.coalesce(sa.func.sum(_reserved.c.size), 0)
_in_time = _reserved.c.until >= sa.bindparam("now")
_of_repo = _reserved.c.repo_id == sa.bindparam("repo")
_USE = sa.select(
    sa.select(_held_bytes).where(_here).scalar_subquery()
    + sa.select(_reserved_bytes).select_from(_live).where(_here, _in_time).scalar_subquery(),
    sa.select(_held_bytes).where(_repos.c.id == sa.bindparam("repo")).scalar_subquery()
    + sa.select(_reserved_bytes).where(_of_repo, _in_time).scalar_subquery(),
)
_OWN = sa.select(_reserved_bytes).where(_of_repo, _in_time)
_HOLDERS = (
    sa.select(_reserved.c.holder).distinct().select_from(_live).where(_here, _reserved.c.holder.is_not(None), _in_time)
)


def used(connection: sa.Connection, owner_id: int, repo_id: int) -> Use:
    row = connection.execute(_USE, {"owner": owner_id, "repo": repo_id, "now": now_ms()}).one()
    return Use(int(row[0]), int(row[1]))


def reserved_for(connection: sa.Connection, repo_id: int) -> int:
    return int(connection.execute(_OWN, {"repo": repo_id, "now": now_ms()}).scalar_one())


def reserved_under(connection: sa.Connection, repo_id: int, keys: Iterable[str]) -> int:
    ordered, found = sorted(keys), 0
    for start in range(0, len(ordered), _BATCH):
        here = (_reserved.c.repo_id == repo_id) & _reserved.c.key.in_(ordered[start : start + _BATCH])
        found += int(
            connection.execute(sa.select(_reserved_bytes).where(here, _reserved.c.until >= now_ms())).scalar_one()
        )
    return found


def _forget_gone(connection: sa.Connection, owner_id: int) -> bool:
    """Ends the reservations of processes that died here. True when there were any."""
    found = connection.execute(_HOLDERS, {"owner": owner_id, "now": now_ms()}).scalars()
    gone = [holder for holder in found if holder is not None and holders.is_gone(holder)]
    if gone:
        connection.execute(_reserved.delete().where(_reserved.c.holder.in_(gone)))
    return bool(gone)


# --- words -----------------------------------------------------------------------------------------------------------


def refusal(connection: sa.Connection, bounds: Bounds, repo_id: int, user_id: int, use: Use, *, of_repo: bool) -> str:
    """How much a private repo holds is nobody's business: figures are for those who belong to the owner."""
    name = connection.execute(sa.select(_accounts.c.name).where(_accounts.c.id == bounds.owner_id)).scalar_one()
    if not _belongs(connection, bounds.owner_id, user_id):
        return f"The storage of {name} is full: ask them to free some."
    used, limit = (use.repo, bounds.repo_max) if of_repo else (use.owner, bounds.owner_max)
    if of_repo:
        name = connection.execute(sa.select(_repos.c.full_name).where(_repos.c.id == repo_id)).scalar_one()
    return (
        f"Storage limit reached: {name} uses {shown(used)} of {shown(limit)}. Delete files or repos that are not needed, or "
        "ask an administrator of this hub for more."
    )


def _belongs(connection: sa.Connection, owner_id: int, user_id: int) -> bool:
    if user_id in (owner_id, 0):  # 0: whoever runs commands on the machine
        return True
    members = schema.memberships
    role = sa.select(members.c.role).where(members.c.org_id == owner_id, members.c.user_id == user_id)
    if connection.execute(role).scalar() in ("read", "contributor", "write", "admin"):
        return True
    return bool(connection.execute(sa.select(_accounts.c.is_admin).where(_accounts.c.id == user_id)).scalar())


def shown(count: int) -> str:
    """`12.3 MB`, in decimal units as the pages show them."""
    value, unit = float(count), 0
    while value >= 999.5 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return f"{value:.1f} {_UNITS[unit]}" if unit and value < 100 else f"{value:.0f} {_UNITS[unit]}"
