"""How much is stored, and whose it is. In bytes."""

from dataclasses import dataclass

import sqlalchemy as sa

from pioche.db import schema
from pioche.db.engine import Database

_repos, _links, _contents = schema.repos, schema.repo_contents, schema.contents


@dataclass(frozen=True, slots=True)
class Usage:
    """`stored` by kind, as it lies in the store: each content once. `namespaces` what each one's repos are linked to:
    content that two repos hold counts in both, so their sum may be more than what is stored. `repos` the largest."""

    stored: dict[str, int]
    namespaces: dict[str, int]
    repos: dict[str, int]
    deleted_repos: int


def measure(database: Database, *, repos_max: int = 20) -> Usage:
    """From the rows alone: quick, also while the hub serves."""
    with database.read() as connection:
        return Usage(
            stored(connection), _by_namespace(connection), _by_repo(connection, repos_max), _deleted(connection)
        )


def stored(connection: sa.Connection) -> dict[str, int]:
    """What the store holds, by kind."""
    tables = {
        "blobs": sa.select(sa.func.sum(_contents.c.size)).where(_contents.c.kind == "blob"),
        "xorbs": sa.select(sa.func.sum(schema.xorbs.c.size)),
        "quarantine": sa.select(sa.func.sum(schema.quarantine.c.size)),
    }
    return {kind: int(connection.execute(query).scalar() or 0) for kind, query in tables.items()}


def _linked() -> sa.FromClause:
    return _repos.join(_links, _links.c.repo_id == _repos.c.id).join(_contents, _contents.c.sha256 == _links.c.sha256)


def _by_namespace(connection: sa.Connection) -> dict[str, int]:
    accounts, total = schema.accounts, sa.func.sum(_contents.c.size)
    query = sa.select(accounts.c.name, total).select_from(
        _linked().join(accounts, accounts.c.id == _repos.c.namespace_id)
    )
    alive = query.where(_repos.c.deleted_at.is_(None)).group_by(accounts.c.name)
    return {row[0]: int(row[1]) for row in connection.execute(alive.order_by(total.desc(), accounts.c.name))}


def _by_repo(connection: sa.Connection, most: int) -> dict[str, int]:
    total = sa.func.sum(_contents.c.size)
    query = sa.select(_repos.c.type, _repos.c.full_name, total).select_from(_linked())
    alive = query.where(_repos.c.deleted_at.is_(None)).group_by(_repos.c.type, _repos.c.full_name)
    largest = alive.order_by(total.desc(), _repos.c.full_name).limit(most)
    return {f"{row[0]}s/{row[1]}": int(row[2]) for row in connection.execute(largest)}


def _deleted(connection: sa.Connection) -> int:
    """Linked to deleted repos alone: free when their time to be restored is over."""
    holder = _repos.alias("holder")
    link = _links.alias("link")
    of_living = (
        sa.select(link.c.sha256)
        .join(holder, holder.c.id == link.c.repo_id)
        .where(link.c.sha256 == _contents.c.sha256, holder.c.deleted_at.is_(None))
    )
    linked = sa.select(_links.c.sha256).where(_links.c.sha256 == _contents.c.sha256)
    query = sa.select(sa.func.sum(_contents.c.size)).where(linked.exists(), ~of_living.exists())
    return int(connection.execute(query).scalar() or 0)
