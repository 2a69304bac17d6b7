"""What there is to tell about a bucket, and the buckets of an account."""

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from pioche.accounts.callers import Caller
from pioche.db import schema
from pioche.db.engine import Database
from pioche.errors import RepoNotFound
from pioche.names import RepoType
from pioche.repos.access import Repo
from pioche.repos.info import visible

_repos, _files = schema.repos, schema.bucket_files


@dataclass(frozen=True, slots=True)
class BucketInfo:
    """Times are Unix milliseconds; `size` is the sum of its files' bytes."""

    uid: str
    full_name: str
    private: bool
    created_at: int
    updated_at: int
    size: int
    file_count: int


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a listing, by name; `next_after` leads to the next."""

    buckets: list[BucketInfo]
    next_after: str | None


def get(bucket: Repo) -> BucketInfo:
    """Of an opened bucket. Raises RepoNotFound when it was deleted meanwhile."""
    with bucket.database.read() as connection:
        found = _infos(connection, [_repos.c.id == bucket.id, _repos.c.deleted_at.is_(None)], limit=1)
    if not found:
        raise RepoNotFound
    return found[0]


def list_buckets(
    database: Database, caller: Caller, namespace_id: int, *, search: str = "", after: str = "", limit: int = 1000
) -> Page:
    """Those of an account that the caller may read, whose name contains `search` in any case."""
    conditions = [_repos.c.type == RepoType.BUCKET.value, _repos.c.namespace_id == namespace_id, *visible(caller)]
    if search:
        conditions.append(sa.func.lower(_repos.c.name).contains(search.lower(), autoescape=True))
    if after:
        conditions.append(_repos.c.full_key > after)
    with database.read() as connection:
        found = _infos(connection, conditions, limit=limit + 1)
    page = found[:limit]
    return Page(page, page[-1].full_name.lower() if len(found) > limit else None)


def _infos(connection: sa.Connection, conditions: Sequence[sa.ColumnElement[bool]], *, limit: int) -> list[BucketInfo]:
    rows = connection.execute(sa.select(_repos).where(*conditions).order_by(_repos.c.full_key).limit(limit)).all()
    here = _files.c.repo_id.in_([row.id for row in rows])
    totals = sa.select(_files.c.repo_id, sa.func.sum(_files.c.size), sa.func.count()).where(here)
    held = {row[0]: row for row in connection.execute(totals.group_by(_files.c.repo_id))}
    found = list[BucketInfo]()
    for row in rows:
        _, size, count = held.get(row.id, (row.id, 0, 0))
        times = row.created_at, row.updated_at
        found.append(BucketInfo(row.uid, row.full_name, bool(row.private), *times, int(size), count))
    return found
