"""Who asked to be told of a thread, or not to be."""

import sqlalchemy as sa

from pioche.community.standing import Standing
from pioche.db import schema
from pioche.db.dialect import upsert
from pioche.repos import threads
from pioche.repos.access import Repo

_watches = schema.thread_watches


def follow(standing: Standing, number: int, *, is_muted: bool | None) -> None:
    """None: as if they had never asked. Raises EntryNotFound, Forbidden when discussions are off."""
    here = {"user_id": standing.caller.user_id, "repo_id": standing.repo.id, "number": number}
    with standing.repo.database.write() as connection:
        threads.lock(connection, standing.repo.id, number)
        if is_muted is None:
            connection.execute(_watches.delete().where(*(_watches.c[name] == value for name, value in here.items())))
        else:
            row = upsert(connection, _watches, tuple(here), ("is_muted",))
            connection.execute(row.values(**here, is_muted=is_muted))


def is_muted(repo: Repo, user_id: int, number: int) -> bool | None:
    """What somebody asked for; None: nothing."""
    mine = (_watches.c.user_id == user_id) & (_watches.c.repo_id == repo.id) & (_watches.c.number == number)
    with repo.database.read() as connection:
        found: bool | None = connection.execute(sa.select(_watches.c.is_muted).where(mine)).scalar()
    return found
