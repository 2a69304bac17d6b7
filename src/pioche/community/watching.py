"""Which repos somebody asked to be told of, or not to be: what is watched is in their feed, what is muted is not."""

from collections.abc import Sequence
from enum import StrEnum

import sqlalchemy as sa

from pioche.accounts.callers import Caller
from pioche.db import schema
from pioche.db.dialect import upsert
from pioche.db.engine import Database
from pioche.db.instance import now_ms
from pioche.errors import BadRequest, RepoNotFound
from pioche.repos.access import Repo

_watches = schema.watches


class Watch(StrEnum):
    """What somebody wants to hear of a repo."""

    NONE = "none"
    """Neither asked for nor refused: what happens in one's own repos is told, of others it is not."""
    WATCHED = "watched"
    MUTED = "muted"

    @classmethod
    def parse(cls, text: str) -> "Watch":
        """Raises BadRequest."""
        try:
            return cls(text)
        except ValueError:
            raise BadRequest(f"{text[:40]!r} is no way to watch a repo: use {', '.join(cls)}") from None


def put(database: Database, caller: Caller, repos: Sequence[Repo], watch: Watch) -> None:
    """Of repos opened for `Action.PARTICIPATE`: all or none. Raises RepoNotFound for one that was collected since."""
    at = now_ms()
    rows = [
        {"user_id": caller.user_id, "repo_id": repo.id, "is_muted": watch is Watch.MUTED, "at": at}
        for repo in sorted(repos, key=lambda repo: repo.id)
    ]
    if not rows:
        return
    try:
        with database.write() as connection:
            if watch is Watch.NONE:
                ids = [row["repo_id"] for row in rows]
                mine = (_watches.c.user_id == caller.user_id) & _watches.c.repo_id.in_(ids)
                connection.execute(_watches.delete().where(mine))
            else:
                connection.execute(upsert(connection, _watches, ("user_id", "repo_id"), ("is_muted", "at")), rows)
    except sa.exc.IntegrityError:
        raise RepoNotFound from None


def of(database: Database, caller: Caller, repo: Repo) -> Watch:
    """What the caller said of a repo."""
    if caller.is_anonymous:
        return Watch.NONE
    mine = sa.select(_watches.c.is_muted).where(_watches.c.user_id == caller.user_id, _watches.c.repo_id == repo.id)
    with database.read() as connection:
        is_muted = connection.execute(mine).scalar()
    if is_muted is None:
        return Watch.NONE
    return Watch.MUTED if is_muted else Watch.WATCHED
