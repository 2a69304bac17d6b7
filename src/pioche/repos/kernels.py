"""Lists of kernels: repos of compiled code that libraries fetch by name. They are few, and the database answers."""

import sqlalchemy as sa

from pioche.accounts.callers import Caller
from pioche.db import schema
from pioche.db.engine import Database
from pioche.names import RepoType
from pioche.repos import info
from pioche.repos.info import RepoInfo

_repos = schema.repos


def newest(
    database: Database, caller: Caller, *, author: str = "", search: str = "", before: int | None = None, limit: int
) -> list[RepoInfo]:
    """Those that the caller may see, the newest first. `author` is a namespace, `search` a part of the name; `before` is
    the row id at which the page before ended."""
    wanted = [_repos.c.type == RepoType.KERNEL.value, *info.visible(caller)]
    if author:
        wanted.append(_repos.c.full_key.startswith(f"{author.lower()}/", autoescape=True))
    if search:
        wanted.append(_repos.c.full_key.contains(search.lower(), autoescape=True))
    if before is not None:
        wanted.append(_repos.c.id < before)
    with database.read() as connection:
        query = sa.select(_repos.c.id).where(*wanted).order_by(_repos.c.id.desc()).limit(limit)
        ids = list(connection.execute(query).scalars())
    return info.of_ids(database, caller, ids)
